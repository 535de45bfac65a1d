import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { formatDecimal, scaled } from '../runtime/decimal.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';

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

export interface BalanceFilter {
  subscriptionId?: string;
  dimension?: string;
  /** Keyset: rows after this subscription and dimension. */
  after?: { subscriptionId: string; dimension: string };
  limit?: number;
}

interface BalanceRow {
  subscription_id: string;
  dimension: string;
  recorded: string;
  unassigned: string;
  carry: string;
  carry_of_records: string;
  by_state: Record<string, string>;
}

/**
 * Invariant I1 in one statement, so that all of it is one snapshot. The carry kept by the balance table is compared with the one that follows from
 * the records: two roads to the same number.
 */
const BALANCE = `
  WITH events AS (
    SELECT subscription_id, dimension, sum(quantity) AS recorded, coalesce(sum(quantity) FILTER (WHERE record_id IS NULL), 0) AS unassigned
    FROM marketplace.usage_event
    WHERE seller_account = $1 AND ($2::uuid IS NULL OR subscription_id = $2) AND ($3::text IS NULL OR dimension = $3)
    GROUP BY subscription_id, dimension
  ), states AS (
    SELECT subscription_id, dimension, CASE state WHEN 'closed' THEN disposition ELSE state END AS state,
           sum(quantity) AS quantity, sum(event_sum) AS event_sum
    FROM marketplace.metering_record
    WHERE seller_account = $1 AND ($2::uuid IS NULL OR subscription_id = $2) AND ($3::text IS NULL OR dimension = $3)
    GROUP BY 1, 2, 3
  ), records AS (
    SELECT subscription_id, dimension, sum(event_sum) - coalesce(sum(quantity) FILTER (WHERE state <> 'carried'), 0) AS carry,
           coalesce(jsonb_object_agg(state, quantity::text) FILTER (WHERE state <> 'carried'), '{}') AS by_state
    FROM states
    GROUP BY subscription_id, dimension
  )
  SELECT subscription_id, dimension, coalesce(recorded, 0) AS recorded, coalesce(unassigned, 0) AS unassigned,
         coalesce(b.carry, 0) AS carry, coalesce(records.carry, 0) AS carry_of_records, coalesce(by_state, '{}') AS by_state
  FROM events FULL JOIN records USING (subscription_id, dimension)
  LEFT JOIN marketplace.balance b USING (subscription_id, dimension)
  WHERE (b.seller_account IS NULL OR b.seller_account = $1)
    AND ($4::uuid IS NULL OR (subscription_id, dimension) > ($4, $5::text))
  ORDER BY subscription_id, dimension
  LIMIT $6`;

@Injectable()
export class LedgerBalance {
  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** One row per subscription and dimension, ordered by both. */
  async read(filter: BalanceFilter = {}): Promise<BalanceView[]> {
    const rows = await this.database.query<BalanceRow>(BALANCE, [
      this.options.sellerAccount,
      filter.subscriptionId ?? null,
      filter.dimension ?? null,
      filter.after?.subscriptionId ?? null,
      filter.after?.dimension ?? null,
      filter.limit ?? null,
    ]);
    return rows.map(viewOf);
  }
}

function viewOf(row: BalanceRow): BalanceView {
  const text = (value: string): string => formatDecimal(scaled(value));
  const states = Object.entries(row.by_state);
  const settled = states.reduce((sum, [, quantity]) => sum + scaled(quantity), 0n);
  const accounted = scaled(row.unassigned) + scaled(row.carry) + settled;
  return {
    subscriptionId: row.subscription_id,
    dimension: row.dimension,
    recorded: text(row.recorded),
    unassigned: text(row.unassigned),
    carry: text(row.carry),
    byState: Object.fromEntries(states.map(([state, quantity]) => [state, text(quantity)])),
    conserved: accounted === scaled(row.recorded) && scaled(row.carry) === scaled(row.carry_of_records),
  };
}
