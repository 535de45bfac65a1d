// SQL of the claim: which due records a sender takes, under which lease.
import { type UsageAllocation } from '../../aws/metering-gateway.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { LOCKED_COLUMNS, type LockedRecord } from '../settlement/metering-record.sql.js';
import { FAILURES_BEFORE_SPLIT } from '../settlement/record-outcome.js';
import { reachableFrom } from '../settlement/metering-sender.sql.js';
import { REFUSED_AS, UNDER_SEVERAL, UNQUARANTINED } from '../settlement/record-requeue.sql.js';
import { type Lane, type SendableRecord, type WaitingWork } from './batch-planner.js';

import { type ProbedCause, type QuarantinedCause } from './quarantine.sql.js';

/** What a claim needs to know of the two clocks. */
export interface ClaimTime {
  sellerAccount: string;
  /** Business time: records whose cutoff has passed are not sent. */
  now: Date;
  /** Business time: a record due before this may reach AWS too late for a healthy batch. */
  lateBefore: Date;
  /** Machine time, by the database: what is tried again must have been due by then. It is what makes a run end. */
  retryBefore: string;
}

/**
 * The database's clock: machine time. As text, for it has microseconds and a Date would cut them off: what became due
 * just now would not be.
 */
export async function machineTime(sql: LedgerSql): Promise<string> {
  const [row] = await sql.query<{ at: string }>(`SELECT clock_timestamp()::text AS at`);
  if (!row) throw new Error('the database tells no time');
  return row.at;
}

// What was tried stays with the resource that tried it; what was not goes with the one that sends now, if any instant
// of its hour lies after that one's start. As submission/metering-timestamp.ts has it.
const REACHABLE = `(r.operation <> 'MeterUsage' OR EXISTS (SELECT FROM marketplace.metering_sender w
  WHERE w.seller_account = r.seller_account AND w.product_code = r.product_code AND ${reachableFrom('w')}))`;

// Machine time decides about the backoff, business time about the deadlines. An identity whose wire form was erased
// cannot be sent any more.
const NAMED = `(i.kind = 'installation'
  OR num_nonnulls(i.license_arn, i.customer_aws_account_id, i.customer_identifier) > 0)`;
const CLAIMABLE = `r.state = 'pending' AND r.mode = 'live' AND r.kind = 'hour'
  AND r.next_attempt_at <= CASE r.attempt_count WHEN 0 THEN clock_timestamp() ELSE $4::timestamptz END AND r.cutoff_at > $2
  AND ${NAMED} AND ${REACHABLE}`;

const LANE: Record<Exclude<Lane, 'probe'>, string> = {
  batch: `${CLAIMABLE} AND r.consecutive_failures < ${FAILURES_BEFORE_SPLIT} AND r.due_at >= $3 AND ${UNQUARANTINED}`,
  troubled: `${CLAIMABLE} AND r.consecutive_failures >= ${FAILURES_BEFORE_SPLIT} AND r.due_at >= $3 AND ${UNQUARANTINED}`,
  late: `${CLAIMABLE} AND r.due_at < $3 AND ${UNQUARANTINED}`,
};

// As the index of each lane has it.
const LANE_ORDER: typeof LANE = { batch: 'r.due_at, r.id', troubled: 'r.due_at, r.id', late: 'r.due_at' };

const RECORD = `marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id`;

const parametersOf = (time: ClaimTime): string[] => [
  time.sellerAccount,
  time.now.toISOString(),
  time.lateBefore.toISOString(),
  time.retryBefore,
];

/**
 * Has the rest of the transaction read the queue through the index that has its order. How many records wait, and how
 * many of them are quarantined, changes faster than statistics; a planner that guesses few sorts a hundred thousand
 * rows for each claim (measured: 780 ms instead of 2).
 */
async function readInOrder(tx: LedgerSql): Promise<void> {
  await tx.query(
    `SELECT set_config(name, 'off', true) FROM
      unnest('{enable_seqscan,enable_sort,enable_incremental_sort,enable_bitmapscan,enable_hashjoin,enable_mergejoin}'::text[]) AS
      name`,
  );
}

const earliestIn = (
  lane: Exclude<Lane, 'probe'>,
): string => `SELECT p.product_code, r.region, r.operation, '${lane}' AS lane, r.due_at
  FROM marketplace.product p
  CROSS JOIN LATERAL (SELECT r.region, r.operation, r.due_at FROM ${RECORD}
    WHERE r.seller_account = p.seller_account AND r.product_code = p.product_code AND ${LANE[lane]}
      AND r.operation = ANY ($5)
    ORDER BY ${LANE_ORDER[lane]} LIMIT 1) r
  WHERE p.seller_account = $1`;

