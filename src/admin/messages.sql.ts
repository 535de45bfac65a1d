import { type LedgerSql } from '../database/ledger-database.js';
import { type MessageFilter } from './list-query.js';
import { precise, Selection } from './selection.js';

export interface MessageRow {
  origin: string;
  message_id: string;
  received_via: string;
  received_at: Date;
  received: string;
  type: string | null;
  event_at: Date | null;
  event: unknown;
  state: string;
  error: string | null;
  attempt_count: number;
  subscription_id: string | null;
}

/** Without the bodies. The cursor holds `received`: microseconds that a Date would lose. */
export function selectMessages(
  tx: LedgerSql,
  sellerAccount: string,
  filter: MessageFilter,
  after: readonly [string, string, string] | null,
  limit: number,
): Promise<MessageRow[]> {
  const columns = `origin, message_id, received_via, received_at, ${precise('received_at')} AS received, type, event_at, event, state, error,
    attempt_count, subscription_id`;
  return new Selection(columns, 'inbox_message', sellerAccount)
    .where(filter.state, (state) => `state = ${state}`)
    .where(filter.origin, (origin) => `origin = ${origin}`)
    .where(filter.type, (type) => `type = ${type}`)
    .where(filter.subscriptionId, (id) => `subscription_id = ${id}`)
    .after(
      [
        { column: 'received_at', type: 'timestamptz' },
        { column: 'origin', type: 'text' },
        { column: 'message_id', type: 'text' },
      ],
      after,
      limit,
    )
    .read(tx);
}
