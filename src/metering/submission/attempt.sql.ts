import { type LedgerSql } from '../../database/ledger-database.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { type Evidence } from '../settlement/evidence.js';
import { LOCKED_COLUMNS, type LockedRecord } from '../settlement/metering-record.sql.js';

/** Attempts: written before the call, answered after it. */

export interface NewAttempt {
  id: string;
  leaseToken: string;
  operation: MeteringOperation;
  productCode: string;
  region: string;
  submitter: string;
  /** Business time. */
  claimedAt: Date;
}

/** Writes the attempt before the call: whatever happens next, the ledger knows that it may have happened. */
export async function insertAttempt(
  tx: LedgerSql,
  sellerAccount: string,
  attempt: NewAttempt,
  recordIds: readonly string[],
): Promise<void> {
  const { id, operation, productCode, region, leaseToken, submitter, claimedAt } = attempt;
  await tx.query(
    `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count,
      submitter, claimed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      sellerAccount,
      id,
      operation,
      productCode,
      region,
      leaseToken,
      recordIds.length,
      submitter,
      claimedAt.toISOString(),
    ],
  );
  await tx.query(
    `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id) SELECT $1, $2, id
      FROM unnest($3::uuid[]) AS id`,
    [sellerAccount, id, recordIds],
  );
}

/** What AWS said of one record of an attempt. */
export interface AttemptAnswer {
  recordId: string;
  evidence: Evidence;
  answer: string;
  meteringRecordId: string | null;
  detail: Record<string, unknown> | null;
}

export async function storeAnswers(
  tx: LedgerSql,
  sellerAccount: string,
  attemptId: string,
  call: { httpStatus: number | null; requestId: string | null; errorCode: string | null; errorMessage: string | null },
  answers: readonly AttemptAnswer[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.attempt SET answered_at = clock_timestamp(), http_status = $3, aws_request_id = $4, error_code
      = $5, error_message = $6
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, attemptId, call.httpStatus, call.requestId, call.errorCode, call.errorMessage],
  );
  await tx.query(
    `UPDATE marketplace.attempt_record e
     SET evidence = s.evidence, answer = s.answer, metering_record_id = s.metering_record_id, detail = s.detail
     FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[]) AS s (record_id, evidence, answer,
       metering_record_id, detail)
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

/**
 * Records whose holder is dead or late. Rows at which an answer is being written at this moment are skipped: the answer
 * ends the lease. In the order of ids, as everybody locks records.
 */
export function lockExpiredLeases(tx: LedgerSql, sellerAccount: string, limit: number): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.state = 'sending' AND r.lease_until < clock_timestamp()
     ORDER BY r.id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
    [sellerAccount, limit],
  );
}

/** Of the given metering identities those under which AWS has taken a record. */
export async function meteredIdentities(tx: LedgerSql, identityIds: readonly string[]): Promise<Set<string>> {
  if (identityIds.length === 0) return new Set();
  const rows = await tx.query<{ id: string }>(
    `SELECT given.id FROM unnest($1::uuid[]) AS given (id)
     WHERE EXISTS (SELECT FROM marketplace.metering_record r WHERE r.identity_id = given.id AND r.state = 'metered')`,
    [identityIds],
  );
  return new Set(rows.map((row) => row.id));
}

/** Agreements that price these periods. */
export async function agreementsOfPeriods(
  tx: LedgerSql,
  sellerAccount: string,
  periodIds: readonly string[],
): Promise<Map<string, string>> {
  if (periodIds.length === 0) return new Map();
  const rows = await tx.query<{ id: string; agreement_id: string }>(
    `SELECT id, agreement_id FROM marketplace.period WHERE seller_account = $1 AND id = ANY ($2::uuid[])`,
    [sellerAccount, periodIds],
  );
  return new Map(rows.map((row) => [row.id, row.agreement_id]));
}
