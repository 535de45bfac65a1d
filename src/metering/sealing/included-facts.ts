import { type LedgerSql } from '../../database/ledger-database.js';
import { billedTogether, includedUnitsOf } from '../../options/included-pairing.js';
import { type ResolvedIncludedUnits } from '../../options/included-options.schema.js';
import { type ResolvedProduct } from '../../options/resolved-options.js';
import { firstAfter, hourOf, plusMs } from '../../runtime/clock.js';
import { type Scaled, scaled } from '../../runtime/decimal.js';
import { ANSWER_SETTLES_AFTER_MS, missingFrom } from '../../subscription/agreements/agreement-life.js';
import { type CustomerTimeline, type TimelineSpan } from '../../subscription/agreements/timeline.js';
import { type AskedQuantity, askedQuantityOf } from './asked-quantity.js';
import {
  askedNames,
  contractHistories,
  type ContractOptions,
  countedOptions,
  isAsked,
  optionsAt,
  unitsOf,
} from './contract-history.js';
import { monthFrom, renewalsBy } from './contract-terms.js';
import { type CountedUsageRow, loadGivenUnits, loadSaid, type SaidRow, sumCountedUsage } from './included-load.sql.js';
import { IncludedPool, type KnownQuantity, type PoolTerms, poolTermsOf } from './included-pool.js';
import { becamePaidAt, identityAt, isWithin, type Period } from './period.js';
import { stepsInForce } from './quantity-steps.js';
import { type PeriodRow } from './sealing-load.sql.js';

/** What sealing knows of periods and their balances, by the rows of the ledger. */
export interface PeriodBooks {
  rowsOf(period: Period): readonly PeriodRow[];
  includedOf(period: Period, dimension: string): Scaled;
}

/** What contracts include of the customers of a chunk. Reads nothing where no product includes units. */
export class IncludedFacts {
  private readonly pools = new Map<string, IncludedPool>();

  private constructor(
    private readonly products: ReadonlyMap<string, ResolvedProduct>,
    private readonly said: ReadonlyMap<string, SaidRow>,
    private readonly usage: ReadonlyMap<string, readonly CountedUsageRow[]>,
    private readonly histories: ReadonlyMap<ResolvedIncludedUnits, ContractHistory>,
    private readonly books: PeriodBooks,
    private readonly now: Date,
  ) {}

  /**
   * @param periods of all customers, as far as the ledger has rows of them; each with its product
   */
  static async load(
    tx: LedgerSql,
    sellerAccount: string,
    timelines: readonly CustomerTimeline[],
    options: readonly ResolvedProduct[],
    periods: readonly { productCode: string; period: Period }[],
    books: PeriodBooks,
    now: Date,
  ): Promise<IncludedFacts> {
    const products = new Map(
      options.flatMap((product) => (product.includedUnits.length > 0 ? [[product.productCode, product] as const] : [])),
    );
    const concerned = timelines.filter(({ productCode }) => products.has(productCode));
    if (concerned.length === 0) return new IncludedFacts(products, new Map(), new Map(), new Map(), books, now);
    const agreements = new Set(
      concerned.flatMap(({ subscriptions }) =>
        subscriptions.flatMap(({ spans }) =>
          spans.flatMap(({ agreementId, aliasAgreementIds }) => [agreementId, ...aliasAgreementIds]),
        ),
      ),
    );
    const histories = await loadHistories(tx, sellerAccount, [...products.values()]);
    const said = await loadSaid(tx, sellerAccount, [...agreements]);
    const facts = new IncludedFacts(
      products,
      new Map(said.map((row) => [row.agreement_id, row])),
      new Map(),
      histories,
      books,
      now,
    );
    const wanted = periods.flatMap(({ productCode, period }) =>
      (products.get(productCode)?.includedUnits ?? []).flatMap((units) => {
        const { boundaries } = facts.termsOf(period, units).terms;
        return books
          .rowsOf(period)
          .flatMap(({ id }) =>
            facts.sharersOf(units).map((dimension) => ({ periodId: id, dimension, boundaries: distinct(boundaries) })),
          );
      }),
    );
    const rows = wanted.length === 0 ? [] : await sumCountedUsage(tx, sellerAccount, wanted);
    const usage = new Map<string, CountedUsageRow[]>();
    for (const row of rows) {
      const key = `${row.period_id} ${row.dimension}`;
      usage.set(key, [...(usage.get(key) ?? []), row]);
    }
    return new IncludedFacts(products, facts.said, usage, histories, books, now);
  }

