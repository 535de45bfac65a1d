import { type LedgerSql } from '../../database/ledger-database.js';
import { type ProductMode } from '../../options/resolved-options.js';
import { type DueUsage } from './usage-take.sql.js';

/** A subject whose subscription goes by several ids: it was folded, or others were folded into it. */
export interface FoldedSubject {
  subject: number;
  /** The id that goes on. */
  rootId: string;
  subscriptionId: string;
  /** All ids, its own included. */
  memberIds: string[];
}

/**
 * Of these subjects those that share their keys with folded siblings. Mostly none: an index over the folded answers.
 */
export async function selectFoldedSubjects(
  tx: LedgerSql,
  sellerAccount: string,
  subjects: readonly number[],
): Promise<FoldedSubject[]> {
  const rows = await tx.query<{ subject: number; root_id: string; subscription_id: string; member_ids: string[] }>(
    `SELECT s.id AS subject, own.root AS root_id, s.subscription_id::text AS subscription_id, jsonb_agg(member.id
      ORDER BY member.id) AS member_ids
     FROM marketplace.subject s
     CROSS JOIN LATERAL (
       SELECT coalesce(u.alias_of, u.id) AS root FROM marketplace.subscription u
       WHERE u.seller_account = s.seller_account AND u.id = s.subscription_id OFFSET 0
     ) AS own
     CROSS JOIN LATERAL (
       SELECT own.root AS id UNION ALL
       SELECT f.id FROM marketplace.subscription f WHERE f.seller_account = s.seller_account AND f.alias_of = own.root
     ) AS member
     WHERE s.id = ANY ($2::integer[]) AND s.seller_account = $1 AND s.tenant_id IS NULL
     GROUP BY s.id, own.root HAVING count(*) > 1`,
    [sellerAccount, subjects],
  );
  return rows.map((row) => ({
    subject: row.subject,
    rootId: row.root_id,
    subscriptionId: row.subscription_id,
    memberIds: row.member_ids,
  }));
}

/** Those who compare keys of one subscription do it one after the other, until their transaction ends. */
export async function lockFold(tx: LedgerSql, sellerAccount: string, rootId: string): Promise<void> {
  // The name is written as one in the schema: ledgers in two schemas of a database do not wait for each other.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('marketplace.take ' || $1, 0))`, [
    `${sellerAccount} ${rootId}`,
  ]);
}

export interface LockedUsage extends DueUsage {
  id: string;
  key: string | null;
}

/**
 * Locks unsealed rows of the pairs, in the order of ids. The keys are read, and the siblings looked for, only by
 * statements that begin after this one has its locks: so whoever takes a sibling meanwhile either is seen to have done
 * so, or sees us.
 */
export async function lockUnsealed(tx: LedgerSql, due: readonly DueUsage[], limit: number): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `SELECT u.id::text AS id FROM marketplace.unsealed_usage u
     JOIN unnest($1::integer[], $2::integer[]) AS due (hour, subject) ON u.hour = due.hour AND u.subject = due.subject
     ORDER BY u.id LIMIT $3 FOR UPDATE OF u`,
    [due.map(({ hour }) => hour), due.map(({ subject }) => subject), limit],
  );
  return rows.map(({ id }) => id);
}

/** Events with their subject, hour and key; those that are not there are missing. */
export async function selectKeys(tx: LedgerSql, ids: readonly string[]): Promise<LockedUsage[]> {
  return tx.query<LockedUsage>(
    `SELECT e.id::text AS id, floor(extract(epoch FROM e.occurred_at) / 3600)::integer AS hour, e.subject, e.key
     FROM unnest($1::uuid[]) AS input (id) JOIN marketplace.usage_event e ON e.id = input.id`,
    [ids],
  );
}

/**
 * Locks those of the events that are still unsealed, in the order of ids, and waits for whoever is taking one: then it
 * is not.
 */
