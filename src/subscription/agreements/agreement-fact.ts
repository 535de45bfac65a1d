import { digestUuid } from '../../runtime/digest-uuid.js';
import { byText } from '../../runtime/order.js';

/**
 * What a fact adds to its type. Instants are ISO UTC text, as they are stored. No names of a buyer: agreements and
 * licenses that a fact speaks of beside its own stand as the hex digests of their names, as in agreement_name.
 */
export interface FactDetails {
  /** Purchase Agreement Created: sent at the signing or at the start, AWS does not say which. */
  'agreement.created': {
    intent: string | null;
    status: string | null;
    startTime: string | null;
    endTime: string | null;
    /** Digest of the agreement that this one renews or replaces. */
    previousDigest: string | null;
    offerId: string | null;
  };
  'agreement.amended': { intent: string | null; status: string | null; endTime: string | null; offerId: string | null };
  /** `RENEWED`, `REPLACED`, `SUPERSEDED` announce a successor; null where the message does not say. */
  'agreement.ended': { status: string | null; endTime: string | null };
  'license.updated': { offerId: string | null };
  'license.deprovisioned': { offerId: string | null };
  /** SNS subscribe-success: sent at the start, by AWS's word. */
  'legacy.subscribeSucceeded': { isFreeTrial: boolean | null; offerId: string | null };
  'legacy.subscribeFailed': { offerId: string | null };
  'legacy.unsubscribePending': { offerId: string | null };
  'legacy.unsubscribed': { offerId: string | null };
  'entitlement.updated': Record<string, never>;
  'advisory.issued': { detailType: string };
  'advisory.resolved': { detailType: string };
  'agreement.notice': { detailType: string };
  /**
   * The buyer came to the landing page with a token, and ResolveCustomer answered; or the host entered a customer from
   * before the module, who buys since `since` at the latest.
   */
  'buyer.registered': { since?: string };
  /** The host's word about its subscription: all that is in force at `endsAt` ends. */
  'host.ended': { endsAt: string };
  /**
   * A message that tells no time of its own (raw delivery, redriven): what it said is only a reason to ask. `said` is
   * its type.
   */
  'message.untimed': { said: string };
  /** AWS was asked about one agreement, and answered. `at` is when it was asked. */
  'agreement.found': {
    /** As the Agreement API has it; null where only GetEntitlements could be asked. */
    status: string | null;
    startTime: string | null;
    /** Null: AWS names none, as for pay-as-you-go. */
    endTime: string | null;
    /** From GetAgreementTerms; null where they could not be read. */
    terms: AgreementTerms | null;
    /** GetEntitlements' word; null where it was not asked, or answered with nothing. */
    entitled: boolean | null;
    previousDigest: string | null;
    initialDigest: string | null;
    offerId: string | null;
    /** When anything of it changed last: what changed since an earlier answer did so by then. */
    lastUpdateTime: string | null;
  };
}

export interface AgreementTerms {
  /**
   * Null: no free trial term. `until`: start + duration; null where the trial is the only pricing term, so that it
   * lasts as long as the agreement.
   */
  trial: { until: string | null } | null;
}

export type FactType = keyof FactDetails;

/** One thing known about one agreement, or about a buyer where it names none. */
export type AgreementFact<T extends FactType = FactType> = {
  [K in T]: {
    /** `factIdOf`: the same whatever the order of arrival. Facts of one instant are told apart by it. */
    id: string;
    type: K;
    /** Row id of the agreement that it names; null: it names none (legacy), or a license that serves several. */
    agreementId: string | null;
    /**
     * Rows of the license that it names, where it names a license and no agreement; null: any of the buyer's could be
     * meant.
     */
    among: readonly string[] | null;
    /** When it happened by its sender's word. */
    at: Date;
    /** Business time at which it was first heard. */
    heardAt: Date;
    details: FactDetails[K];
  };
}[T];

/** A UUID made of what tells messages apart: repeated, a message makes the same fact. */
export function factIdOf(origin: string, messageId: string, type: FactType): string {
  return digestUuid([origin, messageId, type]);
}

/** In the order of their own instants; at one instant, of whole seconds, Created before what changes it, then by id. */
export function byInstant(a: AgreementFact, b: AgreementFact): number {
  return a.at.getTime() - b.at.getTime() || Number(isCreated(b)) - Number(isCreated(a)) || byText(a.id, b.id);
}

function isCreated({ type }: AgreementFact): boolean {
  return type === 'agreement.created';
}

/** In order, each once. */
export function inOrder(facts: readonly AgreementFact[]): AgreementFact[] {
  return [...new Map(facts.map((fact) => [fact.id, fact])).values()].sort(byInstant);
}
