import { namesOf } from '../../subscription/agreements/identity-name.js';
import { identityAt, type Period } from './period.js';
import { type PlanningRule, type WaitingRollup } from './planning-rule.js';

/** A standing record of which AWS is known to have billed nothing, as far as it matters where its usage belongs. */
export interface MovableRecord {
  id: string;
  kind: 'hour' | 'closing' | 'setApart';
  hour: Date | null;
  identity: string | null;
  rollups: readonly WaitingRollup[];
}

/**
 * Whether the timeline has moved from under a record, so that it is annulled and its usage planned anew: it names
 * another period for the first or the last instant of a rollup; what was closed or set apart has an hour now; a record
 * without usage lies outside its period. To wait is no other place: usage that nobody seems to pay just now, or several
 * could, stays where it is until it is known better.
 * @param period the record's own; null where it has none, or where the customer's timeline knows its agreement no
 * longer.
 */
export function hasMoved(record: MovableRecord, period: Period | null, rule: PlanningRule): boolean {
  if (record.kind === 'setApart') return record.rollups.some((rollup) => namesAnHour(rollup, rule));
  if (period === null)
    return record.rollups.some((rollup) => otherPeriod(rollup, null, rule) || wasUnlinked(rollup, rule));
  if (record.rollups.some((rollup) => otherPeriod(rollup, period, rule))) return true;
  const hours = rule.hoursOf(period);
  if (record.kind === 'closing') return hours.runs || record.rollups.some((rollup) => namesAnHour(rollup, rule));
  const staysHere = record.rollups.every((rollup) => rule.placeOf(rollup.subject, rollup.firstAt).kind === 'period');
  const own = record.hour && hours.at(record.hour);
  if (!own) return staysHere;
  const names = namesOf(identityAt(own.span, own.hour));
  return (
    record.rollups.length === 0 && record.identity !== null && names.length > 0 && !names.includes(record.identity)
  );
}

function otherPeriod({ subject, firstAt, lastAt }: WaitingRollup, period: Period | null, rule: PlanningRule): boolean {
  return [firstAt, lastAt].some((instant) => {
    const place = rule.placeOf(subject, instant);
    return place.kind === 'period' && place.period.key !== period?.key;
  });
}

/**
 * The tenant never had the subscription that the record is about: an operator has undone the link. Subjects that moved
 * on to another customer are that one's to judge.
 */
function wasUnlinked({ subject, firstAt }: WaitingRollup, rule: PlanningRule): boolean {
  const { customer } = rule.context;
  const isTheirs = customer.tenantId !== null && customer.subjects.some(({ id }) => id === subject);
  return isTheirs && rule.placeOf(subject, firstAt).kind === 'none';
}

/** An hour now, or one that is about to settle. */
function namesAnHour(rollup: WaitingRollup, rule: PlanningRule): boolean {
  const plan = rule.plan(rollup);
  if (plan.to === 'split')
    return [rollup.firstAt, rollup.lastAt].some((at) => namesAnHour({ ...rollup, firstAt: at, lastAt: at }, rule));
  return (
    plan.to === 'hour' ||
    (plan.to === 'wait' && plan.closesWith !== null && ['nextHour', 'notSettled'].includes(plan.reason))
  );
}
