import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { formatDecimal, scaled } from '../../runtime/decimal.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';

/** Where every recorded unit of one subscription and dimension stands. Decimals as strings. */
export interface BalanceView {
  subscriptionId: string;
  dimension: string;
  /** Sum of all usage events. */
  recorded: string;
  /** Sum of events that no record bills yet. */
  unassigned: string;
  /** Assigned to records, but not (or no longer) part of a record's whole units: goes with a later hour. */
  carry: string;
  /** Units by what became of them: metered, pending, sending, blocked, unknown, held, void, owed, transferred. */
  byState: Record<string, string>;
  /** recorded = unassigned + carry + Σ byState, and the carry agrees with the records themselves. */
  conserved: boolean;
}

/** The same over everything that a filter matches. */
export interface BalanceTotal extends Pick<BalanceView, 'recorded' | 'unassigned' | 'carry' | 'byState' | 'conserved'> {
  /** Rows, one per subscription and dimension. */
  grains: number;
  /** Rows among them that are not conserved. */
  broken: number;
}

export interface BalanceFilter {
  subscriptionId?: string | undefined;
  dimension?: string | undefined;
  /** Only rows that are (not) conserved. To find them every row is computed, whatever the limit. */
  conserved?: boolean | undefined;
  /** Keyset: rows after this subscription and dimension. */
  after?: { subscriptionId: string; dimension: string } | undefined;
  limit?: number;
}

interface BalanceRow {
  subscription_id: string;
  dimension: string;
  recorded: string;
  unassigned: string;
  carry: string;
  by_state: Record<string, string>;
  conserved: boolean;
}

type TotalRow = Omit<BalanceRow, 'subscription_id' | 'dimension' | 'conserved'> & { grains: string; broken: string };

const MATCHES = `seller_account = $1 AND ($2::uuid IS NULL OR subscription_id = $2) AND ($3::text IS NULL OR dimension = $3)
      AND ($4::uuid IS NULL OR (subscription_id, dimension) > ($4, $5::text))`;
const IN_REACH = `${MATCHES} AND ($6::uuid IS NULL OR subscription_id <= $6)`;

/**
 * Invariant I1 in one statement, so that all of it is one snapshot. The carry kept by the balance table is compared with the one that follows from
 * the records: two roads to the same number. Full joins, so that a row that stands in one table alone is seen and found wanting.
 */
const GRAINS = `
  WITH events AS (
    SELECT subscription_id, dimension, sum(quantity) AS recorded, coalesce(sum(quantity) FILTER (WHERE record_id IS NULL), 0) AS unassigned
    FROM marketplace.usage_event
    WHERE ${IN_REACH}
    GROUP BY subscription_id, dimension
  ), states AS (
    SELECT subscription_id, dimension, CASE state WHEN 'closed' THEN disposition ELSE state END AS state,
           sum(quantity) AS quantity, sum(event_sum) AS event_sum
    FROM marketplace.metering_record
    WHERE ${IN_REACH}
    GROUP BY 1, 2, 3
  ), records AS (
    SELECT subscription_id, dimension, sum(event_sum) AS event_sum, coalesce(sum(quantity) FILTER (WHERE state <> 'carried'), 0) AS settled,
           coalesce(jsonb_object_agg(state, quantity::text) FILTER (WHERE state <> 'carried'), '{}') AS by_state
    FROM states
    GROUP BY subscription_id, dimension
  ), kept AS (
    SELECT subscription_id, dimension, carry FROM marketplace.balance WHERE ${IN_REACH}
  ), joined AS (
    SELECT subscription_id, dimension, coalesce(recorded, 0) AS recorded, coalesce(unassigned, 0) AS unassigned, coalesce(carry, 0) AS carry,
           coalesce(settled, 0) AS settled, coalesce(event_sum, 0) AS event_sum, coalesce(by_state, '{}') AS by_state
    FROM events FULL JOIN records USING (subscription_id, dimension) FULL JOIN kept USING (subscription_id, dimension)
  ), grains AS (
    SELECT *, recorded = unassigned + carry + settled AND carry = event_sum - settled AS conserved FROM joined
  )`;

