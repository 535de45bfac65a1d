// Sealing, the plan of one customer: the planning rule asked about each rollup, carry and zero. Pure.
import { earliestOf, HOUR_MS, hourOf, plusMs } from '../../runtime/clock.js';
import { type Scaled } from '../../runtime/decimal.js';
import { wasAskedSince } from './agreement-gap.js';
import { type AnswerWait } from './answer-wait.js';
import { wholeBlocks } from './balance-step.js';
import { type Period, periodOf } from './period.js';
import { type PeriodHour } from './period-hours.js';
import { type PlanningRule, type WaitingRollup } from './planning-rule.js';
import { type WaitingReason } from './waiting-reason.js';
import { type ZeroRecords, zeroHoursOf } from './zero-records.js';

/** A rollup without a record. */
export interface Rollup extends WaitingRollup {
  id: string;
  sum: Scaled;
  count: number;
  tags: Record<string, string> | null;
  waitingReason: WaitingReason | null;
  waitingSince: Date | null;
}

export interface PlannedHour {
  period: Period;
  dimension: string;
  hour: PeriodHour;
  rollups: Rollup[];
}

export interface PlannedClosing {
  period: Period;
  dimension: string;
  /** Hour of the period's last instant. */
  hour: Date;
  rollups: Rollup[];
  reason: WaitingReason | 'dryRun';
}

export interface PlannedSettingApart {
  subject: number;
  dimension: string;
  reason: WaitingReason;
  rollups: Rollup[];
}

export interface CustomerPlan {
  /** To be cut before anything else of these is planned. */
  splits: { rollup: Rollup; at: Date[] }[];
  hours: PlannedHour[];
  closings: PlannedClosing[];
  settingsApart: PlannedSettingApart[];
  waits: {
    rollup: Rollup;
    reason: WaitingReason;
    /** The one that it waits with, where one is known. */
    period: Period | null;
    /** Whether AWS is to be asked now what is included. */
    asks: boolean;
  }[];
  /** Periods whose closing is written, or who have nothing left to close. */
  closed: Period[];
  lookAt: Date | null;
}

export interface KeptCarry {
  period: Period;
  dimension: string;
  carry: Scaled;
  /** Units that are included by now, and that no record counts yet: they change the carry with its next record. */
  uncounted: Scaled;
}

export interface CustomerState {
  rule: PlanningRule;
  rollups: readonly Rollup[];
  zeroRecords: ZeroRecords;
  dimensions: readonly string[];
  /** Carries that are not zero, of all periods that the customer's timeline knows. */
  carries: readonly KeptCarry[];
  /** Units of usage that one unit of a record's quantity stands for. */
  blockOf: (period: Period, dimension: string) => bigint;
  /** Where usage of a contract waits until AWS has said how many units are included; null where it does not wait. */
  heldUntil: (period: Period, rollup: Rollup, hour: PeriodHour) => AnswerWait | null;
  /**
   * Whether records of the period are under way to AWS: nothing is closed before they have arrived, or are given up.
   */
  hasUnfinished: (period: Period) => boolean;
  /** Whether a record of zero units was annulled there: it is not written again. */
  isZeroAnnulled: (period: Period, dimension: string, hour: Date) => boolean;
  /** Takes a grain for a period, so that no other is given it in this pass. */
  take: (period: Period, dimension: string, hour: PeriodHour) => void;
}

/**
 * How soon a customer is looked at again whose end only waits for an answer of AWS; the answer itself wakes it sooner.
 */
const ASK_AGAIN_MS = HOUR_MS;

/**
 * All that sealing does for one customer now. Pure but for the grains that it takes. Rollups come before carries, and
 * both before zeros.
 */
