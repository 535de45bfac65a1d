import { type SqlExecutor } from '../database/ledger-database.js';

export interface SealCandidateQuery {
  sellerAccount: string;
  /** Keyset: subscriptions after this id. */
  afterId: string;
  limit: number;
  /** Only these, when a chunk is being halved. */
  onlyIds: string[] | null;
  /** Events that occurred before this instant can be sealed; later ones belong to hours that have not settled. */
  settledUntil: Date;
  now: Date;
  /** Per product, the newest hour whose zero record is due. */
  zeroEdges: { productCode: string; hour: Date }[];
}

/**
 * Takes the seal cursors of subscriptions that have something to seal. The cursor is the only row that sealers share; SKIP LOCKED lets each replica
 * take what no other is at. Nothing references a cursor, so no insert of the host ever waits for it or hides it.
 */
export async function claimSealCursors(tx: SqlExecutor, query: SealCandidateQuery): Promise<string[]> {
  const rows = await tx.query<{ subscription_id: string }>(
    `SELECT c.subscription_id
     FROM marketplace.seal_cursor c
     JOIN marketplace.subscription s ON s.seller_account = c.seller_account AND s.id = c.subscription_id
     LEFT JOIN unnest($6::text[], $7::timestamptz[]) AS zero (product_code, hour) ON zero.product_code = s.product_code
     WHERE c.seller_account = $1 AND c.subscription_id > $2 AND ($4::uuid[] IS NULL OR c.subscription_id = ANY ($4))
       AND (
         EXISTS (SELECT 1 FROM marketplace.usage_event e
                 WHERE e.seller_account = $1 AND e.subscription_id = c.subscription_id AND e.record_id IS NULL
                   AND (e.occurred_at < $5 OR s.ends_at <= $8 OR s.merged_into IS NOT NULL))
         OR EXISTS (SELECT 1 FROM marketplace.balance b
                    WHERE b.seller_account = $1 AND b.subscription_id = c.subscription_id
                      AND (b.carry >= 1 OR (b.carry <> 0 AND s.last_end_sign_at <= $8)))
         OR (s.state = 'registered' AND c.zeros_through < zero.hour)
         OR (s.state = 'ending' AND s.ends_at <= $8)
       )
     ORDER BY c.subscription_id
     LIMIT $3
     FOR UPDATE OF c SKIP LOCKED`,
    [
      query.sellerAccount,
      query.afterId,
      query.limit,
      query.onlyIds,
      query.settledUntil.toISOString(),
      query.zeroEdges.map((edge) => edge.productCode),
      query.zeroEdges.map((edge) => edge.hour.toISOString()),
      query.now.toISOString(),
    ],
  );
  return rows.map((row) => row.subscription_id);
}

export interface SubscriptionFacts {
  id: string;
  product_code: string;
  state: 'registered' | 'ending' | 'ended';
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  starts_at: Date;
  ends_at: Date | null;
  first_end_sign_at: Date | null;
  last_end_sign_at: Date | null;
  merged_into: string | null;
  identity: 'license' | 'legacy';
  region: string;
  mode: 'live' | 'dry-run' | 'off';
  live_from: Date | null;
  mode_before_live: 'dry-run' | 'off' | null;
}

