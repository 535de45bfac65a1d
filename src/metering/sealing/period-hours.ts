import { earliest, HOUR_MS, hourOf, latest, latestOf, plusMs } from '../../runtime/clock.js';
import { isSameIdentity, namesOf } from '../../subscription/agreements/identity-name.js';
import { type MeteringIdentityName, type TimelineSpan } from '../../subscription/agreements/timeline.js';
import { type Deadlines, deadlinesOf, type MeteringOperation, windowStart } from '../settlement/deadlines.js';
import { endSignsOf, identityAt, instantIn, isInMode, type ModeChange, type Period, recordsFrom } from './period.js';

const SECOND_MS = 1000;
/** Records of an hour whose agreement has ended are with AWS this long before their earliest deadline. */
const FINAL_LEAD_MS = 10 * 60_000;

export interface SealingTimes {
  now: Date;
  /** How long an hour stays open after its end, for usage that is recorded late. */
  settleDelayMs: number;
  /**
   * How long before its earliest deadline an hour counts as about to be lost: zero records, and hours of a provisional
   * start, are sealed then.
   */
  zeroRecordLeadMs: number;
  /** Within how long after that the hours of a product in its buyer's account are sealed. */
  spreadMs: number;
}

export interface HoursContext {
  operation: MeteringOperation;
  modes: readonly ModeChange[];
  times: SealingTimes;
  /** Beyond the settle delay, so that many ledgers in one buyer's account do not send at once. */
  spreadMs: number;
  /**
   * Since when the resource runs that sends: hours that were over by then it cannot send, as no record is dated before
   * it. Null where that does not matter.
   */
  reachableSince: Date | null;
  /** Nothing more is recorded here, and the ledger ends with the process: hours that have begun settle now. */
  isLastPass: boolean;
  /**
   * Whether the grain of this name (see `identityKey`), dimension and hour has a standing record in the period's mode,
   * under any seller's label, or one that another period was just given. What is not live is never sent: it needs no
   * grain at AWS, and leaves it to what is.
   */
  isTaken: (identity: string, dimension: string, hour: Date, period: Period) => boolean;
}

/** An hour as its period sees it. */
export interface PeriodHour {
  hour: Date;
  span: TimelineSpan;
  /** The timestamp of its record: in the hour, in the agreement, a second after its start. */
  timestamp: Date;
  identity: MeteringIdentityName | null;
  deadlines: Deadlines;
  /** From here on it may be sealed. */
  settlesAt: Date;
}

/**
 * The hour, where it belongs to the period: an instant of the period that a record may show lies in it, and some of its
 * time in the period's mode; and where two sides of a boundary have one identity, this is the earlier side. Null where
 * it does not. Hours of another mode alone are none of its own: until a product goes live, and after it has left, another
 * system may meter them.
 */
export function hourIn(period: Period, hour: Date, context: HoursContext): PeriodHour | null {
  const hourEnds = plusMs(hour, HOUR_MS);
  const span = period.spans.find(
    (candidate) =>
      candidate.seals !== 'never' &&
      instantIn(hour, candidate) !== null &&
      isInMode(
        context.modes,
        period.mode,
        latest(hour, candidate.from),
        candidate.to ? earliest(hourEnds, candidate.to) : hourEnds,
      ),
  );
  if (!span) return null;
  const identity = identityAt(span, hour);
  const owner = period.subscription.spans.find(
    (other) =>
      other.seals !== 'never' && instantIn(hour, other) !== null && isSameIdentity(identity, identityAt(other, hour)),
  );
  if (owner && (owner.agreementId !== period.agreementId || owner.price !== period.price)) return null;
  const deadlines = deadlinesOf(hour, context.operation, endSignsOf(period.subscription, span, hour));
  return {
    hour,
    span,
    timestamp: latest(hour, recordsFrom(span)),
    identity: identity?.identity ?? null,
    deadlines,
    settlesAt: settlesAt(period, span, hour, deadlines, context),
  };
}

/**
 * An hour settles a while after its end, or after the end of its agreement inside it, but in time to be sent. Where AWS
 * has not said yet that it may be metered, or at which price, it waits until it would be lost.
 */
function settlesAt(
  period: Period,
  span: TimelineSpan,
  hour: Date,
  { dueAt }: Deadlines,
  { times, spreadMs, isLastPass }: HoursContext,
): Date {
  const hourEnds = plusMs(hour, HOUR_MS);
  if (isLastPass && hour <= times.now) return earliest(hourEnds, times.now);
  // Where the identity goes on beyond the boundary, nothing presses: the whole hour settles.
  const isLast = span.end !== null && endSignsOf(period.subscription, span, hour) !== null;
  const over = isLast ? earliest(span.to, hourEnds) : hourEnds;
  const settled = plusMs(over, times.settleDelayMs + spreadMs);
  const isUnpriced = span.termsUnknownFrom !== null && span.termsUnknownFrom < hourEnds;
  const isHeld = span.seals === 'lastMoment' || isUnpriced;
  const wanted = isHeld ? latest(settled, plusMs(dueAt, -times.zeroRecordLeadMs)) : settled;
  return latest(over, earliest(wanted, plusMs(dueAt, -FINAL_LEAD_MS)));
}

