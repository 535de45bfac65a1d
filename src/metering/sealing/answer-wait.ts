// Which answer of AWS knows how many units an hour of a contract includes, and how the hour waits for it. Pure.
import { earliest, HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { ANSWER_SETTLES_AFTER_MS } from '../../subscription/agreements/agreement-life.js';

/** An hour waits this long from its start for an answer of AWS, which meets the strictest reading of its window. */
const HELD_FOR_MS = 5 * HOUR_MS;
/** What comes later than that still waits for a few tries. */
const TRIES_MS = 10 * 60_000;
/** Before its earliest deadline an hour waits no longer. */
const DEADLINE_LEAD_MS = 10 * 60_000;

/** The answer that counts. */
export interface KnownAnswer {
  /** Null: always, by the options. */
  asOf: Date | null;
  /** AWS lists nothing any more since the agreement is over: what it last said of it stands. */
  isFinal: boolean;
}

/** How usage of an hour waits for AWS's answer. */
export interface AnswerWait {
  /** When it is looked at again; null: whenever AWS has answered. */
  until: Date | null;
  /** Whether AWS is to be asked now. */
  asks: boolean;
}

/** An hour of the agreement that ends so. */
interface AnsweredHour {
  hour: Date;
  span: { to: Date | null };
  deadlines: { dueAt: Date };
}

/**
 * Whether AWS has answered since the hour was over, or since its agreement was, and late enough for its lists to know of
 * every amendment inside it.
 */
export function knowsHour({ asOf, isFinal }: KnownAnswer, hour: Date, { span }: Pick<AnsweredHour, 'span'>): boolean {
  return isFinal || asOf === null || asOf >= settledFrom(hour, span);
}

/**
 * Until when usage of an hour waits for AWS's answer: five hours from its start where an earlier answer is known, no
 * longer than its record can wait; for good where AWS has never said how many units are included, because nothing is
 * billed for want of an answer, and what it lists once the agreement is over is none. An answer that could not know yet
 * is not asked for, where there is time for one that can.
 * @param planned the hour of its record
 * @returns null where it does not wait (any longer)
 */
export function answerWaitOf(
  known: KnownAnswer | null,
  { hour, waitingSince }: { hour: Date; waitingSince: Date | null },
  planned: AnsweredHour,
  now: Date,
): AnswerWait | null {
  if (!known) return { until: null, asks: planned.span.to === null || planned.span.to > now };
  // What comes late waits along with what its record's hour has of its own.
  const settled = latest(settledFrom(hour, planned.span), settledFrom(planned.hour, planned.span));
  if (known.isFinal || known.asOf === null || known.asOf >= settled) return null;
  const patient = latest(plusMs(hour, HELD_FOR_MS), plusMs(waitingSince ?? now, TRIES_MS));
  const until = earliest(patient, plusMs(planned.deadlines.dueAt, -DEADLINE_LEAD_MS));
  if (until <= now) return null;
  if (settled <= now) return { until, asks: true };
  if (settled <= until) return { until: settled, asks: false };
  // There is no time for that: the answer of the very end is better than an earlier one.
  return { until, asks: known.asOf < plusMs(settled, -ANSWER_SETTLES_AFTER_MS) };
}

function settledFrom(hour: Date, { to }: AnsweredHour['span']): Date {
  const hourEnds = plusMs(hour, HOUR_MS);
  return plusMs(earliest(hourEnds, to ?? hourEnds), ANSWER_SETTLES_AFTER_MS);
}
