import { type LedgerSql } from '../../database/ledger-database.js';

export interface BalanceRow {
  customer_id: string;
  product_code: string;
  dimension: string;
  unsealed: string;
  waiting: Record<string, string>;
  waiting_sum: string;
  set_apart: string;
  in_records: string;
  included: string;
  carry: string;
  by_state: Record<string, string>;
  /** Of the newest record that counts against included units. */
  term: { from: string | null; units: string; used: string; contractDimension: string } | null;
  conserved: boolean;
  proven_at: Date | null;
}

/**
 * Invariant I1 for some customers, in one statement and so in one snapshot. Events are counted where they are:
 * unsealed, or in a rollup (that a rollup is the sum of its events is the deep proof). What is compared:
 *
 * - per subject: rollups in records that set usage apart = what those records say;
 * - per record of a period: its rollups = what it says;
 * - per rollup: the deep proof has found none that differs from its events;
 * - per period: usage that counts against included units = that of the standing records that count it;
 * - per period: its balance = the sum over its standing records, so that Σ rollups = included + what was billed, waits
 *   or is held + carry.
 *
 * Subjects and periods of a customer are found by who owns them now. Full joins, so that a row which stands in one
 * table alone is seen and found wanting.
 */
const BALANCES = `
  WITH own AS MATERIALIZED (
    SELECT c.id, c.product_code FROM marketplace.customer c WHERE c.seller_account = $1 AND c.id = ANY ($2::uuid[])
  ), subject AS MATERIALIZED (
    SELECT s.id, s.customer_id FROM own JOIN marketplace.subject s ON s.seller_account = $1 AND s.customer_id = own.id
  ), unsealed AS (
    SELECT s.customer_id, coalesce(d.billed_as, d.name) AS dimension, sum(u.quantity) AS quantity
    FROM subject s JOIN marketplace.unsealed_usage u ON u.subject = s.id
    JOIN marketplace.dimension d ON d.id = u.dimension GROUP BY 1, 2
  ), rollups AS MATERIALIZED (
    SELECT s.customer_id, coalesce(m.dimension, d.billed_as, d.name) AS dimension, CASE WHEN u.record_id IS NULL THEN 'waiting' WHEN m.kind = 'setApart'
      THEN 'setApart' ELSE 'record' END AS place,
           coalesce(u.waiting_reason, 'unplanned') AS reason, sum(u.event_sum) AS quantity
    FROM subject s JOIN marketplace.rollup u ON u.subject = s.id AND NOT u.is_split
    JOIN marketplace.dimension d ON d.id = u.dimension
    LEFT JOIN marketplace.metering_record m ON m.seller_account = $1 AND m.id = u.record_id
    GROUP BY 1, 2, 3, 4
  ), subject_side AS (
    SELECT customer_id, dimension, sum(unsealed) AS unsealed, sum(waiting) AS waiting_sum, sum(set_apart) AS
      set_apart, sum(in_records) AS in_records
    FROM (
      SELECT customer_id, dimension, quantity AS unsealed, 0 AS waiting, 0 AS set_apart, 0 AS in_records FROM unsealed
      UNION ALL
      SELECT customer_id, dimension, 0, CASE place WHEN 'waiting' THEN quantity ELSE 0 END, CASE place WHEN 'setApart'
        THEN quantity ELSE 0 END,
             CASE place WHEN 'record' THEN quantity ELSE 0 END FROM rollups
    ) AS part GROUP BY 1, 2
  ), reasons AS (
    SELECT customer_id, dimension, jsonb_object_agg(reason, quantity::text) AS waiting FROM (
      SELECT customer_id, dimension, reason, sum(quantity) AS quantity
      FROM rollups WHERE place = 'waiting' GROUP BY 1, 2, 3
    ) AS reason GROUP BY 1, 2
  ), apart AS (
    SELECT s.customer_id, m.dimension, sum(m.event_sum) AS said, bool_and(m.quantity = m.event_sum) AS is_level
    FROM subject s JOIN marketplace.metering_record m ON m.seller_account = $1 AND m.subject = s.id
      AND m.kind = 'setApart'
      AND m.disposition IS DISTINCT FROM 'annulled' GROUP BY 1, 2
  ), period AS MATERIALIZED (
    SELECT own.id AS customer_id, p.id
    FROM own JOIN marketplace.subscription s ON s.seller_account = $1 AND s.customer_id = own.id
    JOIN marketplace.agreement a ON a.seller_account = $1 AND a.subscription_id = s.id
    JOIN marketplace.period p ON p.seller_account = $1 AND p.agreement_id = a.id
  ), records AS MATERIALIZED (
    SELECT p.customer_id, p.id AS period_id, m.dimension, CASE m.state WHEN 'closed' THEN m.disposition
      ELSE m.state END AS state,
           coalesce(m.settled_quantity, m.quantity) * m.block AS quantity, m.included, m.event_sum, m.event_count,
           CASE WHEN m.included_by IS NOT NULL THEN m.event_sum ELSE 0 END AS counting,
           inside.event_sum AS rollup_sum, inside.event_count AS rollup_count
    FROM period p JOIN marketplace.metering_record m ON m.seller_account = $1 AND m.period_id = p.id
      AND m.disposition IS DISTINCT FROM 'annulled'
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(u.event_sum), 0) AS event_sum, coalesce(sum(u.event_count), 0) AS event_count
        FROM marketplace.rollup u WHERE u.record_id = m.id
    ) AS inside
  ), sums AS (
    SELECT customer_id, period_id, dimension, sum(event_sum) AS event_sum, sum(included) AS included, sum(quantity) AS
      quantity,
           sum(counting) AS counting, bool_and(event_sum = rollup_sum AND event_count = rollup_count) AS is_sum_of_rollups
    FROM records GROUP BY 1, 2, 3
  ), kept AS (
    SELECT p.customer_id, b.period_id, b.dimension, b.event_sum, b.included, b.quantity, b.carry
    FROM period p JOIN marketplace.balance b ON b.seller_account = $1 AND b.period_id = p.id
  ), counted AS (
    SELECT p.customer_id, k.period_id, k.dimension, sum(k.used) AS used
    FROM period p
    CROSS JOIN LATERAL (
      SELECT period_id, dimension, used FROM marketplace.included_usage
      WHERE seller_account = $1 AND period_id = p.id OFFSET 0
    ) AS k GROUP BY 1, 2, 3
  ), period_side AS (
    SELECT customer_id, dimension, coalesce(sum(kept.included), 0) AS included, coalesce(sum(kept.carry), 0) AS carry,
           bool_and(coalesce(is_sum_of_rollups, true) AND coalesce(kept.event_sum, 0) = coalesce(sums.event_sum, 0)
             AND coalesce(kept.included, 0) = coalesce(sums.included, 0)
               AND coalesce(kept.quantity, 0) = coalesce(sums.quantity, 0)
               AND coalesce(counted.used, 0) = coalesce(sums.counting, 0)) AS is_level,
           bool_or(counted.used IS NOT NULL) AS is_counted
    FROM kept FULL JOIN sums USING (customer_id, period_id, dimension)
    FULL JOIN counted USING (customer_id, period_id, dimension) GROUP BY 1, 2
  ), unproven AS (
    SELECT DISTINCT s.customer_id, coalesce(m.dimension, d.billed_as, d.name) AS dimension, true AS is_unproven
    FROM marketplace.unproven_rollup x
    JOIN marketplace.rollup u ON u.id = x.rollup_id JOIN subject s ON s.id = u.subject
    JOIN marketplace.dimension d ON d.id = u.dimension
    LEFT JOIN marketplace.metering_record m ON m.seller_account = $1 AND m.id = u.record_id WHERE x.seller_account = $1
  ), states AS (
    SELECT customer_id, dimension, jsonb_object_agg(state, quantity::text) AS by_state FROM (
      SELECT customer_id, dimension, state, sum(quantity) AS quantity FROM records GROUP BY 1, 2, 3
    ) AS state GROUP BY 1, 2
  )
  SELECT customer_id, own.product_code, dimension, coalesce(unsealed, 0) AS unsealed, coalesce(reasons.waiting, '{}')
    AS waiting,
         coalesce(waiting_sum, 0) AS waiting_sum, coalesce(set_apart, 0) AS set_apart, coalesce(in_records, 0) AS
           in_records,
         coalesce(included, 0) AS included, coalesce(carry, 0) AS carry, coalesce(by_state, '{}') AS by_state,
         CASE WHEN is_counted THEN (
           SELECT jsonb_build_object('contractDimension', m.included_by -> 'contractDimension',
             'from', m.included_by -> 'terms' -> -1 -> 'from',
             'units', m.included_by -> 'terms' -> -1 -> 'stretches' -> -1 -> 'units',
             'used', (SELECT sum((stretch ->> 'used')::numeric)::text
               FROM jsonb_array_elements(m.included_by -> 'terms' -> -1 -> 'stretches') AS stretch))
           FROM marketplace.metering_record m
           WHERE m.seller_account = $1 AND m.customer_id = own.id AND m.dimension = period_side.dimension
             AND m.included_by IS NOT NULL AND m.disposition IS DISTINCT FROM 'annulled'
           ORDER BY m.id DESC LIMIT 1) END AS term,
         coalesce(period_side.is_level, true) AND coalesce(apart.is_level, true)
           AND coalesce(set_apart, 0) = coalesce(apart.said, 0) AND is_unproven IS NULL AS conserved,
         CASE WHEN is_unproven IS NULL THEN (SELECT proven_at FROM marketplace.proof_cursor
           WHERE seller_account = $1) END AS proven_at
  FROM subject_side FULL JOIN period_side USING (customer_id, dimension) FULL JOIN apart USING (customer_id, dimension)
  LEFT JOIN reasons USING (customer_id, dimension) LEFT JOIN states USING (customer_id, dimension)
  LEFT JOIN unproven USING (customer_id, dimension)
  JOIN own ON own.id = customer_id
  ORDER BY customer_id, dimension`;

