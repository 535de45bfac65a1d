/**
 * Who hears messages late, by a clock that is ahead or behind, and asks AWS, whose answers are as of some minutes before:
 * when the rules want it to, and when it happens to. What really happened, its heirs know: told-late.ts of one agreement,
 * told-relation.ts of several.
 */
import {
  type AgreementFact,
  type AgreementTerms,
  factIdOf,
} from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { stateOf } from '../../../src/subscription/agreements/subscription-state.js';
import { agreementKeyOf, digestOf } from '../../../src/subscription/chain/aws-names.js';
import { type AskedBuyer, type KnownAgreement } from '../../../src/subscription/reconciliation/asked-buyer.js';
import {
  type BuyerAnswer,
  type Finding,
  findingsOf,
  wantsTerms,
} from '../../../src/subscription/reconciliation/buyer-answer.js';
import { announcedEndsOf } from './facts.js';
import { type KnownAgreement as KnownRow, type Relation, relationOf } from './relation.js';

const HOUR_MS = 3_600_000;
/** How often the listener looks whether there is something to ask. */
export const TICK_MS = 10_000;
/** An hour is sealed so long after it has begun. */
const SEALED_AFTER_MS = 70 * 60_000;
export const ACCOUNT = '111122223333';

export interface Pace {
  /** Our clock less AWS's. */
  skewMs: number;
  isLegacy: boolean;
  /** Of each message by its turn; the first ones again where there are more. */
  delays: readonly number[];
  /** Of each answer by its turn, how old it is. */
  lags: readonly number[];
}

export interface Turn {
  at: number;
  run: () => void;
}

export abstract class AskingListener {
  readonly facts: AgreementFact[] = [];
  asking: Asking = { askedAt: null, mayNotAsk: false };
  questions = 0;
  private nextAskAt: number | null = null;
  private read: { facts: number; asking: Asking; relation: Relation } | null = null;
  private answers = 0;

  /** @param questionsMax more than anything could be worth asking: the rules ask in a circle */
  constructor(
    private readonly pace: Pace,
    private readonly questionsMax: number,
    private readonly mayNotAsk = false,
  ) {}

  /** Our clock. */
  ours(at: number): Date {
    return new Date(at + this.pace.skewMs);
  }

  protected abstract rows(): Readonly<Record<string, KnownRow>>;
  protected abstract known(): readonly KnownAgreement[];
  /** What AWS would answer if its lists were those of an instant. */
  protected abstract listedAsOf(at: number): Pick<BuyerAnswer, 'agreements' | 'entitlements'>;
  protected abstract trialAsOf(agreementId: string, at: number): AgreementTerms['trial'];
  /** The row that a finding is of. */
  protected abstract placeOf(finding: Finding): string;

  protected get identity(): 'legacy' | 'license' {
    return this.pace.isLegacy ? 'legacy' : 'license';
  }

  /** All turns in order, and between them what the rules want to be asked. */
  protected take(turns: readonly Turn[], until: number): void {
    for (const { at, run } of [...turns].sort((a, b) => a.at - b.at)) {
      this.askUpTo(at);
      run();
    }
    this.askUpTo(until);
  }

  protected asksAt(instants: readonly number[]): Turn[] {
    return instants.map((at) => ({
      at,
      run: () => {
        this.ask(at);
      },
    }));
  }

