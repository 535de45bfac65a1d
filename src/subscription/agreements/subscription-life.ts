import { type SubscriptionState } from './state-policy.js';
import { type LifecycleEvent } from '../inbox/lifecycle-event.js';

/** An event, and when we first heard of it. */
export interface HeardEvent {
  event: LifecycleEvent;
  /** Business time. */
  receivedAt: Date;
  /** Tells events of one instant apart, the same way in every replica. */
  messageId: string;
}

/** What stands in the ledger about a subscription before anything is heard. */
export interface LifeBasis {
  registeredAt: Date;
  /** The buyer's browser brought a free trial along. */
  arrivedOnTrial: boolean;
  /** AWS has taken usage of it: proof that it was active, though nobody said so. */
  wasMetered: boolean;
}

/** The life of a subscription as far as it is known at an instant. That it has `ended` is metering's word: its closing records are written. */
export interface SubscriptionLife {
  state: Exclude<SubscriptionState, 'ended'>;
  isTrial: boolean;
  /** The earliest instant from which AWS surely takes usage; null while nobody has named one. May lie in the future. */
  startsAt: Date | null;
  /** The start of the present run: later than `startsAt` where an end was taken back. */
  activatedAt: Date | null;
  end: { endsAt: Date; firstSignAt: Date; lastSignAt: Date } | null;
}

type Sign =
  | { kind: 'start'; agreement: string; at: Date; from: Date }
  | { kind: 'end'; agreement: string | null; at: Date; endsAt: Date; heardAt: Date }
  | { kind: 'renewal'; agreement: string; at: Date }
  | { kind: 'trial'; at: Date; isTrial: boolean }
  | { kind: 'advisory'; at: Date; isOpen: boolean }
  | { kind: 'failure'; at: Date };

/** The agreement of legacy messages, which name none. */
const UNNAMED = '';
const NO_END: ReadonlySet<string> = new Set(['RENEWED', 'REPLACED', 'SUPERSEDED']);
const ENDED: ReadonlySet<string> = new Set(['CANCELLED', 'EXPIRED', 'TERMINATED', 'ARCHIVED', 'ROLLED_BACK']);
/** How far before the message an end may lie that the message names: further back it is the end that was planned, or a mistake. */
const NAMED_END_MS = 3_600_000;

/**
 * What everything heard so far makes of a subscription. Pure, and independent of the order and number of times in which it was heard: signs count by
 * when they happened; of a start and an end at one instant the end counts.
 *
 * A subscription lives while any of its agreements does. AWS's texts differ on which message starts it (Agreement Created, License Updated,
 * subscribe-success) and which ends it (Agreement Ended, License Deprovisioned, unsubscribe-pending): the first of each kind counts, since whether usage
 * is taken is decided by AWS at the call, and a refused try costs nothing. Renewed and replaced agreements have not ended the subscription.
 */
export function lifeOf(basis: LifeBasis, heard: readonly HeardEvent[], now: Date): SubscriptionLife {
  const signs = [...heard].sort(byTime).flatMap(signsOf);
  if (basis.wasMetered) signs.unshift({ kind: 'start', agreement: UNNAMED, at: basis.registeredAt, from: basis.registeredAt });

  const alive = new Map<string, Date>();
  let isTrial = basis.arrivedOnTrial;
  let isSuspended = false;
  let hasFailed = false;
  let startsAt: Date | null = null;
  let activatedAt: Date | null = null;
  let end: SubscriptionLife['end'] = null;
  for (const sign of signs) {
    switch (sign.kind) {
      case 'trial':
        isTrial = sign.isTrial;
        break;
      case 'advisory':
        isSuspended = sign.isOpen;
        break;
      case 'failure':
        hasFailed = true;
        break;
      case 'start':
        if (alive.size === 0) activatedAt = sign.from;
        startsAt = startsAt === null ? surelyAfter(sign.from) : earliestOf(startsAt, surelyAfter(sign.from));
        alive.set(sign.agreement, alive.get(sign.agreement) ?? sign.from);
        end = null;
        break;
      case 'renewal': {
        // The next agreement may not be known yet: until it is, what was alive stays so, without the name that has ended.
        const from = alive.get(sign.agreement);
        alive.delete(sign.agreement);
        if (from && alive.size === 0) alive.set(UNNAMED, from);
        break;
      }
      case 'end':
        if (sign.agreement === null) alive.clear();
        else alive.delete(sign.agreement);
        // What started without a name (a legacy message, or usage that AWS took) ends with whichever agreement ends last.
        if (alive.size === 1) alive.delete(UNNAMED);
        if (alive.size === 0) end = withSign(end, sign);
        break;
    }
  }
  const hasStarted = [...alive.values()].some((from) => from <= now);
  const state = stateOf({ hasStarted, isComing: alive.size > 0, end, hasFailed, isSuspended, isTrial });
  return { state, isTrial, startsAt, activatedAt: hasStarted ? activatedAt : null, end };
}

function stateOf(life: {
  hasStarted: boolean;
  isComing: boolean;
  end: SubscriptionLife['end'];
  hasFailed: boolean;
  isSuspended: boolean;
  isTrial: boolean;
}): SubscriptionLife['state'] {
  if (life.hasStarted) return life.isSuspended ? 'suspended' : life.isTrial ? 'trial' : 'active';
  if (life.end) return 'ending';
  return life.hasFailed && !life.isComing ? 'failed' : 'registered';
}

