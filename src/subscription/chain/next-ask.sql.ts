import { type LedgerSql } from '../../database/ledger-database.js';
import { livingIds } from '../../database/alias-ids.sql.js';
import { plusMs } from '../../runtime/clock.js';
import { ANSWER_SETTLES_AFTER_MS } from '../agreements/agreement-life.js';
import { type AwsName, labelOf } from './aws-names.js';

/**
 * AWS is to be asked about these subscriptions at `at`, or earlier where that was meant already. Ids that were folded
 * stand for what they live on in. Locks in the order of ids; a row that would not change is not touched.
 */
export async function askAbout(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
  at: Date,
): Promise<void> {
  if (subscriptionIds.length === 0) return;
  await tx.query(
    `UPDATE marketplace.subscription SET next_ask_at = $3
     WHERE seller_account = $1 AND id = ANY (ARRAY(
       SELECT id FROM marketplace.subscription
       WHERE seller_account = $1 AND (next_ask_at IS NULL OR next_ask_at > $3)
         AND id = ANY (${livingIds('subscription', '$2')})
       ORDER BY id FOR NO KEY UPDATE))`,
    [sellerAccount, subscriptionIds, at.toISOString()],
  );
}

/** As `askAbout`, of the buyer's subscription that lives, or lived last. */
export async function askAboutBuyer(tx: LedgerSql, sellerAccount: string, buyerId: string, at: Date): Promise<void> {
  const rows = await tx.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.subscription
     WHERE seller_account = $1 AND alias_of IS NULL
       AND buyer_id IN (SELECT coalesce(alias_of, id) FROM marketplace.buyer WHERE seller_account = $1 AND id = $2)
     ORDER BY state = 'ended', id DESC LIMIT 1`,
    [sellerAccount, buyerId],
  );
  await askAbout(
    tx,
    sellerAccount,
    rows.map(({ id }) => id),
    at,
  );
}

/**
 * Messages that wait may be of a buyer who is known: EventBridge names of an agreement its buyer's account, and not the
 * product. AWS, which lists all that the buyer has, is asked at once, and once more when its lists must know.
 */
export async function askAboutWaiting(
  tx: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
  account: AwsName<'account'>,
): Promise<void> {
  const waiting = await tx.query<{ received_at: Date }>(
    `SELECT DISTINCT received_at FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'waiting' AND names && ARRAY[$2] AND event IS NOT NULL ORDER BY received_at`,
    [sellerAccount, labelOf(account, null)],
  );
  const last = waiting.at(-1)?.received_at;
  if (last === undefined) return;
  const buyers = await tx.query<{ id: string; asked_at: Date | null }>(
    `SELECT DISTINCT ON (s.buyer_id) s.id::text AS id, s.asked_at FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.alias_of IS NULL AND s.product_code = ANY ($2::text[])
       AND s.buyer_id = ANY (ARRAY(
         SELECT coalesce(b.alias_of, b.id) FROM marketplace.buyer_name n
         JOIN marketplace.buyer b ON b.seller_account = $1 AND b.id = n.buyer_id
         WHERE n.seller_account = $1 AND n.product_code = ANY ($2::text[]) AND n.kind = 'account'
           AND n.digest = decode($3, 'hex')))
     ORDER BY s.buyer_id, s.state = 'ended', s.id DESC`,
    [sellerAccount, productCodes, account.digest],
  );
  for (const { id, asked_at: askedAt } of buyers) {
    const unasked = waiting.find(({ received_at: receivedAt }) => askedAt === null || askedAt < receivedAt);
    const settledFrom = plusMs(last, ANSWER_SETTLES_AFTER_MS);
    if (unasked !== undefined) await askAbout(tx, sellerAccount, [id], unasked.received_at);
    else if (askedAt !== null && askedAt < settledFrom) await askAbout(tx, sellerAccount, [id], settledFrom);
  }
}
