import { type LedgerSql } from '../database/ledger-database.js';

/** What could be done at this moment. */
export interface WaitingWorkCount {
  /** Records that may be sent now, or are being sent. */
  records: number;
  /** Lifecycle messages that were not processed yet. */
  messages: number;
  /** Customers whose hours are to be planned anew. */
  plans: number;
  /** Events that are due to a handler. */
  deliveries: number;
}

/** Each part reads a partial index of what is open. */
export async function countWork(sql: LedgerSql, sellerAccount: string, now: Date): Promise<WaitingWorkCount> {
  const [row] = await sql.query<WaitingWorkCount>(
    `SELECT
       (SELECT count(*)::int FROM marketplace.metering_record WHERE seller_account = $1 AND mode = 'live'
         AND (state = 'sending'
           OR state = 'pending' AND kind = 'hour' AND next_attempt_at <= clock_timestamp() AND cutoff_at > $2)) AS records,
       (SELECT count(*)::int FROM marketplace.inbox_message WHERE seller_account = $1 AND state = 'pending') AS messages,
       (SELECT count(DISTINCT customer_id)::int FROM marketplace.customer_changed WHERE seller_account = $1) AS plans,
       (SELECT count(*)::int FROM marketplace.event_delivery WHERE seller_account = $1 AND (state = 'delivering'
         OR state = 'pending' AND next_attempt_at <= clock_timestamp())) AS deliveries`,
    [sellerAccount, now.toISOString()],
  );
  return row ?? { records: 0, messages: 0, plans: 0, deliveries: 0 };
}

export async function countMetered(sql: LedgerSql, sellerAccount: string): Promise<number> {
  const [row] = await sql.query<{ count: string }>(
    `SELECT count(*)::text AS count FROM marketplace.metering_record WHERE seller_account = $1 AND state = 'metered'`,
    [sellerAccount],
  );
  return Number(row?.count ?? 0);
}
