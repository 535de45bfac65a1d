import { Inject, Injectable, Logger } from '@nestjs/common';
import { AgreementGateway } from '../../aws/agreement-gateway.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors.js';
import { Outbox } from '../../events/outbox.js';
import { type ProductOptions, type ResolvedOptions } from '../../marketplace-metering.options.js';
import { HOUR_MS } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type LegacySubscription, selectLegacy, setLicenseFrom } from './license-migration.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { licenseOfMessage } from '../chain/subscription-aliases.js';
import { SubscriptionRegistrar } from '../chain/subscription-registrar.js';

/**
 * `moved`: by this call, or would be (dry run). `movedBefore`: stands already. `licenseUnknown`: AWS has not told its license yet; the buyer presses "Set
 * up your account", or the Agreement API is permitted. `licenseAmbiguous`: the buyer has several agreements, and nothing tells which is meant.
 * `accountUnknown`: its AWS account is not known, which a record by license needs. `hourSealed`: an hour from the cut-over on is sealed already.
 */
export type MoveOutcome = 'moved' | 'movedBefore' | 'licenseUnknown' | 'licenseAmbiguous' | 'accountUnknown' | 'hourSealed';

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

const CHUNK = 200;

/**
 * Moves a product from ProductCode metering to LicenseArn metering (Concurrent Agreements). AWS bills both for an hour that is metered under both [SDK-M], so
 * each subscription has one cut-over hour: earlier hours are metered under the old names, that hour and later ones under the license.
 */
@Injectable()
export class LicenseMigration {
  private readonly logger = new Logger('MarketplaceLicenseMigration');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly agreements: AgreementGateway,
    private readonly registrar: SubscriptionRegistrar,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Gives every subscription of a product that can be moved its cut-over hour. One that has one keeps it, so the call may be repeated until the report says
   * `complete`, after a crash too, and with a later hour for those that were not ready.
   * @param cutOver start of a UTC hour in the future
   * @param dryRun reports what would be done, and writes nothing. Default false.
   * @throws MarketplaceMeteringError `PRODUCT_UNKNOWN`, `CUT_OVER_INVALID`
   */
  async move(productCode: string, { cutOver, dryRun = false }: { cutOver: Date; dryRun?: boolean }): Promise<LicenseMigrationReport> {
    const product = this.products.get(productCode);
    if (!product) {
      throw new MarketplaceMeteringError(
        'PRODUCT_UNKNOWN',
        `Product ${productCode} is not listed: add it to products (MARKETPLACE_PRODUCTS).`,
      );
    }
    const time = cutOver.getTime();
    if (Number.isNaN(time) || time % HOUR_MS !== 0 || cutOver <= this.options.clock.now()) {
      throw new MarketplaceMeteringError(
        'CUT_OVER_INVALID',
        'cutOver must be the start of a UTC hour in the future, for example 2026-12-01T00:00:00Z: the hour that runs may have been metered already.',
      );
    }
    const counts: Record<MoveOutcome, number> = {
      ...{ moved: 0, movedBefore: 0, licenseUnknown: 0, licenseAmbiguous: 0, accountUnknown: 0, hourSealed: 0 },
    };
    const open: LicenseMigrationReport['open'] = [];
    let after: string | null = null;
    for (;;) {
      const chunk: LegacySubscription[] = await selectLegacy(this.database, this.options.sellerAccount, productCode, after, CHUNK);
      for (const subscription of chunk) {
        const outcome = await this.moveOne(product, subscription, cutOver, dryRun);
        counts[outcome] += 1;
        if (outcome !== 'moved' && outcome !== 'movedBefore') open.push({ subscriptionId: subscription.id, outcome });
      }
      after = chunk.at(-1)?.id ?? null;
      if (chunk.length < CHUNK) break;
    }
    this.logger.log(`product ${productCode} ${dryRun ? 'would move' : 'moves'} to licenses`, { cutOver: cutOver.toISOString(), ...counts });
    return { productCode, cutOver, dryRun, counts, open, complete: open.length === 0 };
  }

  private async moveOne(product: ProductOptions, subscription: LegacySubscription, cutOver: Date, dryRun: boolean): Promise<MoveOutcome> {
    if (subscription.license_from !== null) return 'movedBefore';
    if (subscription.customer_aws_account_id === null) return 'accountUnknown';
    const licenses =
      subscription.license_arn === null ? await this.licensesOf(product, subscription.customer_aws_account_id) : [subscription.license_arn];
    const [licenseArn] = licenses;
    if (licenseArn === undefined || licenseOfMessage(licenseArn).licenseArn === undefined) return 'licenseUnknown';
    if (licenses.length > 1) return 'licenseAmbiguous';
    if (dryRun) return 'moved';
    return this.database.transaction(async (tx) => {
      const { sellerAccount, clock } = this.options;
      if (subscription.license_arn === null) {
        const identity = {
          productCode: product.productCode,
          licenseArn,
          customerAwsAccountId: subscription.customer_aws_account_id ?? undefined,
        };
        const { id } = await this.registrar.findOrCreate({ ...identity, offerType: null, fields: {} }, tx);
        // The license belongs to a subscription of its own already: nothing says that the two are one.
        if (id !== subscription.id) return 'licenseAmbiguous';
      }
      if (!(await setLicenseFrom(tx, sellerAccount, subscription.id, cutOver))) return 'hourSealed';
      const payload = { productCode: product.productCode, change: `metered by license from ${cutOver.toISOString()}` };
      await this.outbox.append(tx, [{ type: 'subscription.changed', subscriptionId: subscription.id, payload, occurredAt: clock.now() }]);
      return 'moved';
    });
  }

  private async licensesOf(product: ProductOptions, customerAwsAccountId: string): Promise<string[]> {
    const answer = await this.agreements.search(product.region, { customerAwsAccountId });
    if (answer.kind === 'failed') return [];
    const active = answer.agreements.filter(
      ({ status, productIds }) => status === 'ACTIVE' && (product.productId === undefined || productIds.includes(product.productId)),
    );
    return [...new Set(active.flatMap(({ licenseArns }) => licenseArns))];
  }
}
