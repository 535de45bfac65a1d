import { type LedgerSql } from '../../database/ledger-database.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { REFUSED_CONTENTS } from './record-outcome.js';
import { UNQUARANTINED } from './record-requeue.sql.js';

/**
 * Why a record of which AWS has billed nothing is closed: `expired`, its time to be sent has passed; `moved`, the
 * timeline names another period for its usage; `resourceGone`, the resource that could have sent it sends no more;
 * `rewritten`, a person had it sealed anew.
 */
export type AnnulReason = 'expired' | 'moved' | 'resourceGone' | 'rewritten';

const MESSAGES: Record<AnnulReason, string> = {
  expired: 'Its time to be sent has passed and AWS does not have it: its usage is planned anew.',
  moved:
    'Its usage belongs to another period by what is known now, and AWS does not have it: its usage is planned anew.',
  resourceGone:
    'The resource that could have sent it sends no more, and AWS does not have it: its usage goes with the one that ' +
    'sends now.',
  rewritten: 'A person had its usage planned anew; AWS does not have it.',
};

/**
 * Annuls those of the records of which AWS is known to have billed nothing: each is closed, its rollups wait again, and
 * the balance gives back what it added (by trigger). Which rollups it had stays in `annulled_rollup`. Call it in a
 * transaction.
 *
 * That AWS refused it until it expired is remembered of its rollups, unless a cause stands against all usage like it; for
 * its contents as long as that stands, whatever else AWS says of it then: it looks no further. What is annulled for another
 * reason goes to another place, or a person says so: it counts as never refused.
 *
 * Locks the records, SKIP LOCKED: one that is being sent or answered at this moment is not annulled now. Evidence is
 * read in a statement of its own, after the locks: an attempt that was committed while we waited for nothing must be
 * seen. Balances come after records, as everywhere.
 * @param by who decided, where a person did.
 * @returns ids of the records that were annulled.
 */
export async function annulRecords(
  tx: LedgerSql,
  sellerAccount: string,
  recordIds: readonly string[],
  reason: AnnulReason,
  at: Date,
  by: string | null = null,
): Promise<string[]> {
  if (recordIds.length === 0) return [];
  const locked = await tx.query<{ id: string; hour: number | null; product_code: string; refused_for: string | null }>(
    `SELECT r.id, r.product_code, (extract(epoch FROM r.hour) / 3600)::integer AS hour,
       CASE WHEN r.state = 'blocked' AND ${UNQUARANTINED} THEN r.reason END AS refused_for
     FROM marketplace.metering_record r
     WHERE r.seller_account = $1 AND r.id = ANY ($2::uuid[])
       AND (r.state IN ('pending', 'blocked', 'unknown') OR (r.state = 'closed' AND r.disposition = 'held'))
     ORDER BY r.id
     FOR UPDATE OF r SKIP LOCKED`,
    [sellerAccount, recordIds],
  );
  if (locked.length === 0) return [];
  const annulled = await tx.query<{ id: string; customer_id: string }>(
    `UPDATE marketplace.metering_record r
     SET state = 'closed', disposition = 'annulled', reason = $3, reason_message = $4, closed_at = $5, closed_by = $6,
       probe_group = NULL
     WHERE r.seller_account = $1 AND r.id = ANY ($2::uuid[])
       AND NOT EXISTS (
         SELECT 1 FROM marketplace.attempt_record a
         WHERE a.seller_account = r.seller_account AND a.record_id = r.id AND a.evidence <> 'refused'
           AND NOT (a.evidence = 'conflict' AND marketplace.is_conflict_of_ours(r)))
     RETURNING r.id, r.customer_id`,
    [sellerAccount, locked.map((row) => row.id), reason, MESSAGES[reason], at.toISOString(), by],
  );
  if (annulled.length === 0) return [];
  const ids = annulled.map((row) => row.id);
  await tx.query(
    `INSERT INTO marketplace.annulled_rollup (seller_account, record_id, rollup_id)
     SELECT $1, record_id, id FROM marketplace.rollup WHERE record_id = ANY ($2::uuid[])`,
    [sellerAccount, ids],
  );
  const was = locked.filter(({ id }) => ids.includes(id));
  await tx.query(
    `UPDATE marketplace.rollup u SET record_id = NULL, waiting_reason = NULL, waiting_since = NULL,
       refusals = CASE WHEN was.refused_for IS NOT NULL THEN coalesce(u.refusals, 0) + 1 WHEN $4 THEN u.refusals END,
       refused_for = CASE WHEN $4 AND (was.refused_for IS NULL OR (u.refused_for = ANY ($5) AND EXISTS (
           SELECT FROM marketplace.quarantined_cause q WHERE q.seller_account = $6 AND q.product_code = was.product_code
             AND q.scope = 'reason' AND q.key = u.refused_for)))
         THEN u.refused_for ELSE was.refused_for END,
       refused_hour = CASE WHEN was.refused_for IS NOT NULL THEN was.hour WHEN $4 THEN u.refused_hour END
     FROM unnest($1::uuid[], $2::integer[], $3::text[], $7::text[]) AS was (record_id, hour, refused_for, product_code)
     WHERE u.record_id = ANY ($1::uuid[]) AND u.record_id = was.record_id`,
    [
      was.map(({ id }) => id),
      was.map(({ hour }) => hour),
      was.map((row) => (reason === 'expired' ? row.refused_for : null)),
      reason === 'expired',
      REFUSED_CONTENTS,
      sellerAccount,
      was.map((row) => row.product_code),
    ],
  );
  await tx.query(
    `INSERT INTO marketplace.customer_changed (seller_account, customer_id) SELECT DISTINCT $1, given.id
      FROM unnest($2::uuid[]) AS given (id)`,
    [sellerAccount, annulled.map((row) => row.customer_id)],
  );
  crashPoint('annul.annulled');
  return ids;
}
