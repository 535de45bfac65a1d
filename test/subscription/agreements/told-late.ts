/**
 * One agreement as it really runs, and what a listener hears of it: AWS stamps its messages with whole seconds of its
 * own clock, cut off, and they come late; the listener's clock is ahead or behind; what AWS answers is as of some
 * minutes before it was asked. Asks when the rules want it to, and besides when it happens to, also in the very second
 * of an event. What really happened is known here alone; the rules see messages and answers.
 */
import { type AgreementFact, factIdOf, type FactDetails } from '../../../src/subscription/agreements/agreement-fact.js';
import { type SubscriptionTimeline } from '../../../src/subscription/agreements/timeline.js';
import { agreementKeyOf, digestOf } from '../../../src/subscription/chain/aws-names.js';
import { type KnownAgreement } from '../../../src/subscription/reconciliation/asked-buyer.js';
import { type Finding } from '../../../src/subscription/reconciliation/buyer-answer.js';
import { type FoundAgreement } from '../../../src/aws/found-agreement.js';
import { ACCOUNT, AskingListener, type Pace, TICK_MS } from './asking-listener.js';
import { type KnownAgreement as KnownRow, timelineFor } from './relation.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
/** More than anything could be worth asking: the rules ask in a circle. */
const QUESTIONS_MAX = 60;
/** From one question that nothing asks for to the next, where a conversion is told by answers alone. */
const REGULARLY_MS = 40 * MINUTE_MS;
export const BEGIN = Date.UTC(2026, 10, 18);

/** Milliseconds from one thing to the next, all on AWS's side. */
export interface TrueAgreement {
  startsAt: number;
  /** Null: paid from its start. */
  trialMs: number | null;
  /** Into the trial; null: it lasts as long as was signed. */
  convertedAfter: number | null;
  endsAfter: number | null;
  /** The end that was signed, which lies after the real one; null: none was. */
  plannedAfter: number | null;
  /** Instants after the start at which something else is amended. */
  amendedAfter: readonly number[];
}

export interface Telling extends Pace {
  conversionBy: 'agreement.amended' | 'license.updated' | 'legacy.subscribeSucceeded';
  /** What a legacy start says of a trial, and the message of a conversion. */
  isFlagged: boolean;
  /** License Updated beside Created; AWS may leave Created out. */
  startBy: 'created' | 'license' | 'both';
  /** `untimed`: the message of the end tells no time (raw delivery). */
  endBy: 'ended' | 'deprovisioned' | 'untimed';
  /** Terms of a trial that is over: none, or when it was over. */
  isKept: boolean;
  /** What AWS, asked, tells of a cancelled agreement's end: when it was, nothing, or the end that was signed. */
  cancelledEnd: 'told' | 'none' | 'signed';
  /** AWS, asked, tells when the agreement changed last: by its end, too, or only while it ran. */
  changeTold: 'all' | 'allButEnd' | 'none';
  /** No message of the conversion comes: AWS is asked when it would have come, and once more as it is from time to time. */
  isConversionLost: boolean;
  /** Questions that nothing asks for: so long after each of these events, or at any time. */
  questions: readonly { event: number; offset: number }[];
}

interface Happening {
  at: number;
  type: AgreementFact['type'];
  details: object;
  /** Names no agreement. */
  isNameless: boolean;
}

export class Listener extends AskingListener {
  /** AWS has told of the trial while it was one. */
  isTrialTold = false;

  constructor(
    private readonly truth: TrueAgreement,
    private readonly telling: Telling,
  ) {
    super(telling, QUESTIONS_MAX);
  }

  /** When the trial really was over; null where there was none. */
  get trialUntil(): number | null {
    const { startsAt, trialMs, convertedAfter } = this.truth;
    return trialMs === null ? null : startsAt + Math.min(trialMs, convertedAfter ?? trialMs);
  }

  get endsAt(): number {
    const { startsAt, endsAfter } = this.truth;
    return endsAfter === null ? Infinity : startsAt + endsAfter;
  }

  private get plannedAt(): number | null {
    const { startsAt, plannedAfter } = this.truth;
    return plannedAfter === null ? null : startsAt + plannedAfter;
  }

