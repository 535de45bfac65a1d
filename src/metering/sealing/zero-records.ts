import { earliestOf, HOUR_MS, hourOf, latest, plusMs } from '../../runtime/clock.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { modeAt, type Period, periodOf } from './period.js';
import { type PeriodHour } from './period-hours.js';
import { type PlanningRule } from './planning-rule.js';

export type ZeroRecords = 'atWindowEdge' | 'atSeal' | 'off';

export interface ZeroHour {
  period: Period;
  dimension: string;
  hour: PeriodHour;
}

/** The periods of a customer whose hours AWS still takes. */
export function periodsOf({ subscriptions }: CustomerTimeline, { context }: PlanningRule): Period[] {
  const { now } = context.times;
  const oldest = plusMs(now, -36 * HOUR_MS);
  const found = new Map<string, Period>();
  for (const subscription of subscriptions) {
    for (const span of subscription.spans) {
      if (span.seals === 'never' || span.from > now || (span.to !== null && span.to <= oldest)) continue;
      const starts = [
        latest(span.from, oldest),
        ...context.modes.flatMap(({ from }) => (from && from > oldest && from <= now ? [from] : [])),
      ];
      for (const start of starts) {
        const period = periodOf(subscription, span, modeAt(context.modes, start));
        found.set(period.key, period);
      }
    }
  }
  return [...found.values()];
}

/**
 * Idle hours whose record of zero units is due: AWS wants one for every hour of a running agreement. At the edge of the
 * window, so that usage which comes late finds its own hour free; or as soon as the hour has settled.
 * @param isWritten whether a record of this pass, or one that was annulled before, stands for the hour.
 */
export function zeroHoursOf(
  rule: PlanningRule,
  zeroRecords: ZeroRecords,
  dimensions: readonly string[],
  isWritten: (period: Period, dimension: string, hour: Date) => boolean,
): { due: ZeroHour[]; lookAt: Date | null } {
  const { now, zeroRecordLeadMs } = rule.context.times;
  const due: ZeroHour[] = [];
  const ahead: Date[] = [];
  if (zeroRecords === 'off' || !rule.context.isListed) return { due, lookAt: null };
  for (const period of periodsOf(rule.context.customer, rule)) {
    if (period.mode === 'off' || !period.spans.some((span) => span.zeroRecords)) continue;
    const hours = rule.hoursOf(period);
    for (const found of hours.all) {
      if (!found.span.zeroRecords || found.identity === null || now >= found.deadlines.dueAt) continue;
      if (!hours.isReachable(found)) continue;
      const at =
        zeroRecords === 'atSeal'
          ? found.settlesAt
          : latest(found.settlesAt, plusMs(found.deadlines.dueAt, -zeroRecordLeadMs));
      for (const dimension of dimensions) {
        if (hours.isTaken(found, dimension) || isWritten(period, dimension, found.hour)) continue;
        if (at <= now) due.push({ period, dimension, hour: found });
        else ahead.push(at);
      }
    }
    // The hour that has not begun settles, or comes to its edge, no earlier than the next one begins.
    if (hours.runs)
      ahead.push(plusMs(hourOf(now), HOUR_MS + (zeroRecords === 'atSeal' ? rule.context.times.settleDelayMs : 0)));
  }
  return { due, lookAt: earliestOf(ahead) };
}
