import { Inject, Injectable, Logger } from '@nestjs/common';
import { AgreementGateway, type FoundAgreement } from '../../aws/agreement-gateway.js';
import { type CallFailure } from '../../aws/aws-error.js';
import { EntitlementGateway } from '../../aws/entitlement-gateway.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { followsLifecycle, type ProductOptions, type ResolvedOptions } from '../../marketplace-metering.options.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { ProductCatalog } from '../product-catalog.js';
import { licenseIdOf } from '../chain/subscription-aliases.js';
import { LifecycleInbox } from '../inbox/lifecycle-inbox.js';
import { type LifecycleDetails } from '../inbox/lifecycle-event.js';
import { countWaiting, type SilentSubscription, takeSilent } from './reconciliation.sql.js';

/** Subscriptions asked about in one run: SearchAgreements has no published quota. */
const ASKED_MAX = 25;
/** What is not as it should be is asked about after this long, however patient `reconcileAfterMs` is. */
const IMPATIENCE_MS = HOUR_MS;
const WAITING_SUBJECT = 'inbox';

/** What AWS, asked about a subscription, said. Null where it could not be asked, or where what it said settles nothing. */
export type Finding = { about: { agreementId?: string; licenseArn?: string }; details: LifecycleDetails['agreement.found'] } | null;

/**
 * Messages may be lost: EventBridge promises its best effort, and nothing from before a rule existed. So AWS is asked about subscriptions that
 * have been silent for long or whose picture is contradictory; what it says is a message like any other.
 */
@Injectable()
export class Reconciliation {
  private readonly logger = new Logger('MarketplaceReconciliation');
  private deniedUntil = 0;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly agreements: AgreementGateway,
    private readonly entitlements: EntitlementGateway,
    private readonly inbox: LifecycleInbox,
    private readonly alerts: AlertBoard,
  ) {}

  async run(signal?: AbortSignal): Promise<void> {
    if (!followsLifecycle(this.options)) return;
    const { sellerAccount, clock, reconcileAfterMs } = this.options;
    const now = clock.now();
    const silent = await takeSilent(
      this.database,
      sellerAccount,
      { now, silentSince: plusMs(now, -reconcileAfterMs), impatientSince: plusMs(now, -Math.min(IMPATIENCE_MS, reconcileAfterMs)) },
      ASKED_MAX,
    );
    for (const subscription of silent) {
      if (signal?.aborted === true) return;
      await this.ask(subscription);
    }
    await this.reportWaiting(now);
  }

  private async ask(subscription: SilentSubscription): Promise<void> {
    const product = this.products.get(subscription.product_code);
    if (!product) return;
    const { finding, isListed } = await this.find(subscription, product);
    await this.report(subscription, finding, isListed);
    if (!finding || isSettled(subscription, finding)) return;
    const at = this.options.clock.now();
    await this.inbox.receive([
      {
        origin: 'reconciliation',
        messageId: `${subscription.id} at ${at.toISOString()}`,
        via: 'reconciliation',
        body: JSON.stringify(finding.details),
        content: {
          event: { type: 'agreement.found', at, about: { subscriptionId: subscription.id, ...finding.about }, details: finding.details },
        },
      },
    ]);
  }

  /** The Agreement API where it may be asked; else GetEntitlements, which knows contracts only. */
  private async find(subscription: SilentSubscription, product: ProductOptions): Promise<{ finding: Finding; isListed: boolean | null }> {
    const { license_arn: licenseArn, customer_aws_account_id: account } = subscription;
    const search = licenseArn !== null ? { licenseArn } : account === null ? null : { customerAwsAccountId: account };
    if (search && performance.now() >= this.deniedUntil) {
      const answer = await this.agreements.search(product.region, search);
      if (answer.kind === 'answered') {
        const found = agreementOf(subscription, product, answer.agreements);
        if (!found) return { finding: null, isListed: false };
        const previous = subscription.knows_previous ? null : await this.previousOf(found, product);
        return { finding: findingOf(found, subscription, previous), isListed: true };
      }
      this.noteFailure(answer.failure);
    }
    return { finding: await this.entitled(subscription, product), isListed: null };
  }

  /** The agreement that was renewed or replaced by this one: the one of its chain that started last before it. */
  private async previousOf(
    { agreementId, initialAgreementId, startTime }: FoundAgreement,
    product: ProductOptions,
  ): Promise<string | null> {
    if (initialAgreementId === agreementId || startTime === null) return null;
    const answer = await this.agreements.search(product.region, { initialAgreementId });
    if (answer.kind === 'failed') return null;
    const before = answer.agreements.filter(
      (other) => other.agreementId !== agreementId && other.startTime !== null && other.startTime < startTime,
    );
    return before.sort((a, b) => Number(b.startTime) - Number(a.startTime))[0]?.agreementId ?? null;
  }

  private async entitled(subscription: SilentSubscription, product: ProductOptions): Promise<Finding> {
    const { license_arn: licenseArn, customer_aws_account_id: account, customer_identifier: identifier } = subscription;
    const holder =
      product.identity === 'license'
        ? licenseArn === null
          ? null
          : { licenseArn }
        : identifier === null
          ? account === null
            ? null
            : { customerAwsAccountId: account }
          : { customerIdentifier: identifier };
    if (!holder) return null;
    const answer = await this.entitlements.get(product.region, product.productCode, holder);
    if (answer.kind === 'failed') return null;
    // None is no answer: a listing without contract dimensions never has any.
    if (answer.entitlements.length === 0) return null;
    return { about: {}, details: { ...NOTHING_FOUND, entitled: true } };
  }

  /** Not to be permitted is a choice of the seller: said once an hour, and not an alert. */
  private noteFailure(failure: CallFailure): void {
    if (failure.kind !== 'setUp') return;
    this.deniedUntil = performance.now() + HOUR_MS;
    this.logger.log(
      `SearchAgreements cannot be called (${failure.code}): subscriptions are reconciled by GetEntitlements only. Grant aws-marketplace:SearchAgreements to ` +
        'have lost messages of usage-based listings repaired, too.',
    );
  }

  private async report(subscription: SilentSubscription, finding: Finding, isListed: boolean | null): Promise<void> {
    const status = finding?.details.status ?? null;
    const message =
      isListed === false
        ? `AWS lists no agreement for subscription ${subscription.id}, which is ${subscription.state} here. Compare it with the agreements in the AWS ` +
          'Marketplace Management Portal; its usage may not be billable.'
        : subscription.is_refused && status === 'ACTIVE'
          ? `AWS calls the agreement of subscription ${subscription.id} ACTIVE and still refuses its usage as not subscribed. Its buyer may be suspended; ` +
            'contact AWS Marketplace Seller Operations before the deadline of its records.'
          : null;
    if (message === null) await this.alerts.resolve(this.database, 'contradiction', subscription.id);
    else await this.alerts.raise(this.database, { kind: 'contradiction', subject: subscription.id, severity: 'critical', message });
  }

  private async reportWaiting(now: Date): Promise<void> {
    const { count, oldest } = await countWaiting(this.database, this.options.sellerAccount, plusMs(now, -IMPATIENCE_MS));
    if (count === 0) {
      await this.alerts.resolve(this.database, 'contradiction', WAITING_SUBJECT);
      return;
    }
    await this.alerts.raise(this.database, {
      kind: 'contradiction',
      subject: WAITING_SUBJECT,
      severity: 'warning',
      message:
        `${count} lifecycle message(s), the oldest of ${oldest?.toISOString() ?? 'unknown'}, speak of agreements that no buyer has registered. They are kept and ` +
        'applied when one does; a buyer who has paid may need help to reach the registration page.',
      details: { messages: count },
    });
  }
}

