import { type LedgerSql } from '../../database/ledger-database.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { markCustomersChanged } from './customer-changed.sql.js';
import { customerOfTenant } from './customer.sql.js';
import { giveSubjects } from './subject.sql.js';
import { idsOfLiving, livingIds } from '../../database/alias-ids.sql.js';

/** Claims taken up in one transaction: short ones, so that nobody waits long for the rows. */
const ADOPTED_MAX = 100;

interface ClaimRow {
  subscription_id: string;
  product_code: string;
  tenant_id: string;
  customer_id: string;
  rank: number;
}

/**
 * Takes up committed claims: the subscription, its subjects and the tenant's own belong to the tenant's customer from
 * now on. A claim is one INSERT that may stand in a host's open transaction and locks nothing of ours; what it means
 * for our rows is done here, in a short transaction of our own. Claims that lie ahead (a hand-over with an instant to
 * come) wait for it. SKIP LOCKED: two replicas adopt different claims.
 * @returns how many were adopted; call again while there are any
 */
export async function adoptClaims(tx: LedgerSql, sellerAccount: string, now: Date): Promise<number> {
  const taken = await tx.query<{ subscription_id: string }>(
    `WITH mine AS MATERIALIZED (
       SELECT ctid FROM marketplace.unadopted_claim WHERE seller_account = $1 AND since <= $2
       ORDER BY subscription_id LIMIT $3 FOR UPDATE SKIP LOCKED
     )
     DELETE FROM marketplace.unadopted_claim u USING mine
     WHERE u.ctid = mine.ctid RETURNING u.subscription_id::text AS subscription_id`,
    [sellerAccount, now.toISOString(), ADOPTED_MAX],
  );
  if (taken.length === 0) return 0;
  const ids = [...new Set(taken.map(({ subscription_id: id }) => id))];
  // Folding locks the same rows in the same order; a statement after the lock sees what a fold before has made of them.
  await tx.query(
    `SELECT FROM marketplace.subscription WHERE seller_account = $1
       AND id = ANY (${livingIds('subscription', '$2')})
     ORDER BY id FOR NO KEY UPDATE`,
    [sellerAccount, ids],
  );
  const claims = await selectClaims(tx, sellerAccount, ids, now);
  const changed: string[] = [];
  for (const claim of claims) {
    const customerId = await customerOfTenant(tx, sellerAccount, claim.product_code, claim.tenant_id);
    changed.push(customerId, claim.customer_id);
    // Who lost (a claim that was open while its subscription was folded into another tenant's) is a customer
    // nevertheless: what it records is not lost.
    const subscriptionIds =
      claim.rank === 1 ? await giveSubscription(tx, sellerAccount, claim.subscription_id, customerId) : [];
    await giveSubjects(tx, sellerAccount, {
      customerId,
      productCode: claim.product_code,
      tenantId: claim.tenant_id,
      subscriptionIds,
    });
  }
  await markCustomersChanged(tx, sellerAccount, changed);
  // The projection looks at the chains again: what was claimed by two tenants is for a person.
  await tx.query(
    `UPDATE marketplace.subscription SET next_change_at = least(next_change_at, $3) WHERE seller_account = $1
      AND id = ANY ($2::uuid[])`,
    [sellerAccount, [...new Set(claims.map(({ subscription_id: id }) => id))], now.toISOString()],
  );
  crashPoint('claim.adopted');
  return taken.length;
}

/**
 * Every claim so far of the subscriptions that some ids live on in; rank 1 is whose it is: of two hand-overs the later,
 * of two first claims the earlier. In one order, so that two who make customers of the same tenants do not wait in a
 * circle.
 */
export function selectClaims(
  tx: LedgerSql,
  sellerAccount: string,
  ids: readonly string[],
  now: Date,
): Promise<ClaimRow[]> {
  return tx.query<ClaimRow>(
    `SELECT * FROM (
       SELECT DISTINCT ON (s.id, c.tenant_id) s.id::text AS subscription_id, s.product_code, s.customer_id::text AS
         customer_id, c.tenant_id,
         (rank() OVER (PARTITION BY s.id ORDER BY c.since DESC, c.claimed_at, c.tenant_id))::int AS rank
       FROM marketplace.subscription s
       JOIN marketplace.claim c ON c.seller_account = $1
         AND c.subscription_id = ANY (${idsOfLiving('subscription', 's.id')})
         AND c.since <= $3 AND c.undone_at IS NULL
       WHERE s.seller_account = $1
         AND s.id = ANY (${livingIds('subscription', '$2')})
       ORDER BY s.id, c.tenant_id, rank
     ) AS claims ORDER BY product_code, tenant_id, subscription_id`,
    [sellerAccount, ids, now.toISOString()],
  );
}

/** The subscription with all ids that were folded into it. */
export async function giveSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  customerId: string,
): Promise<string[]> {
  const moved = await tx.query<{ id: string }>(
    `UPDATE marketplace.subscription SET customer_id = $3, updated_at = clock_timestamp()
     WHERE seller_account = $1 AND $2 IN (id, alias_of) RETURNING id::text AS id`,
    [sellerAccount, id, customerId],
  );
  return moved.map((row) => row.id);
}