  /** Undefined where nothing is included of what the dimension bills. */
  poolOf(productCode: string, period: Period, billed: string): IncludedPool | undefined {
    const product = this.products.get(productCode);
    const units = product && includedUnitsOf(product, billed);
    return units && this.pool(period, units);
  }

  /**
   * Agreements that AWS is to be asked about, whether or not their hours wait: those of which it has told that something
   * was amended since it was last asked, at once, and once more when its lists must know; and likewise those that have
   * begun, for once they are over it says nothing of them any more. `lookAt`: when the next is to be asked about.
   */
  toAskOf({ subscriptions }: CustomerTimeline): { ids: string[]; lookAt: Date | null } {
    const all = subscriptions.flatMap(({ spans }) => spans);
    const open = [...new Set(all.map(({ agreementId }) => agreementId))].flatMap((id) => {
      const row = this.said.get(id);
      const askFrom = row && (this.amendedFrom(row) ?? this.unansweredFrom(row, all));
      return askFrom ? [{ id, askFrom }] : [];
    });
    return {
      ids: open.flatMap(({ id, askFrom }) => (askFrom <= this.now ? [id] : [])),
      lookAt: firstAfter(
        this.now,
        open.map(({ askFrom }) => askFrom),
      ),
    };
  }

  private amendedFrom({ told, fetched_at: askedAt }: SaidRow): Date | null {
    const last = told.at(-1);
    if (last === undefined || askedAt === null) return null;
    const at = new Date(last);
    return missingFrom({ askFrom: at, settledFrom: plusMs(at, ANSWER_SETTLES_AFTER_MS) }, { askedAt });
  }

  /** An empty answer, which does not count yet, is asked for again; and so is one that may be of the agreement before. */
  private unansweredFrom(row: SaidRow, spans: readonly TimelineSpan[]): Date | null {
    const running = spans.find(
      (span) => span.agreementId === row.agreement_id && span.seals !== 'never' && isWithin(this.now, span),
    );
    if (!running || !identityAt(running, hourOf(this.now))?.identity) return null;
    if (row.said.length === 0 && row.empty_since) return plusMs(row.empty_since, ANSWER_SETTLES_AFTER_MS);
    const { startsAt } = running;
    const start = { askFrom: startsAt, settledFrom: plusMs(startsAt, ANSWER_SETTLES_AFTER_MS) };
    return missingFrom(start, { askedAt: row.fetched_at });
  }

  private pool(period: Period, units: ResolvedIncludedUnits): IncludedPool {
    const key = `${period.key} ${units.contractDimension}`;
    const made = this.pools.get(key);
    if (made) return made;
    const { known, terms } = this.termsOf(period, units);
    const boundaries = distinct(terms.boundaries);
    const used = terms.terms.flatMap(({ stretches }) => stretches.map(() => 0n));
    const starts = terms.terms.flatMap(({ stretches }) => stretches.map(({ fromHour }) => fromHour));
    const usedBy = new Map<string, Scaled>();
    const includedBy = new Map<string, Scaled>();
    for (const dimension of this.sharersOf(units)) {
      includedBy.set(dimension, this.books.includedOf(period, dimension));
      for (const { id } of this.books.rowsOf(period)) {
        for (const row of this.usage.get(`${id} ${dimension}`) ?? []) {
          const sum = scaled(row.used);
          const from = row.stretch === 0 ? null : boundaries[row.stretch - 1];
          const index = from === null || from === undefined ? 0 : starts.lastIndexOf(from);
          used[index] = (used[index] ?? 0n) + sum;
          usedBy.set(dimension, (usedBy.get(dimension) ?? 0n) + sum);
        }
      }
    }
    const before = terms.terms[0]?.rollsOver ? this.poolBefore(period, units) : null;
    const pool = new IncludedPool(units, known, terms, before, used, usedBy, includedBy);
    this.pools.set(key, pool);
    return pool;
  }

  /** Dimensions of records that share the units, or did under the options of before: what they included is used up. */
  private sharersOf(units: ResolvedIncludedUnits): readonly string[] {
    return this.histories.get(units)?.sharers ?? billedTogether(units);
  }

  /** Of the agreement before: what it leaves rolls over. */
  private poolBefore(period: Period, units: ResolvedIncludedUnits): IncludedPool | null {
    const [first] = period.spans;
    if (!first) return null;
    const before = period.subscription.spans.findLast(
      ({ from, agreementId, price, seals }) =>
        from < first.from && agreementId !== period.agreementId && price === period.price && seals !== 'never',
    );
    if (!before) return null;
    const { agreementId, price } = before;
    const spans = period.subscription.spans.filter(
      (span) => span.agreementId === agreementId && span.price === price && span.seals !== 'never',
    );
    return this.pool({ ...period, key: `${agreementId}/${price}/${period.mode}`, agreementId, spans }, units);
  }

