import { type LedgerSql } from '../../database/ledger-database.js';
import { type MeteringOperation } from './deadlines.js';
import { type Evidence } from './evidence.js';
import { type Disposition, type RecordState } from './record-outcome.js';

/**
 * Reading of records and of their evidence. Order of locks in the rooms that take records to AWS and settle them:
 * metering records by id, then balances, then subscriptions by id, then quarantined causes, then alerts. Transactions
 * that would wait for each other in a circle can then only be told apart by a fault, which Postgres ends and
 * `LedgerDatabase.transaction` repeats.
 */

export interface LockedRecord {
  id: string;
  kind: 'hour' | 'closing' | 'setApart';
  customer_id: string;
  subscription_id: string | null;
  period_id: string | null;
  subject: number | null;
  identity_id: string | null;
  product_code: string;
  dimension: string;
  hour: Date | null;
  quantity: string;
  operation: MeteringOperation;
  region: string;
  /** Of MeterUsage, once it was tried: the resource that alone may try it again. */
  resource_id: string | null;
  mode: 'live' | 'dry-run' | 'off';
  state: RecordState;
  reason: string | null;
  disposition: Disposition | null;
  due_at: Date;
  cutoff_at: Date;
  lease_token: string | null;
  attempt_count: number;
  consecutive_failures: number;
  probe_group: string | null;
}

/** Columns of a `LockedRecord`, of `metering_record r`. */
export const LOCKED_COLUMNS = `r.id, r.kind, r.customer_id, r.subscription_id, r.period_id, r.subject, r.identity_id, r.product_code, r.dimension, r.hour,
  r.quantity, r.operation, r.region, r.resource_id, r.mode, r.state, r.reason, r.disposition, r.due_at, r.cutoff_at, r.lease_token, r.attempt_count, r.consecutive_failures,
  r.probe_group`;

/**
 * Locks records in the order of their ids, and waits. Every transaction that locks several records and waits for them
 * does it in this order, so two answers that share records (a late one and its successor's) queue up instead of
 * deadlocking; claims and the deadline watch never wait.
 */
export function lockRecords(tx: LedgerSql, sellerAccount: string, ids: readonly string[]): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.id = ANY ($2) ORDER BY r.id FOR NO KEY UPDATE`,
    [sellerAccount, ids],
  );
}

export interface AttemptEvidence {
  record_id: string;
  attempt_id: string;
  evidence: Evidence;
  answered: boolean;
  /** MeterUsage: the buyer had no subscription. */
  not_entitled: boolean;
}

/**
 * Evidence of all attempts on these records, in the order in which they were committed: by position, for a clock may go
 * back between two. A statement of its own, after the lock: it sees what the lock waited for.
 */
export function evidenceOfRecords(
  tx: LedgerSql,
  sellerAccount: string,
  ids: readonly string[],
): Promise<AttemptEvidence[]> {
  return tx.query<AttemptEvidence>(
    `SELECT e.record_id, e.attempt_id, e.evidence, e.answer IS NOT NULL AS answered,
       coalesce(e.answer = 'CustomerNotEntitledException', false) AS not_entitled
     FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.seller_account = e.seller_account
       AND a.id = e.attempt_id
     WHERE e.seller_account = $1 AND e.record_id = ANY ($2) ORDER BY a.position`,
    [sellerAccount, ids],
  );
}

/** The word of a person, or of an audit, about attempts that nobody else can settle. */
export async function decideEvidence(
  tx: LedgerSql,
  sellerAccount: string,
  recordId: string,
  decision: {
    evidence: Exclude<Evidence, 'uncertain'>;
    attemptIds: readonly string[];
    meteringRecordId: string | null;
    by: string;
    /** What it rests on, added to what is kept of the answer. */
    detail?: Record<string, unknown>;
  },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.attempt_record SET evidence = $4, metering_record_id = coalesce($5, metering_record_id),
      decided_by = $6, detail = CASE WHEN $7::jsonb IS NULL THEN detail ELSE coalesce(detail, '{}') || $7::jsonb END
     WHERE seller_account = $1 AND record_id = $2 AND attempt_id = ANY ($3)`,
    [
      sellerAccount,
      recordId,
      decision.attemptIds,
      decision.evidence,
      decision.meteringRecordId,
      decision.by,
      decision.detail === undefined ? null : JSON.stringify(decision.detail),
    ],
  );
}

/**
 * Where units of an annulled record are now: one row for each record that has some of them, and for each reason for
 * which others wait.
 */
export interface UnitsWhereabouts {
  record_id: string | null;
  hour: Date | null;
  state: RecordState | null;
  disposition: Disposition | null;
  waiting_reason: string | null;
  units: string;
}

export function whereaboutsOfUnits(
  tx: LedgerSql,
  sellerAccount: string,
  recordId: string,
): Promise<UnitsWhereabouts[]> {
  return tx.query<UnitsWhereabouts>(
    `WITH RECURSIVE piece AS (
       SELECT r.id, r.record_id, r.is_split, r.event_sum, r.waiting_reason
       FROM marketplace.annulled_rollup a JOIN marketplace.rollup r ON r.id = a.rollup_id WHERE a.seller_account = $1
         AND a.record_id = $2
       UNION ALL
       SELECT r.id, r.record_id, r.is_split, r.event_sum, r.waiting_reason
       FROM piece p JOIN marketplace.rollup r ON r.split_of = p.id WHERE p.is_split
     )
     SELECT p.record_id, m.hour, m.state, m.disposition, p.waiting_reason, sum(p.event_sum)::text AS units
     FROM piece p LEFT JOIN marketplace.metering_record m ON m.seller_account = $1 AND m.id = p.record_id
     WHERE NOT p.is_split GROUP BY p.record_id, m.hour, m.state, m.disposition, p.waiting_reason
       ORDER BY m.hour, p.record_id, p.waiting_reason`,
    [sellerAccount, recordId],
  );
}

/** Records that AWS has taken under these ids of its own. */
export async function meteredUnder(
  tx: LedgerSql,
  meteringIds: readonly string[],
): Promise<{ id: string; meteringId: string }[]> {
  if (meteringIds.length === 0) return [];
  const rows = await tx.query<{ id: string; metering_record_id: string }>(
    `SELECT r.id, r.metering_record_id FROM unnest($1::text[]) AS given (id)
     CROSS JOIN LATERAL (SELECT id, metering_record_id FROM marketplace.metering_record
       WHERE metering_record_id = given.id AND state = 'metered' OFFSET 0) AS r`,
    [meteringIds],
  );
  return rows.map((row) => ({ id: row.id, meteringId: row.metering_record_id }));
}
