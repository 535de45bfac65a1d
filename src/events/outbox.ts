import { Inject, Injectable, Optional } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { Waker } from '../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type MarketplaceEventType, type NewMarketplaceEvent } from './marketplace-event.js';

/** Events written in the transaction that makes them true: what happened and that it is told cannot come apart. */
@Injectable()
export class Outbox {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'sellerAccount'>,
    @Optional() private readonly waker?: Waker,
  ) {}

  /**
   * Writes the events, and with each a delivery for every handler that is known for its type. Deliveries are made here,
   * not found later by reading on from a position: positions become visible in another order than they were given out,
   * and whoever reads on loses those that come late.
   */
  async append<T extends MarketplaceEventType>(
    tx: LedgerSql,
    events: readonly NewMarketplaceEvent<T>[],
  ): Promise<void> {
    if (events.length === 0) return;
    await tx.query(
      // Without locks: the handlers are read as of now, and a row of theirs that changes meanwhile is nobody's to wait
      // for.
      `WITH written AS (
         INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, record_id, payload,
           occurred_at)
         SELECT $1, id, type, subscription_id, record_id, payload, occurred_at
         FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::jsonb[], $7::timestamptz[])
           WITH ORDINALITY AS input (id, type, subscription_id, record_id, payload, occurred_at, place)
         ORDER BY place
         RETURNING id, type, subscription_id, position
       )
       INSERT INTO marketplace.event_delivery (seller_account, event_id, handler_id, type, subscription_id, position)
       SELECT $1, w.id, h.id, w.type, w.subscription_id, w.position
       FROM written w
       JOIN marketplace.event_handler h ON h.seller_account = $1 AND h.type = w.type AND h.retired_at IS NULL`,
      [
        this.options.sellerAccount,
        events.map(() => uuidv7()),
        events.map((event) => event.type),
        events.map((event) => event.subscriptionId),
        events.map((event) => event.recordId ?? null),
        events.map((event) => JSON.stringify(event.payload)),
        events.map((event) => event.occurredAt.toISOString()),
      ],
    );
    // In a transaction of the host there is nothing to hang this on: the next tick delivers.
    tx.afterCommit?.(() => this.waker?.wake('deliver'));
  }
}
