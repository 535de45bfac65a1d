import { earliest, HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { type AgreementFact, inOrder } from './agreement-fact.js';

/** What AWS was asked about a subscription. */
export interface Asking {
  /** When AWS last answered a question about it, whatever the answer; business time. */
  askedAt: Date | null;
  /** AWS has said that it may not be asked: no permission, no such API for this seller. */
  mayNotAsk: boolean;
}

/** One agreement's own life, from its own facts alone. */
export interface AgreementLife {
  /** Null while nothing of it tells that it exists in time. */
  start: AgreementStart | null;
  end: AgreementEnd | null;
  /**
   * An end that AWS has announced (endTime) and that nobody has confirmed. It counts unless AWS, asked after it, says
   * that the agreement goes on.
   */
  plannedEndAt: Date | null;
  /** Null: paid from its start. `until` null: as long as the agreement lasts. */
  trial: { until: Date | null } | null;
  isSuspended: boolean;
  /** The purchase failed (subscribe-fail), and nothing has started since. */
  hasFailed: boolean;
  /** Something was heard that only AWS can settle. Null where nothing is open. */
  doubt: Doubt | null;
  /** Null where AWS has told the terms, or was asked for them and did not: then it is paid. */
  openTerms: OpenTerms | null;
}

/** The terms may have changed, and AWS, which may be asked, has not answered since. */
export interface OpenTerms {
  /** Instants from here on may be priced otherwise. Null: all, since nothing was ever told. */
  from: Date | null;
  /** When the first change that is open was heard; business time. */
  heardAt: Date;
}

export interface AgreementStart {
  at: Date;
  /** False: provisional. The registration or the first License event stands for it. */
  isTold: boolean;
  /**
   * From this instant on the agreement counts as in force if its start has come; null: AWS has not said that usage may
   * be metered.
   */
  confirmedAt: Date | null;
}

export interface AgreementEnd {
  at: Date;
  /** Own instants of the first and the last sign. */
  firstSignAt: Date;
  lastSignAt: Date;
  /** When the last sign was heard, by business time. */
  lastHeardAt: Date;
  /** RENEWED, REPLACED or SUPERSEDED: a successor was announced. */
  announcesSuccessor: boolean;
  /** The host's word alone: AWS has reported no end. */
  isByHost: boolean;
}

export interface Doubt {
  /** An answer of AWS from this instant on settles it; business time. */
  askFrom: Date;
  reason:
    | 'untimedMessage'
    | 'startAfterEnd'
    | 'unknownStart'
    | 'unknownTerms'
    | 'severalAgreements'
    | 'noneBegunYet'
    | 'endToBeAskedAgain';
}

/**
 * `unknown`: named, but nothing tells when it runs. `registered`: its buyer has arrived, AWS has not said that it is in
 * force. `awaitingSuccessor`: over, or past its announced end, and AWS has not been asked since.
 */
export type AgreementPhase =
  'unknown' | 'registered' | 'failed' | 'upcoming' | 'inForce' | 'awaitingSuccessor' | 'over';

/**
 * AWS's lists follow what they list with a delay: an answer from within this time after an end says nothing about it.
 */
export const ANSWER_SETTLES_AFTER_MS = 600_000;
/**
 * A License event that comes alone may speak of a start that lies a month ahead: so long its Created, or AWS's answer,
 * is waited for.
 */
export const LICENSE_ALONE_MS = 300_000;
/** So long the host is not told of an agreement in force while AWS may still say whether it is a trial. */
export const TERMS_WAIT_MS = 300_000;
/** How long an announced successor is waited for where AWS may not be asked about it. */
export const SUCCESSOR_WAIT_MS = 24 * HOUR_MS;
/**
 * How far before the message an end may lie that the message names: further back it is the end that was planned, or a
 * mistake.
 */
const NAMED_END_MS = HOUR_MS;
/** AWS's texts write "no end" as null, as nothing, or as the year 9999. */
const NO_END_YEAR = 9000;

const SUCCESSOR_ANNOUNCED: ReadonlySet<string> = new Set(['RENEWED', 'REPLACED', 'SUPERSEDED']);
const ENDED: ReadonlySet<string> = new Set(['CANCELLED', 'EXPIRED', 'TERMINATED', 'ARCHIVED', 'ROLLED_BACK']);

/**
 * What its facts make of an agreement; pure. Facts in any order and any number of times, those that `assignFacts` gave
 * it included. Each counts by its own instant. AWS's texts differ on which message ends an agreement (Agreement Ended,
 * License Deprovisioned, unsubscribe-pending): the first of them does.
 */
export function lifeOf(facts: readonly AgreementFact[], asking: Asking): AgreementLife {
  const ordered = inOrder(facts);
  const start = startOf(ordered, asking);
  const signs = ordered.flatMap((fact) => endSignsOf(fact, start));
  const positives = ordered.filter((fact) => isPositive(fact)).map(({ at }) => at);
  const standing = signs.filter(
    (sign) => sign.isByHost || !positives.some((at) => isSettledBy(at, latest(sign.saidAt, sign.endsAt))),
  );
  const planned = plannedEndOf(ordered, positives);
  const end =
    endOf(standing) ??
    (planned !== null && hasAnswered(asking, planned) && !asking.mayNotAsk ? passedEnd(planned) : null);
  return {
    start,
    end,
    plannedEndAt: end === null ? planned : null,
    trial: trialOf(ordered, start),
    isSuspended: isSuspended(ordered),
    hasFailed: ordered.some(({ type }) => type === 'legacy.subscribeFailed') && (start?.confirmedAt ?? null) === null,
    doubt: doubtOf(ordered, start, end, asking),
    openTerms: openTermsOf(ordered, asking),
  };
}

export function phaseOf(life: AgreementLife, asking: Asking, now: Date): AgreementPhase {
  const { start, end, plannedEndAt, hasFailed } = life;
  if (start === null) return hasFailed ? 'failed' : 'unknown';
  if (end && (end.at <= now || end.at <= start.at))
    return awaitsAnnounced(end, asking, now) ? 'awaitingSuccessor' : 'over';
  if (hasFailed) return 'failed';
  if (start.confirmedAt === null || (!start.isTold && start.confirmedAt > now)) return 'registered';
  if (start.at > now) return 'upcoming';
  return isPastPlan(plannedEndAt, asking, now) ? 'awaitingSuccessor' : 'inForce';
}

/**
 * Whether the announced end has passed while AWS could be asked whether the agreement goes on. Where it may not be, AWS
 * decides at the call.
 */
export function isPastPlan(plannedEndAt: Date | null, asking: Asking, now: Date): boolean {
  return plannedEndAt !== null && plannedEndAt <= now && !asking.mayNotAsk;
}

/** Whether the end announced a successor that may still turn up: AWS was not asked since. */
export function awaitsAnnounced(end: AgreementEnd, asking: Asking, now: Date): boolean {
  if (!end.announcesSuccessor || hasAnswered(asking, end.at)) return false;
  return !asking.mayNotAsk || now < plusMs(end.lastHeardAt, SUCCESSOR_WAIT_MS);
}

/** Whether AWS has answered late enough after an end for the answer to know of it. */
export function hasAnswered({ askedAt }: Asking, endAt: Date): boolean {
  return askedAt !== null && isSettledBy(askedAt, endAt);
}

/** The instants at which the life may read otherwise without a new fact. */
export function turningPointsOf(life: AgreementLife, asking: Asking): Date[] {
  const { start, end, plannedEndAt, trial } = life;
  const waits =
    end?.announcesSuccessor === true && asking.mayNotAsk ? plusMs(end.lastHeardAt, SUCCESSOR_WAIT_MS) : null;
  const instants = [start?.at, start?.confirmedAt, end?.at, plannedEndAt, trial?.until, waits, termsAwaitedUntil(life)];
  return instants.filter((instant) => instant !== null && instant !== undefined);
}

/** Until when the host is told nothing of it for want of its terms; null where nothing is waited for. */
export function termsAwaitedUntil({ openTerms }: AgreementLife): Date | null {
  return openTerms !== null && openTerms.from === null ? plusMs(openTerms.heardAt, TERMS_WAIT_MS) : null;
}

function isSettledBy(answerAt: Date, endAt: Date): boolean {
  return answerAt.getTime() - endAt.getTime() >= ANSWER_SETTLES_AFTER_MS;
}

// --- start
// -------------------------------------------------------------------------------------------------------------------------------

function startOf(ordered: readonly AgreementFact[], asking: Asking): AgreementStart | null {
  const told = toldStartOf(ordered);
  if (told) return { at: told, isTold: true, confirmedAt: told };
  const signs = ordered.flatMap((fact) => provisionalStartOf(fact, asking));
  if (signs.length === 0) return null;
  const confirmed = signs.flatMap(({ confirmedAt }) => (confirmedAt === null ? [] : [confirmedAt]));
  return {
    at: earliest(...signs.map(({ at }) => at)),
    isTold: false,
    confirmedAt: confirmed.length === 0 ? null : earliest(...confirmed),
  };
}

/**
 * The earliest that AWS names: an agreement that renews itself may be told with the start of its present term. A legacy
 * message, which names none, is sent at the start; it counts where nothing else does.
 */
function toldStartOf(ordered: readonly AgreementFact[]): Date | null {
  const named = ordered.flatMap((fact) => {
    const told =
      fact.type === 'agreement.found' || fact.type === 'agreement.created' ? dateOf(fact.details.startTime) : null;
    return told === null ? [] : [told];
  });
  if (named.length > 0) return earliest(...named);
  const succeeded = ordered.find(({ type }) => type === 'legacy.subscribeSucceeded');
  return succeeded ? happenedAt(succeeded) : null;
}

function provisionalStartOf(fact: AgreementFact, asking: Asking): { at: Date; confirmedAt: Date | null }[] {
  const at = happenedAt(fact);
  switch (fact.type) {
    case 'buyer.registered':
      return [{ at, confirmedAt: null }];
    case 'license.updated': {
      const { askedAt, mayNotAsk } = asking;
      const alone = plusMs(at, LICENSE_ALONE_MS);
      const answered = askedAt !== null && askedAt >= fact.heardAt ? earliest(askedAt, alone) : alone;
      return [{ at, confirmedAt: mayNotAsk ? at : answered }];
    }
    case 'agreement.created':
      return [{ at, confirmedAt: at }];
    case 'agreement.found':
      return isPositive(fact) ? [{ at, confirmedAt: at }] : [];
    default:
      return [];
  }
}

// --- end
// ---------------------------------------------------------------------------------------------------------------------------------

interface EndSign {
  endsAt: Date;
  /** When the sender said so. */
  saidAt: Date;
  /** The instant that counts for AWS's windows: asking afterwards, or planning ahead, does not move it. */
  signAt: Date;
  heardAt: Date;
  announcesSuccessor: boolean;
  isByHost: boolean;
}

function endSignsOf(fact: AgreementFact, start: AgreementStart | null): EndSign[] {
  const saidAt = happenedAt(fact);
  const { heardAt } = fact;
  const sign = (endsAt: Date, status: string | null = null, signAt: Date = saidAt): EndSign[] => [
    {
      endsAt,
      saidAt,
      signAt,
      heardAt,
      announcesSuccessor: status !== null && SUCCESSOR_ANNOUNCED.has(status),
      isByHost: false,
    },
  ];
  switch (fact.type) {
    case 'agreement.created': {
      const { status } = fact.details;
      return status !== null && ENDED.has(status) ? sign(saidAt) : [];
    }
    case 'agreement.ended':
      return sign(namedEnd(fact.details.endTime, saidAt), fact.details.status);
    case 'license.deprovisioned':
    case 'legacy.unsubscribePending':
    case 'legacy.unsubscribed':
      return sign(saidAt);
    case 'agreement.found': {
      const { status, endTime } = fact.details;
      if (status === null || !(ENDED.has(status) || SUCCESSOR_ANNOUNCED.has(status))) return [];
      const endsAt = earliest(saidAt, dateOf(endTime) ?? saidAt);
      return sign(endsAt, status, endsAt);
    }
    case 'host.ended': {
      // What starts after the host's end is not meant by it.
      const endsAt = new Date(fact.details.endsAt);
      if (start && start.at > endsAt) return [];
      return [{ endsAt, saidAt, signAt: endsAt, heardAt, announcesSuccessor: false, isByHost: true }];
    }
    default:
      return [];
  }
}

function endOf(signs: readonly EndSign[]): AgreementEnd | null {
  if (signs.length === 0) return null;
  const all = (instant: (sign: EndSign) => Date): Date[] => signs.map(instant);
  return {
    at: earliest(...all(({ endsAt }) => endsAt)),
    firstSignAt: earliest(...all(({ endsAt, signAt }) => earliest(endsAt, signAt))),
    lastSignAt: latest(...all(({ endsAt, signAt }) => latest(endsAt, signAt))),
    lastHeardAt: latest(...all(({ heardAt }) => heardAt)),
    announcesSuccessor: signs.some(({ announcesSuccessor }) => announcesSuccessor),
    isByHost: signs.every(({ isByHost }) => isByHost),
  };
}

/** An announced end that has passed, and AWS, asked since, did not say that the agreement goes on. */
function passedEnd(at: Date): AgreementEnd {
  const lastHeardAt = plusMs(at, ANSWER_SETTLES_AFTER_MS);
  return { at, firstSignAt: at, lastSignAt: at, lastHeardAt, announcesSuccessor: false, isByHost: false };
}

/**
 * The latest word about when it is to end; null where there is none, or where AWS has said after it that the agreement
 * goes on.
 */
function plannedEndOf(ordered: readonly AgreementFact[], positives: readonly Date[]): Date | null {
  let planned: Date | null = null;
  for (const fact of ordered) {
    if (fact.type === 'agreement.created') planned = dateOf(fact.details.endTime);
    // Amended - Manufacturer tells no end, an entitlement neither: that is not the word that there is none.
    if (fact.type === 'agreement.amended') planned = dateOf(fact.details.endTime) ?? planned;
    if (fact.type === 'agreement.found')
      planned = dateOf(fact.details.endTime) ?? (fact.details.status === null ? planned : null);
  }
  if (planned === null || planned.getUTCFullYear() >= NO_END_YEAR) return null;
  const end = planned;
  return positives.some((at) => isSettledBy(at, end)) ? null : planned;
}

/** AWS, asked, said that it is in force. */
export function isPositive(fact: AgreementFact): boolean {
  if (fact.type !== 'agreement.found') return false;
  const { status, startTime, endTime, entitled } = fact.details;
  if (status === null) return entitled === true;
  const [starts, ends] = [dateOf(startTime), dateOf(endTime)];
  return status === 'ACTIVE' && (starts === null || starts <= fact.at) && (ends === null || ends > fact.at);
}

function namedEnd(endTime: string | null, at: Date): Date {
  const named = dateOf(endTime);
  return named !== null && named <= at && at.getTime() - named.getTime() <= NAMED_END_MS ? named : at;
}

// --- price, suspension, doubt
// ------------------------------------------------------------------------------------------------------------

/**
 * Trial or paid, by the terms (in legacy messages by AWS's flag); what the buyer's browser brought along decides
 * nothing.
 */
function trialOf(ordered: readonly AgreementFact[], start: AgreementStart | null): AgreementLife['trial'] {
  const words = ordered.flatMap(priceWordOf);
  const last = words.findLastIndex(({ isTrial }) => isTrial);
  const trial = words[last];
  if (!trial) return null;
  const paid = words[last + 1];
  const until =
    paid === undefined || (trial.until !== null && trial.until <= paid.at)
      ? trial.until
      : conversionOf(ordered, trial.at, paid.at);
  return start !== null && until !== null && until <= start.at ? null : { until };
}

function priceWordOf(fact: AgreementFact): { at: Date; isTrial: boolean; until: Date | null }[] {
  if (fact.type === 'legacy.subscribeSucceeded') {
    const { isFreeTrial } = fact.details;
    return isFreeTrial === null ? [] : [{ at: fact.at, isTrial: isFreeTrial, until: null }];
  }
  if (fact.type !== 'agreement.found' || fact.details.terms === null) return [];
  const { trial } = fact.details.terms;
  return [{ at: fact.at, isTrial: trial !== null, until: dateOf(trial?.until ?? null) }];
}

/**
 * The terms were a trial's when AWS was last asked, and are no more: they changed with the last message in between that
 * may tell of a change.
 */
function conversionOf(ordered: readonly AgreementFact[], after: Date, upTo: Date): Date {
  const changes = ordered.filter(({ type, at }) => TERMS_MAY_CHANGE.has(type) && at > after && at <= upTo);
  return changes.at(-1)?.at ?? upTo;
}

const TERMS_MAY_CHANGE: ReadonlySet<string> = new Set([
  'agreement.amended',
  'license.updated',
  'agreement.created',
  'legacy.subscribeSucceeded',
]);

/** By the later of issued and resolved; of two at one instant the issued one counts. */
function isSuspended(ordered: readonly AgreementFact[]): boolean {
  const issued = ordered.findLast(({ type }) => type === 'advisory.issued');
  const resolved = ordered.findLast(({ type }) => type === 'advisory.resolved');
  return issued !== undefined && (resolved === undefined || issued.at >= resolved.at);
}

function doubtOf(
  ordered: readonly AgreementFact[],
  start: AgreementStart | null,
  end: AgreementEnd | null,
  asking: Asking,
): Doubt | null {
  const doubts: Doubt[] = [];
  for (const fact of ordered) {
    const { type, at, heardAt } = fact;
    if (type === 'message.untimed') doubts.push({ askFrom: heardAt, reason: 'untimedMessage' });
    if (end === null || end.isByHost) continue;
    const askFrom = latest(heardAt, plusMs(end.at, ANSWER_SETTLES_AFTER_MS));
    // An entitlement is changed by its end, too: whether it runs again, only AWS can say.
    if (type === 'license.updated' && at > end.at) doubts.push({ askFrom, reason: 'startAfterEnd' });
    if (type === 'agreement.found' && at > end.at && isPositive(fact))
      doubts.push({ askFrom, reason: 'endToBeAskedAgain' });
  }
  const firstHeard = ordered.find(({ type }) => type !== 'buyer.registered')?.heardAt;
  if (start?.isTold !== true && firstHeard !== undefined) doubts.push({ askFrom: firstHeard, reason: 'unknownStart' });
  for (const { heardAt } of changedSinceToldOf(ordered)) doubts.push({ askFrom: heardAt, reason: 'unknownTerms' });
  return openDoubtOf(doubts, asking);
}

/** What may have changed the terms after AWS last told them. */
function changedSinceToldOf(ordered: readonly AgreementFact[]): AgreementFact[] {
  const lastWord = ordered.findLast((fact) => priceWordOf(fact).length > 0)?.at;
  return ordered.filter(({ type, at }) => TERMS_MAY_CHANGE.has(type) && (lastWord === undefined || at > lastWord));
}

/** An answer that does not speak of the terms settles it, too: AWS will not tell them. */
function openTermsOf(ordered: readonly AgreementFact[], { askedAt, mayNotAsk }: Asking): OpenTerms | null {
  if (mayNotAsk) return null;
  const changed = changedSinceToldOf(ordered);
  const open = changed.filter(({ heardAt }) => askedAt === null || askedAt < heardAt);
  const [first] = open;
  if (!first) return null;
  const wasTold = open.length < changed.length || ordered.some((fact) => priceWordOf(fact).length > 0);
  return { from: wasTold ? first.at : null, heardAt: earliest(...open.map(({ heardAt }) => heardAt)) };
}

/** The one that needs the latest answer, of those that are not answered. */
export function openDoubtOf(doubts: readonly Doubt[], { askedAt, mayNotAsk }: Asking): Doubt | null {
  if (mayNotAsk) return null;
  const open = doubts.filter(({ askFrom }) => askedAt === null || askedAt < askFrom);
  return open.reduce<Doubt | null>(
    (latest, doubt) => (latest === null || doubt.askFrom > latest.askFrom ? doubt : latest),
    null,
  );
}

// --- instants
// ----------------------------------------------------------------------------------------------------------------------------

/** What we have heard of has happened, also where the sender's clock runs ahead of ours. */
function happenedAt({ at, heardAt }: AgreementFact): Date {
  return earliest(at, heardAt);
}

function dateOf(iso: string | null): Date | null {
  return iso === null ? null : new Date(iso);
}
