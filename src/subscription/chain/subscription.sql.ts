import { type LedgerSql } from '../../database/ledger-database.js';
import { idsOfLiving } from '../../database/alias-ids.sql.js';

/** The subscription that an id stands for: ids of folded ones are resolved. */
export async function selectLivingOf(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
): Promise<{ id: string; product_code: string } | null> {
  const [row] = await tx.query<{ id: string; product_code: string }>(
    `SELECT coalesce(alias_of, id)::text AS id, product_code FROM marketplace.subscription WHERE seller_account = $1
      AND id = $2`,
    [sellerAccount, id],
  );
  return row ?? null;
}

/** Row id of the agreement that the projection stored as the current one; else of the newest. */
export async function selectCurrentAgreement(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionId: string,
): Promise<string | null> {
  const [row] = await tx.query<{ id: string }>(
    `SELECT coalesce(s.current_agreement_id, (
       SELECT a.id FROM marketplace.agreement a WHERE a.seller_account = $1 AND a.subscription_id = s.id
         AND a.alias_of IS NULL
       ORDER BY a.id DESC LIMIT 1))::text AS id
     FROM marketplace.subscription s WHERE s.seller_account = $1 AND s.id = $2`,
    [sellerAccount, subscriptionId],
  );
  return row?.id ?? null;
}

/** Subscriptions that a tenant has by its latest claim. */
export async function selectSubscriptionsOfTenant(
  sql: LedgerSql,
  sellerAccount: string,
  { tenantId, productCode, now }: { tenantId: string; productCode: string | null; now: Date },
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT s.id::text AS id FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.id IN (
         SELECT coalesce(named.alias_of, named.id) FROM marketplace.claim c
         JOIN marketplace.subscription named ON named.seller_account = $1 AND named.id = c.subscription_id
         WHERE c.seller_account = $1 AND c.tenant_id = $2 AND c.undone_at IS NULL AND ($3::text IS NULL OR c.product_code = $3))
       AND (SELECT c.tenant_id FROM marketplace.claim c
            WHERE c.seller_account = $1 AND c.since <= $4 AND c.undone_at IS NULL
              AND c.subscription_id = ANY (${idsOfLiving('subscription', 's.id')})
            ORDER BY c.since DESC, c.claimed_at LIMIT 1) = $2
     ORDER BY s.id`,
    [sellerAccount, tenantId, productCode, now.toISOString()],
  );
  return rows.map(({ id }) => id);
}

/** The first value of a field stays; so does the first arrival. */
export async function completeRegistration(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  arrival: { offerType: string | null; fields: Readonly<Record<string, string>>; at: Date; fieldsMax: number },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription s SET offer_type = coalesce(s.offer_type, $3), registered_at =
      least(s.registered_at, $5),
       registration_fields = (
         SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM (
           SELECT key, value FROM (
             SELECT key, value, 0 AS rank FROM jsonb_each(s.registration_fields)
             UNION ALL SELECT key, value, 1 FROM jsonb_each($4::jsonb) WHERE NOT s.registration_fields ? key
           ) AS every ORDER BY rank, key LIMIT $6
         ) AS kept),
       updated_at = clock_timestamp()
     WHERE s.seller_account = $1 AND s.id = $2`,
    [sellerAccount, id, arrival.offerType, JSON.stringify(arrival.fields), arrival.at.toISOString(), arrival.fieldsMax],
  );
}

/**
 * The hour from which we bill, for a customer from before the module: once said, it stays. @returns what stands there
 */
export async function setBilledFrom(tx: LedgerSql, sellerAccount: string, id: string, billedFrom: Date): Promise<Date> {
  const [row] = await tx.query<{ billed_from: Date }>(
    `UPDATE marketplace.subscription SET billed_from = coalesce(billed_from, $3), updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 RETURNING billed_from`,
    [sellerAccount, id, billedFrom.toISOString()],
  );
  return row?.billed_from ?? billedFrom;
}

/** Terms, license or entitlements may be others now: they are read again. */
export async function markEntitlementsChanged(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription SET entitlements_changed_at = greatest(entitlements_changed_at, $3)
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id, now.toISOString()],
  );
}
