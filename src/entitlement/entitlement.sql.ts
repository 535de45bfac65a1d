import { type LedgerSql } from '../database/ledger-database.js';
import { type Snapshot } from './snapshot-rule.js';
import { idsOfLiving } from '../database/alias-ids.sql.js';

export type SnapshotRow = Snapshot;

/** The agreement whose entitlements are meant, with the names by which AWS can be asked. */
export interface HolderRow {
  subscription_id: string;
  product_code: string;
  agreement_id: string;
  /** In the form that the API takes; null until known. */
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  /** When AWS last said that they have changed; business time. */
  changed_at: Date | null;
}

/** A holder's columns, of `subscription s` and `agreement a`. */
const HOLDER = `s.id::text AS subscription_id, s.product_code, a.id::text AS agreement_id,
       s.entitlements_changed_at AS changed_at,
       (SELECT min(n.name) FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.kind = 'license'
          AND n.agreement_id = ANY (${idsOfLiving('agreement', 'a.id')})) AS license_arn,
       (SELECT min(n.name) FROM marketplace.buyer_name n
        WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id AND n.kind = 'account') AS customer_aws_account_id,
       (SELECT min(n.name) FROM marketplace.buyer_name n
        WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id
          AND n.kind = 'customerIdentifier') AS customer_identifier`;

/** The current agreement of a subscription; before it is known which is in force, the one that was entered last. */
export async function selectHolder(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionId: string,
): Promise<HolderRow | null> {
  const [row] = await sql.query<HolderRow>(
    `SELECT ${HOLDER}
     FROM marketplace.subscription named
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = coalesce(named.alias_of, named.id)
     JOIN LATERAL (
       SELECT coalesce(x.alias_of, x.id) AS id FROM marketplace.agreement x WHERE x.seller_account = $1
         AND x.subscription_id = s.id
       ORDER BY (x.id = s.current_agreement_id) IS TRUE DESC, x.created_at DESC, x.id DESC LIMIT 1
     ) a ON true
     WHERE named.seller_account = $1 AND named.id = $2`,
    [sellerAccount, subscriptionId],
  );
  return row ?? null;
}

export async function subscriptionExists(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionId: string,
): Promise<boolean> {
  const rows = await sql.query(`SELECT FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`, [
    sellerAccount,
    subscriptionId,
  ]);
  return rows.length > 0;
}

export async function selectSnapshot(
  tx: LedgerSql,
  sellerAccount: string,
  agreementId: string,
): Promise<SnapshotRow | null> {
  const [row] = await tx.query<SnapshotRow>(
    `SELECT entitlements, fetched_at, empty_since FROM marketplace.entitlement_snapshot WHERE seller_account = $1
      AND agreement_id = $2`,
    [sellerAccount, agreementId],
  );
  return row ?? null;
}

/** An agreement whose hours wait for an answer, with the names by which AWS can be asked. */
export async function selectHolderOfAgreement(
  sql: LedgerSql,
  sellerAccount: string,
  agreementId: string,
): Promise<HolderRow | null> {
  const [row] = await sql.query<HolderRow>(
    `SELECT ${HOLDER}
     FROM marketplace.agreement given
     JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = coalesce(given.alias_of, given.id)
     JOIN marketplace.subscription named ON named.seller_account = $1 AND named.id = a.subscription_id
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = coalesce(named.alias_of, named.id)
     WHERE given.seller_account = $1 AND given.id = $2`,
    [sellerAccount, agreementId],
  );
  return row ?? null;
}

/**
 * The answer that stands, locked until the transaction ends: of two replicas that keep one at once the second waits for
 * the first, and sees what that one kept.
 */
export async function lockSnapshot(
  tx: LedgerSql,
  sellerAccount: string,
  agreementId: string,
): Promise<SnapshotRow | null> {
  // There may be no row to lock yet. The name is written as one in the schema: each schema has locks of its own.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('marketplace.entitlements ' || $1 || ' ' || $2, 0))`, [
    sellerAccount,
    agreementId,
  ]);
  return selectSnapshot(tx, sellerAccount, agreementId);
}

/** @returns whether another thing counts now, and is no longer doubted */
export async function writeSnapshot(
  tx: LedgerSql,
  sellerAccount: string,
  agreementId: string,
  before: SnapshotRow | null,
  after: SnapshotRow,
): Promise<boolean> {
  const values = [
    sellerAccount,
    agreementId,
    JSON.stringify(after.entitlements),
    after.fetched_at.toISOString(),
    after.empty_since?.toISOString() ?? null,
  ];
  const [row] = await tx.query<{ is_news: boolean }>(
    before === null
      ? `INSERT INTO marketplace.entitlement_snapshot (seller_account, agreement_id, entitlements, fetched_at, empty_since)
         VALUES ($1, $2, $3, $4, $5) RETURNING true AS is_news`
      : `UPDATE marketplace.entitlement_snapshot s SET entitlements = $3, fetched_at = $4, empty_since = $5
         FROM (SELECT entitlements FROM marketplace.entitlement_snapshot WHERE seller_account = $1
           AND agreement_id = $2) AS old
         WHERE s.seller_account = $1 AND s.agreement_id = $2
         RETURNING old.entitlements IS DISTINCT FROM s.entitlements AS is_news`,
    values,
  );
  return row?.is_news ?? false;
}

/** Agreements that hours wait for, taken for a while of machine time, so that no other replica asks for them as well. */
export function claimWanted(
  tx: LedgerSql,
  sellerAccount: string,
  { limit, leaseMs, after }: { limit: number; leaseMs: number; after: string },
): Promise<{ agreement_id: string; customer_id: string }[]> {
  return tx.query(
    `WITH free AS MATERIALIZED (
       SELECT agreement_id FROM marketplace.entitlement_wanted
       WHERE seller_account = $1 AND agreement_id > $4 AND (lease_until IS NULL OR lease_until <= clock_timestamp())
       ORDER BY agreement_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE marketplace.entitlement_wanted w SET lease_until = clock_timestamp() + $3 * interval '1 ms' FROM free
     WHERE w.seller_account = $1 AND w.agreement_id = free.agreement_id
     RETURNING w.agreement_id::text, w.customer_id::text`,
    [sellerAccount, limit, leaseMs, after],
  );
}

/** @param pauseMs how long, of machine time, nobody asks for it; null: the next run does */
export async function releaseWanted(
  tx: LedgerSql,
  sellerAccount: string,
  agreementId: string,
  pauseMs: number | null,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.entitlement_wanted SET lease_until = clock_timestamp() + $3::float8 * interval '1 ms'
     WHERE seller_account = $1 AND agreement_id = $2`,
    [sellerAccount, agreementId, pauseMs],
  );
}

export async function deleteWanted(tx: LedgerSql, sellerAccount: string, agreementId: string): Promise<void> {
  await tx.query(`DELETE FROM marketplace.entitlement_wanted WHERE seller_account = $1 AND agreement_id = $2`, [
    sellerAccount,
    agreementId,
  ]);
}
