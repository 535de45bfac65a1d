import { type LedgerSql } from '../database/ledger-database.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { type OpenRecord } from './look-plan.js';

/** An open record with what a report says of it. */
export interface OpenRecordRow extends OpenRecord {
  productCode: string;
  dimension: string;
  quantity: string;
  state: 'unknown' | 'blocked';
  reason: string | null;
}

/**
 * Records whose outcome the log may tell: unknown, or blocked while AWS may have them or has something else. Those that
 * were looked for longest ago first. No lock.
 */
export function selectOpenRecords(
  sql: LedgerSql,
  sellerAccount: string,
  {
    operations,
    ids = null,
    limit,
  }: { operations: readonly MeteringOperation[]; ids?: readonly string[] | null; limit: number },
): Promise<OpenRecordRow[]> {
  return sql
    .query<OpenRecordRow>(
      `WITH open AS (
       SELECT * FROM marketplace.metering_record WHERE seller_account = $1 AND state = 'unknown'
       UNION ALL
       SELECT * FROM marketplace.metering_record r WHERE seller_account = $1 AND state = 'blocked' AND EXISTS (
         SELECT FROM marketplace.attempt_record e WHERE e.seller_account = $1 AND e.record_id = r.id
           AND e.evidence IN ('uncertain', 'conflict'))
     ), chosen AS (
       SELECT r.*, l.looked_at FROM open r
       LEFT JOIN marketplace.audit_look l ON l.seller_account = r.seller_account AND l.record_id = r.id
       WHERE r.kind = 'hour' AND r.mode = 'live' AND r.operation = ANY ($2) AND ($3::uuid[] IS NULL OR r.id = ANY ($3))
       ORDER BY l.looked_at NULLS FIRST, r.id LIMIT $4
     )
     SELECT r.id, r.operation, r.hour, r.product_code AS "productCode", r.dimension, r.quantity::text, r.state, r.reason,
       r.looked_at AS "lookedAt", to_jsonb(ARRAY(
         -- A region has a call budget once it was called.
         SELECT region FROM marketplace.call_budget WHERE seller_account = $1 AND operation = r.operation
         UNION
         SELECT a.region FROM marketplace.attempt_record e JOIN marketplace.attempt a
           ON a.seller_account = e.seller_account AND a.id = e.attempt_id
         WHERE e.seller_account = $1 AND e.record_id = r.id ORDER BY region)) AS regions,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'at', a.claimed_at, 'evidence', e.evidence)
          ORDER BY a.position), '[]')
        FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.seller_account = e.seller_account
          AND a.id = e.attempt_id
        WHERE e.seller_account = $1 AND e.record_id = r.id) AS attempts
     FROM chosen r ORDER BY r.looked_at NULLS FIRST, r.id`,
      [sellerAccount, operations, ids, limit],
    )
    .then((rows) =>
      rows.map((row) => ({ ...row, attempts: row.attempts.map((one) => ({ ...one, at: new Date(one.at) })) })),
    );
}

export async function noteLooks(
  sql: LedgerSql,
  sellerAccount: string,
  recordIds: readonly string[],
  at: Date,
): Promise<void> {
  if (recordIds.length === 0) return;
  await sql.query(
    `INSERT INTO marketplace.audit_look (seller_account, record_id, looked_at)
     SELECT $1, id, $3 FROM unnest($2::uuid[]) AS given (id) ORDER BY id
     ON CONFLICT (seller_account, record_id) DO UPDATE SET looked_at = excluded.looked_at`,
    [sellerAccount, recordIds, at.toISOString()],
  );
}

/** Where this ledger has ever sent usage. */
export function selectCalledPlaces(
  sql: LedgerSql,
  sellerAccount: string,
): Promise<{ operation: MeteringOperation; region: string }[]> {
  return sql.query(
    `SELECT operation, region FROM marketplace.call_budget
     WHERE seller_account = $1 AND operation IN ('BatchMeterUsage', 'MeterUsage') ORDER BY operation, region`,
    [sellerAccount],
  );
}
