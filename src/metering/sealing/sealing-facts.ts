import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedProduct } from '../../options/resolved-options.js';
import { HOUR_MS, hourOf } from '../../runtime/clock.js';
import { type Scaled, scaled } from '../../runtime/decimal.js';
import { identityKey, namesOf } from '../../subscription/agreements/identity-name.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { type MeteringOperation, windowStart } from '../settlement/deadlines.js';
import { BlockSizes } from './block-sizes.js';
import { agreementsOf, namesOfCustomer, overAgreementsOf } from './customer-agreements.js';
import { type KeptCarry, periodOfRow } from './customer-plan.js';
import { IncludedFacts } from './included-facts.js';
import { spreadOf } from './ledger-spread.js';
import { findIdentities, productIdentityKey } from './metering-identity.sql.js';
import { identityAt, type Period } from './period.js';
import { type PeriodHour, type SealingTimes } from './period-hours.js';
import { PlanningRule } from './planning-rule.js';
import { RefusedFacts } from './refused-facts.js';
import {
  findUnfinished,
  loadAnnulledZeros,
  loadDimensions,
  loadPeriods,
  loadProducts,
  loadTaken,
  lockBalances,
  type PeriodRow,
  type ProductRow,
} from './sealing-load.sql.js';

/**
 * All that the rules are told about the customers of a chunk, read in one transaction after their cursors were locked.
 */
export class SealingFacts {
  /** Grains that this pass has given to a period. */
  private readonly given = new Map<string, string>();
  private readonly ruleOf = new Map<string, PlanningRule>();
  private readonly rowsByAgreement = new Map<string, PeriodRow[]>();
  private readonly rowById: ReadonlyMap<string, PeriodRow>;
  private readonly dimensionsByPeriod = new Map<string, string[]>();
  readonly since: Date;
  private sells: { included: IncludedFacts; blocks: BlockSizes } | null = null;

  private constructor(
    readonly timelines: readonly CustomerTimeline[],
    private readonly products: ReadonlyMap<string, ProductRow>,
    private readonly options: readonly ResolvedProduct[],
    readonly times: SealingTimes,
    private readonly identityIds: ReadonlyMap<string, string>,
    private readonly taken: ReadonlyMap<string, bigint>,
    private readonly refused: RefusedFacts,
    periods: readonly PeriodRow[],
    private readonly balances: ReadonlyMap<string, { carry: Scaled; included: Scaled }>,
    private readonly unfinished: ReadonlySet<string>,
    private readonly annulledZeros: ReadonlySet<string>,
    private readonly isLastPass: boolean,
  ) {
    this.since = sinceOf(times.now);
    this.rowById = new Map(periods.map((row) => [row.id, row]));
    for (const row of periods) addTo(this.rowsByAgreement, row.agreement_id, row);
    for (const key of balances.keys()) {
      const at = key.indexOf(' ');
      addTo(this.dimensionsByPeriod, key.slice(0, at), key.slice(at + 1));
    }
  }

