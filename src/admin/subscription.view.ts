import { type BalanceView } from '../metering/balance/ledger-balance.js';
import { type SubscriptionTimeline } from '../subscription/agreements/timeline.js';
import { hostName, identifier, instant, json } from './shown.js';
import { type AgreementRow, type FactRow, type SubscriptionRow, type WorkRow } from './subscriptions.sql.js';

/** A subscription. Identifiers of AWS show their last four characters. */
export interface SubscriptionView {
  id: string;
  /** The unit of sealing and conservation that it belongs to. */
  customerId: string;
  productCode: string;
  tenantId: string | null;
  state: string;
  isTrial: boolean;
  /** Of the agreement in force, or of the last one. */
  agreementId: string | null;
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  offerType: string | null;
  registeredAt: string | null;
  /** Nothing before this instant is billed by us; null where we bill from its beginning. */
  billedFrom: string | null;
  /** First hour metered under the license, where a legacy subscription was moved to one. */
  licenseFrom: string | null;
  /** When its state changes next without a new message. */
  nextChangeAt: string | null;
  /** Time of the latest lifecycle message about it. */
  lastHeardAt: string | null;
  /** When AWS was last asked about it. */
  askedAt: string | null;
  /** The subscription that it was folded into. */
  aliasOf: string | null;
}

export interface AgreementView {
  /** Of our row: what `facts` and `timeline` name it by. */
  id: string;
  agreementId: string | null;
  licenseArn: string | null;
  productId: string | null;
  offerId: string | null;
  /** The row that turned out to be the same agreement. */
  aliasOf: string | null;
  periods: { price: string; mode: string; closedAt: string | null }[];
}

/** One thing known of an agreement, or of the buyer where `agreementId` is null. */
export interface FactView {
  agreementId: string | null;
  type: string;
  at: string;
  heardAt: string;
  origin: string;
  messageId: string;
  details: unknown;
}

/** Which agreement, at which price, has which instants: `[from, to)`. */
export interface SpanView {
  agreementId: string;
  price: string;
  from: string;
  to: string | null;
  startsAt: string;
  isProvisional: boolean;
  end: { at: string; firstSignAt: string; lastSignAt: string; awaitsSuccessor: boolean } | null;
}

export interface SubscriptionDetailView extends SubscriptionView {
  agreements: AgreementView[];
  /** By when they happened, at most 1,000. */
  facts: FactView[];
  timeline: SpanView[];
  deadlines: {
    /** Earliest due time of a record that still has to go out. */
    nextDueAt: string | null;
    /** Earliest cutoff of such a record. */
    nextCutoffAt: string | null;
  };
  /** Number of metering records, by state. */
  recordsByState: Record<string, number>;
  /** Of its customer: one row per dimension, at most 200. */
  balance: BalanceView[];
  /** What GetEntitlements last said, and how long ago; null when it was never asked. */
  entitlementSnapshot: { fetchedAt: string; ageMs: number } | null;
}

export function subscriptionViewOf(row: SubscriptionRow): SubscriptionView {
  return {
    id: row.id,
    customerId: row.customer_id,
    productCode: row.product_code,
    tenantId: hostName(row.tenant_id),
    state: row.state,
    isTrial: row.is_trial,
    agreementId: identifier(row.agreement?.agreement_id ?? null),
    licenseArn: identifier(row.agreement?.license_arn ?? null),
    customerAwsAccountId: identifier(row.account),
    customerIdentifier: identifier(row.customer_identifier),
    offerType: row.offer_type,
    registeredAt: instant(row.registered_at),
    billedFrom: instant(row.billed_from),
    licenseFrom: instant(row.license_from),
    nextChangeAt: instant(row.next_change_at),
    lastHeardAt: instant(row.last_heard_at),
    askedAt: instant(row.asked_at),
    aliasOf: row.alias_of,
  };
}

export function subscriptionDetailViewOf(
  row: SubscriptionRow,
  parts: {
    agreements: readonly AgreementRow[];
    facts: readonly FactRow[];
    timeline: SubscriptionTimeline | null;
    work: WorkRow;
    balance: BalanceView[];
    now: Date;
  },
): SubscriptionDetailView {
  const { agreements, facts, timeline, work, balance, now } = parts;
  const fetchedAt = work.entitlements_fetched_at;
  return {
    ...subscriptionViewOf(row),
    agreements: agreements.map((agreement) => ({
      id: agreement.id,
      agreementId: identifier(agreement.agreement_id),
      licenseArn: identifier(agreement.license_arn),
      productId: agreement.product_id,
      offerId: agreement.offer_id,
      aliasOf: agreement.alias_of,
      periods: agreement.periods.map((period) => ({
        price: period.price,
        mode: period.mode,
        closedAt: period.closed_at === null ? null : new Date(period.closed_at).toISOString(),
      })),
    })),
    facts: facts.map((fact) => ({
      agreementId: fact.agreement_id,
      type: fact.type,
      at: instant(fact.at),
      heardAt: instant(fact.heard_at),
      origin: fact.origin,
      messageId: fact.message_id,
      details: json(fact.details),
    })),
    timeline: (timeline?.spans ?? []).map((span) => ({
      agreementId: span.agreementId,
      price: span.price,
      from: instant(span.from),
      to: instant(span.to),
      startsAt: instant(span.startsAt),
      isProvisional: span.isProvisional,
      end: span.end && {
        at: instant(span.end.at),
        firstSignAt: instant(span.end.firstSignAt),
        lastSignAt: instant(span.end.lastSignAt),
        awaitsSuccessor: span.end.awaitsSuccessor,
      },
    })),
    deadlines: { nextDueAt: instant(work.next_due_at), nextCutoffAt: instant(work.next_cutoff_at) },
    recordsByState: work.records_by_state,
    balance,
    entitlementSnapshot: fetchedAt && {
      fetchedAt: instant(fetchedAt),
      ageMs: Math.max(0, now.getTime() - fetchedAt.getTime()),
    },
  };
}
