import { type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, type AlertBoard } from '../../events/alert-board.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { type Outbox } from '../../events/outbox.js';
import { earliestOf, HOUR_MS, plusMs } from '../../runtime/clock.js';
import { formatDecimal, type Scaled } from '../../runtime/decimal.js';
import { byKey } from '../../runtime/order.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { type CustomerPlan, type Rollup } from './customer-plan.js';
import { spanAt } from './period.js';
import { type PlannedCustomer } from './planned-customer.js';
import { type WaitingReason } from './waiting-reason.js';
import { type RecordDraft, sumOf } from './record-draft.js';
import { type MovableRow } from './sealing-load.sql.js';

/**
 * How long usage may wait for a reason that needs somebody before an alert names it; `ambiguous` needs the host at
 * once.
 */
const ALERT_AFTER_MS: Readonly<Partial<Record<WaitingReason, number>>> = {
  ambiguous: 0,
  awaitingSuccessor: HOUR_MS,
  afterEnd: HOUR_MS,
  beforeStart: HOUR_MS,
  noSubscription: HOUR_MS,
  noIdentity: HOUR_MS,
  awaitingEntitlement: 30 * 60_000,
  refused: HOUR_MS,
  noHour: HOUR_MS,
  notListed: HOUR_MS,
};

const ADVICE: Readonly<Partial<Record<WaitingReason, string>>> = {
  ambiguous:
    'Several subscriptions of the tenant could pay it: choose one (subscriptions.choosePayer), set onSeveral to ' +
    '"paidFirst", or name subscriptionId when recording.',
  awaitingSuccessor: 'Its agreement ended as renewed or replaced, and the successor is not known yet; AWS is asked.',
  afterEnd: 'It occurred after the end of the agreement. If it belongs to another subscription, rebill it there.',
  beforeStart: 'It occurred before the start of the agreement.',
  noSubscription: 'No subscription was the tenant’s at that time.',
  noIdentity:
    'AWS has not told a license or customer to meter it under: ask the buyer to press "Set up your account" ' +
    'again, or check the product’s identity.',
  awaitingEntitlement:
    'Its contract includes units, and AWS has not said how many: GetEntitlements is asked again and again. Once it ' +
    'was answered before, the hour is sealed with the last answer five hours after it began, at the latest ten ' +
    'minutes before it is due; where it never was, the usage waits, and nothing is billed for want of an answer.',
  refused:
    'AWS refuses what it would be sent under, or has refused it: see its records. It is sent once AWS takes other usage ' +
    'of the cause, or you say that it is resolved (requeueAll).',
  noHour: 'AWS takes no hour of its agreement any more; it will be held when the period closes.',
  notListed: 'Its product is not listed in the options.',
};

/** When the customer is looked at again: what the plan says, or when usage has waited long enough for an alert. */
export function nextLook({ lookAt, waits }: CustomerPlan, now: Date): Date | null {
  const alerts = waits.flatMap(({ rollup, reason }) => {
    const after = ALERT_AFTER_MS[reason];
    const at = after === undefined ? null : plusMs(rollup.waitingSince ?? now, after);
    return at && at > now ? [at] : [];
  });
  const all = [lookAt, ...alerts].filter((at) => at !== null);
  return earliestOf(all);
}

/**
 * Tells of what sealing could not bill: alerts that name units and hours, and an event for each record that is closed
 * at birth.
 */
export class SealingNotices {
  constructor(
    private readonly sellerAccount: string,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
  ) {}

  /** @param annulled records that stand no longer: what was told of them is resolved. */
  async tell(
    tx: LedgerSql,
    planned: readonly PlannedCustomer[],
    drafts: readonly RecordDraft[],
    annulled: readonly string[],
    now: Date,
  ): Promise<void> {
    if (annulled.length > 0) await this.alerts.resolve(tx, 'usageHeld', annulled);
    await this.tellWaiting(tx, planned, now);
    const closed = drafts.filter(({ row }) => row.state === 'closed');
    if (closed.length > 0) await this.tellClosed(tx, planned, closed, now);
    await this.tellStale(tx, drafts);
    for (const draft of drafts) if (draft.trimmedUnits > 0n) await this.alerts.raise(tx, trimmedAlertOf(draft));
  }

