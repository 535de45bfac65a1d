import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { billedDimensionOf } from '../options/included-pairing.js';
import {
  hasRecords,
  type ProductMode,
  type ResolvedOptions,
  type ResolvedProduct,
} from '../options/resolved-options.js';
import { hourOf, plusMs } from '../runtime/clock.js';
import { byText } from '../runtime/order.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { enterInstallation, installationIdOf } from './chain/installation.js';
import { dimensionsInDoubt, isOtherUnit, type OpenBook } from './dimension-unit.js';
import { differingSettings, includedUnitsIn, moneySettingsOf, settingsStanding } from './money-settings.js';
import { modeAt, planModes } from './product-mode.js';
import { insertModes, selectModes } from './product-mode.sql.js';
import {
  countUnmoved,
  hasSealed,
  insertDimensions,
  insertOrLockProduct,
  insertSettings,
  type ProductRow,
  selectOpenBooks,
  selectSettingsHistory,
  updateBilledAs,
  updateIdentity,
} from './product.sql.js';

/** The products that the options list, and their standing in the ledger. */
@Injectable()
export class ProductCatalog {
  private readonly logger = new Logger('MarketplaceProducts');
  private readonly byCode: ReadonlyMap<string, ResolvedProduct>;

  private readonly installations: ReadonlyMap<string, string>;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {
    const installed = options.products.filter(({ type }) => type !== 'saas').map(({ productCode }) => productCode);
    this.installations = new Map(installed.map((code) => [code, installationIdOf(options.sellerAccount, code)]));
    this.byCode = new Map(options.products.map((product) => [product.productCode, product]));
  }

  get all(): readonly ResolvedProduct[] {
    return this.options.products;
  }

  get(productCode: string): ResolvedProduct | undefined {
    return this.byCode.get(productCode);
  }

  /** The subscription under which usage of a product in its buyer's account is recorded; null for a `saas` product. */
  installationOf({ productCode }: ResolvedProduct): string | null {
    return this.installations.get(productCode) ?? null;
  }

  /** Listed products that declare a dimension, in the order of the options. */
  withDimension(name: string): readonly ResolvedProduct[] {
    return this.all.filter((product) => product.dimensions.includes(name));
  }

  /**
   * Brings the ledger's products, their dimensions and modes in line with the options, all or none. A product that is
   * no longer listed keeps its row: its records still go out. Settings that are not those in force change nothing but
   * which dimensions there are.
   * @throws MarketplaceMeteringError `PRODUCT_PINNED` when region or type changed, or the identity after a record was
   * sealed, or the unit in which a dimension is sold while some of it is carried; `PRODUCT_LIVE_FROM_REQUIRED` when a product goes live without saying from which hour;
   * `PRODUCT_LIVE_FROM_PAST` when that hour is over.
   */
  async sync(): Promise<void> {
    await this.database.transaction(async (tx) => {
      // In a fixed order, so that two replicas that start at once cannot wait for each other.
      const products = [...this.all].sort((a, b) => byText(a.productCode, b.productCode));
      for (const product of products) await this.syncOne(tx, product);
    });
  }

  private async syncOne(tx: LedgerSql, product: ResolvedProduct): Promise<void> {
    const { sellerAccount } = this.options;
    const { productCode, identity } = product;
    const stored = await insertOrLockProduct(tx, sellerAccount, product);
    if (stored) refuseUnpinned(product, stored);
    const isInForce = await this.bringIntoForce(tx, product);
    if (stored && isInForce) {
      if (stored.identity !== identity) {
        await this.refuseOtherIdentity(tx, product, stored);
        await updateIdentity(tx, sellerAccount, productCode, identity);
      }
    }
    const billed = new Map(product.dimensions.map((name) => [name, billedDimensionOf(product, name)]));
    await insertDimensions(tx, sellerAccount, productCode, [...new Set([...billed.keys(), ...billed.values()])]);
    if (!isInForce) return;
    await this.refuseOtherUnit(tx, product);
    await updateBilledAs(
      tx,
      sellerAccount,
      productCode,
      [...billed].map(([name, as]) => ({ name, as: as === name ? null : as })),
    );
    await this.syncModes(tx, product);
    if (product.type !== 'saas' && hasRecords(product)) {
      const now = this.options.clock.now();
      const startsAt = plusMs(now, -this.options.recording.idempotencyHorizonMs);
      await enterInstallation(tx, sellerAccount, productCode, { startsAt, now });
    }
  }

  /** @returns whether the settings of this process are in force: they were, or are from now on */
  private async bringIntoForce(tx: LedgerSql, product: ResolvedProduct): Promise<boolean> {
    const { sellerAccount, settingsRevision: revision } = this.options;
    const { productCode } = product;
    const settings = moneySettingsOf(this.options, product);
    const generations = await selectSettingsHistory(tx, sellerAccount, productCode);
    const standing = settingsStanding({ revision, settings }, generations);
    if (standing !== 'newer') return standing === 'inForce';
    const [before] = generations;
    const generation = (before?.generation ?? 0) + 1;
    const now = this.options.clock.now();
    await insertSettings(tx, sellerAccount, productCode, { generation, revision, settings }, now);
    if (before) {
      const changes = differingSettings(settings, before.settings, 'before');
      if (revision !== before.revision) changes.push(`settingsRevision: here ${revision}, before ${before.revision}`);
      this.logger.warn(`product ${productCode} has other settings from this start on: ${changes.join('; ')}`, {
        generation,
      });
    }
    return true;
  }

