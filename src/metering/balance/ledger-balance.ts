import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS } from '../../runtime/clock.js';
import { formatDecimal, scaled } from '../../runtime/decimal.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import {
  type BalanceRow,
  compareRollups,
  listCustomers,
  readBalances,
  readPeriods,
  selectCustomersOfTenant,
} from './ledger-balance.sql.js';

/** Where every recorded unit of one customer and dimension stands. Decimals as strings. */
export interface BalanceView {
  customerId: string;
  productCode: string;
  dimension: string;
  /** All that was recorded. */
  recorded: string;
  /** Of hours that no sealing has taken yet. */
  unsealed: string;
  /** Taken, and without a record, by the reason. */
  waiting: Record<string, string>;
  /** Covered by no agreement: held by subject. */
  setApart: string;
  /** Covered by the entitlement of a contract. */
  included: string;
  /**
   * Where a contract includes units: how much of the newest term is used. What was billed and is included since is owed:
   * a carry below zero, set off against the next excess; at the agreement's end a record `owed`.
   */
  term?: ContractTermView;
  /** In records, but not (or no longer) part of a whole unit: goes with a later hour of the same period. */
  carry: string;
  /** Units of records by what became of them: metered, pending, sending, blocked, unknown, held, void, owed. */
  byState: Record<string, string>;
  /** Invariant I1: both equations hold, each record is the sum of its rollups, and no rollup is known to differ. */
  conserved: boolean;
  /**
   * When every rollup up to then had been compared with its events (by the job `proof`); null where that was never done,
   * or one of these does not agree.
   */
  provenAt: Date | null;
}

/** A contract's term: the agreement's, or a month of it. */
export interface ContractTermView {
  contractDimension: string;
  /** Its first hour. */
  from: string | null;
  /** Included in all, as agreed last, in units of usage. */
  units: string;
  /** Net usage by all dimensions that share the units. */
  used: string;
  /** Billed, and not (any longer) in excess. */
  owed: string;
}

/** The same over everything that a filter matches. */
export interface BalanceTotal extends Omit<
  BalanceView,
  'customerId' | 'productCode' | 'dimension' | 'provenAt' | 'term'
> {
  /** Rows, one per customer and dimension. */
  grains: number;
  /** Rows among them that are not conserved. */
  broken: number;
}

/** What one period of an agreement holds of a dimension: eventSum = included + quantity + carry. */
export interface PeriodBalanceView {
  periodId: string;
  agreementId: string;
  subscriptionId: string;
  price: 'trial' | 'paid';
  mode: 'live' | 'dry-run' | 'off';
  dimension: string;
  eventSum: string;
  included: string;
  quantity: string;
  carry: string;
  closedAt: Date | null;
}

/** A rollup that is not what its events are. */
export interface UnprovenRollup {
  rollupId: string;
  eventSum: string;
  foundSum: string | null;
}

/** Which balances are wanted: all, where nothing is given. */
export interface BalanceFilter {
  customerId?: string | undefined;
  /** Of this tenant: one customer per product. */
  tenantId?: string | undefined;
  productCode?: string | undefined;
  dimension?: string | undefined;
  /** Only rows that are (not) conserved. To find them every row is computed, whatever the limit. */
  conserved?: boolean | undefined;
  /** Keyset: rows after this customer and dimension. */
  after?: { customerId: string; dimension: string } | undefined;
  /** Rows at most. Default: all. */
  limit?: number | undefined;
}

/** Customers read in one statement. */
const PIECE = 200;
const PROOF_PIECE = 500;

const text = (value: string): string => formatDecimal(scaled(value));
const texts = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, text(value)]));

