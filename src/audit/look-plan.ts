import { type Evidence } from '../metering/settlement/evidence.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { HOUR_MS, latestOf, plusMs } from '../runtime/clock.js';
import { nextLookAt } from './look-schedule.js';
import { gapsIn, type Interval, intersectionOf, type ReadInterval, settledParts, unionOf } from './trail-coverage.js';
import { type TrailPlace } from './trail-coverage.sql.js';

/** CloudTrail keeps events for 90 days [SDK-CT]. */
export const KEPT_MS = 90 * 24 * HOUR_MS;
/** How old an interval must have been when it was read, to say that nothing is missing in it. */
export const SETTLE_MS = 24 * HOUR_MS;
/** How far the clocks of a sender and of AWS may be apart; beyond a minute a replica raises an alert. */
const SKEW_MS = 2 * 60_000;
/** A call may reach AWS as late as a call may last. */
const CALL_MS = 2 * 60_000;

/** A record whose outcome is open. */
export interface OpenRecord {
  id: string;
  operation: MeteringOperation;
  hour: Date;
  /** In which this ledger has ever sent usage of the product. */
  regions: readonly string[];
  attempts: readonly { id: string; at: Date; evidence: Evidence }[];
  lookedAt: Date | null;
}

/** When its calls may have reached AWS. Of attempts that were refused nothing is to be found. */
export function attemptWindows({ attempts }: Pick<OpenRecord, 'attempts'>): Interval[] {
  return unionOf(
    attempts
      .filter(({ evidence }) => evidence !== 'refused')
      .map(({ at }) => ({ from: plusMs(at, -SKEW_MS), to: plusMs(at, SKEW_MS + CALL_MS) })),
  );
}

/**
 * Where the log may tell what became of it: around its own calls; and for one in conflict from the beginning of its
 * hour on, since what is on file in its place was sent by somebody else before.
 */
export function windowsOf({ attempts, hour }: Pick<OpenRecord, 'attempts' | 'hour'>): Interval[] {
  const conflicts = attempts.filter(({ evidence }) => evidence === 'conflict');
  const others = conflicts.map(({ at }) => ({ from: plusMs(hour, -SKEW_MS), to: plusMs(at, SKEW_MS) }));
  return unionOf([...attemptWindows({ attempts }), ...others]);
}

export interface LookRead extends TrailPlace, Interval {}

export interface LookPlan {
  /** What is to be read, of the record that was looked for longest ago first. */
  reads: LookRead[];
  /** Records of which all was read that this look could read. */
  done: string[];
}

/**
 * What to read of the log for the records that are due. What was read since a look was due counts for it, whoever read
 * it: so it goes on where it stopped, and two records in one window are one reading.
 * @param records in the order in which they are to be looked for
 */
export function lookPlanOf(
  records: readonly OpenRecord[],
  coverageOf: (place: TrailPlace) => readonly ReadInterval[],
  now: Date,
): LookPlan {
  const plan: LookPlan = { reads: [], done: [] };
  const kept = { from: plusMs(now, -KEPT_MS), to: now };
  for (const record of records) {
    const last = latestOf(record.attempts.map(({ at }) => at));
    if (last === null) continue;
    const dueAt = nextLookAt(last, record.lookedAt);
    if (dueAt > now) continue;
    const windows = intersectionOf(windowsOf(record), [kept]);
    const reads = record.regions.flatMap((region): LookRead[] => {
      const place = { operation: record.operation, region };
      const read = coverageOf(place);
      const enough = [...settledParts(read, SETTLE_MS), ...read.filter(({ readAt }) => readAt >= dueAt)];
      return gapsIn(windows, enough).map((gap) => ({ ...place, ...gap }));
    });
    if (reads.length === 0) plan.done.push(record.id);
    plan.reads.push(...reads);
  }
  return plan;
}