  /** Hours of contracts that were sealed with an earlier answer of AWS. */
  private async tellStale(tx: LedgerSql, drafts: readonly RecordDraft[]): Promise<void> {
    const counted = drafts.filter(({ row }) => row.included_by !== null);
    const stale = counted.filter(({ row }) => row.included_by?.isStale === true);
    for (const customerId of new Set(stale.map(({ row }) => row.customer_id))) {
      const own = stale.filter(({ row }) => row.customer_id === customerId);
      const hours = own.map(({ row }) => `${row.dimension} ${row.hour ?? ''}`);
      await this.alerts.raise(tx, {
        kind: 'includedStale',
        subject: customerId,
        severity: 'warning',
        message:
          `Included units of ${hours.slice(0, 3).join(', ')}${hours.length > 3 ? ', …' : ''} were counted with AWS’s ` +
          `answer of ${own.at(-1)?.row.included_by?.asOf ?? ''}: GetEntitlements could not be asked since.`,
        details: { customerId, recordIds: own.slice(0, 50).map(({ row }) => row.id) },
      });
    }
    const fresh = new Set(counted.filter((draft) => !stale.includes(draft)).map(({ row }) => row.customer_id));
    for (const { row } of stale) fresh.delete(row.customer_id);
    if (fresh.size > 0) await this.alerts.resolve(tx, 'includedStale', [...fresh]);
  }

  async tellBilledElsewhere(tx: LedgerSql, rows: readonly MovableRow[]): Promise<void> {
    const byCustomer = new Map<string, MovableRow[]>();
    for (const row of rows) byCustomer.set(row.customer_id, [...(byCustomer.get(row.customer_id) ?? []), row]);
    for (const [customerId, some] of [...byCustomer].sort(byKey)) {
      const units = some.map(
        ({ quantity, dimension, hour }) => `${quantity} of ${dimension} (${hour?.toISOString() ?? ''})`,
      );
      await this.alerts.raise(tx, {
        kind: 'billedElsewhere',
        subject: customerId,
        severity: 'critical',
        message:
          'AWS has billed, or may have, usage under an agreement that by what is known now was not in force: ' +
          units.slice(0, 5).join('; ') +
          `${units.length > 5 ? '; …' : ''}. It is not billed again. If it is wrong, refund it and rebill it ` +
          'under the right agreement.',
        details: { customerId, recordIds: some.slice(0, 50).map(({ id }) => id) },
      });
    }
  }

  private async tellWaiting(tx: LedgerSql, planned: readonly PlannedCustomer[], now: Date): Promise<void> {
    const waiting = new Map<string, Alert>();
    for (const { customer, plan } of planned) {
      const byReason = new Map<WaitingReason, Rollup[]>();
      for (const { rollup, reason } of plan.waits) {
        const after = ALERT_AFTER_MS[reason];
        if (after === undefined || plusMs(rollup.waitingSince ?? now, after) > now) continue;
        const list = byReason.get(reason);
        if (list) list.push(rollup);
        else byReason.set(reason, [rollup]);
      }
      for (const [reason, rollups] of byReason) {
        waiting.set(`${customer.customerId}/${reason}`, waitingAlertOf(customer, reason, rollups));
      }
    }
    const open = await tx.query<{ kind: 'usageWaiting' | 'sealSkipped'; subject: string }>(
      `SELECT a.kind, a.subject FROM unnest($2::text[]) AS c (id) CROSS JOIN LATERAL (
         SELECT kind, subject FROM marketplace.alert
         WHERE seller_account = $1 AND resolved_at IS NULL AND (
           (kind = 'usageWaiting' AND subject > c.id || '/' AND subject < c.id || '0') OR (kind = 'sealSkipped'
             AND subject = c.id)) OFFSET 0) AS a`,
      [this.sellerAccount, planned.map(({ customer }) => customer.customerId)],
    );
    for (const kind of ['usageWaiting', 'sealSkipped'] as const) {
      const over = open.filter(
        (alert) => alert.kind === kind && !(kind === 'usageWaiting' && waiting.has(alert.subject)),
      );
      const subjects = over.map(({ subject }) => subject);
      if (subjects.length > 0) await this.alerts.resolve(tx, kind, subjects);
    }
    for (const [, alert] of [...waiting].sort(byKey)) await this.alerts.raise(tx, alert);
  }

