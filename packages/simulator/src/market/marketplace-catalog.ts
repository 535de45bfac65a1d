import { type Agreement, type AgreementStatus, type AgreementIntent, type SubscribeOptions } from './agreement.js';
import { AgreementHistory } from './agreement-history.js';
import {
  type Listing,
  listingDimensions,
  meteringRegions,
  type ProductChange,
  type ProductOptions,
} from './listing.js';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { type SeededRandom } from '../seeded-random.js';

const lowerAlphanumeric = 'abcdefghijklmnopqrstuvwxyz0123456789';

export interface CatalogSnapshot {
  readonly listings: readonly Listing[];
  readonly agreements: PackedDates<readonly Agreement[]>;
  /** What agreements were a while ago. */
  readonly history: PackedDates<readonly Agreement[]>;
}

/** Where an agreement comes from: a purchase, or an agreement before it, perhaps with the license of that. */
export interface Origin {
  readonly intent: AgreementIntent;
  readonly previous?: Agreement;
  readonly licenseArn?: string;
}

/** Ends, and no renewals. */
const ENDS: ReadonlySet<AgreementStatus> = new Set(['CANCELLED', 'EXPIRED', 'TERMINATED', 'ROLLED_BACK']);

/** Everything sold on the simulated marketplace: products, buyers, agreements. */
export class MarketplaceCatalog {
  readonly #listings = new Map<string, Listing>();
  readonly #agreements = new Map<string, Agreement>();
  readonly #byLicenseArn = new Map<string, string>();
  readonly #byAccountId = new Map<string, string[]>();
  readonly #history = new AgreementHistory();
  readonly #customerIdentifiers = new Map<string, string>();
  readonly #accountIds = new Map<string, string>();

  constructor(private readonly random: SeededRandom) {}

