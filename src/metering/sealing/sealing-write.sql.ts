// SQL of sealing that writes: periods, records, and what moves with them.
import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ProductModeName } from './period.js';
import { type WaitingReason } from './waiting-reason.js';

/** Periods that are not there yet. Whoever makes the same one at once waits here; both then find it. */
export async function insertPeriods(
  tx: LedgerSql,
  sellerAccount: string,
  periods: readonly { agreementId: string; price: string; mode: ProductModeName }[],
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.period (seller_account, id, agreement_id, price, mode)
     SELECT $1, id, agreement_id, price, mode FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS p (id,
       agreement_id, price, mode)
     ORDER BY agreement_id, price, mode
     ON CONFLICT (seller_account, agreement_id, price, mode) DO NOTHING`,
    [
      sellerAccount,
      periods.map(() => uuidv7()),
      periods.map((p) => p.agreementId),
      periods.map((p) => p.price),
      periods.map((p) => p.mode),
    ],
  );
}

/** Why rollups wait, where that is news. */
export async function markWaiting(
  tx: LedgerSql,
  waits: readonly { rollupId: string; reason: WaitingReason; since: Date }[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.rollup u SET waiting_reason = w.reason, waiting_since = w.since
     FROM (
       SELECT n.reason, n.since, r.place FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS n (id, reason,
         since)
       CROSS JOIN LATERAL (SELECT ctid AS place FROM marketplace.rollup WHERE id = n.id OFFSET 0) AS r
     ) AS w
     WHERE u.ctid = w.place AND u.record_id IS NULL`,
    [
      waits.map(({ rollupId }) => rollupId),
      waits.map(({ reason }) => reason),
      waits.map(({ since }) => since.toISOString()),
    ],
  );
}

/**
 * Cuts rollups at instants: each is flagged and replaced by its pieces, by the instants of its events. In one
 * statement, at whose end the triggers compare pieces and whole.
 */
export async function splitRollups(
  tx: LedgerSql,
  splits: readonly { rollupId: string; at: readonly Date[] }[],
): Promise<void> {
  await tx.query(
    `WITH cut AS (
       SELECT c.id, c.instants::timestamptz[] AS instants FROM unnest($1::bigint[], $2::text[]) AS c (id, instants)
     ), whole AS (
       UPDATE marketplace.rollup u SET is_split = true, waiting_reason = NULL, waiting_since = NULL
       FROM cut WHERE u.id = cut.id AND u.record_id IS NULL AND NOT u.is_split
       RETURNING u.*, cut.instants
     ), piece AS MATERIALIZED (
       SELECT nextval('marketplace.rollup_id') AS id, w.id AS split_of, w.subject, w.dimension, w.hour, w.tags,
         w.is_correction, w.taken_at, w.refusals, w.refused_for, w.refused_hour,
         sum(e.quantity) AS event_sum, count(*)::integer AS event_count, min(e.occurred_at) AS first_at,
           max(e.occurred_at) AS last_at,
         array_agg(e.id) AS ids
       FROM whole w
       JOIN marketplace.rollup_event listed ON listed.rollup_id = w.id
       CROSS JOIN LATERAL unnest(listed.ids) AS item (id)
       CROSS JOIN LATERAL (SELECT id, quantity, occurred_at FROM marketplace.usage_event
         WHERE id = item.id OFFSET 0) AS e
       GROUP BY w.id, w.subject, w.dimension, w.hour, w.tags, w.is_correction, w.taken_at, w.refusals, w.refused_for,
         w.refused_hour, width_bucket(e.occurred_at,
         w.instants)
     ), listed AS (
       INSERT INTO marketplace.rollup_event (rollup_id, ids) SELECT id, ids FROM piece
     )
     INSERT INTO marketplace.rollup
       (id, subject, dimension, hour, tags, is_correction, event_sum, event_count, first_at, last_at, taken_at,
         split_of, refusals, refused_for, refused_hour)
     SELECT id, subject, dimension, hour, tags, is_correction, event_sum, event_count, first_at, last_at, taken_at,
       split_of, refusals, refused_for, refused_hour FROM piece`,
    [
      splits.map(({ rollupId }) => rollupId),
      splits.map(({ at }) => `{${at.map((instant) => instant.toISOString()).join(',')}}`),
    ],
  );
}

