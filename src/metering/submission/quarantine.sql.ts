import { idsOfLiving } from '../../database/alias-ids.sql.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { type CauseScope } from '../settlement/record-outcome.js';

/**
 * SQL of quarantined causes. Their rows are locked last but for alerts: after records, balances and subscriptions.
 */

/**
 * What AWS refuses as a whole: a product, one of its dimensions, or a metering identity (`key` is its row id). `reason`:
 * what it has refused for one reason, with nothing else in common.
 */
export interface QuarantinedCause {
  product_code: string;
  scope: CauseScope;
  key: string;
  reason: string;
}

/** Whose probe's turn it is. */
export interface ProbedCause extends QuarantinedCause {
  /** This probe's number, from 1. */
  probe_count: number;
}

/**
 * Causes that stand against records of these identities or dimensions, and those of these reasons alone. Takes no lock: a cause that comes or goes marks
 * its customers as changed.
 */
export function causesAgainst(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  identityIds: readonly string[],
  dimensions: readonly string[],
  reasons: readonly string[],
): Promise<QuarantinedCause[]> {
  return tx.query<QuarantinedCause>(
    `SELECT product_code, scope, key, reason FROM marketplace.quarantined_cause
     WHERE seller_account = $1 AND product_code = $2
       AND (scope, key) IN (SELECT 'product', $2 UNION ALL SELECT 'identity', id::text FROM unnest($3::uuid[]) AS id
                            UNION ALL SELECT 'dimension', name FROM unnest($4::text[]) AS name
                            UNION ALL SELECT 'reason', name FROM unnest($5::text[]) AS name)`,
    [sellerAccount, productCode, identityIds, dimensions, reasons],
  );
}

/**
 * AWS has judged a record of it lately, and the call was no refusal: it does not refuse the cause as a whole. Machine
 * time.
 */
export async function wasJudgedLately(
  tx: LedgerSql,
  sellerAccount: string,
  { product_code: productCode, scope, key }: QuarantinedCause,
  withinMs: number,
): Promise<boolean> {
  const [row] = await tx.query<{ judged: boolean }>(
    `SELECT EXISTS (
       SELECT FROM marketplace.attempt a
       JOIN marketplace.attempt_record e ON e.seller_account = a.seller_account AND e.attempt_id = a.id
       JOIN marketplace.metering_record r ON r.seller_account = e.seller_account AND r.id = e.record_id
       WHERE a.seller_account = $1 AND a.product_code = $2
         AND a.answered_at > clock_timestamp() - $5::float8 * interval '1 millisecond'
         AND a.error_code IS NULL AND e.evidence <> 'uncertain'
         AND CASE $3::text WHEN 'product' THEN true WHEN 'dimension' THEN r.dimension = $4::text
           WHEN 'identity' THEN r.identity_id::text = $4::text ELSE false END) AS judged`,
    [sellerAccount, productCode, scope, key, withinMs],
  );
  return row?.judged === true;
}

/** Another record of its buyer and dimension is refused so already, while AWS takes the same of others. */
export async function isRefusedAlone(
  tx: LedgerSql,
  sellerAccount: string,
  { product_code: productCode, scope, key, reason }: QuarantinedCause,
  record: LockedRecord,
): Promise<boolean> {
  const [row] = await tx.query<{ refused: boolean }>(
    `SELECT EXISTS (SELECT FROM marketplace.quarantined_cause
         WHERE seller_account = $1 AND product_code = $2 AND scope = $3 AND key = $4)
       AND EXISTS (SELECT FROM marketplace.metering_record
         WHERE identity_id = $5 AND dimension = $6 AND hour >= $7::timestamptz - interval '2 days' AND kind = 'hour'
           AND disposition IS DISTINCT FROM 'annulled' AND state = 'blocked' AND reason = $8 AND id <> $9) AS refused`,
    [
      ...[sellerAccount, productCode, scope, key],
      ...[record.identity_id, record.dimension, record.hour?.toISOString() ?? null, reason, record.id],
    ],
  );
  return row?.refused === true;
}

