import { endWindowClosesAt } from '../metering/settlement/deadlines.js';
import { type BalanceView } from '../metering/balance/ledger-balance.js';
import { type AliasRow, type StandingRow, type SubscriptionRow } from './ledger-views.sql.js';
import { hostName, identifier, instant } from './shown.js';

/** A subscription. Identifiers of AWS show their last four characters. */
export interface SubscriptionView {
  id: string;
  productCode: string;
  tenantId: string | null;
  state: string;
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  offerType: string | null;
  registeredAt: string;
  startsAt: string;
  endsAt: string | null;
  firstMeteredAt: string | null;
  /** The subscription in which this one lives on, where the two were found to be one. */
  mergedInto: string | null;
  /** Start of its present run; null until AWS, or usage that AWS took, has shown it to be active. */
  activatedAt: string | null;
  isTrial: boolean;
  /** The subscription that this one renews, replaces or takes up again. */
  predecessorId: string | null;
  /** The one that renews, replaces or takes up this one. */
  successorId: string | null;
  /** First hour metered under the license, where a legacy subscription was moved to one. */
  licenseFrom: string | null;
  /** Time of the latest lifecycle message about it. */
  lastHeardAt: string | null;
  /** When AWS was last asked about it. */
  reconciledAt: string | null;
}

export interface SubscriptionDetailView extends SubscriptionView {
  /** The names under which AWS's messages find it. */
  aliases: { kind: string; scope: string; value: string | null }[];
  deadlines: {
    firstEndSignAt: string | null;
    lastEndSignAt: string | null;
    /** From here on AWS takes nothing more of it, by any reading. Null while it has no end. */
    endWindowClosesAt: string | null;
    /** Earliest due time of a record that still has to go out. */
    nextDueAt: string | null;
    /** Earliest cutoff of such a record. */
    nextCutoffAt: string | null;
  };
  /** Number of metering records, by state. */
  recordsByState: Record<string, number>;
  /** Number of events that no record bills yet. */
  unassignedEvents: number;
  /** One row per dimension, at most 200. */
  balance: BalanceView[];
  /** What GetEntitlements last said, and how long ago; null when it was never asked. */
  entitlementSnapshot: { fetchedAt: string; ageMs: number } | null;
}

export function subscriptionViewOf(row: SubscriptionRow): SubscriptionView {
  return {
    id: row.id,
    productCode: row.product_code,
    tenantId: hostName(row.tenant_id),
    state: row.state,
    licenseArn: identifier(row.license_arn),
    customerAwsAccountId: identifier(row.customer_aws_account_id),
    customerIdentifier: identifier(row.customer_identifier),
    offerType: row.offer_type,
    registeredAt: instant(row.registered_at),
    startsAt: instant(row.starts_at),
    endsAt: instant(row.ends_at),
    firstMeteredAt: instant(row.first_metered_at),
    mergedInto: row.merged_into,
    activatedAt: instant(row.activated_at),
    isTrial: row.is_trial,
    predecessorId: row.predecessor_id,
    successorId: row.successor_id,
    licenseFrom: instant(row.license_from),
    lastHeardAt: instant(row.last_heard_at),
    reconciledAt: instant(row.reconciled_at),
  };
}

export function subscriptionDetailViewOf(
  row: SubscriptionRow,
  parts: { aliases: readonly AliasRow[]; standing: StandingRow; balance: BalanceView[]; now: Date },
): SubscriptionDetailView {
  const { aliases, standing, balance, now } = parts;
  const { first_end_sign_at: firstEndSignAt, last_end_sign_at: lastEndSignAt } = row;
  const fetchedAt = standing.entitlements_fetched_at;
  return {
    ...subscriptionViewOf(row),
    aliases: aliases.map(({ kind, scope, value }) => ({ kind, scope, value: identifier(value) })),
    deadlines: {
      firstEndSignAt: instant(firstEndSignAt),
      lastEndSignAt: instant(lastEndSignAt),
      endWindowClosesAt: firstEndSignAt && lastEndSignAt ? instant(endWindowClosesAt({ firstEndSignAt, lastEndSignAt })) : null,
      nextDueAt: instant(standing.next_due_at),
      nextCutoffAt: instant(standing.next_cutoff_at),
    },
    recordsByState: standing.records_by_state,
    unassignedEvents: Number(standing.unassigned_events),
    balance,
    entitlementSnapshot: fetchedAt && { fetchedAt: instant(fetchedAt), ageMs: Math.max(0, now.getTime() - fetchedAt.getTime()) },
  };
}