/**
 * Whether anything may be waiting now: false is certain. Most runs find nothing, and what finds the next work is a
 * hundred times as dear to plan. In the order of the partial indexes, so that they are read whatever the statistics say.
 */
export async function isAnythingPending(sql: LedgerSql, sellerAccount: string): Promise<boolean> {
  const pending = (failures: string): string => `(SELECT true FROM marketplace.metering_record r
    WHERE r.seller_account = $1 AND r.state = 'pending' AND r.mode = 'live' AND r.consecutive_failures ${failures}
      AND r.next_attempt_at <= clock_timestamp()
    ORDER BY r.product_code, r.due_at, r.id LIMIT 1)`;
  const [row] = await sql.query<{ waits: boolean }>(
    `SELECT coalesce(${pending(`< ${FAILURES_BEFORE_SPLIT}`)}, ${pending(`>= ${FAILURES_BEFORE_SPLIT}`)},
       (SELECT true FROM marketplace.quarantined_cause q
        WHERE q.seller_account = $1 AND q.next_probe_at <= clock_timestamp() LIMIT 1), false) AS waits`,
    [sellerAccount],
  );
  return row?.waits === true;
}

/** Work that waits, without a lock: only whoever finds some takes a slot of the call budget. */
export async function peekWork(
  tx: LedgerSql,
  time: ClaimTime,
  operations: readonly MeteringOperation[],
): Promise<WaitingWork[]> {
  await readInOrder(tx);
  return tx.query<WaitingWork>(
    `${earliestIn('batch')} UNION ALL ${earliestIn('troubled')} UNION ALL ${earliestIn('late')} UNION ALL
     SELECT q.product_code, p.region, CASE p.type WHEN 'saas' THEN 'BatchMeterUsage' ELSE 'MeterUsage' END, 'probe', min(q.next_probe_at)
     FROM marketplace.quarantined_cause q JOIN marketplace.product p ON p.seller_account = q.seller_account AND p.product_code = q.product_code
     WHERE q.seller_account = $1 AND q.next_probe_at <= $4 AND CASE p.type WHEN 'saas' THEN 'BatchMeterUsage' ELSE 'MeterUsage' END = ANY ($5)
     GROUP BY q.product_code, p.region, p.type`,
    [...parametersOf(time), operations],
  );
}

interface ClaimRow extends LockedRecord {
  timestamp: Date;
  allocations: UsageAllocation[] | null;
  identity_kind: 'license' | 'account' | 'customerIdentifier' | 'installation';
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
}

export interface ClaimCandidate extends SendableRecord {
  record: LockedRecord;
}

const CLAIM_COLUMNS = `${LOCKED_COLUMNS}, r."timestamp", r.allocations, i.kind AS identity_kind, i.license_arn, i.customer_aws_account_id,
  i.customer_identifier`;

function candidateOf(row: ClaimRow): ClaimCandidate {
  const { identity_kind: kind } = row;
  return {
    id: row.id,
    productCode: row.product_code,
    resourceId: row.resource_id,
    record: row,
    report: {
      licenseArn: kind === 'license' ? row.license_arn : null,
      customerAwsAccountId: kind === 'customerIdentifier' ? null : row.customer_aws_account_id,
      customerIdentifier: kind === 'customerIdentifier' ? row.customer_identifier : null,
      // jsonb keeps the order of an array and one order of keys, so the same record reads the same every time.
      allocations: row.allocations,
      dimension: row.dimension,
      timestamp: row.timestamp,
      // At most 2^31 - 1 by a CHECK: exact as a number.
      quantity: Number(row.quantity),
    },
  };
}

/**
 * Locks the first record of a lane and, unless it is `late`, those that may go with it: its own group when an error is
 * being narrowed down, else records of no group; of its region, its operation and its kind of identity. NO KEY UPDATE
 * is the lock that the claim's UPDATE takes anyway; SKIP LOCKED gives each worker what no other is at, so claims never
 * wait. What is locked but not taken is free again at the commit.
 */
