import { type LedgerSql } from '../../database/ledger-database.js';
import { billedTogether, includedUnitsOf } from '../../options/included-pairing.js';
import { type ResolvedIncludedUnits } from '../../options/included-options.schema.js';
import { type ResolvedProduct } from '../../options/resolved-options.js';
import { firstAfter, plusMs } from '../../runtime/clock.js';
import { fromUnits, type Scaled, scaled } from '../../runtime/decimal.js';
import { ANSWER_SETTLES_AFTER_MS, missingFrom } from '../../subscription/agreements/agreement-life.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { type CountedUsageRow, loadGivenUnits, loadSaid, type SaidRow, sumCountedUsage } from './included-load.sql.js';
import { IncludedPool, type KnownQuantity, type PoolTerms, poolTermsOf } from './included-pool.js';
import {
  givenStepsOf,
  type QuantityStep,
  quantityStepsOf,
  usageStepsOf,
  type SaidEntitlements,
} from './included-quantity.js';
import { type Period } from './period.js';
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
    private readonly given: ReadonlyMap<ResolvedIncludedUnits, GivenEntry>,
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
    const isNeeded = concerned.some(({ productCode }) =>
      products.get(productCode)?.includedUnits.some(({ units, per }) => units === undefined || per === 'month'),
    );
    const said = isNeeded ? await loadSaid(tx, sellerAccount, [...agreements]) : [];
    const facts = new IncludedFacts(
      products,
      new Map(said.map((row) => [row.agreement_id, row])),
      new Map(),
      await givenEntries(tx, sellerAccount, [...products.values()]),
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
    return new IncludedFacts(products, facts.said, usage, facts.given, books, now);
  }

  /** Undefined where nothing is included of what the dimension bills. */
  poolOf(productCode: string, period: Period, billed: string): IncludedPool | undefined {
    const product = this.products.get(productCode);
    const units = product && includedUnitsOf(product, billed);
    return units && this.pool(period, units);
  }

  /**
   * Agreements of which AWS has told that something was amended since it was last asked: it is asked at once, and once
   * more when its lists must know. `lookAt`: when that is.
   */
  amendedOf({ subscriptions }: CustomerTimeline): { ids: string[]; lookAt: Date | null } {
    const ids = subscriptions.flatMap(({ spans }) => spans.map(({ agreementId }) => agreementId));
    const open = [...new Set(ids)].flatMap((id) => {
      const row = this.said.get(id);
      const told = row?.told.at(-1);
      if (told === undefined || !row?.fetched_at) return [];
      const at = new Date(told);
      const amendment = { askFrom: at, settledFrom: plusMs(at, ANSWER_SETTLES_AFTER_MS) };
      const askFrom = missingFrom(amendment, { askedAt: row.fetched_at });
      return askFrom === null ? [] : [{ id, askFrom }];
    });
    return {
      ids: open.flatMap(({ id, askFrom }) => (askFrom <= this.now ? [id] : [])),
      lookAt: firstAfter(
        this.now,
        open.map(({ askFrom }) => askFrom),
      ),
    };
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
    const pool = new IncludedPool(units, known, terms, this.rolledOver(period, units), used, usedBy, includedBy);
    this.pools.set(key, pool);
    return pool;
  }

  /** Dimensions of records that share the units, or did under the options of before: what they included is used up. */
  private sharersOf(units: ResolvedIncludedUnits): readonly string[] {
    return this.given.get(units)?.sharers ?? billedTogether(units);
  }

  /** What the agreement before left, where units roll over. */
  private rolledOver(period: Period, units: ResolvedIncludedUnits): Scaled {
    const [first] = period.spans;
    if (!units.rollsOver || !first) return 0n;
    const before = period.subscription.spans.findLast(
      ({ from, agreementId, price, seals }) =>
        from < first.from && agreementId !== period.agreementId && price === period.price && seals !== 'never',
    );
    if (!before) return 0n;
    const { agreementId, price } = before;
    const spans = period.subscription.spans.filter(
      (span) => span.agreementId === agreementId && span.price === price && span.seals !== 'never',
    );
    return this.pool({ ...period, key: `${agreementId}/${price}/${period.mode}`, agreementId, spans }, units).left;
  }

  private termsOf(period: Period, units: ResolvedIncludedUnits): { known: KnownQuantity | null; terms: PoolTerms } {
    const given = this.given.get(units)?.steps ?? [];
    const known = units.units === undefined ? this.saidOf(period, units) : saidByOptions(given);
    const startsAt = this.said.get(period.agreementId)?.first_run_at ?? period.spans[0]?.startsAt ?? this.now;
    const steps = units.units === undefined ? usageStepsOf(known?.steps ?? [], given) : given;
    return { known, terms: poolTermsOf(units, { steps, renewals: known?.renewals ?? [] }, startsAt, this.now) };
  }

  private saidOf(period: Period, { contractDimension }: ResolvedIncludedUnits): KnownQuantity | null {
    const ids = [period.agreementId, ...period.spans.flatMap(({ aliasAgreementIds }) => aliasAgreementIds)];
    const rows = [...new Set(ids)].flatMap((id) => this.said.get(id) ?? []);
    const said = historyOf(rows);
    const last = said.at(-1);
    if (!last) return null;
    // The license of the purchase itself is told, too.
    const startsAt = period.spans[0]?.startsAt.getTime() ?? Number.NEGATIVE_INFINITY;
    const told = rows
      .flatMap((row) => row.told.map((text) => new Date(text)))
      .filter((at) => at.getTime() > startsAt)
      .sort((a, b) => a.getTime() - b.getTime());
    const { steps, renewals } = quantityStepsOf(said, told, contractDimension);
    // Of an agreement that is over AWS lists nothing, and says nothing of the time before by that.
    const over = period.spans.at(-1)?.to ?? null;
    const asked = rows.flatMap(({ fetched_at: fetchedAt, empty_since: emptySince }) => [
      ...(fetchedAt ? [fetchedAt.getTime()] : []),
      ...(emptySince && over && emptySince >= over ? [emptySince.getTime()] : []),
    ]);
    const isFinal = rows.some(({ empty_since: emptySince }) => emptySince && over && emptySince >= over);
    return { steps, renewals, last, asOf: new Date(Math.max(...asked)), isFinal };
  }
}

