/**
 * Payload of every event that the module tells of. Decimals are strings, instants ISO UTC; no token ever stands in one.
 */
export interface MarketplaceEventPayloads {
  /** A subscription was entered: its buyer has arrived, or AWS has told of it. */
  'subscription.registered': { productCode: string; offerType: string | null; agreement: AgreementNotice | null };
  'subscription.claimed': { productCode: string; tenantId: string };
  /**
   * Usage may be metered: the first word of AWS that the purchase holds, or the return of a subscription that was
   * suspended, failed or ended.
   */
  'subscription.activated': {
    productCode: string;
    startsAt: string;
    isTrial: boolean;
    previousState: string;
    agreement: AgreementNotice | null;
  };
  /**
   * A new agreement goes on where the one before it has ended: a renewal, a replacement, a return in time. Told at its
   * start, never before.
   */
  'subscription.renewed': {
    productCode: string;
    startsAt: string;
    isTrial: boolean;
    agreement: AgreementNotice | null;
  };
  /** A free trial has become a paid agreement. */
  'subscription.converted': { productCode: string; at: string; agreement: AgreementNotice | null };
  /** AWS suspects closure, compromise, abuse or fraud. */
  'subscription.suspended': { productCode: string; agreement: AgreementNotice | null };
  'subscription.ending': { productCode: string; endsAt: string; agreement: AgreementNotice | null };
  'subscription.ended': { productCode: string; endsAt: string; agreement: AgreementNotice | null };
  /** The purchase did not go through. */
  'subscription.failed': { productCode: string };
  /**
   * Another subscription turned out to be a part of this one: its id is an alias from now on, usage recorded under it
   * is this one's.
   */
  'subscription.folded': { productCode: string; foldedSubscriptionId: string };
  /**
   * Another word of AWS about it: terms, license or entitlements may have changed (read them again), or a notice for
   * information.
   */
  'subscription.notice': { productCode: string; notice: string };
  /** What the buyer is entitled to differs from what AWS said before. `previous` is null for the first answer. */
  'entitlement.changed': {
    productCode: string;
    entitlements: EntitlementNotice[];
    previous: EntitlementNotice[] | null;
  };
  /** The record is not with AWS yet, and will soon be too late. */
  'metering.deadlineNear': MeteringRecordNotice & { dueAt: string };
  /** AWS refused the record, for any reason but a conflict; it is sent again once the cause is resolved. */
  'metering.blocked': MeteringRecordNotice;
  /** AWS has another record for that hour, which none of ours explains. */
  'metering.conflict': MeteringRecordNotice;
  /**
   * The record was not taken before its cutoff, and AWS does not have it: `annulled` and planned anew, or `held` for a
   * person.
   */
  'metering.expired': MeteringRecordNotice & { disposition: string };
  /**
   * The record is closed for any other reason: by a decision, by the mode of the product, because it was moved, or by
   * the end of its period.
   */
  'metering.closed': MeteringRecordNotice & { disposition: string };
  /** The record passed its cutoff, and AWS may or may not have it. */
  'metering.unknown': MeteringRecordNotice;
  /** AWS has billed units that the ledger had given up or handed back. */
  'metering.overBilled': MeteringRecordNotice & { disposition: string };
  /** An alert has opened: every kind of alert, once until it is resolved. */
  'alert.raised': {
    kind: string;
    subject: string;
    severity: 'warning' | 'critical';
    message: string;
    details: Record<string, unknown>;
  };
}

/**
 * The agreement that an event is about: all that provisioning needs. Null where it is not known, or was erased. The
 * names are looked up when the event is delivered; what is stored refers to rows, so that a buyer can be erased.
 */
export interface AgreementNotice {
  agreementId: string | null;
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  productId: string | null;
  offerId: string | null;
  startsAt: string | null;
  endsAt: string | null;
  isTrial: boolean;
  previousAgreementId: string | null;
}

/** As an agreement stands in a stored payload. */
export interface StoredAgreementNotice {
  /** Row ids. */
  agreement: string;
  previous: string | null;
  startsAt: string | null;
  endsAt: string | null;
  isTrial: boolean;
}

/** A payload as it is stored: without names of a buyer. */
export type StoredPayload<T extends MarketplaceEventType> = T extends MarketplaceEventType
  ? {
      [K in keyof MarketplaceEventPayloads[T]]: K extends 'agreement'
        ? StoredAgreementNotice | null
        : MarketplaceEventPayloads[T][K];
    }
  : never;

export interface EntitlementNotice {
  dimension: string;
  value: number | boolean | string | null;
  expiresAt: string | null;
}

export interface MeteringRecordNotice {
  productCode: string;
  dimension: string;
  /** Null for usage that was set apart: it belongs to no hour. */
  hour: string | null;
  quantity: string;
  reason: string | null;
}

export type MarketplaceEventType = keyof MarketplaceEventPayloads;

const TYPES: Readonly<Record<MarketplaceEventType, true>> = {
  'subscription.registered': true,
  'subscription.claimed': true,
  'subscription.activated': true,
  'subscription.renewed': true,
  'subscription.converted': true,
  'subscription.suspended': true,
  'subscription.failed': true,
  'subscription.notice': true,
  'subscription.ending': true,
  'subscription.ended': true,
  'subscription.folded': true,
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

/**
 * An event as it is stored: written in the transaction that made it true, handed to the host's handlers after the
 * commit.
 */
export interface NewMarketplaceEvent<T extends MarketplaceEventType = MarketplaceEventType> {
  type: T;
  subscriptionId: string | null;
  recordId?: string | null;
  payload: StoredPayload<T>;
  /** Business time. */
  occurredAt: Date;
}
