// An agreement without an end that is called RENEWED before its renewal begins. Pure.
import { earliest, earliestOf, latest, plusMs } from '../../runtime/clock.js';
import { type AgreementEnd, type CalledRenewed, isCalledOff, ONE_EVENT_MS } from './agreement-life.js';
import { type ChainAgreement } from './subscription-state.js';

/**
 * Nobody can call it RENEWED before the renewal is signed, and what runs without an end has none until that begins: where
 * the start that is told lies after the word, it ends with that start.
 */
export function endingWithRenewals<T extends ChainAgreement>(chain: readonly T[]): T[] {
  return chain.map((agreement) => {
    const { life } = agreement;
    const called = life.end?.calledRenewed;
    if (!called) return agreement;
    const renewedAt = renewedLaterAt(agreement, called, chain);
    return renewedAt === null ? agreement : { ...agreement, life: { ...life, end: endAt(renewedAt, called.otherEnd) } };
  });
}

/** When what follows it begins: what names it, or else the first that names nothing and begins with the word or later. */
function renewedLaterAt(
  { id, aliasIds }: ChainAgreement,
  { at }: CalledRenewed,
  chain: readonly ChainAgreement[],
): Date | null {
  const begun = chain.flatMap(({ life, previousId }) =>
    life.start?.isTold === true && !isCalledOff(life) ? { startsAt: life.start.at, previousId } : [],
  );
  const linked = begun.filter(({ previousId }) => [id, ...aliasIds].includes(previousId ?? ''));
  const spokenOf = plusMs(at, -ONE_EVENT_MS);
  const unlinked = begun.filter(({ previousId, startsAt }) => previousId === null && startsAt >= spokenOf);
  const first = earliestOf((linked.length > 0 ? linked : unlinked).map(({ startsAt }) => startsAt));
  return first !== null && first > plusMs(at, ONE_EVENT_MS) ? first : null;
}

function endAt(renewedAt: Date, other: AgreementEnd | null): AgreementEnd {
  return {
    at: earliest(renewedAt, other?.at ?? null),
    firstSignAt: earliest(renewedAt, other?.firstSignAt ?? null),
    lastSignAt: latest(renewedAt, other?.lastSignAt ?? null),
    lastHeardAt: latest(renewedAt, other?.lastHeardAt ?? null),
    ...{ announcesSuccessor: false, isByHost: false, calledRenewed: null },
  };
}
