/** What a buyer holds of a dimension, for GetEntitlements. */
export interface Entitlement {
  dimension: string;
  /** A whole number goes out as IntegerValue, another as DoubleValue. */
  value: number | boolean | string;
  /** From then on it is no longer listed. Default: the end of the agreement, if it has one. */
  expiresAt?: Date;
}

export interface SubscribeOptions {
  productCode: string;
  /** The buyer's AWS account, digits only. Default: a new account. The same account may hold several agreements. */
  accountId?: string;
  /** Whether the offer is a free trial: the registration form then says so. Metering is the same. Default false. */
  freeTrial?: boolean;
  /**
   * When the trial becomes paid by itself, within the same agreement. Only with `freeTrial`. Default: never, it is
   * converted or it ends.
   */
  trialEndsAt?: Date;
  /**
   * Default: now. A start in the future makes an agreement signed ahead: its usage is refused until then, and switches
   * say what is announced when.
   */
  startsAt?: Date;
  /** Default: none, the agreement runs until `end`. */
  endsAt?: Date;
  /** Default: none. */
  entitlements?: readonly Entitlement[];
  /** A private offer. Default: the product's public offer. */
  offerId?: string;
  /** Whether it renews at `endsAt`, for as long again. Default false: it expires. */
  autoRenew?: boolean;
  /** Days before `endsAt` after which the decision to renew stands. Default: none. */
  lockoutDays?: number;
  /**
   * An offer of a channel partner: the seller then is the manufacturer only, and hears of the agreement as such.
   * Default: a direct offer.
   */
  resale?: { partnerAccountId: string; resaleAuthorizationId?: string };
}

/**
 * `ROLLED_BACK`: the subscription failed, the agreement never took effect. `SUPERSEDED` and `ARCHIVED` exist in the
 * model only [SDK-A].
 */
export type AgreementStatus =
  'ACTIVE' | 'CANCELLED' | 'EXPIRED' | 'RENEWED' | 'REPLACED' | 'TERMINATED' | 'ROLLED_BACK';

/** How the agreement came into being [SG-evt]; `AMEND` is said of a change. */
export type AgreementIntent = 'NEW' | 'RENEW' | 'REPLACE';

export const cancellationReasons = [
  'INCORRECT_TERMS_ACCEPTED',
  'REPLACING_AGREEMENT',
  'TEST_AGREEMENT',
  'ALTERNATIVE_PROCUREMENT_CHANNEL',
  'PRODUCT_DISCONTINUED',
  'UNINTENDED_RENEWAL',
  'BUYER_DISSATISFACTION',
  'OTHER',
] as const;

/** Of a cancellation request and of a billing adjustment [SDK-A]. */
export type CancellationReason = (typeof cancellationReasons)[number];

/**
 * The seller's request that the buyer agree to a cancellation. Without an answer it is approved after seven days
 * [SG-evt].
 */
export interface CancellationRequest {
  readonly id: string;
  readonly status: 'PENDING_APPROVAL' | 'APPROVED' | 'REJECTED' | 'CANCELLED' | 'VALIDATION_FAILED';
  readonly reasonCode: CancellationReason;
  readonly reasonMessage: string;
  readonly statusMessage: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One agreement of one buyer for one product, as it stands at the moment it was asked for. */
export interface Agreement {
  readonly agreementId: string;
  readonly productCode: string;
  /** `prod-…`: the product as EventBridge and the Agreement API name it. */
  readonly productId: string;
  readonly accountId: string;
  /** Legacy products only; the same for all agreements of one account. */
  readonly customerIdentifier?: string;
  /**
   * `arn:aws:license-manager::<owner>:license:l-<id>`; its own unless it was inherited at a renewal, replacement or
   * conversion.
   */
  readonly licenseArn: string;
  readonly offerId: string;
  readonly status: AgreementStatus;
  readonly intent: AgreementIntent;
  /** The agreement that this one renews, replaces or converts. */
  readonly previousAgreementId?: string;
  /** The first of the chain: its own id unless it has a previous one. */
  readonly initialAgreementId: string;
  /** The agreement that came after this one. */
  readonly nextAgreementId?: string;
  readonly freeTrial: boolean;
  /** When the trial becomes, or became, paid by itself. */
  readonly trialEndsAt?: Date;
  /** Of a trial that became paid in the same agreement. */
  readonly paidSince?: Date;
  readonly autoRenew: boolean;
  /** Who turned the renewal off, if anyone did. */
  readonly renewalDisabledBy?: RenewalParty;
  readonly lockoutDays?: number;
  readonly resale?: { readonly partnerAccountId: string; readonly resaleAuthorizationId: string };
  readonly acceptedAt: Date;
  readonly startsAt: Date;
  readonly endsAt?: Date;
  /** The end that was signed last, whatever has ended it before; absent where there was none. */
  readonly signedEndsAt?: Date;
  /** Where the agreement itself was renewed (switch `renewalLicense`): the start of its present term. */
  readonly termStartsAt?: Date;
  /** What its status is to be at `endsAt`, if it does not renew. */
  readonly endsAs: 'EXPIRED' | 'CANCELLED' | 'TERMINATED';
  /** The last change of any kind. */
  readonly updatedAt: Date;
  /** The last change that was not its end. */
  readonly amendedAt: Date;
  readonly suspended: boolean;
  readonly entitlements: readonly Readonly<Entitlement>[];
  /** The latest, if there ever was one. */
  readonly cancellationRequest?: CancellationRequest;
}

/** The buyer or the seller. */
export type RenewalParty = 'ACCEPTOR' | 'PROPOSER';

/** What can be changed in a running agreement. A member that is absent stays as it is. */
export interface Amendment {
  endsAt?: Date;
  entitlements?: readonly Entitlement[];
  /** Of the offer that was accepted for the change. */
  offerId?: string;
  /** Turned off by the acceptor unless `renewalDisabledBy` says otherwise. */
  autoRenew?: boolean;
  renewalDisabledBy?: RenewalParty;
}

/** Terms of the agreement that follows; what is absent is taken over. */
export interface SuccessorTerms {
  /**
   * Default: now. Ahead: signed now, and the agreement before goes on until then, when it is RENEWED or REPLACED,
   * however long it had to run. In the past: AWS says so late.
   */
  startsAt?: Date;
  /**
   * What it makes. Default: as the switch `renewalLicense`, `replacementLicense` or `trialConversion` has it. A
   * replacement is never the `sameAgreement`.
   */
  as?: 'newLicense' | 'sameLicense' | 'sameAgreement';
  /** Default: as long again as the agreement before, or none if it had none. */
  endsAt?: Date;
  entitlements?: readonly Entitlement[];
  /** Default: the same offer for a renewal, a new one for a replacement. */
  offerId?: string;
}

/** The id of an agreement that is given as a whole or by its id. */
export function idOf(agreement: Agreement | string): string {
  return typeof agreement === 'string' ? agreement : agreement.agreementId;
}