  private termsOf(period: Period, units: ResolvedIncludedUnits): { known: KnownQuantity | null; terms: PoolTerms } {
    const given = this.histories.get(units)?.options ?? [];
    const said = this.saidOf(period);
    // What AWS was asked for and never said has included nothing that could be taken back.
    const options = said ? given : given.filter((one) => !isAsked(one));
    const startsAt = this.said.get(period.agreementId)?.first_run_at ?? period.spans[0]?.startsAt ?? this.now;
    const renewals = [
      ...(said?.of(oneOf(namesOf(given))).renewals ?? []),
      // Where AWS is asked, its answers name the end of what was bought.
      ...(units.units === undefined ? [] : renewalsBy(this.endsOf(period))),
    ];
    const counted = countedOptions(options, (from) => monthFrom(startsAt, renewals, from));
    const steps = stepsInForce(
      counted.map(({ from }, index) => ({
        from,
        steps: unitsOf(counted.slice(0, index + 1), (factors) => said?.of(factors).steps ?? []),
      })),
    );
    const terms = poolTermsOf((at) => optionsAt(counted, at) ?? units, { steps, renewals }, startsAt, this.now);
    return { known: units.units === undefined ? askedOf(said, units, counted) : BY_OPTIONS, terms };
  }

  private saidOf(period: Period): AskedQuantity | null {
    return askedQuantityOf(period, this.rowsOf(period));
  }

  private endsOf(period: Period): Date[] {
    const paidFrom = becamePaidAt(period);
    return this.rowsOf(period).flatMap(({ ends }) =>
      ends.flatMap(({ endsAt, heardAt }) => {
        // The end of a trial that became paid was its own.
        const isOfTrial = paidFrom !== null && new Date(heardAt) < plusMs(paidFrom, ANSWER_SETTLES_AFTER_MS);
        return isOfTrial ? [] : [new Date(endsAt)];
      }),
    );
  }

  private rowsOf({ agreementId, spans }: Period): SaidRow[] {
    const ids = [agreementId, ...spans.flatMap(({ aliasAgreementIds }) => aliasAgreementIds)];
    return [...new Set(ids)].flatMap((id) => this.said.get(id) ?? []);
  }
}

const BY_OPTIONS: KnownQuantity = { said: null, asOf: null, isFinal: false };

function askedOf(
  said: AskedQuantity | null,
  { contractDimension, factor }: ResolvedIncludedUnits,
  counted: readonly ContractOptions[],
): KnownQuantity | null {
  if (!said) return null;
  const names = [...askedNames(counted).keys()];
  const quantity = said.of(oneOf(names)).steps.at(-1)?.quantity ?? 0n;
  const formerly = names.filter((name) => name !== contractDimension);
  const { last, asOf, isFinal } = said;
  return { said: { fetchedAt: last.fetchedAt, quantity, factor, formerly }, asOf, isFinal };
}

/** What the options say of an entry, and said before. */
interface ContractHistory {
  /** In the order of starts; the last is in force. */
  options: readonly ContractOptions[];
  /** Dimensions of records that share the units, or did. */
  sharers: readonly string[];
}

async function loadHistories(
  tx: LedgerSql,
  sellerAccount: string,
  products: readonly ResolvedProduct[],
): Promise<Map<ResolvedIncludedUnits, ContractHistory>> {
  const rows = await loadGivenUnits(
    tx,
    sellerAccount,
    products.map(({ productCode }) => productCode),
  );
  return new Map(
    products.flatMap(({ productCode, includedUnits }) => {
      const given = rows
        .filter((row) => row.product_code === productCode)
        .map(({ included, in_force_from: from }) => ({ from, included }));
      return [...contractHistories(includedUnits, given)].map(([entry, options]) => {
        const others = new Set(includedUnits.filter((other) => other !== entry).flatMap(billedTogether));
        const were = options.flatMap(({ entries }) => entries);
        const former = were.flatMap(billedTogether).filter((dimension) => !others.has(dimension));
        const sharers = [...new Set([...billedTogether(entry), ...former])];
        return [entry, { options, sharers }] as const;
      });
    }),
  );
}

const namesOf = (options: readonly ContractOptions[]): string[] => [
  ...new Set(options.flatMap(({ entries }) => entries.map(({ contractDimension }) => contractDimension))),
];

const oneOf = (names: readonly string[]): Map<string, number> => new Map(names.map((name) => [name, 1]));

const distinct = (hours: readonly number[]): number[] => [...new Set(hours)].sort((a, b) => a - b);