export async function lockCandidates(
  tx: LedgerSql,
  time: ClaimTime,
  { product_code: productCode, operation, lane }: WaitingWork & { lane: Exclude<Lane, 'probe'> },
  limit: number,
): Promise<ClaimCandidate[]> {
  const parameters = [...parametersOf(time), productCode, operation];
  await readInOrder(tx);
  const [first] = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM ${RECORD}
     WHERE r.seller_account = $1 AND r.product_code = $5 AND r.operation = $6 AND ${LANE[lane]}
     ORDER BY ${LANE_ORDER[lane]} LIMIT 1 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    parameters,
  );
  if (first === undefined) return [];
  if (lane === 'late' || limit === 1) return [candidateOf(first)];
  const companions = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM ${RECORD}
     WHERE r.seller_account = $1 AND r.product_code = $5 AND r.operation = $6 AND ${LANE[lane]}
       AND r.id <> $7 AND r.region = $8 AND i.kind = $9
         AND r.probe_group ${first.probe_group === null ? 'IS NULL' : '= $11'}
     ORDER BY ${LANE_ORDER[lane]} LIMIT $10 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [
      ...parameters,
      first.id,
      first.region,
      first.identity_kind,
      limit - 1,
      ...(first.probe_group === null ? [] : [first.probe_group]),
    ],
  );
  return [first, ...companions].map(candidateOf);
}

const OF_CAUSE =
  `CASE $3::text WHEN 'product' THEN true WHEN 'dimension' THEN r.dimension = $4::text WHEN 'reason' THEN ` +
  `r.state = 'blocked' AND ${REFUSED_AS} = $4::text ELSE r.identity_id::text = $4::text END`;

/**
 * One record of a quarantined cause: one that waits, else one that the cause has blocked; not past due and under no
 * other cause, as long as there is another. Probes take the one that is due first and the one that is due last by turns:
 * where those of one end are at fault themselves, healthy ones at the other do not wait for all of them. Where nothing
 * but the refusal is in common, they take turns: any of them may be at fault.
 */
export async function lockProbe(
  tx: LedgerSql,
  { sellerAccount, now }: ClaimTime,
  cause: ProbedCause,
  operation: MeteringOperation,
): Promise<ClaimCandidate | undefined> {
  const end = cause.probe_count % 2 === 1 ? 'ASC' : 'DESC';
  const [row] = await tx.query<ClaimRow>(
    `SELECT ${CLAIM_COLUMNS} FROM ${RECORD}
     WHERE r.seller_account = $1 AND r.product_code = $2 AND ${OF_CAUSE}
       AND r.mode = 'live' AND r.operation = $7 AND r.cutoff_at > $5
       AND (r.state = 'pending' OR (r.state = 'blocked' AND r.reason = $6))
       AND ${NAMED} AND ${REACHABLE}
     ORDER BY r.due_at <= $5, ${UNDER_SEVERAL}, r.state = 'blocked',
       CASE $3::text WHEN 'reason' THEN r.attempt_count END, r.due_at ${end}, r.id ${end}
     LIMIT 1 FOR NO KEY UPDATE OF r SKIP LOCKED`,
    [sellerAccount, cause.product_code, cause.scope, cause.key, now.toISOString(), cause.reason, operation],
  );
  return row && candidateOf(row);
}

/** A record of a quarantined cause that was not tried yet comes to its due time before `until`. */
export async function isUrgent(
  tx: LedgerSql,
  { sellerAccount, now }: ClaimTime,
  cause: QuarantinedCause,
  until: Date,
): Promise<boolean> {
  const [row] = await tx.query<{ urgent: boolean }>(
    `SELECT EXISTS (SELECT FROM ${RECORD}
       WHERE r.seller_account = $1 AND r.product_code = $2 AND ${OF_CAUSE} AND r.mode = 'live' AND r.state = 'pending'
         AND r.due_at <= $6 AND r.cutoff_at > $5 AND ${NAMED}) AS urgent`,
    [sellerAccount, cause.product_code, cause.scope, cause.key, now.toISOString(), until.toISOString()],
  );
  return row?.urgent === true;
}

/** A quarantined cause has no record left that a probe could take, now or later, or whose end is still to be written. */
export async function isSpent(tx: LedgerSql, { sellerAccount }: ClaimTime, cause: QuarantinedCause): Promise<boolean> {
  const [row] = await tx.query<{ left: boolean }>(
    `SELECT EXISTS (SELECT FROM ${RECORD}
       WHERE r.seller_account = $1 AND r.product_code = $2 AND ${OF_CAUSE} AND r.mode = 'live'
         AND r.state IN ('pending', 'sending', 'blocked') AND (r.state <> 'blocked' OR r.reason = $5) AND ${NAMED}) AS left`,
    [sellerAccount, cause.product_code, cause.scope, cause.key, cause.reason],
  );
  return row?.left === false;
}
