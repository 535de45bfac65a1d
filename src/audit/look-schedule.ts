import { HOUR_MS, plusMs } from '../runtime/clock.js';

const MINUTE_MS = 60_000;
/** CloudTrail shows a call about 15 minutes after it [SKILL], without a promise: soon after it, then more rarely. */
const FIRST_LOOKS_MS = [15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS];

/**
 * When to look for a record again: 15, 30 and 60 minutes after its last attempt, then hourly.
 * @param lookedAt when it was looked for last; null: never
 * @returns the first such instant after `lookedAt`
 */
export function nextLookAt(lastAttemptAt: Date, lookedAt: Date | null): Date {
  const age = lookedAt === null ? 0 : Math.max(0, lookedAt.getTime() - lastAttemptAt.getTime());
  const first = FIRST_LOOKS_MS.find((ms) => ms > age);
  return plusMs(lastAttemptAt, first ?? (Math.floor(age / HOUR_MS) + 1) * HOUR_MS);
}
