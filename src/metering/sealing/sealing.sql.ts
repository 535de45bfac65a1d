import { type SqlExecutor } from '../../database/ledger-database.js';
import { type SubscriptionState } from '../../subscription/agreements/state-policy.js';

export interface SealCandidateQuery {
  sellerAccount: string;
  /** Events that occurred before this instant can be sealed; later ones belong to hours that have not settled. */
  settledUntil: Date;
  /** The same of usage that waits for an activation: events of hours that would be lost. */
  edgeUntil: Date;
  /** The states of `settledUntil`'s kind are all others. */
  waitingStates: readonly SubscriptionState[];
  /** States in which idle hours get zero records. */
  zeroStates: readonly SubscriptionState[];
  now: Date;
  /** Per product, the newest hour whose zero record is due. */
  zeroEdges: { productCode: string; hour: Date }[];
}

/**
 * Subscriptions that have something to seal, without a lock: asked once a pass, because it looks at every subscription. The bound of the first EXISTS
 * depends on the subscription, which keeps Postgres on one index probe each; a bound that is the same for all lets it hash every unassigned event.
 */
export async function findSealCandidates(sql: SqlExecutor, query: SealCandidateQuery): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT s.id
     FROM marketplace.subscription s
     JOIN marketplace.seal_cursor c ON c.seller_account = s.seller_account AND c.subscription_id = s.id
     LEFT JOIN unnest($4::text[], $5::timestamptz[]) AS zero (product_code, hour) ON zero.product_code = s.product_code
     WHERE s.seller_account = $1 AND (
       (s.merged_into IS NULL AND s.state = ANY ($7) AND c.zeros_through < zero.hour)
       OR (s.merged_into IS NULL AND s.state = 'ending' AND s.ends_at <= $3)
       OR (s.merged_into IS NULL AND s.life_changed)
       OR EXISTS (SELECT 1 FROM marketplace.usage_event e
                  WHERE e.seller_account = $1 AND e.subscription_id = s.id AND e.record_id IS NULL
                    AND e.occurred_at < CASE WHEN s.ends_at <= $3 OR s.merged_into IS NOT NULL THEN 'infinity'
                                             WHEN s.state = ANY ($6) THEN $8::timestamptz ELSE $2::timestamptz END)
       OR EXISTS (SELECT 1 FROM marketplace.balance b WHERE b.seller_account = $1 AND b.subscription_id = s.id AND b.carry >= 1)
     )
     ORDER BY s.id`,
    [
      query.sellerAccount,
      query.settledUntil.toISOString(),
      query.now.toISOString(),
      query.zeroEdges.map((edge) => edge.productCode),
      query.zeroEdges.map((edge) => edge.hour.toISOString()),
      query.waitingStates,
      query.zeroStates,
      query.edgeUntil.toISOString(),
    ],
  );
  return rows.map((row) => row.id);
}

/**
 * Takes seal cursors. The cursor is the only row that sealers share; SKIP LOCKED lets each replica take what no other is at. Nothing references a
 * cursor, so no insert of the host ever waits for it or hides it. What another replica has sealed since it was found has simply nothing left to seal.
 */
export async function lockSealCursors(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ subscription_id: string }>(
    `SELECT subscription_id FROM marketplace.seal_cursor
     WHERE seller_account = $1 AND subscription_id = ANY ($2)
     ORDER BY subscription_id
     FOR UPDATE SKIP LOCKED`,
    [sellerAccount, ids],
  );
  return rows.map((row) => row.subscription_id);
}

export interface SubscriptionFacts {
  id: string;
  product_code: string;
  state: SubscriptionState;
  /** Metering has not acted on the latest change of its life yet. */
  life_changed: boolean;
  /** Version of the row: another one, once anything about the subscription was written. */
  version: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  starts_at: Date;
  ends_at: Date | null;
  first_end_sign_at: Date | null;
  last_end_sign_at: Date | null;
  merged_into: string | null;
  license_from: Date | null;
  identity: 'license' | 'legacy';
  region: string;
  mode: 'live' | 'dry-run' | 'off';
  live_from: Date | null;
  mode_before_live: 'dry-run' | 'off' | null;
}

export async function loadSubscriptionFacts(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<SubscriptionFacts[]> {
  return tx.query<SubscriptionFacts>(
    `SELECT s.id, s.product_code, s.state, s.life_changed, s.xmin::text AS version, s.license_from, s.license_arn, s.customer_aws_account_id, s.customer_identifier, s.starts_at, s.ends_at,
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

/** A subscription, and the instant before which its events can be sealed; null where none of them waits for its hour to settle. */
export interface SealBound {
  subscriptionId: string;
  until: Date | null;
}

