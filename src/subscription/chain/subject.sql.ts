import { type LedgerSql } from '../../database/ledger-database.js';

/** A name under which usage may be recorded: a subscription, a tenant, or a tenant with the payer. */
export interface NewSubject {
  productCode: string;
  /** Null inside a host's transaction: a foreign key would lock a row of ours. Whoever adopts the claim fills it. */
  customerId: string | null;
  tenantId: string | null;
  subscriptionId: string | null;
}

/**
 * Makes subjects that are not there yet. In one order, so that two who make the same do not wait for each other in a
 * circle.
 */
export async function insertSubjects(
  tx: LedgerSql,
  sellerAccount: string,
  subjects: readonly NewSubject[],
): Promise<void> {
  if (subjects.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.subject (seller_account, product_code, customer_id, tenant_id, subscription_id)
     SELECT $1, product_code, customer_id, tenant_id, subscription_id
     FROM unnest($2::text[], $3::uuid[], $4::text[], $5::uuid[]) AS input (product_code, customer_id, tenant_id,
       subscription_id)
     ORDER BY product_code, tenant_id NULLS FIRST, subscription_id NULLS FIRST
     ON CONFLICT DO NOTHING`,
    [
      sellerAccount,
      subjects.map(({ productCode }) => productCode),
      subjects.map(({ customerId }) => customerId),
      subjects.map(({ tenantId }) => tenantId),
      subjects.map(({ subscriptionId }) => subscriptionId),
    ],
  );
}

/**
 * Gives the subjects of a tenant's subscriptions to the tenant's customer: the tenant itself, the tenant beside any
 * payer, and each subscription's own. Events keep their subject; only whose it is moves. In the order of ids.
 */
export async function giveSubjects(
  tx: LedgerSql,
  sellerAccount: string,
  to: { customerId: string; productCode: string; tenantId: string | null; subscriptionIds: readonly string[] },
): Promise<void> {
  await tx.query(
    `WITH given AS MATERIALIZED (
       SELECT id FROM marketplace.subject
       WHERE seller_account = $1 AND product_code = $3 AND customer_id IS DISTINCT FROM $2
         AND (tenant_id = $4 OR (tenant_id IS NULL AND subscription_id = ANY ($5::uuid[])))
       ORDER BY id FOR NO KEY UPDATE
     )
     UPDATE marketplace.subject s SET customer_id = $2 FROM given WHERE s.id = given.id`,
    [sellerAccount, to.customerId, to.productCode, to.tenantId, to.subscriptionIds],
  );
}
