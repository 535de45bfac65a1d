import { ServiceError } from '../wire/service-error.js';

export interface ClientTokensSnapshot {
  readonly used: readonly (readonly [token: string, use: Use])[];
}

interface Use {
  readonly parameters: string;
  readonly meteringRecordId: string;
}

/**
 * The idempotency tokens of MeterUsage, per account and region. AWS does not say how long it remembers one; here: for
 * ever.
 */
export class ClientTokens {
  readonly #used = new Map<string, Use>();

  /**
   * The record that this token made, or undefined; throws IdempotencyConflictException (HTTP 409 [SDK-M]) for other
   * parameters.
   */
  recordOf(caller: string, token: string, parameters: string): string | undefined {
    const use = this.#used.get(keyOf(caller, token));
    if (use && use.parameters !== parameters) {
      throw new ServiceError(
        'IdempotencyConflictException',
        'The ClientToken is being used for multiple requests.',
        409,
      );
    }
    return use?.meteringRecordId;
  }

  use(caller: string, token: string, use: Use): void {
    this.#used.set(keyOf(caller, token), use);
  }

  snapshot(): ClientTokensSnapshot {
    return { used: [...this.#used] };
  }

  restore({ used }: ClientTokensSnapshot): void {
    this.#used.clear();
    for (const [token, use] of used) this.#used.set(token, use);
  }
}

function keyOf(caller: string, token: string): string {
  return `${caller} ${token}`;
}
