import { type SqlExecutor } from '../../database/ledger-database.js';
import { type SubscriptionState } from '../agreements/state-policy.js';

/** A subscription about which AWS should be asked. */
export interface SilentSubscription {
  id: string;
  product_code: string;
  state: SubscriptionState;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  license_names: string[];
  agreement_ids: string[];
  /** AWS refuses its usage, though by everything heard it is active. */
  is_refused: boolean;
  /** The agreement before it, if any, is known: it is linked, or was named by a message. */
  knows_previous: boolean;
}

/**
 * Takes subscriptions about which nothing was heard for long, that wait for their activation or their license, or whose usage AWS refuses. Marked as asked in
 * the same breath, with SKIP LOCKED: each replica asks about others.
 */
export function takeSilent(
  sql: SqlExecutor,
  sellerAccount: string,
  time: { now: Date; silentSince: Date; impatientSince: Date },
  limit: number,
): Promise<SilentSubscription[]> {
  return sql.query<SilentSubscription>(
    `WITH taken AS (
       UPDATE marketplace.subscription s SET reconciled_at = $2
       FROM (
         SELECT c.id FROM marketplace.subscription c
         WHERE c.seller_account = $1 AND c.state IN ('registered', 'active', 'trial', 'suspended') AND c.merged_into IS NULL
           AND greatest(c.reconciled_at, c.registered_at) <= CASE
             WHEN c.state = 'registered' OR c.license_arn IS NULL AND c.customer_identifier IS NULL OR EXISTS (
               SELECT FROM marketplace.alert a WHERE a.seller_account = $1 AND a.kind = 'notSubscribed' AND a.subject = c.id::text AND a.resolved_at IS NULL)
             THEN $4::timestamptz
             ELSE CASE WHEN greatest(c.last_heard_at, c.registered_at) <= $3 THEN $3::timestamptz ELSE '-infinity' END END
         ORDER BY c.reconciled_at NULLS FIRST, c.id LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED
       ) silent
       WHERE s.seller_account = $1 AND s.id = silent.id
       RETURNING s.*
     )
     SELECT t.id::text AS id, t.product_code, t.state, t.license_arn, t.customer_aws_account_id, t.customer_identifier,
       ARRAY(SELECT value FROM marketplace.subscription_alias a WHERE a.seller_account = $1 AND a.subscription_id = t.id AND a.kind = 'license') AS license_names,
       ARRAY(SELECT value FROM marketplace.subscription_alias a WHERE a.seller_account = $1 AND a.subscription_id = t.id AND a.kind = 'agreement') AS agreement_ids,
       EXISTS (SELECT FROM marketplace.alert a
         WHERE a.seller_account = $1 AND a.kind = 'notSubscribed' AND a.subject = t.id::text AND a.resolved_at IS NULL) AS is_refused,
       t.predecessor_id IS NOT NULL OR EXISTS (SELECT FROM marketplace.inbox_message m
         WHERE m.seller_account = $1 AND m.subscription_id = t.id AND m.event -> 'details' ->> 'previousAgreementId' IS NOT NULL) AS knows_previous
     FROM taken t ORDER BY t.id`,
    [sellerAccount, time.now.toISOString(), time.silentSince.toISOString(), time.impatientSince.toISOString(), limit],
  );
}

/** Messages that have waited since before an instant for a subscription that nobody knows. */
export async function countWaiting(sql: SqlExecutor, sellerAccount: string, before: Date): Promise<{ count: number; oldest: Date | null }> {
  const [row] = await sql.query<{ count: number; oldest: Date | null }>(
    `SELECT count(*)::int AS count, min(received_at) AS oldest FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'waiting' AND received_at <= $2`,
    [sellerAccount, before.toISOString()],
  );
  return row ?? { count: 0, oldest: null };
}
