import { type LedgerSql } from '../database/ledger-database.js';
import { type MarketplaceEventType, type StoredPayload } from './marketplace-event.js';

/**
 * SQL of deliveries. Leases and pauses are machine time. Who claims, or decides by hand, holds the lock of the handler
 * (event-handler.sql.ts).
 */

/** A delivery in the hands of this process, with its event. */
export interface ClaimedDelivery {
  id: string;
  attempt_count: number;
  /** The process that had it before ended, or took longer than its lease. */
  was_lost: boolean;
  event_id: string;
  type: MarketplaceEventType;
  subscription_id: string | null;
  record_id: string | null;
  payload: StoredPayload<MarketplaceEventType>;
  occurred_at: Date;
}

export interface Claim {
  handlerId: string;
  /**
   * Types that the handler has in this process: another version of the host may have others, which are its own to
   * deliver.
   */
  types: readonly string[];
  limit: number;
  leaseToken: string;
  leaseMs: number;
}

/**
 * Earliest first. Of a subscription only the first that is open, and none while another is being delivered;
 * dead-lettered ones do not stand in the way. Call it in the transaction that holds the handler's lock.
 */
export async function claimDeliveries(
  tx: LedgerSql,
  sellerAccount: string,
  { handlerId, types, limit, leaseToken, leaseMs }: Claim,
): Promise<ClaimedDelivery[]> {
  const rows = await tx.query<ClaimedDelivery>(
    `WITH due AS (
       SELECT d.id, d.state = 'delivering' AS was_lost FROM marketplace.event_delivery d
       WHERE d.seller_account = $1 AND d.handler_id = $2 AND d.type = ANY ($3)
         AND d.state IN ('pending', 'delivering')
         AND CASE d.state WHEN 'pending' THEN d.next_attempt_at ELSE d.lease_until END <= clock_timestamp()
         AND NOT EXISTS (
           SELECT FROM marketplace.event_delivery other
           WHERE other.seller_account = $1 AND other.handler_id = $2 AND other.subscription_id = d.subscription_id
             AND other.state IN ('pending', 'delivering') AND other.id <> d.id
             AND (other.state = 'delivering' OR (other.position < d.position AND other.type = ANY ($3))))
       ORDER BY d.position LIMIT $4 FOR UPDATE SKIP LOCKED
     ), claimed AS (
       UPDATE marketplace.event_delivery d SET state = 'delivering', attempt_count = attempt_count + 1, lease_token =
         $5,
         lease_until = clock_timestamp() + $6 * interval '1 millisecond'
       FROM due WHERE d.seller_account = $1 AND d.id = due.id
       RETURNING d.id, d.attempt_count, due.was_lost, d.event_id, d.position
     )
     SELECT c.*, e.type, e.subscription_id, e.record_id, e.payload, e.occurred_at
     FROM claimed c JOIN marketplace.outbox_event e ON e.seller_account = $1 AND e.id = c.event_id
     ORDER BY c.position`,
    [sellerAccount, handlerId, types, limit, leaseToken, leaseMs],
  );
  return rows;
}

/** What became of a delivery; counts only while the lease is the caller's. @returns whether it was */
export async function settleDelivery(
  tx: LedgerSql,
  sellerAccount: string,
  held: { id: string; leaseToken: string },
  outcome:
    | { state: 'delivered'; at: Date }
    | { state: 'pending'; error: string; delayMs: number }
    | { state: 'deadLettered'; error: string }
    /** Nothing was tried. */
    | { state: 'untouched' },
): Promise<boolean> {
  const isUntouched = outcome.state === 'untouched';
  const rows = await tx.query(
    `UPDATE marketplace.event_delivery SET state = $4, lease_token = NULL, lease_until = NULL, delivered_at = $5,
       last_error = coalesce($6, last_error), next_attempt_at = clock_timestamp() + $7 * interval '1 millisecond',
         attempt_count = attempt_count - $8
     WHERE seller_account = $1 AND id = $2 AND lease_token = $3 RETURNING id`,
    [
      sellerAccount,
      held.id,
      held.leaseToken,
      isUntouched ? 'pending' : outcome.state,
      outcome.state === 'delivered' ? outcome.at.toISOString() : null,
      'error' in outcome ? outcome.error : null,
      outcome.state === 'pending' ? outcome.delayMs : 0,
      isUntouched ? 1 : 0,
    ],
  );
  return rows.length > 0;
}

