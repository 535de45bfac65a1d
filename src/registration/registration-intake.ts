import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type CallFailure } from '../aws/aws-error.js';
import { type CustomerAnswer, CustomerGateway, type ResolvedCustomer } from '../aws/customer-gateway.js';
import { ClockGuard } from '../database/clock-guard.js';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { type MarketplaceErrorCode, MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type Alert, AlertBoard } from '../events/alert-board.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../runtime/clock.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { Waker } from '../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { digestOf } from '../subscription/chain/aws-names.js';
import { SubscriptionRegistrar } from '../subscription/chain/subscription-registrar.js';
import { ProductCatalog } from '../subscription/product-catalog.js';
import { ArrivalBudget } from './arrival-budget.js';
import { bindToBrowser } from './browser-binding.js';
import { RedirectPolicy } from './redirect-policy.js';
import { hashOf, mintCode } from './registration-code.js';
import { type RegistrationForm } from './registration-form.js';
import { isRefusalCode, RegistrationRefusedError } from './registration-refusal.js';
import {
  hasLicenses,
  insertCode,
  limitLockWait,
  selectAgreementsOfAccount,
  selectSubscriptionOfToken,
} from './registration.sql.js';

// The longest life of a token that AWS names. For as long, a token of which AWS says that it is spent stands for what
// it was resolved to.
const TOKEN_LIFE_MS = 4 * HOUR_MS;
const DUPLICATE_WAIT_MS = 1000;
/** AWS documents no form; no line break or control character has ever been in one, nor 8,000 characters. */
const TOKEN = /^[^\p{Cc}]{1,8000}$/u;
/** What was brought was no buyer's. */
const VAIN: ReadonlySet<MarketplaceErrorCode> = new Set(['TOKEN_INVALID', 'TOKEN_EXPIRED']);
const SETUP_SUBJECT = 'ResolveCustomer';
/** What the SDK calls it where it has found no credentials. */
const NO_CREDENTIALS: ReadonlySet<string> = new Set(['CredentialsProviderError', 'TokenProviderError']);

/** Where an arriving buyer goes, and what its browser keeps for the claim. */
export interface Redirection {
  url: URL;
  /** Value of a Set-Cookie header; null where codes are bound to no browser. */
  setCookie: string | null;
}

/** A code that is not given to anybody yet. */
interface NewCode {
  code: string;
  tokenHash: Buffer;
  browserHash: Buffer | null;
}

interface Arrived {
  id: string;
  productCode: string;
  tenantId: string | null;
}

/**
 * From a token to a URL with a registration code. The token is resolved at once and forgotten: AWS's own texts differ
 * on how long and how often it can be used, so the second POST of a token (a double click, a reload) is answered from
 * what the first one found.
 */
