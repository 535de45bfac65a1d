// Which period and hour takes a rollup, or why it waits, is set apart or is split: the steps of docs/sealing.md, by
// their numbers. Pure.
import { firstAfter, HOUR_MS, hourOf, latestOf, plusMs } from '../../runtime/clock.js';
import { identityKey } from '../../subscription/agreements/identity-name.js';
import {
  type CustomerSubject,
  type CustomerTimeline,
  type SubscriptionTimeline,
} from '../../subscription/agreements/timeline.js';
import { deadlinesOf } from '../settlement/deadlines.js';
import { mayJoinOthers, mayTryAgain, type Refusal } from './refused-usage.js';
import { endedBefore, wasAnsweredSince, whyNot, WHYS, windowClosesAt } from './agreement-gap.js';
import { isWithin, modeAt, type Period, periodOf, spanAt } from './period.js';
import { type HoursContext, type PeriodHour, PeriodHours } from './period-hours.js';
import { type WaitingReason } from './waiting-reason.js';

export interface WaitingRollup {
  subject: number;
  dimension: string;
  /** Start of the UTC hour in which its events occurred. */
  hour: Date;
  firstAt: Date;
  lastAt: Date;
  isCorrection: boolean;
  /** What AWS refused of it; null where it did not, or of all usage like it. */
  refusal: Refusal | null;
}

/** All that decides, beside the rollup: facts, standing records, options, modes and now. */
export interface PlanningContext extends HoursContext {
  customer: CustomerTimeline;
  isListed: boolean;
  onSeveral: 'wait' | 'paidFirst';
  /** Whether a quarantined cause stands against the identity (see `identityKey`), the dimension, or the product. */
  isRefused: (identity: string | null, dimension: string) => boolean;
  /** Whether AWS, by what is known, would refuse it again: see `isStillRefused`. */
  isStillRefused: (refusal: Refusal, identity: string | null, dimension: string) => boolean;
}

/** Where usage of one instant belongs, whatever hours are free. */
export type Place =
  | { kind: 'period'; period: Period }
  | { kind: 'several' }
  /** Nobody pays it. `isOver`: AWS was asked since, and no agreement that ended can be taken up again. */
  | { kind: 'none'; why: WaitingReason; isOver: boolean; windowClosesAt: Date | null };

export type Plan =
  | { to: 'hour'; period: Period; hour: PeriodHour }
  /**
   * `closesWith`: a period whose closing takes it. `lookAt`: when the answer may be another though no fact has changed.
   */
  | { to: 'wait'; reason: WaitingReason; closesWith: Period | null; lookAt: Date | null }
  | { to: 'setApart'; reason: WaitingReason }
  /** The answer changes inside of it: it is cut at these instants first, in order. */
  | { to: 'split'; at: Date[] };

const monthOf = (instant: Date): string => instant.toISOString().slice(0, 7);

/**
 * The planning rule: a pure function of a rollup, and of what `context` says about its customer. One is made for each
 * customer and pass; it remembers the hours of periods that it has looked at.
 */
export class PlanningRule {
  private readonly hoursByKey = new Map<string, PeriodHours>();
  private readonly periodByKey = new Map<string, Period>();

  constructor(readonly context: PlanningContext) {}

  plan(rollup: WaitingRollup): Plan {
    const cuts = this.cutsOf(rollup);
    if (cuts.length > 0) return { to: 'split', at: cuts };
    // The next release, or another replica, may list it: no fact tells of that.
    if (!this.context.isListed) return wait('notListed', null, plusMs(hourOf(this.context.times.now), HOUR_MS));
    const place = this.placeOf(rollup.subject, rollup.firstAt);
    switch (place.kind) {
      case 'several':
        return wait('ambiguous');
      case 'none':
        return this.withoutPeriod(rollup, place);
      case 'period':
        return this.withinPeriod(rollup, place.period);
    }
  }

  /** Steps 1 to 3: which period an instant of a subject's usage belongs to. */
  placeOf(subjectId: number, instant: Date): Place {
    const subject = this.context.customer.subjects.find(({ id }) => id === subjectId);
    if (!subject) return { kind: 'none', why: 'unknownSubject', isOver: false, windowClosesAt: null };
    const candidates = this.candidatesAt(subject, instant);
    const reaching = candidates.flatMap((subscription) => {
      const span = spanAt(subscription, instant);
      return span ? [{ subscription, span }] : [];
    });
    // The hour before a start goes along with it only where nothing else of the tenant's was in force then: who returns
    // has not used ahead.
    const started = reaching.filter(({ span }) => span.startsAt <= instant);
    const covering = started.length > 0 ? started : reaching;
    const paid = covering.filter(({ span }) => span.price === 'paid');
    const chosen = covering.length > 1 && this.context.onSeveral === 'paidFirst' ? paid : covering;
    if (covering.length === 0) return this.noneOf(candidates, instant);
    const [first, ...rivals] = chosen;
    if (!first || rivals.length > 0) return { kind: 'several' };
    const mode = modeAt(this.context.modes, instant);
    const key = `${first.span.agreementId}/${first.span.price}/${mode}`;
    const period = this.periodByKey.get(key) ?? periodOf(first.subscription, first.span, mode);
    this.periodByKey.set(key, period);
    return { kind: 'period', period };
  }