/** Hours in which unassigned events occurred. What commits after this statement is simply unassigned still. */
export async function loadOriginHours(tx: SqlExecutor, sellerAccount: string, bounds: SealBound[]): Promise<OriginHour[]> {
  return tx.query<OriginHour>(
    `SELECT bound.subscription_id, found.dimension, found.hour
     FROM unnest($2::uuid[], $3::timestamptz[]) AS bound (subscription_id, until)
     CROSS JOIN LATERAL (
       SELECT DISTINCT e.dimension, date_trunc('hour', e.occurred_at, 'UTC') AS hour
       FROM marketplace.usage_event e
       WHERE e.seller_account = $1 AND e.subscription_id = bound.subscription_id AND e.record_id IS NULL AND e.occurred_at < bound.until
     ) AS found`,
    [sellerAccount, bounds.map((bound) => bound.subscriptionId), bounds.map((bound) => bound.until?.toISOString() ?? 'infinity')],
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
  carry_not_live: string;
}

/**
 * Balances, locked: a deadline watch that hands units back at this moment must come wholly before or wholly after this seal. It locks records first
 * and balances second; a seal waits for no existing record, so the two cannot wait for each other in a circle.
 */
export async function lockBalances(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<BalanceRow[]> {
  return tx.query<BalanceRow>(
    `SELECT subscription_id, dimension, carry, carry_not_live
     FROM marketplace.balance
     WHERE seller_account = $1 AND subscription_id = ANY ($2)
     ORDER BY subscription_id, dimension
     FOR UPDATE`,
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
 *
 * The events are found by one index range a stamp (OFFSET 0) and joined by ctid: joined plainly, Postgres may read every unassigned event of the
 * ledger for each chunk. Nothing but a merge moves an unassigned event; one that moves right now no longer fits its ctid and stays unassigned.
 */
export async function stampEvents(tx: SqlExecutor, sellerAccount: string, stamps: Stamp[]): Promise<StampedSum[]> {
  return tx.query<StampedSum>(
    `WITH stamped AS (
       UPDATE marketplace.usage_event e
       SET record_id = found.record_id
       FROM (
         SELECT stamp.record_id, stamp.hour, u.event_ctid
         FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[]) AS stamp (subscription_id, dimension, hour, record_id)
         CROSS JOIN LATERAL (
           SELECT ctid AS event_ctid FROM marketplace.usage_event
           WHERE seller_account = $1 AND subscription_id = stamp.subscription_id AND dimension = stamp.dimension
             AND occurred_at >= stamp.hour AND occurred_at < stamp.hour + interval '1 hour' AND record_id IS NULL
           OFFSET 0
         ) AS u
       ) AS found
       WHERE e.ctid = found.event_ctid AND e.record_id IS NULL
       RETURNING e.record_id, found.hour AS origin_hour, e.tags, e.quantity
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

/** Remembers up to which hour zero records are sealed. The cursors are ours already. */
export async function advanceZeros(tx: SqlExecutor, sellerAccount: string, marks: { subscriptionId: string; hour: Date }[]): Promise<void> {
  await tx.query(
    `UPDATE marketplace.seal_cursor c SET zeros_through = mark.hour
     FROM unnest($2::uuid[], $3::timestamptz[]) AS mark (subscription_id, hour)
     WHERE c.seller_account = $1 AND c.subscription_id = mark.subscription_id AND c.zeros_through < mark.hour`,
    [sellerAccount, marks.map((mark) => mark.subscriptionId), marks.map((mark) => mark.hour.toISOString())],
  );
}

/**
 * Unassigned events of a merged subscription follow it to the one it was merged into; the trigger lets them go nowhere else.
 * @returns how many stay because the winner has an event with the same key
 */
export async function moveEventsToWinner(tx: SqlExecutor, sellerAccount: string, loserId: string, winnerId: string): Promise<number> {
  await tx.query(
    `UPDATE marketplace.usage_event e SET subscription_id = $3
     WHERE e.seller_account = $1 AND e.subscription_id = $2 AND e.record_id IS NULL AND NOT EXISTS (
       SELECT 1 FROM marketplace.usage_event twin
       WHERE twin.seller_account = $1 AND twin.subscription_id = $3 AND twin.idempotency_key = e.idempotency_key)`,
    [sellerAccount, loserId, winnerId],
  );
  const [row] = await tx.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM marketplace.usage_event WHERE seller_account = $1 AND subscription_id = $2 AND record_id IS NULL`,
    [sellerAccount, loserId],
  );
  return row?.count ?? 0;
}

/** A subscription as it was when its facts were read. */
export type SeenSubscription = Pick<SubscriptionFacts, 'id' | 'version'>;

/**
 * Takes the rows of subscriptions whose life this transaction ends or answers, as far as nothing has been written about them since their facts were
 * read: a message that takes the end back and a closing must come wholly one before the other. SKIP LOCKED: a row may be held by a transaction of the
 * host (a claim) or by a registrar that waits for our cursor; then the next pass does the work. After balances, and nothing is waited for.
 */
export async function lockUnchanged(tx: SqlExecutor, sellerAccount: string, seen: readonly SeenSubscription[]): Promise<Set<string>> {
  if (seen.length === 0) return new Set();
  const rows = await tx.query<{ id: string }>(
    `SELECT s.id FROM marketplace.subscription s
     JOIN unnest($2::uuid[], $3::text[]) AS seen (id, version) ON seen.id = s.id
     WHERE s.seller_account = $1 AND s.xmin::text = seen.version
     ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED`,
    [sellerAccount, seen.map(({ id }) => id), seen.map(({ version }) => version)],
  );
  return new Set(rows.map((row) => row.id));
}

/** Ends the life of a subscription whose row is locked. What has ended stays so: it answers false. */
export async function markEnded(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE marketplace.subscription SET state = 'ended', updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 AND state = 'ending' RETURNING id`,
    [sellerAccount, subscriptionId],
  );
  return rows.length > 0;
}

/** Metering has acted on the change of life of these subscriptions; their rows are locked, and as they were when it was read. */
export async function clearLifeChanged(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<void> {
  await tx.query(`UPDATE marketplace.subscription SET life_changed = false WHERE seller_account = $1 AND id = ANY ($2)`, [
    sellerAccount,
    ids,
  ]);
}

/** After a change of life AWS may take what it stumbled over before: nothing of these subscriptions is set aside any more. */
export async function forgetSuspects(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ subject: string }>(
    `DELETE FROM marketplace.suspect q
     USING (SELECT product_code, scope, key FROM marketplace.suspect
            WHERE seller_account = $1 AND scope = 'subscription' AND key = ANY ($2) ORDER BY product_code, key FOR UPDATE SKIP LOCKED) found
     WHERE q.seller_account = $1 AND q.product_code = found.product_code AND q.scope = found.scope AND q.key = found.key
     RETURNING q.product_code || '/' || q.scope || '/' || q.key AS subject`,
    [sellerAccount, ids],
  );
  return rows.map((row) => row.subject);
}

export interface UnfinishedRecord {
  id: string;
  subscription_id: string;
  hour: Date;
  operation: 'BatchMeterUsage' | 'MeterUsage';
  state: 'pending' | 'sending' | 'blocked';
  reason: string | null;
  due_at: Date;
  cutoff_at: Date;
}

/**
 * Records that still wait, whose deadlines an end (or its being taken back) moves. SKIP LOCKED: a seal that holds balances waits for no record (see
 * `lockBalances`); one that is being claimed or answered now is looked at on the next pass.
 */
export async function lockUnfinishedRecords(tx: SqlExecutor, sellerAccount: string, ids: string[]): Promise<UnfinishedRecord[]> {
  return tx.query<UnfinishedRecord>(
    `SELECT id, subscription_id, hour, operation, state, reason, due_at, cutoff_at FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = ANY ($2) AND kind = 'hour' AND state IN ('pending', 'sending', 'blocked')
     FOR NO KEY UPDATE SKIP LOCKED`,
    [sellerAccount, ids],
  );
}

/** Subscriptions that have a waiting record beyond those that were locked: somebody was at it. A statement after the lock. */
export async function findPassedBy(
  tx: SqlExecutor,
  sellerAccount: string,
  ids: readonly string[],
  locked: readonly string[],
): Promise<Set<string>> {
  const rows = await tx.query<{ subscription_id: string }>(
    `SELECT DISTINCT subscription_id FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = ANY ($2) AND kind = 'hour' AND state IN ('pending', 'sending', 'blocked')
       AND id <> ALL ($3::uuid[])`,
    [sellerAccount, ids, locked],
  );
  return new Set(rows.map((row) => row.subscription_id));
}

/** What AWS refused of these subscriptions for want of a subscription is sent again: their life has changed. The records are locked. */
export async function requeueRefused(tx: SqlExecutor, sellerAccount: string, recordIds: readonly string[]): Promise<void> {
  if (recordIds.length === 0) return;
  await tx.query(
    `UPDATE marketplace.metering_record SET state = 'pending', next_attempt_at = clock_timestamp(), consecutive_failures = 0, probe_group = NULL
     WHERE seller_account = $1 AND id = ANY ($2) AND state = 'blocked'`,
    [sellerAccount, recordIds],
  );
}

export interface MovedDeadlines {
  id: string;
  dueAt: Date;
  cutoffAt: Date;
}

export async function moveDeadlines(tx: SqlExecutor, sellerAccount: string, moved: MovedDeadlines[]): Promise<void> {
  if (moved.length === 0) return;
  await tx.query(
    `UPDATE marketplace.metering_record r SET due_at = moved.due_at, cutoff_at = moved.cutoff_at,
       -- due at another time: it comes near its deadline anew, and is told of anew
       deadline_alerted_at = CASE WHEN moved.due_at = r.due_at THEN r.deadline_alerted_at END,
       -- nearer than its backoff: what is due now does not wait
       next_attempt_at = CASE WHEN r.state = 'pending' THEN least(r.next_attempt_at, clock_timestamp()) ELSE r.next_attempt_at END
     FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS moved (id, due_at, cutoff_at)
     WHERE r.seller_account = $1 AND r.id = moved.id`,
    [
      sellerAccount,
      moved.map((record) => record.id),
      moved.map((record) => record.dueAt.toISOString()),
      moved.map((record) => record.cutoffAt.toISOString()),
    ],
  );
}
