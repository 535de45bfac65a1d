import { type UsageAllocation } from '../../aws/metering-gateway.js';
import { type SqlExecutor } from '../../database/ledger-database.js';
import { type SubscriptionState } from '../../subscription/agreements/state-policy.js';
import { type Lane, type SendableRecord, type WaitingWork } from './batch-planner.js';
import { type Evidence } from '../settlement/evidence.js';
import { type Disposition, FAILURES_BEFORE_SPLIT, type RecordState, type SuspectScope } from '../settlement/record-outcome.js';

/**
 * Order of locks in this room: metering records by id, then balances, then subscriptions by id, then suspects, then alerts. Transactions that would
 * wait for each other in a circle can then only be told apart by a fault, which Postgres ends and `LedgerDatabase.transaction` repeats.
 */

/** What a claim needs to know of the two clocks. */
export interface ClaimTime {
  sellerAccount: string;
  /** Business time: records whose cutoff has passed are not sent. */
  now: Date;
  /** Business time: a record due before this may reach AWS too late for a healthy batch. */
  lateBefore: Date;
  /** Machine time, by the database: what is tried again must have been due by then. It is what makes a run end. */
  retryBefore: Date;
}

/** The database's clock: machine time. */
export async function machineTime(sql: SqlExecutor): Promise<Date> {
  const [row] = await sql.query<{ at: Date }>(`SELECT clock_timestamp() AS at`);
  if (!row) throw new Error('the database tells no time');
  return row.at;
}

const suspectOf = (scope: SuspectScope, key: string): string => `EXISTS (SELECT FROM marketplace.suspect q
  WHERE q.seller_account = r.seller_account AND q.product_code = r.product_code AND q.scope = '${scope}' AND q.key = ${key})`;

// Three look-ups by the whole key rather than one with OR, which would read all suspects of the product for each record.
const UNSUSPECTED = `NOT ${suspectOf('product', 'r.product_code')} AND NOT ${suspectOf('dimension', 'r.dimension')}
  AND NOT ${suspectOf('subscription', 'r.subscription_id::text')}`;

// Machine time decides about the backoff, business time about the deadlines.
const CLAIMABLE = `r.state = 'pending' AND r.mode = 'live' AND r.operation = 'BatchMeterUsage'
  AND r.next_attempt_at <= CASE r.attempt_count WHEN 0 THEN clock_timestamp() ELSE $4::timestamptz END AND r.cutoff_at > $2`;

const LANE: Record<Exclude<Lane, 'probe'>, string> = {
  batch: `${CLAIMABLE} AND r.consecutive_failures < ${FAILURES_BEFORE_SPLIT} AND r.due_at >= $3 AND ${UNSUSPECTED}`,
  troubled: `${CLAIMABLE} AND r.consecutive_failures >= ${FAILURES_BEFORE_SPLIT} AND r.due_at >= $3 AND ${UNSUSPECTED}`,
  late: `${CLAIMABLE} AND r.due_at < $3 AND ${UNSUSPECTED}`,
};

// As the index of each lane has it.
const LANE_ORDER: typeof LANE = { batch: 'r.due_at, r.id', troubled: 'r.due_at, r.id', late: 'r.due_at' };

const parametersOf = (time: ClaimTime): string[] => [
  time.sellerAccount,
  time.now.toISOString(),
  time.lateBefore.toISOString(),
  time.retryBefore.toISOString(),
];

/**
 * Has the rest of the transaction read the queue through the index that has its order. How many records wait, and how many of them are suspect,
 * changes faster than statistics; a planner that guesses few sorts a hundred thousand rows for each claim (measured: 780 ms instead of 2).
 */
async function readInOrder(tx: SqlExecutor): Promise<void> {
  await tx.query(
    `SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)`,
  );
}

const earliestIn = (lane: Exclude<Lane, 'probe'>): string => `SELECT p.product_code, r.region, '${lane}' AS lane, r.due_at
  FROM marketplace.product p
  CROSS JOIN LATERAL (SELECT r.region, r.due_at FROM marketplace.metering_record r
    WHERE r.seller_account = p.seller_account AND r.product_code = p.product_code AND ${LANE[lane]}
    ORDER BY ${LANE_ORDER[lane]} LIMIT 1) r
  WHERE p.seller_account = $1`;

