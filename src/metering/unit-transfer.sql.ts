import { type SqlExecutor } from '../database/ledger-database.js';
import { type SubscriptionState } from '../subscription/agreements/state-policy.js';
import { type LockedRecord } from './submission/submission.sql.js';

/** A record whose units a linked successor may take. */
export interface TransferableRecord extends LockedRecord {
  successor_id: string;
}

/**
 * One record of an ended subscription whose units are known not to be billed and whose successor is in one of the given states: what its closing set
 * apart, and hours that AWS took no more after the first sign of the end. Not of a product that is not live, or was not when the subscription
 * began: what a dry run left is billed by nobody. NO KEY UPDATE is the lock that the decision's UPDATE takes anyway; SKIP LOCKED, since a person or
 * another replica that is at a record decides about it.
 */
export async function lockTransferable(
  tx: SqlExecutor,
  sellerAccount: string,
  heirStates: readonly SubscriptionState[],
  except: readonly string[],
): Promise<TransferableRecord | null> {
  const [record] = await tx.query<TransferableRecord>(
    `SELECT r.id, r.subscription_id, r.product_code, r.dimension, r.hour, r.quantity, r.region, r.kind, r.mode, r.state, r.reason, r.disposition,
       r.due_at, r.cutoff_at, r.lease_token, r.consecutive_failures, r.probe_group, heir.id AS successor_id
     FROM marketplace.metering_record r
     JOIN marketplace.subscription s ON s.seller_account = r.seller_account AND s.id = r.subscription_id AND s.state = 'ended'
     JOIN marketplace.subscription heir ON heir.seller_account = s.seller_account AND heir.predecessor_id = s.id AND heir.state = ANY ($2)
     JOIN marketplace.product p ON p.seller_account = s.seller_account AND p.product_code = s.product_code AND p.mode = 'live'
     WHERE r.seller_account = $1 AND r.state = 'closed' AND r.disposition IN ('held', 'owed') AND r.id <> ALL ($3::uuid[])
       AND (p.live_from IS NULL OR s.registered_at >= p.live_from)
       AND CASE r.kind WHEN 'closing' THEN r.reason = 'ended'
                       ELSE r.mode = 'live' AND r.reason IN ('expired', 'notSubscribed', 'invalidLicense', 'timestampOutOfBounds') AND r.closed_at >= s.first_end_sign_at END
       AND NOT EXISTS (SELECT FROM marketplace.attempt_record e
                       WHERE e.seller_account = r.seller_account AND e.record_id = r.id AND e.evidence <> 'refused')
     ORDER BY r.id LIMIT 1 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, heirStates, except],
  );
  return record ?? null;
}

/** The subscription that takes over from another, and the state of both; null where none is linked. */
export async function findSuccessor(
  tx: SqlExecutor,
  sellerAccount: string,
  subscriptionId: string,
): Promise<{ id: string; state: SubscriptionState } | null> {
  const [row] = await tx.query<{ id: string; state: SubscriptionState }>(
    `SELECT id, state FROM marketplace.subscription WHERE seller_account = $1 AND predecessor_id = $2`,
    [sellerAccount, subscriptionId],
  );
  return row ?? null;
}

/** Whether anything of a subscription and dimension that its closing set apart still waits for a person. */
export async function hasSetApart(
  tx: SqlExecutor,
  sellerAccount: string,
  { subscription_id: subscriptionId, dimension }: Pick<LockedRecord, 'subscription_id' | 'dimension'>,
  disposition: string,
): Promise<boolean> {
  const rows = await tx.query(
    `SELECT 1 FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = $2 AND dimension = $3 AND kind = 'closing' AND state = 'closed' AND disposition = $4 LIMIT 1`,
    [sellerAccount, subscriptionId, dimension, disposition],
  );
  return rows.length > 0;
}