/**
 * AWS has taken a later hour of another period under its identity: what it refuses now, it refuses of an agreement that
 * is over, and not of the account that goes on.
 */
export async function wasTakenAfter(tx: LedgerSql, record: LockedRecord): Promise<boolean> {
  const [row] = await tx.query<{ taken: boolean }>(
    `SELECT EXISTS (SELECT FROM marketplace.metering_record
       WHERE identity_id = $1 AND hour > $2 AND period_id <> $3 AND kind = 'hour' AND mode = 'live'
         AND disposition IS DISTINCT FROM 'annulled' AND state = 'metered') AS taken`,
    [record.identity_id, record.hour?.toISOString() ?? null, record.period_id],
  );
  return row?.taken === true;
}

export async function insertCause(
  tx: LedgerSql,
  sellerAccount: string,
  cause: QuarantinedCause,
  probeAfterMs: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.quarantined_cause (seller_account, product_code, scope, key, reason, next_probe_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond') ON CONFLICT DO NOTHING`,
    [sellerAccount, cause.product_code, cause.scope, cause.key, cause.reason, probeAfterMs],
  );
}

export async function deleteCause(tx: LedgerSql, sellerAccount: string, cause: QuarantinedCause): Promise<void> {
  await tx.query(
    `DELETE FROM marketplace.quarantined_cause WHERE seller_account = $1 AND product_code = $2 AND scope = $3
      AND key = $4`,
    [sellerAccount, cause.product_code, cause.scope, cause.key],
  );
}

/**
 * Takes the cause whose probe is longest due and puts its next probe off, doubling, so that a probe that dies is not
 * repeated at once. MATERIALIZED: as a subquery it may be run for each cause anew, and then passes by the one that this
 * statement has just changed and finds the next.
 * @param retryBefore machine time, as text of the database: a Date would cut off its microseconds
 */
export async function claimCause(
  tx: LedgerSql,
  sellerAccount: string,
  retryBefore: string,
  productCode: string,
  pace: { intervalMs: number; capMs: number },
): Promise<ProbedCause | undefined> {
  const [cause] = await tx.query<ProbedCause>(
    `WITH due AS MATERIALIZED (
       SELECT scope, key FROM marketplace.quarantined_cause
       WHERE seller_account = $1 AND product_code = $2 AND next_probe_at <= $5
       ORDER BY next_probe_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE marketplace.quarantined_cause q
     SET probe_count = q.probe_count + 1,
         next_probe_at = clock_timestamp() + least($4::float8, $3::float8 * 2 ^ least(q.probe_count + 1, 30)) *
           interval '1 millisecond'
     FROM due
     WHERE q.seller_account = $1 AND q.product_code = $2 AND q.scope = due.scope AND q.key = due.key
     RETURNING q.product_code, q.scope, q.key, q.reason, q.probe_count`,
    [sellerAccount, productCode, pace.intervalMs, pace.capMs, retryBefore],
  );
  return cause;
}

