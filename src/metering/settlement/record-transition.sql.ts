// SQL of the one place where a record changes state.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type Disposition, type RecordState } from './record-outcome.js';

/** A locked record as it is to stand. */
export interface RecordColumns {
  id: string;
  state: RecordState;
  reason: string | null;
  message: string | null;
  disposition: Disposition | null;
  closedBy: string | null;
  /** Machine milliseconds from now; null where no lease is held. */
  leaseMs: number | null;
  leaseToken: string | null;
  /** Machine milliseconds until it may be claimed; null: when it could be claimed last time. */
  delayMs: number | null;
  consecutiveFailures: number;
  probeGroup: string | null;
  meteringRecordId: string | null;
  confirmedByDuplicate: boolean;
  settledQuantity: string | null;
}

/**
 * The one statement, beside an annulment's, by which a record changes state. Records are found by ctid through a
 * LATERAL with OFFSET 0: joined plainly to an array, the planner may scan the whole ledger instead.
 */
export async function updateRecords(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  rows: readonly RecordColumns[],
): Promise<void> {
  if (rows.length === 0) return;
  const column = <K extends keyof RecordColumns>(name: K): RecordColumns[K][] => rows.map((row) => row[name]);
  await tx.query(
    `UPDATE marketplace.metering_record r
     SET state = s.state, reason = s.reason, reason_message = s.message, disposition = s.disposition,
         lease_token = s.lease_token, lease_until = clock_timestamp() + s.lease_ms * interval '1 millisecond',
         next_attempt_at = coalesce(clock_timestamp() + s.delay_ms * interval '1 millisecond', r.next_attempt_at),
         attempt_count = r.attempt_count + (s.state = 'sending')::int, consecutive_failures = s.consecutive_failures,
           probe_group = s.probe_group,
         metering_record_id = s.metering_record_id, confirmed_by_duplicate = s.confirmed_by_duplicate,
           settled_quantity = s.settled_quantity,
         metered_at = CASE s.state WHEN 'metered' THEN $2::timestamptz END,
         closed_at = CASE s.state WHEN 'closed' THEN coalesce(r.closed_at, $2::timestamptz) END,
         closed_by = coalesce(s.closed_by, r.closed_by)
     FROM (
       SELECT target.ctid AS place, change.*
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::uuid[],
         $11::float8[], $12::int[],
                   $13::uuid[], $14::text[], $15::boolean[], $16::numeric[])
         AS change (id, state, reason, message, disposition, closed_by, lease_ms, lease_token, delay_ms,
           consecutive_failures,
                    probe_group, metering_record_id, confirmed_by_duplicate, settled_quantity)
       CROSS JOIN LATERAL (SELECT ctid FROM marketplace.metering_record WHERE seller_account = $1
         AND id = change.id OFFSET 0) target
     ) s
     WHERE r.ctid = s.place`,
    [
      sellerAccount,
      now.toISOString(),
      column('id'),
      column('state'),
      column('reason'),
      column('message'),
      column('disposition'),
      column('closedBy'),
      column('leaseMs'),
      column('leaseToken'),
      column('delayMs'),
      column('consecutiveFailures'),
      column('probeGroup'),
      column('meteringRecordId'),
      column('confirmedByDuplicate'),
      column('settledQuantity'),
    ],
  );
}
