import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors.js';
import { type ProductOptions, type ResolvedOptions } from '../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { countUnmoved, hasSealed, insertOrLockProduct, type ProductRow, updateProduct } from './chain/subscription.sql.js';

/** The products that the options list, and their standing in the ledger. */
@Injectable()
export class ProductCatalog {
  private readonly logger = new Logger('MarketplaceProducts');
  private readonly byCode: ReadonlyMap<string, ProductOptions>;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {
    this.byCode = new Map(options.products.map((product) => [product.productCode, product]));
  }

  get all(): readonly ProductOptions[] {
    return this.options.products;
  }

  get(productCode: string): ProductOptions | undefined {
    return this.byCode.get(productCode);
  }

  /**
   * Brings the ledger's products in line with the options, all or none. A product that is no longer listed keeps its row: its records still go out.
   * @throws MarketplaceMeteringError `PRODUCT_PINNED` when region or type changed, or the identity after a record was sealed;
   * `PRODUCT_LIVE_FROM_REQUIRED` when a product goes live without saying from which hour.
   */
  async sync(): Promise<void> {
    await this.database.transaction(async (tx) => {
      // In a fixed order, so that two replicas that start at once cannot wait for each other.
      const products = [...this.all].sort((a, b) => (a.productCode < b.productCode ? -1 : 1));
      for (const product of products) await this.syncOne(tx, product);
    });
  }

  private async syncOne(tx: SqlExecutor, product: ProductOptions): Promise<void> {
    const { productCode, mode, identity } = product;
    // Listed as live from the start, but from an hour on: what lies before that hour is planned and not billed.
    const opening = mode === 'live' && product.liveFrom ? { liveFrom: product.liveFrom, modeBeforeLive: 'dry-run' } : ALWAYS;
    const stored = await insertOrLockProduct(tx, this.options.sellerAccount, { ...product, ...opening });
    if (!stored) return;
    refuseUnpinned(product, stored);
    if (stored.identity !== identity) await this.refuseOtherIdentity(tx, product, stored);
    if (stored.mode === mode) {
      this.warnOfOtherHour(product, stored);
      const standing = { mode, liveFrom: stored.live_from, modeBeforeLive: stored.mode_before_live };
      if (stored.identity !== identity) await updateProduct(tx, this.options.sellerAccount, productCode, { identity, ...standing });
      return;
    }
    const change = mode === 'live' ? { liveFrom: liveFromOf(product, stored), modeBeforeLive: stored.mode } : ALWAYS;
    await updateProduct(tx, this.options.sellerAccount, productCode, { identity, mode, ...change });
    this.logger.log(`product ${productCode} goes from ${stored.mode} to ${mode}`, { liveFrom: change.liveFrom?.toISOString() ?? null });
  }

  /** From legacy to license leads a way: each subscription moves at an hour of its own, then the product may follow. */
  private async refuseOtherIdentity(tx: SqlExecutor, product: ProductOptions, stored: ProductRow): Promise<void> {
    const { sellerAccount } = this.options;
    if (!(await hasSealed(tx, sellerAccount, product.productCode))) return;
    const unmoved = stored.identity === 'legacy' ? await countUnmoved(tx, sellerAccount, product.productCode) : null;
    if (unmoved === 0) return;
    const why =
      'records are sealed under it, and the same hour under both would be billed twice' +
      (unmoved === null
        ? ''
        : `; ${unmoved} subscription(s) are still metered by it: move them first (LicenseMigration, docs/license-migration.md)`);
    throw pinned(product, 'identity', stored.identity, why);
  }

  private warnOfOtherHour(product: ProductOptions, stored: ProductRow): void {
    if (product.mode !== 'live' || !product.liveFrom || product.liveFrom.getTime() === stored.live_from?.getTime()) return;
    this.logger.warn(
      `product ${product.productCode} is live already, ${stored.live_from ? `from ${stored.live_from.toISOString()}` : 'since it was first listed'}: ` +
        `liveFrom ${product.liveFrom.toISOString()} changes nothing. Remove it, or set the mode to dry-run first.`,
    );
  }
}

const ALWAYS = { liveFrom: null, modeBeforeLive: null };

function refuseUnpinned(product: ProductOptions, stored: ProductRow): void {
  if (stored.region !== product.region) throw pinned(product, 'region', stored.region, 'AWS tells repeats apart per region');
  if (stored.type !== product.type) throw pinned(product, 'type', stored.type, 'it decides which operation meters');
}

function pinned(product: ProductOptions, field: 'region' | 'type' | 'identity', stored: string, why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'PRODUCT_PINNED',
    `Product ${product.productCode} was first used with ${field} "${stored}" and cannot change to "${product[field]}": ${why}. ` +
      `Set products[].${field} (MARKETPLACE_PRODUCTS) back to "${stored}".`,
  );
}

function liveFromOf(product: ProductOptions, stored: ProductRow): Date {
  if (product.liveFrom) return product.liveFrom;
  throw new MarketplaceMeteringError(
    'PRODUCT_LIVE_FROM_REQUIRED',
    `Product ${product.productCode} goes from "${stored.mode}" to "live". Say from which hour its usage is billed: set ` +
      'products[].liveFrom (MARKETPLACE_PRODUCTS) to the start of a UTC hour, for example "2026-12-01T00:00:00Z".',
  );
}