/** Its next probe comes no later than after the interval, however many there were. Its row is locked by this claim. */
export async function hastenProbe(
  tx: LedgerSql,
  sellerAccount: string,
  cause: QuarantinedCause,
  intervalMs: number,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.quarantined_cause
     SET next_probe_at = least(next_probe_at, clock_timestamp() + $5::float8 * interval '1 millisecond')
     WHERE seller_account = $1 AND product_code = $2 AND scope = $3 AND key = $4`,
    [sellerAccount, cause.product_code, cause.scope, cause.key, intervalMs],
  );
}

/** Dimensions whose usage AWS is told under that name: what exceeds a contract may be billed under another. */
const idsBilledAs = (name: string): string => `ARRAY(SELECT d.id FROM marketplace.dimension d
  WHERE d.seller_account = $1 AND d.product_code = $2 AND coalesce(d.billed_as, d.name) = ${name})`;

/**
 * Customers with usage that waits because of a cause: planned again once it is resolved. Records are those of whoever has
 * the subscription now; tenants who had it before may have usage that waits, and no record.
 */
export async function customersWaitingFor(
  tx: LedgerSql,
  sellerAccount: string,
  cause: QuarantinedCause,
): Promise<string[]> {
  const waiting = (which: string): string => `SELECT DISTINCT s.customer_id FROM marketplace.subject s
    WHERE s.seller_account = $1 AND s.product_code = $2 AND s.customer_id IS NOT NULL AND EXISTS (
      SELECT FROM marketplace.rollup r WHERE r.subject = s.id AND r.record_id IS NULL AND NOT r.is_split AND ${which})`;
  const statements: Record<CauseScope, string> = {
    identity: `WITH refused AS MATERIALIZED (
        SELECT DISTINCT customer_id, subscription_id FROM marketplace.metering_record
        WHERE seller_account = $1 AND product_code = $2 AND identity_id = $3::uuid)
      SELECT customer_id FROM refused
      UNION
      SELECT c.id FROM refused r
      JOIN marketplace.claim l ON l.seller_account = $1
        AND l.subscription_id = ANY (${idsOfLiving('subscription', 'r.subscription_id')}) AND l.undone_at IS NULL
      JOIN marketplace.customer c ON c.seller_account = $1 AND c.product_code = $2 AND c.tenant_id = l.tenant_id`,
    product: waiting(`r.waiting_reason = 'refused' AND $3 <> ''`),
    dimension: waiting(`r.waiting_reason = 'refused' AND r.dimension = ANY (${idsBilledAs('$3')})`),
    reason: `SELECT DISTINCT s.customer_id FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject
      WHERE r.refused_for = $3 AND r.record_id IS NULL AND NOT r.is_split AND s.seller_account = $1
        AND s.product_code = $2 AND s.customer_id IS NOT NULL`,
  };
  const rows = await tx.query<{ customer_id: string }>(statements[cause.scope], [
    sellerAccount,
    cause.product_code,
    cause.key,
  ]);
  return rows.map((row) => row.customer_id);
}

/**
 * Usage waits that only AWS sets free, by taking other usage of the cause: it has expired twice while AWS refused all
 * like it; or AWS refused it for its contents, and would again.
 */
export async function isAwaited(
  tx: LedgerSql,
  sellerAccount: string,
  { product_code: productCode, scope, key }: QuarantinedCause,
): Promise<boolean> {
  const [row] = await tx.query<{ awaited: boolean }>(
    scope === 'reason'
      ? `SELECT EXISTS (
           SELECT FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject
           WHERE r.refused_for = $3 AND r.record_id IS NULL AND NOT r.is_split AND s.seller_account = $1
             AND s.product_code = $2) AS awaited`
      : `SELECT EXISTS (
           SELECT FROM marketplace.subject s
           JOIN marketplace.rollup r ON r.subject = s.id AND r.record_id IS NULL AND NOT r.is_split
             AND coalesce(r.waiting_reason, 'refused') = 'refused'
           WHERE s.seller_account = $1 AND s.product_code = $2
             AND CASE $4::text WHEN 'product' THEN true
               WHEN 'dimension' THEN r.dimension = ANY (${idsBilledAs('$3')})
               ELSE s.customer_id = ANY (ARRAY(SELECT m.customer_id FROM marketplace.metering_record m
                 WHERE m.identity_id = CASE $4 WHEN 'identity' THEN $3::uuid END)) END
             AND (SELECT count(*) FROM marketplace.annulled_rollup a
                  JOIN marketplace.metering_record m ON m.seller_account = a.seller_account AND m.id = a.record_id
                  WHERE a.rollup_id = r.id AND m.reason = 'expired') >= 2) AS awaited`,
    scope === 'reason' ? [sellerAccount, productCode, key] : [sellerAccount, productCode, key, scope],
  );
  return row?.awaited === true;
}