  private async syncModes(tx: LedgerSql, product: ResolvedProduct): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const { productCode, mode, liveFrom } = product;
    const now = clock.now();
    const stored = (await selectModes(tx, sellerAccount, [productCode])).get(productCode) ?? [];
    const plan = planModes(stored, { mode, liveFrom }, now);
    if ('refused' in plan)
      throw plan.refused === 'liveFromMissing'
        ? liveFromMissing(product)
        : liveFromPast(product, plan.mode, hourOf(now));
    await insertModes(tx, sellerAccount, productCode, plan.rows);
    for (const { from, mode: next } of stored.length === 0 ? [] : plan.rows) {
      this.logger.log(`product ${productCode} is ${next} from ${from?.toISOString() ?? 'the beginning'}`);
    }
    if (mode === 'live' && liveFrom && liveFrom > now && stored.length > 0 && modeAt(stored, now) === 'live') {
      this.logger.warn(
        `product ${productCode} is live already: liveFrom ${liveFrom.toISOString()} changes nothing. Remove it, ` +
          'or set the mode to dry-run first.',
      );
    }
  }

  /** What is carried of a dimension, a part of a block, would be sold together with units of another kind. */
  private async refuseOtherUnit(tx: LedgerSql, product: ResolvedProduct): Promise<void> {
    const { sellerAccount } = this.options;
    const { productCode, includedUnits } = product;
    const generations = await selectSettingsHistory(tx, sellerAccount, productCode);
    const doubtful = dimensionsInDoubt(
      product,
      generations.map(({ settings }) => includedUnitsIn(settings)),
    );
    if (doubtful.length === 0) return;
    const books = await selectOpenBooks(tx, sellerAccount, productCode, doubtful);
    const other = books.find((book) => isOtherUnit(book, includedUnits));
    if (other) throw otherUnit(product, other);
  }

  /** From legacy to license leads a way: each subscription moves at an hour of its own, then the product may follow. */
  private async refuseOtherIdentity(tx: LedgerSql, product: ResolvedProduct, stored: ProductRow): Promise<void> {
    const { sellerAccount } = this.options;
    if (!(await hasSealed(tx, sellerAccount, product.productCode))) return;
    const unmoved = stored.identity === 'legacy' ? await countUnmoved(tx, sellerAccount, product.productCode) : null;
    if (unmoved === 0) return;
    const why =
      'records are sealed under it, and the same hour under both would be billed twice' +
      (unmoved === null
        ? ''
        : `; ${unmoved} subscription(s) are still metered by it: move them first (LicenseMigration, ` +
          'docs/license-migration.md)');
    throw pinned(product, 'identity', stored.identity, why);
  }
}

function refuseUnpinned(product: ResolvedProduct, stored: ProductRow): void {
  if (product.type === 'saas' && stored.type === 'saas' && stored.region !== product.region)
    throw pinned(product, 'region', stored.region, 'AWS tells repeats apart per region');
  if (stored.type !== product.type) throw pinned(product, 'type', stored.type, 'it decides which operation meters');
}

function pinned(
  product: ResolvedProduct,
  field: 'region' | 'type' | 'identity',
  stored: string,
  why: string,
): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'PRODUCT_PINNED',
    `Product ${product.productCode} was first used with ${field} "${stored}" and cannot change to ` +
      `"${product[field]}": ${why}. ` +
      `Set products[].${field} (MARKETPLACE_PRODUCTS) back to "${stored}".`,
  );
}

function otherUnit(
  { productCode, includedUnits }: ResolvedProduct,
  { dimension, block, covers, carry, periods }: OpenBook & { carry: string; periods: number },
): MarketplaceMeteringError {
  const now = includedUnits.find(({ excessDimension }) => excessDimension === dimension);
  const [was, is] = [
    { block, covers: covers ?? (block === 1 ? [dimension] : ['another dimension']) },
    now ?? { block: 1, covers: [dimension] },
  ].map((unit) => `${unit.block} of ${unit.covers.join(' or ')}`);
  return new MarketplaceMeteringError(
    'PRODUCT_PINNED',
    `Product ${productCode} has sold dimension "${dimension}" by ${was}, and would sell it by ${is}: ` +
      `${periods} agreement(s) carry ${carry} that fill no unit, or have records under way, and these would be sold ` +
      'as units of the other kind. Give the new kind a dimension of its own at AWS and in products[] ' +
      '(MARKETPLACE_PRODUCTS), or change it once those agreements are closed.',
  );
}

const GIVE_HOUR = 'set products[].liveFrom (MARKETPLACE_PRODUCTS) to the start of a UTC hour';

function liveFromMissing({ productCode }: ResolvedProduct): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'PRODUCT_LIVE_FROM_REQUIRED',
    `Product ${productCode} goes live. Say from which hour its usage is billed: ${GIVE_HOUR}, for example ` +
      '"2026-12-01T00:00:00Z".',
  );
}

function liveFromPast(
  { productCode, liveFrom }: ResolvedProduct,
  mode: ProductMode,
  hour: Date,
): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'PRODUCT_LIVE_FROM_PAST',
    `Product ${productCode} cannot go live from ${liveFrom?.toISOString()}: it was "${mode}" since, and what ` +
      'such hours hold is billed only where a ' +
      `person decides so. To go live from the running hour or later, ${GIVE_HOUR}, "${hour.toISOString()}" or later.`,
  );
}