  /** Changes of the agreement, the first of which is its start; that a trial comes to its end is none. */
  private get changes(): number[] {
    const { startsAt, convertedAfter, amendedAfter, endsAfter } = this.truth;
    const after = [0, ...amendedAfter, ...(convertedAfter === null ? [] : [convertedAfter])];
    return [...after.filter((one) => one < (endsAfter ?? Infinity)), ...(endsAfter === null ? [] : [endsAfter])].map(
      (one) => startsAt + one,
    );
  }

  payerAt(at: number): string {
    if (at < this.truth.startsAt || at >= this.endsAt) return 'none';
    const until = this.trialUntil;
    return until !== null && at < until ? 'a trial' : 'a paid';
  }

  get boundaries(): number[] {
    return [this.truth.startsAt, this.trialUntil ?? this.truth.startsAt, this.endsAt].filter(Number.isFinite);
  }

  /** Plays all of it, to the last message and the last question. `look` is told each hour when it would be sealed. */
  play(look: (hour: number, now: number, read: () => SubscriptionTimeline) => void): void {
    const events = this.happenings();
    const heard = events.map((event, index) => ({ event, at: event.at + this.delayOf(index) }));
    const last = Math.max(...heard.map(({ at }) => at), ...this.boundaries);
    const until = last + 4 * 60 * MINUTE_MS;
    const asked = this.telling.questions.map(({ event, offset }) => (events[event % events.length]?.at ?? 0) + offset);
    // A legacy start that says trial does not say how long: the regular question does.
    if (this.telling.isLegacy && this.telling.isFlagged) asked.push(this.truth.startsAt + 20 * MINUTE_MS);
    const lost = heard.filter(({ event }) => this.isLost(event));
    asked.push(...lost.flatMap(({ at }) => [at, at + REGULARLY_MS]));
    const heardThen = heard
      .filter((one) => !lost.includes(one))
      .map(({ event, at }) => ({
        at,
        run: () => {
          this.hear(event, at);
        },
      }));
    const hours = this.hours(BEGIN, until, (hour, at) => {
      look(hour, at, () => this.timeline(at));
    });
    this.take([...heardThen, ...this.asksAt(asked), ...hours], until);
  }

  /**
   * Whether every message of something that happened by `at` was heard by `now`; one without a time tells nothing by
   * itself, but that AWS is to be asked, and once more; so does one that is lost, of which AWS is asked by chance.
   */
  hasHeardAllOf(at: number, now: number): boolean {
    return this.happenings().every((event, index) => {
      const isTold = event.type !== 'message.untimed' && !this.isLost(event);
      const answeredAfter = (isTold ? 0 : 10 * MINUTE_MS + 2 * TICK_MS) + (this.isLost(event) ? REGULARLY_MS : 0);
      return event.at >= at || event.at + this.delayOf(index) + answeredAfter <= now;
    });
  }

  timeline(at: number): SubscriptionTimeline {
    const chain = [...this.relation().chains.values()].flat();
    return timelineFor(chain, this.asking, this.ours(at), { identity: this.identity });
  }

  protected override rows(): Record<string, KnownRow> {
    return this.facts.some(({ agreementId }) => agreementId === 'a') ? { a: {} } : {};
  }

  private hear({ at, type, details, isNameless }: Happening, heardAt: number): void {
    const said = new Date(Math.floor(at / SECOND_MS) * SECOND_MS);
    const id = factIdOf('told', `${this.facts.length}`, type);
    const about = { id, type, agreementId: isNameless ? null : 'a', among: null };
    this.facts.push({ ...about, at: said, heardAt: this.ours(heardAt), details } as AgreementFact);
    this.isTrialTold ||= (details as { isFreeTrial?: boolean | null }).isFreeTrial === true;
    this.project(heardAt);
  }

  protected override placeOf({ details: { terms } }: Finding): string {
    // What nobody can place tells nothing.
    this.isTrialTold ||= (terms?.trial ?? null) !== null;
    return 'a';
  }

  protected override known(): KnownAgreement[] {
    if (!('a' in this.rows())) return [];
    return [
      {
        ...this.knownBy(this.facts),
        ...{ id: 'a', agreementId: 'a', agreementDigests: [digestOf(agreementKeyOf('a'))] },
        ...{ licenseArns: [], licenseDigests: [] },
      },
    ];
  }

  protected override listedAsOf(at: number) {
    const found = this.foundAsOf(at);
    return { agreements: found ? [found] : [], entitlements: [] };
  }

