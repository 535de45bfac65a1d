import { type LedgerSql } from '../../database/ledger-database.js';
import { plusMs } from '../../runtime/clock.js';
import { LISTED_FOR_MS } from '../../subscription/product.sql.js';

const NOTED_EVERY_MS = 300_000;

/** What this process lists, and when it is. */
export interface Listed {
  productCodes: readonly string[];
  now: Date;
}

/**
 * Notes that a process which seals lists these products. Of one that nobody had listed for a while, customers whose
 * usage waits for that are to be looked at.
 */
export async function noteListed(tx: LedgerSql, sellerAccount: string, { productCodes, now }: Listed): Promise<void> {
  const due = await tx.query<{ product_code: string; is_stale: boolean }>(
    `SELECT product_code, coalesce(listed_at < $4, true) AS is_stale FROM marketplace.product
     WHERE seller_account = $1 AND product_code = ANY ($2::text[]) AND (listed_at IS NULL OR listed_at < $3)`,
    [
      sellerAccount,
      productCodes,
      plusMs(now, -NOTED_EVERY_MS).toISOString(),
      plusMs(now, -LISTED_FOR_MS).toISOString(),
    ],
  );
  if (due.length === 0) return;
  // In the order of codes, as a start locks them, and only where no other is at it: each notes the same.
  await tx.query(
    `WITH free AS MATERIALIZED (
       SELECT product_code FROM marketplace.product WHERE seller_account = $1 AND product_code = ANY ($2::text[])
       ORDER BY product_code FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE marketplace.product p SET listed_at = $3 FROM free
     WHERE p.seller_account = $1 AND p.product_code = free.product_code`,
    [sellerAccount, due.map(({ product_code: code }) => code), now.toISOString()],
  );
  const again = due.filter(({ is_stale: isStale }) => isStale).map(({ product_code: code }) => code);
  if (again.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.customer_changed (seller_account, customer_id)
     SELECT DISTINCT $1, s.customer_id FROM marketplace.rollup u
     JOIN marketplace.subject s ON s.id = u.subject AND s.seller_account = $1 AND s.customer_id IS NOT NULL
     JOIN marketplace.dimension d ON d.id = u.dimension AND d.product_code = ANY ($2::text[])
     WHERE u.record_id IS NULL AND NOT u.is_split AND u.waiting_reason = 'notListed'`,
    [sellerAccount, again],
  );
}

/** Of these customers those whose product is listed here, or by nobody: another process's it is to look at the others. */
export async function ownCustomers(
  sql: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
  { productCodes, now }: Listed,
): Promise<string[]> {
  const others = await sql.query<{ product_code: string }>(
    `SELECT product_code FROM marketplace.product
     WHERE seller_account = $1 AND product_code <> ALL ($2::text[]) AND listed_at >= $3`,
    [sellerAccount, productCodes, plusMs(now, -LISTED_FOR_MS).toISOString()],
  );
  if (others.length === 0) return [...customerIds];
  const rows = await sql.query<{ id: string }>(
    `SELECT c.id FROM unnest($2::uuid[]) WITH ORDINALITY AS given (id, position)
     JOIN marketplace.customer c ON c.seller_account = $1 AND c.id = given.id
     WHERE c.product_code <> ALL ($3::text[]) ORDER BY given.position`,
    [sellerAccount, customerIds, others.map(({ product_code: code }) => code)],
  );
  return rows.map(({ id }) => id);
}
