import { type Agreement } from './agreement.js';
import { type Switches } from '../switches.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Days before its end at which an agreement is announced as ending [SG-evt]. */
export const endingNotices = [180, 120, 90, 60, 30] as const;

/** Days after which a cancellation request that nobody answered is approved [SG-evt]. */
const autoApprovalDays = 7;

/** A moment in the life of an agreement at which something happens by itself. */
export interface Milestone {
  /** One of a kind in its agreement; a notice of another end has another name. */
  readonly name: string;
  readonly kind:
    'signing' | 'start' | 'trialEnd' | 'ending' | 'lockout' | 'autoApproval' | 'end' | 'deprovision' | 'finalHourEnd';
  readonly at: Date;
  /** Of `ending`. */
  readonly daysBeforeEnd?: number;
}

export type MilestoneSwitches = Pick<Switches, 'finalHourOpenedBy' | 'deprovisionedAfterMs' | 'finalHour'>;

/**
 * All moments of the agreement, past and future, by time; of one moment, in the order of life. An agreement that ends
 * before it starts has its signing and its end only. `inherited`: whether the agreement after it took over its license.
 */
export function milestonesOf(agreement: Agreement, inherited: boolean, switches: MilestoneSwitches): Milestone[] {
  if (agreement.status === 'ROLLED_BACK') return [];
  const { startsAt, endsAt, acceptedAt, autoRenew, lockoutDays, cancellationRequest, freeTrial, trialEndsAt } =
    agreement;
  const signing: Milestone[] = acceptedAt < startsAt ? [{ name: 'signing', kind: 'signing', at: acceptedAt }] : [];
  const end: Milestone = { name: `end ${endsAt?.toISOString() ?? ''}`, kind: 'end', at: endsAt ?? startsAt };
  if (endsAt && endsAt < startsAt) return [...signing, end];
  const milestones: Milestone[] = [...signing, { name: 'start', kind: 'start', at: startsAt }];
  if (freeTrial && trialEndsAt) milestones.push({ name: 'trialEnd', kind: 'trialEnd', at: trialEndsAt });
  if (cancellationRequest?.status === 'PENDING_APPROVAL') {
    const at = new Date(cancellationRequest.createdAt.getTime() + autoApprovalDays * dayMs);
    milestones.push({ name: `autoApproval ${cancellationRequest.id}`, kind: 'autoApproval', at });
  }
  if (!endsAt) return milestones.sort(byTime);
  const before = (days: number): Date => new Date(endsAt.getTime() - days * dayMs);
  for (const days of endingNotices) {
    if (before(days) > acceptedAt)
      milestones.push({
        name: `ending ${days} ${endsAt.toISOString()}`,
        kind: 'ending',
        at: before(days),
        daysBeforeEnd: days,
      });
  }
  if (autoRenew && lockoutDays !== undefined && before(lockoutDays) > acceptedAt) {
    milestones.push({ name: `lockout ${endsAt.toISOString()}`, kind: 'lockout', at: before(lockoutDays) });
  }
  milestones.push(end);
  // A license that the next agreement took over goes on: nothing is deprovisioned.
  if (!inherited) {
    const finalHourEnd = new Date(meteringEnd(endsAt, { ...switches, finalHour: 'accepted' }));
    const deprovisioned = new Date(endsAt.getTime() + switches.deprovisionedAfterMs);
    const closing = switches.finalHourOpenedBy === 'endedUntilDeprovisioned';
    milestones.push({ name: 'deprovision', kind: 'deprovision', at: closing ? finalHourEnd : deprovisioned });
    milestones.push({ name: 'finalHourEnd', kind: 'finalHourEnd', at: finalHourEnd });
  }
  return milestones.sort(byTime);
}

/** When AWS stops taking usage of an agreement that ends at `endsAt`, in epoch milliseconds. */
export function meteringEnd(endsAt: Date, switches: MilestoneSwitches): number {
  if (switches.finalHour === 'refused') return endsAt.getTime();
  return (
    endsAt.getTime() + hourMs + (switches.finalHourOpenedBy === 'deprovisioned' ? switches.deprovisionedAfterMs : 0)
  );
}

function byTime(a: Milestone, b: Milestone): number {
  return a.at.getTime() - b.at.getTime();
}
