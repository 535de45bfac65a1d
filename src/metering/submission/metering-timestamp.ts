import { earliest, HOUR_MS, latest, plusMs } from '../../runtime/clock.js';

const SECOND_MS = 1000;
/** Of an hour that still runs: so far behind our clock that AWS's does not find it in the future. */
const SKEW_MS = 60_000;

/**
 * The timestamp that a MeterUsage record is bound to when it is first sent: in its hour, not before its resource
 * started, in whole seconds. AWS rounds it down to the hour, and measures from it how late a record is and whether the
 * software, or the agreement, had begun: the latest instant is right by every reading of its texts.
 * @param startedAt when the resource started
 * @returns null where no instant of the hour lies after that: the resource cannot send it
 */
export function boundTimestampOf(hour: Date, startedAt: Date, now: Date): Date | null {
  const last = plusMs(hour, HOUR_MS - SECOND_MS);
  const first = latest(hour, inSeconds(startedAt, Math.ceil));
  if (first > last) return null;
  return latest(first, earliest(last, inSeconds(plusMs(now, now > last ? 0 : -SKEW_MS), Math.floor)));
}

function inSeconds(instant: Date, round: (value: number) => number): Date {
  return new Date(round(instant.getTime() / SECOND_MS) * SECOND_MS);
}