/** Of two rows that turned out to be one agreement, what was said of either. */
function historyOf(rows: readonly SaidRow[]): SaidEntitlements[] {
  const said = rows
    .flatMap((row) => row.said)
    .map(({ fetchedAt, otherwiseAt, entitlements }) => ({
      fetchedAt: new Date(fetchedAt),
      otherwiseAt: otherwiseAt === null ? null : new Date(otherwiseAt),
      entitlements,
    }))
    .sort((a, b) => a.fetchedAt.getTime() - b.fetchedAt.getTime());
  return said.map((one, index) => ({ ...one, otherwiseAt: one.otherwiseAt ?? said[index - 1]?.fetchedAt ?? null }));
}

function saidByOptions(steps: readonly QuantityStep[]): KnownQuantity {
  return { steps, renewals: [], last: null, asOf: null, isFinal: false };
}

/** What the options say of an entry, and said before. */
interface GivenEntry {
  /** Included units, or for what one unit of the contract stands. */
  steps: readonly QuantityStep[];
  sharers: readonly string[];
}

async function givenEntries(
  tx: LedgerSql,
  sellerAccount: string,
  products: readonly ResolvedProduct[],
): Promise<Map<ResolvedIncludedUnits, GivenEntry>> {
  const codes = products.map(({ productCode }) => productCode);
  const rows = await loadGivenUnits(tx, sellerAccount, codes);
  return new Map(
    products.flatMap(({ productCode, includedUnits }) =>
      includedUnits.map((entry) => {
        const before = rows.flatMap(({ product_code: code, included, in_force_from: from }) => {
          const one = included.find(({ contractDimension }) => contractDimension === entry.contractDimension);
          return code === productCode && one ? [{ from, one }] : [];
        });
        const alike = before.filter(({ one }) => (one.units === undefined) === (entry.units === undefined));
        const steps = givenStepsOf(alike.map(({ from, one }) => ({ from, amount: amountOf(one) })));
        const amount = amountOf(entry);
        // Those in force are these: who has others seals nothing.
        const isKnown = steps.at(-1)?.quantity === amount;
        const others = new Set(includedUnits.filter((other) => other !== entry).flatMap(billedTogether));
        const former = before.flatMap(({ one }) => billedTogether(one)).filter((dimension) => !others.has(dimension));
        const sharers = new Set([...billedTogether(entry), ...former]);
        return [
          entry,
          {
            steps: isKnown ? steps : [{ fromHour: Number.NEGATIVE_INFINITY, quantity: amount }],
            sharers: [...sharers],
          },
        ];
      }),
    ),
  );
}

function amountOf({ units, factor }: ResolvedIncludedUnits): bigint {
  return units === undefined ? BigInt(factor) : fromUnits(units) * BigInt(factor);
}

const distinct = (hours: readonly number[]): number[] => [...new Set(hours)].sort((a, b) => a - b);
