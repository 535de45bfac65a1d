import { type SqlExecutor } from '../../database/ledger-database.js';
import { type SubscriptionAlias } from './subscription-aliases.js';
import { type SubscriptionState } from '../agreements/state-policy.js';
import { eventOf } from '../inbox/lifecycle-inbox.js';
import { type LifecycleEvent } from '../inbox/lifecycle-event.js';
import { type HeardEvent, type SubscriptionLife } from '../agreements/subscription-life.js';

/**
 * Order of locks where a life is written: a message, then names (advisory), then seal cursors (merges only), then subscriptions, then other messages.
 * Two that would wait for each other in a circle are told apart by Postgres, and `LedgerDatabase.transaction` repeats one.
 */

export interface PendingMessage {
  origin: string;
  messageId: string;
  receivedAt: Date;
  attempts: number;
  event: LifecycleEvent;
}

interface MessageRow {
  origin: string;
  message_id: string;
  received_at: Date;
  attempt_count: number;
  type: string;
  event_at: Date;
  event: unknown;
}

/** One message that is to be filed. SKIP LOCKED: each replica takes what no other is at. The order is of no account: a life is a fold. */
export async function takePending(tx: SqlExecutor, sellerAccount: string): Promise<PendingMessage | null> {
  const [row] = await tx.query<MessageRow>(
    `SELECT origin, message_id, received_at, attempt_count, type, event_at, event FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'pending' AND next_attempt_at <= clock_timestamp()
     ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [sellerAccount],
  );
  if (!row) return null;
  return {
    origin: row.origin,
    messageId: row.message_id,
    receivedAt: row.received_at,
    attempts: row.attempt_count,
    event: eventOf(row),
  };
}

export type Filed =
  | { state: 'applied'; subscriptionId: string }
  | { state: 'waiting'; names: readonly string[]; error: string }
  | { state: 'ignored'; error: string };

export async function fileMessage(
  tx: SqlExecutor,
  sellerAccount: string,
  message: Pick<PendingMessage, 'origin' | 'messageId'>,
  filed: Filed,
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = $4, subscription_id = $5, names = $6, error = $7, attempt_count = attempt_count + 1,
       applied_at = CASE $4 WHEN 'applied' THEN $8::timestamptz END
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3`,
    [
      sellerAccount,
      message.origin,
      message.messageId,
      filed.state,
      filed.state === 'applied' ? filed.subscriptionId : null,
      filed.state === 'waiting' ? filed.names : [],
      filed.state === 'applied' ? null : filed.error,
      now.toISOString(),
    ],
  );
}

/** What the host says about a subscription is filed with its saying. */
export async function fileHostMessages(tx: SqlExecutor, sellerAccount: string, subscriptionId: string, now: Date): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'applied', subscription_id = $2::uuid, applied_at = $3, attempt_count = 1
     WHERE seller_account = $1 AND origin = 'host' AND state = 'pending' AND event -> 'about' ->> 'subscriptionId' = $2::text`,
    [sellerAccount, subscriptionId, now.toISOString()],
  );
}

/** Puts a message off after a failure; dead-letters it when it has failed too often. @returns whether it was dead-lettered */
export async function putOff(
  sql: SqlExecutor,
  sellerAccount: string,
  message: Pick<PendingMessage, 'origin' | 'messageId'>,
  failure: { error: string; deadLetterAfterAttempts: number },
): Promise<boolean> {
  const [row] = await sql.query<{ state: string }>(
    `UPDATE marketplace.inbox_message SET attempt_count = attempt_count + 1, error = $4,
       state = CASE WHEN attempt_count + 1 >= $5 THEN 'deadLettered' ELSE 'pending' END,
       next_attempt_at = clock_timestamp() + least(300, 2 ^ least(attempt_count, 20)) * interval '1 second'
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3 AND state = 'pending' RETURNING state`,
    [sellerAccount, message.origin, message.messageId, failure.error, failure.deadLetterAfterAttempts],
  );
  return row?.state === 'deadLettered';
}

/** Messages that wait for one of these names are filed again: it has just become known. */
export async function wakeWaiting(tx: SqlExecutor, sellerAccount: string, names: readonly string[]): Promise<number> {
  if (names.length === 0) return 0;
  const rows = await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'pending', next_attempt_at = clock_timestamp(), error = NULL
     WHERE seller_account = $1 AND state = 'waiting' AND names && $2::text[] RETURNING message_id`,
    [sellerAccount, names],
  );
  return rows.length;
}

export interface LifeRow {
  id: string;
  product_code: string;
  tenant_id: string | null;
  state: SubscriptionState;
  is_trial: boolean;
  offer_type: string | null;
  customer_aws_account_id: string | null;
  registered_at: Date;
  starts_at: Date;
  activated_at: Date | null;
  ends_at: Date | null;
  first_end_sign_at: Date | null;
  last_end_sign_at: Date | null;
  first_metered_at: Date | null;
  predecessor_id: string | null;
}