  hoursOf(period: Period): PeriodHours {
    const known = this.hoursByKey.get(period.key) ?? new PeriodHours(period, this.context);
    this.hoursByKey.set(period.key, known);
    return known;
  }

  /**
   * Where a carry of a whole unit goes when its period has no usage: next(P), or the newest free hour where the period
   * is over.
   */
  planCarry(period: Period, dimension: string): Plan {
    const hours = this.hoursOf(period);
    if (period.mode === 'off') return this.closing(hours, 'notLive');
    if (this.isRefused(hours, dimension)) return this.closing(hours, 'refused');
    const next = hours.runs ? hours.next(dimension) : null;
    if (next) return this.atNext(hours, next, dimension);
    const [newest] = hours.free(dimension);
    return newest ? { to: 'hour', period, hour: newest } : this.closing(hours, 'noHour');
  }

  /**
   * The payer that was named, else the one chosen for the tenant, else the subscriptions that were the subject's at
   * that instant.
   */
  private candidatesAt(subject: CustomerSubject, instant: Date): SubscriptionTimeline[] {
    const { subscriptions, tenancies, payerChoices } = this.context.customer;
    if (subject.tenantId === null)
      return subscriptions.filter(({ subscriptionId }) => subscriptionId === subject.subscriptionId);
    // What was handed over to another tenant pays for this one no longer, named or not.
    const held = new Set(
      tenancies
        .filter((one) => one.tenantId === subject.tenantId && isWithin(instant, one))
        .map(({ subscriptionId }) => subscriptionId),
    );
    const theirs = subscriptions.filter(({ subscriptionId }) => held.has(subscriptionId));
    if (subject.subscriptionId !== null)
      return theirs.filter(({ subscriptionId }) => subscriptionId === subject.subscriptionId);
    const choice = payerChoices.findLast(({ from }) => from <= instant);
    const payer = choice && theirs.find(({ subscriptionId }) => subscriptionId === choice.subscriptionId);
    // A choice is for usage that several could pay: one that is over for certain leaves the others.
    if (payer && (spanAt(payer, instant) || !this.isOverFor(payer, instant))) return [payer];
    return theirs;
  }

  private noneOf(candidates: readonly SubscriptionTimeline[], instant: Date): Place {
    const whys = candidates.map((subscription) => whyNot(subscription, instant));
    const why = WHYS.find((reason) => whys.includes(reason)) ?? 'noSubscription';
    return {
      kind: 'none',
      why,
      isOver: candidates.every((subscription) => this.isOverFor(subscription, instant)),
      windowClosesAt: latestOf(candidates.map((subscription) => windowClosesAt(subscription, instant))),
    };
  }

  /** Asked, and the windows of its ends have passed: no agreement of it will cover that instant. */
  private isOverFor(subscription: SubscriptionTimeline, instant: Date): boolean {
    const before = endedBefore(subscription, instant);
    if (!before) return true;
    const closesAt = windowClosesAt(subscription, instant);
    return wasAnsweredSince(subscription, before.to) && (closesAt === null || closesAt <= this.context.times.now);
  }

  /** Step 3. */
  private withoutPeriod(rollup: WaitingRollup, place: Extract<Place, { kind: 'none' }>): Plan {
    const { now } = this.context.times;
    const { cutoffAt } = deadlinesOf(rollup.hour, this.context.operation, null);
    if (place.why === 'unknownSubject') return wait(place.why);
    if (place.isOver && cutoffAt <= now) return { to: 'setApart', reason: place.why };
    return wait(place.why, null, firstAfter(now, [cutoffAt, place.windowClosesAt]));
  }