  private foundAsOf(at: number): FoundAgreement | null {
    const { startsAt } = this.truth;
    const { cancelledEnd, changeTold } = this.telling;
    if (at < startsAt) return null;
    const hasEnded = at >= this.endsAt;
    const told = hasEnded ? { told: this.endsAt, none: null, signed: this.plannedAt }[cancelledEnd] : this.plannedAt;
    const changes = this.changes.filter((one) => one <= at && (changeTold === 'all' || one !== this.endsAt));
    return {
      ...{ agreementId: 'a', status: hasEnded ? 'CANCELLED' : 'ACTIVE', startTime: new Date(startsAt) },
      ...{ endTime: told === null ? null : new Date(told), initialAgreementId: 'a' },
      lastUpdateTime: changeTold === 'none' ? null : new Date(Math.max(...changes)),
      ...{ customerAwsAccountId: ACCOUNT, offerId: null, productIds: [], licenseArns: [] },
    };
  }

  protected override trialAsOf(_: string, at: number): { until: string } | null {
    const { startsAt, trialMs } = this.truth;
    const until = this.trialUntil;
    if (trialMs === null || until === null) return null;
    const overAt = Math.min(until, this.endsAt);
    if (at < overAt || overAt < until) return { until: new Date(startsAt + trialMs).toISOString() };
    return this.telling.isKept ? { until: new Date(until).toISOString() } : null;
  }

  private happenings(): Happening[] {
    const { startsAt, trialMs, convertedAfter, endsAfter, amendedAfter } = this.truth;
    const { isLegacy, startBy, isFlagged, conversionBy, endBy } = this.telling;
    const iso = (at: number): string => new Date(Math.floor(at / SECOND_MS) * SECOND_MS).toISOString();
    const created: FactDetails['agreement.created'] = {
      ...{ intent: 'NEW', status: 'ACTIVE', startTime: iso(startsAt) },
      endTime: this.plannedAt === null ? null : iso(this.plannedAt),
      ...{ previousDigest: null, offerId: null },
    };
    const one = (at: number, type: Happening['type'], details: object = {}): Happening => {
      const isNameless = type.startsWith('legacy.') || type === 'message.untimed';
      return { at, type, details: { offerId: null, ...details }, isNameless };
    };
    const flag = (isFreeTrial: boolean): object => ({ isFreeTrial: isFlagged ? isFreeTrial : null });
    const starts = isLegacy
      ? [one(startsAt, 'legacy.subscribeSucceeded', flag(trialMs !== null))]
      : [
          ...(startBy === 'license' ? [] : [one(startsAt, 'agreement.created', created)]),
          ...(startBy === 'created' ? [] : [one(startsAt, 'license.updated')]),
        ];
    const ends = {
      ended: ['agreement.ended', { status: 'CANCELLED', endTime: null }],
      deprovisioned: [isLegacy ? 'legacy.unsubscribePending' : 'license.deprovisioned', {}],
      untimed: ['message.untimed', { said: 'legacy.unsubscribed' }],
    } as const;
    const [endType, endDetails] = ends[endBy];
    const amended = { intent: 'AMEND', status: 'ACTIVE', endTime: null };
    // Of a start that names no agreement, and of an end soon after it, nobody could tell whether it was a return.
    const isLegacyWord = isLegacy && conversionBy === 'legacy.subscribeSucceeded' && endsAfter === null;
    const conversion =
      isLegacyWord || conversionBy !== 'legacy.subscribeSucceeded' ? conversionBy : 'agreement.amended';
    return [
      ...starts,
      ...amendedAfter
        .map((after) => startsAt + after)
        .filter((at) => at < this.endsAt)
        .map((at) => one(at, 'agreement.amended', amended)),
      ...(convertedAfter === null || startsAt + convertedAfter >= this.endsAt
        ? []
        : [one(startsAt + convertedAfter, conversion, isLegacyWord ? flag(false) : amended)]),
      ...(endsAfter === null ? [] : [one(this.endsAt, endType, endDetails)]),
    ];
  }

  private isLost({ at }: Happening): boolean {
    const { startsAt, convertedAfter } = this.truth;
    return this.telling.isConversionLost && convertedAfter !== null && at === startsAt + convertedAfter;
  }
}
