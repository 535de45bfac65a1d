import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions, type ResolvedProduct } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { isSettledBy } from '../subscription/agreements/agreement-life.js';
import { subscriptionIdOf } from '../subscription/subscription.js';
import { SubscriptionChoiceError } from '../subscription/subscription-choice-error.js';
import { isInForce, SubscriptionService } from '../subscription/subscription.service.js';
import { type EntitlementOwner, type EntitlementView } from './entitlement.js';
import { EntitlementAnswers } from './entitlement-answers.js';
import { anyOf, checkOf, type EntitlementCheck } from './entitlement-check.js';
import {
  type HolderRow,
  selectHolder,
  selectSnapshot,
  type SnapshotRow,
  subscriptionExists,
} from './entitlement.sql.js';

/**
 * What AWS may list otherwise in a moment is asked again this soon: nothing for some minutes after a purchase, what was
 * held before for some minutes after a change.
 */
const UNSETTLED_MAX_AGE_MS = 60_000;
/**
 * An answer that a replica whose clock goes before was given: asked again from here it would be thrown away, at each
 * request until this clock has come as far. Clocks that are further apart raise `clockSkew`.
 */
const AHEAD_MAX_MS = 60_000;

/** What AWS has said of one subscription. */
interface Reading {
  view: EntitlementView;
  emptySince: Date | null;
}

interface SubscriptionReading {
  subscriptionId: string;
  /** Null where nothing is known. */
  read: Reading | null;
  /** Why nothing is. */
  doubt: MarketplaceMeteringError | null;
}

/**
 * Entitlements by GetEntitlements, kept in Postgres for all replicas. Closed where it knows nothing: an error never
 * reads as an entitlement. Open where it has known: while AWS is away the last answer is served, with its age, for the
 * host to judge.
 */
