import { type Listing } from '../market/listing.js';
import { type MarketEvent } from '../market/market-event.js';

/** Owner of the topics, as sellers' code names it; AWS's texts have a placeholder. */
const topicOwner = '287250355862';

export interface SubscriptionNotice {
  readonly action: 'subscribe-success' | 'subscribe-fail' | 'unsubscribe-pending' | 'unsubscribe-success';
  readonly 'customer-identifier': string;
  readonly 'product-code': string;
  /** Of subscribe-success and subscribe-fail only. */
  readonly 'offer-identifier'?: string;
  /** A string, not a boolean. */
  readonly isFreeTrialTermPresent: 'true' | 'false';
}

export interface EntitlementNotice {
  readonly action: 'entitlement-updated';
  readonly 'customer-identifier': string;
  readonly 'product-code': string;
}

/** What stands in the Message of an SNS notification [SG-sns]. */
export type SnsNotice = SubscriptionNotice | EntitlementNotice;

export type SnsTopic = 'subscriptionTopic' | 'entitlementTopic';

export function topicArnOf(topic: SnsTopic, productCode: string): string {
  const name = topic === 'subscriptionTopic' ? 'aws-mp-subscription-notification' : 'aws-mp-entitlement-notification';
  return `arn:aws:sns:us-east-1:${topicOwner}:${name}-${productCode}`;
}

/**
 * What the topics of a legacy product say of an event [SG-sns]. `resubscribed`: whether the customer holds another
 * agreement for the product.
 */
export function snsNoticesOf(
  event: MarketEvent,
  listing: Listing,
  resubscribed: boolean,
): { topic: SnsTopic; notice: SnsNotice }[] {
  const { agreement } = event;
  const { customerIdentifier } = agreement;
  if (customerIdentifier === undefined) return [];
  const common = { 'customer-identifier': customerIdentifier, 'product-code': agreement.productCode };
  const action = subscriptionAction(event, resubscribed);
  const named = action === 'subscribe-success' || action === 'subscribe-fail';
  const contract = listing.dimensions.some(({ type }) => type === 'Entitled');
  const entitled = contract && (event.kind === 'licenseUpdated' || event.kind === 'licenseDeprovisioned');
  return [
    ...(action === undefined
      ? []
      : [
          {
            topic: 'subscriptionTopic' as const,
            notice: {
              action,
              ...common,
              ...(named && { 'offer-identifier': agreement.offerId }),
              isFreeTrialTermPresent: agreement.freeTrial ? ('true' as const) : ('false' as const),
            },
          },
        ]),
    ...(entitled
      ? [{ topic: 'entitlementTopic' as const, notice: { action: 'entitlement-updated' as const, ...common } }]
      : []),
  ];
}

function subscriptionAction(event: MarketEvent, resubscribed: boolean): SubscriptionNotice['action'] | undefined {
  const { status, intent } = event.agreement;
  switch (event.kind) {
    case 'created':
      // A renewal happens without an offer being accepted.
      return intent === 'RENEW' ? undefined : 'subscribe-success';
    case 'amended':
      return event.newOffer ? 'subscribe-success' : undefined;
    case 'subscriptionFailed':
      return 'subscribe-fail';
    case 'ended':
      return status === 'RENEWED' || status === 'REPLACED' ? undefined : 'unsubscribe-pending';
    case 'finalHourEnded':
      // Skipped when the customer came back before the end; subscribe-success has come instead.
      return resubscribed || status === 'RENEWED' || status === 'REPLACED' ? undefined : 'unsubscribe-success';
    default:
      return undefined;
  }
}