  private async tellClosed(
    tx: LedgerSql,
    planned: readonly PlannedCustomer[],
    closed: readonly RecordDraft[],
    now: Date,
  ): Promise<void> {
    await this.outbox.append(
      tx,
      closed.map(({ row }): NewMarketplaceEvent<'metering.closed'> => ({
        type: 'metering.closed',
        subscriptionId: row.subscription_id,
        recordId: row.id,
        occurredAt: now,
        payload: {
          productCode: row.product_code,
          dimension: row.dimension,
          hour: row.hour,
          quantity: row.quantity,
          reason: row.reason,
          disposition: row.disposition ?? 'held',
        },
      })),
    );
    for (const { customer } of planned) {
      for (const draft of closed) {
        if (draft.row.customer_id !== customer.customerId || Number(draft.row.quantity) === 0) continue;
        await this.alerts.raise(tx, closedAlertOf(customer, draft, now));
      }
    }
  }
}

function unitsOf(rollups: readonly Rollup[]): { dimension: string; quantity: string; hours: string[] }[] {
  const byDimension = new Map<string, Rollup[]>();
  for (const rollup of rollups)
    byDimension.set(rollup.dimension, [...(byDimension.get(rollup.dimension) ?? []), rollup]);
  return [...byDimension].map(([dimension, some]) => {
    const sum: Scaled = sumOf(some);
    return { dimension, quantity: formatDecimal(sum), hours: hoursOf(some) };
  });
}

function hoursOf(rollups: readonly Rollup[]): string[] {
  return [...new Set(rollups.map(({ hour }) => hour.toISOString()))].sort();
}

const inWords = (units: ReturnType<typeof unitsOf>): string =>
  units
    .map(
      ({ dimension, quantity, hours }) =>
        `${quantity} of ${dimension} (${hours.slice(0, 3).join(', ')}${hours.length > 3 ? `, … ${hours.at(-1)}` : ''})`,
    )
    .join('; ');

function waitingAlertOf(customer: CustomerTimeline, reason: WaitingReason, rollups: readonly Rollup[]): Alert {
  const units = unitsOf(rollups);
  return {
    kind: 'usageWaiting',
    subject: `${customer.customerId}/${reason}`,
    severity: 'warning',
    message: `Usage waits and is not billed (${reason}): ${inWords(units)}. ${ADVICE[reason] ?? ''}`.trim(),
    details: {
      customerId: customer.customerId,
      tenantId: customer.tenantId,
      productCode: customer.productCode,
      reason,
      units,
    },
  };
}

function closedAlertOf(customer: CustomerTimeline, { row, rollups }: RecordDraft, now: Date): Alert {
  const running = customer.subscriptions
    .filter((subscription) => spanAt(subscription, now))
    .map(({ subscriptionId }) => subscriptionId);
  const hours = hoursOf(rollups);
  const when = hours.length === 0 ? '' : ` of ${hours.slice(0, 3).join(', ')}${hours.length > 3 ? ', …' : ''}`;
  const elsewhere = running.length > 0 ? ` The tenant's running subscription: ${running.join(', ')}.` : '';
  const details = {
    ...{
      customerId: customer.customerId,
      productCode: row.product_code,
      dimension: row.dimension,
      quantity: row.quantity,
    },
    ...{ reason: row.reason, hours, subscriptionId: row.subscription_id, runningSubscriptionIds: running },
  };
  if (row.disposition === 'owed')
    return {
      kind: 'owed',
      subject: row.id,
      severity: 'critical',
      message:
        `The buyer is owed ${row.quantity.replace('-', '')} of ${row.dimension}: corrections exceed what was ` +
        `billed. Refund them and void record ${row.id}.`,
      details,
    };
  return {
    kind: 'usageHeld',
    subject: row.id,
    severity: Math.abs(Number(row.quantity)) >= 1 ? 'critical' : 'warning',
    message:
      `${row.quantity} of ${row.dimension}${when} are held and not billed (${row.reason}): ` +
      `${row.reason_message}. Rebill or write off record ${row.id}.${elsewhere}`,
    details,
  };
}

function trimmedAlertOf({ row, trimmedUnits }: RecordDraft): Alert {
  return {
    kind: 'allocationsTrimmed',
    subject: `${row.customer_id}/${row.dimension}`,
    severity: 'warning',
    message:
      `${trimmedUnits} units of ${row.dimension} in record ${row.id} lost their tags: AWS takes five tag keys ` +
      'and 2,500 allocations a record. ' +
      'They are billed untagged.',
    details: { recordId: row.id, hour: row.hour },
  };
}
