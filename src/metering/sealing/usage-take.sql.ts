import { type LedgerSql, sqlStateOf } from '../../database/ledger-database.js';
import { HOUR_MS } from '../../runtime/clock.js';

const QUERY_CANCELED = '57014';

/** Unsealed usage of one subject and hour: what a take moves as a whole. */
export interface DueUsage {
  subject: number;
  /** Hours since the epoch. */
  hour: number;
}

/** Hours since the epoch of the hour that contains an instant. */
export function hourNumberOf(at: Date): number {
  return Math.floor(at.getTime() / HOUR_MS);
}

export function hourOfNumber(hour: number): Date {
  return new Date(hour * HOUR_MS);
}

/**
 * What waits to be taken, per hour and subject and never per event: the index answers, whatever the ledger holds. Usage
 * under a subject that nobody knows (INSERTed by hand) is anybody's: it waits as a rollup, with a reason, instead of
 * unseen.
 * @param settledBefore start of the first hour that is not due
 * @param subjects only these; every subject of the seller where it is left out
 */
export async function dueUsage(
  sql: LedgerSql,
  sellerAccount: string,
  settledBefore: Date,
  subjects: readonly number[] | null = null,
): Promise<DueUsage[]> {
  return sql.query<DueUsage>(
    `SELECT due.hour, due.subject
     FROM (
       SELECT DISTINCT hour, subject FROM marketplace.unsealed_usage
       WHERE hour < $2 AND ($3::integer[] IS NULL OR subject = ANY ($3::integer[]))
     ) AS due
     LEFT JOIN marketplace.subject s ON s.id = due.subject
     WHERE s.seller_account = $1 OR s.seller_account IS NULL
     ORDER BY due.hour, due.subject`,
    [sellerAccount, hourNumberOf(settledBefore), subjects],
  );
}

/**
 * Plans that need no statistics: planned while the table is empty, a take would read it from end to end once per
 * subject. The instant goes to the trigger that writes the rollups.
 */
export async function prepareTake(tx: LedgerSql, now: Date): Promise<void> {
  await tx.query(
    `SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('marketplace_ledger.taken_at', $1, true)`,
    [now.toISOString()],
  );
}

/**
 * Moves whole (hour, subject) pairs into rollups, as far as `limit` events go: the DELETE's trigger writes them from
 * the very rows that are gone, so two sealers cannot count an event twice, and no lock is needed. Only for READ
 * COMMITTED: above it, whoever comes second fails instead of skipping. Committed at once, since a rollup is whole by
 * itself: no transaction grows with the hour. Rows are found by index and removed by their place, which is also the
 * order in which they are locked, so that two takers never wait for each other in a circle.
 * @returns how many events were moved; with fewer than `limit` nothing is left of the pairs
 */
export async function takeUsage(tx: LedgerSql, due: readonly DueUsage[], limit: number): Promise<number> {
  const [row] = await tx.query<{ taken: string }>(
    `WITH taken AS (
       DELETE FROM marketplace.unsealed_usage WHERE ctid = ANY (ARRAY(
         SELECT waiting.place
         FROM unnest($1::integer[], $2::integer[]) AS due (hour, subject)
         CROSS JOIN LATERAL (
           SELECT ctid AS place FROM marketplace.unsealed_usage u WHERE u.hour = due.hour
             AND u.subject = due.subject OFFSET 0
         ) AS waiting
         LIMIT $3
       )) RETURNING 1
     )
     SELECT count(*)::text AS taken FROM taken`,
    [due.map(({ hour }) => hour), due.map(({ subject }) => subject), limit],
  );
  return Number(row?.taken ?? 0);
}

/**
 * Subjects of customers one of whose agreements has ended in or since `hour`, by signs not later than `endedBefore`:
 * their running hour is their last, and AWS takes it for one hour after the end only.
 */
export async function subjectsWithEnd(
  sql: LedgerSql,
  sellerAccount: string,
  hour: Date,
  endedBefore: Date,
): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    `SELECT DISTINCT s.id
     FROM (
       SELECT f.agreement_id, f.buyer_id, f.subscription_id FROM marketplace.fact f
       WHERE f.seller_account = $1 AND f.type IN ('agreement.ended', 'license.deprovisioned',
         'legacy.unsubscribePending', 'legacy.unsubscribed', 'host.ended')
         AND f.at BETWEEN $2 AND $3
     ) AS sign
     CROSS JOIN LATERAL (
       SELECT u.customer_id FROM marketplace.agreement a
       JOIN marketplace.subscription u ON u.seller_account = $1 AND u.id = a.subscription_id
       WHERE a.seller_account = $1 AND a.id = sign.agreement_id
       UNION ALL
       SELECT u.customer_id FROM marketplace.subscription u WHERE u.seller_account = $1 AND u.id = sign.subscription_id
       UNION ALL
       SELECT u.customer_id FROM marketplace.subscription u
       WHERE sign.agreement_id IS NULL AND sign.subscription_id IS NULL AND u.seller_account = $1
         AND u.buyer_id = sign.buyer_id
     ) AS u
     JOIN marketplace.subject s ON s.seller_account = $1 AND s.customer_id = u.customer_id`,
    [sellerAccount, hour.toISOString(), endedBefore.toISOString()],
  );
  return rows.map(({ id }) => id);
}

/**
 * After a bulk, so that the next look for work does not walk a million dead index entries. Where the role may not,
 * or where it takes longer than a statement may, autovacuum does it later.
 */
export async function vacuumUnsealed(sql: LedgerSql): Promise<void> {
  await sql.query(`VACUUM marketplace.unsealed_usage`).catch((error: unknown) => {
    if (sqlStateOf(error) !== QUERY_CANCELED) throw error;
  });
}
