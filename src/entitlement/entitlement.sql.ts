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

/** The later answer stays, whichever replica stores first. */
export async function upsertSnapshot(
  tx: SqlExecutor,
  sellerAccount: string,
  subscriptionId: string,
  entitlements: SnapshotRow['entitlements'],
  fetchedAt: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.entitlement_snapshot AS e (seller_account, subscription_id, entitlements, fetched_at)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (seller_account, subscription_id) DO UPDATE SET entitlements = excluded.entitlements, fetched_at = excluded.fetched_at
     WHERE e.fetched_at <= excluded.fetched_at`,
    [sellerAccount, subscriptionId, JSON.stringify(entitlements), fetchedAt.toISOString()],
  );
}