/** Work that waits, without a lock: only whoever finds some takes a slot of the call budget. */
export async function peekWork(tx: SqlExecutor, time: ClaimTime): Promise<WaitingWork[]> {
  await readInOrder(tx);
  return tx.query<WaitingWork>(
    `${earliestIn('batch')} UNION ALL ${earliestIn('troubled')} UNION ALL ${earliestIn('late')} UNION ALL
     SELECT q.product_code, p.region, 'probe', min(q.next_probe_at)
     FROM marketplace.suspect q JOIN marketplace.product p ON p.seller_account = q.seller_account AND p.product_code = q.product_code
     WHERE q.seller_account = $1 AND q.next_probe_at <= $4
     GROUP BY q.product_code, p.region`,
    parametersOf(time),
  );
}

interface ClaimRow {
  id: string;
  subscription_id: string;
  product_code: string;
  region: string;
  identity: 'license' | 'legacy';
  dimension: string;
  timestamp: Date;
  quantity: string;
  allocations: UsageAllocation[] | null;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  probe_group: string | null;
  state: RecordState;
}

export interface ClaimCandidate extends SendableRecord {
  region: string;
  identity: 'license' | 'legacy';
  probeGroup: string | null;
  state: RecordState;
}

const CLAIM_COLUMNS = `r.id, r.subscription_id, r.product_code, r.region, r.identity, r.dimension, r."timestamp", r.quantity, r.allocations,
  r.license_arn, r.customer_aws_account_id, r.customer_identifier, r.probe_group, r.state`;

function candidateOf(row: ClaimRow): ClaimCandidate {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    productCode: row.product_code,
    region: row.region,
    identity: row.identity,
    probeGroup: row.probe_group,
    state: row.state,
    report: {
      licenseArn: row.license_arn,
      // jsonb keeps the order of an array and one order of keys, so the same record reads the same every time.
      allocations: row.allocations,
      customerAwsAccountId: row.customer_aws_account_id,
      customerIdentifier: row.customer_identifier,
      dimension: row.dimension,
      timestamp: row.timestamp,
      // At most 2^31 - 1 by a CHECK: exact as a number.
      quantity: Number(row.quantity),
    },
  };
}

/**
 * Locks the first record of a lane and, unless it is `late`, those that may go with it: its own group when an error is being narrowed down, else records
 * of no group. NO KEY UPDATE is the lock that the claim's UPDATE takes anyway; SKIP LOCKED gives each worker what no other is at, so claims never
 * wait. What is locked but not taken is free again at the commit.
 */
