import { plusMs } from '../runtime/clock.js';
import { attemptWindows, KEPT_MS, type OpenRecord, SETTLE_MS } from './look-plan.js';
import { gapsIn, type Interval, type ReadInterval, settledParts } from './trail-coverage.js';

/** Something in the log that may be a call about the record. */
export interface DoubtfulEvent {
  eventId: string;
  region: string;
  at: Date;
  attemptId: string | null;
  /** `omitted`, `unreadable`: nobody knows what was in it. `answered`: about this record, and no refusal. */
  kind: 'omitted' | 'unreadable' | 'answered';
}

/** Why it cannot be said that AWS does not have a record. */
export type AbsenceObstacle =
  /** Nothing was sent that could be missing, or something else is on file in its place. */
  | { kind: 'noCall' | 'conflict' }
  /** Its log may still grow. */
  | { kind: 'tooYoung'; until: Date }
  /** Of the log of a region something was not read, or was read too soon. `isLost`: CloudTrail keeps it no more. */
  | { kind: 'gap'; region: string; from: Date; to: Date; isLost: boolean }
  | { kind: DoubtfulEvent['kind']; region: string; eventId: string; at: Date };

/**
 * Whether the log shows that AWS does not have a record: nothing of it in all regions that this ledger ever called,
 * read whole, a day after its last call, with no event whose content is missing. Pure.
 * @returns what stands against it; nothing: it is absent
 */
export function obstaclesToAbsence(
  record: Pick<OpenRecord, 'attempts' | 'regions'>,
  coverageOf: (region: string) => readonly ReadInterval[],
  doubtful: readonly DoubtfulEvent[],
  now: Date,
): AbsenceObstacle[] {
  const windows = attemptWindows(record);
  const last = windows.at(-1);
  if (last === undefined) return [{ kind: 'noCall' }];
  const obstacles: AbsenceObstacle[] = [];
  if (record.attempts.some(({ evidence }) => evidence === 'conflict')) obstacles.push({ kind: 'conflict' });
  const until = plusMs(last.to, SETTLE_MS);
  if (now < until) obstacles.push({ kind: 'tooYoung', until });
  const keptFrom = plusMs(now, -KEPT_MS);
  for (const region of record.regions) {
    for (const gap of gapsIn(windows, settledParts(coverageOf(region), SETTLE_MS)))
      obstacles.push({ kind: 'gap', region, ...gap, isLost: gap.from < keptFrom });
  }
  const own = new Set(record.attempts.map(({ id }) => id));
  for (const { kind, region, eventId, at, attemptId } of doubtful) {
    const mayBeOurs = attemptId === null ? isWithin(at, windows) : own.has(attemptId);
    if (mayBeOurs) obstacles.push({ kind, region, eventId, at });
  }
  return obstacles;
}

function isWithin(at: Date, windows: readonly Interval[]): boolean {
  return windows.some(({ from, to }) => from <= at && at < to);
}

/** What stands against it, for a person. */
export function obstacleText(obstacle: AbsenceObstacle): string {
  switch (obstacle.kind) {
    case 'noCall':
      return 'no call of it is uncertain';
    case 'conflict':
      return 'AWS has said that something is on file in its place';
    case 'tooYoung':
      return `events may come late: absent can be said from ${obstacle.until.toISOString()} on`;
    case 'gap': {
      const span = `${obstacle.from.toISOString()} to ${obstacle.to.toISOString()}`;
      const why = obstacle.isLost ? 'CloudTrail keeps it no more, files of a trail may' : 'not read yet, or too soon';
      return `the log of ${obstacle.region} from ${span}: ${why}`;
    }
    case 'omitted':
      return `a call took place, content unknown: event ${obstacle.eventId} (${obstacle.region}, ${obstacle.at.toISOString()})`;
    case 'unreadable':
      return `event ${obstacle.eventId} (${obstacle.region}, ${obstacle.at.toISOString()}) cannot be read`;
    case 'answered':
      return `AWS has answered about it: event ${obstacle.eventId} (${obstacle.region}, ${obstacle.at.toISOString()})`;
  }
}
