import { type LedgerSql } from '../../database/ledger-database.js';
import { type LifecycleEvent, type MessageOrigin } from './lifecycle-event.js';
import { eventOf } from './lifecycle-inbox.js';

export interface PendingMessage {
  origin: MessageOrigin;
  messageId: string;
  receivedAt: Date;
  event: LifecycleEvent;
}

/** One message that is to be processed. SKIP LOCKED: each replica takes what no other is at. The order is of no account: states follow
 * from all facts. What was erased before it was processed says nothing any more. */
export async function takePending(tx: LedgerSql, sellerAccount: string): Promise<PendingMessage | null> {
  const [row] = await tx.query<{
    origin: MessageOrigin;
    message_id: string;
    received_at: Date;
    type: string;
    event_at: Date;
    event: unknown;
  }>(
    `SELECT origin, message_id, received_at, type, event_at, event FROM marketplace.inbox_message
     WHERE seller_account = $1 AND state = 'pending' AND next_attempt_at <= clock_timestamp() AND event IS NOT NULL
     ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [sellerAccount],
  );
  if (!row) return null;
  return { origin: row.origin, messageId: row.message_id, receivedAt: row.received_at, event: eventOf(row) };
}

/** What a message became: rows of a subscription, or it waits for one of its names, or it is of no concern. */
export type Outcome =
  | { state: 'applied'; subscriptionId: string | null }
  | { state: 'waiting'; names: readonly string[]; error: string }
  | { state: 'ignored'; names: readonly string[]; error: string };

export async function settleMessage(
  tx: LedgerSql,
  sellerAccount: string,
  message: Pick<PendingMessage, 'origin' | 'messageId'>,
  outcome: Outcome,
  now: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = $4, subscription_id = $5, names = $6, error = $7, attempt_count =
      attempt_count + 1,
       applied_at = CASE $4 WHEN 'applied' THEN $8::timestamptz END
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3`,
    [
      sellerAccount,
      message.origin,
      message.messageId,
      outcome.state,
      outcome.state === 'applied' ? outcome.subscriptionId : null,
      outcome.state === 'applied' ? [] : outcome.names,
      outcome.state === 'applied' ? null : outcome.error,
      now.toISOString(),
    ],
  );
}

/** What holds names of it goes: its buyer was erased. That it came, and what followed, stays. */
export async function eraseMessage(
  tx: LedgerSql,
  sellerAccount: string,
  { origin, messageId }: Pick<PendingMessage, 'origin' | 'messageId'>,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET body = NULL, event = NULL WHERE seller_account = $1 AND origin = $2
      AND message_id = $3`,
    [sellerAccount, origin, messageId],
  );
}

/**
 * Puts a message off after a failure; dead-letters it when it has failed too often. @returns whether it is a dead
 * letter now
 */
export async function putOff(
  sql: LedgerSql,
  sellerAccount: string,
  message: Pick<PendingMessage, 'origin' | 'messageId'>,
  failure: { error: string; deadLetterAfterAttempts: number; counts: boolean },
): Promise<boolean> {
  const [row] = await sql.query<{ state: string }>(
    `UPDATE marketplace.inbox_message SET attempt_count = attempt_count + CASE WHEN $6 THEN 1 ELSE 0 END, error = $4,
       state = CASE WHEN $6 AND attempt_count + 1 >= $5 THEN 'deadLettered' ELSE 'pending' END,
       next_attempt_at = clock_timestamp() + least(300, 2 ^ least(attempt_count, 20)) * interval '1 second'
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3 AND state = 'pending' RETURNING state`,
    [sellerAccount, message.origin, message.messageId, failure.error, failure.deadLetterAfterAttempts, failure.counts],
  );
  return row?.state === 'deadLettered';
}

/**
 * Through the index of names, whatever the planner knows of the table: as a plain column the seller leads to the index of
 * states, by which every look reads all that waits. `$1` is the seller; `state` must be told beside it.
 */
export function namedBy(names: string): string {
  return `seller_account || '' = $1 AND names && ${names}`;
}

/**
 * Messages that wait for one of these names are processed again: it has just become known. So are those that name no
 * product and were set aside because their agreement was thought to be at one that is none of ours, and those that name
 * its listing by the id.
 */
export async function wakeWaiting(tx: LedgerSql, sellerAccount: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'pending', next_attempt_at = clock_timestamp(), error = NULL
     WHERE ${namedBy('$2::text[]')} AND state IN ('waiting', 'ignored') AND event IS NOT NULL
       AND (state = 'waiting'
         OR num_nonnulls(event -> 'about' ->> 'productCode', event -> 'about' ->> 'productId') = 0
         OR EXISTS (SELECT FROM unnest($2::text[]) AS label
           WHERE starts_with(label, 'product:id:') AND label = ANY (names)))`,
    [sellerAccount, names],
  );
}

/** Messages of products that were not listed when they came, and are now. */
export async function wakeIgnored(
  sql: LedgerSql,
  sellerAccount: string,
  productLabels: readonly string[],
): Promise<void> {
  await sql.query(
    `UPDATE marketplace.inbox_message SET state = 'pending', next_attempt_at = clock_timestamp(), error = NULL,
      attempt_count = 0
     WHERE ${namedBy('$2::text[]')} AND state = 'ignored' AND event IS NOT NULL`,
    [sellerAccount, productLabels],
  );
}

/** What waits under a name that turned out to be of a product that is not listed is of no concern either. */
export async function ignoreWaiting(
  tx: LedgerSql,
  sellerAccount: string,
  about: { names: readonly string[]; productLabel: string; error: string },
): Promise<void> {
  if (about.names.length === 0) return;
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'ignored', names = array_append(names, $3), error = $4
     WHERE ${namedBy('$2::text[]')} AND state = 'waiting'`,
    [sellerAccount, about.names, about.productLabel, about.error],
  );
}

/** The product of an ignored message that shares one of these names. */
export async function selectIgnoredProduct(
  tx: LedgerSql,
  sellerAccount: string,
  names: readonly string[],
): Promise<string | null> {
  const [row] = await tx.query<{ label: string }>(
    `SELECT label FROM marketplace.inbox_message m, unnest(m.names) AS label
     WHERE ${namedBy('$2::text[]')} AND state = 'ignored' AND starts_with(label, 'product:')
       LIMIT 1`,
    [sellerAccount, names],
  );
  return row?.label ?? null;
}

/**
 * One at a time writes what a name stands for, in all replicas: of two messages of one buyer the first makes the rows
 * and the other finds them, while other buyers pass. Taken in one order; held to the end of the transaction; statements
 * after it see what the holder before committed.
 */
export async function lockNames(tx: LedgerSql, sellerAccount: string, labels: readonly string[]): Promise<void> {
  // Rows of unnest come, and are locked, in the array's order. Written as a name in the schema: ledgers in two schemas of
  // a database do not wait for each other.
  await tx.query(
    `SELECT pg_advisory_xact_lock(hashtext('marketplace.names'), hashtext(label)) FROM unnest($1::text[]) AS label`,
    [[...new Set(labels)].sort().map((label) => `${sellerAccount} ${label}`)],
  );
}
