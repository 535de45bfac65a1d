import { HOUR_MS } from '../../runtime/clock.js';

/** Hours since the epoch: terms and amendments count by the hour. */
export type HourNumber = number;

export function hourNumberOf(instant: Date): HourNumber {
  return Math.floor(instant.getTime() / HOUR_MS);
}

/** The first hour that begins at or after an instant. */
export function hourFrom(instant: Date): HourNumber {
  return Math.ceil(instant.getTime() / HOUR_MS);
}

/**
 * First hours of the terms of an agreement, in order. An hour in which one term ends and another begins belongs to the
 * earlier: it has one record.
 * @param renewals instants at which the agreement went on with units of their own
 * @param until no later term is wanted
 */
export function termStarts(
  startsAt: Date,
  { renewals, per, until }: { renewals: readonly Date[]; per: 'term' | 'month'; until: Date },
): HourNumber[] {
  const anchors = [startsAt, ...renewals.filter((at) => at > startsAt && at <= until)].sort(
    (a, b) => a.getTime() - b.getTime(),
  );
  const starts = anchors.flatMap((anchor, index) => {
    const next = anchors[index + 1] ?? null;
    return [anchor, ...(per === 'month' ? monthsAfter(anchor, next, until) : [])];
  });
  const [first = startsAt, ...later] = starts;
  return [...new Set([hourNumberOf(first), ...later.map(hourFrom)])];
}

function monthsAfter(anchor: Date, before: Date | null, until: Date): Date[] {
  const months: Date[] = [];
  for (let count = 1; ; count += 1) {
    const start = plusMonths(anchor, count);
    if (start > until || (before !== null && start >= before)) return months;
    months.push(start);
  }
}

/**
 * Counted from the anchor each time, so that no month drifts: from 31 January on 28 February, and 31 March again. A
 * month that lacks the day ends a term with its last.
 */
export function plusMonths(anchor: Date, count: number): Date {
  const moved = new Date(anchor);
  moved.setUTCDate(1);
  moved.setUTCMonth(anchor.getUTCMonth() + count);
  const days = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(anchor.getUTCDate(), days));
  return moved;
}
