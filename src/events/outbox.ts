import { Inject, Injectable } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type SqlExecutor } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type MarketplaceEventType, type NewMarketplaceEvent } from './marketplace-event.js';

/** Events written in the transaction that makes them true: what happened and that it is told cannot come apart. */
@Injectable()
export class Outbox {
  constructor(@Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions) {}

  async append<T extends MarketplaceEventType>(tx: SqlExecutor, events: readonly NewMarketplaceEvent<T>[]): Promise<void> {
    if (events.length === 0) return;
    await tx.query(
      `INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, record_id, payload, occurred_at)
       SELECT $1, id, type, subscription_id, record_id, payload, occurred_at
       FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::jsonb[], $7::timestamptz[])
         AS input (id, type, subscription_id, record_id, payload, occurred_at)`,
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
  }
}
