import { type LedgerSql } from '../database/ledger-database.js';
import { agreementNoticeOf } from './agreement-notice.sql.js';
import {
  type MarketplaceEvent,
  type MarketplaceEventType,
  type StoredAgreementNotice,
  type StoredPayload,
} from './marketplace-event.js';

/** An event as it stands in the outbox. */
export interface StoredEventRow {
  id: string;
  type: MarketplaceEventType;
  subscription_id: string | null;
  record_id: string | null;
  occurred_at: Date;
  payload: StoredPayload<MarketplaceEventType>;
}

/** What was told so far, in the order in which it was written; handlers or not. */
export function selectEvents(sql: LedgerSql, sellerAccount: string): Promise<StoredEventRow[]> {
  return sql.query<StoredEventRow>(
    `SELECT id, type, subscription_id, record_id, occurred_at, payload FROM marketplace.outbox_event
     WHERE seller_account = $1 ORDER BY position`,
    [sellerAccount],
  );
}

/** An event as handlers get it. Names of a buyer are looked up now: none is stored with the event. */
export async function eventOf(sql: LedgerSql, sellerAccount: string, row: StoredEventRow): Promise<MarketplaceEvent> {
  const stored = row.payload as { agreement?: StoredAgreementNotice | null };
  const payload =
    stored.agreement === undefined
      ? row.payload
      : { ...row.payload, agreement: await agreementNoticeOf(sql, sellerAccount, stored.agreement) };
  return {
    id: row.id,
    type: row.type,
    subscriptionId: row.subscription_id,
    recordId: row.record_id,
    occurredAt: row.occurred_at,
    payload,
  } as MarketplaceEvent;
}
