import { type LedgerSql } from '../../database/ledger-database.js';
import { scaled } from '../../runtime/decimal.js';
import { type Rollup } from './customer-plan.js';
import { type ProductModeName } from './period.js';
import { hourOfNumber } from './usage-take.sql.js';
import { type WaitingReason } from './waiting-reason.js';

/**
 * What a freeze reads. Every statement is bounded by the customers of a chunk. The transaction turns sequential scans
 * off first, and rows are looked up by their index (LATERAL … OFFSET 0): no statistics are needed, and a ledger that
 * grows costs no more. Custom plans are not forced: every check of a foreign key would be planned anew.
 */
export async function setPlanStable(tx: LedgerSql): Promise<void> {
  await tx.query(`SELECT set_config('enable_seqscan', 'off', true)`);
}

export interface ProductRow {
  product_code: string;
  type: 'saas' | 'container' | 'ami';
  region: string;
  modes: { from: string | null; mode: ProductModeName }[];
  /** Of a product in its buyer's account: since when the resource runs that sends, or sent last. */
  sender_started_at: Date | null;
  installation_id: string;
}

/** Products with their modes in order. Of two rows for one instant the later one counts. */
export function loadProducts(
  tx: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<ProductRow[]> {
  return tx.query<ProductRow>(
    `SELECT p.product_code, p.type, p.region, coalesce(m.modes, '[]') AS modes, w.started_at AS sender_started_at,
       (SELECT id::text FROM marketplace.installation) AS installation_id
     FROM marketplace.product p
     LEFT JOIN marketplace.metering_sender w ON w.seller_account = p.seller_account AND w.product_code = p.product_code
     LEFT JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_object('from', CASE WHEN isfinite(from_at)
         THEN to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
         'mode', mode) ORDER BY from_at, created_at) AS modes
       FROM marketplace.product_mode WHERE seller_account = p.seller_account AND product_code = p.product_code
     ) AS m ON true
     WHERE p.seller_account = $1 AND p.product_code = ANY ($2::text[])`,
    [sellerAccount, productCodes],
  );
}

export interface RollupRow {
  id: string;
  customer_id: string;
  subject: number;
  dimension: string;
  hour: number;
  tags: Record<string, string> | null;
  is_correction: boolean;
  event_sum: string;
  event_count: number;
  first_at: Date;
  last_at: Date;
  waiting_reason: WaitingReason | null;
  waiting_since: Date | null;
  refusals: number | null;
  refused_for: string | null;
  refused_hour: number | null;
}

/**
 * Rollups without a record. Those of customers that wait for good are few: what is closed or set apart has a record.
 */
export function loadWaitingRollups(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<RollupRow[]> {
  return tx.query<RollupRow>(
    `SELECT u.id::text AS id, s.customer_id, u.subject, d.name AS dimension, u.hour, u.tags, u.is_correction,
      u.event_sum, u.event_count, u.first_at, u.last_at,
            u.waiting_reason, u.waiting_since, u.refusals, u.refused_for, u.refused_hour
     FROM unnest($2::uuid[]) AS c (id)
     CROSS JOIN LATERAL (SELECT id, customer_id FROM marketplace.subject WHERE seller_account = $1
       AND customer_id = c.id OFFSET 0) AS s
     CROSS JOIN LATERAL (
       SELECT * FROM marketplace.rollup WHERE subject = s.id AND record_id IS NULL AND NOT is_split OFFSET 0
     ) AS u
     JOIN marketplace.dimension d ON d.id = u.dimension
     ORDER BY u.id`,
    [sellerAccount, customerIds],
  );
}

export function rollupOf(row: RollupRow): Rollup {
  return {
    id: row.id,
    subject: row.subject,
    dimension: row.dimension,
    hour: hourOfNumber(row.hour),
    firstAt: row.first_at,
    lastAt: row.last_at,
    isCorrection: row.is_correction,
    sum: scaled(row.event_sum),
    count: row.event_count,
    tags: row.tags,
    waitingReason: row.waiting_reason,
    waitingSince: row.waiting_since,
    refusal:
      row.refusals === null || row.refused_for === null || row.refused_hour === null
        ? null
        : { times: row.refusals, reason: row.refused_for, hour: hourOfNumber(row.refused_hour) },
  };
}

export interface PeriodRow {
  id: string;
  agreement_id: string;
  price: 'trial' | 'paid';
  mode: ProductModeName;
  closed_at: Date | null;
}

export function loadPeriods(
  tx: LedgerSql,
  sellerAccount: string,
  agreementIds: readonly string[],
): Promise<PeriodRow[]> {
  return tx.query<PeriodRow>(
    `SELECT p.* FROM unnest($2::uuid[]) AS a (id) CROSS JOIN LATERAL (
       SELECT id, agreement_id, price, mode, closed_at FROM marketplace.period WHERE seller_account = $1
         AND agreement_id = a.id OFFSET 0) AS p`,
    [sellerAccount, agreementIds],
  );
}

export interface BalanceRow {
  period_id: string;
  dimension: string;
  carry: string;
  included: string;
}

/**
 * Balances, locked: annulling a record, or settling it at another quantity, must come wholly before or wholly after
 * this seal. They lock records first and balances second; a seal waits for no record, so the two cannot wait for each
 * other in a circle.
 */
export function lockBalances(
  tx: LedgerSql,
  sellerAccount: string,
  periodIds: readonly string[],
): Promise<BalanceRow[]> {
  return tx.query<BalanceRow>(
    `SELECT period_id, dimension, carry, included FROM marketplace.balance
     WHERE seller_account = $1 AND period_id = ANY ($2::uuid[])
     ORDER BY period_id, dimension
     FOR NO KEY UPDATE`,
    [sellerAccount, periodIds],
  );
}

export interface TakenRow {
  identity_id: string;
  dimension: string;
  mode: ProductModeName;
  /** Bit n: the hour that starts n hours after `since` has a standing record. */
  hours: string;
}

/** Grains with standing records, whichever seller's label sealed them, from `since` on (at most 60 hours). */
export function loadTaken(
  tx: LedgerSql,
  identityIds: readonly string[],
  dimensions: readonly string[],
  since: Date,
): Promise<TakenRow[]> {
  return tx.query<TakenRow>(
    `SELECT i.id AS identity_id, d.name AS dimension, taken.mode, taken.hours
     FROM unnest($1::uuid[]) AS i (id) CROSS JOIN unnest($2::text[]) AS d (name)
     CROSS JOIN LATERAL (
       SELECT mode, bit_or(1::bigint << least(60, extract(epoch FROM hour - $3::timestamptz)::integer / 3600)) AS hours
         FROM marketplace.metering_record
       WHERE identity_id = i.id AND dimension = d.name AND hour >= $3 AND kind = 'hour'
         AND disposition IS DISTINCT FROM 'annulled'
       GROUP BY mode
     ) AS taken`,
    [identityIds, dimensions, since.toISOString()],
  );
}

/** Hours of periods whose record of zero units was annulled. */
export function loadAnnulledZeros(
  tx: LedgerSql,
  sellerAccount: string,
  periodIds: readonly string[],
  dimensions: readonly string[],
  since: Date,
): Promise<{ period_id: string; dimension: string; hour: Date }[]> {
  return tx.query(
    `SELECT p.id AS period_id, d.name AS dimension, r.hour
     FROM unnest($2::uuid[]) AS p (id) CROSS JOIN unnest($3::text[]) AS d (name)
     CROSS JOIN LATERAL (
       SELECT hour FROM marketplace.metering_record
       WHERE seller_account = $1 AND period_id = p.id AND dimension = d.name AND hour >= $4
         AND disposition = 'annulled' AND event_count = 0 AND kind = 'hour' OFFSET 0
     ) AS r`,
    [sellerAccount, periodIds, dimensions, since.toISOString()],
  );
}

/** Periods with records that are on their way, and may yet give units back. */
export async function findUnfinished(
  tx: LedgerSql,
  sellerAccount: string,
  periodIds: readonly string[],
): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `SELECT p.id FROM unnest($2::uuid[]) AS p (id) WHERE EXISTS (
       SELECT 1 FROM marketplace.metering_record r
       WHERE r.seller_account = $1 AND r.period_id = p.id AND r.state IN ('pending', 'sending', 'blocked') OFFSET 0)`,
    [sellerAccount, periodIds],
  );
  return new Set(rows.map((row) => row.id));
}

