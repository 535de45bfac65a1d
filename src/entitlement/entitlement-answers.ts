import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type CallFailure } from '../aws/aws-error.js';
import { EntitlementGateway, type EntitlementHolder, type HeldEntitlement } from '../aws/entitlement-gateway.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { AlertBoard } from '../events/alert-board.js';
import { Outbox } from '../events/outbox.js';
import { type ResolvedProduct, type ResolvedOptions } from '../options/resolved-options.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { ProductCatalog } from '../subscription/product-catalog.js';
import { licenseIdOf } from '../subscription/chain/aws-names.js';
import { type HolderRow, lockSnapshot, type SnapshotRow, writeSnapshot } from './entitlement.sql.js';
import { snapshotAfter, type StoredEntitlement } from './snapshot-rule.js';
import { FaultLog } from '../runtime/fault-log.js';

/** What came of asking AWS. `known`: what counts now; null where AWS never answered. */
export interface AskedEntitlements {
  known: SnapshotRow | null;
  /** Null where AWS has answered just now. */
  failure: { code: string } | null;
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

interface Paused {
  until: number;
  failure: { code: string } | null;
  /** What counted when AWS listed nothing. */
  known: SnapshotRow | null;
}

/** Asks AWS for entitlements, one call at a time for an agreement, and keeps what it says. */
@Injectable()
export class EntitlementAnswers {
  private readonly logger = new Logger('MarketplaceEntitlements');
  private readonly faults = new FaultLog(this.logger, 'warn');
  private readonly asking = new SingleFlight<AskedEntitlements>();
  private readonly paused = new Map<string, Paused>();
  /**
   * Products about which AWS answers, as far as this process knows. Not at its start: what the process before could not
   * ask stands in an alert.
   */
  private readonly answering = new Set<string>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly gateway: EntitlementGateway,
    private readonly alerts: AlertBoard,
    private readonly outbox: Outbox,
  ) {}

  /**
   * @param isUrgent asks also where AWS has just failed to answer: for who has a pace of its own
   * @returns null where AWS has not named the buyer in a way that it can be asked for
   */
  async ask(row: HolderRow, known: SnapshotRow | null, isUrgent = false): Promise<AskedEntitlements | null> {
    const product = this.products.get(row.product_code);
    const holder = holderOf(row, product);
    if (!product || !holder) return null;
    const paused = this.paused.get(row.agreement_id);
    if (!isUrgent && paused && performance.now() < paused.until)
      return { known: known ?? paused.known, failure: paused.failure };
    return this.asking.share(row.agreement_id, () => this.call(row, known, product, holder));
  }

  private async call(
    row: HolderRow,
    known: SnapshotRow | null,
    product: ResolvedProduct,
    holder: EntitlementHolder,
  ): Promise<AskedEntitlements> {
    const fetchedAt = this.options.clock.now();
    const answer = await this.gateway.get(product.region, product.productCode, holder, {
      patienceMs: known ? PATIENCE_WITH_ANSWER_MS : PATIENCE_MS,
    });
    if (answer.kind === 'failed') {
      await this.remember(row, answer.failure);
      return { known, failure: answer.failure };
    }
    this.faults.works(SETUP_SUBJECT, 'GetEntitlements works again');
    if (!this.answering.has(row.product_code)) {
      await this.alerts.resolve(this.database, 'setupError', SETUP_SUBJECT);
      this.answering.add(row.product_code);
    }
    this.paused.delete(row.agreement_id);
    const entitlements = answer.entitlements.filter((held) => isOf(row, product, held)).map(stored);
    const kept = await this.keep(row, entitlements, fetchedAt);
    // AWS has to be asked again, but not by every request.
    if (kept.empty_since !== null) this.pause(row.agreement_id, null, kept);
    return { known: kept, failure: null };
  }

  /** @returns what counts after this answer */
  private async keep(
    { subscription_id: subscriptionId, agreement_id: agreementId, product_code: productCode }: HolderRow,
    entitlements: readonly StoredEntitlement[],
    fetchedAt: Date,
  ): Promise<SnapshotRow> {
    return this.database.transaction(async (tx) => {
      const before = await lockSnapshot(tx, this.options.sellerAccount, agreementId);
      // A later answer of another replica stands there already, or one of this instant: AWS is asked again after it.
      if (before && before.fetched_at >= fetchedAt) return before;
      const after = snapshotAfter(before, { entitlements, fetchedAt });
      const isNews = await writeSnapshot(tx, this.options.sellerAccount, agreementId, before, after);
      if (isNews) {
        const previous = before?.entitlements ?? null;
        const payload = { productCode, entitlements: [...after.entitlements], previous: previous && [...previous] };
        await this.outbox.append(tx, [{ type: 'entitlement.changed', subscriptionId, payload, occurredAt: fetchedAt }]);
      }
      return after;
    });
  }

  private pause(agreementId: string, failure: CallFailure | null, known: SnapshotRow | null = null): void {
    if (this.paused.size >= PAUSES_MAX) this.paused.clear();
    this.paused.set(agreementId, { until: performance.now() + PAUSE_AFTER_FAILURE_MS, failure, known });
  }

  private async remember(
    { subscription_id: subscriptionId, agreement_id: agreementId, product_code: productCode }: HolderRow,
    failure: CallFailure,
  ): Promise<void> {
    this.pause(agreementId, failure);
    this.faults.failed(SETUP_SUBJECT, {
      line: `GetEntitlements failed: ${failure.code}: ${failure.message}`,
      fields: { subscriptionId, requestId: failure.requestId },
    });
    if (failure.kind !== 'setUp') return;
    this.answering.delete(productCode);
    await this.alerts.raise(this.database, {
      kind: 'setupError',
      subject: SETUP_SUBJECT,
      severity: 'critical',
      message:
        `Entitlements cannot be read: GetEntitlements fails (${failure.code}: ${failure.message}). Check that there ` +
        'are credentials, that they allow aws-marketplace:GetEntitlements, and that the network reaches AWS.',
    });
  }
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

function stored({ dimension, value, expiresAt }: HeldEntitlement): StoredEntitlement {
  return { dimension, value, expiresAt: expiresAt?.toISOString() ?? null };
}
