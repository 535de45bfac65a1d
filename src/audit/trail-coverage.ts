import { earliest, latest, plusMs } from '../runtime/clock.js';

/** A stretch of time, `from` included, `to` not. */
export interface Interval {
  from: Date;
  to: Date;
}

/** The parts of `intervals` that overlap or touch become one; in order. Empty ones vanish. */
export function unionOf(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.filter(({ from, to }) => from < to).sort((a, b) => a.from.getTime() - b.from.getTime());
  const union: Interval[] = [];
  for (const { from, to } of sorted) {
    const last = union.at(-1);
    if (last === undefined || from > last.to) union.push({ from, to });
    else last.to = latest(last.to, to);
  }
  return union;
}

/** What of `wanted` lies in none of `covered`; in order. */
export function gapsIn(wanted: readonly Interval[], covered: readonly Interval[]): Interval[] {
  const known = unionOf(covered);
  return unionOf(wanted).flatMap((interval) => {
    const gaps: Interval[] = [];
    let from = interval.from;
    for (const one of known) {
      if (one.to <= from || one.from >= interval.to) continue;
      if (one.from > from) gaps.push({ from, to: one.from });
      from = one.to;
    }
    if (from < interval.to) gaps.push({ from, to: interval.to });
    return gaps;
  });
}

/** What lies in some of `some` and in some of `others`; in order. */
export function intersectionOf(some: readonly Interval[], others: readonly Interval[]): Interval[] {
  return unionOf(
    some.flatMap((one) =>
      others.map((other) => ({
        from: latest(one.from, other.from),
        to: earliest(one.to, other.to),
      })),
    ),
  );
}

/** An interval of the log of one region that was read to its end. */
export interface ReadInterval extends Interval {
  /** When: business time. What had not arrived by then was not seen. */
  readAt: Date;
}

/**
 * What a reading proves. CloudTrail makes no promise how late an event may come: an interval counts as covered once it
 * was read at least `settleMs` after its end, and until then only as far as it was that old.
 */
export function settledParts(read: readonly ReadInterval[], settleMs: number): Interval[] {
  return unionOf(read.map(({ from, to, readAt }) => ({ from, to: earliest(to, plusMs(readAt, -settleMs)) })));
}

/**
 * What a trail's files of one region cover, by the times in their names: CloudTrail delivers about every five minutes,
 * up to fifteen late, and nothing where nothing was called. Deliveries an hour apart or less follow each other; a
 * longer silence is a gap, and so is what a file held that cannot be read. A row of files covers what was called from
 * the first of them on: what was called before may lie in a file before it, which nobody has given us.
 * @param broken times in the names of those files
 */
export function coverageOfDeliveries(delivered: readonly Date[], broken: readonly Date[]): Interval[] {
  const times = [...delivered, ...broken].map((time) => time.getTime()).sort((a, b) => a - b);
  const covered: Interval[] = [];
  let first = times[0] ?? 0;
  for (const [index, time] of times.entries()) {
    const next = times[index + 1];
    if (next !== undefined && next - time <= DELIVERY_SILENCE_MS) continue;
    covered.push({ from: new Date(first), to: new Date(time - DELIVERY_DELAY_MS) });
    first = next ?? 0;
  }
  const lost = broken.map((time) => ({
    from: new Date(time.getTime() - DELIVERY_SILENCE_MS),
    to: new Date(time.getTime() + 1),
  }));
  return gapsIn(covered, lost);
}

const DELIVERY_SILENCE_MS = 60 * 60_000;
const DELIVERY_DELAY_MS = 15 * 60_000;
