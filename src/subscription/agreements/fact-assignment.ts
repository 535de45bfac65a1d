// Of which agreement a fact is that names none. Pure.
import { earliest, HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { byText } from '../../runtime/order.js';
import { type AgreementFact, inOrder } from './agreement-fact.js';
import {
  type AgreementLife,
  ANSWER_SETTLES_AFTER_MS,
  type Asking,
  dateOf,
  type Doubt,
  missingFrom,
  type Question,
  settledFrom,
  untimedQuestionOf,
} from './agreement-life.js';
import { AssignmentBoard } from './assignment-board.js';
import { ARRIVAL_MS, arrivalsOf, contradicts, isOpenAt, placeStart } from './start-assignment.js';

/**
 * A row of `agreement`, as far as assignment needs it. Rows that are aliases are given as they stand; they are decided
 * anew.
 */
export interface AgreementRow {
  id: string;
  /**
   * AWS's agreement id is known. A row without is nameless: made by a start that named none (its id is that fact's), or
   * by a license alone.
   */
  isNamed: boolean;
  /** Digests of its licenses. */
  licenses: readonly string[];
}

export interface Assignment {
  /** Facts of each agreement, under the id of the row that stands (no alias): its own and those assigned to it. */
  byAgreement: ReadonlyMap<string, readonly AgreementFact[]>;
  /**
   * Starts that name no agreement and belong to none known: each wants a nameless row whose id is the fact's. Also in
   * `byAgreement`.
   */
  wanted: readonly string[];
  /** Rows that are another row's agreement: alias → the row that stands. */
  aliases: ReadonlyMap<string, string>;
  /**
   * Facts that could mean several agreements, or one that has not begun: AWS is to be asked about the buyer; nothing
   * ends by them meanwhile.
   */
  doubts: readonly (Doubt & { factId: string })[];
  /** Facts that concern an agreement from before those known, or none. */
  ofOthers: readonly string[];
}

/**
 * After its last sign an end is confirmed within AWS's hour (unsubscribe-pending, then unsubscribe-success), with some
 * delay.
 */
const CONFIRMATION_MS = 2 * HOUR_MS;

const ENDS: ReadonlySet<string> = new Set([
  'legacy.unsubscribePending',
  'legacy.unsubscribed',
  'license.deprovisioned',
  'agreement.ended',
]);

/**
 * Facts that name no agreement (SNS) are assigned to one, anew each time. Pure: the same for any order and number of
 * the facts. All facts of one buyer at one product, and all rows of its agreements. A fact of the host has the rows of
 * its subscription in `among`.
 */
export function assignFacts(
  rows: readonly AgreementRow[],
  facts: readonly AgreementFact[],
  asking: Asking,
): Assignment {
  const ordered = inOrder(facts);
  const board = new AssignmentBoard(asking);
  for (const { id } of rows.filter(({ isNamed, licenses }) => isNamed || licenses.length > 0)) board.open(id);
  for (const fact of ordered) board.add(fact.agreementId, fact);
  for (const [alias, standing] of licenseAliasesOf(rows, board)) board.fold(alias, standing);

  const rest = ordered.filter(({ agreementId }) => agreementId === null);
  const ofType = (...types: AgreementFact['type'][]): AgreementFact[] =>
    rest.filter(({ type }) => types.includes(type));
  for (const fact of ofType('license.updated')) board.add(licensedBy(fact, board), fact);
  const starts = ofType('legacy.subscribeSucceeded');
  const namedAlone = board.copy();
  const arrivals = arrivalsOf(starts, namedAlone);
  for (const fact of starts) placeStart(fact, arrivals, namedAlone, board);
  for (const fact of rest) if (fact.type === 'buyer.registered') placeArrival(fact, board);
  for (const fact of ofType('host.ended')) for (const id of board.standing(fact.among ?? [])) board.add(id, fact);

  const doubts: (Question & { factId: string })[] = [];
  const ofOthers: string[] = [];
  for (const fact of rest) {
    if (fact.type === 'message.untimed') doubts.push({ factId: fact.id, ...untimedQuestionOf(fact) });
    if (fact.type === 'legacy.subscribeFailed') placeFailure(fact, board, ofOthers);
    if (!ENDS.has(fact.type) && fact.type !== 'advisory.issued' && fact.type !== 'advisory.resolved') continue;
    const place = placeOf(fact, board, asking);
    if (place.kind === 'agreement') board.add(place.id, fact);
    if (place.kind === 'others') ofOthers.push(fact.id);
    if (place.kind === 'doubt') doubts.push({ factId: fact.id, ...place.doubt });
  }
  return {
    byAgreement: board.byAgreement(),
    wanted: board.wanted,
    aliases: new Map([...board.aliases].filter(([alias]) => rows.some(({ id }) => id === alias))),
    doubts: asking.mayNotAsk
      ? []
      : doubts.flatMap((doubt) => {
          const askFrom = missingFrom(doubt, asking);
          return askFrom === null ? [] : [{ factId: doubt.factId, askFrom, reason: doubt.reason }];
        }),
    ofOthers,
  };
}

/**
 * A row that only a license names is the agreement of that license: of several the one that ran when it was first heard
 * of, else the next.
 */
function licenseAliasesOf(rows: readonly AgreementRow[], board: AssignmentBoard): [string, string][] {
  const byId = [...rows].sort((a, b) => byText(a.id, b.id));
  const unnamed = byId.filter(({ isNamed }) => !isNamed);
  return unnamed.flatMap((row, index): [string, string][] => {
    const shares = (other: AgreementRow): boolean => other.licenses.some((license) => row.licenses.includes(license));
    const named = board.standing(byId.filter((other) => other.isNamed && shares(other)).map(({ id }) => id));
    const standing =
      named.length > 0
        ? runningOrNext(named, board.factsOf(row.id)[0]?.at, board)
        : unnamed.slice(0, index).find(shares)?.id;
    return standing === undefined ? [] : [[row.id, standing]];
  });
}

function runningOrNext(ids: readonly string[], at: Date | undefined, board: AssignmentBoard): string | undefined {
  if (at === undefined) return ids[0];
  return ids.findLast((id) => board.startsAt(id) <= at.getTime()) ?? ids[0];
}

/** License Updated whose license serves several agreements, and which names none of them. */
function licensedBy(fact: AgreementFact, board: AssignmentBoard): string | null {
  return fact.among === null ? null : (runningOrNext(board.standing(fact.among), fact.at, board) ?? null);
}

/**
 * The buyer arrives: during an agreement, shortly before one that AWS is about to start, or (so far) alone. Who buys since
 * long before it, by the host's word, has had another.
 */
function placeArrival(fact: AgreementFact<'buyer.registered'>, board: AssignmentBoard): void {
  const at = fact.at.getTime();
  const since = earliest(fact.at, dateOf(fact.details.since ?? null)).getTime();
  const ids = board.standing(fact.among);
  const running = ids.findLast((id) => board.startsAt(id) <= at && isOpenAt(board.overAt(id), fact.at));
  const next = ids.find((id) => board.startsAt(id) > at && board.startsAt(id) - since <= ARRIVAL_MS);
  const id = running ?? next;
  if (id === undefined) {
    board.want(fact);
    return;
  }
  board.aliases.set(fact.id, id);
  board.add(id, fact);
}

/**
 * A failed purchase concerns a buyer who has arrived and of whom nothing has started; a further offer that fails
 * changes nothing.
 */
function placeFailure(fact: AgreementFact, board: AssignmentBoard, ofOthers: string[]): void {
  const id = board.standing(fact.among).findLast((candidate) => {
    const { start } = board.life(candidate);
    return (
      start?.isTold === false && start.at <= plusMs(fact.at, ARRIVAL_MS) && isOpenAt(board.overAt(candidate), fact.at)
    );
  });
  if (id === undefined) ofOthers.push(fact.id);
  else board.add(id, fact);
}

type Place =
  { kind: 'agreement'; id: string } | { kind: 'doubt'; doubt: Question } | { kind: 'others' } | { kind: 'settled' };

/**
 * Of which agreement an end (or an advisory) speaks: of the one that had begun and was not over; or it confirms an end
 * that was told just before.
 */
function placeOf(fact: AgreementFact, board: AssignmentBoard, asking: Asking): Place {
  const ids = board.standing(fact.among);
  const begun = begunBefore(ids, fact.at, board);
  const running = begun.filter((id) => isOpenAt(board.overAt(id), fact.at));
  const confirmed = begun.filter((id) => !running.includes(id) && isConfirmedBy(board.life(id), fact.at));
  const meant = [...running, ...confirmed];
  const [only, ...others] = meant;
  if (only === undefined) return placeBeforeAll(fact, ids, board);
  if (others.length === 0) return { kind: 'agreement', id: only };

  const [open, ...further] = meant.filter((id) => !board.factsOf(id).some((other) => contradicts(other, fact.at)));
  if (open === undefined) return { kind: 'settled' };
  if (further.length === 0) return { kind: 'agreement', id: open };
  if (asking.mayNotAsk) {
    const confirms = fact.type === 'legacy.unsubscribed' ? confirmed.at(-1) : undefined;
    return { kind: 'agreement', id: confirms ?? running.at(-1) ?? open };
  }
  const askFrom = latest(fact.heardAt, plusMs(fact.at, ANSWER_SETTLES_AFTER_MS));
  return { kind: 'doubt', doubt: { askFrom, reason: 'severalAgreements' } };
}

function placeBeforeAll(fact: AgreementFact, ids: readonly string[], board: AssignmentBoard): Place {
  const mayBeOf = ids.some((id) => {
    const { start } = board.life(id);
    return start?.isTold === false && start.at > fact.at && start.at <= plusMs(fact.at, ARRIVAL_MS);
  });
  if (!mayBeOf) return { kind: 'others' };
  const doubt: Question = { askFrom: fact.heardAt, settledFrom: settledFrom(fact), reason: 'noneBegunYet' };
  return { kind: 'doubt', doubt };
}

/**
 * What began before an instant; where nothing did, what began at it: of a start and an end at one instant the end
 * counts.
 */
function begunBefore(ids: readonly string[], at: Date, board: AssignmentBoard): string[] {
  const before = ids.filter((id) => board.startsAt(id) < at.getTime());
  return before.length > 0 ? before : ids.filter((id) => board.startsAt(id) === at.getTime());
}

function isConfirmedBy({ end }: AgreementLife, at: Date): boolean {
  return end !== null && at <= plusMs(end.lastSignAt, CONFIRMATION_MS);
}