export function planCustomer(state: CustomerState): CustomerPlan {
  const { rule } = state;
  const { now } = rule.context.times;
  const plan: CustomerPlan = {
    splits: [],
    hours: [],
    closings: [],
    settingsApart: [],
    waits: [],
    closed: [],
    lookAt: null,
  };
  const ahead: Date[] = [];
  const hours = new Map<string, PlannedHour>();
  const apart = new Map<string, PlannedSettingApart>();
  const closing = new Map<string, { period: Period; dimension: string; rollups: Rollup[]; reason: WaitingReason }>();

  const recordOf = (period: Period, dimension: string, hour: PeriodHour): PlannedHour => {
    const key = grainKey(period, dimension, hour.hour);
    const record = hours.get(key) ?? { period, dimension, hour, rollups: [] };
    if (!hours.has(key)) state.take(period, dimension, hour);
    hours.set(key, record);
    return record;
  };

  // Hours of usage that waits for an answer: it is sealed into them as soon as that comes.
  const kept = new Set<string>();

  const wait = (
    rollup: Rollup,
    reason: WaitingReason,
    closesWith: Period | null,
    lookAt: Date | null,
    asks = false,
  ): void => {
    plan.waits.push({ rollup, reason, period: closesWith, asks });
    if (lookAt) ahead.push(lookAt);
    if (!closesWith) return;
    const key = `${closesWith.key} ${rollup.dimension}`;
    const group = closing.get(key) ?? { period: closesWith, dimension: rollup.dimension, rollups: [], reason };
    group.rollups.push(rollup);
    if (reason === 'refused') group.reason = 'refused';
    closing.set(key, group);
  };

  const ordered = [...state.rollups].sort((a, b) => a.hour.getTime() - b.hour.getTime() || a.subject - b.subject);
  for (const rollup of ordered) {
    const planned = rule.plan(rollup);
    switch (planned.to) {
      case 'split':
        plan.splits.push({ rollup, at: planned.at });
        break;
      case 'hour': {
        const held = state.heldUntil(planned.period, rollup, planned.hour);
        if (held) {
          wait(rollup, 'awaitingEntitlement', planned.period, held.until, held.asks);
          kept.add(grainKey(planned.period, rollup.dimension, planned.hour.hour));
        } else recordOf(planned.period, rollup.dimension, planned.hour).rollups.push(rollup);
        break;
      }
      case 'setApart': {
        const key = `${rollup.subject} ${rollup.dimension} ${planned.reason}`;
        const group = apart.get(key) ?? {
          subject: rollup.subject,
          dimension: rollup.dimension,
          reason: planned.reason,
          rollups: [],
        };
        group.rollups.push(rollup);
        apart.set(key, group);
        break;
      }
      case 'wait':
        wait(rollup, planned.reason, planned.closesWith, planned.lookAt);
    }
  }

  const hasRecord = new Set([...hours.values()].map(({ period, dimension }) => `${period.key} ${dimension}`));
  for (const { period, dimension, carry, uncounted } of state.carries) {
    // Units that are not included any more are billed at once; what is included of late is set off with the next usage.
    const due = uncounted < 0n ? carry - uncounted : carry;
    if (wholeBlocks(due, state.blockOf(period, dimension)) < 1n || hasRecord.has(`${period.key} ${dimension}`))
      continue;
    const planned = rule.planCarry(period, dimension);
    if (planned.to === 'hour') {
      if (!kept.has(grainKey(period, dimension, planned.hour.hour))) recordOf(planned.period, dimension, planned.hour);
    } else if (planned.to === 'wait' && planned.lookAt) ahead.push(planned.lookAt);
  }

  const isWritten = (period: Period, dimension: string, hour: Date): boolean =>
    hours.has(grainKey(period, dimension, hour)) ||
    kept.has(grainKey(period, dimension, hour)) ||
    state.isZeroAnnulled(period, dimension, hour);
  const zeros = zeroHoursOf(rule, state.zeroRecords, state.dimensions, isWritten);
  for (const { period, dimension, hour } of zeros.due) recordOf(period, dimension, hour);
  if (zeros.lookAt) ahead.push(zeros.lookAt);

  plan.hours = [...hours.values()].sort(inOrderOfTime);
  plan.settingsApart = [...apart.values()];
  if (plan.splits.length === 0) close(state, plan, closing, ahead);
  for (const { nextChangeAt } of rule.context.customer.subscriptions)
    if (nextChangeAt && nextChangeAt > now) ahead.push(nextChangeAt);
  plan.lookAt = earliestOf(ahead);
  return plan;
}

/** Of an hour that two agreements share, the earlier one's record first: what it leaves may roll over. */
export function inOrderOfTime(a: PlannedHour, b: PlannedHour): number {
  return a.hour.timestamp.getTime() - b.hour.timestamp.getTime();
}

const grainKey = (period: Period, dimension: string, hour: Date): string =>
  `${period.key} ${dimension} ${hour.getTime()}`;

/**
 * Closes periods that are over: last cutoff passed, AWS asked, nothing of them under way. What waits with them, and
 * what their balance holds, is netted.
 */
function close(
  state: CustomerState,
  plan: CustomerPlan,
  waiting: ReadonlyMap<string, { period: Period; dimension: string; rollups: Rollup[]; reason: WaitingReason }>,
  ahead: Date[],
): void {
  const { rule } = state;
  const { now } = rule.context.times;
  const carryOf = new Map(state.carries.map((kept) => [`${kept.period.key} ${kept.dimension}`, kept]));
  const inHours = new Set(plan.hours.map(({ period }) => period.key));
  for (const key of new Set([...waiting.keys(), ...carryOf.keys()])) {
    const group = waiting.get(key);
    const kept = carryOf.get(key);
    const period = group?.period ?? kept?.period;
    const dimension = group?.dimension ?? kept?.dimension;
    if (!period || dimension === undefined || (!group && kept?.carry === 0n && kept.uncounted === 0n)) continue;
    const { cutoffAt } = rule.hoursOf(period);
    if (cutoffAt === null) continue;
    if (cutoffAt > now) {
      ahead.push(cutoffAt);
      continue;
    }
    const last = period.spans.at(-1);
    if (!last?.to || inHours.has(period.key) || state.hasUnfinished(period)) {
      ahead.push(plusMs(now, ASK_AGAIN_MS));
      continue;
    }
    if (last.end && !wasAskedSince(period.subscription, last.to)) {
      ahead.push(plusMs(now, ASK_AGAIN_MS));
      continue;
    }
    const reason = period.mode === 'dry-run' ? 'dryRun' : (group?.reason ?? 'noHour');
    plan.closings.push({ period, dimension, hour: hourOf(plusMs(last.to, -1)), rollups: group?.rollups ?? [], reason });
    plan.closed.push(period);
  }
  const closedNow = new Set(plan.closings.flatMap(({ rollups }) => rollups));
  if (closedNow.size > 0) plan.waits = plan.waits.filter(({ rollup }) => !closedNow.has(rollup));
}

/** The period that a row of the ledger stands for, where the customer's timeline knows its agreement. */
export function periodOfRow(
  rule: PlanningRule,
  row: { agreementId: string; price: 'trial' | 'paid'; mode: Period['mode'] },
): Period | null {
  for (const subscription of rule.context.customer.subscriptions) {
    const span = subscription.spans.find(
      ({ agreementId, aliasAgreementIds, price }) =>
        price === row.price && (agreementId === row.agreementId || aliasAgreementIds.includes(row.agreementId)),
    );
    if (span) return periodOf(subscription, span, row.mode);
  }
  return null;
}
