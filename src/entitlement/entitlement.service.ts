import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type CallFailure } from '../aws/aws-error.js';
import { EntitlementGateway, type EntitlementHolder, type HeldEntitlement } from '../aws/entitlement-gateway.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors.js';
import { AlertBoard } from '../events/alert-board.js';
import { Outbox } from '../events/outbox.js';
import { type ProductOptions, type ResolvedOptions } from '../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { ProductCatalog } from '../subscription/product-catalog.js';
import { licenseIdOf } from '../subscription/chain/subscription-aliases.js';
import { subscriptionIdOf } from '../subscription/subscription.js';
import { type IdentityRow, selectIdentity } from '../subscription/chain/subscription.sql.js';
import { replaceSnapshot, selectSnapshot, type SnapshotRow } from './entitlement.sql.js';

/** What a buyer has bought of one dimension. */
export interface Entitlement {
  dimension: string;
  /** Amount, yes or no, or text, as the listing has it; null when AWS named none. */
  value: number | boolean | string | null;
  /** The earliest end; with automatic renewal, the date of the renewal. Null when AWS named none. */
  expiresAt: Date | null;
}

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
const SETUP_SUBJECT = 'GetEntitlements';

interface Failed {
  until: number;
  failure: CallFailure;
}

/**
 * Entitlements by GetEntitlements, kept in Postgres for all replicas. Closed where it knows nothing: an error never reads as an entitlement. Open
 * where it has known: while AWS is away the last answer is served, with its age, for the host to judge.
 */
