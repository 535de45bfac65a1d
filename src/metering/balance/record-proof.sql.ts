import { type LedgerSql } from '../../database/ledger-database.js';
import { type RecordFooting } from './record-proof.js';

/**
 * What records follow from, in one statement and so in one snapshot: sealing writes a record, the names in its rollups
 * and its balance in one transaction, and an annulment takes all three back in one, so a reader sees all of it or
 * nothing. No lock: a reader that waits for a writer would compare rows of two moments.
 *
 * Each row is looked up by its index (LATERAL … OFFSET 0), whatever the planner thinks of the tables' size; the records
 * of a period are read once for each of its dimensions, from the index alone.
 *
 * A carry is checked where it can be: as long as no record of the period was annulled or settled at another quantity,
 * and its agreement is one row, each record begins at 0 or where another one ended. In which order they were sealed is
 * not asked, for ids are of several clocks.
 */
const FOOTINGS = `
  WITH claimed AS MATERIALIZED (
    SELECT r.* FROM unnest($2::uuid[]) AS given (id) CROSS JOIN LATERAL (
      SELECT m.id, m.period_id, m.product_code, m.dimension, m.quantity, m.event_sum, m.event_count, m.carry_in,
        m.allocations, m.included, m.included_total, m.included_by, m.sealed_at
      FROM marketplace.metering_record m WHERE m.seller_account = $1 AND m.id = given.id OFFSET 0
    ) AS r
  ), books AS MATERIALIZED (
    SELECT book.period_id, book.dimension, b.event_sum AS balance_event_sum, b.included AS balance_included,
      b.quantity AS balance_quantity, standing.*, standing.is_chain AND a.alias_of IS NULL AND NOT EXISTS (
        SELECT FROM marketplace.agreement other WHERE other.seller_account = $1 AND other.alias_of = a.id) AS is_checked
    FROM (SELECT DISTINCT period_id, dimension FROM claimed) AS book
    JOIN marketplace.period p ON p.seller_account = $1 AND p.id = book.period_id
    JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = p.agreement_id
    LEFT JOIN LATERAL (
      SELECT event_sum, included, quantity FROM marketplace.balance
      WHERE seller_account = $1 AND period_id = book.period_id AND dimension = book.dimension OFFSET 0
    ) AS b ON true
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(m.event_sum) FILTER (WHERE m.is_standing), 0) AS standing_event_sum,
        coalesce(sum(m.included) FILTER (WHERE m.is_standing), 0) AS standing_included,
        coalesce(sum(coalesce(m.settled_quantity, m.quantity) * m.block) FILTER (WHERE m.is_standing), 0) AS standing_quantity,
        array_agg(DISTINCT m.carry_out) FILTER (WHERE m.carry_out <> 0) AS carries,
        bool_and(m.is_standing AND m.settled_quantity IS NULL) AS is_chain
      FROM (
        SELECT event_sum, included, quantity, block, settled_quantity, carry_out,
          disposition IS DISTINCT FROM 'annulled' AS is_standing
        FROM marketplace.metering_record
        WHERE seller_account = $1 AND period_id = book.period_id AND dimension = book.dimension OFFSET 0
      ) AS m
    ) AS standing
  )
  SELECT c.id, trim_scale(c.quantity)::text AS quantity, trim_scale(c.event_sum)::text AS event_sum,
    c.event_count::text AS event_count, trim_scale(c.carry_in)::text AS carry_in,
    trim_scale(inside.sum)::text AS rollup_sum, inside.count::text AS rollup_count,
    inside.strangers::int AS strangers, inside.unproven::int AS unproven,
    CASE WHEN jsonb_typeof(c.allocations) = 'array' THEN (
      SELECT trim_scale(coalesce(sum((part ->> 'AllocatedUsageQuantity')::numeric), 0))::text
      FROM jsonb_array_elements(c.allocations) AS part) END AS allocated,
    trim_scale(books.balance_event_sum)::text AS balance_event_sum,
    trim_scale(books.balance_included)::text AS balance_included,
    trim_scale(books.balance_quantity)::text AS balance_quantity,
    trim_scale(books.standing_event_sum)::text AS standing_event_sum,
    trim_scale(books.standing_included)::text AS standing_included,
    trim_scale(books.standing_quantity)::text AS standing_quantity,
    trim_scale(c.included)::text AS included, trim_scale(c.included_total)::text AS included_total,
    c.included_by, said.quantity AS said_quantity, uncounted.is_found AS is_uncounted,
    trim_scale(counted.sum)::text AS counted_sum, trim_scale(counting.sum)::text AS counting_sum,
    NOT books.is_checked OR c.carry_in = 0 OR coalesce(c.carry_in = ANY (books.carries), false) AS continues
  FROM claimed c
  JOIN books ON books.period_id = c.period_id AND books.dimension = c.dimension
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.event_sum), 0) AS sum, coalesce(sum(u.event_count), 0) AS count,
      count(*) FILTER (WHERE u.is_split OR d.product_code <> c.product_code OR d.seller_account <> $1
        OR (d.name <> c.dimension AND NOT coalesce(c.included_by -> 'covers' ? d.name, false))) AS strangers, count(x.rollup_id) AS unproven
    FROM (SELECT * FROM marketplace.rollup WHERE record_id = c.id OFFSET 0) AS u
    CROSS JOIN LATERAL (SELECT * FROM marketplace.dimension WHERE id = u.dimension OFFSET 0) AS d
    LEFT JOIN marketplace.unproven_rollup x ON x.rollup_id = u.id
  ) AS inside
  -- The answer of AWS that it names, as it was kept.
  LEFT JOIN LATERAL (
    SELECT trim_scale(coalesce(sum(CASE jsonb_typeof(held -> 'value')
      WHEN 'number' THEN least(1e18, greatest(0, round((held ->> 'value')::numeric, 12)))
      WHEN 'boolean' THEN (held ->> 'value')::boolean::int END), 0))::text AS quantity
    FROM marketplace.period p
    JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = p.agreement_id
    JOIN marketplace.agreement same ON same.seller_account = $1 AND coalesce(a.alias_of, a.id) IN (same.id, same.alias_of)
    JOIN marketplace.entitlement_change e ON e.seller_account = $1 AND e.agreement_id = same.id
      AND e.fetched_at = (c.included_by -> 'said' ->> 'fetchedAt')::timestamptz
    LEFT JOIN LATERAL jsonb_array_elements(e.entitlements) AS held
      ON held ->> 'dimension' = c.included_by ->> 'contractDimension'
        OR coalesce(c.included_by -> 'said' -> 'formerly' ? (held ->> 'dimension'), false)
    -- Here, not where it is joined: few records include anything, and the others read nothing for it.
    WHERE jsonb_typeof(c.included_by -> 'said') = 'object' AND p.seller_account = $1 AND p.id = c.period_id
    GROUP BY e.agreement_id, e.fetched_at, e.id ORDER BY e.id DESC LIMIT 1
  ) AS said ON true
  -- A record that includes nothing where those before it counted against included units, and the options in force as it
  -- was sealed still said so.
  CROSS JOIN LATERAL (
    SELECT c.included_by IS NULL AND c.event_count > 0 AND EXISTS (
      SELECT FROM marketplace.included_usage k WHERE k.seller_account = $1 AND k.period_id = c.period_id
        AND k.dimension = c.dimension)
      AND EXISTS (SELECT FROM marketplace.metering_record m WHERE m.seller_account = $1
        AND m.period_id = c.period_id AND m.dimension = c.dimension AND m.included_by IS NOT NULL
        AND m.sealed_at < c.sealed_at)
      AND coalesce((
        SELECT EXISTS (
          SELECT FROM jsonb_array_elements((g.settings ->> 'products[].includedUnits')::jsonb) AS units
          WHERE coalesce(units ->> 'excessDimension' = c.dimension, units -> 'covers' ? c.dimension))
        FROM marketplace.product_settings g
        WHERE g.seller_account = $1 AND g.product_code = c.product_code AND g.in_force_from <= c.sealed_at
        ORDER BY g.generation DESC LIMIT 1), true) AS is_found
  ) AS uncounted
  -- What counts against included units is the usage of the standing records that count it.
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(k.used), 0) AS sum FROM marketplace.included_usage k
    WHERE c.included_by IS NOT NULL AND k.seller_account = $1 AND k.period_id = c.period_id
      AND k.dimension = c.dimension
  ) AS counted
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.event_sum), 0) AS sum FROM marketplace.metering_record m
    WHERE c.included_by IS NOT NULL AND m.seller_account = $1 AND m.period_id = c.period_id
      AND m.dimension = c.dimension AND m.included_by IS NOT NULL AND m.disposition IS DISTINCT FROM 'annulled'
  ) AS counting`;

/** @param ids of records of hours */
export function readFootings(tx: LedgerSql, sellerAccount: string, ids: readonly string[]): Promise<RecordFooting[]> {
  return tx.query<RecordFooting>(FOOTINGS, [sellerAccount, ids]);
}
