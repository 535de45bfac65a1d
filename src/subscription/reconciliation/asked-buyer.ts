import { type SubscriptionState } from '../agreements/subscription-state.js';
import { type AgreementTerms, type FactDetails } from '../agreements/agreement-fact.js';

/** A buyer at one product about whom AWS is asked, with all that is known of him by then. */
export interface AskedBuyer {
  productCode: string;
  /** Null once erased, or never told. */
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  /** Living subscriptions, in the order of ids. */
  subscriptions: readonly { id: string; customerId: string; state: SubscriptionState }[];
  agreements: readonly KnownAgreement[];
  /** Entity id of the listing, as any agreement of the product has told it. */
  productId: string | null;
  /** Agreements of his account of which messages tell that wait, as digests: at which product they are, AWS may tell. */
  awaited: readonly string[];
}

/** An agreement that the ledger has a row of. */
export interface KnownAgreement {
  id: string;
  subscriptionId: string;
  /** Null where AWS has not told it yet, or it was erased. */
  agreementId: string | null;
  /** Digests of its agreement id, known also where it was erased. Empty where AWS has not told it yet. */
  agreementDigests: readonly string[];
  /** Licenses in the form that the API takes. */
  licenseArns: readonly string[];
  /** Ids of its licenses whatever form was printed, as digests. */
  licenseDigests: readonly string[];
  /** Those of them whose printed forms were erased. */
  erasedLicenses: readonly string[];
  /** What AWS last said of it when it was asked. */
  found: { at: Date; details: FactDetails['agreement.found'] } | null;
  /** The terms that AWS last told, of this or of an earlier question. */
  terms: AgreementTerms | null;
  /** Of everything else heard about it or its buyer: the latest instant, and the latest hearing. */
  lastFactAt: Date | null;
  lastHeardAt: Date | null;
  /** Ends that were ever announced for it. */
  announcedEnds: readonly Date[];
}
