import { type LedgerSql } from '../../database/ledger-database.js';
import { LOCKED_COLUMNS, type LockedRecord } from './metering-record.sql.js';

/**
 * Records that come near their due time for the first time, marked in the same breath, so that each is told of once.
 */
export function markDeadlineNear(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  dueBefore: Date,
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `WITH near AS MATERIALIZED (
       SELECT n.ctid AS place FROM marketplace.product p
       JOIN marketplace.metering_record n ON n.seller_account = p.seller_account AND n.product_code = p.product_code
       WHERE p.seller_account = $1 AND n.state IN ('pending', 'blocked') AND n.mode = 'live' AND n.due_at <= $3
         AND n.cutoff_at > $2 AND n.deadline_alerted_at IS NULL
       ORDER BY n.id LIMIT $4 FOR NO KEY UPDATE OF n SKIP LOCKED
     )
     UPDATE marketplace.metering_record r SET deadline_alerted_at = $2 FROM near
     WHERE r.ctid = near.place RETURNING ${LOCKED_COLUMNS}`,
    [sellerAccount, now.toISOString(), dueBefore.toISOString(), limit],
  );
}

/**
 * Records whose trying has ended: past their cutoff, or, in dry-run, at the moment they would have been sent. A record
 * in `sending` is never touched: its answer or its lease's end comes first. Rows that someone is at are skipped and
 * found again. FOR UPDATE, as an annulment locks them.
 */
export function lockEnded(
  tx: LedgerSql,
  sellerAccount: string,
  now: Date,
  which: 'pastCutoff' | 'dryRun',
  limit: number,
): Promise<LockedRecord[]> {
  // A cutoff is never before its due time, and the index knows the due time.
  const ended = {
    pastCutoff: 'r.due_at <= $2 AND r.cutoff_at <= $2',
    dryRun: `r.mode <> 'live' AND r.sealed_at <= $2`,
  }[which];
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.product p
     JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
     WHERE p.seller_account = $1 AND r.state IN ('pending', 'blocked') AND ${ended}
     ORDER BY r.id LIMIT $3 FOR UPDATE OF r SKIP LOCKED`,
    [sellerAccount, now.toISOString(), limit],
  );
}

/**
 * Alerts about records that no longer stand as they say: nothing is near its deadline, blocked for that reason, still
 * unknown, held or owed.
 */
export async function resolveOutdatedAlerts(sql: LedgerSql, sellerAccount: string, now: Date): Promise<void> {
  await resolveWithout(
    sql,
    sellerAccount,
    now,
    `SELECT kind, subject FROM marketplace.alert WHERE seller_account = $1 AND resolved_at IS NULL
       AND kind IN ('deadlineNear', 'blocked', 'notSubscribed', 'conflict', 'unknownOutcome', 'ledgerMismatch')`,
    `SELECT said.kind, said.subject FROM marketplace.product p
     JOIN marketplace.metering_record r ON r.seller_account = p.seller_account AND r.product_code = p.product_code
     CROSS JOIN LATERAL (VALUES
       ('notSubscribed', CASE WHEN r.state = 'blocked' AND r.reason = 'notSubscribed'
         THEN coalesce(r.subscription_id, r.id)::text END),
       ('ledgerMismatch', CASE WHEN r.state = 'blocked' AND r.reason = 'ledgerMismatch' THEN r.id::text END),
       ('conflict', CASE WHEN r.reason = 'conflict'
         THEN concat_ws('/', coalesce(r.subscription_id, r.id), r.dimension) END),
       ('blocked', CASE WHEN r.state = 'blocked' THEN concat_ws('/', r.product_code, r.dimension, r.reason) END),
       ('unknownOutcome', CASE WHEN r.state = 'unknown'
         THEN concat_ws('/', r.product_code, r.dimension, r.reason, 'unknown') END),
       ('deadlineNear', CASE WHEN r.state <> 'unknown' AND r.deadline_alerted_at IS NOT NULL
         THEN concat_ws('/', r.product_code, r.dimension, CASE r.state WHEN 'blocked' THEN r.reason ELSE 'waiting' END)
         END)) AS said (kind, subject)
     WHERE p.seller_account = $1 AND r.state IN ('pending', 'sending', 'blocked', 'unknown')`,
  );
  await resolveWithout(
    sql,
    sellerAccount,
    now,
    `SELECT kind, subject FROM marketplace.alert WHERE seller_account = $1 AND resolved_at IS NULL
       AND (kind IN ('usageHeld', 'owed', 'keyConflict') OR (kind = 'expired' AND severity = 'critical'))`,
    `SELECT said.kind, said.subject FROM marketplace.metering_record r
     CROSS JOIN LATERAL (
       VALUES ('usageHeld', r.id::text), ('owed', r.id::text), ('expired', CASE WHEN r.mode = 'live'
         AND r.disposition = 'held' THEN concat_ws('/', r.product_code, r.dimension, r.reason, 'held') END)
       UNION ALL
       SELECT 'keyConflict', named.subject FROM marketplace.subject s
       JOIN marketplace.subscription p ON p.seller_account = s.seller_account AND p.id = s.subscription_id
       CROSS JOIN LATERAL (VALUES (p.id::text), (p.alias_of::text)) AS named (subject)
       WHERE s.id = r.subject AND r.reason = 'keyConflict') AS said (kind, subject)
     WHERE r.seller_account = $1 AND r.state = 'closed' AND r.disposition IN ('held', 'owed')`,
  );
}

/**
 * Resolves what is `open` and no record says any more. What records say is read once, however many alerts there are,
 * and not at all where none is open.
 */
async function resolveWithout(
  sql: LedgerSql,
  sellerAccount: string,
  now: Date,
  open: string,
  said: string,
): Promise<void> {
  await sql.query(
    `WITH open AS MATERIALIZED (${open}), standing AS MATERIALIZED (
       SELECT DISTINCT kind, subject FROM (${said} AND EXISTS (SELECT FROM open)) AS all_said WHERE subject IS NOT NULL)
     UPDATE marketplace.alert a SET resolved_at = $2 FROM open
     WHERE a.seller_account = $1 AND a.kind = open.kind AND a.subject = open.subject AND a.resolved_at IS NULL
       AND (open.kind, open.subject) NOT IN (SELECT kind, subject FROM standing)`,
    [sellerAccount, now.toISOString()],
  );
}

/**
 * Blocked records in conflict that only a conflict keeps from being known not billed. Locked as an annulment locks
 * them.
 */
export function lockConflicts(
  tx: LedgerSql,
  sellerAccount: string,
  after: string | null,
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.reason = 'conflict' AND r.state IN ('blocked', 'unknown') AND ($2::uuid IS NULL
       OR r.id > $2)
       AND NOT EXISTS (SELECT FROM marketplace.attempt_record e
                       WHERE e.seller_account = r.seller_account AND e.record_id = r.id AND e.evidence
                         NOT IN ('refused', 'conflict'))
     ORDER BY r.id LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [sellerAccount, after, limit],
  );
}