@Injectable()
export class LedgerBalance {
  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /**
   * One row per customer and dimension, ordered by both. Costs what the records of the customers on the page are,
   * however many events they hold.
   * @param on where to read; a transaction of its own snapshot makes several pages agree.
   */
  async read(filter: BalanceFilter = {}, on: LedgerSql = this.database): Promise<BalanceView[]> {
    const { after, limit = Number.POSITIVE_INFINITY } = filter;
    const found: BalanceView[] = [];
    for await (const row of this.rows(filter, on)) {
      if (filter.dimension !== undefined && row.dimension !== filter.dimension) continue;
      if (filter.conserved !== undefined && row.conserved !== filter.conserved) continue;
      if (row.customer_id === after?.customerId && row.dimension <= after.dimension) continue;
      found.push(viewOf(row));
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Everything that the filter matches; `limit` has no part in it. */
  async total(filter: Omit<BalanceFilter, 'limit'> = {}, on: LedgerSql = this.database): Promise<BalanceTotal> {
    const views = await this.read({ ...filter, limit: undefined }, on);
    const broken = views.filter(({ conserved }) => !conserved).length;
    return {
      recorded: sumOf(views.map(({ recorded }) => recorded)),
      unsealed: sumOf(views.map(({ unsealed }) => unsealed)),
      waiting: sumsOf(views.map(({ waiting }) => waiting)),
      setApart: sumOf(views.map(({ setApart }) => setApart)),
      included: sumOf(views.map(({ included }) => included)),
      carry: sumOf(views.map(({ carry }) => carry)),
      byState: sumsOf(views.map(({ byState }) => byState)),
      conserved: broken === 0,
      grains: views.length,
      broken,
    };
  }

  /** Balances of a customer's periods, in the order in which these were opened. */
  async periods(customerId: string, on: LedgerSql = this.database): Promise<PeriodBalanceView[]> {
    const rows = await readPeriods(on, this.options.sellerAccount, customerId);
    return rows.map((row) => ({
      ...{
        periodId: row.period_id,
        agreementId: row.agreement_id,
        subscriptionId: row.subscription_id,
        price: row.price,
        mode: row.mode,
      },
      ...{
        dimension: row.dimension,
        eventSum: text(row.event_sum),
        included: text(row.included),
        quantity: text(row.quantity),
      },
      ...{ carry: text(row.carry), closedAt: row.closed_at },
    }));
  }

  /**
   * Compares rollups with the events that they list, in bounded statements: sums, counts, instants and owners. One
   * look-up per event, so once per closed hour and not per page.
   * @param hour only rollups of usage in this hour
   * @returns what does not agree; empty where all is proven
   */
  async deepProof(hour: Date | null = null, on: LedgerSql = this.database): Promise<UnprovenRollup[]> {
    const wrong: UnprovenRollup[] = [];
    for (let after: string | null = '0'; after !== null;) {
      const piece = await compareRollups(on, this.options.sellerAccount, {
        after,
        upTo: null,
        hour: hour && hour.getTime() / HOUR_MS,
        limit: PROOF_PIECE,
      });
      wrong.push(
        ...piece.wrong.map((row) => ({ rollupId: row.rollup_id, eventSum: row.event_sum, foundSum: row.found_sum })),
      );
      after = piece.last;
    }
    return wrong;
  }

  private async *rows(
    { customerId, tenantId, productCode, after }: BalanceFilter,
    on: LedgerSql,
  ): AsyncGenerator<BalanceRow> {
    const { sellerAccount } = this.options;
    if (tenantId !== undefined) {
      const ofTenant = await selectCustomersOfTenant(on, sellerAccount, tenantId, productCode ?? null);
      const ids = ofTenant.filter(
        (id) => (customerId === undefined || id === customerId) && (!after || id >= after.customerId),
      );
      if (ids.length > 0) yield* await readBalances(on, sellerAccount, ids);
      return;
    }
    if (customerId !== undefined) {
      yield* await readBalances(on, sellerAccount, [customerId]);
      return;
    }
    let from = after?.customerId ?? null;
    for (let isFirst = true; ; isFirst = false) {
      const listed = await listCustomers(on, sellerAccount, {
        from,
        productCode: productCode ?? null,
        limit: PIECE + 1,
      });
      // A page begins with the customer at which the one before it ended.
      const ids = isFirst ? listed : listed.slice(1);
      if (ids.length === 0) return;
      yield* await readBalances(on, sellerAccount, ids);
      from = ids.at(-1) ?? null;
    }
  }
}

function viewOf(row: BalanceRow): BalanceView {
  const recorded = scaled(row.unsealed) + scaled(row.waiting_sum) + scaled(row.set_apart) + scaled(row.in_records);
  return {
    customerId: row.customer_id,
    productCode: row.product_code,
    dimension: row.dimension,
    recorded: formatDecimal(recorded),
    unsealed: text(row.unsealed),
    waiting: texts(row.waiting),
    setApart: text(row.set_apart),
    included: text(row.included),
    ...(row.term && { term: termOf(row.term, scaled(row.carry)) }),
    carry: text(row.carry),
    byState: texts(row.by_state),
    conserved: row.conserved,
    provenAt: row.proven_at,
  };
}

function termOf(
  { contractDimension, from, units, used }: NonNullable<BalanceRow['term']>,
  carry: bigint,
): ContractTermView {
  return {
    contractDimension,
    from,
    units: text(units),
    used: text(used),
    owed: formatDecimal(carry < 0n ? -carry : 0n),
  };
}

const sumOf = (values: readonly string[]): string =>
  formatDecimal(values.reduce((sum, value) => sum + scaled(value), 0n));

function sumsOf(maps: readonly Record<string, string>[]): Record<string, string> {
  const sums = new Map<string, bigint>();
  for (const map of maps)
    for (const [key, value] of Object.entries(map)) sums.set(key, (sums.get(key) ?? 0n) + scaled(value));
  return Object.fromEntries([...sums].map(([key, value]) => [key, formatDecimal(value)]));
}
