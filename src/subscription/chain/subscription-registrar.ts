import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type SqlExecutor } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { hourOf } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { ProductCatalog } from '../product-catalog.js';
import { LifeWriter } from './projection.js';
import { moveMessages, wakeWaiting } from './lifecycle.sql.js';
import { aliasesOf, licenseIdOf, nameOf, type SubscriptionAlias, type SubscriptionIdentity } from './subscription-aliases.js';
import {
  completeSubscription,
  insertAliases,
  insertSubscription,
  lockAliases,
  lockSealCursors,
  mergeInto,
  type RegistrarRow,
  selectByAliases,
  selectSealedAmong,
} from './subscription.sql.js';

/** A buyer as AWS named them, and what their browser brought along. */
export interface Registrant extends SubscriptionIdentity {
  offerType: string | null;
  /** Further `x-amzn-marketplace-*` fields of the form. */
  fields: Readonly<Record<string, string>>;
  /** The buyer has just come with a token never seen before: a customer whose subscription has ended has then subscribed anew. */
  isNewArrival?: boolean;
}

export interface Registered {
  id: string;
  productCode: string;
  tenantId: string | null;
  created: boolean;
}

const FIELDS_MAX = 20;

/** Finds the one subscription behind an identity, or enters it. What stands in the ledger is added to, never reset. */
@Injectable()
export class SubscriptionRegistrar {
  private readonly logger = new Logger('MarketplaceSubscriptions');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly products: ProductCatalog,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly life: LifeWriter,
  ) {}

  /**
   * @param tx a READ COMMITTED transaction: what another registrar committed while this one waited must be seen.
   * @throws MarketplaceMeteringError `PRODUCT_UNKNOWN`; `SUBSCRIPTION_IDENTITY_INCOMPLETE` when nothing in the identity could find the
   * subscription again; `SUBSCRIPTION_IDENTITY_CONFLICT` when the ledger knows the same agreement with another product or buyer.
   */
  async findOrCreate(registrant: Registrant, tx: SqlExecutor): Promise<Registered> {
    const { sellerAccount } = this.options;
    const product = this.products.get(registrant.productCode);
    if (!product) {
      throw new MarketplaceMeteringError(
        'PRODUCT_UNKNOWN',
        `Product ${registrant.productCode} is not listed: add it to products (MARKETPLACE_PRODUCTS).`,
      );
    }
    const names = aliasesOf(registrant, product.identity);
    if (names.length === 0) throw incomplete(registrant.productCode, product.identity);

    await lockAliases(tx, sellerAccount, names);
    const { found, aliases, licenseFrom } = this.apartFromMoved(await selectByAliases(tx, sellerAccount, names), names, registrant);
    const stranger = found.find((row) => conflicts(row, registrant, product.identity));
    if (stranger) {
      throw new MarketplaceMeteringError(
        'SUBSCRIPTION_IDENTITY_CONFLICT',
        `AWS names subscription ${stranger.id} with another product, license or buyer than the ledger does. Compare both in the AWS ` +
          'Marketplace Management Portal before anything is changed.',
      );
    }
    const [first] = found;
    if (!first) return this.create(tx, registrant, aliases, licenseFrom);
    const row =
      found.length === 1
        ? first
        : await this.merge(
            tx,
            found.map(({ id }) => id),
            aliases,
          );
    if (row.state === 'ended' && registrant.isNewArrival === true && product.identity === 'legacy') {
      const id = await this.life.succeed(tx, { id: row.id, productCode: row.product_code }, ['customerIdentifier', 'account', 'license']);
      return { id, productCode: row.product_code, tenantId: row.tenant_id, created: true };
    }
    await this.complete(tx, row, registrant);
    // Where a merge was refused, the names of the other row stay where they are.
    if (row.alias_kinds.length < aliases.length) await this.name(row.id, aliases, tx);
    return { id: row.id, productCode: row.product_code, tenantId: row.tenant_id, created: false };
  }

  /** Adds names to a subscription; messages that waited for one of them are filed now. */
  async name(id: string, aliases: readonly SubscriptionAlias[], tx: SqlExecutor): Promise<void> {
    await lockAliases(tx, this.options.sellerAccount, aliases);
    await insertAliases(tx, this.options.sellerAccount, id, aliases);
    await wakeWaiting(tx, this.options.sellerAccount, aliases.map(nameOf));
  }

  /**
   * A legacy customer who was moved to licenses may hold several agreements, as anybody metered by license: another license under the same customer is
   * another subscription, by license from its first hour.
   */
  private apartFromMoved(
    rows: readonly RegistrarRow[],
    names: readonly SubscriptionAlias[],
    registrant: Registrant,
  ): { found: readonly RegistrarRow[]; aliases: readonly SubscriptionAlias[]; licenseFrom: Date | null } {
    const given = registrant.licenseArn ?? registrant.licenseName;
    const isOther = ({ license_from: from, license_arn: arn }: RegistrarRow): boolean =>
      from !== null && arn !== null && given !== undefined && licenseIdOf(arn) !== licenseIdOf(given);
    if (!rows.some(isOther)) return { found: rows, aliases: names, licenseFrom: null };
    const aliases = names.filter(({ kind }) => kind === 'license' || kind === 'agreement');
    return { found: rows.filter((row) => !isOther(row)), aliases, licenseFrom: hourOf(this.options.clock.now()) };
  }

  private async create(
    tx: SqlExecutor,
    registrant: Registrant,
    aliases: readonly SubscriptionAlias[],
    licenseFrom: Date | null,
  ): Promise<Registered> {
    const { productCode, offerType } = registrant;
    const id = uuidv7();
    const at = this.options.clock.now();
    await insertSubscription(tx, this.options.sellerAccount, {
      ...registrant,
      id,
      fields: boundedFields({}, registrant.fields),
      at,
      licenseFrom,
    });
    await this.name(id, aliases, tx);
    await this.outbox.append(tx, [
      { type: 'subscription.registered', subscriptionId: id, payload: { productCode, offerType }, occurredAt: at },
    ]);
    return { id, productCode, tenantId: null, created: true };
  }

  private async complete(tx: SqlExecutor, row: RegistrarRow, registrant: Registrant): Promise<void> {
    const fields = boundedFields(row.registration_fields, registrant.fields);
    const isNew =
      (row.license_arn === null && registrant.licenseArn !== undefined) ||
      (row.customer_aws_account_id === null && registrant.customerAwsAccountId !== undefined) ||
      (row.customer_identifier === null && registrant.customerIdentifier !== undefined) ||
      (row.offer_type === null && registrant.offerType !== null) ||
      Object.keys(fields).length > Object.keys(row.registration_fields).length;
    if (!isNew) return;
    await completeSubscription(tx, this.options.sellerAccount, row.id, { ...registrant, fields });
    if (row.offer_type === null && registrant.offerType !== null) await this.life.rewrite(tx, row.id);
  }

  /**
   * Several rows turned out to be one agreement. They become one while at most one of them has sealed: units sealed under two rows may be billed
   * twice already, and only a person can tell.
   */
  private async merge(tx: SqlExecutor, ids: readonly string[], aliases: readonly SubscriptionAlias[]): Promise<RegistrarRow> {
    const { sellerAccount } = this.options;
    // Cursors before rows, as a sealer takes them.
    await lockSealCursors(tx, sellerAccount, [...ids].sort());
    const found = await selectByAliases(tx, sellerAccount, aliases, 'forMerge');
    const sealed = await selectSealedAmong(tx, sellerAccount, ids);
    const tenants = new Set(found.map((row) => row.tenant_id).filter((tenant) => tenant !== null));
    const why = sealed.size > 1 ? 'both have sealed records' : tenants.size > 1 ? 'they are linked to different tenants' : null;
    if (why !== null) return this.refuseMerge(tx, found, aliases, why);

    const winner = found.find((row) => sealed.has(row.id)) ?? found.find((row) => row.tenant_id !== null) ?? found[0];
    if (!winner) throw new RangeError('a merge needs rows');
    for (const loser of found) {
      if (loser.id === winner.id) continue;
      await mergeInto(tx, sellerAccount, winner.id, loser.id);
      await moveMessages(tx, sellerAccount, loser.id, winner.id);
      this.logger.log(`subscription ${loser.id} was found to be ${winner.id} and lives on in it`);
    }
    await this.life.rewrite(tx, winner.id);
    const [merged] = await selectByAliases(tx, sellerAccount, aliases);
    return merged ?? winner;
  }

  private async refuseMerge(
    tx: SqlExecutor,
    found: readonly RegistrarRow[],
    aliases: readonly SubscriptionAlias[],
    why: string,
  ): Promise<RegistrarRow> {
    // The name that the product is metered by decides whom the buyer meant; aliases come in that order.
    const kept =
      aliases.map(({ kind }) => found.find((row) => row.alias_kinds.includes(kind))).find((row) => row !== undefined) ?? found[0];
    if (!kept) throw new RangeError('a merge needs rows');
    for (const other of found) {
      if (other.id === kept.id) continue;
      await this.alerts.raise(tx, {
        kind: 'mergeRefused',
        subject: [kept.id, other.id].sort().join(' '),
        severity: 'critical',
        message:
          `Subscriptions ${kept.id} and ${other.id} are one agreement, but ${why}, so they stay apart. Usage recorded under both may be billed ` +
          'twice: record under one of them only, and compare their records with AWS.',
      });
      await this.outbox.append(tx, [
        {
          type: 'subscription.mergeRefused',
          subscriptionId: kept.id,
          payload: { productCode: kept.product_code, otherSubscriptionId: other.id, why },
          occurredAt: this.options.clock.now(),
        },
      ]);
    }
    return kept;
  }
}