@Injectable()
export class EntitlementService {
  private readonly logger = new Logger('MarketplaceEntitlements');
  private readonly asking = new Map<string, Promise<EntitlementView>>();
  private readonly failed = new Map<string, Failed>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly gateway: EntitlementGateway,
    private readonly alerts: AlertBoard,
    private readonly outbox: Outbox,
  ) {}

  /**
   * The entitlements of a subscription, asked for again when older than `entitlementMaxAgeMs`, when one of them came to its end since, or when AWS
   * has said that they have changed.
   * @throws MarketplaceMeteringError `ENTITLEMENT_UNKNOWN` when AWS cannot be asked and never answered before; `SUBSCRIPTION_UNKNOWN`
   */
  async get(subscriptionId: string): Promise<EntitlementView> {
    const canonical = subscriptionIdOf(subscriptionId);
    const identity = canonical === null ? null : await selectIdentity(this.database, this.options.sellerAccount, canonical);
    if (!identity) {
      throw new MarketplaceMeteringError(
        'SUBSCRIPTION_UNKNOWN',
        `There is no subscription ${JSON.stringify(subscriptionId)}; give the id of a Subscription.`,
      );
    }
    const known = await selectSnapshot(this.database, this.options.sellerAccount, identity.id);
    const hasChanged = known !== null && identity.entitlements_changed_at !== null && identity.entitlements_changed_at >= known.fetched_at;
    if (known && !hasChanged && this.isFresh(known)) return this.viewOf(identity.id, known, false);
    return this.askOnce(identity, known);
  }

  /**
   * Whether the buyer holds something of a dimension now: an amount above zero, `true`, or a text, that has not ended.
   * @throws as `get`: not knowing is neither yes nor no.
   */
  async isEntitled(subscriptionId: string, dimension: string): Promise<boolean> {
    const { entitlements } = await this.get(subscriptionId);
    const now = this.options.clock.now();
    return entitlements.some((held) => {
      const isHeld = typeof held.value === 'number' ? held.value > 0 : held.value !== null && held.value !== false && held.value !== '';
      return held.dimension === dimension && isHeld && (held.expiresAt === null || held.expiresAt > now);
    });
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

  private viewOf(subscriptionId: string, { entitlements, fetched_at: fetchedAt }: SnapshotRow, stale: boolean): EntitlementView {
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

  private askOnce(identity: IdentityRow, known: SnapshotRow | null): Promise<EntitlementView> {
    const question =
      this.asking.get(identity.id) ??
      this.ask(identity, known).finally(() => {
        this.asking.delete(identity.id);
      });
    this.asking.set(identity.id, question);
    return question;
  }

  private async ask(identity: IdentityRow, known: SnapshotRow | null): Promise<EntitlementView> {
    const product = this.products.get(identity.product_code);
    const holder = holderOf(identity, product);
    if (!product || !holder) throw unknown(identity.id, 'AWS has not named the buyer in a way that entitlements can be asked for');
    const paused = this.failed.get(identity.id);
    if (paused && performance.now() < paused.until) return this.lastKnown(identity.id, known, paused.failure);

    const fetchedAt = this.options.clock.now();
    const answer = await this.gateway.get(product.region, product.productCode, holder);
    if (answer.kind === 'failed') {
      await this.remember(identity.id, answer.failure);
      return this.lastKnown(identity.id, known, answer.failure);
    }
    if (this.failed.delete(identity.id)) await this.alerts.resolve(this.database, 'setupError', SETUP_SUBJECT);
    const entitlements = answer.entitlements.filter((held) => isOf(identity, product, held)).map(stored);
    await this.store(identity, entitlements, fetchedAt);
    return this.viewOf(identity.id, { entitlements, fetched_at: fetchedAt }, false);
  }

  private async store(identity: IdentityRow, entitlements: SnapshotRow['entitlements'], fetchedAt: Date): Promise<void> {
    const { id: subscriptionId, product_code: productCode } = identity;
    await this.database.transaction(async (tx) => {
      const previous = await replaceSnapshot(tx, this.options.sellerAccount, subscriptionId, entitlements, fetchedAt);
      if (previous === undefined || (previous !== null && fingerprintOf(previous) === fingerprintOf(entitlements))) return;
      const payload = { productCode, entitlements, previous };
      await this.outbox.append(tx, [{ type: 'entitlement.changed', subscriptionId, payload, occurredAt: fetchedAt }]);
    });
  }

  private lastKnown(subscriptionId: string, known: SnapshotRow | null, failure: CallFailure): EntitlementView {
    if (!known) throw unknown(subscriptionId, `GetEntitlements failed with ${failure.code} and has never answered before`);
    return this.viewOf(subscriptionId, known, true);
  }

  private async remember(subscriptionId: string, failure: CallFailure): Promise<void> {
    if (this.failed.size >= PAUSES_MAX) this.failed.clear();
    this.failed.set(subscriptionId, { until: performance.now() + PAUSE_AFTER_FAILURE_MS, failure });
    this.logger.warn(`GetEntitlements failed: ${failure.code}: ${failure.message}`, { subscriptionId, requestId: failure.requestId });
    if (failure.kind !== 'setUp') return;
    await this.alerts.raise(this.database, {
      kind: 'setupError',
      subject: SETUP_SUBJECT,
      severity: 'critical',
      message:
        `Entitlements cannot be read: GetEntitlements fails with ${failure.code}: ${failure.message} Check the credentials, that they allow ` +
        'aws-marketplace:GetEntitlements, and that the network reaches AWS.',
    });
  }
}

function holderOf(identity: IdentityRow, product: ProductOptions | undefined): EntitlementHolder | null {
  const { license_arn: licenseArn, customer_aws_account_id: customerAwsAccountId, customer_identifier: customerIdentifier } = identity;
  if (product?.identity === 'license') return licenseArn === null ? null : { licenseArn };
  if (customerAwsAccountId !== null) return { customerAwsAccountId };
  return customerIdentifier === null ? null : { customerIdentifier };
}

/** Another license of the same account is another agreement, whatever the filter let through; a legacy customer has one agreement by any license. */
function isOf(identity: IdentityRow, product: ProductOptions, held: HeldEntitlement): boolean {
  if (product.identity === 'legacy' || identity.license_arn === null || held.licenseArn === null) return true;
  return licenseIdOf(identity.license_arn) === licenseIdOf(held.licenseArn);
}

function stored({ dimension, value, expiresAt }: HeldEntitlement): SnapshotRow['entitlements'][number] {
  return { dimension, value, expiresAt: expiresAt?.toISOString() ?? null };
}

/** AWS lists in any order. */
function fingerprintOf(entitlements: SnapshotRow['entitlements']): string {
  return JSON.stringify(entitlements.map(({ dimension, value, expiresAt }) => JSON.stringify([dimension, value, expiresAt])).sort());
}

function unknown(subscriptionId: string, why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'ENTITLEMENT_UNKNOWN',
    `What subscription ${subscriptionId} is entitled to is not known: ${why}. Treat it as not entitled, and ask again.`,
  );
}
