import { HOUR_MS } from '../../runtime/clock.js';
import { type TimelineSpan } from '../../subscription/agreements/timeline.js';
import { type KnownAgreement } from '../settlement/record-outcome.js';

/** How an agreement with these spans stands towards a record with this cutoff. */
export function knownAgreementOf(
  spans: readonly Pick<TimelineSpan, 'startsAt' | 'end'>[],
  cutoffAt: Date,
): KnownAgreement {
  const starts = spans.map((span) => span.startsAt.getTime());
  // Where the identity goes on under a later agreement the record keeps the deadline of its hour, and AWS must know the
  // buyer.
  const isInFinalHour = spans.some(({ end }) => {
    if (end === null || end.identityGoesOn) return false;
    return cutoffAt.getTime() <= Math.max(end.lastSignAt.getTime(), end.lastHeardAt.getTime()) + HOUR_MS;
  });
  return { inForceSince: starts.length === 0 ? null : new Date(Math.min(...starts)), isInFinalHour };
}
