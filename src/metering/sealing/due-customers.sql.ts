import { type LedgerSql } from '../../database/ledger-database.js';

/**
 * Customers with something to do, without a lock: told of as changed, with rollups that were never planned, or due to
 * be looked at. Idle, this reads two index ranges and no customer.
 */
export async function findDueCustomers(sql: LedgerSql, sellerAccount: string, now: Date): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT customer_id AS id FROM marketplace.customer_changed WHERE seller_account = $1
     UNION
     SELECT s.customer_id FROM (
       SELECT DISTINCT subject FROM marketplace.rollup WHERE record_id IS NULL AND NOT is_split
         AND waiting_reason IS NULL
     ) AS fresh JOIN marketplace.subject s ON s.id = fresh.subject AND s.seller_account = $1
       AND s.customer_id IS NOT NULL
     UNION
     SELECT customer_id FROM marketplace.seal_cursor WHERE seller_account = $1 AND look_at <= $2
     ORDER BY id`,
    [sellerAccount, now.toISOString()],
  );
  return rows.map((row) => row.id);
}

/** Every customer of these products: few, where each is an installation. */
export async function customersOf(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT id FROM marketplace.customer WHERE seller_account = $1 AND product_code = ANY ($2::text[]) ORDER BY id`,
    [sellerAccount, productCodes],
  );
  return rows.map((row) => row.id);
}

/**
 * Takes seal cursors, the only rows that sealers share; SKIP LOCKED lets each replica take what no other is at. Nothing
 * references a cursor, so nobody else ever waits for one. Cursors of new customers are made first; whoever makes one at
 * the same moment waits for that alone.
 */
export async function lockSealCursors(tx: LedgerSql, sellerAccount: string, ids: readonly string[]): Promise<string[]> {
  await tx.query(
    `INSERT INTO marketplace.seal_cursor (seller_account, customer_id)
     SELECT c.seller_account, c.id FROM marketplace.customer c
     WHERE c.seller_account = $1 AND c.id = ANY ($2::uuid[])
       AND NOT EXISTS (SELECT 1 FROM marketplace.seal_cursor k WHERE k.seller_account = c.seller_account
         AND k.customer_id = c.id)
     ORDER BY c.id
     ON CONFLICT DO NOTHING`,
    [sellerAccount, ids],
  );
  const rows = await tx.query<{ id: string }>(
    `SELECT customer_id AS id FROM marketplace.seal_cursor
     WHERE seller_account = $1 AND customer_id = ANY ($2::uuid[])
     ORDER BY customer_id
     FOR UPDATE SKIP LOCKED`,
    [sellerAccount, ids],
  );
  return rows.map((row) => row.id);
}

/** Deleted before the facts are read: what changes after this statement leaves a row of its own for the next pass. */
export async function takeChanged(tx: LedgerSql, sellerAccount: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `DELETE FROM marketplace.customer_changed WHERE seller_account = $1 AND customer_id = ANY ($2::uuid[])
      RETURNING customer_id AS id`,
    [sellerAccount, ids],
  );
  return new Set(rows.map((row) => row.id));
}

/** Usage that no customer can be found for, by subject and dimension. */
export function findUnknownSubjects(
  sql: LedgerSql,
  sellerAccount: string,
): Promise<{ subject: number; dimension: string; quantity: string; first_at: Date; last_at: Date }[]> {
  return sql.query(
    `SELECT u.subject, d.name AS dimension, sum(u.event_sum) AS quantity, min(u.first_at) AS first_at, max(u.last_at)
      AS last_at
     FROM marketplace.rollup u
     JOIN marketplace.dimension d ON d.id = u.dimension AND d.seller_account = $1
     LEFT JOIN marketplace.subject s ON s.id = u.subject
     WHERE u.record_id IS NULL AND NOT u.is_split AND u.waiting_reason IS NULL AND s.customer_id IS NULL
     GROUP BY u.subject, d.name`,
    [sellerAccount],
  );
}

/** A customer whose tenant had a subscription before or after another tenant, with that one's customer. */
export interface CoTenant {
  id: string;
  other_id: string;
  /** The living one: ids of folded ones are resolved. */
  subscription_id: string;
}

/**
 * Looked up one by one (OFFSET 0), and who had the same subscriptions at once: over tables whose statistics are missing
 * or old each customer would be compared with every claim.
 */
export function findCoTenants(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<CoTenant[]> {
  return tx.query<CoTenant>(
    `WITH own AS MATERIALIZED (
       SELECT c.*, claimed.subscription_id FROM unnest($2::uuid[]) AS given (id)
       CROSS JOIN LATERAL (SELECT id, product_code, tenant_id FROM marketplace.customer
         WHERE seller_account = $1 AND id = given.id OFFSET 0) AS c
       CROSS JOIN LATERAL (SELECT subscription_id FROM marketplace.claim
         WHERE seller_account = $1 AND tenant_id = c.tenant_id AND product_code = c.product_code AND undone_at IS NULL
         OFFSET 0) AS claimed
     ), theirs AS MATERIALIZED (
       SELECT subscription_id, tenant_id FROM marketplace.claim
       WHERE seller_account = $1 AND undone_at IS NULL AND subscription_id = ANY (ARRAY(SELECT subscription_id FROM own))
     )
     SELECT DISTINCT own.id::text AS id, other.id::text AS other_id,
       coalesce(s.alias_of, s.id)::text AS subscription_id
     FROM own
     JOIN theirs ON theirs.subscription_id = own.subscription_id AND theirs.tenant_id <> own.tenant_id
     CROSS JOIN LATERAL (SELECT id FROM marketplace.customer
       WHERE seller_account = $1 AND product_code = own.product_code AND tenant_id = theirs.tenant_id OFFSET 0) AS other
     CROSS JOIN LATERAL (SELECT id, alias_of FROM marketplace.subscription
       WHERE seller_account = $1 AND id = own.subscription_id OFFSET 0) AS s`,
    [sellerAccount, customerIds],
  );
}