@Injectable()
export class RegistrationIntake {
  private readonly logger = new Logger('MarketplaceRegistration');
  private readonly resolving = new SingleFlight<CustomerAnswer>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly customers: CustomerGateway,
    private readonly products: ProductCatalog,
    private readonly registrar: SubscriptionRegistrar,
    private readonly budget: ArrivalBudget,
    private readonly redirects: RedirectPolicy,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    private readonly guard: ClockGuard,
  ) {}

  /**
   * @param client whom it counts against when it leads nowhere
   * @throws RegistrationRefusedError for everything that a page can explain
   */
  async receive(form: RegistrationForm, client: string): Promise<Redirection> {
    if (form.token === null) throw new RegistrationRefusedError('TOKEN_MISSING');
    // Nothing that AWS hands out: it is not asked.
    if (!TOKEN.test(form.token)) throw new RegistrationRefusedError('TOKEN_INVALID');
    // The code is dated, and so is the arrival.
    await this.guard.settled();
    const tokenHash = hashOf(form.token);
    const answer = await this.resolveOnce(form.token, tokenHash, client);
    const code = mintCode();
    const binding = bindToBrowser(code, this.options);
    const issued = { code, tokenHash, browserHash: binding?.digest ?? null };
    const arrived = await this.register(answer, form, issued).catch((error: unknown) => {
      const isVain = error instanceof RegistrationRefusedError && VAIN.has(error.code);
      if (isVain) this.budget.countVain(client);
      throw error;
    });
    this.waker.wake('reconcile');
    const { id: subscriptionId, productCode, tenantId } = arrived;
    this.logger.log('a buyer has arrived', { subscriptionId, productCode, isLinked: tenantId !== null });
    const offer = form.offerType === null ? {} : { offerType: form.offerType };
    const url = await this.redirects.urlFor({ subscriptionId, productCode, code, tenantId, ...offer });
    return { url, setCookie: binding?.setCookie ?? null };
  }

  /**
   * Two POSTs of one token at the same time ask AWS once: where AWS takes a token only once, the other would be told
   * that it has expired.
   */
  private resolveOnce(token: string, tokenHash: Buffer, client: string): Promise<CustomerAnswer> {
    return this.resolving.share(tokenHash.toString('base64'), () =>
      this.budget.ask(client, () => this.customers.resolve(token)),
    );
  }

  private async register(answer: CustomerAnswer, form: RegistrationForm, code: NewCode): Promise<Arrived> {
    switch (answer.kind) {
      case 'resolved':
        return this.enter(answer.customer, form, code);
      case 'tokenInvalid':
        throw new RegistrationRefusedError('TOKEN_INVALID');
      case 'tokenExpired':
        return this.again(form, code);
      case 'failed':
        throw await this.failed(answer.failure);
    }
  }

  private async enter(customer: ResolvedCustomer, form: RegistrationForm, code: NewCode): Promise<Arrived> {
    const { productCode } = customer;
    if (productCode === undefined)
      throw new RegistrationRefusedError('AWS_UNAVAILABLE', 'ResolveCustomer answered without a ProductCode');
    try {
      return await this.database.transaction(async (tx) => {
        await limitLockWait(tx);
        const named = await this.named(tx, { ...customer, productCode });
        // The same token is the same arrival, however often a browser posts it.
        const arrival = {
          ...named,
          messageId: code.tokenHash.toString('hex'),
          offerType: form.offerType,
          fields: form.fields,
        };
        const registered = await this.registrar.arrive(arrival, tx);
        await this.issue(tx, registered.id, form, code);
        for (const subject of [SETUP_SUBJECT, registrationOf(productCode)])
          await this.alerts.resolve(tx, 'setupError', subject);
        return registered;
      });
    } catch (error) {
      if (!(error instanceof MarketplaceMeteringError) || !isRefusalCode(error.code)) throw error;
      const message =
        error.code === 'SUBSCRIPTION_IDENTITY_INCOMPLETE' ? await this.adviceOnLicenses(productCode) : error.message;
      await this.raise({ kind: 'setupError', subject: registrationOf(productCode), severity: 'critical', message });
      throw new RegistrationRefusedError(error.code, message);
    }
  }

  /**
   * AWS may name no license where a listing has them (one from before licenses, whose buyers were moved). Where its
   * messages have named license and account of one running agreement, that is the one that the buyer came for.
   */
  private async named(
    tx: LedgerSql,
    customer: ResolvedCustomer & { productCode: string },
  ): Promise<ResolvedCustomer & { productCode: string; agreementId?: string }> {
    const { productCode, licenseArn, customerAwsAccountId } = customer;
    const isMetered = this.products.get(productCode)?.identity === 'license';
    if (!isMetered || licenseArn !== undefined || customerAwsAccountId === undefined) return customer;
    const agreements = await selectAgreementsOfAccount(
      tx,
      this.options.sellerAccount,
      productCode,
      digestOf(customerAwsAccountId),
    );
    const [agreement, ...others] = agreements.filter((one) => one.license_arn !== null);
    if (!agreement || others.length > 0) return customer;
    const { license_arn: known, agreement_id: agreementId } = agreement;
    return {
      ...customer,
      ...(known === null ? {} : { licenseArn: known }),
      ...(agreementId === null ? {} : { agreementId }),
    };
  }

  /** What would do harm is not advised: where licenses are known, metering by product code beside them bills twice. */
  private async adviceOnLicenses(productCode: string): Promise<string> {
    const { identity } = this.products.get(productCode) ?? { identity: 'legacy' as const };
    const what = `A buyer of product ${productCode} cannot register: ResolveCustomer names `;
    if (identity === 'legacy')
      return `${what}neither account, CustomerIdentifier nor LicenseArn. Ask AWS Marketplace Seller Operations.`;
    const setting = 'products[].identity (MARKETPLACE_PRODUCTS)';
    if (await hasLicenses(this.database, this.options.sellerAccount, productCode)) {
      return (
        `${what}no LicenseArn, and the product is metered by license. Other agreements of it have licenses, so ` +
        `leave ${setting} at "license". As soon as ` +
        'AWS’s messages (License Updated, by EventBridge) name license and account of this buyer, “Set up your ' +
        'account” lets them in; check that a way in ' +
        'for them is configured, or ask AWS Marketplace Seller Operations.'
      );
    }
    return (
      `${what}no LicenseArn, but ${setting} says that the product is metered by license. Nobody has registered ` +
      'by license yet: if the listing is from ' +
      'before June 2026 and Concurrent Agreements are not turned on for it, set it to "legacy"; later ' +
      'LicenseMigration moves it to licenses.'
    );
  }

  /**
   * AWS says that the token is spent. If it was spent here, the buyer is known; another replica may be about to commit
   * the same.
   */
  private async again(form: RegistrationForm, code: NewCode): Promise<Arrived> {
    for (const waitMs of [0, DUPLICATE_WAIT_MS]) {
      if (waitMs > 0) await delay(waitMs);
      const now = this.options.clock.now();
      const known = await this.database.transaction(async (tx) => {
        const row = await selectSubscriptionOfToken(tx, this.options.sellerAccount, code.tokenHash, {
          since: plusMs(now, -TOKEN_LIFE_MS),
          now,
        });
        if (row) await this.issue(tx, row.id, form, code);
        return row;
      });
      if (known) return { id: known.id, productCode: known.product_code, tenantId: known.tenant_id };
    }
    throw new RegistrationRefusedError('TOKEN_EXPIRED');
  }

  private async issue(
    tx: LedgerSql,
    subscriptionId: string,
    { offerType }: RegistrationForm,
    { code, tokenHash, browserHash }: NewCode,
  ): Promise<void> {
    const createdAt = this.options.clock.now();
    await insertCode(tx, this.options.sellerAccount, {
      ...{ codeHash: hashOf(code), subscriptionId, tokenHash, browserHash, offerType },
      ...{ createdAt, expiresAt: plusMs(createdAt, this.options.codeTtlMs) },
    });
  }

  private async failed(failure: CallFailure): Promise<RegistrationRefusedError> {
    const detail = `ResolveCustomer failed: ${failure.code}: ${failure.message} (request ${failure.requestId ?? 'unknown'})`;
    if (failure.kind === 'throttled') return new RegistrationRefusedError('AWS_THROTTLED', detail);
    // An answer that is none, or none at all: a gateway says 502 of the first and 503 of the second.
    const status = failure.httpStatus === null ? 503 : 502;
    if (failure.kind !== 'setUp') return new RegistrationRefusedError('AWS_UNAVAILABLE', detail, { status });
    await this.raise({
      kind: 'setupError',
      subject: SETUP_SUBJECT,
      severity: 'critical',
      message:
        `Buyers cannot register: ResolveCustomer fails (${failure.code}: ${failure.message}). Check that there are ` +
        'credentials (the default chain of the SDK, aws.credentials or aws.assumeRole), that they belong to the account ' +
        'that published the product and allow aws-marketplace:ResolveCustomer, and that the network reaches AWS.',
    });
    // Where nobody answered the next try may find somebody, whatever stood in the way of this one; but credentials that
    // are not there do not come by themselves.
    const mayPass = failure.httpStatus === null && !NO_CREDENTIALS.has(failure.code);
    return mayPass
      ? new RegistrationRefusedError('AWS_UNAVAILABLE', detail, { status })
      : new RegistrationRefusedError('AWS_SETUP', detail);
  }

  /** The buyer's page does not depend on it. */
  private async raise(alert: Alert): Promise<void> {
    await this.alerts.raise(this.database, alert).catch((error: unknown) => {
      this.logger.error(`an alert could not be stored: ${(error as Error).message}; it says: ${alert.message}`);
    });
  }
}

function registrationOf(productCode: string): string {
  return `registration of ${productCode}`;
}
