// AWS keeps one record of a license, dimension and hour, whoever of its tenants used it. Pure.
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { groupBy } from '../../subscription/chain/group-by.js';
import { type CustomerPlan, inOrderOfTime } from './customer-plan.js';
import { type Period } from './period.js';
import { type PlannedCustomer } from './planned-customer.js';

/**
 * Tenants who had one subscription one after the other are planned apart, and what falls on one hour of it, or is
 * closed with it, becomes one record: of who has the subscription, or had it last.
 */
export function shareHours(planned: readonly PlannedCustomer[]): PlannedCustomer[] {
  const hoursOf = sharedBy(
    planned,
    ({ hours }) => hours,
    ({ period, dimension, hour }) => `${period.key} ${dimension} ${hour.hour.getTime()}`,
    (own, all) => ({ ...own, rollups: all.flatMap(({ rollups }) => rollups) }),
  );
  const closingsOf = sharedBy(
    planned,
    ({ closings }) => closings,
    ({ period, dimension }) => `${period.key} ${dimension}`,
    (own, all) => ({
      ...own,
      rollups: all.flatMap(({ rollups }) => rollups),
      reason: all.some(({ reason }) => reason === 'refused') ? 'refused' : own.reason,
    }),
  );
  return planned.map((one) => {
    const hours = hoursOf(one).sort(inOrderOfTime);
    return { ...one, plan: { ...one.plan, hours, closings: closingsOf(one) } };
  });
}

/**
 * Records of these subscriptions are left to a pass in which all who had them are planned: AWS would take no other of
 * that hour.
 */
export function leaveShared(
  planned: readonly PlannedCustomer[],
  subscriptionIds: ReadonlySet<string>,
  now: Date,
): PlannedCustomer[] {
  const isLeft = ({ subscription }: Period): boolean => subscriptionIds.has(subscription.subscriptionId);
  return planned.map((one) => {
    const hours = one.plan.hours.filter(({ period }) => !isLeft(period));
    const closings = one.plan.closings.filter(({ period }) => !isLeft(period));
    const closed = one.plan.closed.filter((period) => !isLeft(period));
    const isWhole = hours.length === one.plan.hours.length && closings.length === one.plan.closings.length;
    return isWhole ? one : { ...one, plan: { ...one.plan, hours, closings, closed, lookAt: now } };
  });
}

/** What of a list is left to a customer where each that several plan is the last tenant's. */
function sharedBy<P extends { period: Period }>(
  planned: readonly PlannedCustomer[],
  listOf: (plan: CustomerPlan) => readonly P[],
  keyOf: (one: P) => string,
  join: (own: P, all: readonly P[]) => P,
): (customer: PlannedCustomer) => P[] {
  const all = planned.flatMap((by) => listOf(by.plan).map((one) => ({ by, one, key: keyOf(one) })));
  const sharers = groupBy(all, ({ key }) => key);
  const joined = [...sharers.values()].flatMap((several) => {
    const [last] = [...several].sort(
      (a, b) => turnOf(b.by.customer, b.one.period) - turnOf(a.by.customer, a.one.period),
    );
    return last
      ? [
          {
            by: last.by,
            one: join(
              last.one,
              several.map(({ one }) => one),
            ),
          },
        ]
      : [];
  });
  return (customer) => joined.flatMap(({ by, one }) => (by === customer ? [one] : []));
}

/** The how manieth of the subscription's tenants the customer was last; -1 where it is none of theirs. */
function turnOf({ tenancies, tenantId: own }: CustomerTimeline, { subscription }: Period): number {
  const turns = tenancies.filter(({ subscriptionId }) => subscriptionId === subscription.subscriptionId);
  return turns.findLastIndex(({ tenantId }) => tenantId === own);
}

/** Customers as planning judges records that they share: with the subjects of whoever had their subscriptions. */
export function withSharedSubjects(timelines: readonly CustomerTimeline[]): CustomerTimeline[] {
  return timelines.map((customer) => {
    const tenants = new Set<string | null>(customer.tenancies.map(({ tenantId }) => tenantId));
    const others = timelines.filter(
      ({ customerId, productCode, tenantId }) =>
        customerId !== customer.customerId && productCode === customer.productCode && tenants.has(tenantId),
    );
    return others.length === 0
      ? customer
      : { ...customer, subjects: [customer, ...others].flatMap(({ subjects }) => subjects) };
  });
}
