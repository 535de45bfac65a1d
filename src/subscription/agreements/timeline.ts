/**
 * The name under which AWS meters and dedupes: what is sent, and the canonical form that tells two spellings of one
 * from two. A buyer of a legacy listing has up to two names; AWS may treat both as one, so hours under either count as
 * taken. A product in its buyer's account names nobody: AWS knows it by the resource that calls, of which a record
 * learns when it is first sent.
 */
export type MeteringIdentityName =
  | { kind: 'license'; licenseId: string; licenseArn: string; customerAwsAccountId: string }
  | { kind: 'customerIdentifier'; customerIdentifier: string }
  | { kind: 'account'; customerAwsAccountId: string }
  | { kind: 'installation' };

/**
 * From an hour on, usage of an agreement is metered under `identity`; null where AWS has not told enough to send
 * anything.
 */
export interface SpanIdentity {
  /** Start of the first UTC hour; null: from the beginning. */
  fromHour: Date | null;
  identity: MeteringIdentityName | null;
  /** Other names under which AWS may know the same buyer: their hours count as taken, too. */
  alsoKnownAs: readonly MeteringIdentityName[];
}

/** Signs of an agreement's end. */
export interface SpanEnd {
  /** The instant at which it ended. */
  at: Date;
  /** Own instants of the first and the last sign. */
  firstSignAt: Date;
  lastSignAt: Date;
  /** When the last sign was heard, by business time. */
  lastHeardAt: Date;
  /**
   * A successor was announced (RENEWED, REPLACED, SUPERSEDED), or only the planned end has passed: none is known yet,
   * and AWS was not asked since.
   */
  awaitsSuccessor: boolean;
  /**
   * A later agreement goes on under the same metering identity: AWS's window after the end does not shorten the
   * deadlines of its hours.
   */
  identityGoesOn: boolean;
}

/**
 * One stretch of a subscription's time with one agreement and one price: the instants `[from, to)`. Spans of a
 * subscription never overlap, and lie in the order of time.
 */
export interface TimelineSpan {
  subscriptionId: string;
  /** Row id of the agreement; periods hang on it. */
  agreementId: string;
  /** Other rows that turned out to be the same agreement. */
  aliasAgreementIds: readonly string[];
  price: 'trial' | 'paid';
  /**
   * First instant whose usage belongs to it: its start, or up to an hour before where nothing else covers that time.
   */
  from: Date;
  /** First instant that does not belong to it any more; null while no end is known. */
  to: Date | null;
  /**
   * The told (or provisional) start of this span's agreement or price: records lie at least a second after the
   * agreement's.
   */
  startsAt: Date;
  /** No start was told: the registration or the first License event stands for it. */
  isProvisional: boolean;
  /**
   * `whenSettled`; `lastMoment`: AWS has not said that it may be metered, so its hours wait until they would be lost;
   * `never`: the purchase failed.
   */
  seals: 'whenSettled' | 'lastMoment' | 'never';
  zeroRecords: boolean;
  /**
   * AWS has not told the terms of the instants from here on: hours that reach beyond it wait for them until they would
   * be lost. Null: nothing is open.
   */
  termsUnknownFrom: Date | null;
  /** Null while the agreement runs, and where only the price changes at `to`. */
  end: SpanEnd | null;
  /** By hour; the first has `fromHour: null`. More than one where a legacy buyer was moved to licenses. */
  identities: readonly SpanIdentity[];
}

export interface SubscriptionTimeline {
  subscriptionId: string;
  spans: readonly TimelineSpan[];
  /** When AWS last answered a question about it, by business time. */
  askedAt: Date | null;
  /** AWS has said that it may not be asked. */
  mayNotAsk: boolean;
  /** The next instant at which these spans may read otherwise without a new fact. */
  nextChangeAt: Date | null;
}

/** Which tenant had which subscription when: `[from, to)`, null for unbounded. */
export interface Tenancy {
  subscriptionId: string;
  tenantId: string;
  from: Date | null;
  to: Date | null;
}

export interface CustomerSubject {
  id: number;
  tenantId: string | null;
  /** The living subscription: ids of folded ones are resolved. Beside a tenant: the payer that was named. */
  subscriptionId: string | null;
  /** As it was named when usage was recorded. */
  namedSubscriptionId: string | null;
}

/** All that sealing asks about a customer, from one snapshot. */
export interface CustomerTimeline {
  sellerAccount: string;
  customerId: string;
  productCode: string;
  tenantId: string | null;
  subjects: readonly CustomerSubject[];
  /** Living subscriptions that are, or once were, the customer's. */
  subscriptions: readonly SubscriptionTimeline[];
  tenancies: readonly Tenancy[];
  /** In the order of `from`. */
  payerChoices: readonly { subscriptionId: string; from: Date }[];
}
