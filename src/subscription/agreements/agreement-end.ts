import { earliest, earliestOf, HOUR_MS, latest, latestOf, plusMs } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';
import {
  type AgreementEnd,
  type AgreementStart,
  ANSWER_SETTLES_AFTER_MS,
  type Asking,
  dateOf,
  happenedAt,
  hasAnswered,
  isSettledBy,
  ONE_EVENT_MS,
  type Question,
  settledFrom,
} from './agreement-life.js';
import { isPositive, isRenewedAhead, isSigned, plannedEndOf, plannedEndWhileActive, RENEWED } from './planned-end.js';

/**
 * How far before the message an end may lie that the message names: further back it is the end that was planned, or a
 * mistake.
 */
const NAMED_END_MS = HOUR_MS;
const SUCCESSOR_ANNOUNCED: ReadonlySet<string> = new Set([RENEWED, 'REPLACED', 'SUPERSEDED']);
const ENDED: ReadonlySet<string> = new Set(['CANCELLED', 'EXPIRED', 'TERMINATED', 'ARCHIVED', 'ROLLED_BACK']);
/** Ended before the defined end date [SDK-A]: where AWS names that one, also when it has passed, it is not the end. */
const CUT_SHORT: ReadonlySet<string> = new Set(['CANCELLED', 'TERMINATED']);

/** The end that was told, or that was announced and has passed; and the end that is only announced. */
export function endsOf(
  ordered: readonly AgreementFact[],
  start: AgreementStart | null,
  asking: Asking,
): { end: AgreementEnd | null; plannedEndAt: Date | null } {
  const signs = ordered.flatMap((fact) => endSignsOf(fact, start, ordered));
  const positives = ordered.filter((fact) => isPositive(fact)).map(({ at }) => at);
  const standing = signs.filter(
    (sign) => sign.by === 'host' || !positives.some((at) => isSettledBy(at, latest(sign.saidAt, sign.endsAt))),
  );
  const planned = plannedEndOf(ordered, positives);
  const end =
    endOf(standing) ??
    (planned !== null && hasAnswered(asking, planned) && !asking.mayNotAsk ? passedEnd(planned) : null);
  return { end, plannedEndAt: end === null ? planned : null };
}

interface EndSign {
  endsAt: Date;
  /** When the sender said so. */
  saidAt: Date;
  /** The instant that counts for AWS's windows: asking afterwards, or planning ahead, does not move it. */
  signAt: Date;
  heardAt: Date;
  announcesSuccessor: boolean;
  /** RENEWED, and nobody has named an end. */
  isUndatedRenewal: boolean;
  by: 'message' | 'answer' | 'host';
}

function endSignsOf(fact: AgreementFact, start: AgreementStart | null, ordered: readonly AgreementFact[]): EndSign[] {
  const saidAt = happenedAt(fact);
  const { heardAt } = fact;
  const sign = (endsAt: Date, status: string | null = null): EndSign[] => {
    const announcesSuccessor = status !== null && SUCCESSOR_ANNOUNCED.has(status);
    const isUndatedRenewal = status === RENEWED && namesNoEnd(fact, ordered);
    return [{ endsAt, saidAt, signAt: saidAt, heardAt, announcesSuccessor, isUndatedRenewal, by: 'message' }];
  };
  switch (fact.type) {
    case 'agreement.created': {
      const { status } = fact.details;
      return status !== null && ENDED.has(status) ? sign(saidAt) : [];
    }
    case 'agreement.ended': {
      const ahead = renewedAheadUntil(fact, ordered);
      const signs = sign(ahead ?? namedEnd(fact.details.endTime, saidAt), fact.details.status);
      return ahead === null ? signs : signs.map((one) => ({ ...one, signAt: ahead, heardAt: latest(heardAt, ahead) }));
    }
    case 'license.deprovisioned':
    case 'legacy.unsubscribePending':
    case 'legacy.unsubscribed':
      return sign(saidAt);
    case 'agreement.found': {
      const { status, endTime } = fact.details;
      if (status === null || !(ENDED.has(status) || SUCCESSOR_ANNOUNCED.has(status))) return [];
      const changed = ENDED.has(status) ? changedBy(fact, ordered) : null;
      const endsAt = toldEndOf(fact, ordered) ?? earliest(saidAt, dateOf(endTime), changed);
      return sign(endsAt, status).map((one) => ({ ...one, signAt: endsAt, by: 'answer' }));
    }
    case 'host.ended': {
      // What starts after the host's end is not meant by it; nor, as messages come late and tell whole seconds of
      // another clock, what the host had not heard of that starts about then.
      const endsAt = new Date(fact.details.endsAt);
      const knownAt = earliestOf(ordered.flatMap((one) => (one.type === 'host.ended' ? [] : [one.heardAt])));
      const isNews = knownAt !== null && knownAt > heardAt;
      if (start && start.at > (isNews ? plusMs(endsAt, -ANSWER_SETTLES_AFTER_MS) : endsAt)) return [];
      const isUndatedRenewal = false;
      return [{ endsAt, saidAt, signAt: endsAt, heardAt, announcesSuccessor: false, isUndatedRenewal, by: 'host' }];
    }
    default:
      return [];
  }
}

