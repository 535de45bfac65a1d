// Until when AWS says that an agreement goes on. Pure.
import { type AgreementFact } from './agreement-fact.js';
import { dateOf, isSettledBy } from './agreement-life.js';

export const RENEWED = 'RENEWED';
/** AWS's texts write "no end" as null, as nothing, or as the year 9999. */
const NO_END_YEAR = 9000;

/** AWS, asked, said that it is in force. */
export function isPositive(fact: AgreementFact): boolean {
  if (!isSigned(fact)) return false;
  const starts = dateOf(fact.details.startTime);
  return starts === null || starts <= fact.at;
}

/** AWS, asked, said that it is in force, or will be: what was signed ahead is ACTIVE before it begins. */
export function isSigned(fact: AgreementFact): fact is AgreementFact<'agreement.found'> {
  if (fact.type !== 'agreement.found') return false;
  const { status, endTime, entitled } = fact.details;
  if (status === null) return entitled === true;
  const ends = dateOf(endTime);
  return (status === 'ACTIVE' && (ends === null || ends > fact.at)) || isRenewedAhead(status, ends, fact.at);
}

/** Whether AWS calls it RENEWED from its end on, or from the signing of its renewal, AWS does not say: it goes on. */
export function isRenewedAhead(status: string | null, endTime: Date | null, at: Date): boolean {
  return status === RENEWED && (endTime ?? at) > at;
}

/**
 * The latest word about when it is to end; null where there is none, or where AWS has said after it that the agreement
 * goes on.
 */
export function plannedEndOf(ordered: readonly AgreementFact[], positives: readonly Date[]): Date | null {
  let planned: Date | null = null;
  let namedAt: Date | null = null;
  for (const fact of ordered) {
    if (fact.type === 'agreement.created') planned = dateOf(fact.details.endTime);
    // Amended - Manufacturer tells no end, an entitlement neither: that is not the word that there is none.
    if (fact.type === 'agreement.amended') planned = dateOf(fact.details.endTime) ?? planned;
    if ((fact.type === 'agreement.created' || fact.type === 'agreement.amended') && fact.details.endTime !== null)
      namedAt = fact.at;
    // What AWS answers just after a message that names an end may be from before it.
    if (fact.type === 'agreement.found' && (namedAt === null || isSettledBy(fact.at, namedAt)))
      planned = dateOf(fact.details.endTime) ?? (fact.details.status === null ? planned : null);
  }
  if (planned === null || planned.getUTCFullYear() >= NO_END_YEAR) return null;
  const end = planned;
  return positives.some((at) => isSettledBy(at, end)) ? null : planned;
}

/** What has ended may name none. */
export function plannedEndWhileActive(ordered: readonly AgreementFact[]): Date | null {
  return plannedEndOf(
    ordered.filter((one) => one.type !== 'agreement.found' || isSigned(one)),
    [],
  );
}
