// Which agreements are one subscription, and which follows which. Pure.
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { byText } from '../../runtime/order.js';
import { type AgreementEnd, type AgreementLife, certainEndOf, isCalledOff, ONE_EVENT_MS } from './agreement-life.js';

/** An agreement of one buyer at one product (no aliases). */
export interface JoiningAgreement {
  id: string;
  /** Null: it is new, and in no subscription yet. */
  subscriptionId: string | null;
  /** Digests. */
  agreementName: string | null;
  licenses: readonly string[];
  previous: readonly string[];
  initial: string | null;
  /**
   * Metered by product code and buyer (a listing without licenses, or not moved yet): AWS cannot tell two of its
   * agreements apart.
   */
  isLegacy: boolean;
  life: AgreementLife;
}

export interface JoiningSubscription {
  id: string;
  /** Tenants that have claimed it, folded ones included. */
  tenants: readonly string[];
}

/**
 * `fork`: two follow one. `merge`: one follows two chains. `twoTenants`: what would be one subscription is claimed by
 * two. These are for a person, and nothing is done. `concurrent`: several run side by side, each a subscription of its
 * own.
 */
export interface JoiningConflict {
  kind: 'fork' | 'merge' | 'twoTenants' | 'concurrent';
  agreementIds: readonly string[];
}

export interface Joining {
  /** By agreement: its subscription; one without is to get a new one, shared by all with the same `with`. */
  subscriptionOf: ReadonlyMap<string, { subscriptionId: string } | { with: string }>;
  /** Linked predecessors: the predecessor's time ends at the successor's start. */
  previousOf: ReadonlyMap<string, string>;
  /** Folded subscription → the living one. One hop. */
  folds: ReadonlyMap<string, string>;
  conflicts: readonly JoiningConflict[];
}

/** After the last sign of an end a legacy buyer who returns is the old one, not a new one. */
const RETURN_MS = HOUR_MS;
/**
 * Signs of an end that come later than this after the first (a License Deprovisioned of weeks later) do not keep that
 * door open.
 */
const SIGNS_OF_ONE_END_MS = 24 * HOUR_MS;

/**
 * Which agreements are one subscription, and which follows which; pure. All agreements of one buyer at one product, and
 * the living subscriptions that they are in. Concurrency is never inferred, only the absence of a link.
 */
export function joinAgreements(
  agreements: readonly JoiningAgreement[],
  subscriptions: readonly JoiningSubscription[],
): Joining {
  const ordered = [...agreements].sort(byStart);
  const conflicts: JoiningConflict[] = [];
  const groups = new Groups(ordered, subscriptions);
  const previousOf = new Map<string, string>();
  const nextOf = new Map<string, JoiningAgreement>();

  for (const agreement of ordered) {
    // Names and licenses may lead in a circle: of two that name each other, one was linked first.
    const matches = predecessorsOf(agreement, ordered).filter((other) => !follows(other, agreement, previousOf));
    const [first] = matches;
    // Of one chain the last: of the agreement that it names as the one before, the license need not be known.
    const named = ordered.findLast((other) => first && matches.includes(other) && groups.areOne(other, first));
    const previous = named && passingCalledOff(named, previousOf, ordered);
    if (!previous) continue;
    const strangers = matches.filter((other) => !groups.areOne(other, previous));
    if (strangers.length > 0)
      conflicts.push({ kind: 'merge', agreementIds: [agreement, previous, ...strangers].map(({ id }) => id) });
    const other = isCalledOff(agreement.life) ? undefined : nextOf.get(previous.id);
    if (other) {
      conflicts.push({ kind: 'fork', agreementIds: [previous.id, other.id, agreement.id] });
      continue;
    }
    // A chain whose first agreement turns out to follow another is that chain's end; where a later one does, two chains
    // would merge.
    const refusal = groups.areOne(agreement, previous)
      ? null
      : groups.isFirst(agreement)
        ? groups.unite(agreement, previous)
        : 'merge';
    if (refusal !== null) {
      conflicts.push({ kind: refusal, agreementIds: [agreement.id, previous.id] });
      continue;
    }
    previousOf.set(agreement.id, previous.id);
    if (!isCalledOff(agreement.life)) nextOf.set(previous.id, agreement);
  }

  const legacy = ordered.filter(({ isLegacy }) => isLegacy);
  for (const [index, agreement] of legacy.entries()) {
    const earlier = legacy.slice(0, index);
    const before = earlier.findLast((other) => isStillOpen(other, agreement, earlier));
    if (!before || groups.areOne(agreement, before)) continue;
    const refusal = groups.unite(agreement, before);
    if (refusal !== null) conflicts.push({ kind: refusal, agreementIds: [agreement.id, before.id] });
  }

  const isOver = (agreement: JoiningAgreement): boolean => agreement.life.end !== null || nextOf.has(agreement.id);
  const running = ordered.filter((agreement) => agreement.life.start?.isTold === true && !isOver(agreement));
  if (running.some((agreement) => running.some((other) => !groups.areOne(agreement, other)))) {
    conflicts.push({ kind: 'concurrent', agreementIds: running.map(({ id }) => id) });
  }
  return { subscriptionOf: groups.subscriptionOf(), previousOf, folds: groups.folds(), conflicts };
}