export async function lockCandidates(
  tx: SqlExecutor,
  time: ClaimTime,
  productCode: string,
  lane: Exclude<Lane, 'probe'>,
  limit: number,
): Promise<ClaimCandidate[]> {
  const parameters = [...parametersOf(time), productCode];
  await readInOrder(tx);
  const [first] = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.product_code = $5 AND ${LANE[lane]}
     ORDER BY ${LANE_ORDER[lane]} LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
    parameters,
  );
  if (first === undefined) return [];
  if (lane === 'late') return [candidateOf(first)];
  const companions = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.product_code = $5 AND ${LANE[lane]}
       AND r.id <> $6 AND r.region = $7 AND r.identity = $8 AND r.probe_group ${first.probe_group === null ? 'IS NULL' : '= $10'}
     ORDER BY ${LANE_ORDER[lane]} LIMIT $9 FOR NO KEY UPDATE SKIP LOCKED`,
    [...parameters, first.id, first.region, first.identity, limit - 1, ...(first.probe_group === null ? [] : [first.probe_group])],
  );
  return [first, ...companions].map(candidateOf);
}

export interface SuspectRow {
  product_code: string;
  scope: SuspectScope;
  key: string;
  reason: string;
}

/** Takes the suspect whose probe is longest due and puts its next probe off, doubling, so that a probe that dies is not repeated at once. */
export async function claimSuspect(
  tx: SqlExecutor,
  { sellerAccount, retryBefore }: ClaimTime,
  productCode: string,
  pace: { intervalMs: number; capMs: number },
): Promise<SuspectRow | undefined> {
  const [suspect] = await tx.query<SuspectRow>(
    `UPDATE marketplace.suspect q
     SET probe_count = q.probe_count + 1,
         next_probe_at = clock_timestamp() + least($4::float8, $3::float8 * 2 ^ least(q.probe_count + 1, 30)) * interval '1 millisecond'
     FROM (SELECT scope, key FROM marketplace.suspect
           WHERE seller_account = $1 AND product_code = $2 AND next_probe_at <= $5
           ORDER BY next_probe_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) due
     WHERE q.seller_account = $1 AND q.product_code = $2 AND q.scope = due.scope AND q.key = due.key
     RETURNING q.product_code, q.scope, q.key, q.reason`,
    [sellerAccount, productCode, pace.intervalMs, pace.capMs, retryBefore.toISOString()],
  );
  return suspect;
}

const OF_SUSPECT = `CASE $3::text WHEN 'product' THEN true WHEN 'dimension' THEN r.dimension = $4::text ELSE r.subscription_id::text = $4::text END`;

/** One record of a suspect cause: one that waits, else one that the cause has blocked; not past due, as long as there is another. */
export async function lockProbe(
  tx: SqlExecutor,
  { sellerAccount, now }: ClaimTime,
  suspect: SuspectRow,
): Promise<ClaimCandidate | undefined> {
  const [row] = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.product_code = $2 AND ${OF_SUSPECT}
       AND r.mode = 'live' AND r.operation = 'BatchMeterUsage' AND r.cutoff_at > $5
       AND (r.state = 'pending' OR (r.state = 'blocked' AND r.reason = $6))
     ORDER BY r.due_at <= $5, r.state = 'blocked', r.due_at, r.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
    [sellerAccount, suspect.product_code, suspect.scope, suspect.key, now.toISOString(), suspect.reason],
  );
  return row && candidateOf(row);
}

/** A probe takes the drawn way: blocked, pending, sending. */
export async function unblock(tx: SqlExecutor, sellerAccount: string, id: string): Promise<void> {
  await tx.query(`UPDATE marketplace.metering_record SET state = 'pending', probe_group = NULL WHERE seller_account = $1 AND id = $2`, [
    sellerAccount,
    id,
  ]);
}

export interface NewAttempt {
  id: string;
  leaseToken: string;
  leaseMs: number;
  operation: string;
  productCode: string;
  region: string;
  submitter: string;
}

/** Leases the records and writes the attempt, both before the call: whatever happens next, the ledger knows that it may have happened. */
export async function insertAttempt(
  tx: SqlExecutor,
  sellerAccount: string,
  attempt: NewAttempt,
  recordIds: readonly string[],
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count, submitter)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      sellerAccount,
      attempt.id,
      attempt.operation,
      attempt.productCode,
      attempt.region,
      attempt.leaseToken,
      recordIds.length,
      attempt.submitter,
    ],
  );
  await tx.query(
    `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id) SELECT $1, $2, id FROM unnest($3::uuid[]) AS id`,
    [sellerAccount, attempt.id, recordIds],
  );
  await tx.query(
    `UPDATE marketplace.metering_record
     SET state = 'sending', lease_token = $3, lease_until = clock_timestamp() + $4 * interval '1 millisecond', attempt_count = attempt_count + 1
     WHERE seller_account = $1 AND id = ANY ($2)`,
    [sellerAccount, recordIds, attempt.leaseToken, attempt.leaseMs],
  );
}

export interface LockedRecord {
  id: string;
  subscription_id: string;
  product_code: string;
  dimension: string;
  hour: Date;
  quantity: string;
  region: string;
  kind: 'hour' | 'closing';
  mode: 'live' | 'dry-run' | 'off';
  state: RecordState;
  reason: string | null;
  disposition: Disposition | null;
  due_at: Date;
  cutoff_at: Date;
  lease_token: string | null;
  consecutive_failures: number;
  probe_group: string | null;
}

const LOCKED_COLUMNS = `r.id, r.subscription_id, r.product_code, r.dimension, r.hour, r.quantity, r.region, r.kind, r.mode, r.state, r.reason, r.disposition,
  r.due_at, r.cutoff_at, r.lease_token, r.consecutive_failures, r.probe_group`;

/**
 * Locks records in the order of their ids, and waits. Every transaction that locks several records and waits for them does it in this order, so two
 * answers that share records (a late one and its successor's) queue up instead of deadlocking; claims and the deadline watch never wait.
 */
export function lockRecords(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.id = ANY ($2) ORDER BY r.id FOR NO KEY UPDATE`,
    [sellerAccount, ids],
  );
}

