// What can be known of one agreement; agreement-state.ts makes it of facts.
import { earliest, latest, plusMs } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';

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
  /** Null unless AWS has called it RENEWED and never named an end. */
  calledRenewed: CalledRenewed | null;
}

/**
 * RENEWED without an end: over at once, or from the signing of a renewal that begins later, AWS does not say. Which it
 * was, the start of the renewal tells.
 */
export interface CalledRenewed {
  /** For the first time. */
  at: Date;
  /** The end by all else that was told. */
  otherEnd: AgreementEnd | null;
}

/** The end that is known without what follows it: the word RENEWED, which names none, may be that of the signing. */
export function certainEndOf({ end }: AgreementLife): AgreementEnd | null {
  return end?.calledRenewed ? end.calledRenewed.otherEnd : end;
}

/** Before it began: the one before goes on, and another may follow that. */
export function isCalledOff({ start, end }: Pick<AgreementLife, 'start' | 'end'>): boolean {
  return start !== null && end !== null && end.at <= start.at;
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
 * A doubt before AWS was asked about it. What AWS says at once may be from before what was heard: then it is asked once
 * more when its answers must know of it.
 */
export interface Question extends Doubt {
  /** An answer from this instant on settles it for good; absent: the first one does. */
  settledFrom?: Date;
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

/** AWS's list and its messages (in whole seconds, some of them) date one event at most this far apart. */
export const ONE_EVENT_MS = 30_000;

/** Whether AWS has answered late enough after an end for the answer to know of it. */
export function hasAnswered({ askedAt }: Asking, endAt: Date): boolean {
  return askedAt !== null && isSettledBy(askedAt, endAt);
}

export function isSettledBy(answerAt: Date, endAt: Date): boolean {
  return answerAt.getTime() - endAt.getTime() >= ANSWER_SETTLES_AFTER_MS;
}

/** An answer from this instant on knows of it: AWS is asked at once, and again by then. */
export function settledFrom(fact: AgreementFact): Date {
  return latest(fact.heardAt, plusMs(happenedAt(fact), ANSWER_SETTLES_AFTER_MS));
}

/** What tells no time of its own may have happened as it was heard. */
export function untimedQuestionOf({ heardAt }: AgreementFact): Question {
  return { askFrom: heardAt, settledFrom: plusMs(heardAt, ANSWER_SETTLES_AFTER_MS), reason: 'untimedMessage' };
}

/** From when on an answer is missing; null where none is. */
export function missingFrom(
  { askFrom, settledFrom: again = askFrom }: Pick<Question, 'askFrom' | 'settledFrom'>,
  { askedAt }: Pick<Asking, 'askedAt'>,
): Date | null {
  if (askedAt === null || askedAt < askFrom) return askFrom;
  return askedAt < again ? again : null;
}

/** What we have heard of has happened, also where the sender's clock runs ahead of ours. */
export function happenedAt({ at, heardAt }: AgreementFact): Date {
  return earliest(at, heardAt);
}

export function dateOf(iso: string | null): Date | null {
  return iso === null ? null : new Date(iso);
}