/** When each customer is looked at again though nothing has changed. The cursors are ours. */
export async function moveSealCursors(
  tx: LedgerSql,
  sellerAccount: string,
  marks: readonly { customerId: string; lookAt: Date | null }[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.seal_cursor c SET look_at = mark.look_at
     FROM unnest($2::uuid[], $3::timestamptz[]) AS mark (customer_id, look_at)
     WHERE c.seller_account = $1 AND c.customer_id = mark.customer_id AND c.look_at IS DISTINCT FROM mark.look_at`,
    [
      sellerAccount,
      marks.map(({ customerId }) => customerId),
      marks.map(({ lookAt }) => lookAt?.toISOString() ?? 'infinity'),
    ],
  );
}

export async function markClosed(
  tx: LedgerSql,
  sellerAccount: string,
  periodIds: readonly string[],
  at: Date,
): Promise<void> {
  await tx.query(`UPDATE marketplace.period SET closed_at = $3 WHERE seller_account = $1 AND id = ANY ($2::uuid[])`, [
    sellerAccount,
    periodIds,
    at.toISOString(),
  ]);
}

/**
 * Records follow their agreements: after a fold, a claim or a hand-over they show the subscription and the customer
 * that the agreement belongs to now. SKIP LOCKED: one that is being sent follows the next time. From customer to
 * record, one index after the other, and once: a planner without statistics, as in a ledger's first hours, would look
 * for strays again for every record, and compare every record with every subscription.
 */
export async function moveRecords(tx: LedgerSql, sellerAccount: string, customerIds: readonly string[]): Promise<void> {
  await tx.query(
    `WITH stray AS MATERIALIZED (
       SELECT m.id, c.id AS customer_id, s.id AS subscription_id
       FROM unnest($2::uuid[]) AS c (id)
       CROSS JOIN LATERAL (
         SELECT id FROM marketplace.subscription WHERE seller_account = $1 AND customer_id = c.id OFFSET 0) AS s
       CROSS JOIN LATERAL (
         SELECT id FROM marketplace.agreement WHERE seller_account = $1 AND subscription_id = s.id OFFSET 0) AS a
       CROSS JOIN LATERAL (
         SELECT id FROM marketplace.period WHERE seller_account = $1 AND agreement_id = a.id OFFSET 0) AS p
       CROSS JOIN LATERAL (
         SELECT id FROM marketplace.metering_record
         WHERE seller_account = $1 AND period_id = p.id
           AND (customer_id, subscription_id) IS DISTINCT FROM (c.id, s.id) OFFSET 0) AS m
     ), moved AS MATERIALIZED (
       SELECT stray.* FROM stray CROSS JOIN LATERAL (
         SELECT FROM marketplace.metering_record m WHERE m.seller_account = $1 AND m.id = stray.id
         FOR NO KEY UPDATE SKIP LOCKED) AS locked
     )
     UPDATE marketplace.metering_record r SET customer_id = moved.customer_id, subscription_id = moved.subscription_id
     FROM moved WHERE r.seller_account = $1 AND r.id = moved.id`,
    [sellerAccount, customerIds],
  );
}

/** Notes on records that AWS has billed, or may have, that their usage belongs elsewhere by what is known now. */
export async function noteMoved(
  tx: LedgerSql,
  sellerAccount: string,
  recordIds: readonly string[],
  at: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.metering_record SET notes = notes || jsonb_build_object('movedSince', $3::text)
     WHERE seller_account = $1 AND id = ANY ($2::uuid[]) AND NOT notes ? 'movedSince'`,
    [sellerAccount, recordIds, at.toISOString()],
  );
}

/**
 * Moves the deadlines of records that are not finished, and arms their alert anew. A seal waits for no record: one that
 * somebody is at is passed by.
 * @returns ids of the records whose deadlines moved
 */
export async function moveDeadlines(
  tx: LedgerSql,
  sellerAccount: string,
  moves: readonly { id: string; dueAt: Date; cutoffAt: Date }[],
): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `WITH free AS (
       SELECT r.id, m.due_at, m.cutoff_at
       FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS m (id, due_at, cutoff_at)
       JOIN marketplace.metering_record r ON r.seller_account = $1 AND r.id = m.id AND r.state IN ('pending', 'blocked')
       FOR NO KEY UPDATE OF r SKIP LOCKED
     )
     UPDATE marketplace.metering_record r SET due_at = free.due_at, cutoff_at = free.cutoff_at, deadline_alerted_at =
       NULL
     FROM free WHERE r.seller_account = $1 AND r.id = free.id RETURNING r.id`,
    [
      sellerAccount,
      moves.map(({ id }) => id),
      moves.map(({ dueAt }) => dueAt.toISOString()),
      moves.map(({ cutoffAt }) => cutoffAt.toISOString()),
    ],
  );
  return new Set(rows.map(({ id }) => id));
}