export interface AttemptEvidence {
  record_id: string;
  attempt_id: string;
  evidence: Evidence;
  answered: boolean;
}

/** Evidence of all attempts on these records, in the order they were committed. A statement of its own, after the lock: it sees what the lock waited for. */
export function evidenceOfRecords(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<AttemptEvidence[]> {
  return tx.query<AttemptEvidence>(
    `SELECT e.record_id, e.attempt_id, e.evidence, e.answer IS NOT NULL AS answered
     FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.seller_account = e.seller_account AND a.id = e.attempt_id
     WHERE e.seller_account = $1 AND e.record_id = ANY ($2) ORDER BY a.committed_at, a.id`,
    [sellerAccount, ids],
  );
}

export interface SubscriptionStanding {
  id: string;
  state: SubscriptionState;
  registered_at: Date;
  activated_at: Date | null;
  ends_at: Date | null;
  first_metered_at: Date | null;
}

export function standingsOf(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<SubscriptionStanding[]> {
  return tx.query<SubscriptionStanding>(
    `SELECT id, state, registered_at, activated_at, ends_at, first_metered_at FROM marketplace.subscription WHERE seller_account = $1 AND id = ANY ($2)`,
    [sellerAccount, ids],
  );
}

export interface AttemptAnswer {
  recordId: string;
  evidence: Evidence;
  answer: string;
  meteringRecordId: string | null;
  detail: Record<string, unknown> | null;
}

export async function storeAnswers(
  tx: SqlExecutor,
  sellerAccount: string,
  attemptId: string,
  call: { httpStatus: number | null; requestId: string | null; errorCode: string | null; errorMessage: string | null },
  answers: readonly AttemptAnswer[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.attempt SET answered_at = clock_timestamp(), http_status = $3, aws_request_id = $4, error_code = $5, error_message = $6
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, attemptId, call.httpStatus, call.requestId, call.errorCode, call.errorMessage],
  );
  await tx.query(
    `UPDATE marketplace.attempt_record e
     SET evidence = s.evidence, answer = s.answer, metering_record_id = s.metering_record_id, detail = s.detail
     FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[]) AS s (record_id, evidence, answer, metering_record_id, detail)
     WHERE e.seller_account = $1 AND e.attempt_id = $2 AND e.record_id = s.record_id`,
    [
      sellerAccount,
      attemptId,
      answers.map((answer) => answer.recordId),
      answers.map((answer) => answer.evidence),
      answers.map((answer) => answer.answer),
      answers.map((answer) => answer.meteringRecordId),
      answers.map((answer) => (answer.detail === null ? null : JSON.stringify(answer.detail))),
    ],
  );
}

export interface RecordChange {
  id: string;
  state: 'pending' | 'blocked' | 'metered';
  reason: string | null;
  message: string | null;
  /** Machine milliseconds until it may be claimed; null: when it could be claimed last time. */
  delayMs: number | null;
  consecutiveFailures: number;
  probeGroup: string | null;
  meteringRecordId: string | null;
  confirmedByDuplicate: boolean;
}

/**
 * Writes what became of locked records. They are found by ctid through a LATERAL with OFFSET 0: joined plainly to an array, the planner may scan the
 * whole ledger instead.
 */
export async function changeRecords(tx: SqlExecutor, sellerAccount: string, now: Date, changes: readonly RecordChange[]): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `UPDATE marketplace.metering_record r
     SET state = s.state, reason = s.reason, reason_message = s.message, lease_token = NULL, lease_until = NULL,
         next_attempt_at = coalesce(clock_timestamp() + s.delay_ms * interval '1 millisecond', r.next_attempt_at),
         consecutive_failures = s.consecutive_failures, probe_group = s.probe_group,
         metering_record_id = s.metering_record_id, confirmed_by_duplicate = s.confirmed_by_duplicate,
         metered_at = CASE s.state WHEN 'metered' THEN $2::timestamptz END
     FROM (
       SELECT target.ctid AS place, change.*
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::int[], $9::uuid[], $10::text[], $11::boolean[])
         AS change (id, state, reason, message, delay_ms, consecutive_failures, probe_group, metering_record_id, confirmed_by_duplicate)
       CROSS JOIN LATERAL (SELECT ctid FROM marketplace.metering_record WHERE seller_account = $1 AND id = change.id OFFSET 0) target
     ) s
     WHERE r.ctid = s.place`,
    [
      sellerAccount,
      now.toISOString(),
      changes.map((change) => change.id),
      changes.map((change) => change.state),
      changes.map((change) => change.reason),
      changes.map((change) => change.message),
      changes.map((change) => change.delayMs),
      changes.map((change) => change.consecutiveFailures),
      changes.map((change) => change.probeGroup),
      changes.map((change) => change.meteringRecordId),
      changes.map((change) => change.confirmedByDuplicate),
    ],
  );
}