export interface DeliveryRow {
  id: string;
  event_id: string;
  handler_id: string;
  type: string;
  subscription_id: string | null;
  position: string;
  state: DeliveryState;
  attempt_count: number;
  next_attempt_at: Date;
  last_error: string | null;
  delivered_at: Date | null;
  decided_by: string | null;
  decision: string | null;
  occurred_at: Date;
}

/** `deadLettered`: it failed too often, and a person must look; `skipped`: a person gave it up. */
export type DeliveryState = 'pending' | 'delivering' | 'delivered' | 'deadLettered' | 'skipped';

export interface DeliveryFilter {
  state?: DeliveryState | undefined;
  handlerId?: string | undefined;
  subscriptionId?: string | undefined;
}

/** Newest first; `after` holds position and handler of the last row of the page before. */
export function selectDeliveries(
  tx: LedgerSql,
  sellerAccount: string,
  { state, handlerId, subscriptionId }: DeliveryFilter,
  after: readonly [string, string] | null,
  limit: number,
): Promise<DeliveryRow[]> {
  // Put together from what was asked: a condition that allows for a missing parameter cannot use an index.
  const parameters: unknown[] = [sellerAccount];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const conditions = ['d.seller_account = $1'];
  if (state !== undefined) conditions.push(`d.state = ${given(state)}`);
  if (state !== undefined && state !== 'delivered') conditions.push(`d.state <> 'delivered'`);
  if (handlerId !== undefined) conditions.push(`d.handler_id = ${given(handlerId)}`);
  if (subscriptionId !== undefined) conditions.push(`d.subscription_id = ${given(subscriptionId)}::uuid`);
  if (after) conditions.push(`(d.position, d.handler_id) < (${given(after[0])}::bigint, ${given(after[1])})`);
  return tx.query<DeliveryRow>(
    `SELECT d.id, d.event_id, d.handler_id, d.type, d.subscription_id, d.position, d.state, d.attempt_count,
      d.next_attempt_at, d.last_error,
       d.delivered_at, d.decided_by, d.decision,
       (SELECT e.occurred_at FROM marketplace.outbox_event e WHERE e.seller_account = $1
         AND e.id = d.event_id) AS occurred_at
     FROM (
       SELECT * FROM marketplace.event_delivery d WHERE ${conditions.join(' AND ')}
       ORDER BY d.position DESC, d.handler_id DESC LIMIT ${given(limit)}
     ) AS d
     ORDER BY d.position DESC, d.handler_id DESC`,
    parameters,
  );
}

/** For a decision about it. Lock its handler first. */
export async function lockDelivery(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
): Promise<{ state: DeliveryState; handler_id: string } | null> {
  const [row] = await tx.query<{ state: DeliveryState; handler_id: string }>(
    `SELECT state, handler_id FROM marketplace.event_delivery WHERE seller_account = $1 AND id = $2 FOR UPDATE`,
    [sellerAccount, id],
  );
  return row ?? null;
}

export async function handlerOfDelivery(tx: LedgerSql, sellerAccount: string, id: string): Promise<string | null> {
  const [row] = await tx.query<{ handler_id: string }>(
    `SELECT handler_id FROM marketplace.event_delivery WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id],
  );
  return row?.handler_id ?? null;
}

export async function retryDelivery(tx: LedgerSql, sellerAccount: string, id: string, by: string): Promise<void> {
  await tx.query(
    `UPDATE marketplace.event_delivery SET state = 'pending', attempt_count = 0, next_attempt_at = clock_timestamp(),
      decided_by = $3, decision = 'retry'
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id, by],
  );
}

export async function skipDelivery(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  by: string,
  reason: string,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.event_delivery SET state = 'skipped', decided_by = $3, decision = $4 WHERE seller_account = $1
      AND id = $2`,
    [sellerAccount, id, by, reason],
  );
}

export async function hasDeadLettered(tx: LedgerSql, sellerAccount: string, handlerId: string): Promise<boolean> {
  const rows = await tx.query(
    `SELECT FROM marketplace.event_delivery WHERE seller_account = $1 AND handler_id = $2 AND state = 'deadLettered'
      LIMIT 1`,
    [sellerAccount, handlerId],
  );
  return rows.length > 0;
}
