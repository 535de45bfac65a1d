import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type CallFailure } from '../aws/aws-error.js';
import { EntitlementGateway, type EntitlementHolder, type HeldEntitlement } from '../aws/entitlement-gateway.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { AlertBoard } from '../events/alert-board.js';
import { Outbox } from '../events/outbox.js';
import { type ResolvedProduct, type ResolvedOptions } from '../options/resolved-options.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { ProductCatalog } from '../subscription/product-catalog.js';
import { licenseIdOf } from '../subscription/chain/aws-names.js';
import { subscriptionIdOf } from '../subscription/subscription.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import {
  type HolderRow,
  replaceSnapshot,
  selectHolder,
  selectSnapshot,
  type SnapshotRow,
  subscriptionExists,
} from './entitlement.sql.js';

/** What a buyer has bought of one dimension. */
export interface Entitlement {
  dimension: string;
  /** Amount, yes or no, or text, as the listing has it; null when AWS named none. */
  value: number | boolean | string | null;
  /** The earliest end; with automatic renewal, the date of the renewal. Null when AWS named none. */
  expiresAt: Date | null;
}

/** Whose entitlements: a subscription's, or those of the one subscription that a tenant has of a product. */
export type EntitlementOwner = string | { tenantId: string; productCode?: string };

export interface EntitlementView {
  subscriptionId: string;
  /** Several may name the same dimension. */
  entitlements: Entitlement[];
  /** When AWS was asked, by the business clock. */
  fetchedAt: Date;
  ageMs: number;
  /** AWS could not be asked again, and this is the last that it said. */
  stale: boolean;
}

// Machine time. While AWS is down, a guard that asks at every request must not make each of them wait for a timeout.
const PAUSE_AFTER_FAILURE_MS = 5000;
const PAUSES_MAX = 10_000;
/**
 * A request of the host waits for the answer: longer it is not to wait for its turn within the quota. With a last
 * answer to fall back on, less.
 */
const PATIENCE_MS = 10_000;
const PATIENCE_WITH_ANSWER_MS = 2000;
const SETUP_SUBJECT = 'GetEntitlements';

interface Failed {
  until: number;
  failure: CallFailure;
}

/**
 * Entitlements by GetEntitlements, kept in Postgres for all replicas. Closed where it knows nothing: an error never
 * reads as an entitlement. Open where it has known: while AWS is away the last answer is served, with its age, for the
 * host to judge.
 */
