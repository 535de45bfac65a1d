// What prices an instant: agreement, trial or paid, mode; and under which name an hour of it is metered. Pure.
import { hourOf, latest, plusMs } from '../../runtime/clock.js';
import {
  type SpanIdentity,
  type SubscriptionTimeline,
  type TimelineSpan,
} from '../../subscription/agreements/timeline.js';
import { isSameIdentity } from '../../subscription/agreements/identity-name.js';
import { type EndSigns } from '../settlement/deadlines.js';

/**
 * From which instant on a product is in which mode; the newest at or before an instant counts. Null: from the
 * beginning.
 */
export interface ModeChange {
  from: Date | null;
  mode: ProductModeName;
}
export type ProductModeName = 'live' | 'dry-run' | 'off';

/** What prices usage: an agreement's trial or its paid time, live hours apart from hours that are not. */
export interface Period {
  /** Tells periods of a customer apart. */
  key: string;
  subscription: SubscriptionTimeline;
  agreementId: string;
  price: 'trial' | 'paid';
  mode: ProductModeName;
  /** Its time, in order; more than one where another agreement interrupted it. */
  spans: readonly TimelineSpan[];
}

// AWS wants a record after the start of the agreement that it is metered under.
const AFTER_START_MS = 1000;

export function modeAt(modes: readonly ModeChange[], instant: Date): ProductModeName {
  let mode: ProductModeName | undefined;
  for (const change of modes) if (change.from === null || change.from <= instant) mode = change.mode;
  // Before its first row a product was not known to us: nothing is sent of that time.
  return mode ?? 'off';
}

/** Whether the product was in the mode at any instant of `[from, to)`. */
export function isInMode(modes: readonly ModeChange[], mode: ProductModeName, from: Date, to: Date): boolean {
  const changes = modes.flatMap((change) =>
    change.from && change.from > from && change.from < to ? [change.from] : [],
  );
  return [from, ...changes].some((instant) => modeAt(modes, instant) === mode);
}

export function periodOf(subscription: SubscriptionTimeline, span: TimelineSpan, mode: ProductModeName): Period {
  const { agreementId, price } = span;
  return {
    key: `${agreementId}/${price}/${mode}`,
    subscription,
    agreementId,
    price,
    mode,
    spans: subscription.spans.filter((other) => other.agreementId === agreementId && other.price === price),
  };
}

/** When a trial became paid within its agreement, and the period with that; null where it did not. */
export function becamePaidAt({ subscription, agreementId, price, spans }: Period): Date | null {
  const wasTrial = subscription.spans.some((span) => span.agreementId === agreementId && span.price === 'trial');
  return price === 'paid' && wasTrial ? (spans[0]?.startsAt ?? null) : null;
}

export const isWithin = (instant: Date, { from, to }: { from: Date | null; to: Date | null }): boolean =>
  (from === null || from <= instant) && (to === null || instant < to);

/** The stretch that covers an instant; a purchase that failed covers nothing. */
export function spanAt(subscription: SubscriptionTimeline, instant: Date): TimelineSpan | null {
  return subscription.spans.find((span) => span.seals !== 'never' && isWithin(instant, span)) ?? null;
}

/** The first instant that a record of the span may show. */
export function recordsFrom({ from, startsAt }: TimelineSpan): Date {
  return latest(from, plusMs(startsAt, AFTER_START_MS));
}

/** The instant of an hour that lies in the span, the earliest; null where none does. */
export function instantIn(hour: Date, span: TimelineSpan): Date | null {
  const instant = latest(hour, recordsFrom(span));
  return hourOf(instant).getTime() === hour.getTime() && (span.to === null || instant < span.to) ? instant : null;
}

export function identityAt(span: TimelineSpan, hour: Date): SpanIdentity | null {
  let found: SpanIdentity | null = null;
  for (const identity of span.identities) if (identity.fromHour === null || identity.fromHour <= hour) found = identity;
  return found;
}

/**
 * The signs of the end that count for an hour of the span: those of the last stretch that goes on under the same
 * identity. Null while it runs.
 */
export function endSignsOf(subscription: SubscriptionTimeline, span: TimelineSpan, hour: Date): EndSigns | null {
  const own = identityAt(span, hour);
  const last = subscription.spans.findLast(
    (other) =>
      other === span ||
      (other.seals !== 'never' &&
        other.from >= span.from &&
        isSameIdentity(own, identityAt(other, hourOf(other.from)))),
  );
  const end = last?.end;
  return end && !end.identityGoesOn
    ? { firstSignAt: end.firstSignAt, lastSignAt: latest(end.lastSignAt, end.lastHeardAt) }
    : null;
}