const PAGE = `${GRAINS}
  SELECT subscription_id, dimension, recorded, unassigned, carry, by_state, conserved FROM grains
  WHERE $7::boolean IS NULL OR conserved = $7
  ORDER BY subscription_id, dimension
  LIMIT $8`;

const TOTAL = `${GRAINS}
  SELECT count(*) AS grains, count(*) FILTER (WHERE NOT conserved) AS broken, coalesce(sum(recorded), 0) AS recorded,
         coalesce(sum(unassigned), 0) AS unassigned, coalesce(sum(carry), 0) AS carry,
         (SELECT coalesce(jsonb_object_agg(state, quantity::text), '{}') FROM (
           SELECT state, sum(quantity) AS quantity FROM states WHERE state <> 'carried' GROUP BY state
         ) AS by_state) AS by_state
  FROM grains
  WHERE $7::boolean IS NULL OR conserved = $7`;

/**
 * How far a page reaches, so that it costs what its own subscriptions hold and not what the ledger holds. The keys asked here may be fewer than
 * there are: that makes the reach longer, never the page wrong.
 */
const REACH = `
  SELECT subscription_id FROM (
    (SELECT subscription_id, dimension FROM marketplace.balance WHERE ${MATCHES} ORDER BY subscription_id, dimension LIMIT $6)
    UNION
    (SELECT DISTINCT subscription_id, dimension FROM marketplace.usage_event WHERE ${MATCHES} AND record_id IS NULL
      ORDER BY subscription_id, dimension LIMIT $6)
  ) AS keys
  ORDER BY subscription_id, dimension OFFSET $6 - 1 LIMIT 1`;

@Injectable()
export class LedgerBalance {
  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /**
   * One row per subscription and dimension, ordered by both.
   * @param on where to read; a transaction of its own snapshot makes a page and its total agree.
   */
  async read(filter: BalanceFilter = {}, on: SqlExecutor = this.database): Promise<BalanceView[]> {
    const { limit, conserved } = filter;
    const matches = this.matches(filter);
    const [end] =
      limit === undefined || conserved !== undefined ? [] : await on.query<{ subscription_id: string }>(REACH, [...matches, limit]);
    const rows = await on.query<BalanceRow>(PAGE, [...matches, end?.subscription_id ?? null, conserved ?? null, limit ?? null]);
    return rows.map((row) => ({
      subscriptionId: row.subscription_id,
      dimension: row.dimension,
      ...amountsOf(row),
      conserved: row.conserved,
    }));
  }

  /** Everything that the filter matches; `limit` has no part in it. Costs a pass over the events of all of it. */
  async total(filter: Omit<BalanceFilter, 'limit'> = {}, on: SqlExecutor = this.database): Promise<BalanceTotal> {
    const [row] = await on.query<TotalRow>(TOTAL, [...this.matches(filter), null, filter.conserved ?? null]);
    if (!row) throw new Error('an aggregate without GROUP BY gave no row');
    const broken = Number(row.broken);
    return { ...amountsOf(row), grains: Number(row.grains), broken, conserved: broken === 0 };
  }

  private matches({ subscriptionId, dimension, after }: BalanceFilter): unknown[] {
    return [this.options.sellerAccount, subscriptionId ?? null, dimension ?? null, after?.subscriptionId ?? null, after?.dimension ?? null];
  }
}

function amountsOf(row: Pick<BalanceRow, 'recorded' | 'unassigned' | 'carry' | 'by_state'>) {
  const text = (value: string): string => formatDecimal(scaled(value));
  return {
    recorded: text(row.recorded),
    unassigned: text(row.unassigned),
    carry: text(row.carry),
    byState: Object.fromEntries(Object.entries(row.by_state).map(([state, quantity]) => [state, text(quantity)])),
  };
}
