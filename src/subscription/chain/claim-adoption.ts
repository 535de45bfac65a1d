import { type SqlExecutor } from '../../database/ledger-database.js';
import { markCustomersChanged } from './customer-changed.sql.js';
import { customerOfTenant } from './customer.sql.js';
import { giveSubjects } from './subject.sql.js';

/** Claims taken up in one transaction: short ones, so that nobody waits long for the rows. */
const ADOPTED_MAX = 100;

interface UnadoptedClaim {
  subscription_id: string;
  product_code: string;
  tenant_id: string;
  customer_id: string;
}

/**
 * Takes up committed claims: the subscription, its subjects and the tenant's own belong to the tenant's customer from now on. A claim is one INSERT that
 * may stand in a host's open transaction and locks nothing of ours; what it means for our rows is done here, in a short transaction of our own.
 * Claims that lie ahead (a hand-over with an instant to come) wait for it. SKIP LOCKED: two replicas adopt different claims.
 * @returns how many were adopted
 */
export async function adoptClaims(tx: SqlExecutor, sellerAccount: string, now: Date): Promise<number> {
  const taken = await tx.query<{ subscription_id: string; since: Date }>(
    `DELETE FROM marketplace.unadopted_claim u USING (
       SELECT ctid FROM marketplace.unadopted_claim WHERE seller_account = $1 AND since <= $2
       ORDER BY subscription_id LIMIT $3 FOR UPDATE SKIP LOCKED
     ) mine
     WHERE u.ctid = mine.ctid RETURNING u.subscription_id::text AS subscription_id, u.since`,
    [sellerAccount, now.toISOString(), ADOPTED_MAX],
  );
  if (taken.length === 0) return 0;
  const ids = [...new Set(taken.map(({ subscription_id: id }) => id))];
  // Folding locks the same rows in the same order; a statement after the lock sees what a fold before has made of them.
  await tx.query(
    `SELECT FROM marketplace.subscription WHERE seller_account = $1
       AND id IN (SELECT coalesce(alias_of, id) FROM marketplace.subscription WHERE seller_account = $1 AND id = ANY ($2::uuid[]))
     ORDER BY id FOR NO KEY UPDATE`,
    [sellerAccount, ids],
  );
  // Of several claims of one subscription the latest that has come counts.
  const claims = await tx.query<UnadoptedClaim>(
    `SELECT DISTINCT ON (s.id) s.id::text AS subscription_id, s.product_code, s.customer_id::text AS customer_id, c.tenant_id
     FROM marketplace.claim c
     JOIN marketplace.subscription named ON named.seller_account = $1 AND named.id = c.subscription_id
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = coalesce(named.alias_of, named.id)
     WHERE c.seller_account = $1 AND c.subscription_id = ANY ($2::uuid[]) AND c.since <= $3
     ORDER BY s.id, c.since DESC`,
    [sellerAccount, ids, now.toISOString()],
  );
  const changed: string[] = [];
  // In one order: two who make customers of the same tenants do not wait in a circle.
  for (const claim of claims.sort((a, b) => (`${a.product_code} ${a.tenant_id}` < `${b.product_code} ${b.tenant_id}` ? -1 : 1))) {
    const customerId = await customerOfTenant(tx, sellerAccount, claim.product_code, claim.tenant_id);
    changed.push(customerId, claim.customer_id);
    await giveToCustomer(tx, sellerAccount, { customerId, ...claim });
  }
  await markCustomersChanged(tx, sellerAccount, changed);
  return claims.length;
}

/** The subscription with all ids that were folded into it, and their subjects. */
export async function giveToCustomer(
  tx: SqlExecutor,
  sellerAccount: string,
  {
    customerId,
    subscription_id: id,
    product_code: productCode,
    tenant_id: tenantId,
  }: {
    customerId: string;
    subscription_id: string;
    product_code: string;
    tenant_id: string | null;
  },
): Promise<void> {
  const moved = await tx.query<{ id: string }>(
    `UPDATE marketplace.subscription SET customer_id = $3, updated_at = clock_timestamp()
     WHERE seller_account = $1 AND $2 IN (id, alias_of) RETURNING id::text AS id`,
    [sellerAccount, id, customerId],
  );
  await giveSubjects(tx, sellerAccount, { customerId, productCode, tenantId, subscriptionIds: moved.map((row) => row.id) });
}