  static async load(
    tx: LedgerSql,
    sellerAccount: string,
    timelines: readonly CustomerTimeline[],
    options: readonly ResolvedProduct[],
    times: SealingTimes,
    isLastPass = false,
  ): Promise<SealingFacts> {
    const codes = [...new Set(timelines.map(({ productCode }) => productCode))];
    const products = new Map((await loadProducts(tx, sellerAccount, codes)).map((row) => [row.product_code, row]));
    const names = timelines.flatMap((customer) =>
      [...namesOfCustomer(customer)].map((name) => ({ productCode: customer.productCode, name })),
    );
    const identityIds = await findIdentities(tx, names);
    const periods = await loadPeriods(tx, sellerAccount, [
      ...new Set(timelines.flatMap((timeline) => [...agreementsOf(timeline)])),
    ]);
    const periodIds = periods.map(({ id }) => id);
    const balances = await lockBalances(tx, sellerAccount, periodIds);
    const dimensions = await loadDimensions(tx, sellerAccount, codes);
    const since = sinceOf(times.now);
    const taken = await loadTaken(tx, [...identityIds.values()], dimensions, since);
    const refused = await RefusedFacts.load(tx, sellerAccount, codes, identityIds, dimensions, since);
    const writesZeros = options.some(({ zeroRecords }) => zeroRecords !== 'off');
    const zeros = writesZeros ? await loadAnnulledZeros(tx, sellerAccount, periodIds, dimensions, since) : [];
    // Only what is over is ever closed.
    const over = overAgreementsOf(timelines, times.now);
    const overIds = periods.filter((row) => over.has(row.agreement_id)).map(({ id }) => id);
    const facts = new SealingFacts(
      timelines,
      products,
      options,
      times,
      identityIds,
      new Map(taken.map((row) => [`${row.identity_id} ${row.dimension} ${row.mode}`, BigInt(row.hours)])),
      refused,
      periods,
      new Map(
        balances.map((row) => [
          `${row.period_id} ${row.dimension}`,
          { carry: scaled(row.carry), included: scaled(row.included) },
        ]),
      ),
      overIds.length === 0 ? new Set() : await findUnfinished(tx, sellerAccount, overIds),
      new Set(zeros.map((row) => `${row.period_id} ${row.dimension} ${row.hour.getTime()}`)),
      isLastPass,
    );
    const known = facts.knownPeriods();
    const included = await IncludedFacts.load(
      tx,
      sellerAccount,
      timelines,
      options,
      known,
      {
        rowsOf: (period) => facts.rowsOf(period),
        includedOf: (period, dimension) => facts.balanceOf(period, dimension).included,
      },
      times.now,
    );
    const books = { rowsOf: (period: Period) => facts.rowsOf(period), dimensionsOf: facts.dimensionsByPeriod };
    facts.sells = { included, blocks: await BlockSizes.load(tx, sellerAccount, options, known, books) };
    return facts;
  }

  /** Units of usage that one unit of a record of the dimension stands for. */
  blockOf(productCode: string, period: Period, dimension: string): bigint {
    return this.sold.blocks.of(productCode, this.rowsOf(period), dimension);
  }

  /** What contracts include. */
  get included(): IncludedFacts {
    return this.sold.included;
  }

  private get sold(): NonNullable<SealingFacts['sells']> {
    if (!this.sells) throw new Error('facts are read before they are loaded');
    return this.sells;
  }

  /** Periods that the ledger has rows of and the timelines know. */
  private knownPeriods(): { productCode: string; period: Period }[] {
    return this.timelines.flatMap((customer) => {
      const rule = this.rule(customer);
      const found = new Map<string, Period>();
      for (const agreementId of agreementsOf(customer)) {
        for (const row of this.rowsByAgreement.get(agreementId) ?? []) {
          const period = this.periodOf(rule, row.id);
          if (period) found.set(period.key, period);
        }
      }
      return [...found.values()].map((period) => ({ productCode: customer.productCode, period }));
    });
  }

  productOf(productCode: string): ProductRow | undefined {
    return this.products.get(productCode);
  }

  optionsOf(productCode: string): ResolvedProduct | undefined {
    return this.options.find((product) => product.productCode === productCode);
  }

  rule(customer: CustomerTimeline): PlanningRule {
    const known = this.ruleOf.get(customer.customerId);
    if (known) return known;
    const { productCode } = customer;
    const product = this.products.get(productCode);
    const listed = this.optionsOf(productCode);
    const rule = new PlanningRule({
      customer,
      operation: operationOf(product),
      modes: (product?.modes ?? []).map(({ from, mode }) => ({ from: from === null ? null : new Date(from), mode })),
      times: this.times,
      spreadMs:
        product && product.type !== 'saas' ? spreadOf(product.installation_id, productCode, this.times.spreadMs) : 0,
      reachableSince: product?.sender_started_at ?? null,
      isLastPass: this.isLastPass && listed !== undefined && listed.type !== 'saas' && listed.onShutdown === 'flush',
      isListed: listed !== undefined,
      onSeveral: listed?.onSeveral ?? 'wait',
      isTaken: (name, dimension, hour, period) => this.isTaken(`${productCode} ${name}`, dimension, hour, period),
      isRefused: (name, dimension) => this.refused.isRefused(productCode, name, dimension),
      isStillRefused: (refusal, name, dimension) => this.refused.isStillRefused(productCode, refusal, name, dimension),
    });
    this.ruleOf.set(customer.customerId, rule);
    return rule;
  }