@Injectable()
export class EntitlementService implements OnModuleInit {
  private readonly logger = new Logger('MarketplaceEntitlements');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly subscriptions: SubscriptionService,
    private readonly answers: EntitlementAnswers,
  ) {}

  onModuleInit(): void {
    for (const product of this.options.products) if (!isAsked(product)) this.logger.warn(unavailableText(product));
  }

  /**
   * The entitlements of a subscription by its current agreement, asked for again when older than `entitlementMaxAgeMs`,
   * when one of them came to its end since, or when AWS has said that they have changed: then for ten minutes each minute,
   * as its lists may be late.
   * @throws MarketplaceMeteringError `ENTITLEMENT_UNKNOWN` when AWS cannot be asked and never answered before;
   * `SUBSCRIPTION_UNKNOWN`; for a tenant `NO_SUBSCRIPTION` or `SEVERAL_SUBSCRIPTIONS`
   */
  async get(owner: EntitlementOwner): Promise<EntitlementView> {
    if (typeof owner === 'string') return (await this.read(owner)).view;
    this.refuseUnavailable(owner.productCode);
    return (await this.read((await this.subscriptions.current(owner.tenantId, productOf(owner))).id)).view;
  }

  private async read(id: string): Promise<Reading> {
    const holder = await this.holderOf(id);
    const known = await selectSnapshot(this.database, this.options.sellerAccount, holder.agreement_id);
    if (known && this.isFresh(known, holder.changed_at))
      return { view: this.viewOf(holder.subscription_id, known, false), emptySince: known.empty_since };
    const { subscription_id: subscriptionId } = holder;
    const asked = await this.answers.ask(holder, known);
    if (asked === null)
      throw unknown(subscriptionId, 'AWS has not named the buyer in a way that entitlements can be asked for');
    if (asked.known === null)
      throw unknown(
        subscriptionId,
        `GetEntitlements failed with ${asked.failure?.code ?? 'no answer'} and has never answered before`,
      );
    // AWS lists nothing right now, which does not count yet.
    const isDoubted = asked.known.empty_since !== null && asked.known.entitlements.length > 0;
    const view = this.viewOf(subscriptionId, asked.known, asked.failure !== null || isDoubted);
    return { view, emptySince: asked.known.empty_since };
  }

  /**
   * Whose request it is, by the option `entitlementOwner`.
   * @throws MarketplaceMeteringError `ENTITLEMENT_OWNER_MISSING` where the option is not given
   */
  async ownerOf(request: unknown): Promise<EntitlementOwner | null> {
    const { entitlementOwner } = this.options;
    if (!entitlementOwner)
      throw new MarketplaceMeteringError(
        'ENTITLEMENT_OWNER_MISSING',
        'A route has @RequireEntitlement, but nothing says whose requests are: give the option entitlementOwner, for ' +
          'example (request) => ({ tenantId: request.user.tenantId }).',
      );
    // `(request) => request.user && { … }` says undefined of a request without a user.
    return (await entitlementOwner(request)) ?? null;
  }

  /**
   * Whether the buyer holds at least so much of a dimension now: by any subscription that a tenant has in force, each for
   * itself. Never throws for what AWS does, and says no where it knows too little. While AWS cannot be asked, its last
   * answer counts for `entitlementStaleForMs`, marked.
   * @param atLeast an amount; without it anything that is held will do
   * @throws MarketplaceMeteringError `SUBSCRIPTION_UNKNOWN`, `ENTITLEMENTS_UNAVAILABLE`
   */
  async check(
    owner: EntitlementOwner,
    dimension: string,
    { atLeast }: { atLeast?: number } = {},
  ): Promise<EntitlementCheck> {
    const { clock, entitlementStaleForMs: staleForMs } = this.options;
    const { readings } = await this.readAll(owner);
    return anyOf(
      readings.map(({ subscriptionId, read }) =>
        read === null
          ? { isEntitled: false, reason: 'unknown', value: null, subscriptionId, stale: false, ageMs: null }
          : checkOf(read.view, dimension, { atLeast, now: clock.now(), staleForMs, emptySince: read.emptySince }),
      ),
    );
  }

  /**
   * Whether the buyer holds something of a dimension now, by any subscription that a tenant has in force: an amount above
   * zero, `true`, or a text, that has not ended.
   * @throws MarketplaceMeteringError `ENTITLEMENT_UNKNOWN` where none of those that are known holds it and of one nothing
   * is known: that is neither yes nor no. `NO_SUBSCRIPTION`, `SUBSCRIPTION_UNKNOWN`, `ENTITLEMENTS_UNAVAILABLE`
   */
  async isEntitled(owner: EntitlementOwner, dimension: string): Promise<boolean> {
    const now = this.options.clock.now();
    const { readings, none } = await this.readAll(owner);
    if (none) throw none;
    const isHeld = ({ read }: SubscriptionReading): boolean =>
      read !== null && checkOf(read.view, dimension, { now, staleForMs: null, emptySince: read.emptySince }).isEntitled;
    if (readings.some(isHeld)) return true;
    const doubt = readings.find((reading) => reading.doubt !== null)?.doubt;
    if (doubt) throw doubt;
    return false;
  }

  /** What is known of each subscription that counts for the owner; `none` says why there is none. */
  private async readAll(
    owner: EntitlementOwner,
  ): Promise<{ readings: SubscriptionReading[]; none: SubscriptionChoiceError | null }> {
    if (typeof owner === 'string') return { readings: [await this.tryToRead(owner)], none: null };
    this.refuseUnavailable(owner.productCode);
    const all = await this.subscriptions.forTenant(owner.tenantId, productOf(owner));
    const held = all.filter(isInForce);
    if (held.length === 0) return { readings: [], none: SubscriptionChoiceError.none(owner.tenantId, all) };
    // One of a product that is never asked about says nothing about the others.
    const asked = held.filter(({ productCode }) => !this.unavailable(productCode));
    if (asked.length === 0) this.refuseUnavailable(held[0]?.productCode);
    return { readings: await Promise.all(asked.map(({ id }) => this.tryToRead(id))), none: null };
  }

  private async tryToRead(subscriptionId: string): Promise<SubscriptionReading> {
    try {
      const read = await this.read(subscriptionId);
      return { subscriptionId: read.view.subscriptionId, read, doubt: null };
    } catch (error) {
      if (error instanceof MarketplaceMeteringError && error.code === 'ENTITLEMENT_UNKNOWN')
        return { subscriptionId, read: null, doubt: error };
      throw error;
    }
  }

  private async holderOf(id: string): Promise<HolderRow> {
    const { sellerAccount } = this.options;
    const canonical = subscriptionIdOf(id);
    const holder = canonical === null ? null : await selectHolder(this.database, sellerAccount, canonical);
    if (holder) {
      this.refuseUnavailable(holder.product_code);
      return holder;
    }
    if (canonical !== null && (await subscriptionExists(this.database, sellerAccount, canonical))) {
      throw unknown(canonical, 'AWS has not told of any agreement yet');
    }
    throw new MarketplaceMeteringError(
      'SUBSCRIPTION_UNKNOWN',
      `There is no subscription ${JSON.stringify(id)}; give the id of a Subscription.`,
    );
  }

  private refuseUnavailable(productCode: string | undefined): void {
    const product = this.unavailable(productCode);
    if (product) throw new MarketplaceMeteringError('ENTITLEMENTS_UNAVAILABLE', unavailableText(product));
  }

  private unavailable(productCode: string | undefined): ResolvedProduct | undefined {
    return this.options.products.find((one) => one.productCode === productCode && !isAsked(one));
  }

  private isFresh(
    { fetched_at: fetchedAt, entitlements, empty_since: emptySince }: SnapshotRow,
    changedAt: Date | null,
  ): boolean {
    const now = this.options.clock.now();
    const ageMs = now.getTime() - fetchedAt.getTime();
    if (changedAt !== null && changedAt >= fetchedAt) return false;
    const isUnsettled = emptySince !== null || (changedAt !== null && !isSettledBy(fetchedAt, changedAt));
    if (isUnsettled && ((emptySince !== null && entitlements.length > 0) || ageMs > UNSETTLED_MAX_AGE_MS)) return false;
    // An end that has come may have been a renewal: only AWS knows which.
    const hasEnded = entitlements.some(
      ({ expiresAt }) => expiresAt !== null && new Date(expiresAt) > fetchedAt && new Date(expiresAt) <= now,
    );
    return ageMs >= -AHEAD_MAX_MS && ageMs <= this.options.entitlementMaxAgeMs && !hasEnded;
  }

  private viewOf(
    subscriptionId: string,
    { entitlements, fetched_at: fetchedAt }: SnapshotRow,
    stale: boolean,
  ): EntitlementView {
    return {
      subscriptionId,
      entitlements: entitlements.map(({ dimension, value, expiresAt }) => ({
        dimension,
        value,
        expiresAt: expiresAt === null ? null : new Date(expiresAt),
      })),
      fetchedAt,
      ageMs: Math.max(0, this.options.clock.now().getTime() - fetchedAt.getTime()),
      stale,
    };
  }
}

function productOf({ productCode }: { productCode?: string }): { productCode?: string } {
  return productCode === undefined ? {} : { productCode };
}

/** GetEntitlements takes the seller's credentials. */
function isAsked({ type }: { type: string }): boolean {
  return type === 'saas';
}

function unavailableText({ productCode, type }: { productCode: string; type: string }): string {
  return (
    `Entitlements of product ${productCode} (type ${type}) are not available: GetEntitlements wants the seller’s ` +
    'credentials, which software in the buyer’s account does not have. EntitlementService and @RequireEntitlement ' +
    'refuse every check of it; a container with contract pricing asks License Manager in the buyer’s account ' +
    '(docs/contracts.md).'
  );
}

function unknown(subscriptionId: string, why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'ENTITLEMENT_UNKNOWN',
    `What subscription ${subscriptionId} is entitled to is not known: ${why}. Treat it as not entitled, and ask again.`,
  );
}
