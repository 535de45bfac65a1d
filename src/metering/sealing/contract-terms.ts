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
 * @param perAt whether a month that begins then begins a term
 * @param until no later term is wanted
 */
export function termStarts(
  startsAt: Date,
  { renewals, until, perAt }: { renewals: readonly Date[]; until: Date; perAt: (month: Date) => 'term' | 'month' },
): HourNumber[] {
  const [, ...later] = monthStarts(startsAt, renewals, until).filter(
    ({ isAnchor, at }) => isAnchor || perAt(at) === 'month',
  );
  return [...new Set([hourNumberOf(startsAt), ...later.map(({ at }) => hourFrom(at))])];
}

/**
 * When an agreement went on with units of its own, by the ends that it was told to have: at each that a later one has
 * taken the place of.
 * @param ends in the order in which they were heard
 */
export function renewalsBy(ends: readonly Date[]): Date[] {
  const latest = ends.map((_, index) => Math.max(...ends.slice(0, index + 1).map(Number)));
  return [...new Set(latest)].slice(0, -1).map((time) => new Date(time));
}

/** The first month of an agreement that begins at or after an instant. */
export function monthFrom(startsAt: Date, renewals: readonly Date[], instant: Date): Date {
  // Two, for a month that lacks the day ends a term with its last.
  const months = monthStarts(startsAt, renewals, plusMonths(instant, 2));
  return months.find(({ at }) => at >= instant)?.at ?? startsAt;
}

/** Starts of an agreement's months, in order; `isAnchor` where it begins, or goes on with units of its own. */
function monthStarts(startsAt: Date, renewals: readonly Date[], until: Date): { at: Date; isAnchor: boolean }[] {
  const anchors = [startsAt, ...renewals.filter((at) => at > startsAt && at <= until)].sort(
    (a, b) => a.getTime() - b.getTime(),
  );
  return anchors.flatMap((anchor, index) => [
    { at: anchor, isAnchor: true },
    ...monthsAfter(anchor, anchors[index + 1] ?? null, until).map((at) => ({ at, isAnchor: false })),
  ]);
}

function monthsAfter(anchor: Date, before: Date | null, until: Date): Date[] {
  const count = Math.max(0, monthNumberOf(until) - monthNumberOf(anchor));
  const months = Array.from({ length: count }, (_, index) => plusMonths(anchor, index + 1));
  return months.filter((start) => start <= until && (before === null || start < before));
}

const monthNumberOf = (instant: Date): number => instant.getUTCFullYear() * 12 + instant.getUTCMonth();

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