@Injectable()
export class EntitlementService {
  private readonly logger = new Logger('MarketplaceEntitlements');
  private readonly asking = new SingleFlight<EntitlementView>();
  private readonly failed = new Map<string, Failed>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly subscriptions: SubscriptionService,
    private readonly gateway: EntitlementGateway,
    private readonly alerts: AlertBoard,
    private readonly outbox: Outbox,
  ) {}

  /**
   * The entitlements of a subscription by its current agreement, asked for again when older than `entitlementMaxAgeMs`,
   * when one of them came to its end since, or when AWS has said that they have changed.
   * @throws MarketplaceMeteringError `ENTITLEMENT_UNKNOWN` when AWS cannot be asked and never answered before;
   * `SUBSCRIPTION_UNKNOWN`; for a tenant `NO_SUBSCRIPTION` or `SEVERAL_SUBSCRIPTIONS`
   */
  async get(owner: EntitlementOwner): Promise<EntitlementView> {
    const holder = await this.holderOf(owner);
    const known = await selectSnapshot(this.database, this.options.sellerAccount, holder.agreement_id);
    const hasChanged = known !== null && holder.changed_at !== null && holder.changed_at >= known.fetched_at;
    if (known && !hasChanged && this.isFresh(known)) return this.viewOf(holder.subscription_id, known, false);
    return this.asking.share(holder.agreement_id, () => this.ask(holder, known));
  }

  /**
   * Whether the buyer holds something of a dimension now: an amount above zero, `true`, or a text, that has not ended.
   * @throws as `get`: not knowing is neither yes nor no.
   */
  async isEntitled(owner: EntitlementOwner, dimension: string): Promise<boolean> {
    const { entitlements } = await this.get(owner);
    const now = this.options.clock.now();
    return entitlements.some((held) => {
      const isHeld =
        typeof held.value === 'number'
          ? held.value > 0
          : held.value !== null && held.value !== false && held.value !== '';
      return held.dimension === dimension && isHeld && (held.expiresAt === null || held.expiresAt > now);
    });
  }

  private async holderOf(owner: EntitlementOwner): Promise<HolderRow> {
    const { sellerAccount } = this.options;
    const id =
      typeof owner === 'string' ? owner : (await this.subscriptions.current(owner.tenantId, productOf(owner))).id;
    const canonical = subscriptionIdOf(id);
    const holder = canonical === null ? null : await selectHolder(this.database, sellerAccount, canonical);
    if (holder) return holder;
    if (canonical !== null && (await subscriptionExists(this.database, sellerAccount, canonical))) {
      throw unknown(canonical, 'AWS has not told of any agreement yet');
    }
    throw new MarketplaceMeteringError(
      'SUBSCRIPTION_UNKNOWN',
      `There is no subscription ${JSON.stringify(id)}; give the id of a Subscription.`,
    );
  }

  private isFresh({ fetched_at: fetchedAt, entitlements }: SnapshotRow): boolean {
    const now = this.options.clock.now();
    const ageMs = now.getTime() - fetchedAt.getTime();
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

  private async ask(row: HolderRow, known: SnapshotRow | null): Promise<EntitlementView> {
    const { subscription_id: subscriptionId, agreement_id: agreementId } = row;
    const product = this.products.get(row.product_code);
    const holder = holderOf(row, product);
    if (!product || !holder)
      throw unknown(subscriptionId, 'AWS has not named the buyer in a way that entitlements can be asked for');
    const paused = this.failed.get(agreementId);
    if (paused && performance.now() < paused.until) return this.lastKnown(subscriptionId, known, paused.failure);

    const fetchedAt = this.options.clock.now();
    const answer = await this.gateway.get(product.region, product.productCode, holder, {
      patienceMs: known ? PATIENCE_WITH_ANSWER_MS : PATIENCE_MS,
    });
    if (answer.kind === 'failed') {
      await this.remember(row, answer.failure);
      return this.lastKnown(subscriptionId, known, answer.failure);
    }
    if (this.failed.delete(agreementId)) await this.alerts.resolve(this.database, 'setupError', SETUP_SUBJECT);
    const entitlements = answer.entitlements.filter((held) => isOf(row, product, held)).map(stored);
    await this.store(row, entitlements, fetchedAt);
    return this.viewOf(subscriptionId, { entitlements, fetched_at: fetchedAt }, false);
  }

  private async store(
    { subscription_id: subscriptionId, agreement_id: agreementId, product_code: productCode }: HolderRow,
    entitlements: SnapshotRow['entitlements'],
    fetchedAt: Date,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      const previous = await replaceSnapshot(tx, this.options.sellerAccount, agreementId, entitlements, fetchedAt);
      if (previous === undefined || (previous !== null && fingerprintOf(previous) === fingerprintOf(entitlements)))
        return;
      const payload = { productCode, entitlements, previous };
      await this.outbox.append(tx, [{ type: 'entitlement.changed', subscriptionId, payload, occurredAt: fetchedAt }]);
    });
  }

  private lastKnown(subscriptionId: string, known: SnapshotRow | null, failure: CallFailure): EntitlementView {
    if (!known)
      throw unknown(subscriptionId, `GetEntitlements failed with ${failure.code} and has never answered before`);
    return this.viewOf(subscriptionId, known, true);
  }

  private async remember(
    { subscription_id: subscriptionId, agreement_id: agreementId }: HolderRow,
    failure: CallFailure,
  ): Promise<void> {
    if (this.failed.size >= PAUSES_MAX) this.failed.clear();
    this.failed.set(agreementId, { until: performance.now() + PAUSE_AFTER_FAILURE_MS, failure });
    this.logger.warn(`GetEntitlements failed: ${failure.code}: ${failure.message}`, {
      subscriptionId,
      requestId: failure.requestId,
    });
    if (failure.kind !== 'setUp') return;
    await this.alerts.raise(this.database, {
      kind: 'setupError',
      subject: SETUP_SUBJECT,
      severity: 'critical',
      message:
        `Entitlements cannot be read: GetEntitlements fails with ${failure.code}: ${failure.message} Check the ` +
        'credentials, that they allow ' +
        'aws-marketplace:GetEntitlements, and that the network reaches AWS.',
    });
  }
}

function productOf({ productCode }: { productCode?: string }): { productCode?: string } {
  return productCode === undefined ? {} : { productCode };
}

function holderOf(row: HolderRow, product: ResolvedProduct | undefined): EntitlementHolder | null {
  const {
    license_arn: licenseArn,
    customer_aws_account_id: customerAwsAccountId,
    customer_identifier: customerIdentifier,
  } = row;
  if (product?.identity === 'license') return licenseArn === null ? null : { licenseArn };
  if (customerAwsAccountId !== null) return { customerAwsAccountId };
  return customerIdentifier === null ? null : { customerIdentifier };
}

/**
 * Another license of the same account is another agreement, whatever the filter let through; a legacy customer has one
 * agreement by any license.
 */
function isOf(row: HolderRow, product: ResolvedProduct, held: HeldEntitlement): boolean {
  if (product.identity === 'legacy' || row.license_arn === null || held.licenseArn === null) return true;
  return licenseIdOf(row.license_arn) === licenseIdOf(held.licenseArn);
}

function stored({ dimension, value, expiresAt }: HeldEntitlement): SnapshotRow['entitlements'][number] {
  return { dimension, value, expiresAt: expiresAt?.toISOString() ?? null };
}

/** AWS lists in any order. */
function fingerprintOf(entitlements: SnapshotRow['entitlements']): string {
  return JSON.stringify(
    entitlements.map(({ dimension, value, expiresAt }) => JSON.stringify([dimension, value, expiresAt])).sort(),
  );
}

function unknown(subscriptionId: string, why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'ENTITLEMENT_UNKNOWN',
    `What subscription ${subscriptionId} is entitled to is not known: ${why}. Treat it as not entitled, and ask again.`,
  );
}