export function readBalances(
  on: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<BalanceRow[]> {
  return on.query<BalanceRow>(BALANCES, [sellerAccount, customerIds]);
}

/** Ids of the customers that one tenant is: one per product. */
export async function selectCustomersOfTenant(
  on: LedgerSql,
  sellerAccount: string,
  tenantId: string,
  productCode: string | null,
): Promise<string[]> {
  const rows = await on.query<{ id: string }>(
    `SELECT c.id FROM marketplace.product p
     JOIN marketplace.customer c ON c.seller_account = p.seller_account AND c.product_code = p.product_code
       AND c.tenant_id = $2
     WHERE p.seller_account = $1 AND ($3::text IS NULL OR p.product_code = $3) ORDER BY c.id`,
    [sellerAccount, tenantId, productCode],
  );
  return rows.map(({ id }) => id);
}

/** Ids of customers in order, from one on. */
export async function listCustomers(
  on: LedgerSql,
  sellerAccount: string,
  { from, productCode, limit }: { from: string | null; productCode: string | null; limit: number },
): Promise<string[]> {
  const rows = await on.query<{ id: string }>(
    `SELECT id FROM marketplace.customer
     WHERE seller_account = $1 AND ($2::uuid IS NULL OR id >= $2) AND ($3::text IS NULL OR product_code = $3)
     ORDER BY id LIMIT $4`,
    [sellerAccount, from, productCode, limit],
  );
  return rows.map(({ id }) => id);
}

export interface PeriodBalanceRow {
  period_id: string;
  agreement_id: string;
  subscription_id: string;
  price: 'trial' | 'paid';
  mode: 'live' | 'dry-run' | 'off';
  dimension: string;
  event_sum: string;
  included: string;
  quantity: string;
  carry: string;
  closed_at: Date | null;
}

export function readPeriods(on: LedgerSql, sellerAccount: string, customerId: string): Promise<PeriodBalanceRow[]> {
  return on.query<PeriodBalanceRow>(
    `SELECT p.id AS period_id, p.agreement_id, s.id AS subscription_id, p.price, p.mode, b.dimension, b.event_sum,
      b.included, b.quantity, b.carry, p.closed_at
     FROM marketplace.subscription s
     JOIN marketplace.agreement a ON a.seller_account = s.seller_account AND a.subscription_id = s.id
     JOIN marketplace.period p ON p.seller_account = a.seller_account AND p.agreement_id = a.id
     JOIN marketplace.balance b ON b.seller_account = p.seller_account AND b.period_id = p.id
     WHERE s.seller_account = $1 AND s.customer_id = $2
     ORDER BY p.created_at, p.id, b.dimension`,
    [sellerAccount, customerId],
  );
}

export interface UnprovenRow {
  rollup_id: string;
  event_sum: string;
  found_sum: string | null;
}

/** Rollups of a seller, in the order of their ids, that are not what their events are. Costs one look-up per event. */
export async function compareRollups(
  on: LedgerSql,
  sellerAccount: string,
  { after, upTo, hour, limit }: { after: string; upTo: string | null; hour: number | null; limit: number },
): Promise<{ last: string | null; wrong: UnprovenRow[] }> {
  const [row] = await on.query<{ last: string | null; wrong: UnprovenRow[] }>(
    `WITH piece AS MATERIALIZED (
       SELECT u.id, u.event_sum, u.event_count, u.first_at, u.last_at, u.subject, u.dimension, u.hour
         FROM marketplace.rollup u
       JOIN marketplace.dimension d ON d.id = u.dimension AND d.seller_account = $1
       WHERE u.id > $2::bigint AND ($5::bigint IS NULL OR u.id <= $5) AND NOT u.is_split AND ($3::integer IS NULL OR u.hour = $3)
       ORDER BY u.id LIMIT $4
     )
     SELECT max(id)::text AS last, coalesce(jsonb_agg(jsonb_build_object('rollup_id', id::text, 'event_sum',
       event_sum::text, 'found_sum', found_sum::text))
              FILTER (WHERE (event_sum, event_count, first_at, last_at) IS DISTINCT FROM (found_sum,
                found_count::integer, found_first, found_last)), '[]') AS wrong
     FROM piece
     LEFT JOIN LATERAL (
       SELECT sum(e.quantity) AS found_sum, count(*) AS found_count, min(e.occurred_at) AS found_first,
         max(e.occurred_at) AS found_last
       FROM marketplace.rollup_event listed CROSS JOIN LATERAL unnest(listed.ids) AS item (id)
       JOIN marketplace.usage_event e ON e.id = item.id AND e.subject = piece.subject AND e.dimension = piece.dimension
       WHERE listed.rollup_id = piece.id
     ) AS found ON true`,
    [sellerAccount, after, hour, limit, upTo],
  );
  return row ?? { last: null, wrong: [] };
}