  /** Steps 4 to 7. */
  private withinPeriod({ dimension, hour, firstAt, isCorrection, refusal }: WaitingRollup, period: Period): Plan {
    const hours = this.hoursOf(period);
    if (period.mode === 'off') return this.closing(hours, 'notLive');
    const own = hours.at(hour);
    if (own && !hours.isSettled(own)) return wait('notSettled', period, own.settlesAt);
    // 4: as a rule it is free, and no other hour need be looked at.
    if (
      own &&
      (hours.isFree(own, dimension) || hours.free(dimension).some((free) => free.hour.getTime() === hour.getTime()))
    ) {
      return { to: 'hour', period, hour: own };
    }
    // 5
    if (!isCorrection && this.isRefused(hours, dimension)) return this.closing(hours, 'refused');
    const month = monthOf(firstAt);
    if (!isCorrection && refusal && period.mode === 'live' && this.isStillRefused(hours, dimension, refusal)) {
      const apart = mayTryAgain(refusal, hours.runs) ? hours.apart(dimension) : [];
      const joined = mayJoinOthers(refusal, hours.runs) ? hours.free(dimension) : [];
      const again = [...apart, ...joined];
      const found = again.find((one) => monthOf(one.hour) === month) ?? again[0];
      if (found) return { to: 'hour', period, hour: found };
      return this.closing(hours, hours.runs || hours.free(dimension).length > 0 ? 'refused' : 'noHour');
    }
    // 6
    const free = hours.free(dimension);
    const ownMonth = free.find((found) => monthOf(found.hour) === month);
    // The agreement runs, and the product has not left the mode.
    const next = hours.runs ? hours.next(dimension) : null;
    if (next) {
      return ownMonth && monthOf(next.hour) !== month
        ? { to: 'hour', period, hour: ownMonth }
        : this.atNext(hours, next, dimension);
    }
    const newest = ownMonth ?? free[0];
    if (newest) return { to: 'hour', period, hour: newest };
    // 7
    return this.closing(hours, 'noHour');
  }

  private atNext(hours: PeriodHours, next: PeriodHour, dimension: string): Plan {
    const { period } = hours;
    if (next.identity === null) return this.closing(hours, 'noIdentity');
    return hours.isFree(next, dimension)
      ? { to: 'hour', period, hour: next }
      : wait('nextHour', period, next.settlesAt);
  }

  /** Waits, and is closed with its period where no hour, no fact and no person comes before. */
  private closing(hours: PeriodHours, reason: WaitingReason): Plan {
    const begun = hours.all.filter((found) => !hours.isSettled(found));
    const resumes = hours.resumesWith;
    const unsettled = [...begun, ...(resumes ? [resumes] : [])].map(({ settlesAt }) => settlesAt);
    const isNameless = reason === 'noHour' && hours.all.some(({ identity }) => identity === null);
    const said = isNameless ? 'noIdentity' : reason === 'noHour' && unsettled.length > 0 ? 'nextHour' : reason;
    return wait(said, hours.period, firstAfter(this.context.times.now, [...unsettled, hours.endsAt, hours.cutoffAt]));
  }

  /**
   * What is not live is never sent, and nothing is refused of it. What is of an agreement that is over is sealed while
   * an hour is left: its record is the next that tries the cause, and waiting, it would be tried never.
   */
  private isRefused(hours: PeriodHours, dimension: string): boolean {
    if (hours.period.mode !== 'live' || (!hours.runs && hours.free(dimension).length > 0)) return false;
    return this.context.isRefused(this.nameOf(hours), dimension);
  }

  private isStillRefused(hours: PeriodHours, dimension: string, refusal: Refusal): boolean {
    return this.context.isStillRefused(refusal, this.nameOf(hours), dimension);
  }

  /** The name under which it is metered now. */
  private nameOf(hours: PeriodHours): string | null {
    const newest = hours.all[0] ?? hours.nextToSettle;
    return newest?.identity ? identityKey(newest.identity) : null;
  }

  /** Instants inside the rollup at which the answer changes: each is the first of its side. */
  private cutsOf({ subject, firstAt, lastAt }: WaitingRollup): Date[] {
    const { subscriptions, tenancies, payerChoices } = this.context.customer;
    const boundaries = [
      ...subscriptions.flatMap(({ spans }) => spans.flatMap(({ from, startsAt, to }) => [from, startsAt, to])),
      ...tenancies.flatMap(({ from, to }) => [from, to]),
      ...payerChoices.map(({ from }) => from),
      ...this.context.modes.map(({ from }) => from),
    ].flatMap((at) => (at && at > firstAt && at <= lastAt ? [at.getTime()] : []));
    const cuts: Date[] = [];
    let before = placeKey(this.placeOf(subject, firstAt));
    for (const time of [...new Set(boundaries)].sort((a, b) => a - b)) {
      const after = placeKey(this.placeOf(subject, new Date(time)));
      if (after !== before) cuts.push(new Date(time));
      before = after;
    }
    return cuts;
  }
}

/** Which place it is: two instants with one key are planned alike. */
export function placeKey(place: Place): string {
  return place.kind === 'period'
    ? place.period.key
    : place.kind === 'none'
      ? `none ${place.why} ${place.isOver}`
      : place.kind;
}

function wait(reason: WaitingReason, closesWith: Period | null = null, lookAt: Date | null = null): Plan {
  return { to: 'wait', reason, closesWith, lookAt };
}
