// From the plan of an hour to the row of its metering record. Pure.
import { uuidv7 } from 'uuidv7';
import { HOUR_MS, hourOf } from '../../runtime/clock.js';
import { formatDecimal, fromUnits, type Scaled } from '../../runtime/decimal.js';
import { type MeteringIdentityName } from '../../subscription/agreements/timeline.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { allocate } from './allocation.js';
import { balanceStep } from './balance-step.js';
import { type IncludedShare } from './included-pool.js';
import { type PlannedClosing, type PlannedHour, type PlannedSettingApart, type Rollup } from './customer-plan.js';
import { type WaitingReason } from './waiting-reason.js';
import { type NewRecord } from './new-record.sql.js';

/** What every record of a customer has in common. */
export interface RecordFrame {
  customerId: string;
  productCode: string;
  operation: MeteringOperation;
  region: string;
  now: Date;
}

export interface RecordDraft {
  row: NewRecord;
  /** Whose row id is filled in before the record is written. */
  identity: MeteringIdentityName | null;
  rollups: readonly Rollup[];
  included: Scaled;
  carryOut: Scaled;
  /** Units whose tags AWS's limits left no place for. */
  trimmedUnits: bigint;
}

/** What the balance of a period and dimension holds before a record of it. */
export interface BalanceBefore {
  carry: Scaled;
  /** What its records include so far. */
  included: Scaled;
  /** What is included of this record; null where no contract includes anything of it. */
  share: IncludedShare | null;
}

/**
 * The record of an hour, from what is planned into it and what its period's balance carries.
 * @param block units of usage that are sold as one
 */
export function draftHour(
  frame: RecordFrame,
  { period, dimension, hour, rollups }: PlannedHour,
  periodId: string,
  { carry: carryIn, included: before, share }: BalanceBefore,
  block = 1n,
): RecordDraft {
  const eventSum = sumOf(rollups);
  const included = share?.included ?? 0n;
  const step = balanceStep(carryIn, eventSum, included, block);
  const plan = allocate(
    step.quantity,
    carryIn,
    rollups.map(({ tags, sum }) => ({ tags, sum })),
  );
  return {
    identity: hour.identity,
    rollups,
    included,
    carryOut: step.carryOut,
    trimmedUnits: plan.trimmedUnits,
    row: {
      ...commonOf(frame, dimension, rollups),
      kind: 'hour',
      subscription_id: period.subscription.subscriptionId,
      period_id: periodId,
      hour: hour.hour.toISOString(),
      timestamp: hour.timestamp.toISOString(),
      quantity: formatDecimal(fromUnits(step.quantity)),
      block: block.toString(),
      ...includedColumns(before, share),
      carry_in: formatDecimal(carryIn),
      carry_out: formatDecimal(step.carryOut),
      allocations: plan.allocations,
      notes: notesOf(hour.hour, rollups, plan.trimmedUnits),
      mode: period.mode,
      state: 'pending',
      reason: null,
      reason_message: null,
      disposition: null,
      due_at: hour.deadlines.dueAt.toISOString(),
      cutoff_at: hour.deadlines.cutoffAt.toISOString(),
      closed_at: null,
    },
  };
}

/** What a period leaves behind, netted: held for a person, or owed to the buyer where it is negative. Never sent. */
export function draftClosing(
  frame: RecordFrame,
  { period, dimension, hour, rollups, reason }: PlannedClosing,
  periodId: string,
  { carry: carryIn, included: before, share }: BalanceBefore,
): RecordDraft {
  const included = share?.included ?? 0n;
  const quantity = carryIn + sumOf(rollups) - included;
  const isOwed = quantity < 0n;
  return {
    identity: null,
    rollups,
    included,
    carryOut: 0n,
    trimmedUnits: 0n,
    row: {
      ...commonOf(frame, dimension, rollups),
      ...closedOf(frame.now, reason),
      ...includedColumns(before, share),
      kind: 'closing',
      subscription_id: period.subscription.subscriptionId,
      period_id: periodId,
      hour: hour.toISOString(),
      quantity: formatDecimal(quantity),
      carry_in: formatDecimal(carryIn),
      mode: period.mode,
      ...(isOwed
        ? {
            disposition: 'owed' as const,
            reason: 'remainder',
            reason_message: 'corrections exceed what was billed: the buyer is owed a refund',
          }
        : {}),
    },
  };
}

