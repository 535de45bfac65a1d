/**
 * Payload of every event that the module tells of; when each is told, `EVENT_CATALOGUE` says. Decimals are strings,
 * instants ISO UTC; no token ever stands in one.
 */
export interface MarketplaceEventPayloads {
  'subscription.registered': { productCode: string; offerType: string | null; agreement: AgreementNotice | null };
  'subscription.claimed': { productCode: string; tenantId: string };
  'subscription.unlinked': {
    productCode: string;
    tenantId: string;
    /** Whose it is again by an earlier link; null: nobody's, until it is claimed anew. */
    newTenantId: string | null;
    /** Whole units of that tenant's usage that AWS has billed to the subscription's buyer. */
    billed: { dimension: string; units: string }[];
  };
  'subscription.activated': {
    productCode: string;
    startsAt: string;
    isTrial: boolean;
    previousState: string;
    agreement: AgreementNotice | null;
  };
  'subscription.renewed': {
    productCode: string;
    startsAt: string;
    isTrial: boolean;
    agreement: AgreementNotice | null;
  };
  'subscription.converted': { productCode: string; at: string; agreement: AgreementNotice | null };
  'subscription.suspended': { productCode: string; agreement: AgreementNotice | null };
  'subscription.ending': { productCode: string; endsAt: string; agreement: AgreementNotice | null };
  'subscription.ended': { productCode: string; endsAt: string; agreement: AgreementNotice | null };
  'subscription.failed': { productCode: string };
  'subscription.folded': { productCode: string; foldedSubscriptionId: string };
  'subscription.notice': { productCode: string; notice: string };
  'entitlement.changed': {
    productCode: string;
    entitlements: EntitlementNotice[];
    previous: EntitlementNotice[] | null;
  };
  'metering.deadlineNear': MeteringRecordNotice & { dueAt: string };
  'metering.blocked': MeteringRecordNotice;
  'metering.conflict': MeteringRecordNotice;
  'metering.expired': MeteringRecordNotice & { disposition: string };
  'metering.closed': MeteringRecordNotice & { disposition: string };
  'metering.unknown': MeteringRecordNotice;
  'metering.overBilled': MeteringRecordNotice & { disposition: string };
  'alert.raised': {
    kind: string;
    subject: string;
    severity: 'warning' | 'critical';
    message: string;
    details: Record<string, unknown>;
    /** 0 when it opens or becomes critical, then counting up. */
    repeat: number;
  };
  'alert.resolved': {
    kind: string;
    subject: string;
    severity: 'warning' | 'critical';
    message: string;
    raisedAt: string;
    resolvedAt: string;
    /** Who had taken it on, or ended it; null: nobody. */
    acknowledgedBy: string | null;
  };
}

/**
 * The agreement that an event is about: all that provisioning needs. Null where it is not known, or was erased. The
 * names are looked up when the event is delivered; what is stored refers to rows, so that a buyer can be erased.
 */
export interface AgreementNotice {
  /** As `Agreement` has them. */
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

/** What a buyer has bought of a dimension. */
export interface EntitlementNotice {
  dimension: string;
  /** Amount, yes or no, or text, as the listing has it; null where AWS named none. */
  value: number | boolean | string | null;
  expiresAt: string | null;
}

/** The record that an event is about. */
export interface MeteringRecordNotice {
  productCode: string;
  dimension: string;
  /** Null for usage that was set apart: it belongs to no hour. */
  hour: string | null;
  /** Units; whole but for usage that was never to be sent. */
  quantity: string;
  /** Why it is where it is: see docs/evidence.md. */
  reason: string | null;
}

/** What handlers may hear of: docs/events.md. */
export type MarketplaceEventType = keyof MarketplaceEventPayloads;

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
