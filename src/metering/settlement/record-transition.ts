// The one place where a record changes state.
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { markCustomersChanged } from '../../subscription/chain/customer-changed.sql.js';
import { type LockedRecord } from './metering-record.sql.js';
import { type AnnulReason, annulRecords } from './record-annulment.sql.js';
import { noticeOf } from './record-notice.js';
import { type BlockedReason, type Disposition, FAILURES_BEFORE_SPLIT } from './record-outcome.js';
import { type RecordColumns, updateRecords } from './record-transition.sql.js';

/** What a record becomes. */
export type RecordTarget =
  | { state: 'sending'; leaseToken: string; leaseMs: number }
  | {
      state: 'pending';
      reason: string | null;
      message: string | null;
      /** Machine milliseconds until it may be claimed; null: when it could be claimed last time. */
      delayMs: number | null;
      consecutiveFailures: number;
      probeGroup: string | null;
    }
  | {
      state: 'metered';
      message: string | null;
      meteringRecordId: string | null;
      confirmedByDuplicate: boolean;
      /** What AWS has on file where that is another system's record; null: the record's own quantity. */
      settledQuantity: string | null;
      /** The person who found it out; null where AWS answered. */
      by: string | null;
    }
  | { state: 'blocked'; reason: BlockedReason; message: string }
  | { state: 'unknown'; reason: string; message: string }
  | {
      state: 'closed';
      disposition: Exclude<Disposition, 'annulled' | 'owed'>;
      reason: string;
      message: string;
      by: string | null;
      /** It is closed because its time has passed. */
      isExpired: boolean;
    };

/** A locked record and what becomes of it. */
export interface Transition {
  record: LockedRecord;
  to: RecordTarget;
}

/** A fresh start for a record whose cause is resolved. */
export const REQUEUED = {
  state: 'pending',
  reason: null,
  delayMs: 0,
  consecutiveFailures: 0,
  probeGroup: null,
} as const;

/**
 * A fresh start for many: together, and apart from others. If AWS refuses them again they neither sink the batches of
 * others nor come before them.
 */
export function requeuedApart(): Omit<typeof REQUEUED, 'consecutiveFailures' | 'probeGroup'> & {
  consecutiveFailures: number;
  probeGroup: string;
} {
  return { ...REQUEUED, consecutiveFailures: FAILURES_BEFORE_SPLIT, probeGroup: randomUUID() };
}

/**
 * The one place where a record changes state, for claims and answers, deadlines and operators alike: the row, what
 * handlers are told, and that its customer is planned anew, in the transaction that holds its lock. Which states follow
 * which, the database knows.
 */
@Injectable()
export class RecordTransitions {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly outbox: Outbox,
  ) {}

  async apply(tx: LedgerSql, transitions: readonly Transition[], now: Date): Promise<void> {
    const { sellerAccount } = this.options;
    await updateRecords(tx, sellerAccount, now, transitions.map(columnsOf));
    await this.outbox.append(
      tx,
      transitions.flatMap((transition) => noticesOf(transition, now)),
    );
    const replanned = transitions.filter(mayPlanOtherwise).map(({ record }) => record.customer_id);
    await markCustomersChanged(tx, sellerAccount, replanned);
    for (const { to } of transitions) {
      if (to.state !== 'pending' && to.state !== 'sending') settled(tx, to.state, 'reason' in to ? to.reason : '');
    }
  }

  /**
   * Annuls records that are known not to be billed: their rollups wait again, and are planned anew.
   * @returns those that were annulled; the others AWS may have billed
   */
  async annul(
    tx: LedgerSql,
    records: readonly LockedRecord[],
    why: { reason: AnnulReason; isExpired: boolean; by: string | null },
    now: Date,
  ): Promise<LockedRecord[]> {
    if (records.length === 0) return [];
    const ids = records.map((record) => record.id);
    const annulledIds = new Set(await annulRecords(tx, this.options.sellerAccount, ids, why.reason, now, why.by));
    const annulled = records.filter((record) => annulledIds.has(record.id));
    await this.outbox.append(
      tx,
      annulled.map((record) => closedNotice(record, { ...why, disposition: 'annulled' }, now)),
    );
    annulled.forEach(() => {
      settled(tx, 'closed', why.reason);
    });
    return annulled;
  }
}

function columnsOf({ record, to }: Transition): RecordColumns {
  const base: RecordColumns = {
    id: record.id,
    state: to.state,
    reason: 'reason' in to ? to.reason : null,
    message: 'message' in to ? to.message : null,
    disposition: null,
    closedBy: null,
    leaseMs: null,
    leaseToken: null,
    delayMs: null,
    consecutiveFailures: 0,
    probeGroup: null,
    meteringRecordId: null,
    confirmedByDuplicate: false,
    settledQuantity: null,
  };
  switch (to.state) {
    case 'sending': {
      const { consecutive_failures: consecutiveFailures, probe_group: probeGroup } = record;
      return {
        ...base,
        leaseMs: to.leaseMs,
        leaseToken: to.leaseToken,
        consecutiveFailures,
        probeGroup,
        reason: record.reason,
      };
    }
    case 'pending':
      return { ...base, delayMs: to.delayMs, consecutiveFailures: to.consecutiveFailures, probeGroup: to.probeGroup };
    case 'metered': {
      const { meteringRecordId, confirmedByDuplicate, settledQuantity, by } = to;
      return { ...base, meteringRecordId, confirmedByDuplicate, settledQuantity, closedBy: by };
    }
    case 'closed':
      return { ...base, disposition: to.disposition, closedBy: to.by };
    default:
      return base;
  }
}

function noticesOf({ record, to }: Transition, now: Date): NewMarketplaceEvent[] {
  const about = { subscriptionId: record.subscription_id, recordId: record.id, occurredAt: now };
  switch (to.state) {
    case 'blocked': {
      const type = to.reason === 'conflict' ? 'metering.conflict' : 'metering.blocked';
      return [{ type, ...about, payload: noticeOf(record, to.reason) }];
    }
    case 'unknown':
      return [{ type: 'metering.unknown', ...about, payload: noticeOf(record, to.reason) }];
    case 'closed':
      return [closedNotice(record, to, now)];
    default:
      return [];
  }
}

function closedNotice(
  record: LockedRecord,
  why: { reason: string; disposition: Disposition; isExpired: boolean },
  now: Date,
): NewMarketplaceEvent<'metering.expired' | 'metering.closed'> {
  return {
    type: why.isExpired ? 'metering.expired' : 'metering.closed',
    subscriptionId: record.subscription_id,
    recordId: record.id,
    payload: { ...noticeOf(record, why.reason), disposition: why.disposition },
    occurredAt: now,
  };
}

/**
 * Whether planning may answer otherwise: a record that was in the air while facts moved its usage could not be annulled
 * then. One that AWS takes at the first try, which is nearly all, has been in the air for so short a time that its next
 * planning sees it.
 */
function mayPlanOtherwise({ record, to }: Transition): boolean {
  return to.state !== 'sending' && !(to.state === 'metered' && record.attempt_count <= 1);
}

function settled(tx: LedgerSql, state: string, reason: string): void {
  const count = (): void => {
    countMetric('marketplace.records.settled', 1, { state, reason });
  };
  if (tx.afterCommit) tx.afterCommit(count);
  else count();
}