/** The first proof that AWS takes usage of a subscription. Locked in order of ids, since another answer may prove the same ones. */
export async function markFirstMetered(tx: SqlExecutor, sellerAccount: string, ids: readonly string[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    `UPDATE marketplace.subscription s SET first_metered_at = $3, updated_at = clock_timestamp()
     FROM (SELECT id FROM marketplace.subscription
           WHERE seller_account = $1 AND id = ANY ($2) AND first_metered_at IS NULL ORDER BY id FOR NO KEY UPDATE) first
     WHERE s.seller_account = $1 AND s.id = first.id AND s.first_metered_at IS NULL`,
    [sellerAccount, ids, now.toISOString()],
  );
}

export async function insertSuspect(tx: SqlExecutor, sellerAccount: string, suspect: SuspectRow, probeAfterMs: number): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.suspect (seller_account, product_code, scope, key, reason, next_probe_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond') ON CONFLICT DO NOTHING`,
    [sellerAccount, suspect.product_code, suspect.scope, suspect.key, suspect.reason, probeAfterMs],
  );
}

export async function deleteSuspect(tx: SqlExecutor, sellerAccount: string, suspect: SuspectRow): Promise<void> {
  await tx.query(`DELETE FROM marketplace.suspect WHERE seller_account = $1 AND product_code = $2 AND scope = $3 AND key = $4`, [
    sellerAccount,
    suspect.product_code,
    suspect.scope,
    suspect.key,
  ]);
}

/** Rows are locked in order of ids and skipped where an answer is at them: those are looked at again next time. */
export async function requeueMended(sql: SqlExecutor, sellerAccount: string, now: Date, reasons: readonly string[]): Promise<number> {
  const rows = await sql.query(
    `UPDATE marketplace.metering_record m
     SET state = 'pending', next_attempt_at = clock_timestamp(), consecutive_failures = 0, probe_group = NULL
     FROM (SELECT r.ctid AS place FROM marketplace.metering_record r
           WHERE r.seller_account = $1 AND r.state = 'blocked' AND r.reason = ANY ($3) AND r.cutoff_at > $2 AND ${UNSUSPECTED}
           ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED) mended
     WHERE m.ctid = mended.place RETURNING m.id`,
    [sellerAccount, now.toISOString(), reasons],
  );
  return rows.length;
}

/** AWS has just taken usage of these subscriptions: what it refused of them for want of a subscription may be tried again. */
export async function requeueReinstated(
  sql: SqlExecutor,
  sellerAccount: string,
  now: Date,
  subscriptionIds: readonly string[],
): Promise<number> {
  const rows = await sql.query(
    `UPDATE marketplace.metering_record m
     SET state = 'pending', next_attempt_at = clock_timestamp(), consecutive_failures = 0, probe_group = NULL
     FROM (SELECT r.ctid AS place FROM marketplace.metering_record r
           WHERE r.seller_account = $1 AND r.subscription_id = ANY ($3) AND r.state = 'blocked' AND r.reason = 'notSubscribed' AND r.cutoff_at > $2
           ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED) mended
     WHERE m.ctid = mended.place RETURNING m.id`,
    [sellerAccount, now.toISOString(), subscriptionIds],
  );
  return rows.length;
}

