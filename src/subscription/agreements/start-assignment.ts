// Of which agreement a start is that names none (subscribe-success). Pure.
import { HOUR_MS } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';
import { isPositive } from './planned-end.js';
import { ANSWER_SETTLES_AFTER_MS } from './agreement-life.js';
import { type AssignmentBoard } from './assignment-board.js';

/** A nameless start and the start of the named agreement that it speaks of lie at most this far apart. */
const SAME_START_MS = HOUR_MS;
/**
 * The buyer may arrive this long before the start that AWS tells; a fact this long before an unknown start may be of
 * it.
 */
export const ARRIVAL_MS = 4 * HOUR_MS;

/**
 * Of the starts around an arrival the nearest is that of the agreement that the buyer arrived with; a nearer agreement
 * has a start first. One that lies apart from that is of what follows, though the buyer arrived hours before. By the
 * starts' facts.
 */
export function arrivalsOf(starts: readonly AgreementFact[], named: AssignmentBoard): ReadonlyMap<string, string> {
  const pairs = starts.flatMap((start) => {
    const open = openFor(start, named);
    const isTold = open.some((id) => isToldStart(id, start, named));
    return open
      .map((id) => ({ start, id, isTold, distance: distanceOf(id, start, named) }))
      .filter(({ id, distance }) => named.life(id).start?.isTold === false && distance <= ARRIVAL_MS);
  });
  const arrivals = new Map<string, string>();
  const nearest = new Map<string, { start: AgreementFact; distance: number }>();
  // The sort keeps the order of equals.
  for (const { start, id, isTold, distance } of pairs.sort((a, b) => a.distance - b.distance)) {
    const own = nearest.get(id);
    const isApart = own !== undefined && distance > own.distance && !isSameStart(own.start, start);
    if (arrivals.has(start.id) || isApart) continue;
    arrivals.set(start.id, id);
    if (own === undefined && !isTold) nearest.set(id, { start, distance });
  }
  return arrivals;
}

/** Judged by the named agreements alone, so that no nameless one takes the place of another. */
export function placeStart(
  fact: AgreementFact,
  arrivals: ReadonlyMap<string, string>,
  named: AssignmentBoard,
  board: AssignmentBoard,
): void {
  const at = fact.at.getTime();
  const open = openFor(fact, named);
  const distance = (id: string): number => distanceOf(id, fact, named);
  // The sort keeps the order of equals: of two that are as near the earlier.
  const [nearest] = open
    .filter((id) => isToldStart(id, fact, named) || arrivals.get(fact.id) === id)
    .sort((a, b) => distance(a) - distance(b));
  // AWS was asked since, and knows one that ran already and goes on, but none that started then: its terms or its offer
  // were told anew.
  const toldAnew = open.findLast(
    (id) => named.startsAt(id) < at && named.factsOf(id).some((other) => contradicts(other, fact.at)),
  );
  const id = nearest ?? toldAnew ?? toldTwice(fact, board);
  if (id === undefined) {
    board.want(fact);
    return;
  }
  board.aliases.set(fact.id, id);
  board.add(id, fact);
}

function openFor(start: AgreementFact, named: AssignmentBoard): string[] {
  return named.standing(start.among).filter((id) => isOpenAt(named.overAt(id), start.at));
}

function distanceOf(id: string, { at }: AgreementFact, named: AssignmentBoard): number {
  return Math.abs(named.startsAt(id) - at.getTime());
}

function isToldStart(id: string, start: AgreementFact, named: AssignmentBoard): boolean {
  return named.life(id).start?.isTold === true && distanceOf(id, start, named) <= SAME_START_MS;
}

function isSameStart(a: AgreementFact, b: AgreementFact): boolean {
  return Math.abs(a.at.getTime() - b.at.getTime()) <= SAME_START_MS;
}

/** A nameless start of that very instant: AWS has sent it twice, as two messages. */
function toldTwice({ type, at }: AgreementFact, board: AssignmentBoard): string | undefined {
  return board.wanted.find((id) =>
    board.factsOf(id).some((other) => other.type === type && other.at.getTime() === at.getTime()),
  );
}

export function isOpenAt(overAt: Date | null, at: Date): boolean {
  return overAt === null || overAt >= at;
}

/** AWS, asked long enough after an instant, said that the agreement is in force. */
export function contradicts(fact: AgreementFact, at: Date): boolean {
  return isPositive(fact) && fact.at.getTime() - at.getTime() >= ANSWER_SETTLES_AFTER_MS;
}
