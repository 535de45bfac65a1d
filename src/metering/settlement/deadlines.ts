import { earliest, HOUR_MS, nextMonthOf, plusMs } from '../../runtime/clock.js';

export type MeteringOperation = 'BatchMeterUsage' | 'MeterUsage';

/** The two readings of AWS's rules on how late a record may come: see docs/deadlines.md. */
export interface Deadlines {
  /** The earliest reading: work is ordered by it, and alerts come before it. */
  dueAt: Date;
  /** The latest reading: trying ends here. Between the two a record is sent alone. */
  cutoffAt: Date;
}

/**
 * Signs of an agreement's end, in business time, where no later agreement goes on under the same identity. A sign is
 * the fact's own instant, not when it was heard; of the last one the later of the two counts.
 */
export interface EndSigns {
  firstSignAt: Date;
  lastSignAt: Date;
}

const WINDOW_HOURS: Record<MeteringOperation, number> = { BatchMeterUsage: 24, MeterUsage: 6 };
const MONTH_END_GRACE_MS = 6 * HOUR_MS;
const END_WINDOW_MS = HOUR_MS;

/**
 * When the record of an hour must be with AWS.
 *
 * - BatchMeterUsage takes records less than 24 h old, MeterUsage 6 h (API reference of both). Read strictly, the age
 *   counts from the start of the record's hour to now; read widely, to the start of the running hour, which gives up to
 *   one hour more.
 * - BatchMeterUsage takes the previous month's records until 06:00 UTC on the 1st, whatever their age allows. Read
 *   strictly this only shortens; read widely it also extends records that would have aged out in the first six hours of
 *   the month.
 * - After the end of an agreement AWS takes records for one hour, and its texts differ on which sign opens that hour.
 */
export function deadlinesOf(hour: Date, operation: MeteringOperation, end: EndSigns | null): Deadlines {
  const windowMs = WINDOW_HOURS[operation] * HOUR_MS;
  const strict = plusMs(hour, windowMs);
  const wide = plusMs(hour, windowMs + HOUR_MS);
  const monthEnd = nextMonthOf(hour);
  const graceEnd = plusMs(monthEnd, MONTH_END_GRACE_MS);
  const reachesNextMonth = operation === 'BatchMeterUsage' && wide > monthEnd;
  // Of MeterUsage's six hours none reaches the end of the grace.
  const dueAt = earliest(strict, graceEnd);
  const cutoffAt = reachesNextMonth ? graceEnd : wide;
  return {
    dueAt: earliest(dueAt, end && plusMs(end.firstSignAt, END_WINDOW_MS)),
    cutoffAt: earliest(cutoffAt, end && plusMs(end.lastSignAt, END_WINDOW_MS)),
  };
}

/** From here on nothing more of an ended agreement is taken, by any reading. */
export function endWindowClosesAt(end: EndSigns): Date {
  return plusMs(end.lastSignAt, END_WINDOW_MS);
}

/** The oldest hour whose record AWS may still take at `now`, with room to spare; older hours need not be looked at. */
export function windowStart(now: Date, operation: MeteringOperation): Date {
  return plusMs(now, -(WINDOW_HOURS[operation] + 8) * HOUR_MS);
}