export async function loadSubscriptionFacts(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<SubscriptionFacts[]> {
  return tx.query<SubscriptionFacts>(
    `SELECT s.id, s.product_code, s.state, s.license_arn, s.customer_aws_account_id, s.customer_identifier, s.starts_at, s.ends_at,
            s.first_end_sign_at, s.last_end_sign_at, s.merged_into, p.identity, p.region, p.mode, p.live_from, p.mode_before_live
     FROM marketplace.subscription s
     JOIN marketplace.product p ON p.seller_account = s.seller_account AND p.product_code = s.product_code
     WHERE s.seller_account = $1 AND s.id = ANY ($2)
     ORDER BY s.id`,
    [sellerAccount, ids],
  );
}

export interface OriginHour {
  subscription_id: string;
  dimension: string;
  hour: Date;
}

/** Hours in which unassigned events occurred. What commits after this statement is simply unassigned still. */
export async function loadOriginHours(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<OriginHour[]> {
  return tx.query<OriginHour>(
    `SELECT DISTINCT subscription_id, dimension, date_trunc('hour', occurred_at, 'UTC') AS hour
     FROM marketplace.usage_event
     WHERE seller_account = $1 AND subscription_id = ANY ($2) AND record_id IS NULL`,
    [sellerAccount, ids],
  );
}

export async function loadSealedHours(tx: SqlExecutor, sellerAccount: string, ids: string[], since: Date): Promise<OriginHour[]> {
  return tx.query<OriginHour>(
    `SELECT subscription_id, dimension, hour
     FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = ANY ($2) AND kind = 'hour' AND hour >= $3`,
    [sellerAccount, ids, since.toISOString()],
  );
}

export interface BalanceRow {
  subscription_id: string;
  dimension: string;
  carry: string;
  sealed_since_live: boolean;
}

/**
 * Balances, locked: a deadline watch that hands units back at this moment must come wholly before or wholly after this seal. It locks records first
 * and balances second; a seal locks no existing record, so the two cannot wait for each other in a circle.
 */
export async function lockBalances(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<BalanceRow[]> {
  return tx.query<BalanceRow>(
    `SELECT b.subscription_id, b.dimension, b.carry, EXISTS (
       SELECT 1 FROM marketplace.subscription s
       JOIN marketplace.product p ON p.seller_account = s.seller_account AND p.product_code = s.product_code
       JOIN marketplace.metering_record r ON r.seller_account = s.seller_account AND r.subscription_id = s.id
       WHERE s.seller_account = b.seller_account AND s.id = b.subscription_id
         AND r.dimension = b.dimension AND r.kind = 'hour' AND r.hour >= p.live_from
     ) AS sealed_since_live
     FROM marketplace.balance b
     WHERE b.seller_account = $1 AND b.subscription_id = ANY ($2)
     ORDER BY b.subscription_id, b.dimension
     FOR UPDATE OF b`,
    [sellerAccount, ids],
  );
}

/** Which unassigned events a planned record takes: those of one subscription and dimension that occurred in the hour that starts at `hour`. */
export interface Stamp {
  subscriptionId: string;
  dimension: string;
  hour: Date;
  recordId: string;
}

export interface StampedSum {
  record_id: string;
  origin_hour: Date;
  tags: Record<string, string> | null;
  event_sum: string;
  event_count: number;
}

/**
 * Stamps events with their record and returns the sums of exactly what was stamped. The sums come from RETURNING alone: an aggregate over a
 * snapshot would still count an event that another sealer has stamped meanwhile.
 */
export async function stampEvents(tx: SqlExecutor, sellerAccount: string, stamps: Stamp[]): Promise<StampedSum[]> {
  return tx.query<StampedSum>(
    `WITH stamped AS (
       UPDATE marketplace.usage_event e
       SET record_id = stamp.record_id
       FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[]) AS stamp (subscription_id, dimension, hour, record_id)
       WHERE e.seller_account = $1 AND e.subscription_id = stamp.subscription_id AND e.dimension = stamp.dimension
         AND e.occurred_at >= stamp.hour AND e.occurred_at < stamp.hour + interval '1 hour' AND e.record_id IS NULL
       RETURNING e.record_id, stamp.hour AS origin_hour, e.tags, e.quantity
     )
     SELECT record_id, origin_hour, tags, sum(quantity) AS event_sum, count(*)::int AS event_count
     FROM stamped
     GROUP BY record_id, origin_hour, tags
     ORDER BY record_id, origin_hour, tags`,
    [
      sellerAccount,
      stamps.map((stamp) => stamp.subscriptionId),
      stamps.map((stamp) => stamp.dimension),
      stamps.map((stamp) => stamp.hour.toISOString()),
      stamps.map((stamp) => stamp.recordId),
    ],
  );
}

export interface NewRecord {
  id: string;
  kind: 'hour' | 'closing';
  subscription_id: string;
  product_code: string;
  dimension: string;
  hour: string;
  timestamp: string;
  quantity: string;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  allocations: unknown;
  notes: unknown;
  operation: string;
  region: string;
  mode: string;
  identity: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  sealed_at: string;
  state: string;
  reason: string | null;
  reason_message: string | null;
  disposition: string | null;
  due_at: string;
  cutoff_at: string;
  closed_at: string | null;
}

/** Writes records in the order given, because the balance runs through them; the table's trigger checks every step. */
export async function insertRecords(tx: SqlExecutor, sellerAccount: string, records: NewRecord[]): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity,
       event_sum, event_count, carry_in, carry_out, allocations, notes, operation, region, mode, identity, license_arn, customer_aws_account_id,
       customer_identifier, sealed_at, state, reason, reason_message, disposition, due_at, cutoff_at, closed_at)
     SELECT $1, r.id, r.kind, r.subscription_id, r.product_code, r.dimension, r.hour, r."timestamp", r.quantity,
       r.event_sum, r.event_count, r.carry_in, r.carry_out, r.allocations, r.notes, r.operation, r.region, r.mode, r.identity, r.license_arn,
       r.customer_aws_account_id, r.customer_identifier, r.sealed_at, r.state, r.reason, r.reason_message, r.disposition, r.due_at, r.cutoff_at,
       r.closed_at
     FROM ROWS FROM (jsonb_to_recordset($2::jsonb) AS (
       id uuid, kind text, subscription_id uuid, product_code text, dimension text, hour timestamptz, "timestamp" timestamptz, quantity numeric,
       event_sum numeric, event_count int, carry_in numeric, carry_out numeric, allocations jsonb, notes jsonb, operation text, region text,
       mode text, identity text, license_arn text, customer_aws_account_id text, customer_identifier text, sealed_at timestamptz, state text,
       reason text, reason_message text, disposition text, due_at timestamptz, cutoff_at timestamptz, closed_at timestamptz
     )) WITH ORDINALITY AS r
     ORDER BY r.ordinality`,
    [sellerAccount, JSON.stringify(records)],
  );
}

export async function advanceZeros(tx: SqlExecutor, sellerAccount: string, subscriptionId: string, hour: Date): Promise<void> {
  await tx.query(
    `UPDATE marketplace.seal_cursor SET zeros_through = greatest(zeros_through, $3) WHERE seller_account = $1 AND subscription_id = $2`,
    [sellerAccount, subscriptionId, hour.toISOString()],
  );
}

/** Unassigned events of a merged subscription follow it to the one it was merged into; the trigger lets them go nowhere else. */
export async function moveEventsToWinner(tx: SqlExecutor, sellerAccount: string, loserId: string, winnerId: string): Promise<void> {
  await tx.query(
    `UPDATE marketplace.usage_event SET subscription_id = $3 WHERE seller_account = $1 AND subscription_id = $2 AND record_id IS NULL`,
    [sellerAccount, loserId, winnerId],
  );
}

export async function markEnded(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE marketplace.subscription SET state = 'ended', updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 AND state = 'ending' RETURNING id`,
    [sellerAccount, subscriptionId],
  );
  return rows.length > 0;
}

export interface UnfinishedRecord {
  id: string;
  hour: Date;
  operation: 'BatchMeterUsage' | 'MeterUsage';
  due_at: Date;
  cutoff_at: Date;
}

/** Records of ended subscriptions that still wait, whose deadlines the end moves. */
export async function lockUnfinishedRecords(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<UnfinishedRecord[]> {
  return tx.query<UnfinishedRecord>(
    `SELECT id, hour, operation, due_at, cutoff_at FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = $2 AND kind = 'hour' AND state IN ('pending', 'sending', 'blocked')
     ORDER BY id
     FOR NO KEY UPDATE`,
    [sellerAccount, subscriptionId],
  );
}

export async function moveDeadlines(tx: SqlExecutor, sellerAccount: string, id: string, dueAt: Date, cutoffAt: Date): Promise<void> {
  await tx.query(
    `UPDATE marketplace.metering_record SET due_at = $3, cutoff_at = $4,
       -- nearer than its backoff: what is due now does not wait
       next_attempt_at = CASE WHEN state = 'pending' THEN least(next_attempt_at, clock_timestamp()) ELSE next_attempt_at END
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id, dueAt.toISOString(), cutoffAt.toISOString()],
  );
}
