import { type LedgerSql } from '../database/ledger-database.js';
import { type DoubtfulEvent } from './absence.js';
import { type Interval } from './trail-coverage.js';

/** Events of an interval of which nobody knows the content. */
export function selectUnclearEvents(
  sql: LedgerSql,
  sellerAccount: string,
  { from, to }: Interval,
  limit: number,
): Promise<(DoubtfulEvent & { kind: 'omitted' | 'unreadable'; requestId: string | null; why: string | null })[]> {
  return sql.query(
    `SELECT id AS "eventId", region, at, attempt_id AS "attemptId", content AS kind, request_id AS "requestId", why
     FROM marketplace.trail_event
     WHERE seller_account = $1 AND content <> 'read' AND at >= $2 AND at < $3 ORDER BY at, id LIMIT $4`,
    [sellerAccount, from.toISOString(), to.toISOString(), limit],
  );
}

/**
 * Events of which nobody knows the content, and that may be a call of these attempts: by their id, or within their
 * windows where they name none. What names another attempt, of this or another ledger, is left out here: a bounded list
 * must not be filled by what says nothing.
 */
export function selectUnclearEventsOf(
  sql: LedgerSql,
  sellerAccount: string,
  windows: readonly Interval[],
  attemptIds: readonly string[],
  limit: number,
): Promise<DoubtfulEvent[]> {
  return sql.query<DoubtfulEvent>(
    `SELECT id AS "eventId", region, at, attempt_id AS "attemptId", content AS kind FROM marketplace.trail_event
     WHERE seller_account = $1 AND content <> 'read' AND at >= ($2::timestamptz[])[1] AND at < ($3::timestamptz[])[$4]
       AND (attempt_id = ANY ($5::uuid[]) OR attempt_id IS NULL AND EXISTS (
         SELECT FROM unnest($2::timestamptz[], $3::timestamptz[]) AS called (from_at, to_at)
         WHERE at >= called.from_at AND at < called.to_at))
     ORDER BY at, id LIMIT $6`,
    [
      sellerAccount,
      windows.map(({ from }) => from.toISOString()),
      windows.map(({ to }) => to.toISOString()),
      windows.length,
      attemptIds,
      limit,
    ],
  );
}

/** What AWS answered about a record to calls of ours that are not known to be refused. */
export function selectAnswersOf(sql: LedgerSql, sellerAccount: string, recordId: string): Promise<DoubtfulEvent[]> {
  return sql.query<DoubtfulEvent>(
    `SELECT DISTINCT e.id AS "eventId", e.region, e.at, x.attempt_id AS "attemptId", 'answered' AS kind
     FROM marketplace.attempt_record x
     JOIN marketplace.attempt a ON a.seller_account = x.seller_account AND a.id = x.attempt_id
     JOIN marketplace.metering_record r ON r.seller_account = x.seller_account AND r.id = x.record_id
     LEFT JOIN marketplace.metering_identity i ON i.id = r.identity_id
     JOIN marketplace.trail_event e ON e.seller_account = x.seller_account
       AND e.at BETWEEN a.claimed_at - interval '10 minutes' AND a.claimed_at + interval '10 minutes'
       AND (e.attempt_id = a.id OR e.request_id = a.aws_request_id)
     LEFT JOIN marketplace.trail_entry n ON n.seller_account = e.seller_account AND n.event_id = e.id
       AND n.dimension = r.dimension AND n.hour = r.hour
       AND (e.operation = 'MeterUsage' OR i.digest IN (n.digest, n.account_digest))
     WHERE x.seller_account = $1 AND x.record_id = $2 AND x.evidence <> 'refused' AND e.content = 'read'
       AND (e.error_code IS NOT NULL OR n.event_id IS NOT NULL)`,
    [sellerAccount, recordId],
  );
}
