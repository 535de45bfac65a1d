import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

interface IssuedToken {
  readonly agreementId: string;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  spent: boolean;
}

export type TokenSnapshot = Readonly<Record<string, Readonly<IssuedToken>>>;

/** The tokens that buyers carry to the registration page, and what ResolveCustomer makes of them. */
export class RegistrationTokens {
  readonly #tokens = new Map<string, IssuedToken>();

  constructor(
    private readonly random: SeededRandom,
    private readonly switches: Readonly<Switches>,
  ) {}

  snapshot(): TokenSnapshot {
    return Object.fromEntries([...this.#tokens].map(([token, issued]) => [token, { ...issued }]));
  }

  restore(snapshot: TokenSnapshot): void {
    this.#tokens.clear();
    for (const [token, issued] of Object.entries(snapshot)) this.#tokens.set(token, { ...issued });
  }

  /** Every call issues another token, as each press of "Set up your account" does. */
  issue(agreementId: string, now: Date): string {
    // Always with + / and =: a form handler that decodes twice, or not at all, must fail against the simulator as it
    // would against AWS.
    const token = `${this.random.text(60, base64)}+/${this.random.text(108, base64)}==`;
    this.#tokens.set(token, { agreementId, issuedAt: now.getTime(), spent: false });
    return token;
  }

  /** The agreement behind a token; spends the token where it can be used once only. */
  resolve(token: string, now: Date): string {
    const known = this.#tokens.get(token);
    if (!known) throw new ServiceError('InvalidTokenException', 'Registration token is invalid.');
    const age = now.getTime() - known.issuedAt;
    const spent = known.spent && this.switches.registrationTokenReuse === 'once';
    if (spent || age >= this.switches.registrationTokenLifetimeMs) {
      throw new ServiceError('ExpiredTokenException', 'The submitted registration token has expired.');
    }
    known.spent = true;
    return known.agreementId;
  }
}