/** Whoever held these leases is dead or late. Rows at which an answer is being written at this moment are skipped: the answer ends the lease. */
export async function recoverExpiredLeases(
  sql: SqlExecutor,
  sellerAccount: string,
  backoff: { backoffBaseMs: number; backoffCapMs: number },
): Promise<number> {
  const rows = await sql.query(
    `UPDATE marketplace.metering_record m
     SET state = 'pending', lease_token = NULL, lease_until = NULL, reason = 'leaseExpired',
         reason_message = 'The sender died or was too slow; whether AWS has the record is not known.',
         consecutive_failures = m.consecutive_failures + 1,
         next_attempt_at = clock_timestamp()
           + random() * least($3::float8, $2::float8 * 2 ^ least(m.consecutive_failures + 1, 30)) * interval '1 millisecond'
     FROM (SELECT r.ctid AS place FROM marketplace.metering_record r
           WHERE r.seller_account = $1 AND r.state = 'sending' AND r.lease_until < clock_timestamp()
           ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED) expired
     WHERE m.ctid = expired.place RETURNING m.id`,
    [sellerAccount, backoff.backoffBaseMs, backoff.backoffCapMs],
  );
  return rows.length;
}

/** Records that come near their due time for the first time, marked in the same breath, so that each is told of once. */
export function markDeadlineNear(
  tx: SqlExecutor,
  sellerAccount: string,
  now: Date,
  dueBefore: Date,
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `UPDATE marketplace.metering_record r SET deadline_alerted_at = $2
     FROM (SELECT n.ctid AS place FROM marketplace.product p
           JOIN marketplace.metering_record n ON n.seller_account = p.seller_account AND n.product_code = p.product_code
           WHERE p.seller_account = $1 AND n.state IN ('pending', 'blocked') AND n.mode = 'live' AND n.due_at <= $3
             AND n.cutoff_at > $2 AND n.deadline_alerted_at IS NULL
           ORDER BY n.id LIMIT $4 FOR NO KEY UPDATE OF n SKIP LOCKED) near
     WHERE r.ctid = near.place RETURNING ${LOCKED_COLUMNS}`,
    [sellerAccount, now.toISOString(), dueBefore.toISOString(), limit],
  );
}

/**
 * Records whose trying has ended: past their cutoff, or, in dry-run, at the moment they would have been sent. A record in `sending` is never touched:
 * its answer or its lease's end comes first. Rows that someone is at are skipped and found again.
 */
export function lockEnded(
  tx: SqlExecutor,
  sellerAccount: string,
  now: Date,
  which: 'pastCutoff' | 'dryRun',
  limit: number,
): Promise<LockedRecord[]> {
  // A cutoff is never before its due time, and the index knows the due time.
  const ended = { pastCutoff: 'r.due_at <= $2 AND r.cutoff_at <= $2', dryRun: `r.mode = 'dry-run' AND r.sealed_at <= $2` }[which];
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.product p
     JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
     WHERE p.seller_account = $1 AND r.state IN ('pending', 'blocked') AND ${ended}
     ORDER BY r.id LIMIT $3 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, now.toISOString(), limit],
  );
}

/**
 * Locks the balances that get units back, in the order in which sealing locks them. Records come before balances in every transaction, and a seal locks
 * no existing record, so nobody waits in a circle.
 */
export async function lockBalancesOf(
  tx: SqlExecutor,
  sellerAccount: string,
  records: readonly Pick<LockedRecord, 'subscription_id' | 'dimension'>[],
): Promise<void> {
  if (records.length === 0) return;
  await tx.query(
    `SELECT FROM marketplace.balance b
     WHERE b.seller_account = $1 AND (b.subscription_id, b.dimension) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))
     ORDER BY b.subscription_id, b.dimension FOR UPDATE`,
    [sellerAccount, records.map((record) => record.subscription_id), records.map((record) => record.dimension)],
  );
}

