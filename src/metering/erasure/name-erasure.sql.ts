// The erasure itself: names go, digests stay, and nothing that money is made of is touched.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ErasureScope } from './erasure-scope.sql.js';
import { NOT_OF_ANOTHER_PRODUCT } from './open-money.sql.js';

/** How many rows lost something, by what they are. */
export interface ErasedRows {
  names: number;
  identities: number;
  messages: number;
  registrations: number;
  texts: number;
}

/** What stands in a text in the place of a name. */
const ERASED = '(erased)';

export async function eraseNames(
  tx: LedgerSql,
  sellerAccount: string,
  { buyerIds, names }: ErasureScope,
): Promise<Pick<ErasedRows, 'names' | 'identities'>> {
  const ofBuyers = await tx.query(
    `UPDATE marketplace.buyer_name SET name = NULL
     WHERE seller_account = $1 AND buyer_id = ANY ($2::uuid[]) AND name IS NOT NULL RETURNING 1`,
    [sellerAccount, buyerIds],
  );
  const ofAgreements = await tx.query(
    `UPDATE marketplace.agreement_name n SET name = NULL, event_form = NULL FROM marketplace.agreement a
     WHERE a.seller_account = $1 AND a.buyer_id = ANY ($2::uuid[]) AND n.seller_account = $1 AND n.agreement_id = a.id
       AND num_nonnulls(n.name, n.event_form) > 0 RETURNING 1`,
    [sellerAccount, buyerIds],
  );
  // One row for all ledgers of the database: where another still sends under the name, it stays until that one erases.
  const identities = await tx.query(
    `UPDATE marketplace.metering_identity i SET canonical = NULL, license_arn = NULL, customer_aws_account_id = NULL,
       customer_identifier = NULL
     FROM (SELECT DISTINCT product_code, kind, decode(digest, 'hex') AS digest
       FROM unnest($1::text[], $2::text[], $3::text[]) AS input (product_code, kind, digest)) AS gone
     WHERE i.product_code = gone.product_code AND i.kind = gone.kind AND i.digest = gone.digest
       AND i.kind <> 'installation' AND i.canonical IS NOT NULL
       AND NOT EXISTS (SELECT FROM marketplace.buyer_name n WHERE n.product_code = i.product_code AND n.kind = i.kind
         AND n.digest = i.digest AND n.name IS NOT NULL)
       AND NOT EXISTS (SELECT FROM marketplace.agreement_name n WHERE n.kind = i.kind AND n.digest = i.digest
         AND num_nonnulls(n.name, n.event_form) > 0)
     RETURNING 1`,
    [names.map(({ product_code: code }) => code), names.map(({ kind }) => kind), names.map(({ digest }) => digest)],
  );
  return { names: ofBuyers.length + ofAgreements.length, identities: identities.length };
}

/**
 * Messages of the buyer: those of their subscriptions, those that facts were made of, and those that name them and came
 * to nothing. A message stays, as something that was received: its repeats are still told apart.
 */
export async function eraseMessages(
  tx: LedgerSql,
  sellerAccount: string,
  { buyerIds, subscriptionIds, productCodes }: ErasureScope,
  pattern: string | null,
): Promise<{ origin: string; messageId: string }[]> {
  return tx.query(
    `UPDATE marketplace.inbox_message m SET body = NULL, event = NULL,
       error = CASE WHEN m.error IS NOT NULL THEN 'erased with its buyer' END,
       state = CASE WHEN m.state IN ('waiting', 'deadLettered') THEN 'ignored' ELSE m.state END
     WHERE m.seller_account = $1 AND num_nonnulls(m.body, m.event) > 0 AND (
       m.subscription_id = ANY ($4::uuid[])
       OR (m.origin, m.message_id) IN (SELECT f.origin, f.message_id FROM marketplace.fact f
         WHERE f.seller_account = $1 AND f.buyer_id = ANY ($5::uuid[]))
       OR (m.subscription_id IS NULL AND concat(m.body, ' ', m.event::text) ~ $2 AND ${NOT_OF_ANOTHER_PRODUCT}))
     RETURNING m.origin, m.message_id AS "messageId"`,
    [sellerAccount, pattern, productCodes, subscriptionIds, buyerIds],
  );
}

/** What the buyer posted at the landing page, and what its codes and tokens were known by. */
export async function eraseRegistrations(
  tx: LedgerSql,
  sellerAccount: string,
  { subscriptionIds }: ErasureScope,
): Promise<number> {
  const codes = await tx.query(
    `DELETE FROM marketplace.registration_code WHERE seller_account = $1 AND subscription_id = ANY ($2::uuid[])
     RETURNING 1`,
    [sellerAccount, subscriptionIds],
  );
  const fields = await tx.query(
    `UPDATE marketplace.subscription SET registration_fields = '{}'
     WHERE seller_account = $1 AND id = ANY ($2::uuid[]) AND registration_fields <> '{}' RETURNING 1`,
    [sellerAccount, subscriptionIds],
  );
  return codes.length + fields.length;
}

/** Texts of people, of handlers and of alerts: a name in them gives way to a word, all else stays as it was said. */
export async function eraseTexts(
  tx: LedgerSql,
  sellerAccount: string,
  { subscriptionIds }: ErasureScope,
  pattern: string | null,
): Promise<number> {
  const without = (column: string): string => `regexp_replace(${column}, $2, '${ERASED}', 'g')`;
  const deliveries = await tx.query(
    `UPDATE marketplace.event_delivery SET last_error = NULL,
       decision = CASE WHEN $2::text IS NULL THEN decision ELSE ${without('decision')} END
     WHERE seller_account = $1 AND subscription_id = ANY ($3::uuid[])
       AND (last_error IS NOT NULL OR decision ~ $2) RETURNING 1`,
    [sellerAccount, pattern, subscriptionIds],
  );
  if (pattern === null) return deliveries.length;
  const scrubbed = async (table: string, texts: readonly string[], jsons: readonly string[]): Promise<number> => {
    const all = [...texts, ...jsons.map((column) => `${column}::text`)];
    const rows = await tx.query(
      `UPDATE marketplace.${table} SET ${[
        ...texts.map((column) => `${column} = ${without(column)}`),
        ...jsons.map((column) => `${column} = ${without(`${column}::text`)}::jsonb`),
      ].join(', ')}
       WHERE seller_account = $1 AND concat_ws(' ', ${all.join(', ')}) ~ $2 RETURNING 1`,
      [sellerAccount, pattern],
    );
    return rows.length;
  };
  return (
    deliveries.length +
    (await scrubbed('alert', ['message', 'acknowledgement'], ['details'])) +
    (await scrubbed('operator_action', ['reason'], ['target', 'result'])) +
    (await scrubbed(`outbox_event`, [], ['payload']))
  );
}

/** From now on the names of these buyers are not written down, until they buy again. */
export async function markErased(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.buyer SET erased_at = $3, is_back = false WHERE seller_account = $1 AND id = ANY ($2::uuid[])
       AND (erased_at IS NULL OR is_back)`,
    [sellerAccount, buyerIds, now.toISOString()],
  );
}
