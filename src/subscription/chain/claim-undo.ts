import { type LedgerSql } from '../../database/ledger-database.js';
import { giveSubscription, selectClaims } from './claim-adoption.js';
import { markCustomersChanged } from './customer-changed.sql.js';
import { customerOfTenant, insertUnclaimedCustomer } from './customer.sql.js';
import { giveSubjects } from './subject.sql.js';

/** Usage of a tenant that was sealed under a subscription. */
export interface LinkedUsage {
  dimension: string;
  /** Of the records. */
  state: string;
  records: number;
  /** Whole units, as text. */
  units: string;
}

interface LinkedRecords extends LinkedUsage {
  recordIds: string[];
}

/**
 * Takes back every claim of a tenant on a living subscription, as if they had never been. The claims stay, marked. Usage
 * of the tenant keeps its subject, and finds no subscription at its instants any more. Codes handed out before are dead: whoever is meant
 * comes from AWS again.
 * @returns null where the tenant has no claim on it
 */
export async function undoClaims(
  tx: LedgerSql,
  sellerAccount: string,
  about: { subscriptionId: string; tenantId: string; now: Date },
): Promise<{ productCode: string; tenantId: string | null } | null> {
  const { subscriptionId, tenantId, now } = about;
  // Adoption and folding lock the same rows in the same order.
  const [living] = await tx.query<{ product_code: string; customer_id: string }>(
    `SELECT product_code, customer_id::text AS customer_id FROM marketplace.subscription
     WHERE seller_account = $1 AND id = $2 AND alias_of IS NULL FOR NO KEY UPDATE`,
    [sellerAccount, subscriptionId],
  );
  if (!living) return null;
  const undone = await tx.query(
    `UPDATE marketplace.claim SET undone_at = $4
     WHERE seller_account = $1 AND tenant_id = $3 AND undone_at IS NULL AND subscription_id IN (
       SELECT id FROM marketplace.subscription WHERE seller_account = $1 AND $2 IN (id, alias_of))
     RETURNING id`,
    [sellerAccount, subscriptionId, tenantId, now.toISOString()],
  );
  if (undone.length === 0) return null;
  await tx.query(
    `UPDATE marketplace.registration_code SET expires_at = least(expires_at, $3)
     WHERE seller_account = $1 AND subscription_id IN (
       SELECT id FROM marketplace.subscription WHERE seller_account = $1 AND $2 IN (id, alias_of))`,
    [sellerAccount, subscriptionId, now.toISOString()],
  );
  const { product_code: productCode } = living;
  const left = await selectClaims(tx, sellerAccount, [subscriptionId], now);
  const owner = left.find(({ rank }) => rank === 1)?.tenant_id ?? null;
  const customerId =
    owner === null
      ? await insertUnclaimedCustomer(tx, sellerAccount, productCode)
      : await customerOfTenant(tx, sellerAccount, productCode, owner);
  const subscriptionIds = await giveSubscription(tx, sellerAccount, subscriptionId, customerId);
  await giveSubjects(tx, sellerAccount, { customerId, productCode, tenantId: owner, subscriptionIds });
  await markCustomersChanged(tx, sellerAccount, [living.customer_id, customerId]);
  await tx.query(
    `UPDATE marketplace.subscription SET next_change_at = least(next_change_at, $3) WHERE seller_account = $1
      AND id = $2`,
    [sellerAccount, subscriptionId, now.toISOString()],
  );
  return { productCode, tenantId: owner };
}

/** What was sealed under the subscription with usage of the tenant in it, but for what was annulled. */
export function selectLinkedUsage(
  tx: LedgerSql,
  sellerAccount: string,
  { subscriptionId, tenantId }: { subscriptionId: string; tenantId: string },
): Promise<LinkedRecords[]> {
  return tx.query<LinkedRecords>(
    `SELECT r.dimension, r.state, count(*)::int AS records, coalesce(sum(r.quantity), 0)::text AS units,
       array_agg(r.id::text) AS "recordIds"
     FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.disposition IS DISTINCT FROM 'annulled'
       AND r.subscription_id IN (SELECT id FROM marketplace.subscription WHERE seller_account = $1
         AND $2 IN (id, alias_of))
       AND EXISTS (SELECT FROM marketplace.rollup u JOIN marketplace.subject s ON s.id = u.subject
         WHERE u.record_id = r.id AND s.seller_account = $1 AND s.tenant_id = $3)
     GROUP BY r.dimension, r.state ORDER BY r.dimension, r.state`,
    [sellerAccount, subscriptionId, tenantId],
  );
}
