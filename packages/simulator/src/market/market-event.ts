import { type Agreement, type AgreementStatus, type CancellationReason } from './agreement.js';

/** Something that happened to an agreement and of which AWS tells the seller. */
export type MarketEvent = {
  /** When it happened, by the simulator's clock. */
  readonly at: Date;
  /** The agreement as it stood then. */
  readonly agreement: Agreement;
  /** Where AWS tells it. Default: wherever it tells such things. */
  readonly audience?: 'bus' | 'topics';
} & MarketEventKind;

type MarketEventKind =
  | {
      readonly kind:
        'created' | 'ended' | 'licenseDeprovisioned' | 'finalHourEnded' | 'subscriptionFailed' | 'renewalUpcoming';
    }
  /** `newOffer`: an offer was accepted for it. */
  | { readonly kind: 'amended'; readonly newOffer: boolean }
  /** `initial`: the license was granted, not changed. */
  | { readonly kind: 'licenseUpdated'; readonly initial: boolean }
  | { readonly kind: 'ending'; readonly daysBeforeEnd: number }
  | { readonly kind: 'renewalTermsFinalized'; readonly terms: RenewalTerms }
  | { readonly kind: 'advisoryIssued' | 'advisoryResolved' }
  | { readonly kind: 'spendVetted'; readonly step: SpendVetting }
  /** The agreement's cancellation request came to its present status. */
  | { readonly kind: 'cancellationRequest' }
  | { readonly kind: 'billingAdjusted'; readonly adjustment: BillingAdjustment };

/** What AWS can be made to say although it did not happen. `finalHourEnded` is unsubscribe-success. */
export const rumours = [
  ...(['created', 'ended', 'licenseUpdated', 'licenseDeprovisioned', 'finalHourEnded'] as const),
  ...(['advisoryIssued', 'advisoryResolved'] as const),
] as const;

export type Rumour = (typeof rumours)[number];

export interface RumourOptions {
  /** When it is said to have happened. Default: now. */
  at?: Date;
  /** Of `ended`: what became of the agreement. Default `CANCELLED`. */
  status?: AgreementStatus;
}

/** The buyer's spending reached a threshold, or AWS's check of their card came out well or badly. */
export type SpendVetting = 'reached' | 'succeeded' | 'failed';

/** What the buyer will pay for the term after the renewal. */
export interface RenewalTerms {
  /** Total contract value, a decimal number as text. Default `0.00`. */
  tcv?: string;
  /** Default `USD`. */
  currency?: string;
}

/** A credit that the seller asked for, completed or failed. */
export interface BillingAdjustment {
  /** A negative decimal number as text, such as `-100.00`. */
  amount: string;
  /** Default `completed`. */
  outcome?: 'completed' | 'failed';
  /** Default `USD`. */
  currency?: string;
  /** Default `OTHER`. */
  reason?: CancellationReason;
  /** Default: a made-up one. */
  invoiceId?: string;
}