/** The first value of a field stays; how many are kept is bounded, because any browser can post any number of forms. */
function boundedFields(kept: Readonly<Record<string, string>>, added: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...added, ...kept })
      .sort(([a], [b]) => Number(b in kept) - Number(a in kept))
      .slice(0, FIELDS_MAX),
  );
}

function conflicts(row: RegistrarRow, identity: SubscriptionIdentity, metered: 'license' | 'legacy'): boolean {
  const differ = (stored: string | null, given: string | undefined): boolean => stored !== null && given !== undefined && stored !== given;
  if (row.product_code !== identity.productCode) return true;
  if (differ(row.customer_aws_account_id, identity.customerAwsAccountId)) return true;
  if (differ(row.customer_identifier, identity.customerIdentifier)) return true;
  // A legacy customer who subscribes anew brings another license: still the same customer of the same product, which is what is metered.
  if (metered === 'legacy' || row.license_arn === null || identity.licenseArn === undefined) return false;
  return licenseIdOf(row.license_arn) !== licenseIdOf(identity.licenseArn);
}

function incomplete(productCode: string, metered: 'license' | 'legacy'): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'SUBSCRIPTION_IDENTITY_INCOMPLETE',
    metered === 'license'
      ? `AWS named no LicenseArn for a buyer of product ${productCode}, which is metered by license. If the listing has no licenses, set ` +
          'products[].identity to "legacy" (MARKETPLACE_PRODUCTS).'
      : `AWS named neither account, CustomerIdentifier nor LicenseArn for a buyer of product ${productCode}.`,
  );
}
