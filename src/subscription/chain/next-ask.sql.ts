import { type LedgerSql } from '../../database/ledger-database.js';
import { livingIds } from '../../database/alias-ids.sql.js';
import { plusMs } from '../../runtime/clock.js';
import { ANSWER_SETTLES_AFTER_MS } from '../agreements/agreement-life.js';
import { namedBy } from '../inbox/message.sql.js';
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

/**
 * As `askAbout`, of the buyer's subscription that lives, or lived last: because of what was heard at `heardAt`. What AWS
 * has answered since is not asked again, but once when its lists must know.
 */
export async function askAboutBuyer(
  tx: LedgerSql,
  sellerAccount: string,
  buyerId: string,
  heardAt: Date,
): Promise<void> {
  const [row] = await tx.query<{ id: string; asked_at: Date | null }>(
    `SELECT id::text AS id, asked_at FROM marketplace.subscription
     WHERE seller_account = $1 AND alias_of IS NULL
       AND buyer_id IN (SELECT coalesce(alias_of, id) FROM marketplace.buyer WHERE seller_account = $1 AND id = $2)
     ORDER BY state = 'ended', id DESC LIMIT 1`,
    [sellerAccount, buyerId],
  );
  if (!row) return;
  const settledFrom = plusMs(heardAt, ANSWER_SETTLES_AFTER_MS);
  if (row.asked_at === null || row.asked_at < heardAt) await askAbout(tx, sellerAccount, [row.id], heardAt);
  else if (row.asked_at < settledFrom) await askAbout(tx, sellerAccount, [row.id], settledFrom);
}

/**
 * Messages that wait may be of a buyer who is known: EventBridge names of an agreement its buyer's account, and not the
 * product. AWS, which lists all that the buyer has, is asked at once, and once more when its lists must know: for each
 * agreement of which something waits. More messages of it are no reason to ask again.
 * @param of whose account it is. Null: all that have it; only for who has locked no subscription before, as these are
 * locked in the order of ids
 */
export async function askAboutWaiting(
  tx: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
  account: AwsName<'account'>,
  of: readonly string[] | null,
): Promise<void> {
  await tx.query(
    `WITH waiting AS MATERIALIZED (
       SELECT min(received_at) AS received_at FROM marketplace.inbox_message
       WHERE ${namedBy('ARRAY[$2]')} AND state = 'waiting' AND event IS NOT NULL
       GROUP BY coalesce(event -> 'about' ->> 'agreementId', message_id)
     ), asked AS (
       SELECT DISTINCT ON (s.buyer_id) s.id, s.asked_at FROM marketplace.subscription s
       WHERE s.seller_account = $1 AND s.alias_of IS NULL
         AND ($5::uuid[] IS NULL OR s.buyer_id = ANY ($5::uuid[]))
         AND s.buyer_id = ANY (ARRAY(
           SELECT coalesce(b.alias_of, b.id) FROM marketplace.buyer_name n
           JOIN marketplace.buyer b ON b.seller_account = $1 AND b.id = n.buyer_id
           WHERE n.seller_account = $1 AND n.product_code = ANY ($3::text[]) AND n.kind = 'account'
             AND n.digest = decode($4, 'hex')))
       ORDER BY s.buyer_id, s.state = 'ended', s.id DESC
     ), question AS (
       SELECT asked.id, coalesce(
         (SELECT min(received_at) FROM waiting WHERE received_at > coalesce(asked.asked_at, '-infinity')),
         (SELECT max(received_at) + interval '1 millisecond' * $6::float8 FROM waiting
          HAVING max(received_at) + interval '1 millisecond' * $6::float8 > asked.asked_at)) AS at
       FROM asked
     ), held AS (
       SELECT s.id, question.at FROM marketplace.subscription s JOIN question ON question.id = s.id
       WHERE s.seller_account = $1 AND (s.next_ask_at IS NULL OR s.next_ask_at > question.at)
       ORDER BY s.id FOR NO KEY UPDATE OF s
     )
     UPDATE marketplace.subscription s SET next_ask_at = least(s.next_ask_at, held.at)
     FROM held WHERE s.seller_account = $1 AND s.id = held.id`,
    [sellerAccount, labelOf(account, null), productCodes, account.digest, of, ANSWER_SETTLES_AFTER_MS],
  );
}