/** The hours of a period that AWS may still take; whether they are free is asked of each dimension. */
export class PeriodHours {
  private known: PeriodHour[] | null = null;

  constructor(
    readonly period: Period,
    private readonly context: HoursContext,
  ) {}

  /** Whether the period goes on, or will begin. */
  get runs(): boolean {
    return this.endsAt === null || this.endsAt > this.context.times.now;
  }

  /** When it is over, where that is known. */
  get endsAt(): Date | null {
    return this.period.spans.some(({ to }) => to === null) ? null : latestOf(this.period.spans.map(({ to }) => to));
  }

  /** Every hour that has begun, newest first. */
  get all(): readonly PeriodHour[] {
    this.known ??= this.enumerate();
    return this.known;
  }

  at(hour: Date): PeriodHour | null {
    return hourIn(this.period, hour, this.context);
  }

  isSettled({ settlesAt: at }: PeriodHour): boolean {
    return at <= this.context.times.now;
  }

  /** Whether whoever sends may date a record in it. */
  isReachable({ hour }: PeriodHour): boolean {
    const { reachableSince } = this.context;
    return plusMs(hour, HOUR_MS - SECOND_MS) >= (reachableSince ?? hour);
  }

  /** Settled, nameable, nobody's, and not past any reading of its deadline. */
  isFree(found: PeriodHour, dimension: string): boolean {
    return (
      this.isSettled(found) &&
      found.identity !== null &&
      this.isReachable(found) &&
      this.context.times.now < found.deadlines.dueAt &&
      !this.isTaken(found, dimension)
    );
  }

  /**
   * hours(P): those that are free, newest first; those that only the latest reading still allows where there is no
   * other.
   */
  free(dimension: string): PeriodHour[] {
    const open = this.all.filter(
      (found) =>
        this.isSettled(found) && found.identity !== null && this.isReachable(found) && !this.isTaken(found, dimension),
    );
    const { now } = this.context.times;
    const due = open.filter(({ deadlines }) => now < deadlines.dueAt);
    return due.length > 0 ? due : open.filter(({ deadlines }) => now < deadlines.cutoffAt);
  }

  /** Free hours but for the newest that has settled, into which usage of its own is about to go. */
  apart(dimension: string): PeriodHour[] {
    const newest = this.all.find((found) => this.isSettled(found));
    return this.free(dimension).filter((found) => found !== newest);
  }

  /**
   * next(P): the newest settled hour if it is free, else the next one to settle. Null where the period has no hour to
   * come.
   */
  next(dimension: string): PeriodHour | null {
    const newest = this.all.find((found) => this.isSettled(found));
    return newest && this.isFree(newest, dimension) ? newest : this.nextToSettle;
  }

  get nextToSettle(): PeriodHour | null {
    const begun = this.all.findLast((found) => !this.isSettled(found));
    if (begun) return begun;
    const { now } = this.context.times;
    for (const span of this.period.spans) {
      const first = latest(hourOf(recordsFrom(span)), plusMs(hourOf(now), HOUR_MS));
      // A boundary may leave the very first to the other side.
      const found = this.at(first) ?? this.at(plusMs(first, HOUR_MS));
      if (found) return found;
    }
    return null;
  }

  /** The first hour to come in the period's mode, where the product only returns to it; null where it is not known to. */
  get resumesWith(): PeriodHour | null {
    const { now } = this.context.times;
    const changes = this.context.modes.flatMap(({ from }) => (from && from > now ? [hourOf(from)] : []));
    for (const hour of changes.flatMap((change) => [change, plusMs(change, HOUR_MS)])) {
      const found = this.at(hour);
      if (found) return found;
    }
    return null;
  }

  /** When the last reading of the last hour's deadline has passed; null while the period runs. */
  get cutoffAt(): Date | null {
    const last = this.period.spans.at(-1);
    if (this.runs || !last?.to) return null;
    const hour = hourOf(plusMs(last.to, -1));
    return deadlinesOf(hour, this.context.operation, endSignsOf(this.period.subscription, last, hour)).cutoffAt;
  }

  isTaken({ hour, span }: PeriodHour, dimension: string): boolean {
    return namesOf(identityAt(span, hour)).some((name) => this.context.isTaken(name, dimension, hour, this.period));
  }

  private enumerate(): PeriodHour[] {
    const { now } = this.context.times;
    const oldest = hourOf(windowStart(now, this.context.operation));
    const hours: PeriodHour[] = [];
    for (let hour = hourOf(now); hour >= oldest; hour = plusMs(hour, -HOUR_MS)) {
      const found = this.at(hour);
      if (found) hours.push(found);
    }
    return hours;
  }
}
