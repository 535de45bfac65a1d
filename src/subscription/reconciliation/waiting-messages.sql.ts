import { type LedgerSql } from '../../database/ledger-database.js';
import { agreementKeyOf, digestOf } from '../chain/aws-names.js';
import { namedBy } from '../inbox/message.sql.js';

/**
 * Messages that have waited since before an instant for a subscription that nobody knows. Those that name a listing
 * which is none of ours are no concern of ours: another product of the seller shares the queue.
 */
export async function countWaiting(
  sql: LedgerSql,
  sellerAccount: string,
  before: Date,
  listed: { productCodes: readonly string[]; productIds: readonly string[] | null },
): Promise<{ count: number; oldest: Date | null }> {
  const [row] = await sql.query<{ count: number; oldest: Date | null }>(
    `SELECT count(*)::int AS count, min(received_at) AS oldest FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'waiting' AND received_at <= $2
       AND coalesce(event -> 'about' ->> 'productCode' = ANY ($3::text[]), true)
       AND ($4::text[] IS NULL OR coalesce(event -> 'about' ->> 'productId' = ANY ($4::text[]), true))`,
    [sellerAccount, before.toISOString(), listed.productCodes, listed.productIds],
  );
  return row ?? { count: 0, oldest: null };
}

/** Entity ids of our listings, as agreements have told them. */
export async function selectProductIds(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<{ productCode: string; productId: string }[]> {
  return sql.query(
    `SELECT DISTINCT product_code AS "productCode", product_id AS "productId" FROM marketplace.agreement
     WHERE seller_account = $1 AND product_code = ANY ($2::text[]) AND product_id IS NOT NULL`,
    [sellerAccount, productCodes],
  );
}

/** While one replica asks; after a crash another one does. */
const LEASE = `interval '10 minutes'`;
/** What AWS did not tell it is asked for again: the agreement may be a reseller's, or one of ours. */
const AGAIN_AFTER = `interval '1 day'`;

/**
 * Takes an agreement whose messages have waited since before an instant and name no product: AWS knows of which it is.
 * Until when is machine time.
 * @returns its id; null where there is none to ask about
 */
export async function takeUnplaced(sql: LedgerSql, sellerAccount: string, before: Date): Promise<string | null> {
  const [row] = await sql.query<{ id: string }>(
    `SELECT event -> 'about' ->> 'agreementId' AS id FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'waiting' AND received_at <= $2 AND next_attempt_at <= clock_timestamp()
       AND event -> 'about' ->> 'agreementId' IS NOT NULL
       AND num_nonnulls(event -> 'about' ->> 'productCode', event -> 'about' ->> 'productId') = 0
     ORDER BY received_at LIMIT 1`,
    [sellerAccount, before.toISOString()],
  );
  if (!row) return null;
  const taken = await sql.query(
    `UPDATE marketplace.inbox_message SET next_attempt_at = clock_timestamp() + ${LEASE}
     WHERE ${namedBy('$2::text[]')} AND state = 'waiting' AND next_attempt_at <= clock_timestamp() RETURNING 1`,
    [sellerAccount, [labelOfAgreement(row.id)]],
  );
  return taken.length > 0 ? row.id : null;
}

export async function putOffUnplaced(sql: LedgerSql, sellerAccount: string, agreementId: string): Promise<void> {
  await sql.query(
    `UPDATE marketplace.inbox_message SET next_attempt_at = clock_timestamp() + ${AGAIN_AFTER}
     WHERE ${namedBy('$2::text[]')} AND state = 'waiting'`,
    [sellerAccount, [labelOfAgreement(agreementId)]],
  );
}

export function labelOfAgreement(agreementId: string): string {
  return `agreement:${digestOf(agreementKeyOf(agreementId))}`;
}
