// From the facts of one agreement to its life, and from its life to its phase now. Pure.
import { HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { endsOf, renewalQuestionsOf } from './agreement-end.js';
import { type AgreementFact, inOrder } from './agreement-fact.js';
import {
  type AgreementEnd,
  type AgreementLife,
  type AgreementPhase,
  type AgreementStart,
  ANSWER_SETTLES_AFTER_MS,
  type Asking,
  type Doubt,
  hasAnswered,
  missingFrom,
  type Question,
  settledFrom,
  untimedQuestionOf,
} from './agreement-life.js';
import { startOf } from './agreement-start.js';
import { openTermsOf, termsQuestionsOf, trialOf } from './agreement-terms.js';
import { isPositive } from './planned-end.js';

/** So long the host is not told of an agreement in force while AWS may still say whether it is a trial. */
export const TERMS_WAIT_MS = 300_000;
/** How long an announced successor is waited for where AWS may not be asked about it. */
export const SUCCESSOR_WAIT_MS = 24 * HOUR_MS;

/**
 * What its facts make of an agreement; pure. Facts in any order and any number of times, those that `assignFacts` gave
 * it included. Each counts by its own instant. AWS's texts differ on which message ends an agreement (Agreement Ended,
 * License Deprovisioned, unsubscribe-pending): the first of them does.
 */
export function lifeOf(facts: readonly AgreementFact[], asking: Asking): AgreementLife {
  const ordered = inOrder(facts);
  const start = startOf(ordered, asking);
  const { end, plannedEndAt } = endsOf(ordered, start, asking);
  return {
    start,
    end,
    plannedEndAt,
    trial: trialOf(ordered, start),
    isSuspended: isSuspended(ordered),
    hasFailed: ordered.some(({ type }) => type === 'legacy.subscribeFailed') && (start?.confirmedAt ?? null) === null,
    doubt: doubtOf(ordered, start, end, asking),
    openTerms: openTermsOf(ordered, start, asking),
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

/** Only a license tells of it, and AWS, or a day alone, has not made that a start yet. */
export function isToBeConfirmed({ life: { start }, phase }: { life: AgreementLife; phase: AgreementPhase }): boolean {
  return phase === 'registered' && start !== null && start.confirmedAt !== null;
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
  const doubts: Question[] = [];
  for (const fact of ordered) {
    const { type, at, heardAt } = fact;
    if (type === 'message.untimed') doubts.push(untimedQuestionOf(fact));
    if (end === null || end.isByHost) continue;
    const askFrom = latest(heardAt, plusMs(end.at, ANSWER_SETTLES_AFTER_MS));
    // An entitlement is changed by its end, too: whether it runs again, only AWS can say.
    if (type === 'license.updated' && at > end.at)
      doubts.push({ askFrom, settledFrom: latest(askFrom, settledFrom(fact)), reason: 'startAfterEnd' });
    if (type === 'agreement.found' && at > end.at && isPositive(fact))
      doubts.push({ askFrom, reason: 'endToBeAskedAgain' });
  }
  const first = ordered.find(({ type }) => type !== 'buyer.registered');
  const isNamed = ordered.some(({ agreementId }) => agreementId !== null);
  if ((start?.isTold !== true || !isNamed) && first !== undefined) {
    // Of an agreement of which AWS speaks without a start it will not tell one later. A start that names none may be of
    // one that runs already, told anew.
    const isSpokenOf = ordered.some(({ type }) => type === 'agreement.found');
    const askFrom = first.heardAt;
    doubts.push({ askFrom, settledFrom: isSpokenOf ? askFrom : settledFrom(first), reason: 'unknownStart' });
  }
  return openDoubtOf([...doubts, ...renewalQuestionsOf(ordered), ...termsQuestionsOf(ordered, start)], asking);
}

/**
 * The one that needs the latest answer, of those that are not answered; those about which AWS is only asked again come
 * last.
 */
export function openDoubtOf(doubts: readonly Question[], asking: Asking): Doubt | null {
  if (asking.mayNotAsk) return null;
  const open = doubts.flatMap((doubt) => {
    const askFrom = missingFrom(doubt, asking);
    return askFrom === null ? [] : [{ askFrom, reason: doubt.reason, isFirst: askFrom === doubt.askFrom }];
  });
  const asked = open.some(({ isFirst }) => isFirst) ? open.filter(({ isFirst }) => isFirst) : open;
  return asked.reduce<Doubt | null>(
    (last, { askFrom, reason }) => (last === null || askFrom > last.askFrom ? { askFrom, reason } : last),
    null,
  );
}
