import { HOUR_MS, latest, nextMonthOf, plusMs } from '../runtime/clock.js';

/** AWS meters the months before a registration only where that came within so long after the launch [API reference]. */
const PROMPT_MS = 6 * HOUR_MS;
/** How long before a month's end a person is told. */
const BEFORE_MONTH_END_MS = 2 * HOUR_MS;

/**
 * What AWS still bills of a container that has not registered. `running`: all of it, if it registers by `until`.
 * `endangered`: as before, and the end is near. `lost`: hours of months gone by are billed no more.
 */
export type Guarantee =
  | { kind: 'running' | 'endangered'; until: Date; hours: { from: Date; to: Date } }
  | { kind: 'lost'; hours: { from: Date; to: Date }; until: Date };

/**
 * A registration covers the running month; earlier months only within six hours after the launch. So what is lost is
 * what lies before the month that runs when the six hours are over, and `until` is the next instant at which something
 * is lost.
 */
export function guaranteeAt(launchedAt: Date, now: Date): Guarantee {
  const promptUntil = plusMs(launchedAt, PROMPT_MS);
  const monthEnd = nextMonthOf(now);
  const monthStart = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
  const isPrompt = now < promptUntil;
  if (!isPrompt && launchedAt < monthStart)
    return { kind: 'lost', hours: { from: launchedAt, to: monthStart }, until: monthEnd };
  const firstMonthEnd = nextMonthOf(launchedAt);
  const until = latest(promptUntil, firstMonthEnd);
  const hours = { from: launchedAt, to: firstMonthEnd };
  // The six hours reach over the month's end, or they are gone and the month's end is all that is left.
  const nearFrom = plusMs(firstMonthEnd, -BEFORE_MONTH_END_MS);
  const isNear = now >= promptUntil || now >= nearFrom;
  return { kind: isNear ? 'endangered' : 'running', until, hours };
}
