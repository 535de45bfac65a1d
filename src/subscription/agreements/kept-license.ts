// A renewal of which its license alone tells, where that is the license of the agreement before. Pure.
import { latest, plusMs } from '../../runtime/clock.js';
import { type AgreementLife, certainEndOf } from './agreement-life.js';
import { LICENSE_ALONE_MS } from './agreement-start.js';
import { type ChainAgreement } from './subscription-state.js';

/**
 * What keeps the license of the agreement before, and of which nobody has told a start, was signed ahead: it starts when
 * that one is over, by its planned end where none is told. One that starts sooner replaces it, and then Created, Ended or
 * AWS tells so. Where no end is known either, it is waited for as long as for Created.
 */
export function startingInTurn<T extends ChainAgreement>(chain: readonly T[]): T[] {
  const lives = new Map<string, AgreementLife>();
  const lifeOf = (agreement: T): AgreementLife => {
    const known = lives.get(agreement.id);
    if (known) return known;
    lives.set(agreement.id, agreement.life);
    const previous = chain.find(
      ({ id, aliasIds }) => agreement.previousId !== null && [id, ...aliasIds].includes(agreement.previousId),
    );
    const life = previous === undefined ? agreement.life : startingAfter(lifeOf(previous), agreement.life);
    lives.set(agreement.id, life);
    return life;
  };
  return chain.map((agreement) => ({ ...agreement, life: lifeOf(agreement) }));
}

function startingAfter(previous: AgreementLife, life: AgreementLife): AgreementLife {
  const { start } = life;
  // Who has only arrived is told apart by the start that follows.
  if (start === null || start.isTold || start.confirmedAt === null) return life;
  const over = certainEndOf(previous)?.at ?? previous.plannedEndAt;
  // Nor does it start before that one has, which may start in its turn itself.
  const begun = previous.start?.at ?? null;
  const at = latest(start.at, over, begun);
  const confirmedAt = latest(start.confirmedAt, over ?? plusMs(start.at, LICENSE_ALONE_MS), begun);
  return { ...life, start: { ...start, at, confirmedAt } };
}
