import { type LedgerSql } from '../../database/ledger-database.js';
import { reachableFrom } from './metering-sender.sql.js';
import { LOCKED_COLUMNS, type LockedRecord } from './metering-record.sql.js';

/**
 * Blocked records that may be tried again. Rows are locked in the order of ids and skipped where an answer is at them:
 * those are looked at next time.
 */

// OFFSET 0 keeps it a look-up by the whole key for each record. As an anti-join each record was compared with all causes
// of the product, as long as statistics knew of few (measured: 3,000 causes, 20,000 records, 12 s for a claim).
const standsAgainst = (scope: string, key: string): string => `EXISTS (SELECT FROM marketplace.quarantined_cause q
  WHERE q.seller_account = r.seller_account AND q.product_code = r.product_code AND q.scope = '${scope}' AND q.key = ${key} OFFSET 0)`;

/**
 * No cause stands against `metering_record r`. Three look-ups by the whole key rather than one with OR, which would
 * read all causes of the product for each record.
 */
export const UNQUARANTINED = `NOT ${standsAgainst('product', 'r.product_code')} AND NOT ${standsAgainst('dimension', 'r.dimension')}
  AND NOT ${standsAgainst('identity', 'r.identity_id::text')}`;

/** More than one cause stands against `metering_record r`: an answer to it may speak of any of them. */
export const UNDER_SEVERAL = `(${standsAgainst('product', 'r.product_code')})::int
  + (${standsAgainst('dimension', 'r.dimension')})::int + (${standsAgainst('identity', 'r.identity_id::text')})::int > 1`;

/**
 * Under which key of scope `reason` the refusal of `metering_record r` is quarantined: see submission/quarantine.ts.
 */
export const REFUSED_AS = `CASE r.reason WHEN 'invalidDimension' THEN r.reason || '/' || r.dimension
  WHEN 'invalidLicense' THEN r.reason || '/' || r.identity_id WHEN 'invalidCustomer' THEN r.reason || '/' || r.identity_id
  ELSE r.reason END`;

const UNREFUSED = `NOT ${standsAgainst('reason', REFUSED_AS)}`;

/** Those whose cause is quarantined no more. */
export function lockResolved(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  reasons: readonly string[],
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.product p
     JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
     WHERE p.seller_account = $1 AND r.state = 'blocked' AND r.reason = ANY ($3) AND r.cutoff_at > $2
       AND ${UNQUARANTINED} AND ${UNREFUSED}
     ORDER BY r.id LIMIT $4 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, now.toISOString(), reasons, limit],
  );
}

/** What AWS refused under these identities for want of a subscription: it has just taken usage of them. */
export function lockNotSubscribed(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  identityIds: readonly string[],
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.identity_id = ANY ($3) AND r.state = 'blocked' AND r.reason = 'notSubscribed'
       AND r.cutoff_at > $2
     ORDER BY r.id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED`,
    [sellerAccount, now.toISOString(), identityIds, limit],
  );
}

/**
 * What AWS refused for want of a subscription, before that was activated or reinstated. Both instants are the
 * database's.
 */
export function lockReinstated(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.product p
     JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
     WHERE p.seller_account = $1 AND r.state = 'blocked' AND r.reason = 'notSubscribed' AND r.cutoff_at > $2
       AND EXISTS (
       SELECT FROM marketplace.outbox_event e
       WHERE e.seller_account = r.seller_account AND e.subscription_id = r.subscription_id
         AND e.type = 'subscription.activated'
         AND e.created_at > (SELECT max(coalesce(a.answered_at, a.committed_at)) FROM marketplace.attempt_record x
                             JOIN marketplace.attempt a ON a.seller_account = x.seller_account AND a.id = x.attempt_id
                             WHERE x.seller_account = r.seller_account AND x.record_id = r.id))
     ORDER BY r.id LIMIT $3 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, now.toISOString(), limit],
  );
}

/**
 * The record of each product in its buyer's account that is due first, of those that AWS refused for want of a
 * subscription, where none of them was tried within the interval. Machine time.
 */
export function lockNotEntitled(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  intervalMs: number,
): Promise<LockedRecord[]> {
  const refused = (r: string): string =>
    `${r}.seller_account = p.seller_account AND ${r}.product_code = p.product_code AND ${r}.state = 'blocked'
      AND ${r}.reason = 'notSubscribed' AND ${r}.operation = 'MeterUsage'`;
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.product p
     JOIN marketplace.metering_record r ON ${refused('r')} AND r.cutoff_at > $2
     JOIN marketplace.metering_sender w ON w.seller_account = r.seller_account AND w.product_code = r.product_code
       AND ${reachableFrom('w')}
     WHERE p.seller_account = $1 AND p.type <> 'saas'
       AND r.id = (SELECT f.id FROM marketplace.metering_record f WHERE ${refused('f')} AND f.cutoff_at > $2
         ORDER BY f.due_at, f.id LIMIT 1)
       AND NOT EXISTS (
         SELECT FROM marketplace.metering_record t
         JOIN marketplace.attempt_record x ON x.seller_account = t.seller_account AND x.record_id = t.id
         JOIN marketplace.attempt a ON a.seller_account = x.seller_account AND a.id = x.attempt_id
         WHERE ${refused('t')} AND a.committed_at > clock_timestamp() - interval '1 millisecond' * $3::float8)
     FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, now.toISOString(), intervalMs],
  );
}

/** The cause of a requeued record is tried at once: a person says that it is resolved. */
export async function probeNow(tx: LedgerSql, sellerAccount: string, record: LockedRecord): Promise<void> {
  await tx.query(
    `UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp(), probe_count = 0
     WHERE seller_account = $1 AND product_code = $2
       AND (scope, key) IN (('product', $2), ('dimension', $3), ('identity', $4), ('reason', $5),
         ('reason', $5 || '/' || $3), ('reason', $5 || '/' || $4))`,
    [sellerAccount, record.product_code, record.dimension, record.identity_id, record.reason],
  );
}