/**
 * Until when what a message calls RENEWED goes on, where AWS named an end that lies ahead; null where it did not. A
 * renewal that begins before that ends it sooner.
 */
function renewedAheadUntil(fact: AgreementFact, ordered: readonly AgreementFact[]): Date | null {
  if (fact.type !== 'agreement.ended' || fact.details.status !== RENEWED) return null;
  const saidAt = happenedAt(fact);
  // What was listed so long before the message is over by it.
  const isListed = (one: AgreementFact): boolean =>
    one.type === 'agreement.found' && one.details.status === RENEWED && isSettledBy(saidAt, one.at);
  if (ordered.some(isListed)) return null;
  const planned = dateOf(fact.details.endTime) ?? plannedEndWhileActive(ordered);
  return planned !== null && planned > saidAt ? planned : null;
}

/** A message that names no end is not the word that there is none; an answer is. */
function namesNoEnd({ type, details }: AgreementFact, ordered: readonly AgreementFact[]): boolean {
  const { endTime = null } = details as { endTime?: string | null };
  return endTime === null && (type === 'agreement.found' || plannedEndWhileActive(ordered) === null);
}

/** Whether what is called RENEWED ahead of its end goes on until then, or was over at once, AWS is asked. */
export function renewalQuestionsOf(ordered: readonly AgreementFact[]): (Question & { changedAt: Date })[] {
  return ordered.flatMap((fact) =>
    renewedAheadUntil(fact, ordered) === null
      ? []
      : {
          ...{ changedAt: happenedAt(fact), askFrom: fact.heardAt, settledFrom: settledFrom(fact) },
          reason: 'endToBeAskedAgain' as const,
        },
  );
}

/** The end that AWS, asked, names of what has ended, or is renewed ahead; null where it names what was planned. */
function toldEndOf({ at, heardAt, details }: AgreementFact<'agreement.found'>, ordered: readonly AgreementFact[]) {
  const named = dateOf(details.endTime);
  if (named === null || isRenewedAhead(details.status, named, at)) return named;
  const isPlanned = CUT_SHORT.has(details.status ?? '') && isDefined(named, ordered);
  return named <= earliest(at, heardAt) && !isPlanned ? named : null;
}

/** These come at the end; License Deprovisioned may come an hour later. */
const DATES_END: ReadonlySet<string> = new Set(['agreement.ended', 'legacy.unsubscribePending']);

const SECOND_MS = 1000;

/** Whether it is the end that AWS named while the agreement was in force. */
function isDefined(end: Date, ordered: readonly AgreementFact[]): boolean {
  return ordered.some((fact) => {
    const named = endTimeWhileActive(fact);
    // Messages tell whole seconds, some of them.
    return named !== null && Math.abs(new Date(named).getTime() - end.getTime()) < SECOND_MS;
  });
}

function endTimeWhileActive(fact: AgreementFact): string | null {
  if (isSigned(fact)) return fact.details.endTime;
  const { type, details } = fact;
  const tells = type === 'agreement.created' || type === 'agreement.amended';
  return tells && details.status === 'ACTIVE' ? details.endTime : null;
}

/** These come after the end, within AWS's hour and some delay. */
const CONFIRMS_END: ReadonlySet<string> = new Set(['license.deprovisioned', 'legacy.unsubscribed']);
const CONFIRMATION_MS = 2 * HOUR_MS;

/**
 * Of what has ended, and tells no end of its own, the last change was that: after AWS's last answer that it is in force
 * or will be, or else after its start and the last message that says so, and unless a message dates the end or tells of
 * that change. Null where nobody can tell. [SDK-A: a pay-as-you-go agreement has no endTime, amendments and renewals
 * count as updates; whether it gets one, and a cancellation does, is SILENT]
 */
