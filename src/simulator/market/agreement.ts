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
  /** Default: now. A start in the future makes a future-dated agreement: usage is refused until then. */
  startsAt?: Date;
  /** Default: none, the agreement runs until `end`. */
  endsAt?: Date;
  /** Default: none. */
  entitlements?: readonly Entitlement[];
}

/** One agreement of one buyer for one product, as it stands at the moment it was asked for. */
export interface Agreement {
  readonly agreementId: string;
  readonly productCode: string;
  readonly accountId: string;
  /** Legacy products only; the same for all agreements of one account. */
  readonly customerIdentifier?: string;
  /** `arn:aws:license-manager::<owner>:license:l-<id>`; unique per agreement. */
  readonly licenseArn: string;
  readonly freeTrial: boolean;
  readonly startsAt: Date;
  readonly endsAt?: Date;
  readonly suspended: boolean;
  readonly entitlements: readonly Readonly<Entitlement>[];
}
