import { type AgreementFact } from './agreement-fact.js';

/** What AWS was asked about the subscription of an agreement. */
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
  /** An end that AWS has announced (endTime) and that nobody has confirmed. It passes unless AWS says that the agreement goes on. */
  plannedEndAt: Date | null;
  /** Null: paid from its start. `until` null: as long as the agreement lasts. */
  trial: { until: Date | null } | null;
  isSuspended: boolean;
  /** The purchase failed (subscribe-fail) and nothing has started since. */
  hasFailed: boolean;
  /** Something was heard that only AWS can settle. Null where nothing is open. */
  doubt: Doubt | null;
}

export interface AgreementStart {
  at: Date;
  /** False: provisional. The registration or the first License event stands for it. */
  isTold: boolean;
  /** From this instant on the agreement counts as in force if its start has come; null: AWS has not said that usage may be metered. */
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
  isByHost: boolean;
}

export interface Doubt {
  /** Business time at which it was heard: AWS is to be asked after it. */
  heardAt: Date;
  reason: 'untimedMessage' | 'startAfterEnd' | 'unknownStart' | 'severalAgreements' | 'noneBegunYet' | 'endToBeAskedAgain';
}

/**
 * `unknown`: named, but nothing tells when it runs. `registered`: its buyer has arrived, AWS has not said that it is in force. `awaitingSuccessor`: over,
 * or past its announced end, and AWS has not been asked since.
 */
export type AgreementPhase = 'unknown' | 'registered' | 'failed' | 'upcoming' | 'inForce' | 'awaitingSuccessor' | 'over';

/** Pure. Facts of the agreement alone, in any order, any number of times (those assigned to it by `assignFacts` included). */
export declare function lifeOf(facts: readonly AgreementFact[], asking: Asking, now: Date): AgreementLife;
export declare function phaseOf(life: AgreementLife, asking: Asking, now: Date): AgreementPhase;
