import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { isSettledBy } from '../subscription/agreements/agreement-life.js';
import { subscriptionIdOf } from '../subscription/subscription.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { type EntitlementOwner, type EntitlementView } from './entitlement.js';
import { EntitlementAnswers } from './entitlement-answers.js';
import { checkOf, type EntitlementCheck } from './entitlement-check.js';
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
    return (await this.read(owner)).view;
  }

  private async read(owner: EntitlementOwner): Promise<{ view: EntitlementView; emptySince: Date | null }> {
    const holder = await this.holderOf(owner);
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
   * Whether the buyer holds at least so much of a dimension now; never throws for what AWS does, and says no where it
   * knows too little. While AWS cannot be asked, its last answer counts for `entitlementStaleForMs`, marked.
   * @param atLeast an amount; without it anything that is held will do
   * @throws MarketplaceMeteringError `SEVERAL_SUBSCRIPTIONS`, `SUBSCRIPTION_UNKNOWN`, `ENTITLEMENTS_UNAVAILABLE`
   */
  async check(
    owner: EntitlementOwner,
    dimension: string,
    { atLeast }: { atLeast?: number } = {},
  ): Promise<EntitlementCheck> {
    const refused = { isEntitled: false, value: null, stale: false, ageMs: null };
    try {
      const { view, emptySince } = await this.read(owner);
      const { clock, entitlementStaleForMs: staleForMs } = this.options;
      return checkOf(view, dimension, { atLeast, now: clock.now(), staleForMs, emptySince });
    } catch (error) {
      const code = error instanceof MarketplaceMeteringError ? error.code : null;
      if (code === 'ENTITLEMENT_UNKNOWN') return { ...refused, reason: 'unknown' };
      if (code === 'NO_SUBSCRIPTION') return { ...refused, reason: 'noSubscription' };
      throw error;
    }
  }

  /**
   * Whether the buyer holds something of a dimension now: an amount above zero, `true`, or a text, that has not ended.
   * @throws as `get`: not knowing is neither yes nor no.
   */
  async isEntitled(owner: EntitlementOwner, dimension: string): Promise<boolean> {
    const { view, emptySince } = await this.read(owner);
    return checkOf(view, dimension, { now: this.options.clock.now(), staleForMs: null, emptySince }).isEntitled;
  }

  private async holderOf(owner: EntitlementOwner): Promise<HolderRow> {
    const { sellerAccount } = this.options;
    this.refuseUnavailable(typeof owner === 'string' ? undefined : owner.productCode);
    const id =
      typeof owner === 'string' ? owner : (await this.subscriptions.current(owner.tenantId, productOf(owner))).id;
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
    const product = this.options.products.find((one) => one.productCode === productCode);
    if (product && !isAsked(product))
      throw new MarketplaceMeteringError('ENTITLEMENTS_UNAVAILABLE', unavailableText(product));
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
    return ageMs >= 0 && ageMs <= this.options.entitlementMaxAgeMs && !hasEnded;
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
