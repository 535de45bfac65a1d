import { type AgreementTerms, type FactDetails } from '../agreements/agreement-fact.js';

/** How AWS (or the host) names the subscription that it speaks of. Any part may be missing. */
export interface SpokenOf {
  productCode?: string;
  /** `prod-…`, the entity id of the listing. */
  productId?: string;
  /** In any of its printed forms; only one in the API's form is ever kept for metering. */
  licenseArn?: string;
  customerAwsAccountId?: string;
  customerIdentifier?: string;
  agreementId?: string;
  /** Ours: messages of the host, of registration and of reconciliation. */
  subscriptionId?: string;
}

/**
 * What a message adds to the event's type. Instants are ISO UTC text, so that an event is the same before and after it
 * was stored.
 */
export interface LifecycleDetails {
  'agreement.created': {
    intent: string | null;
    status: string | null;
    startTime: string | null;
    endTime: string | null;
    previousAgreementId: string | null;
    offerId: string | null;
  };
  'agreement.amended': { intent: string | null; status: string | null; endTime: string | null; offerId: string | null };
  /** `RENEWED`, `REPLACED` and `SUPERSEDED` are no end of the subscription; null where the message does not say. */
  'agreement.ended': { status: string | null; endTime: string | null };
  'license.updated': { offerId: string | null };
  'license.deprovisioned': { offerId: string | null };
  'legacy.subscribeSucceeded': { isFreeTrial: boolean | null; offerId: string | null };
  'legacy.subscribeFailed': { offerId: string | null };
  'legacy.unsubscribePending': { offerId: string | null };
  'legacy.unsubscribed': { offerId: string | null };
  'entitlement.updated': Record<string, never>;
  'advisory.issued': { detailType: string };
  'advisory.resolved': { detailType: string };
  /**
   * Everything else that AWS tells of an agreement: spend thresholds, cancellation requests, ending notices, billing
   * adjustments.
   */
  'agreement.notice': { detailType: string };
  /** The host says that the subscription ends (`SubscriptionService.end`). */
  'host.ended': { endsAt: string };
  /** AWS was asked. What it says is positive: that something was not listed says nothing, and is no message. */
  'agreement.found': {
    /** As the Agreement API has it; null where only GetEntitlements could be asked. */
    status: string | null;
    startTime: string | null;
    /** Null: AWS names none, as for pay-as-you-go. */
    endTime: string | null;
    /** Trial or paid, by GetAgreementTerms; null where they could not be read. */
    terms: AgreementTerms | null;
    /** GetEntitlements names something for it: it is in force. */
    entitled: boolean | null;
    /** The agreement that this one renews or replaces; null where AWS does not tell of one. */
    previousAgreementId: string | null;
    /** The first of its chain, itself where there is none before it; null where AWS does not tell. */
    initialAgreementId: string | null;
    offerId: string | null;
    /** When anything of it changed last, amendments included; null where AWS does not say. */
    lastUpdateTime: string | null;
  };
  /**
   * The buyer came to the landing page and ResolveCustomer answered, or the host entered a customer from before the
   * module.
   */
  'buyer.registered': FactDetails['buyer.registered'];
}

export type LifecycleEventType = keyof LifecycleDetails;

/** One thing heard about one subscription. */
export type LifecycleEvent<T extends LifecycleEventType = LifecycleEventType> = {
  [K in T]: {
    type: K;
    /** When it happened by its sender's word. State moves by this, never by arrival. */
    at: Date;
    /**
     * The message tells no time (raw delivery, redriven): `at` is when it was received, and what it says is only a
     * reason to ask AWS.
     */
    isUntimed?: boolean;
    about: SpokenOf;
    details: LifecycleDetails[K];
  };
}[T];

/** Who said it: AWS by one of its ways in, the host, or this module for what it has read or asked. */
export type MessageOrigin = 'eventBridge' | 'sns' | 'sqs' | 'http' | 'host' | 'registration' | 'reconciliation';

/** A message as one of the ways in received it, told apart from its repeats by origin and id. */
export interface ReceivedMessage {
  origin: MessageOrigin;
  /**
   * EventBridge's envelope `id`, SNS's `MessageId`; of what has neither, the SQS message id or a digest of the body.
   */
  messageId: string;
  /** `sqs:<queue name>`, `https`, or which part of the module said it. */
  via: string;
  /** As received, for the record. */
  body: string;
  /**
   * What it says; or why nothing is done with it: `ignored` (of no concern to us) or `dead-lettered` (not understood, a
   * person must look).
   */
  content: { event: LifecycleEvent } | { ignored: string } | { deadLettered: string };
}
