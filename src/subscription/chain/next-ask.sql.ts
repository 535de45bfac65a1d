import { type LedgerSql } from '../../database/ledger-database.js';
import { livingIds } from '../../database/alias-ids.sql.js';

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