/** The first match decides of which chain it is; further ones of others only tell whether chains would merge. */
function predecessorsOf(agreement: JoiningAgreement, ordered: readonly JoiningAgreement[]): JoiningAgreement[] {
  const index = ordered.indexOf(agreement);
  const later = ordered.slice(index + 1);
  // One of which only the name is known may still be the one before.
  const candidates = [...later.filter(({ life }) => life.start === null), ...ordered.slice(0, index)];
  // Two that start at one instant have no order; what names another as the one before has.
  const named = later.filter((other) => startsAt(other) === startsAt(agreement));
  const { licenses, previous, initial } = agreement;
  const isPrevious = ({ agreementName }: JoiningAgreement): boolean => previous.some((name) => name === agreementName);
  const matches = [
    candidates.findLast((other) => other.licenses.some((license) => licenses.includes(license))),
    candidates.findLast(isPrevious) ?? named.findLast(isPrevious),
    initial === null || initial === agreement.agreementName
      ? undefined
      : (candidates.findLast((other) => other.initial === initial || other.agreementName === initial) ??
        named.findLast(({ agreementName }) => agreementName === initial)),
    candidates.findLast((other) => givesWayTo(other, agreement)),
  ];
  return [...new Set(matches.filter((match) => match !== undefined))].filter((match) =>
    match.previous.every((name) => name !== agreement.agreementName),
  );
}

/**
 * A nameless one lasts until the next nameless start, and what only stands for a start (the buyer's arrival) until any.
 */
function givesWayTo(other: JoiningAgreement, next: JoiningAgreement): boolean {
  const isNameless = ({ agreementName, licenses }: JoiningAgreement): boolean =>
    agreementName === null && licenses.length === 0;
  const { start, end } = other.life;
  if (!isNameless(other) || start === null || next.life.start === null) return false;
  return (isNameless(next) || !start.isTold) && (end === null || end.at >= next.life.start.at);
}

/**
 * Whether a legacy agreement starts while another runs, or before its window has closed. What is called RENEWED without an
 * end is open for the one that renews it.
 */
function isStillOpen(
  { life }: JoiningAgreement,
  next: JoiningAgreement,
  earlier: readonly JoiningAgreement[],
): boolean {
  if (life.start === null) return false;
  const called = life.end?.calledRenewed;
  const isRenewed =
    called &&
    earlier.some((other) => !isCalledOff(other.life) && startsAt(other) >= called.at.getTime() - ONE_EVENT_MS);
  const end = isRenewed ? life.end : certainEndOf(life);
  return end === null || startsAt(next) <= windowEndOf(end).getTime();
}

function windowEndOf({ firstSignAt, lastSignAt }: AgreementEnd): Date {
  const last = Math.min(lastSignAt.getTime(), firstSignAt.getTime() + SIGNS_OF_ONE_END_MS);
  return plusMs(new Date(last), RETURN_MS);
}

