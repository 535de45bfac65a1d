import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Patience } from '../../aws/paced-calls.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { Outbox } from '../../events/outbox.js';
import { type Decider, requireDecider } from '../../events/signed-decision.js';
import { type ResolvedProduct, type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { markCustomersChanged } from '../chain/customer-changed.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { BuyerQuestions } from './buyer-questions.js';
import {
  type LegacySubscription,
  pinLicenseFrom,
  selectLegacy,
  selectLegacyOne,
  selectOfBuyer,
} from './license-migration.sql.js';
import { Reconciliation } from './reconciliation.js';
import { loadAskedBuyer } from './asked-buyer.sql.js';

/**
 * `moved`: by this call, or would be (dry run). `movedBefore`: stands already. `licenseUnknown`: AWS does not tell its
 * license; the buyer presses "Set up your account", the Agreement API is permitted, or `products[].productId` is set,
 * by which AWS finds the agreements of a listing. `licenseAmbiguous`: the buyer has several agreements, and nothing
 * tells which is meant. `accountUnknown`: its AWS account is not known, which a record by license needs. `hourSealed`:
 * an hour from the cut-over on is sealed already. `awsUnavailable`: AWS could not be asked; call again.
 */
export type MoveOutcome =
  'moved' | 'movedBefore' | 'licenseUnknown' | 'licenseAmbiguous' | 'accountUnknown' | 'hourSealed' | 'awsUnavailable';

export interface LicenseMigrationReport {
  productCode: string;
  cutOver: Date;
  dryRun: boolean;
  counts: Record<MoveOutcome, number>;
  /** Subscriptions that are not moved, with the reason. */
  open: { subscriptionId: string; outcome: Exclude<MoveOutcome, 'moved' | 'movedBefore'> }[];
  /** Whether every subscription that goes on is moved: then `products[].identity` may be set to "license". */
  complete: boolean;
}

/** `by` and `reason` stand in the trail with each subscription that is moved. */
export interface LicenseMigrationOptions extends Decider {
  /** Start of a UTC hour in the future. */
  cutOver: Date;
  /** Reports what would be done, and writes nothing. Default false. */
  dryRun?: boolean;
  /** Told after each subscription: AWS is asked at the pace of its quotas, some four subscriptions a second. */
  onProgress?: (done: number) => void;
  /** Ends the call after the subscription that it is at; what was moved stays moved. */
  signal?: AbortSignal;
}

const CHUNK = 200;
const PROGRESS_EVERY = 100;

/**
 * Moves a product from ProductCode metering to LicenseArn metering (Concurrent Agreements). AWS bills both for an hour
 * that is metered under both [SDK-M], so each subscription has one cut-over hour: earlier hours are metered under the
 * old names, that hour and later ones under the license.
 */
@Injectable()
export class LicenseMigration {
  private readonly logger = new Logger('MarketplaceLicenseMigration');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly questions: BuyerQuestions,
    private readonly reconciliation: Reconciliation,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Gives every subscription of a product that can be moved its cut-over hour. One that has one keeps it, so the call
   * may be repeated until the report says `complete`, after a crash too, and with a later hour for those that were not
   * ready. AWS is asked about those whose license is not known; the call waits for its quotas, however long that takes.
   * @throws MarketplaceMeteringError `PRODUCT_UNKNOWN`, `CUT_OVER_INVALID`, `TRANSITION_REFUSED` where it is not signed
   */
  async move(
    productCode: string,
    { cutOver, dryRun = false, onProgress, signal, by, reason }: LicenseMigrationOptions,
  ): Promise<LicenseMigrationReport> {
    requireDecider({ by, reason });
    const product = this.products.get(productCode);
    if (!product) {
      throw new MarketplaceMeteringError(
        'PRODUCT_UNKNOWN',
        `Product ${productCode} is not listed: add it to products (MARKETPLACE_PRODUCTS).`,
      );
    }
    this.refuseHour(cutOver);
    const counts: Record<MoveOutcome, number> = {
      ...{
        moved: 0,
        movedBefore: 0,
        licenseUnknown: 0,
        licenseAmbiguous: 0,
        accountUnknown: 0,
        hourSealed: 0,
        awsUnavailable: 0,
      },
    };
    const open: LicenseMigrationReport['open'] = [];
    let done = 0;
    for await (const subscription of this.subscriptionsOf(productCode)) {
      if (signal?.aborted === true) break;
      const outcome = await this.moveOne(product, subscription, { cutOver, dryRun, by, reason }, { signal });
      counts[outcome] += 1;
      if (outcome !== 'moved' && outcome !== 'movedBefore') open.push({ subscriptionId: subscription.id, outcome });
      done += 1;
      onProgress?.(done);
      if (done % PROGRESS_EVERY === 0)
        this.logger.log(`product ${productCode}: ${done} subscriptions looked at`, counts);
    }
    this.logger.log(`product ${productCode} ${dryRun ? 'would move' : 'moves'} to licenses`, {
      cutOver: cutOver.toISOString(),
      ...counts,
    });
    return { productCode, cutOver, dryRun, counts, open, complete: open.length === 0 && signal?.aborted !== true };
  }

  private refuseHour(cutOver: Date): void {
    const time = cutOver.getTime();
    if (!Number.isNaN(time) && time % HOUR_MS === 0 && cutOver > this.options.clock.now()) return;
    throw new MarketplaceMeteringError(
      'CUT_OVER_INVALID',
      'cutOver must be the start of a UTC hour in the future, for example 2026-12-01T00:00:00Z: the hour that ' +
        'runs may have been metered already.',
    );
  }

  private async *subscriptionsOf(productCode: string): AsyncGenerator<LegacySubscription> {
    let after: string | null = null;
    for (;;) {
      const chunk: LegacySubscription[] = await selectLegacy(
        this.database,
        this.options.sellerAccount,
        productCode,
        after,
        CHUNK,
      );
      yield* chunk;
      after = chunk.at(-1)?.id ?? null;
      if (chunk.length < CHUNK) return;
    }
  }

  private async moveOne(
    product: ResolvedProduct,
    before: LegacySubscription,
    { cutOver, dryRun = false, by, reason }: Omit<LicenseMigrationOptions, 'onProgress' | 'signal'>,
    patience: Patience,
  ): Promise<MoveOutcome> {
    const { sellerAccount, clock } = this.options;
    if (before.license_from !== null) return 'movedBefore';
    if (before.has_account && before.licenses.length === 1 && dryRun) return 'moved';
    const isKnown = before.has_account && before.licenses.length === 1;
    if (!isKnown && dryRun) return this.foresee(product, before, patience);
    if (
      !isKnown &&
      (await this.reconciliation.ask(await selectOfBuyer(this.database, sellerAccount, before), patience)) === 'failed'
    ) {
      return 'awsUnavailable';
    }
    const subscription = isKnown ? before : await selectLegacyOne(this.database, sellerAccount, before.id);
    // It is over, and needs no hour.
    if (subscription?.license_from !== null) return 'movedBefore';
    if (!subscription.has_account) return 'accountUnknown';
    if (subscription.licenses.length !== 1)
      return subscription.licenses.length === 0 ? 'licenseUnknown' : 'licenseAmbiguous';
    return this.database.transaction(async (tx) => {
      if (!(await pinLicenseFrom(tx, sellerAccount, subscription, cutOver))) {
        const now = await selectLegacyOne(tx, sellerAccount, subscription.id);
        return now?.license_from ? 'movedBefore' : 'hourSealed';
      }
      await markCustomersChanged(tx, sellerAccount, [subscription.customer_id]);
      const payload = { productCode: product.productCode, notice: `metered by license from ${cutOver.toISOString()}` };
      await this.outbox.append(tx, [
        { type: 'subscription.notice', subscriptionId: subscription.id, payload, occurredAt: clock.now() },
      ]);
      await insertAction(tx, sellerAccount, {
        ...{ action: 'subscription.licensed', target: { subscriptionId: subscription.id }, result: { cutOver } },
        ...{ by, reason, at: clock.now() },
      });
      return 'moved';
    });
  }

  /** What AWS would tell, without entering it. */
  private async foresee(
    product: ResolvedProduct,
    subscription: LegacySubscription,
    patience: Patience,
  ): Promise<MoveOutcome> {
    const { sellerAccount } = this.options;
    const ids = await selectOfBuyer(this.database, sellerAccount, subscription);
    const buyer = await loadAskedBuyer(this.database, sellerAccount, ids);
    if (!buyer) return 'licenseUnknown';
    const answered = await this.questions.ask(buyer, product, patience);
    if (answered.kind === 'failed') return 'awsUnavailable';
    const { agreements, entitlements } = answered.answer;
    const active = agreements.filter(({ status }) => status === 'ACTIVE');
    const licenses = new Set([
      ...active.flatMap(({ licenseArns }) => licenseArns),
      ...entitlements.flatMap(({ licenseArn }) => (licenseArn === null ? [] : [licenseArn])),
    ]);
    const hasAccount =
      subscription.has_account || [...active, ...entitlements].some((one) => one.customerAwsAccountId !== null);
    if (!hasAccount) return 'accountUnknown';
    if (licenses.size !== 1) return licenses.size === 0 ? 'licenseUnknown' : 'licenseAmbiguous';
    return 'moved';
  }
}