export interface MovableRow {
  id: string;
  customer_id: string;
  kind: 'hour' | 'closing' | 'setApart';
  state: 'pending' | 'sending' | 'metered' | 'blocked' | 'unknown' | 'closed';
  period_id: string | null;
  identity_id: string | null;
  hour: Date | null;
  dimension: string;
  quantity: string;
  due_at: Date;
  cutoff_at: Date;
  /** Evidence other than refusals: AWS may have billed it. */
  may_be_billed: boolean;
  has_conflict: boolean;
  is_noted: boolean;
  rollups: { subject: number; hour: number; firstAt: string; lastAt: string; isCorrection: boolean }[];
}

/**
 * Standing records of these customers that a moved timeline may annul; and those that AWS has billed, or may have,
 * whose usage it may name elsewhere: only hours of the last weeks, and only until that was noted.
 */
export function loadMovable(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
  { since, notedSince }: { since: Date; notedSince: Date },
): Promise<MovableRow[]> {
  return tx.query<MovableRow>(
    `SELECT r.id, r.customer_id, r.kind, r.state, r.period_id, r.identity_id, r.hour, r.dimension, r.quantity,
      r.due_at, r.cutoff_at,
            r.notes ? 'movedSince' AS is_noted,
            coalesce(e.may_be_billed, false) AS may_be_billed, coalesce(e.has_conflict, false) AS has_conflict,
              coalesce(u.rollups, '[]') AS rollups
     FROM unnest($2::uuid[]) AS c (id)
     CROSS JOIN LATERAL (
       SELECT * FROM marketplace.metering_record m
       WHERE m.seller_account = $1 AND m.customer_id = c.id
         AND (m.state IN ('pending', 'sending', 'blocked', 'unknown')
           OR (m.state = 'metered' AND m.hour >= $4 AND m.event_count > 0 AND NOT m.notes ? 'movedSince')
           OR (m.state = 'closed' AND m.disposition = 'held' AND (m.kind <> 'hour' OR m.hour >= $3) AND m.reason
             NOT IN ('keyConflict', 'duplicateKey')))
       OFFSET 0
     ) AS r
     LEFT JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_object('subject', subject, 'hour', hour, 'firstAt', first_at, 'lastAt', last_at,
         'isCorrection', is_correction)) AS rollups
       FROM marketplace.rollup WHERE record_id = r.id OFFSET 0
     ) AS u ON true
     LEFT JOIN LATERAL (
       SELECT bool_or(evidence <> 'refused') AS may_be_billed, bool_or(evidence = 'conflict') AS has_conflict
         FROM marketplace.attempt_record
       WHERE seller_account = $1 AND record_id = r.id OFFSET 0
     ) AS e ON true
     ORDER BY r.id`,
    [sellerAccount, customerIds, since.toISOString(), notedSince.toISOString()],
  );
}

/** Names of all dimensions that were ever listed for the products. */
export async function loadDimensions(
  tx: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<string[]> {
  const rows = await tx.query<{ name: string }>(
    `SELECT DISTINCT name FROM marketplace.dimension WHERE seller_account = $1 AND product_code = ANY ($2::text[])`,
    [sellerAccount, productCodes],
  );
  return rows.map(({ name }) => name);
}
