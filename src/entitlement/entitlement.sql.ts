import { type SqlExecutor } from '../database/ledger-database.js';

export interface SnapshotRow {
  entitlements: { dimension: string; value: number | boolean | string | null; expiresAt: string | null }[];
  fetched_at: Date;
}

export async function selectSnapshot(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<SnapshotRow | null> {
  const [row] = await tx.query<SnapshotRow>(
    `SELECT entitlements, fetched_at FROM marketplace.entitlement_snapshot WHERE seller_account = $1 AND subscription_id = $2`,
    [sellerAccount, subscriptionId],
  );
  return row ?? null;
}

/**
 * The later answer stays, whichever replica stores first. Of two that store at once the second waits for the first, and sees what that one stored: the
 * row is locked before it is read, made first where there is none.
 * @returns what stood there before, null for the first answer; undefined when a later answer stands there
 */
export async function replaceSnapshot(
  tx: SqlExecutor,
  sellerAccount: string,
  subscriptionId: string,
  entitlements: SnapshotRow['entitlements'],
  fetchedAt: Date,
): Promise<SnapshotRow['entitlements'] | null | undefined> {
  const values = [sellerAccount, subscriptionId, JSON.stringify(entitlements), fetchedAt.toISOString()];
  const made = await tx.query(
    `INSERT INTO marketplace.entitlement_snapshot (seller_account, subscription_id, entitlements, fetched_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING RETURNING subscription_id`,
    values,
  );
  if (made.length > 0) return null;
  const [before] = await tx.query<SnapshotRow>(
    `SELECT entitlements, fetched_at FROM marketplace.entitlement_snapshot WHERE seller_account = $1 AND subscription_id = $2 FOR NO KEY UPDATE`,
    [sellerAccount, subscriptionId],
  );
  if (!before || before.fetched_at > fetchedAt) return undefined;
  await tx.query(
    `UPDATE marketplace.entitlement_snapshot SET entitlements = $3, fetched_at = $4 WHERE seller_account = $1 AND subscription_id = $2`,
    values,
  );
  return before.entitlements;
}
