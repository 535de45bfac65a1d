import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { Waker } from '../../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { storableJson } from '../../runtime/storable-text.js';
import { type LifecycleEvent, type ReceivedMessage } from './lifecycle-event.js';

export interface Reception {
  /** Messages that were new. */
  received: number;
  /** Messages that stood in the inbox already. */
  repeated: number;
}

/**
 * Where every way in puts what it received. A message is safe once `receive` has resolved: it is committed, and will be
 * applied, wait for the subscription it speaks of, or be dead-lettered where an operator sees it. Only then may a queue
 * forget it, or AWS be told 200.
 */
@Injectable()
export class LifecycleInbox {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly waker: Waker,
  ) {}

  /** @throws what the database throws; nothing of the call is then in the inbox */
  async receive(messages: readonly ReceivedMessage[]): Promise<Reception> {
    const received = await this.database.transaction((tx) => this.enter(messages, tx));
    if (received > 0) this.waker.wake('inbox');
    return { received, repeated: messages.length - received };
  }

  /**
   * As `receive`, within a transaction of the module that says more than the message. Wake the waker `inbox` after its
   * commit.
   */
  async enter(messages: readonly ReceivedMessage[], tx: LedgerSql): Promise<number> {
    if (messages.length === 0) return 0;
    const { sellerAccount, clock } = this.options;
    // What Postgres does not take is replaced: a message that can never be stored would come back for ever.
    const rows = await tx.query(
      `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body,
        type, event_at, event, state, error)
       SELECT $1, origin, message_id, received_via, $2, body, type, event_at, event, state, error
       FROM jsonb_to_recordset($3::jsonb) AS input (origin text, message_id text, received_via text, body text, type
         text, event_at timestamptz,
         event jsonb, state text, error text)
       ORDER BY origin, message_id
       ON CONFLICT DO NOTHING RETURNING message_id`,
      [sellerAccount, clock.now().toISOString(), storableJson(messages.map(rowOf))],
    );
    return rows.length;
  }
}

function rowOf({ origin, messageId, via, body, content }: ReceivedMessage): Record<string, unknown> {
  const about = { origin, message_id: messageId, received_via: via, body };
  if ('event' in content) {
    const { type, at } = content.event;
    return {
      ...about,
      type,
      event_at: at.toISOString(),
      event: storedEventOf(content.event),
      state: 'pending',
      error: null,
    };
  }
  const none = { type: null, event_at: null, event: null };
  if ('deadLettered' in content) return { ...about, ...none, state: 'deadLettered', error: content.deadLettered };
  return { ...about, ...none, state: 'ignored', error: content.ignored };
}

/** What an event says, as it is stored. Postgres drops nothing of it: instants in the details are text. */
export function storedEventOf({ about, details, isUntimed }: LifecycleEvent): object {
  return { about, details, ...(isUntimed === true && { isUntimed }) };
}

/** An event as it was entered. */
export function eventOf(row: { type: string; event_at: Date; event: unknown }): LifecycleEvent {
  const { about, details, isUntimed } = row.event as Pick<LifecycleEvent, 'about' | 'details' | 'isUntimed'>;
  return {
    type: row.type,
    at: row.event_at,
    about,
    details,
    ...(isUntimed === true && { isUntimed }),
  } as LifecycleEvent;
}
