import { earliest } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';
import { type AgreementLife, type AgreementStart, type Asking, dateOf, type OpenTerms } from './agreement-life.js';

/**
 * Trial or paid, by the terms (in legacy messages by AWS's flag); what the buyer's browser brought along decides
 * nothing.
 */
export function trialOf(ordered: readonly AgreementFact[], start: AgreementStart | null): AgreementLife['trial'] {
  const words = ordered.flatMap(priceWordOf);
  const last = words.findLastIndex(({ isTrial }) => isTrial);
  const trial = words[last];
  if (!trial) return null;
  const paid = words[last + 1];
  const until =
    paid === undefined || (trial.until !== null && trial.until <= paid.at)
      ? trial.until
      : conversionOf(ordered, trial.at, paid.at);
  return start !== null && until !== null && until <= start.at ? null : { until };
}

function priceWordOf(fact: AgreementFact): { at: Date; isTrial: boolean; until: Date | null }[] {
  if (fact.type === 'legacy.subscribeSucceeded') {
    const { isFreeTrial } = fact.details;
    return isFreeTrial === null ? [] : [{ at: fact.at, isTrial: isFreeTrial, until: null }];
  }
  if (fact.type !== 'agreement.found' || fact.details.terms === null) return [];
  const { trial } = fact.details.terms;
  return [{ at: fact.at, isTrial: trial !== null, until: dateOf(trial?.until ?? null) }];
}

/**
 * The terms were a trial's when AWS was last asked, and are no more: they changed with the last message in between that
 * may tell of a change.
 */
function conversionOf(ordered: readonly AgreementFact[], after: Date, upTo: Date): Date {
  const changes = ordered.filter(({ type, at }) => TERMS_MAY_CHANGE.has(type) && at > after && at <= upTo);
  return changes.at(-1)?.at ?? upTo;
}

const TERMS_MAY_CHANGE: ReadonlySet<string> = new Set([
  'agreement.amended',
  'license.updated',
  'agreement.created',
  'legacy.subscribeSucceeded',
]);

/** What may have changed the terms after AWS last told them. */
export function changedSinceToldOf(ordered: readonly AgreementFact[]): AgreementFact[] {
  const lastWord = ordered.findLast((fact) => priceWordOf(fact).length > 0)?.at;
  return ordered.filter(({ type, at }) => TERMS_MAY_CHANGE.has(type) && (lastWord === undefined || at > lastWord));
}

/** An answer that does not speak of the terms settles it, too: AWS will not tell them. */
export function openTermsOf(ordered: readonly AgreementFact[], { askedAt, mayNotAsk }: Asking): OpenTerms | null {
  if (mayNotAsk) return null;
  const changed = changedSinceToldOf(ordered);
  const open = changed.filter(({ heardAt }) => askedAt === null || askedAt < heardAt);
  const [first] = open;
  if (!first) return null;
  const wasTold = open.length < changed.length || ordered.some((fact) => priceWordOf(fact).length > 0);
  return { from: wasTold ? first.at : null, heardAt: earliest(...open.map(({ heardAt }) => heardAt)) };
}
