import { type LedgerSql } from '../../database/ledger-database.js';

export interface NewClaim {
  subscriptionId: string;
  productCode: string;
  tenantId: string;
  /** Null: the first claim, which counts from the subscription's beginning. */
  since: Date | null;
  at: Date;
}

/** A claim in a transaction of ours; adopted like any other. @returns whether it is new */
export async function insertClaim(tx: LedgerSql, sellerAccount: string, claim: NewClaim): Promise<boolean> {
  const rows = await tx.query(
    `WITH claimed AS (
       INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, claimed_at)
       VALUES ($1, $2, $3, $4, coalesce($5::timestamptz, '-infinity'), $6) ON CONFLICT DO NOTHING
       RETURNING seller_account, subscription_id, since
     )
     INSERT INTO marketplace.unadopted_claim (seller_account, subscription_id, since) SELECT * FROM claimed
       RETURNING subscription_id`,
    [
      sellerAccount,
      claim.subscriptionId,
      claim.productCode,
      claim.tenantId,
      claim.since?.toISOString() ?? null,
      claim.at.toISOString(),
    ],
  );
  return rows.length > 0;
}

/** Whose a subscription becomes at exactly this instant; null where it changes hands at another, or never. */
export async function selectTenantFrom(
  tx: LedgerSql,
  sellerAccount: string,
  { subscriptionId, since }: { subscriptionId: string; since: Date },
): Promise<string | null> {
  const [row] = await tx.query<{ tenant_id: string }>(
    `SELECT tenant_id FROM marketplace.claim
     WHERE seller_account = $1 AND subscription_id = $2 AND since = $3 AND undone_at IS NULL`,
    [sellerAccount, subscriptionId, since.toISOString()],
  );
  return row?.tenant_id ?? null;
}

/** Which subscription pays, from an instant on, for usage of the tenant that several could pay. */
export async function insertPayerChoice(
  tx: LedgerSql,
  sellerAccount: string,
  choice: { productCode: string; tenantId: string; subscriptionId: string; from: Date; at: Date },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.payer_choice (seller_account, product_code, tenant_id, from_at, subscription_id,
      chosen_at) VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      sellerAccount,
      choice.productCode,
      choice.tenantId,
      choice.from.toISOString(),
      choice.subscriptionId,
      choice.at.toISOString(),
    ],
  );
}

export async function selectCustomerOfTenant(
  sql: LedgerSql,
  sellerAccount: string,
  productCode: string,
  tenantId: string,
): Promise<string | null> {
  const [row] = await sql.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.customer WHERE seller_account = $1 AND product_code = $2
      AND tenant_id = $3`,
    [sellerAccount, productCode, tenantId],
  );
  return row?.id ?? null;
}
