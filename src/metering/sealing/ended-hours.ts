import { HOUR_MS, hourOf, plusMs } from '../../runtime/clock.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { type DueUsage } from './usage-take.sql.js';

/** AWS takes an hour for a day; its deadlines follow the end that long. */
const RECENT_END_MS = 26 * HOUR_MS;

/** Whether an end lies so near that signs of it still move deadlines: the last one counts from when it was heard. */
export function hasRecentEnd({ subscriptions }: CustomerTimeline, now: Date): boolean {
  const since = plusMs(now, -RECENT_END_MS);
  return subscriptions.some(({ spans }) =>
    spans.some(({ to, end }) => end !== null && to !== null && to <= now && to > since),
  );
}

/** Hours in which an agreement has ended and which have not settled: their usage is taken now, by subject. */
export function endedHours(
  timelines: readonly CustomerTimeline[],
  { now, endedBefore, settleDelayMs }: { now: Date; endedBefore: Date; settleDelayMs: number },
): DueUsage[] {
  return timelines.flatMap(({ subjects, subscriptions }) => {
    const hours = new Set<number>();
    for (const { spans } of subscriptions) {
      for (const { to, end } of spans) {
        if (!to || !end || to > endedBefore) continue;
        const hour = hourOf(plusMs(to, -1));
        if (plusMs(hour, HOUR_MS + settleDelayMs) > now) hours.add(hour.getTime() / HOUR_MS);
      }
    }
    return [...hours].flatMap((hour) => subjects.map(({ id }) => ({ subject: id, hour })));
  });
}
