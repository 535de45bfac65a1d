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
  /** What the buyer is entitled to differs from what AWS said before. `previous` is null for the first answer. */
  'entitlement.changed': { productCode: string; entitlements: EntitlementNotice[]; previous: EntitlementNotice[] | null };
  /** The record is not with AWS yet, and will soon be too late. */
  'metering.deadlineNear': MeteringRecordNotice & { dueAt: string };
  /** AWS refused the record, for any reason but a conflict; it is sent again once the cause is mended. */
  'metering.blocked': MeteringRecordNotice;
  /** AWS has another record for that hour, which none of ours explains. */
  'metering.conflict': MeteringRecordNotice;
  /** The record was not taken before its cutoff, and AWS does not have it: `carried` to a later hour, or `held` for a person. */
  'metering.expired': MeteringRecordNotice & { disposition: string };
  /** The record is closed for any other reason: by a decision, by the mode of the product, or by the end of the subscription. */
  'metering.closed': MeteringRecordNotice & { disposition: string };
  /** The record passed its cutoff, and AWS may or may not have it. */
  'metering.unknown': MeteringRecordNotice;
  /** AWS has billed units that the ledger had given up or handed back. */
  'metering.overBilled': MeteringRecordNotice & { disposition: string };
  /** An alert has opened: every kind of alert, once until it is resolved. */
  'alert.raised': { kind: string; subject: string; severity: 'warning' | 'critical'; message: string; details: Record<string, unknown> };
}

export interface EntitlementNotice {
  dimension: string;
  value: number | boolean | string | null;
  expiresAt: string | null;
}

export interface MeteringRecordNotice {
  productCode: string;
  dimension: string;
  hour: string;
  quantity: string;
  reason: string | null;
}

export type MarketplaceEventType = keyof MarketplaceEventPayloads;

const TYPES: Readonly<Record<MarketplaceEventType, true>> = {
  'subscription.registered': true,
  'subscription.claimed': true,
  'subscription.activated': true,
  'subscription.converted': true,
  'subscription.suspended': true,
  'subscription.failed': true,
  'subscription.changed': true,
  'subscription.succeeded': true,
  'subscription.repaired': true,
  'subscription.notice': true,
  'subscription.ending': true,
  'subscription.ended': true,
  'subscription.mergeRefused': true,
  'entitlement.changed': true,
  'metering.deadlineNear': true,
  'metering.blocked': true,
  'metering.conflict': true,
  'metering.expired': true,
  'metering.closed': true,
  'metering.unknown': true,
  'metering.overBilled': true,
  'alert.raised': true,
};

/** Every type of event there is. */
export const MARKETPLACE_EVENT_TYPES = Object.keys(TYPES) as readonly MarketplaceEventType[];

/** An event as a handler gets it. A union over `T`: where several types are heard, `type` tells which payload it is. */
export type MarketplaceEvent<T extends MarketplaceEventType = MarketplaceEventType> = {
  [K in T]: {
    /** The same at every delivery of this event: what a handler remembers to do its work once. */
    id: string;
    type: K;
    subscriptionId: string | null;
    recordId: string | null;
    /** Business time. */
    occurredAt: Date;
    payload: MarketplaceEventPayloads[K];
  };
}[T];

/** An event as it is stored: written in the transaction that made it true, handed to the host's handlers after the commit. */
export interface NewMarketplaceEvent<T extends MarketplaceEventType = MarketplaceEventType> {
  type: T;
  subscriptionId: string | null;
  recordId?: string | null;
  payload: MarketplaceEventPayloads[T];
  /** Business time. */
  occurredAt: Date;
}