export async function lockIfUnsealed(tx: LedgerSql, usages: readonly LockedUsage[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `SELECT u.id::text AS id FROM marketplace.unsealed_usage u
     JOIN unnest($1::uuid[], $2::integer[], $3::integer[]) AS asked (id, hour, subject)
       ON u.hour = asked.hour AND u.subject = asked.subject AND u.id = asked.id
     ORDER BY u.id FOR UPDATE OF u`,
    [usages.map(({ id }) => id), usages.map(({ hour }) => hour), usages.map(({ subject }) => subject)],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Moves these events into rollups of their own. @returns how many were moved */
export async function takeEvents(tx: LedgerSql, usages: readonly LockedUsage[]): Promise<number> {
  if (usages.length === 0) return 0;
  const [row] = await tx.query<{ taken: string }>(
    `WITH taken AS (
       DELETE FROM marketplace.unsealed_usage WHERE ctid = ANY (ARRAY(
         SELECT u.ctid FROM marketplace.unsealed_usage u
         JOIN unnest($1::uuid[], $2::integer[], $3::integer[]) AS asked (id, hour, subject)
           ON u.hour = asked.hour AND u.subject = asked.subject AND u.id = asked.id
       )) RETURNING 1
     )
     SELECT count(*)::text AS taken FROM taken`,
    [usages.map(({ id }) => id), usages.map(({ hour }) => hour), usages.map(({ subject }) => subject)],
  );
  return Number(row?.taken ?? 0);
}

/** Product code by subject. */
export async function selectProductsOf(tx: LedgerSql, subjects: readonly number[]): Promise<Map<number, string>> {
  const rows = await tx.query<{ id: number; product_code: string }>(
    `SELECT id, product_code FROM marketplace.subject WHERE id = ANY ($1::integer[])`,
    [subjects],
  );
  return new Map(rows.map((row) => [row.id, row.product_code]));
}

/** Rollups that list any of these events, by what a record may hold together. */
export interface RollupsApart {
  subject: number;
  dimension: string;
  rollupIds: string[];
}

export async function selectRollupsOf(tx: LedgerSql, usages: readonly LockedUsage[]): Promise<RollupsApart[]> {
  const rows = await tx.query<{ subject: number; dimension: string; rollup_ids: string[] }>(
    `SELECT r.subject, d.name AS dimension, jsonb_agg(r.id::text ORDER BY r.id) AS rollup_ids
     FROM (SELECT DISTINCT hour, subject FROM unnest($2::integer[], $3::integer[]) AS given (hour, subject)) AS pair
     JOIN marketplace.rollup r ON r.hour = pair.hour AND r.subject = pair.subject AND r.record_id IS NULL
       AND NOT r.is_split
     JOIN marketplace.rollup_event listed ON listed.rollup_id = r.id AND listed.ids && $1::uuid[]
     JOIN marketplace.dimension d ON d.id = r.dimension
     GROUP BY r.subject, d.name`,
    [usages.map(({ id }) => id), usages.map(({ hour }) => hour), usages.map(({ subject }) => subject)],
  );
  return rows.map((row) => ({ subject: row.subject, dimension: row.dimension, rollupIds: row.rollup_ids }));
}

/**
 * Sets rollups apart: a record of the subject that is never sent. One statement, since a record is what its rollups sum
 * to when it ends.
 */
export async function setApart(
  tx: LedgerSql,
  sellerAccount: string,
  apart: RollupsApart,
  record: { id: string; mode: ProductMode; disposition: 'void' | 'held'; reason: string; message: string; at: Date },
): Promise<void> {
  await tx.query(
    `WITH inside AS (
       SELECT sum(event_sum) AS event_sum, sum(event_count)::integer AS event_count, min(first_at) AS first_at,
         max(last_at) AS last_at
       FROM marketplace.rollup WHERE id = ANY ($4::bigint[])
     ), record AS (
       INSERT INTO marketplace.metering_record (
         seller_account, id, kind, customer_id, subject, product_code, dimension, first_used_at, last_used_at,
           quantity, event_sum, event_count,
         operation, region, mode, sealed_at, state, disposition, reason, reason_message, due_at, cutoff_at, closed_at)
       SELECT $1, $2, 'setApart', s.customer_id, s.id, s.product_code, $5, inside.first_at, inside.last_at,
         inside.event_sum, inside.event_sum,
         inside.event_count, 'BatchMeterUsage', p.region, $6, $10, 'closed', $7, $8, $9, $10, $10, $10
       FROM inside
       JOIN marketplace.subject s ON s.id = $3
       JOIN marketplace.product p ON p.seller_account = s.seller_account AND p.product_code = s.product_code
       RETURNING id
     )
     UPDATE marketplace.rollup SET record_id = record.id FROM record WHERE rollup.id = ANY ($4::bigint[])`,
    [
      sellerAccount,
      record.id,
      apart.subject,
      apart.rollupIds,
      apart.dimension,
      record.mode,
      record.disposition,
      record.reason,
      record.message,
      record.at.toISOString(),
    ],
  );
}