/** The row whose life is written. Lives are written one at a time; FOR NO KEY UPDATE lets rows that refer to the subscription be written meanwhile. */
export async function lockLife(tx: SqlExecutor, sellerAccount: string, id: string): Promise<LifeRow | null> {
  const [row] = await tx.query<LifeRow>(
    `SELECT id::text AS id, product_code, tenant_id, state, is_trial, offer_type, customer_aws_account_id, registered_at, starts_at, activated_at,
       ends_at, first_end_sign_at, last_end_sign_at, first_metered_at, predecessor_id::text AS predecessor_id
     FROM marketplace.subscription WHERE seller_account = $1 AND id = $2 AND merged_into IS NULL FOR NO KEY UPDATE`,
    [sellerAccount, id],
  );
  return row ?? null;
}

/** Everything heard about a subscription. A statement after the lock: it sees what the writer before has filed. */
export async function loadHeard(tx: SqlExecutor, sellerAccount: string, id: string): Promise<HeardEvent[]> {
  const rows = await tx.query<MessageRow>(
    `SELECT origin, message_id, received_at, attempt_count, type, event_at, event FROM marketplace.inbox_message
     WHERE seller_account = $1 AND subscription_id = $2 ORDER BY event_at`,
    [sellerAccount, id],
  );
  return rows.map((row) => ({ event: eventOf(row), receivedAt: row.received_at, messageId: `${row.origin}:${row.message_id}` }));
}

/** `startsAt` moves to later only while nothing is sealed: a record that was sent says that usage had begun. */
export async function writeLife(
  tx: SqlExecutor,
  sellerAccount: string,
  id: string,
  life: SubscriptionLife & { heardAt: Date | null; changes: boolean },
): Promise<{ starts_at: Date }> {
  const [row] = await tx.query<{ starts_at: Date }>(
    `UPDATE marketplace.subscription s SET
       state = $3, is_trial = $4,
       starts_at = CASE
         WHEN $5::timestamptz < s.starts_at THEN $5
         WHEN $5::timestamptz > s.starts_at AND NOT EXISTS (
           SELECT FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = s.id AND r.kind = 'hour') THEN $5
         ELSE s.starts_at END,
       activated_at = coalesce($6, s.activated_at), ends_at = $7, first_end_sign_at = $8, last_end_sign_at = $9,
       last_heard_at = greatest(s.last_heard_at, $10), life_changed = s.life_changed OR $11, updated_at = clock_timestamp()
     WHERE s.seller_account = $1 AND s.id = $2 RETURNING starts_at`,
    [
      sellerAccount,
      id,
      life.state,
      life.isTrial,
      life.startsAt?.toISOString() ?? null,
      life.activatedAt?.toISOString() ?? null,
      life.end?.endsAt.toISOString() ?? null,
      life.end?.firstSignAt.toISOString() ?? null,
      life.end?.lastSignAt.toISOString() ?? null,
      life.heardAt?.toISOString() ?? null,
      life.changes,
    ],
  );
  if (!row) throw new Error(`subscription ${id} has gone`);
  return row;
}

export async function markEntitlementsChanged(tx: SqlExecutor, sellerAccount: string, id: string, now: Date): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription SET entitlements_changed_at = greatest(entitlements_changed_at, $3)
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id, now.toISOString()],
  );
}

/** Subscriptions whose state follows from time or from metering, not from a message: a start that has come, and usage that AWS has taken. */
export async function selectUnfolded(sql: SqlExecutor, sellerAccount: string, now: Date, limit: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.subscription
     WHERE seller_account = $1 AND state IN ('registered', 'failed') AND merged_into IS NULL
       AND (first_metered_at IS NOT NULL OR (last_heard_at IS NOT NULL AND starts_at > registered_at AND starts_at <= $2))
     ORDER BY id LIMIT $3`,
    [sellerAccount, now.toISOString(), limit],
  );
  return rows.map(({ id }) => id);
}

export async function licensesOf(tx: SqlExecutor, sellerAccount: string, id: string): Promise<string[]> {
  const rows = await tx.query<{ value: string }>(
    `SELECT value FROM marketplace.subscription_alias WHERE seller_account = $1 AND subscription_id = $2 AND kind = 'license'`,
    [sellerAccount, id],
  );
  return rows.map(({ value }) => value);
}

/** A subscription that takes over: same buyer, product and tenant, a life of its own. */
export async function insertSuccessor(
  tx: SqlExecutor,
  sellerAccount: string,
  successor: { id: string; predecessorId: string; now: Date; copyIdentity: boolean },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, tenant_id, state, license_arn, customer_aws_account_id,
       customer_identifier, registered_at, starts_at, predecessor_id, license_from)
     SELECT seller_account, $3, product_code, tenant_id, 'registered', CASE WHEN $5 THEN license_arn END, customer_aws_account_id,
       CASE WHEN $5 THEN customer_identifier END, $4, $4, id, license_from
     FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, successor.predecessorId, successor.id, successor.now.toISOString(), successor.copyIdentity],
  );
  await tx.query(`INSERT INTO marketplace.seal_cursor (seller_account, subscription_id) VALUES ($1, $2)`, [sellerAccount, successor.id]);
}

export async function moveAliases(
  tx: SqlExecutor,
  sellerAccount: string,
  from: string,
  to: string,
  kinds: readonly string[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription_alias SET subscription_id = $3 WHERE seller_account = $1 AND subscription_id = $2 AND kind = ANY ($4)`,
    [sellerAccount, from, to, kinds],
  );
}