/** Usage that no agreement covers: no period, no balance. */
export function draftSettingApart(
  frame: RecordFrame,
  { subject, dimension, reason, rollups }: PlannedSettingApart,
): RecordDraft {
  const first = rollups.reduce((earliest, { firstAt }) => (firstAt < earliest ? firstAt : earliest), frame.now);
  return {
    identity: null,
    rollups,
    included: 0n,
    carryOut: 0n,
    trimmedUnits: 0n,
    row: {
      ...commonOf(frame, dimension, rollups),
      ...closedOf(frame.now, reason),
      kind: 'setApart',
      subscription_id: null,
      period_id: null,
      subject,
      hour: hourOf(first).toISOString(),
      quantity: formatDecimal(sumOf(rollups)),
      carry_in: '0',
      mode: 'live',
    },
  };
}

function includedColumns(before: Scaled, share: IncludedShare | null) {
  const included = share?.included ?? 0n;
  return {
    included: formatDecimal(included),
    included_total: formatDecimal(before + included),
    included_by: share?.basis ?? null,
  };
}

const CLOSED_MESSAGES: Partial<Record<WaitingReason | 'dryRun', string>> = {
  dryRun: 'the product was in dry-run when this usage occurred; billing it needs a decision',
  notLive: 'the product was off when this usage occurred; billing it needs a decision',
  noHour: 'its agreement is over and AWS takes no hour of it any more',
  noIdentity: 'its agreement is over, and no name of it is known that AWS meters by: AWS told none, or it was erased',
  awaitingEntitlement: 'its agreement is over, and AWS never said how many units the contract includes',
  refused: 'its agreement is over, and AWS refused what it would have been sent under',
  afterEnd: 'it occurred after the end of the agreement',
  awaitingSuccessor: 'it occurred after the end of the agreement, and AWS knows no successor',
  beforeStart: 'it occurred before the start of the agreement',
  noSubscription: 'no subscription was the tenant’s at that time',
};

function commonOf(frame: RecordFrame, dimension: string, rollups: readonly Rollup[]) {
  const times = rollups.flatMap(({ firstAt, lastAt }) => [firstAt.getTime(), lastAt.getTime()]);
  return {
    id: uuidv7(),
    customer_id: frame.customerId,
    subject: null,
    identity_id: null,
    product_code: frame.productCode,
    dimension,
    timestamp: null,
    first_used_at: times.length === 0 ? null : new Date(Math.min(...times)).toISOString(),
    last_used_at: times.length === 0 ? null : new Date(Math.max(...times)).toISOString(),
    block: '1',
    included: '0',
    included_total: '0',
    included_by: null,
    event_sum: formatDecimal(sumOf(rollups)),
    event_count: rollups.reduce((count, rollup) => count + rollup.count, 0),
    carry_out: '0',
    allocations: null,
    notes: {},
    operation: frame.operation,
    region: frame.region,
    sealed_at: frame.now.toISOString(),
  };
}

function closedOf(now: Date, reason: WaitingReason | 'dryRun') {
  const at = now.toISOString();
  const message = CLOSED_MESSAGES[reason] ?? null;
  return {
    state: 'closed' as const,
    reason,
    reason_message: message,
    disposition: 'held' as const,
    due_at: at,
    cutoff_at: at,
    closed_at: at,
  };
}

export const sumOf = (rollups: readonly Rollup[]): Scaled => rollups.reduce((sum, rollup) => sum + rollup.sum, 0n);

/** What a person reading the record should know: where late usage came from, and how many units lost their tags. */
function notesOf(hour: Date, rollups: readonly Rollup[], trimmedUnits: bigint): Record<string, unknown> {
  const late = new Map<number, { quantity: Scaled; events: number }>();
  for (const rollup of rollups) {
    const time = Math.floor(rollup.hour.getTime() / HOUR_MS) * HOUR_MS;
    if (time === hour.getTime()) continue;
    const origin = late.get(time) ?? { quantity: 0n, events: 0 };
    late.set(time, { quantity: origin.quantity + rollup.sum, events: origin.events + rollup.count });
  }
  const hours = [...late].sort(([a], [b]) => a - b);
  return {
    ...(hours.length === 0
      ? {}
      : {
          late: hours.map(([time, { quantity, events }]) => ({
            hour: new Date(time).toISOString(),
            quantity: formatDecimal(quantity),
            events,
          })),
        }),
    ...(trimmedUnits === 0n ? {} : { untaggedForLimits: trimmedUnits.toString() }),
  };
}
