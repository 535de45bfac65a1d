// Time that no agreement of a subscription covers: why, and whether that may still change. Pure.
import { latest } from '../../runtime/clock.js';
import { isSettledBy } from '../../subscription/agreements/agreement-life.js';
import { type SubscriptionTimeline } from '../../subscription/agreements/timeline.js';
import { endWindowClosesAt } from '../settlement/deadlines.js';
import { type WaitingReason } from './waiting-reason.js';

/** Of several candidates the first of these that one of them gives. */
export const WHYS: readonly WaitingReason[] = ['awaitingSuccessor', 'afterEnd', 'beforeStart'];

export function endedBefore({ spans }: SubscriptionTimeline, instant: Date) {
  return spans.findLast((span): span is typeof span & { to: Date } => span.to !== null && span.to <= instant);
}

/** Why a subscription that does not cover an instant does not; null where it never will. */
export function whyNot(subscription: SubscriptionTimeline, instant: Date): WaitingReason | null {
  const before = endedBefore(subscription, instant);
  if (before) return before.end?.awaitsSuccessor ? 'awaitingSuccessor' : 'afterEnd';
  return subscription.spans.some(({ seals }) => seals !== 'never') ? 'beforeStart' : null;
}

/** When AWS takes nothing more of what ended before the instant, by any reading. */
export function windowClosesAt(subscription: SubscriptionTimeline, instant: Date): Date | null {
  const end = endedBefore(subscription, instant)?.end;
  return end
    ? endWindowClosesAt({ firstSignAt: end.firstSignAt, lastSignAt: latest(end.lastSignAt, end.lastHeardAt) })
    : null;
}

/** AWS was asked after it. Enough to close what AWS takes nothing of any more, whatever it answers. */
export function wasAskedSince({ askedAt, mayNotAsk }: SubscriptionTimeline, instant: Date): boolean {
  return mayNotAsk || (askedAt !== null && askedAt >= instant);
}

/** Long enough after it for the answer to know of it, and of what came next. */
export function wasAnsweredSince({ askedAt, mayNotAsk }: SubscriptionTimeline, instant: Date): boolean {
  return mayNotAsk || (askedAt !== null && isSettledBy(askedAt, instant));
}