/** One name goes to another subscription, whosever it was. */
export async function moveAlias(
  tx: SqlExecutor,
  sellerAccount: string,
  { kind, scope, value }: SubscriptionAlias,
  to: string,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription_alias SET subscription_id = $5 WHERE seller_account = $1 AND kind = $2 AND scope = $3 AND value = $4`,
    [sellerAccount, kind, scope, value, to],
  );
}

export async function moveMessages(tx: SqlExecutor, sellerAccount: string, from: string, to: string): Promise<void> {
  await tx.query(`UPDATE marketplace.inbox_message SET subscription_id = $3 WHERE seller_account = $1 AND subscription_id = $2`, [
    sellerAccount,
    from,
    to,
  ]);
}

export interface Kin {
  id: string;
  starts_at: Date;
  predecessor_id: string | null;
  product_code: string;
  customer_aws_account_id: string | null;
}

/** Subscriptions whose agreements name one of this one's as the agreement before them. */
export function selectHeirs(tx: SqlExecutor, sellerAccount: string, id: string): Promise<Kin[]> {
  return tx.query<Kin>(
    `SELECT DISTINCT s.id::text AS id, s.starts_at, s.predecessor_id::text AS predecessor_id, s.product_code, s.customer_aws_account_id
     FROM marketplace.subscription_alias a
     JOIN marketplace.inbox_message m ON m.seller_account = a.seller_account AND m.state = 'applied'
       AND m.event -> 'details' ->> 'previousAgreementId' = a.value
     JOIN marketplace.subscription s ON s.seller_account = m.seller_account AND s.id = m.subscription_id
     WHERE a.seller_account = $1 AND a.subscription_id = $2 AND a.kind = 'agreement' AND s.id <> $2 AND s.merged_into IS NULL
     ORDER BY 1`,
    [sellerAccount, id],
  );
}

/** The subscription of one of these agreements. */
export async function selectByAgreements(tx: SqlExecutor, sellerAccount: string, agreementIds: readonly string[]): Promise<Kin | null> {
  const [row] = await tx.query<Kin>(
    `SELECT s.id::text AS id, s.starts_at, s.predecessor_id::text AS predecessor_id, s.product_code, s.customer_aws_account_id
     FROM marketplace.subscription_alias a JOIN marketplace.subscription s ON s.seller_account = a.seller_account AND s.id = a.subscription_id
     WHERE a.seller_account = $1 AND a.kind = 'agreement' AND a.value = ANY ($2) AND s.merged_into IS NULL ORDER BY s.id LIMIT 1`,
    [sellerAccount, agreementIds],
  );
  return row ?? null;
}

/**
 * Links a successor to what it takes over from, once, and hands it the tenant. Nothing is written where either is linked already, or where the link
 * would close a circle.
 */
export async function linkSuccessor(tx: SqlExecutor, sellerAccount: string, successorId: string, predecessorId: string): Promise<boolean> {
  const rows = await tx.query(
    `WITH RECURSIVE ancestor AS (
       SELECT id, predecessor_id FROM marketplace.subscription WHERE seller_account = $1 AND id = $3
       UNION
       SELECT s.id, s.predecessor_id FROM ancestor a JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = a.predecessor_id
     )
     UPDATE marketplace.subscription s SET predecessor_id = $3, tenant_id = coalesce(s.tenant_id, p.tenant_id), updated_at = clock_timestamp()
     FROM marketplace.subscription p
     WHERE s.seller_account = $1 AND s.id = $2 AND s.predecessor_id IS NULL AND p.seller_account = $1 AND p.id = $3
       AND NOT EXISTS (SELECT FROM ancestor WHERE id = $2)
       AND NOT EXISTS (SELECT FROM marketplace.subscription other WHERE other.seller_account = $1 AND other.predecessor_id = $3)
     RETURNING s.id`,
    [sellerAccount, successorId, predecessorId],
  );
  return rows.length > 0;
}