function changedBy(found: AgreementFact<'agreement.found'>, ordered: readonly AgreementFact[]): Date | null {
  const changedAt = dateOf(found.details.lastUpdateTime);
  const startsAt = dateOf(found.details.startTime);
  if (changedAt === null) return null;
  const before = ordered.filter(({ at }) => at < found.at);
  const answers = before.filter(isSigned);
  if (startsAt !== null && changedAt <= startsAt && !isBefore(changedAt, startsAt, answers)) return null;
  const isDated = before.some(
    (fact) =>
      DATES_END.has(fact.type) &&
      renewedAheadUntil(fact, ordered) === null &&
      !answers.some((answer) => isSettledBy(answer.at, fact.at)),
  );
  // A message of which AWS has listed the change before tells of none since.
  const listed = answers.map(({ details }) => dateOf(details.lastUpdateTime));
  const isTold = before.some((fact) => {
    const of = (change: Date | null): boolean =>
      change !== null && Math.abs(happenedAt(fact).getTime() - change.getTime()) <= ONE_EVENT_MS;
    return tellsActive(fact) && of(changedAt) && !listed.some(of);
  });
  const knownUntil = latestOf([
    ...before.map((fact) => (CONFIRMS_END.has(fact.type) ? plusMs(happenedAt(fact), -CONFIRMATION_MS) : null)),
    ...(answers.length > 0 ? answers.map(answerKnowsUntil) : [startsAt && plusMs(startsAt, ONE_EVENT_MS)]),
    // Where AWS has never been asked while it was in force: what comes after the end may say so, too.
    ...(answers.length > 0 ? [] : before.map((fact) => (saysActive(fact) ? happenedAt(fact) : null))),
  ]);
  return isDated || isTold || knownUntil === null || changedAt <= knownUntil ? null : changedAt;
}

/** Called off before a start of which AWS told while that lay ahead: what changes about a start is made by it. */
function isBefore(changedAt: Date, startsAt: Date, answers: readonly AgreementFact<'agreement.found'>[]): boolean {
  const isNamed = answers.some(({ details }) => dateOf(details.startTime)?.getTime() === startsAt.getTime());
  return isNamed && startsAt.getTime() - changedAt.getTime() > ONE_EVENT_MS;
}

/** What an answer does not tell of may have happened in the minutes before it. */
function answerKnowsUntil({ at, details: { lastUpdateTime } }: AgreementFact<'agreement.found'>): Date {
  return latest(dateOf(lastUpdateTime) ?? at, plusMs(at, -ANSWER_SETTLES_AFTER_MS));
}

function tellsActive({ type, details }: AgreementFact): boolean {
  if (type === 'agreement.created' || type === 'agreement.amended') return details.status === 'ACTIVE';
  return type === 'license.updated' || type === 'legacy.subscribeSucceeded';
}

/** The buyer comes from AWS. */
function saysActive(fact: AgreementFact): boolean {
  return fact.type === 'buyer.registered' || tellsActive(fact);
}

function endOf(signs: readonly EndSign[]): AgreementEnd | null {
  if (signs.length === 0) return null;
  const renewedAt = earliestOf(signs.map(({ isUndatedRenewal, endsAt }) => (isUndatedRenewal ? endsAt : null)));
  const otherEnd = (): AgreementEnd | null => endOf(signs.filter(({ isUndatedRenewal }) => !isUndatedRenewal));
  const all = (instant: (sign: EndSign) => Date): Date[] => signs.map(instant);
  return {
    at: earliest(...all(({ endsAt }) => endsAt)),
    firstSignAt: earliest(...all(({ endsAt, signAt }) => earliest(endsAt, signAt))),
    lastSignAt: latest(...lastOf(signs).map(({ endsAt, signAt }) => latest(endsAt, signAt))),
    lastHeardAt: latest(...all(({ heardAt }) => heardAt)),
    announcesSuccessor: signs.some(({ announcesSuccessor }) => announcesSuccessor),
    isByHost: signs.every(({ by }) => by === 'host'),
    calledRenewed: renewedAt && { at: renewedAt, otherEnd: otherEnd() },
  };
}

/**
 * The signs whose last one counts. AWS, asked, says no more than messages have: of what was cancelled it may tell the
 * end that was signed, also once that has passed. Without messages the first end that it told counts: asking again
 * moves nothing.
 */
function lastOf(signs: readonly EndSign[]): readonly EndSign[] {
  const told = signs.filter(({ by }) => by !== 'answer');
  if (told.some(({ by }) => by === 'message')) return told;
  const answers = signs.filter(({ by }) => by === 'answer').sort((a, b) => Number(a.endsAt) - Number(b.endsAt));
  return [...told, ...answers.slice(0, 1)];
}

/** An announced end that has passed, and AWS, asked since, did not say that the agreement goes on. */
function passedEnd(at: Date): AgreementEnd {
  const lastHeardAt = plusMs(at, ANSWER_SETTLES_AFTER_MS);
  return {
    at,
    firstSignAt: at,
    lastSignAt: at,
    lastHeardAt,
    announcesSuccessor: false,
    isByHost: false,
    calledRenewed: null,
  };
}

function namedEnd(endTime: string | null, at: Date): Date {
  const named = dateOf(endTime);
  return named !== null && named <= at && at.getTime() - named.getTime() <= NAMED_END_MS ? named : at;
}