  snapshot(): CatalogSnapshot {
    return {
      listings: this.listings(),
      agreements: packDates(this.agreements()),
      history: packDates(this.#history.list()),
    };
  }

  restore(snapshot: CatalogSnapshot): void {
    for (const store of [this.#listings, this.#agreements, this.#byLicenseArn, this.#byAccountId]) store.clear();
    for (const identifiers of [this.#customerIdentifiers, this.#accountIds]) identifiers.clear();
    for (const listing of snapshot.listings) this.#listings.set(listing.productCode, listing);
    for (const agreement of unpackDates<Agreement[]>(snapshot.agreements)) this.#add(agreement);
    this.#history.restore(unpackDates<Agreement[]>(snapshot.history));
  }

  createProduct(options: ProductOptions): Listing {
    const productCode = options.productCode ?? this.random.text(25, lowerAlphanumeric);
    if (this.#listings.has(productCode)) throw new Error(`Product ${productCode} exists already`);
    if (!/^[-a-zA-Z0-9/=:_.@]{1,255}$/.test(productCode)) throw new Error(`"${productCode}" cannot be a product code`);
    const listing: Listing = {
      productCode,
      productId: `prod-${this.random.text(13, lowerAlphanumeric)}`,
      title: options.title ?? `Product ${productCode}`,
      publicOfferId: this.newOfferId(),
      dimensions: listingDimensions(options.dimensions),
      type: options.type ?? 'saas',
      identity: options.identity ?? 'license',
      regions: options.regions ?? meteringRegions,
    };
    this.#listings.set(productCode, listing);
    return listing;
  }

  changeProduct(productCode: string, { dimensions, ...change }: ProductChange): Listing {
    const listing = this.#listings.get(productCode);
    if (!listing) throw new Error(`No product ${productCode}`);
    const changed = { ...listing, ...change, ...(dimensions && { dimensions: listingDimensions(dimensions) }) };
    this.#listings.set(productCode, changed);
    return changed;
  }

  subscribe(options: SubscribeOptions, now: Date, origin: Origin): Agreement {
    const listing = this.#listings.get(options.productCode);
    if (!listing) throw new Error(`No product ${options.productCode}: call createProduct() first`);
    const accountId = options.accountId ?? this.#newAccountId();
    for (const id of [accountId, options.resale?.partnerAccountId ?? accountId]) {
      if (!/^[0-9]{1,255}$/.test(id)) throw new Error(`An AWS account id has digits only: "${id}"`);
    }
    const startsAt = options.startsAt ?? now;
    if (options.endsAt && options.endsAt < startsAt) throw new Error('An agreement cannot end before it starts');
    if (options.trialEndsAt && !(options.freeTrial && options.trialEndsAt > startsAt)) {
      throw new Error('trialEndsAt is for a freeTrial, and lies after its start');
    }
    if (options.autoRenew && !options.endsAt) throw new Error('An agreement without an end cannot renew');
    const agreementId = `agmt-${this.random.text(25, lowerAlphanumeric)}`;
    const { previous } = origin;
    const agreement: Agreement = {
      agreementId,
      productCode: listing.productCode,
      productId: listing.productId,
      accountId,
      ...(listing.identity === 'legacy' && { customerIdentifier: this.#customerIdentifierOf(accountId) }),
      // The twelve digits are the owner of the license, not the buyer: a client must not read the account out of the
      // ARN.
      licenseArn:
        origin.licenseArn ??
        `arn:aws:license-manager::111122223333:license:l-${this.random.text(32, '0123456789abcdef')}`,
      offerId: options.offerId ?? listing.publicOfferId,
      status: 'ACTIVE',
      intent: origin.intent,
      ...(previous && { previousAgreementId: previous.agreementId }),
      initialAgreementId: previous?.initialAgreementId ?? agreementId,
      freeTrial: options.freeTrial ?? false,
      ...(options.trialEndsAt && { trialEndsAt: new Date(options.trialEndsAt) }),
      autoRenew: options.autoRenew ?? false,
      ...(options.lockoutDays !== undefined && { lockoutDays: options.lockoutDays }),
      ...(options.resale && { resale: this.#resale(options.resale) }),
      // One that has started already was accepted then.
      acceptedAt: new Date(Math.min(now.getTime(), startsAt.getTime())),
      startsAt: new Date(startsAt),
      ...(options.endsAt && { endsAt: new Date(options.endsAt), signedEndsAt: new Date(options.endsAt) }),
      endsAs: 'EXPIRED',
      updatedAt: now,
      amendedAt: now,
      suspended: false,
      entitlements: [...(options.entitlements ?? [])],
    };
    this.#add(agreement);
    return agreement;
  }

  /** Changes what is named; a member that is undefined is taken away. */
  change(
    agreementId: string,
    change: Partial<{ [K in keyof Agreement]: Agreement[K] | undefined }>,
    now: Date,
  ): Agreement {
    const before = this.agreement(agreementId);
    this.#history.keep(before, now);
    // An end that comes with what the agreement ends as was not signed: it was cancelled, replaced, or failed.
    const isSigned = 'endsAt' in change && !('endsAs' in change) && !('status' in change);
    const signed = isSigned ? { signedEndsAt: change.endsAt } : {};
    const ends = 'endsAs' in change || (change.status !== undefined && ENDS.has(change.status));
    const amendedAt = ends ? before.amendedAt : now;
    const changed = Object.entries({ ...before, ...change, ...signed, updatedAt: now, amendedAt });
    const agreement = Object.fromEntries(changed.filter(([, value]) => value !== undefined)) as unknown as Agreement;
    this.#agreements.set(agreementId, agreement);
    return agreement;
  }

  newOfferId(): string {
    return `offer-${this.random.text(13, lowerAlphanumeric)}`;
  }

  newCancellationRequestId(): string {
    return `acr-${this.random.text(25, lowerAlphanumeric)}`;
  }

  listing(productCode: string): Listing | undefined {
    return this.#listings.get(productCode);
  }

  listings(): Listing[] {
    return [...this.#listings.values()];
  }

  agreement(agreementId: string): Agreement {
    const agreement = this.#agreements.get(agreementId);
    if (!agreement) throw new Error(`No agreement ${agreementId}`);
    return agreement;
  }

  agreements(): Agreement[] {
    return [...this.#agreements.values()];
  }

  /** The agreements as a reader that lags behind until then sees them; no longer ago than an hour. */
  agreementsAsOf(moment: Date): Agreement[] {
    return this.agreements().flatMap((agreement) => this.#history.asOf(agreement, moment) ?? []);
  }

  /** The agreement as such a reader sees it who knew at once how it began. */
  agreementAsOf(agreement: Agreement, moment: Date): Agreement {
    return this.#history.asOf(agreement, moment) ?? this.#history.beginningOf(agreement);
  }

  /**
   * The agreement that holds the license at the moment, with the term of the license: it may have begun with an
   * agreement before.
   */
  byLicenseArn(licenseArn: string, moment: Date): Agreement | undefined {
    const agreementId = this.#byLicenseArn.get(licenseArn);
    if (agreementId === undefined) return undefined;
    const sameLicense = (before: Agreement): boolean => before.licenseArn === licenseArn;
    return this.#since(this.#inForce(this.agreement(agreementId), moment, sameLicense), sameLicense);
  }

  /** Of the agreement and those that it follows, the one whose term the moment lies in, or comes closest to. */
  pricedAt(agreement: Agreement, moment: Date): Agreement {
    return this.#inForce(this.agreement(agreement.agreementId), moment, () => true);
  }

  /** The agreement, with the term of its whole chain: to a legacy product a renewal is no interruption. */
  sinceFirst(agreement: Agreement): Agreement {
    return this.#since(agreement, () => true);
  }

  /** Agreements of the account for all products, oldest first. */
  byAccountId(accountId: string): Agreement[] {
    return (this.#byAccountId.get(accountId) ?? []).map((agreementId) => this.agreement(agreementId));
  }

  byCustomerIdentifier(customerIdentifier: string): Agreement[] {
    const accountId = this.#accountIds.get(customerIdentifier);
    return accountId === undefined ? [] : this.byAccountId(accountId);
  }

  #add(agreement: Agreement): void {
    const { agreementId, accountId, customerIdentifier } = agreement;
    this.#agreements.set(agreementId, agreement);
    this.#byLicenseArn.set(agreement.licenseArn, agreementId);
    this.#byAccountId.set(accountId, [...(this.#byAccountId.get(accountId) ?? []), agreementId]);
    if (customerIdentifier === undefined) return;
    this.#customerIdentifiers.set(accountId, customerIdentifier);
    this.#accountIds.set(customerIdentifier, accountId);
  }

  #inForce(agreement: Agreement, moment: Date, same: (before: Agreement) => boolean): Agreement {
    let held = agreement;
    while (held.startsAt > moment && held.previousAgreementId !== undefined) {
      const before = this.agreement(held.previousAgreementId);
      if (!same(before)) break;
      held = before;
    }
    return held;
  }

  #since(agreement: Agreement, same: (before: Agreement) => boolean): Agreement {
    let first = agreement;
    while (first.previousAgreementId !== undefined) {
      const before = this.agreement(first.previousAgreementId);
      if (!same(before)) break;
      first = before;
    }
    return first === agreement ? agreement : { ...agreement, startsAt: first.startsAt };
  }

  #resale({
    partnerAccountId,
    resaleAuthorizationId,
  }: NonNullable<SubscribeOptions['resale']>): NonNullable<Agreement['resale']> {
    return {
      partnerAccountId,
      resaleAuthorizationId: resaleAuthorizationId ?? `resaleauthz-${this.random.text(13, lowerAlphanumeric)}`,
    };
  }

  /** Every other account starts with a zero, since clients that turn the id into a number lose it. */
  #newAccountId(): string {
    return this.random.text(1, '01') + this.random.text(11, '0123456789');
  }

  #customerIdentifierOf(accountId: string): string {
    const known = this.#customerIdentifiers.get(accountId);
    return known ?? this.random.text(11, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');
  }
}