function withSign(end: SubscriptionLife['end'], sign: Sign & { kind: 'end' }): SubscriptionLife['end'] {
  const lastSignAt = latestOf(sign.endsAt, sign.heardAt);
  if (end === null) return { endsAt: sign.endsAt, firstSignAt: sign.endsAt, lastSignAt };
  return {
    endsAt: earliestOf(end.endsAt, sign.endsAt),
    firstSignAt: earliestOf(end.firstSignAt, sign.endsAt),
    lastSignAt: latestOf(end.lastSignAt, lastSignAt),
  };
}

/** At one instant ends come last, so that they win. */
function byTime(a: HeardEvent, b: HeardEvent): number {
  const byEnd = Number(isEnd(a.event)) - Number(isEnd(b.event));
  return a.event.at.getTime() - b.event.at.getTime() || byEnd || (a.messageId < b.messageId ? -1 : a.messageId > b.messageId ? 1 : 0);
}

function isEnd(event: LifecycleEvent): boolean {
  return signsOf({ event, receivedAt: event.at, messageId: '' }).some((sign) => sign.kind === 'end');
}

function signsOf({ event, receivedAt }: HeardEvent): Sign[] {
  const { at } = event;
  const agreement = event.about.agreementId ?? UNNAMED;
  // What we have heard of has happened, also where the sender's clock runs ahead of ours.
  const happenedAt = earliestOf(at, receivedAt);
  const start = (from: Date = happenedAt): Sign => ({ kind: 'start', agreement, at, from });
  const end = (endsAt: Date = happenedAt, of: string | null = agreement): Sign => ({
    kind: 'end',
    agreement: of,
    at,
    endsAt,
    heardAt: receivedAt,
  });
  switch (event.type) {
    case 'agreement.created': {
      const { status, startTime } = event.details;
      if (status !== null && ENDED.has(status)) return [end()];
      return [startTime === null ? start() : start(new Date(startTime))];
    }
    case 'license.updated':
      return [start()];
    case 'subscription.succeeded': {
      const { isFreeTrial } = event.details;
      return [start(), ...(isFreeTrial === null ? [] : [{ kind: 'trial' as const, at, isTrial: isFreeTrial }])];
    }
    case 'subscription.failed':
      return [{ kind: 'failure', at }];
    case 'agreement.ended': {
      const { status, endTime } = event.details;
      return status !== null && NO_END.has(status) ? [{ kind: 'renewal', agreement, at }] : [end(namedEnd(endTime, happenedAt))];
    }
    case 'license.deprovisioned':
      return [end()];
    case 'subscription.unsubscribePending':
    case 'subscription.unsubscribed':
      // Legacy: the customer has one subscription to the product, whatever agreement stands behind it.
      return [end(happenedAt, null)];
    case 'host.ended':
      return [end(new Date(event.details.endsAt), null)];
    case 'successor.started':
      return [end(happenedAt, null)];
    case 'advisory.issued':
      return [{ kind: 'advisory', at, isOpen: true }];
    case 'advisory.resolved':
      return [{ kind: 'advisory', at, isOpen: false }];
    case 'agreement.found':
      return foundSigns(event, start, end);
    case 'agreement.amended':
    case 'entitlement.updated':
    case 'agreement.notice':
      return [];
  }
}

function foundSigns(
  { at, about, details }: LifecycleEvent<'agreement.found'>,
  start: (from?: Date) => Sign,
  end: (endsAt?: Date) => Sign,
): Sign[] {
  const { status, startTime, endTime, isFreeTrial, entitled } = details;
  const trial: Sign[] = isFreeTrial === null ? [] : [{ kind: 'trial', at, isTrial: isFreeTrial }];
  if (status === 'ACTIVE') return [startTime === null ? start() : start(new Date(startTime)), ...trial];
  if (status !== null && ENDED.has(status)) {
    const planned = endTime === null ? at : earliestOf(at, new Date(endTime));
    return [end(planned), ...trial];
  }
  if (status !== null && NO_END.has(status)) return [{ kind: 'renewal', agreement: about.agreementId ?? UNNAMED, at }, ...trial];
  return status === null && entitled === true ? [start(), ...trial] : trial;
}

/**
 * Events tell instants in whole seconds, cut off: what started in that second started before its end. A record whose timestamp lies before the start by
 * the agreement's own clock is refused by AWS, and takes its batch along.
 */
function surelyAfter(start: Date): Date {
  return start.getTime() % 1000 === 0 ? new Date(start.getTime() + 1000) : start;
}

function namedEnd(endTime: string | null, at: Date): Date {
  if (endTime === null) return at;
  const named = new Date(endTime);
  return named <= at && at.getTime() - named.getTime() <= NAMED_END_MS ? named : at;
}

function earliestOf(a: Date, b: Date): Date {
  return a <= b ? a : b;
}

function latestOf(...instants: [Date, ...Date[]]): Date {
  return instants.reduce((latest, instant) => (instant > latest ? instant : latest));
}
