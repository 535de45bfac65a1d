import { type SqlExecutor } from '../database/ledger-database.js';

/** Text only: the row may come through a DataSource of the host, whose type parsers are the host's. */
export interface CodeRow {
  subscription_id: string;
  product_code: string;
  tenant_id: string | null;
  offer_type: string | null;
  expires_at_ms: string;
  claimed_by_tenant_id: string | null;
}

/** A merge moves codes with their subscription, so the subscription of a code is always the living one. */
export async function selectCode(tx: SqlExecutor, sellerAccount: string, codeHash: Buffer): Promise<CodeRow | null> {
  const [row] = await tx.query<CodeRow>(
    `SELECT c.subscription_id::text AS subscription_id, s.product_code, s.tenant_id, c.offer_type,
       (extract(epoch FROM c.expires_at) * 1000)::bigint::text AS expires_at_ms, c.claimed_by_tenant_id
     FROM marketplace.registration_code c
     JOIN marketplace.subscription s ON s.seller_account = c.seller_account AND s.id = c.subscription_id
     WHERE c.seller_account = $1 AND c.code_hash = $2`,
    [sellerAccount, codeHash],
  );
  return row ?? null;
}

export async function insertCode(
  tx: SqlExecutor,
  sellerAccount: string,
  code: { codeHash: Buffer; subscriptionId: string; tokenHash: Buffer; offerType: string | null; createdAt: Date; expiresAt: Date },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.registration_code (seller_account, code_hash, subscription_id, token_hash, offer_type, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      sellerAccount,
      code.codeHash,
      code.subscriptionId,
      code.tokenHash,
      code.offerType,
      code.createdAt.toISOString(),
      code.expiresAt.toISOString(),
    ],
  );
}

/** The subscription that a token was resolved to since `since`. */
export async function selectSubscriptionOfToken(
  tx: SqlExecutor,
  sellerAccount: string,
  tokenHash: Buffer,
  since: Date,
): Promise<{ id: string; product_code: string; tenant_id: string | null } | null> {
  const [row] = await tx.query<{ id: string; product_code: string; tenant_id: string | null }>(
    `SELECT s.id::text AS id, s.product_code, s.tenant_id
     FROM marketplace.registration_code c
     JOIN marketplace.subscription s ON s.seller_account = c.seller_account AND s.id = c.subscription_id
     WHERE c.seller_account = $1 AND c.token_hash = $2 AND c.created_at > $3
     ORDER BY c.created_at LIMIT 1`,
    [sellerAccount, tokenHash, since.toISOString()],
  );
  return row ?? null;
}

/**
 * Takes a subscription for a tenant. The condition is the lock: of two tenants the second waits here for the first to commit, and then changes
 * nothing. Before the code, in the order in which a merge takes them.
 */
export async function linkTenant(tx: SqlExecutor, sellerAccount: string, subscriptionId: string, tenantId: string): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE marketplace.subscription SET tenant_id = $3, updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 AND tenant_id IS NULL AND merged_into IS NULL RETURNING id`,
    [sellerAccount, subscriptionId, tenantId],
  );
  return rows.length > 0;
}

export async function takeCode(tx: SqlExecutor, sellerAccount: string, codeHash: Buffer, tenantId: string, at: Date): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE marketplace.registration_code SET claimed_at = $4, claimed_by_tenant_id = $3
     WHERE seller_account = $1 AND code_hash = $2 AND claimed_at IS NULL RETURNING subscription_id`,
    [sellerAccount, codeHash, tenantId, at.toISOString()],
  );
  return rows.length > 0;
}

/** A buyer waits in front of a page: better an answer to try again than one that never comes. */
export async function limitLockWait(tx: SqlExecutor): Promise<void> {
  await tx.query(`SET LOCAL lock_timeout = '5s'`);
}