/** By the links so far, which lead in no circle. */
function follows(one: JoiningAgreement, other: JoiningAgreement, previousOf: ReadonlyMap<string, string>): boolean {
  for (let id = previousOf.get(one.id); id !== undefined; id = previousOf.get(id)) if (id === other.id) return true;
  return false;
}

/** What follows one that never ran follows the one before that. */
function passingCalledOff(
  agreement: JoiningAgreement,
  previousOf: ReadonlyMap<string, string>,
  ordered: readonly JoiningAgreement[],
): JoiningAgreement {
  if (!isCalledOff(agreement.life)) return agreement;
  const before = ordered.find(({ id }) => id === previousOf.get(agreement.id));
  return before === undefined ? agreement : passingCalledOff(before, previousOf, ordered);
}

function startsAt({ life }: JoiningAgreement): number {
  return life.start?.at.getTime() ?? Infinity;
}

function byStart(a: JoiningAgreement, b: JoiningAgreement): number {
  const [from, to] = [startsAt(a), startsAt(b)];
  if (from !== to) return from - to;
  // What never ran comes first: another may follow it.
  return Number(isCalledOff(b.life)) - Number(isCalledOff(a.life)) || byText(a.id, b.id);
}

/** Sets of agreements that are one subscription. */
class Groups {
  private readonly groupOf = new Map<string, JoiningAgreement[]>();
  private readonly tenantsOf: ReadonlyMap<string, readonly string[]>;

  constructor(
    private readonly ordered: readonly JoiningAgreement[],
    subscriptions: readonly JoiningSubscription[],
  ) {
    this.tenantsOf = new Map(subscriptions.map(({ id, tenants }) => [id, tenants]));
    for (const agreement of ordered) {
      const { subscriptionId } = agreement;
      const same =
        subscriptionId === null ? undefined : ordered.find((other) => other.subscriptionId === subscriptionId);
      const group = (same && this.groupOf.get(same.id)) ?? [];
      group.push(agreement);
      this.groupOf.set(agreement.id, group);
    }
  }

  areOne(a: JoiningAgreement, b: JoiningAgreement): boolean {
    return this.of(a) === this.of(b);
  }

  isFirst(agreement: JoiningAgreement): boolean {
    return this.of(agreement)[0] === agreement;
  }

  /** @param b the one before */
  unite(a: JoiningAgreement, b: JoiningAgreement): 'twoTenants' | null {
    // Of two that start at one instant the one before comes first.
    const united = [...this.of(b), ...this.of(a)].sort((one, other) => Math.sign(startsAt(one) - startsAt(other)) || 0);
    const tenants = new Set(united.flatMap(({ subscriptionId }) => this.tenantsOf.get(subscriptionId ?? '') ?? []));
    const wereTwo = [this.of(a), this.of(b)].every((group) =>
      group.some(({ subscriptionId }) => this.hasTenant(subscriptionId)),
    );
    if (wereTwo && tenants.size > 1) return 'twoTenants';
    for (const { id } of united) this.groupOf.set(id, united);
    return null;
  }

  subscriptionOf(): Map<string, { subscriptionId: string } | { with: string }> {
    return new Map(
      this.ordered.map((agreement) => {
        const group = this.of(agreement);
        const living = livingOf(group);
        return [agreement.id, living === null ? { with: (group[0] ?? agreement).id } : { subscriptionId: living }];
      }),
    );
  }

  folds(): Map<string, string> {
    const folds = new Map<string, string>();
    for (const agreement of this.ordered) {
      const living = livingOf(this.of(agreement));
      const { subscriptionId } = agreement;
      if (subscriptionId !== null && living !== null && subscriptionId !== living) folds.set(subscriptionId, living);
    }
    return folds;
  }

  private hasTenant(subscriptionId: string | null): boolean {
    return subscriptionId !== null && (this.tenantsOf.get(subscriptionId)?.length ?? 0) > 0;
  }

  private of(agreement: JoiningAgreement): JoiningAgreement[] {
    return this.groupOf.get(agreement.id) ?? [agreement];
  }
}

/** Its id stays the same through every renewal: the subscription of the agreement that started first. */
function livingOf(group: readonly JoiningAgreement[]): string | null {
  return group.find(({ subscriptionId }) => subscriptionId !== null)?.subscriptionId ?? null;
}
