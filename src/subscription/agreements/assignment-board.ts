import { earliest, earliestOf } from '../../runtime/clock.js';
import { byText } from '../../runtime/order.js';
import { type AgreementFact, inOrder } from './agreement-fact.js';
import { type AgreementLife, type Asking, type CalledRenewed, isCalledOff, ONE_EVENT_MS } from './agreement-life.js';
import { lifeOf } from './agreement-state.js';

/** Which agreements there are so far, with their facts and lives. */
export class AssignmentBoard {
  readonly aliases = new Map<string, string>();
  readonly wanted: string[] = [];
  private readonly facts = new Map<string, readonly AgreementFact[]>();
  private readonly lives = new Map<string, AgreementLife>();

  constructor(private readonly asking: Asking) {}

  copy(): AssignmentBoard {
    const copy = new AssignmentBoard(this.asking);
    for (const [id, facts] of this.facts) copy.facts.set(id, facts);
    return copy;
  }

  open(id: string): void {
    if (!this.facts.has(id)) this.facts.set(id, []);
  }

  add(id: string | null, fact: AgreementFact): void {
    if (id === null) return;
    const standing = this.aliases.get(id) ?? id;
    this.facts.set(standing, [...this.factsOf(standing), fact]);
    this.lives.delete(standing);
  }

  /** A nameless agreement of its own. */
  want(fact: AgreementFact): void {
    this.wanted.push(fact.id);
    this.add(fact.id, fact);
  }

  fold(alias: string, standing: string): void {
    const facts = this.factsOf(alias);
    this.facts.delete(alias);
    this.aliases.set(alias, standing);
    for (const fact of facts) this.add(standing, fact);
  }

  life(id: string): AgreementLife {
    const known = this.lives.get(id) ?? lifeOf(this.factsOf(id).map(asArrived), this.asking);
    this.lives.set(id, known);
    return known;
  }

  factsOf(id: string): readonly AgreementFact[] {
    return this.facts.get(id) ?? [];
  }

  /** Ids of the rows that stand for these, or of all, in the order of their starts. */
  standing(ids?: readonly string[] | null): string[] {
    const all =
      ids === undefined || ids === null ? [...this.facts.keys()] : ids.map((id) => this.aliases.get(id) ?? id);
    return [...new Set(all)]
      .filter((id) => this.facts.has(id))
      .sort((a, b) => this.startsAt(a) - this.startsAt(b) || byText(a, b));
  }

  startsAt(id: string): number {
    return this.life(id).start?.at.getTime() ?? Infinity;
  }

  /**
   * When it was over: its own end; or, of a nameless one, the next nameless start, since nobody could tell the two
   * apart. What only stands for a start (the buyer's arrival) gives way to any.
   */
  overAt(id: string): Date | null {
    const { start, end } = this.life(id);
    const endsAt = end?.calledRenewed ? this.renewedAt(end.calledRenewed) : (end?.at ?? null);
    if (!this.wanted.includes(id) || start === null) return endsAt;
    const others = start.isTold ? this.wanted : [...this.facts.keys()];
    const next = this.nextStart(others, start.at.getTime() + 1);
    return next === null ? endsAt : earliest(next, endsAt);
  }

  /** What is called RENEWED without an end goes on until something starts: the word may be that of the signing. */
  private renewedAt({ at, otherEnd }: CalledRenewed): Date | null {
    const others = [...this.facts.keys()].filter((id) => !isCalledOff(this.life(id)));
    return earliestOf([this.nextStart(others, at.getTime() - ONE_EVENT_MS), otherEnd?.at ?? null]);
  }

  private nextStart(ids: readonly string[], from: number): Date | null {
    const next = Math.min(...ids.map((id) => this.startsAt(id)).filter((at) => at >= from));
    return Number.isFinite(next) ? new Date(next) : null;
  }

  byAgreement(): Map<string, readonly AgreementFact[]> {
    return new Map(this.standing().map((id) => [id, inOrder(this.factsOf(id))]));
  }
}

/**
 * Since when a buyer buys who came by the host's word counts for his time, and not for whose a message is: what is older
 * than his coming concerns what he had before.
 */
function asArrived(fact: AgreementFact): AgreementFact {
  return fact.type === 'buyer.registered' ? { ...fact, details: {} } : fact;
}
