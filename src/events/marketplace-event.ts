/** Payload of every event that the module tells of. Decimals are strings, instants ISO UTC; no account id and no token ever stands in one. */
export interface MarketplaceEventPayloads {
  'subscription.registered': { productCode: string; offerType: string | null };
  'subscription.claimed': { productCode: string; tenantId: string };
  /** Usage may be metered: the first word of AWS that the purchase holds, or the return of a subscription that was ending, suspended or failed. */
  'subscription.activated': { productCode: string; startsAt: string; isTrial: boolean; previousState: string };
  /** A free trial has become a paid agreement. */
  'subscription.converted': { productCode: string };
  /** AWS suspects closure, compromise, abuse or fraud. */
  'subscription.suspended': { productCode: string; notice: string };
  /** The purchase did not go through. */
  'subscription.failed': { productCode: string };
  /** Terms, license or entitlements may have changed: read them again. */
  'subscription.changed': { productCode: string; change: string };
  /** It takes over from another: a renewal, a replacement, or a new agreement after the end. */
  'subscription.succeeded': { productCode: string; predecessorId: string };
  /** AWS's answer to a question contradicts what its messages said, or nothing was heard; see the alert of the same name. */
  'subscription.repaired': { productCode: string; change: string };
  /** Another word of AWS about the agreement, for information. */
  'subscription.notice': { productCode: string; notice: string };
  'subscription.ending': { productCode: string; endsAt: string };
  'subscription.ended': { productCode: string; endsAt: string };
  'subscription.mergeRefused': { productCode: string; otherSubscriptionId: string; why: string };
  'metering.deadlineNear': MeteringRecordNotice & { dueAt: string };
  'metering.blocked': MeteringRecordNotice;
  'metering.closed': MeteringRecordNotice & { disposition: string };
  'metering.unknown': MeteringRecordNotice;
  'metering.overBilled': MeteringRecordNotice & { disposition: string };
}

export interface MeteringRecordNotice {
  productCode: string;
  dimension: string;
  hour: string;
  quantity: string;
  reason: string | null;
}

export type MarketplaceEventType = keyof MarketplaceEventPayloads;

/** An event as it is stored: written in the transaction that made it true, handed to the host's handlers after the commit. */
export interface NewMarketplaceEvent<T extends MarketplaceEventType = MarketplaceEventType> {
  type: T;
  subscriptionId: string | null;
  recordId?: string | null;
  payload: MarketplaceEventPayloads[T];
  /** Business time. */
  occurredAt: Date;
}
