import { HOUR_MS } from '../../runtime/clock.js';
import { formatDecimal, fromUnits, type Scaled, scaled } from '../../runtime/decimal.js';
import { allocate, type AllocationPlan } from './allocation.js';
import { type Deadlines, deadlinesOf, endWindowClosesAt } from '../settlement/deadlines.js';
import { balanceStep, type PlannedRecord, type SealableSubscription } from './hour-planner.js';
import { type NewRecord, type StampedSum, type SubscriptionFacts } from './sealing.sql.js';

/** A record as it will be written, with what must be told about it. */
export interface RecordDraft {
  row: NewRecord;
  carryOut: Scaled;
  trimmedUnits: bigint;
}

/** Identity in the API's form. */
export type Identity = Pick<NewRecord, 'identity' | 'license_arn' | 'customer_aws_account_id' | 'customer_identifier'>;

// [BOTO] The event form of an ARN, without the leading arn:, does not match and must never be sent.
const LICENSE_ARN =
  /^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$/;
const ACCOUNT_ID = /^[0-9]{1,255}$/;

/** What is known of a subscription's names at AWS. */
export type KnownIdentity = Pick<
  SubscriptionFacts,
  'identity' | 'license_from' | 'license_arn' | 'customer_aws_account_id' | 'customer_identifier'
>;

/**
 * The identity under which an hour of a subscription is metered: what the product's setting says, or, of a subscription that was moved, the old one
 * before the hour of the cut-over and the license from it on. A function of the hour alone, so that no hour can be metered under both; never what else
 * an answer of AWS happened to hold.
 * @returns null until AWS has told enough; nothing is sealed before.
 */
export function meteredIdentityOf(facts: KnownIdentity, hour: Date): Identity | null {
  const { license_arn, customer_aws_account_id, customer_identifier } = facts;
  const account = customer_aws_account_id !== null && ACCOUNT_ID.test(customer_aws_account_id) ? customer_aws_account_id : null;
  const none = { license_arn: null, customer_aws_account_id: null, customer_identifier: null };
  const identity = facts.license_from === null ? facts.identity : hour < facts.license_from ? 'legacy' : 'license';
  if (identity === 'license') {
    if (license_arn === null || !LICENSE_ARN.test(license_arn) || account === null) return null;
    return { ...none, identity, license_arn, customer_aws_account_id: account };
  }
  // Either is accepted, never both [CHG]. The identifier comes first: it is what a legacy buyer's earlier hours were metered under.
  if (customer_identifier !== null) return { ...none, identity, customer_identifier };
  return account === null ? null : { ...none, identity, customer_aws_account_id: account };
}

/** A planned record filled with what the stamp put into it. Null when nothing is in it and nothing asks for it. */
export function draftRecord(input: {
  id: string;
  facts: SubscriptionFacts;
  identity: Identity;
  subscription: SealableSubscription;
  planned: PlannedRecord;
  sums: readonly StampedSum[];
  carryIn: Scaled;
  now: Date;
}): RecordDraft | null {
  const { id, facts, identity, subscription, planned, sums, carryIn, now } = input;
  const eventSum = sums.reduce((sum, row) => sum + scaled(row.event_sum), 0n);
  const eventCount = sums.reduce((count, row) => count + row.event_count, 0);
  const step = planned.kind === 'hour' ? hourStep(carryIn, eventSum) : closingStep(planned, carryIn, eventSum);
  if (eventCount === 0 && !planned.zero && step.quantity === 0n) return null;

  const tagged = sums.map((row) => ({ tags: row.tags, sum: scaled(row.event_sum) }));
  const plan: AllocationPlan =
    planned.kind === 'hour' ? allocate(step.quantity / fromUnits(1), carryIn, tagged) : { allocations: null, trimmedUnits: 0n };
  const isClosing = planned.kind === 'closing';
  const deadlines = isClosing ? closingDeadlines(subscription, now) : deadlinesOf(planned.hour, subscription.operation, subscription.end);
  return {
    carryOut: step.carryOut,
    trimmedUnits: plan.trimmedUnits,
    row: {
      id,
      kind: planned.kind,
      subscription_id: facts.id,
      product_code: facts.product_code,
      dimension: planned.dimension,
      hour: planned.hour.toISOString(),
      timestamp: planned.timestamp.toISOString(),
      quantity: formatDecimal(step.quantity),
      event_sum: formatDecimal(eventSum),
      event_count: eventCount,
      carry_in: formatDecimal(carryIn),
      carry_out: formatDecimal(step.carryOut),
      allocations: plan.allocations,
      notes: notesOf(planned, sums, plan),
      operation: subscription.operation,
      region: facts.region,
      mode: planned.mode,
      ...identity,
      sealed_at: now.toISOString(),
      state: isClosing ? 'closed' : 'pending',
      reason: planned.reason,
      reason_message: planned.reason === null ? null : CLOSING_MESSAGES[planned.reason],
      disposition: isClosing ? (planned.reason === 'ended' && step.quantity < 0n ? 'owed' : 'held') : null,
      due_at: deadlines.dueAt.toISOString(),
      cutoff_at: deadlines.cutoffAt.toISOString(),
      closed_at: isClosing ? now.toISOString() : null,
    },
  };
}

const CLOSING_MESSAGES: Record<'ended' | 'dryRun' | 'off', string> = {
  ended: 'the subscription has ended and AWS takes no more usage of it',
  dryRun: 'the product was in dry-run when this usage occurred; billing it needs a decision',
  off: 'the product was off when this usage occurred; billing it needs a decision',
};

interface Step {
  /** Scaled, because a closing record may hold a fraction or be negative. */
  quantity: Scaled;
  carryOut: Scaled;
}

function hourStep(carryIn: Scaled, eventSum: Scaled): Step {
  const { quantity, carryOut } = balanceStep(carryIn, eventSum);
  return { quantity: fromUnits(quantity), carryOut };
}

function closingStep(planned: PlannedRecord, carryIn: Scaled, eventSum: Scaled): Step {
  return { quantity: planned.setsApart + eventSum, carryOut: carryIn - planned.setsApart };
}

function closingDeadlines(subscription: SealableSubscription, now: Date): Deadlines {
  const at = subscription.end ? endWindowClosesAt(subscription.end) : now;
  return { dueAt: at, cutoffAt: at };
}

/** What a person reading the record should know: where late usage came from, and which units lost their tags. */
function notesOf(planned: PlannedRecord, sums: readonly StampedSum[], plan: AllocationPlan): Record<string, unknown> {
  const late = new Map<string, { hour: string; quantity: Scaled; events: number }>();
  for (const row of sums) {
    if (row.origin_hour.getTime() === planned.hour.getTime()) continue;
    const hour = row.origin_hour.toISOString();
    const origin = late.get(hour) ?? { hour, quantity: 0n, events: 0 };
    late.set(hour, { hour, quantity: origin.quantity + scaled(row.event_sum), events: origin.events + row.event_count });
  }
  return {
    ...(late.size === 0 ? {} : { late: [...late.values()].map((origin) => ({ ...origin, quantity: formatDecimal(origin.quantity) })) }),
    ...(plan.trimmedUnits === 0n ? {} : { untaggedForLimits: plan.trimmedUnits.toString() }),
  };
}

/** Start of the hour after `hour`: events before it belong to `hour` or earlier ones. */
export function endOfHour(hour: Date): Date {
  return new Date(hour.getTime() + HOUR_MS);
}
