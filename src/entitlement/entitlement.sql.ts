import { type SqlExecutor } from '../database/ledger-database.js';

export interface SnapshotRow {
  entitlements: { dimension: string; value: number | boolean | string | null; expiresAt: string | null }[];
  fetched_at: Date;
}

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

/** The current agreement of a subscription; before it is known which is in force, the one that was entered last. */
export async function selectHolder(
  sql: SqlExecutor,
  sellerAccount: string,
  subscriptionId: string,
): Promise<HolderRow | null> {
  const [row] = await sql.query<HolderRow>(
    `SELECT s.id::text AS subscription_id, s.product_code, a.id::text AS agreement_id, s.entitlements_changed_at AS
      changed_at,
       (SELECT min(n.name) FROM marketplace.agreement x
        JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.agreement_id = x.id AND n.kind = 'license'
        WHERE x.seller_account = $1 AND a.id IN (x.id, x.alias_of)) AS license_arn,
       (SELECT min(n.name) FROM marketplace.buyer_name n
        WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id AND n.kind = 'account') AS customer_aws_account_id,
       (SELECT min(n.name) FROM marketplace.buyer_name n
        WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id
          AND n.kind = 'customerIdentifier') AS customer_identifier
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
  sql: SqlExecutor,
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
  tx: SqlExecutor,
  sellerAccount: string,
  agreementId: string,
): Promise<SnapshotRow | null> {
  const [row] = await tx.query<SnapshotRow>(
    `SELECT entitlements, fetched_at FROM marketplace.entitlement_snapshot WHERE seller_account = $1
      AND agreement_id = $2`,
    [sellerAccount, agreementId],
  );
  return row ?? null;
}

/**
 * The later answer stays, whichever replica stores first. Of two that store at once the second waits for the first, and
 * sees what that one stored: the row is locked before it is read, made first where there is none.
 * @returns what stood there before, null for the first answer; undefined when a later answer stands there
 */
export async function replaceSnapshot(
  tx: SqlExecutor,
  sellerAccount: string,
  agreementId: string,
  entitlements: SnapshotRow['entitlements'],
  fetchedAt: Date,
): Promise<SnapshotRow['entitlements'] | null | undefined> {
  const values = [sellerAccount, agreementId, JSON.stringify(entitlements), fetchedAt.toISOString()];
  const made = await tx.query(
    `INSERT INTO marketplace.entitlement_snapshot (seller_account, agreement_id, entitlements, fetched_at)
      VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING RETURNING agreement_id`,
    values,
  );
  if (made.length > 0) return null;
  const [before] = await tx.query<SnapshotRow>(
    `SELECT entitlements, fetched_at FROM marketplace.entitlement_snapshot WHERE seller_account = $1
      AND agreement_id = $2 FOR NO KEY UPDATE`,
    [sellerAccount, agreementId],
  );
  if (!before || before.fetched_at > fetchedAt) return undefined;
  await tx.query(
    `UPDATE marketplace.entitlement_snapshot SET entitlements = $3, fetched_at = $4 WHERE seller_account = $1
      AND agreement_id = $2`,
    values,
  );
  return before.entitlements;
}