  /** Rows of the period: its own first, then those of agreements that turned out to be the same. */
  rowsOf({ agreementId, spans, price, mode }: Period): PeriodRow[] {
    const ids = new Set([agreementId, ...spans.flatMap(({ aliasAgreementIds }) => aliasAgreementIds)]);
    return [...ids]
      .flatMap((id) => this.rowsByAgreement.get(id) ?? [])
      .filter((row) => row.price === price && row.mode === mode);
  }

  periodOf(rule: PlanningRule, periodId: string | null): Period | null {
    const row = periodId === null ? undefined : this.rowById.get(periodId);
    return row ? periodOfRow(rule, { agreementId: row.agreement_id, price: row.price, mode: row.mode }) : null;
  }

  /** Where two rows are one agreement, what they hold is the sum over both. */
  balanceOf(period: Period, dimension: string): { carry: Scaled; included: Scaled } {
    const kept = this.rowsOf(period).flatMap(({ id }) => this.balances.get(`${id} ${dimension}`) ?? []);
    return kept.reduce((sum, one) => ({ carry: sum.carry + one.carry, included: sum.included + one.included }), {
      carry: 0n,
      included: 0n,
    });
  }

  /** Balances of the customer's periods that are not level, or will not be once included units are counted. */
  carriesOf(rule: PlanningRule): KeptCarry[] {
    const { productCode } = rule.context.customer;
    const found = new Map<string, KeptCarry>();
    for (const agreementId of agreementsOf(rule.context.customer)) {
      for (const row of this.rowsByAgreement.get(agreementId) ?? []) {
        const period = this.periodOf(rule, row.id);
        for (const dimension of period ? (this.dimensionsByPeriod.get(row.id) ?? []) : []) {
          if (!period || found.has(`${period.key} ${dimension}`)) continue;
          const { carry } = this.balanceOf(period, dimension);
          const pool = this.included.poolOf(productCode, period, dimension);
          const uncounted = pool?.isKnown === true ? pool.stepOf(dimension) : 0n;
          if (carry !== 0n || uncounted !== 0n)
            found.set(`${period.key} ${dimension}`, { period, dimension, carry, uncounted });
        }
      }
    }
    return [...found.values()];
  }

  hasUnfinished(period: Period): boolean {
    return this.rowsOf(period).some(({ id }) => this.unfinished.has(id));
  }

  isZeroAnnulled(period: Period, dimension: string, hour: Date): boolean {
    return this.rowsOf(period).some(({ id }) => this.annulledZeros.has(`${id} ${dimension} ${hour.getTime()}`));
  }

  /** Gives the grain to the period: under every name of the identity it is taken for others of its mode from now on. */
  give(productCode: string, period: Period, dimension: string, { span, hour }: PeriodHour): void {
    for (const name of namesOf(identityAt(span, hour))) {
      this.given.set(`${productCode} ${name} ${dimension} ${hour.getTime()} ${period.mode}`, period.key);
    }
  }

  /** The key of an identity's row, as timelines name it; null where no timeline of this chunk does. */
  identityKeyOf(identityId: string, customer: CustomerTimeline): string | null {
    for (const name of namesOfCustomer(customer)) {
      if (this.identityIds.get(productIdentityKey({ productCode: customer.productCode, name })) === identityId)
        return identityKey(name);
    }
    return null;
  }

  private isTaken(identity: string, dimension: string, hour: Date, { key, mode }: Period): boolean {
    const given = this.given.get(`${identity} ${dimension} ${hour.getTime()} ${mode}`);
    if (given !== undefined && given !== key) return true;
    const mask = this.taken.get(`${this.identityIds.get(identity)} ${dimension} ${mode}`);
    return mask !== undefined && ((mask >> BigInt((hour.getTime() - this.since.getTime()) / HOUR_MS)) & 1n) === 1n;
  }
}

function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

function sinceOf(now: Date): Date {
  return hourOf(windowStart(now, 'BatchMeterUsage'));
}

export function operationOf(product: ProductRow | undefined): MeteringOperation {
  return product === undefined || product.type === 'saas' ? 'BatchMeterUsage' : 'MeterUsage';
}
