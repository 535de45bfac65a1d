import { type LedgerSql } from '../database/ledger-database.js';
import { HOUR_MS, plusMs } from '../runtime/clock.js';
import { type StandingRecord, type TakenEntry } from './incident.js';
import { COMPARED_IDENTITY, digestOfResource } from './trail-store.sql.js';
import { type Interval } from './trail-coverage.js';

/** Hours in which the log or the ledger has something that AWS took, in order. */
export async function selectComparedHours(
  sql: LedgerSql,
  sellerAccount: string,
  { from, to }: Interval,
): Promise<Date[]> {
  const rows = await sql.query<{ hour: Date }>(
    `SELECT hour FROM marketplace.trail_entry WHERE seller_account = $1 AND hour >= $2 AND hour < $3
     UNION
     SELECT hour FROM marketplace.metering_record WHERE seller_account = $1 AND hour >= $2 AND hour < $3
       AND state = 'metered'
     ORDER BY hour`,
    [sellerAccount, from.toISOString(), to.toISOString()],
  );
  return rows.map(({ hour }) => hour);
}

/** The account behind a license or a CustomerIdentifier, as far as the ledger knows it: digest. */
const ACCOUNT_OF_BUYER = `SELECT n.digest FROM marketplace.buyer b
  JOIN marketplace.buyer same ON same.seller_account = b.seller_account
    AND coalesce(same.alias_of, same.id) = coalesce(b.alias_of, b.id)
  JOIN marketplace.buyer_name n ON n.seller_account = same.seller_account AND n.buyer_id = same.id
    AND n.kind = 'account'`;

/** Every `Success` of one hour, with product and buyer as far as they are known. */
export async function selectTakenEntries(sql: LedgerSql, sellerAccount: string, hour: Date): Promise<TakenEntry[]> {
  const rows = await sql.query<Omit<TakenEntry, 'quantity'> & { quantity: string }>(
    `WITH sender AS (
       SELECT ${digestOfResource('r.resource_id')} AS digest FROM marketplace.metering_record r
       WHERE r.seller_account = $1 AND r.hour >= $2::timestamptz - interval '1 day'
         AND r.hour < $2::timestamptz + interval '1 day' AND r.resource_id IS NOT NULL
       UNION
       SELECT ${digestOfResource('w.resource_id')} FROM marketplace.metering_sender w WHERE w.seller_account = $1
     )
     SELECT e.event_id AS "eventId", product.code AS "productCode", e.kind, encode(e.digest, 'hex') AS digest,
       encode(coalesce(e.account_digest, CASE e.kind
         WHEN 'account' THEN e.digest
         WHEN 'customerIdentifier' THEN (${ACCOUNT_OF_BUYER} WHERE b.seller_account = $1 AND b.id = (
           SELECT c.buyer_id FROM marketplace.buyer_name c WHERE c.seller_account = $1
             AND c.product_code = product.code AND c.kind = 'customerIdentifier' AND c.digest = e.digest)
           ORDER BY n.digest LIMIT 1)
         WHEN 'license' THEN (${ACCOUNT_OF_BUYER} WHERE b.seller_account = $1 AND b.id = (
           SELECT g.buyer_id FROM marketplace.agreement_name l JOIN marketplace.agreement g
             ON g.seller_account = l.seller_account AND g.id = l.agreement_id
           WHERE l.seller_account = $1 AND l.kind = 'license' AND l.digest = e.digest AND g.buyer_id IS NOT NULL
           ORDER BY g.id LIMIT 1)
           ORDER BY n.digest LIMIT 1)
       END), 'hex') AS account,
       e.region, e.dimension, e.quantity::text, e.metering_record_id AS "meteringRecordId",
       (e.kind = 'license' AND e.product_code IS NOT NULL) AS "isNamedTwice", e.at,
       CASE e.operation WHEN 'MeterUsage' THEN (
         SELECT x.record_id FROM marketplace.trail_event v JOIN marketplace.attempt_record x
           ON x.seller_account = v.seller_account AND x.attempt_id = v.attempt_id
         WHERE v.seller_account = $1 AND v.id = e.event_id LIMIT 1) END AS "recordId",
       (e.kind = 'resource' AND e.digest NOT IN (SELECT digest FROM sender)) AS "isOthers"
     FROM marketplace.trail_entry e
     CROSS JOIN LATERAL (SELECT coalesce(e.product_code, CASE e.kind WHEN 'license' THEN coalesce(
       (SELECT g.product_code FROM marketplace.agreement_name l JOIN marketplace.agreement g
          ON g.seller_account = l.seller_account AND g.id = l.agreement_id
        WHERE l.seller_account = $1 AND l.kind = 'license' AND l.digest = e.digest LIMIT 1),
       (SELECT i.product_code FROM marketplace.product p JOIN marketplace.metering_identity i
          ON i.product_code = p.product_code AND i.kind = 'license' AND i.digest = e.digest
        WHERE p.seller_account = $1 LIMIT 1)) END) AS code) AS product
     WHERE e.seller_account = $1 AND e.hour = $2 AND e.answer = 'Success'
     ORDER BY e.event_id, e.position`,
    [sellerAccount, hour.toISOString()],
  );
  // What names an attempt of ours is ours, whatever its session is called.
  return rows.map((row) => ({
    ...row,
    quantity: Number(row.quantity),
    isOthers: row.isOthers && row.recordId === null,
  }));
}

/** Live records of one hour that stand. */
export async function selectStandingRecords(
  sql: LedgerSql,
  sellerAccount: string,
  hour: Date,
): Promise<StandingRecord[]> {
  const rows = await sql.query<Omit<StandingRecord, 'quantity'> & { quantity: string }>(
    `SELECT r.id, r.product_code AS "productCode", ${COMPARED_IDENTITY}, r.region, r.dimension,
       r.state, coalesce(r.settled_quantity, r.quantity)::text AS quantity
     FROM marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id
     WHERE r.seller_account = $1 AND r.hour >= $2 AND r.hour < $3 AND r.kind = 'hour' AND r.mode = 'live'
       AND r.disposition IS DISTINCT FROM 'annulled'`,
    [sellerAccount, hour.toISOString(), plusMs(hour, HOUR_MS).toISOString()],
  );
  return rows.map((row) => ({ ...row, quantity: Number(row.quantity) }));
}
