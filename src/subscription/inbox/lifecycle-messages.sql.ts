import { type LedgerSql } from '../../database/ledger-database.js';
import { storableJson } from '../../runtime/storable-text.js';
import { type LifecycleEvent, type MessageOrigin } from './lifecycle-event.js';
import { storedEventOf } from './lifecycle-inbox.js';

/** What a message is told apart by. */
export interface MessageKey {
  origin: MessageOrigin;
  messageId: string;
}

export type MessageState = 'pending' | 'waiting' | 'applied' | 'ignored' | 'deadLettered';

export interface KeptMessage {
  state: MessageState;
  received_via: string;
  received_at: Date;
  /** Null: erased. */
  body: string | null;
  /** Null: it was not understood. */
  type: string | null;
  is_erased: boolean;
}

/** FOR UPDATE: who decides about a message waits for the job that is at it, and then sees what has become of it. */
export async function lockMessage(
  tx: LedgerSql,
  sellerAccount: string,
  { origin, messageId }: MessageKey,
): Promise<KeptMessage | null> {
  const [row] = await tx.query<KeptMessage>(
    `SELECT state, received_via, received_at, body, type, body IS NULL OR (type IS NOT NULL
      AND event IS NULL) AS is_erased FROM marketplace.inbox_message
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3 FOR UPDATE`,
    [sellerAccount, origin, messageId],
  );
  return row ?? null;
}

export async function hasMessage(
  tx: LedgerSql,
  sellerAccount: string,
  { origin, messageId }: MessageKey,
): Promise<boolean> {
  const rows = await tx.query(
    `SELECT FROM marketplace.inbox_message WHERE seller_account = $1 AND origin = $2 AND message_id = $3`,
    [sellerAccount, origin, messageId],
  );
  return rows.length > 0;
}

/** It is filed anew, at once, with all its attempts. `understood`: what it says, where nobody understood it before. */
export async function takeUp(
  tx: LedgerSql,
  sellerAccount: string,
  { origin, messageId }: MessageKey,
  understood: LifecycleEvent | null,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'pending', attempt_count = 0, next_attempt_at = clock_timestamp(),
      error = NULL, names = '{}', applied_at = NULL,
       type = coalesce(type, $4), event_at = coalesce(event_at, $5), event = coalesce(event, $6)
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3`,
    [
      sellerAccount,
      origin,
      messageId,
      understood?.type ?? null,
      understood?.at.toISOString() ?? null,
      understood && storableJson(storedEventOf(understood)),
    ],
  );
}

export async function ignoreMessage(
  tx: LedgerSql,
  sellerAccount: string,
  { origin, messageId }: MessageKey,
  why: string,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.inbox_message SET state = 'ignored', error = $4 WHERE seller_account = $1 AND origin = $2
      AND message_id = $3`,
    [sellerAccount, origin, messageId, why],
  );
}
