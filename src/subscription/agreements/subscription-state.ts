import { earliest, earliestOf, firstAfter, HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { byText } from '../../runtime/order.js';
import {
  type AgreementEnd,
  type AgreementLife,
  type AgreementPhase,
  ANSWER_SETTLES_AFTER_MS,
  type Asking,
  hasAnswered,
} from './agreement-life.js';
import { isToBeConfirmed, phaseOf, termsAwaitedUntil, turningPointsOf } from './agreement-state.js';

/**
 * `registered`: arrived, not known to be in force. `upcoming`: what there is lies ahead. `trial`, `active`: AWS has
 * said that usage may be metered. `suspended`: AWS suspects the buyer of something. `ending`: the last one is over,
 * AWS's window after it is open. `ended`: that has closed, too.
 */
export type SubscriptionState =
  'registered' | 'upcoming' | 'trial' | 'active' | 'suspended' | 'ending' | 'ended' | 'failed';

/** An agreement of a subscription's chain. */
export interface ChainAgreement {
  id: string;
  aliasIds: readonly string[];
  life: AgreementLife;
  /** Row id of the linked predecessor in the same subscription. */
  previousId: string | null;
}

/** What stands in the subscription's row, written with the events of the last projection. */
export interface ToldState {
  state: SubscriptionState;
  /** The agreement in force; after the last one is over, that one. */
  currentAgreementId: string | null;
  isTrial: boolean;
  endedTold: boolean;
}

export interface ProjectedState extends Omit<ToldState, 'endedTold'> {
  /** When the last one was over, also where a successor is awaited; null while any is in force, or none was. */
  endsAt: Date | null;
  /** The next instant at which this may read otherwise without a new fact. */
  nextChangeAt: Date | null;
  /** AWS is to be asked from this instant on; null: nothing presses. */
  askAt: Date | null;
}

/** AWS takes usage for this long after the last sign of an end. */
export const WINDOW_MS = HOUR_MS;
/** A known successor that starts this soon after its predecessor's end leaves no gap that a host would act on. */
const SEAMLESS_MS = HOUR_MS;

export type PhasedAgreement<T extends ChainAgreement = ChainAgreement> = T & {
  phase: AgreementPhase;
  startsAt: number;
  /** Its own end or its linked successor's start; null while it runs. */
  over: { at: Date; end: AgreementEnd | null } | null;
  /** The start of its linked successor is known. */
  isFollowed: boolean;
};

/** What the agreements of a chain make of the subscription; pure. */
export function stateOf(chain: readonly ChainAgreement[], asking: Asking, now: Date): ProjectedState {
  const phased = phasedAgreementsOf(chain, asking, now);
  const of = (...phases: AgreementPhase[]): PhasedAgreement[] => phased.filter(({ phase }) => phases.includes(phase));
  const running = of('inForce').at(-1);
  const inForce = running ?? of('awaitingSuccessor').at(-1);
  const over = lastOver(of('over'));
  const read = (state: SubscriptionState, current: PhasedAgreement | null = over): ProjectedState => ({
    state,
    currentAgreementId: current?.id ?? null,
    isTrial: current !== null && isTrialAt(current.life, current.over === null ? now : earliest(now, current.over.at)),
    endsAt: running ? null : ((inForce ?? over)?.over?.at ?? null),
    nextChangeAt: nextChangeOf(phased, asking, now),
    askAt: askAtOf(phased, asking),
  });
  if (inForce)
    return read(inForce.life.isSuspended ? 'suspended' : isTrialAt(inForce.life, now) ? 'trial' : 'active', inForce);
  if (over && windowEndOf(over) > now) return read('ending');
  if (of('upcoming').length > 0) return read('upcoming');
  const last = of('registered', 'unknown', 'failed').at(-1);
  if (over && (!last || last.startsAt <= over.startsAt || !Number.isFinite(last.startsAt)))
    return read(mayClose(over, asking) ? 'ended' : 'ending');
  return read(last?.phase === 'failed' ? 'failed' : 'registered');
}

/** What the host is to hear, in this order. */
export type Telling =
  | { type: 'activated'; agreementId: string; startsAt: Date; isTrial: boolean; previousState: SubscriptionState }
  | { type: 'renewed'; agreementId: string; previousAgreementId: string; startsAt: Date; isTrial: boolean }
  | { type: 'converted'; agreementId: string; at: Date }
  | { type: 'suspended'; agreementId: string }
  | { type: 'ending'; agreementId: string; endsAt: Date }
  | { type: 'ended'; agreementId: string; endsAt: Date }
  | { type: 'failed' };

const IN_FORCE: ReadonlySet<SubscriptionState> = new Set(['trial', 'active', 'suspended']);

/**
 * What follows from what was told before (null: the subscription is new) to what is; pure. That a subscription was
 * folded is told by who folds.
 */
export function tellingsOf(
  told: ToldState | null,
  projected: ProjectedState,
  chain: readonly ChainAgreement[],
): Telling[] {
  const before = told ?? { state: 'registered', currentAgreementId: null, isTrial: false, endedTold: false };
  const { state, isTrial, endsAt } = projected;
  const current = chain.find(({ id }) => id === projected.currentAgreementId);
  if (state === 'failed') return before.state === 'failed' ? [] : [{ type: 'failed' }];
  if (!current) return [];
  const agreementId = current.id;
  const toldId = before.currentAgreementId ?? '';
  if (state === 'suspended') return before.state === 'suspended' ? [] : [{ type: 'suspended', agreementId }];
  if (state === 'ending' && endsAt) {
    // It was over before, though what follows it was all to be seen meanwhile.
    const wasOver = !IN_FORCE.has(before.state) && [agreementId, ...current.aliasIds].includes(toldId);
    return before.state === 'ending' || wasOver || before.endedTold ? [] : [{ type: 'ending', agreementId, endsAt }];
  }
  if (state === 'ended' && endsAt) return before.endedTold ? [] : [{ type: 'ended', agreementId, endsAt }];
  if (!IN_FORCE.has(state)) return [];

  const startsAt = current.life.start?.at ?? new Date(0);
  const previous = chain.find(({ id, aliasIds }) => [id, ...aliasIds].includes(toldId));
  const isOther = previous !== undefined && previous.id !== agreementId;
  const tellings: Telling[] = [];
  if (
    before.currentAgreementId === null ||
    before.endedTold ||
    (!IN_FORCE.has(before.state) && !isOther) ||
    before.state === 'suspended'
  ) {
    tellings.push({ type: 'activated', agreementId, startsAt, isTrial, previousState: before.state });
  } else if (isOther && endsAt === null && startsAt >= (previous.life.start?.at ?? startsAt)) {
    // Back to an agreement that runs on after a later one is over, or to one that awaits its successor: nothing was
    // renewed.
    tellings.push({ type: 'renewed', agreementId, previousAgreementId: previous.id, startsAt, isTrial });
  }
  if (before.isTrial && !isTrial && !before.endedTold) {
    const until = current.life.trial?.until ?? null;
    tellings.push({ type: 'converted', agreementId, at: isOther || until === null ? startsAt : until });
  }
  return tellings;
}

/**
 * What is in force is told when it is known whether it is a trial, or when AWS has let its time for an answer pass:
 * until then what was told stands. Usage is recorded meanwhile.
 */
export function withTermsAwaited(
  told: ToldState | null,
  projected: ProjectedState,
  chain: readonly ChainAgreement[],
  now: Date,
): ProjectedState {
  const { state, currentAgreementId } = projected;
  const current = chain.find(({ id }) => id === currentAgreementId);
  if (!current || (state !== 'active' && state !== 'trial')) return projected;
  const toldId = told?.currentAgreementId ?? null;
  const isTold = toldId !== null && (toldId === current.id || current.aliasIds.includes(toldId));
  if (told && isTold && IN_FORCE.has(told.state)) return projected;
  const until = termsAwaitedUntil(current.life);
  if (until === null || until <= now) return projected;
  return {
    ...projected,
    state: told?.state ?? 'registered',
    currentAgreementId: toldId,
    isTrial: told?.isTrial ?? false,
  };
}

/**
 * An end that the host has heard of stands while nothing more than its successor is awaited: of two messages of one end
 * the one that announces no successor may come first.
 */
export function withEndKept(
  told: ToldState | null,
  projected: ProjectedState,
  chain: readonly ChainAgreement[],
): ProjectedState {
  const isAwaiting = IN_FORCE.has(projected.state) && projected.endsAt !== null;
  if (!isAwaiting || (told?.state !== 'ending' && told?.state !== 'ended')) return projected;
  const toldId = told.currentAgreementId;
  const current = chain.find(({ id }) => id === projected.currentAgreementId);
  const isSame = current !== undefined && (current.id === toldId || current.aliasIds.includes(toldId ?? ''));
  return isSame ? { ...projected, state: told.state, isTrial: told.isTrial } : projected;
}

/** Whether the host has heard `ended`, after the tellings. It counts until something is in force again. */
export function endedToldAfter(told: ToldState | null, { state, currentAgreementId }: ProjectedState): boolean {
  if (state === 'ended') return currentAgreementId !== null;
  return told !== null && told.endedTold && !(state === 'active' || state === 'trial');
}

/**
 * In the order of their starts, with what a linked successor makes of its predecessor. Those of which nothing counts
 * yet come first.
 */
export function phasedAgreementsOf<T extends ChainAgreement>(
  chain: readonly T[],
  asking: Asking,
  now: Date,
): PhasedAgreement<T>[] {
  const own = chain.map((agreement) => ({ ...agreement, phase: phaseOf(agreement.life, asking, now) }));
  const phased = own.map((agreement): PhasedAgreement<T> => {
    const { id, aliasIds, life, phase } = agreement;
    const startsAt = life.start?.at.getTime() ?? -Infinity;
    const successor = own.filter(
      ({ previousId }) => previousId !== null && (previousId === id || aliasIds.includes(previousId)),
    );
    const takenOver = earliestOf(successor.map((other) => takesOverAt(other, now)));
    const endedAt = life.end?.at ?? (phase === 'awaitingSuccessor' ? life.plannedEndAt : null);
    // Nobody hears of an end that a renewal may have bridged of which only its license tells, unless the host said so.
    const mayGoOn = life.end?.isByHost !== true && successor.some(isToBeConfirmed);
    if (takenOver === null)
      return {
        ...agreement,
        startsAt,
        phase: phase === 'over' && mayGoOn ? 'awaitingSuccessor' : phase,
        over: endedAt === null ? null : { at: endedAt, end: life.end },
        isFollowed: false,
      };
    const at = earliest(takenOver, endedAt);
    const isSeamless = takenOver > now && endedAt !== null && takenOver.getTime() - endedAt.getTime() <= SEAMLESS_MS;
    const isRunning = at > now || isSeamless;
    const follows: AgreementPhase = isRunning ? (phase === 'over' ? 'awaitingSuccessor' : phase) : 'over';
    return {
      ...agreement,
      startsAt,
      phase: phase === 'unknown' ? phase : follows,
      over: { at, end: life.end },
      isFollowed: true,
    };
  });
  return phased.sort((a, b) => a.startsAt - b.startsAt || byText(a.id, b.id));
}

/**
 * The instant at which a successor takes its predecessor's time: a start that is told, or that has proven to be one.
 */
function takesOverAt(
  { life: { start, end }, phase }: ChainAgreement & { phase: AgreementPhase },
  now: Date,
): Date | null {
  if (start === null || phase === 'failed') return null;
  // It was called off before it began.
  if (end !== null && end.at <= start.at) return null;
  return start.isTold || (start.confirmedAt !== null && start.confirmedAt <= now) ? start.at : null;
}

function isTrialAt({ trial }: AgreementLife, now: Date): boolean {
  return trial !== null && (trial.until === null || now < trial.until);
}

function lastOver(over: readonly PhasedAgreement[]): PhasedAgreement | null {
  return over.reduce<PhasedAgreement | null>(
    (last, one) => (last === null || overAt(one) >= overAt(last) ? one : last),
    null,
  );
}

function overAt({ over }: PhasedAgreement): number {
  return over?.at.getTime() ?? 0;
}

/** When AWS takes nothing more of it, at the latest. */
function windowEndOf({ over }: PhasedAgreement): Date {
  return plusMs(latest(over?.at ?? null, over?.end?.lastSignAt ?? null, over?.end?.lastHeardAt ?? null), WINDOW_MS);
}

/** Nothing closes until AWS was asked since; the host's own word needs no answer. */
function mayClose({ over }: PhasedAgreement, asking: Asking): boolean {
  return over === null || over.end?.isByHost === true || asking.mayNotAsk || hasAnswered(asking, over.at);
}

function nextChangeOf(phased: readonly PhasedAgreement[], asking: Asking, now: Date): Date | null {
  const instants = phased.flatMap((agreement) => {
    const { life, over } = agreement;
    return [...turningPointsOf(life, asking), ...(over === null ? [] : [over.at, windowEndOf(agreement)])];
  });
  return firstAfter(now, instants);
}

function askAtOf(phased: readonly PhasedAgreement[], asking: Asking): Date | null {
  if (asking.mayNotAsk) return null;
  const instants = phased.flatMap(({ life, over }) => {
    const ends = [life.plannedEndAt, life.end?.isByHost === true ? null : (over?.at ?? null)].filter(
      (at) => at !== null,
    );
    const unasked = ends.filter((at) => !hasAnswered(asking, at)).map((at) => plusMs(at, ANSWER_SETTLES_AFTER_MS));
    return [...unasked, ...(life.doubt === null ? [] : [life.doubt.askFrom])];
  });
  return earliestOf(instants);
}