  /** When each hour would be sealed. */
  protected hours(from: number, until: number, look: (hour: number, at: number) => void): Turn[] {
    const turns: Turn[] = [];
    for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < until; hour += HOUR_MS) {
      const [own, at] = [hour, hour + SEALED_AFTER_MS - this.pace.skewMs];
      turns.push({
        at,
        run: () => {
          look(own, at);
        },
      });
    }
    return turns;
  }

  /** The same until something is heard or asked. */
  protected relation(): Relation {
    const { facts, asking } = this;
    if (this.read?.asking === asking && this.read.facts === facts.length) return this.read.relation;
    const relation = relationOf(this.rows(), facts, asking, this.pace.isLegacy);
    this.read = { facts: facts.length, asking, relation };
    return relation;
  }

  protected project(at: number): void {
    const { assignment, chains } = this.relation();
    const instants = [
      ...[...chains.values()].map((chain) => stateOf(chain, this.asking, this.ours(at)).askAt),
      ...assignment.doubts.map(({ askFrom }) => askFrom),
    ];
    for (const instant of instants.filter((one) => one !== null)) {
      const earliest = Math.max(instant.getTime(), this.ours(at).getTime() + 1);
      this.nextAskAt = this.nextAskAt === null ? earliest : Math.min(this.nextAskAt, earliest);
    }
  }

  protected ask(at: number): void {
    this.questions += 1;
    if (this.questions > this.questionsMax) throw new Error('the rules ask in a circle');
    const askedAt = this.ours(at);
    const buyer: AskedBuyer = {
      ...{ productCode: 'p', customerAwsAccountId: ACCOUNT, customerIdentifier: null, productId: null },
      ...{ subscriptions: [], awaited: [], agreements: this.known() },
    };
    const listed = this.listedAsOf(at - this.lag());
    const terms = new Map(
      listed.agreements
        .filter((one) => wantsTerms(buyer, one, askedAt))
        .map(({ agreementId }) => [agreementId, { trial: this.trialAsOf(agreementId, at - this.lag()) }]),
    );
    const answer = { askedAt, ...listed, terms, mayNotAsk: false };
    for (const finding of findingsOf(buyer, answer, this.identity)) {
      const { previousAgreementId, initialAgreementId, ...rest } = finding.details;
      const details = {
        ...{ ...rest, previousDigest: digestOfAgreement(previousAgreementId) },
        initialDigest: digestOfAgreement(initialAgreementId),
      };
      const id = factIdOf('answer', `${this.facts.length}`, 'agreement.found');
      const of = { id, agreementId: this.placeOf(finding), among: null, at: askedAt, heardAt: askedAt };
      this.facts.push({ ...of, type: 'agreement.found', details });
    }
    this.asking = { askedAt, mayNotAsk: this.mayNotAsk };
    this.project(at);
  }

  /** What the ledger knows of an agreement by facts of it and of its buyer. */
  protected knownBy(facts: readonly AgreementFact[]) {
    const answers = facts.filter((fact) => fact.type === 'agreement.found');
    const others = facts.filter(({ type }) => type !== 'agreement.found');
    const last = answers.at(-1);
    const latestOf = (of: 'at' | 'heardAt'): Date | null =>
      others.length === 0 ? null : new Date(Math.max(...others.map((fact) => Number(fact[of]))));
    return {
      ...{ subscriptionId: 'S', erasedLicenses: [], announcedEnds: announcedEndsOf(facts) },
      found: last ? { at: last.at, details: last.details } : null,
      terms: answers.findLast(({ details }) => details.terms !== null)?.details.terms ?? null,
      ...{ lastFactAt: latestOf('at'), lastHeardAt: latestOf('heardAt') },
    };
  }

  protected delayOf(index: number): number {
    const { delays } = this.pace;
    return delays[index % delays.length] ?? 0;
  }

  private lag(): number {
    const { lags } = this.pace;
    const lag = lags[this.answers % lags.length] ?? 0;
    this.answers += 1;
    return lag;
  }

  /** Looks from time to time whether something is to be asked, as the job does. */
  private askUpTo(until: number): void {
    while (this.nextAskAt !== null) {
      const at = Math.ceil((this.nextAskAt - this.pace.skewMs) / TICK_MS) * TICK_MS;
      if (at >= until) return;
      this.nextAskAt = null;
      this.ask(at);
    }
  }
}

function digestOfAgreement(agreementId: string | null): string | null {
  return agreementId === null ? null : digestOf(agreementKeyOf(agreementId));
}
