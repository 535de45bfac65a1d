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

/** Tells whether anything became of the records that wait: their number alone does not. */
export async function progressOfRecords(sql: LedgerSql, sellerAccount: string): Promise<string> {
  const [row] = await sql.query<{ progress: string }>(
    `SELECT format('%s sending, tried %s times', count(*) FILTER (WHERE state = 'sending'), sum(attempt_count)) AS progress
     FROM marketplace.metering_record WHERE seller_account = $1 AND mode = 'live' AND state IN ('pending', 'sending')`,
    [sellerAccount],
  );
  return row?.progress ?? '';
}

/**
 * How long, of machine time, until work that has a deadline at AWS may go on that waits for nothing else: for a pause
 * after a failure, or the lease of a process that may be dead. Zero or less where it may go on now.
 * @returns milliseconds; null where there is none
 */
export async function selectPause(sql: LedgerSql, sellerAccount: string, now: Date): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `SELECT (extract(epoch FROM min(at) - clock_timestamp()) * 1000)::float8 AS ms FROM (
       SELECT min(next_attempt_at) AS at FROM marketplace.metering_record WHERE seller_account = $1 AND mode = 'live'
         AND state = 'pending' AND kind = 'hour' AND next_attempt_at > clock_timestamp() AND cutoff_at > $2
       UNION ALL SELECT min(lease_until) FROM marketplace.metering_record WHERE seller_account = $1 AND state = 'sending'
       UNION ALL SELECT min(next_attempt_at) FROM marketplace.inbox_message WHERE seller_account = $1
         AND state = 'pending' AND next_attempt_at > clock_timestamp()
       UNION ALL SELECT min(lease_until) FROM marketplace.entitlement_wanted WHERE seller_account = $1) AS pause`,
    [sellerAccount, now.toISOString()],
  );
  return row?.ms ?? null;
}

/**
 * Records that AWS has taken by an answer of since then. All that it ever took are millions.
 * @param since machine time, as text of the database
 */
export async function countMetered(sql: LedgerSql, sellerAccount: string, since: string): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `SELECT count(DISTINCT r.id)::int AS count FROM marketplace.product p
     JOIN marketplace.attempt a ON a.seller_account = p.seller_account AND a.product_code = p.product_code
     JOIN marketplace.attempt_record e ON e.seller_account = a.seller_account AND e.attempt_id = a.id
     JOIN marketplace.metering_record r ON r.seller_account = e.seller_account AND r.id = e.record_id
     WHERE p.seller_account = $1 AND a.answered_at >= $2::timestamptz AND e.evidence = 'billed' AND r.state = 'metered'`,
    [sellerAccount, since],
  );
  return row?.count ?? 0;
}