export interface RecordEnding {
  id: string;
  state: 'closed' | 'unknown';
  reason: string;
  message: string;
  disposition: Disposition | null;
  closedBy: string | null;
}

/** Ends locked records. That carried units return to the balance is the database's own doing: see the trigger. */
export async function endRecords(tx: SqlExecutor, sellerAccount: string, now: Date, endings: readonly RecordEnding[]): Promise<void> {
  if (endings.length === 0) return;
  await tx.query(
    `UPDATE marketplace.metering_record r
     SET state = s.state, reason = s.reason, reason_message = s.message, disposition = s.disposition, probe_group = NULL,
         closed_by = coalesce(s.closed_by, r.closed_by),
         closed_at = CASE s.state WHEN 'closed' THEN coalesce(r.closed_at, $2::timestamptz) END
     FROM (
       SELECT target.ctid AS place, ending.*
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         AS ending (id, state, reason, message, disposition, closed_by)
       CROSS JOIN LATERAL (SELECT ctid FROM marketplace.metering_record WHERE seller_account = $1 AND id = ending.id OFFSET 0) target
     ) s
     WHERE r.ctid = s.place`,
    [
      sellerAccount,
      now.toISOString(),
      endings.map((ending) => ending.id),
      endings.map((ending) => ending.state),
      endings.map((ending) => ending.reason),
      endings.map((ending) => ending.message),
      endings.map((ending) => ending.disposition),
      endings.map((ending) => ending.closedBy),
    ],
  );
}

/** Alerts about records that no longer stand as they say: nothing is near its deadline, blocked for that reason, or still unknown. */
export async function resolveMendedAlerts(sql: SqlExecutor, sellerAccount: string, now: Date): Promise<void> {
  await sql.query(
    `UPDATE marketplace.alert a SET resolved_at = $2
     WHERE a.seller_account = $1 AND a.resolved_at IS NULL AND a.kind IN ('deadlineNear', 'blocked', 'notSubscribed', 'unknownOutcome')
       AND NOT EXISTS (
         SELECT FROM marketplace.product p
         JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
         WHERE p.seller_account = $1 AND r.state IN ('pending', 'sending', 'blocked', 'unknown')
           AND CASE a.kind
             WHEN 'notSubscribed' THEN r.state = 'blocked' AND r.reason = 'notSubscribed' AND r.subscription_id::text = a.subject
             WHEN 'blocked' THEN r.state = 'blocked' AND concat_ws('/', r.product_code, r.dimension, r.reason) = a.subject
             WHEN 'unknownOutcome' THEN r.state = 'unknown' AND concat_ws('/', r.product_code, r.dimension, r.reason, 'unknown') = a.subject
             ELSE r.state <> 'unknown' AND r.deadline_alerted_at IS NOT NULL
               AND concat_ws('/', r.product_code, r.dimension, CASE r.state WHEN 'blocked' THEN r.reason ELSE 'waiting' END) = a.subject
           END)`,
    [sellerAccount, now.toISOString()],
  );
}

/** An operator's word about attempts that nobody else can settle. */
export async function decideEvidence(
  tx: SqlExecutor,
  sellerAccount: string,
  recordId: string,
  decision: { evidence: 'billed' | 'refused'; attemptIds: readonly string[]; meteringRecordId: string | null; by: string },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.attempt_record SET evidence = $4, metering_record_id = coalesce($5, metering_record_id), decided_by = $6
     WHERE seller_account = $1 AND record_id = $2 AND attempt_id = ANY ($3)`,
    [sellerAccount, recordId, decision.attemptIds, decision.evidence, decision.meteringRecordId, decision.by],
  );
}

/** The cause of a requeued record is tried at once: a person says that it is mended. */
export async function probeNow(tx: SqlExecutor, sellerAccount: string, record: LockedRecord): Promise<void> {
  await tx.query(
    `UPDATE marketplace.suspect SET next_probe_at = clock_timestamp(), probe_count = 0
     WHERE seller_account = $1 AND product_code = $2 AND (scope, key) IN (('product', $2), ('dimension', $3), ('subscription', $4))`,
    [sellerAccount, record.product_code, record.dimension, record.subscription_id],
  );
}
