import { earliest, latest } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';
import {
  type AgreementLife,
  type AgreementStart,
  type Asking,
  dateOf,
  isSettledBy,
  type OpenTerms,
} from './agreement-life.js';

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
function conversionOf(ordered: readonly AgreementFact[], trialAt: Date, upTo: Date): Date {
  const changes = ordered.filter((fact) => fact.at <= upTo && mayBeUnknownTo(trialAt, fact));
  const last = changes.at(-1)?.at;
  return last === undefined ? upTo : latest(last, trialAt);
}

/**
 * Whether an answer may not have known of a change. Messages carry whole seconds of another clock and answers lag, so
 * the instants alone do not tell what came first: a change counts as unknown where it was heard of after the question
 * and had not happened long before it.
 */
function mayBeUnknownTo(answerAt: Date, { type, at, heardAt }: AgreementFact): boolean {
  if (!TERMS_MAY_CHANGE.has(type)) return false;
  return at > answerAt || (heardAt > answerAt && !isSettledBy(answerAt, at));
}

const TERMS_MAY_CHANGE: ReadonlySet<string> = new Set([
  'agreement.amended',
  'license.updated',
  'agreement.created',
  'legacy.subscribeSucceeded',
]);

/** What may have changed the terms after AWS last told them. */
export function changedSinceToldOf(ordered: readonly AgreementFact[]): AgreementFact[] {
  const word = ordered.findLast((fact) => priceWordOf(fact).length > 0);
  if (!word) return ordered.filter(({ type }) => TERMS_MAY_CHANGE.has(type));
  // A message that tells the price itself is no answer: it knows what it says.
  const isAnswer = word.type === 'agreement.found';
  return ordered.filter((fact) => mayBeUnknownTo(word.at, fact) && (isAnswer || fact.at > word.at));
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
