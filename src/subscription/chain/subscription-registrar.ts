import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { earliest } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type MessageOrigin } from '../inbox/lifecycle-event.js';
import { LifecycleInbox } from '../inbox/lifecycle-inbox.js';
import { settleMessage } from '../inbox/message.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { accountsOf, type NamedByAws } from './aws-names.js';
import { selectBuyer } from './buyer.sql.js';
import { type Entered, FactEntry } from './fact-entry.js';
import { currentTenantOf } from './chain-reading.js';
import { askAbout } from './next-ask.sql.js';
import { completeRegistration } from './subscription.sql.js';

/** A buyer as AWS named them, and what their browser brought along. */
export interface Arrival extends NamedByAws {
  productCode: string;
  /** Tells arrivals apart: the same token is the same arrival, however often it comes. */
  messageId: string;
  offerType: string | null;
  /** Further `x-amzn-marketplace-*` fields of the form. */
  fields: Readonly<Record<string, string>>;
  /** Buys since then at the latest, by the host's word; absent: since now. */
  since?: Date;
}

export interface Registered {
  id: string;
  productCode: string;
  tenantId: string | null;
}

const FIELDS_MAX = 20;

/**
 * Finds the one subscription that a buyer arrived for, or enters it: a fact like others, through the same rules as
 * AWS's messages.
 */
@Injectable()
export class SubscriptionRegistrar {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly products: ProductCatalog,
    private readonly entry: FactEntry,
    private readonly inbox: LifecycleInbox,
  ) {}

  /**
   * @param tx a READ COMMITTED transaction: what another committed while this one waited must be seen.
   * @throws MarketplaceMeteringError `PRODUCT_UNKNOWN`; `SUBSCRIPTION_IDENTITY_INCOMPLETE` when nothing in the arrival
   * could find the subscription again; `SUBSCRIPTION_IDENTITY_CONFLICT` when the ledger knows the same agreement with
   * another buyer.
   */
  async arrive(
    arrival: Arrival,
    tx: LedgerSql,
    origin: Extract<MessageOrigin, 'registration' | 'host'> = 'registration',
  ): Promise<Registered> {
    const { sellerAccount, clock } = this.options;
    this.refuseNameless(arrival);
    const at = clock.now();
    const { productCode, messageId, offerType, fields, since } = arrival;
    const details = since === undefined ? {} : { since: earliest(since, at).toISOString() };
    const event = { type: 'buyer.registered' as const, at, about: spokenOf(arrival), details };
    const isNewAccount = await this.isNewAccount(arrival, tx);
    await this.inbox.enter([{ origin, messageId, via: origin, body: '', content: { event } }], tx);
    const entered = await this.entry.enter(tx, { event, origin, messageId, heardAt: at });
    const id = arrivedAt(entered);
    if (id === null || entered.projected === null) throw new Error('an arrival left no subscription behind');
    await settleMessage(tx, sellerAccount, { origin, messageId }, { state: 'applied', subscriptionId: id }, at);
    await completeRegistration(tx, sellerAccount, id, { offerType, fields, at, fieldsMax: FIELDS_MAX });
    // What AWS says of it may come late, or never: it is asked. Asked without the account, it has listed nothing.
    const row = entered.projected.chains.subscriptions.find((subscription) => subscription.id === id);
    if (row?.state === 'registered' || (isNewAccount && row?.askedAt !== null)) {
      await askAbout(tx, sellerAccount, [id], at);
    }
    return { id, productCode, tenantId: currentTenantOf(id, entered.projected.chains, at) };
  }

  /** The buyer was known by CustomerIdentifier alone, as the SNS topics name him, or not at all. */
  private async isNewAccount(arrival: Arrival, tx: LedgerSql): Promise<boolean> {
    const accounts = accountsOf(arrival);
    const { sellerAccount } = this.options;
    return accounts.length > 0 && (await selectBuyer(tx, sellerAccount, arrival.productCode, accounts)) === null;
  }

  private refuseNameless({
    productCode,
    licenseArn,
    agreementId,
    customerAwsAccountId,
    customerIdentifier,
  }: Arrival): void {
    const product = this.products.get(productCode);
    if (!product) {
      throw new MarketplaceMeteringError(
        'PRODUCT_UNKNOWN',
        `Product ${productCode} is not listed: add it to products (MARKETPLACE_PRODUCTS).`,
      );
    }
    const isNamed = licenseArn !== undefined || agreementId !== undefined;
    if (
      product.identity === 'license'
        ? isNamed
        : isNamed || customerAwsAccountId !== undefined || customerIdentifier !== undefined
    )
      return;
    throw new MarketplaceMeteringError(
      'SUBSCRIPTION_IDENTITY_INCOMPLETE',
      product.identity === 'license'
        ? `AWS named no LicenseArn for a buyer of product ${productCode}, which is metered by license, and its ` +
            'messages have not named one with this buyer. ' +
            'If the listing has no licenses, set products[].identity to "legacy" (MARKETPLACE_PRODUCTS).'
        : `AWS named neither account, CustomerIdentifier nor LicenseArn for a buyer of product ${productCode}.`,
    );
  }
}

function spokenOf({ productCode, licenseArn, agreementId, customerAwsAccountId, customerIdentifier }: Arrival) {
  return {
    productCode,
    ...(licenseArn === undefined ? {} : { licenseArn }),
    ...(agreementId === undefined ? {} : { agreementId }),
    ...(customerAwsAccountId === undefined ? {} : { customerAwsAccountId }),
    ...(customerIdentifier === undefined ? {} : { customerIdentifier }),
  };
}

function arrivedAt({ outcome }: Entered): string | null {
  return outcome.state === 'applied' ? outcome.subscriptionId : null;
}
