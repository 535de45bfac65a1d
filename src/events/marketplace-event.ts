/** Payload of every event that the module tells of. Decimals are strings, instants ISO UTC; no account id and no token ever stands in one. */
export interface MarketplaceEventPayloads {
  'subscription.registered': { productCode: string; offerType: string | null };
  'subscription.claimed': { productCode: string; tenantId: string };
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