/** The agreement that stands for a subscription: a known one, else one of its license; the active before the ended, the newest of several. */
export function agreementOf(
  subscription: Pick<SilentSubscription, 'license_names' | 'agreement_ids'>,
  product: Pick<ProductOptions, 'productId' | 'identity'>,
  agreements: readonly FoundAgreement[],
): FoundAgreement | null {
  const own = agreements.filter(({ agreementId, licenseArns, productIds }) => {
    const isKnown = subscription.agreement_ids.includes(agreementId);
    const isLicensed = licenseArns.some((arn) => subscription.license_names.includes(licenseIdOf(arn)));
    const isOfProduct = product.identity === 'legacy' && product.productId !== undefined && productIds.includes(product.productId);
    return isKnown || isLicensed || isOfProduct;
  });
  const rank = ({ status, startTime }: FoundAgreement): number => Number(status === 'ACTIVE') * 1e15 + (startTime?.getTime() ?? 0);
  return own.reduce<FoundAgreement | null>((best, agreement) => (best === null || rank(agreement) > rank(best) ? agreement : best), null);
}

const NOTHING_FOUND: LifecycleDetails['agreement.found'] = {
  ...{ status: null, startTime: null, endTime: null, isFreeTrial: null, entitled: null, previousAgreementId: null },
};

function findingOf(agreement: FoundAgreement, subscription: SilentSubscription, previousAgreementId: string | null): Finding {
  const licenseArn =
    subscription.license_arn === null
      ? agreement.licenseArns.find((arn) => subscription.license_names.includes(licenseIdOf(arn)))
      : undefined;
  return {
    about: { agreementId: agreement.agreementId, ...(licenseArn === undefined ? {} : { licenseArn }) },
    details: {
      ...NOTHING_FOUND,
      status: agreement.status,
      startTime: agreement.startTime?.toISOString() ?? null,
      endTime: agreement.endTime?.toISOString() ?? null,
      previousAgreementId,
    },
  };
}

/** Whether what AWS said is what the ledger knows already; then nothing needs to be written. */
function isSettled(subscription: SilentSubscription, { about, details }: NonNullable<Finding>): boolean {
  const isActive = subscription.state !== 'registered' && (details.status === 'ACTIVE' || details.entitled === true);
  const isNamed = about.agreementId === undefined || subscription.agreement_ids.includes(about.agreementId);
  return isActive && isNamed && about.licenseArn === undefined && details.previousAgreementId === null;
}
