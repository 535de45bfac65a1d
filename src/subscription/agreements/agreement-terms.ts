import { earliest, HOUR_MS, latestOf, plusMs } from '../../runtime/clock.js';
import { type AgreementFact } from './agreement-fact.js';
import { renewalQuestionsOf } from './agreement-end.js';
import {
  type AgreementLife,
  type AgreementStart,
  ANSWER_SETTLES_AFTER_MS,
  type Asking,
  dateOf,
  isSettledBy,
  missingFrom,
  type OpenTerms,
  type Question,
  settledFrom,
} from './agreement-life.js';

/** So far our clock may be from AWS's where nobody notices. */
const CLOCKS_DIFFER_MS = 10_000;
/** What is told within this time of its start speaks of the start: no trial is converted so soon. */
const OF_THE_START_MS = 60_000;

/** Before any instant of an agreement. */
const ALL = new Date(0);

interface PriceWord {
  at: Date;
  /** For an answer, which may be as of any instant until it was heard; a message tells its own. */
  upTo: Date;
  isAnswer: boolean;
  isTrial: boolean;
  until: Date | null;
  /** By AWS's word the agreement has not changed since; null where it did not say. */
  lastUpdateTime: Date | null;
}

/**
 * Trial or paid, by the terms (in legacy messages by AWS's flag); what the buyer's browser brought along decides
 * nothing.
 */
export function trialOf(ordered: readonly AgreementFact[], start: AgreementStart | null): AgreementLife['trial'] {
  const told = lastTrialOf(ordered);
  if (told === null) return null;
  const conversion = conversionOf(ordered, start, told);
  const until = conversion === null ? told.trial.until : overAt(told.trial, conversion);
  return start !== null && until !== null && until <= start.at ? null : { until };
}

/** The last word that it is a trial, those that said so before, and those after it. */
interface LastTrial {
  trial: PriceWord;
  earlier: readonly PriceWord[];
  paid: readonly PriceWord[];
}

function lastTrialOf(ordered: readonly AgreementFact[]): LastTrial | null {
  const words = priceWordsOf(ordered);
  const last = words.findLastIndex(({ isTrial }) => isTrial);
  const trial = words[last];
  if (trial === undefined) return null;
  return { trial, earlier: words.slice(0, last).filter(({ isTrial }) => isTrial), paid: words.slice(last + 1) };
}

/** In order. What is paid does not become a trial again: an answer that says so soon afterwards is from before. */
function priceWordsOf(ordered: readonly AgreementFact[]): PriceWord[] {
  const words: PriceWord[] = [];
  for (const word of ordered.flatMap(priceWordOf)) {
    const index = word.isAnswer && word.isTrial ? words.findIndex((other) => isSoonAfter(word, other)) : -1;
    const paid = words[index];
    if (paid) words.splice(index, 0, { ...word, at: paid.at });
    else words.push({ ...word, until: untilOf(word, words.at(-1)) });
  }
  return words;
}

/** AWS's flag says no end of a trial, and so takes none away that AWS has told. */
function untilOf({ at, isAnswer, isTrial, until }: PriceWord, before: PriceWord | undefined): Date | null {
  const told = before?.isTrial === true ? before.until : null;
  return !isAnswer && isTrial && told !== null && told > at ? told : until;
}

function isSoonAfter({ at }: PriceWord, paid: PriceWord): boolean {
  return !paid.isTrial && !isSettledBy(at, paid.at);
}

function priceWordOf(fact: AgreementFact): PriceWord[] {
  const { at, heardAt } = fact;
  if (fact.type === 'legacy.subscribeSucceeded') {
    const { isFreeTrial } = fact.details;
    return isFreeTrial === null
      ? []
      : [{ at, upTo: at, isAnswer: false, isTrial: isFreeTrial, until: null, lastUpdateTime: null }];
  }
  if (fact.type !== 'agreement.found' || fact.details.terms === null) return [];
  const { terms, lastUpdateTime } = fact.details;
  const until = dateOf(terms.trial?.until ?? null);
  const when = { at, upTo: plusMs(heardAt, CLOCKS_DIFFER_MS), lastUpdateTime: dateOf(lastUpdateTime) };
  return [{ ...when, isAnswer: true, isTrial: terms.trial !== null, until }];
}

/** What tells of a conversion. */
interface Conversion {
  /** The first that AWS said of it. */
  paid: PriceWord;
  /** The last message that may tell of it. */
  toldAt: Date | null;
  /** By AWS's word the last change until then, unless AWS knew of it when it told of the trial. */
  changedAt: Date | null;
}

function conversionOf(
  ordered: readonly AgreementFact[],
  start: AgreementStart | null,
  { trial, earlier, paid: answers }: LastTrial,
): Conversion | null {
  const [paid] = answers;
  if (paid === undefined) return null;
  // AWS is asked once more about what an answer may not have known: what it says much later tells nothing of it.
  const isAskedAgain = ({ at, heardAt }: AgreementFact): boolean =>
    at > trial.at || heardAt > trial.at || paid.at.getTime() - at.getTime() <= HOUR_MS;
  const told = ordered.findLast(
    (fact) =>
      fact.at <= paid.upTo && mayBeUnknownTo(trial, fact, start) && !isOfTheStart(fact, start) && isAskedAgain(fact),
  );
  // An amendment bumps lastUpdateTime [SDK-A]. Lists may know of it later than the terms tell, so later answers count.
  const changes = answers.flatMap(({ lastUpdateTime }) => lastUpdateTime ?? []);
  const isOpen = (at: Date): boolean =>
    at <= paid.upTo && !isOfTheStart({ at }, start) && ![...earlier, trial].some((word) => knew(word, at, paid));
  const changedAt = latestOf(changes.filter(isOpen));
  return { paid, toldAt: told?.at ?? null, changedAt };
}

/**
 * The terms were a trial's when AWS last said so, and are no more: it came to its end, or they changed before. A term
 * that has only come to its end is not taken out of an agreement, whose last change of before that end was then the
 * conversion.
 */
function overAt({ until }: PriceWord, { paid, toldAt, changedAt }: Conversion): Date {
  // By one clock or the other, or while AWS was asked.
  if (until !== null && until <= paid.upTo) return changedAt !== null && changedAt < until ? changedAt : until;
  return toldAt ?? changedAt ?? paid.at;
}

/**
 * What happened minutes before an answer it knew where it told of it, or did not tell as of when it is. The terms, which
 * are another answer than the list that tells of it, may be older: then AWS, asked once more, soon says paid.
 */
function knew(trial: PriceWord, changedAt: Date, paid: PriceWord): boolean {
  if (changedAt > trial.at) return false;
  if (trial.lastUpdateTime === null || isSettledBy(trial.at, changedAt)) return true;
  return hasListed(trial, changedAt) && paid.at.getTime() - changedAt.getTime() > HOUR_MS;
}

function hasListed({ lastUpdateTime }: PriceWord, changedAt: Date): boolean {
  return lastUpdateTime !== null && changedAt <= lastUpdateTime;
}

/**
 * Whether a word may not have known of a change. Messages carry whole seconds of another clock, and answers are as of
 * some minutes before, so the instants alone do not tell what came first. A change counts as unknown to an answer where
 * it had not happened long before, and was heard of after the question, or the answer still says trial: what is paid
 * stays so.
 */
function mayBeUnknownTo(word: PriceWord, fact: AgreementFact, start: AgreementStart | null): boolean {
  const { type, at, heardAt } = fact;
  if (!TERMS_MAY_CHANGE.has(type)) return false;
  if (at > word.at) return true;
  if (!word.isAnswer || isSettledBy(word.at, at)) return false;
  return heardAt > word.at || (word.isTrial && !isOfTheStart(fact, start));
}

/** An answer that speaks of the terms knows the start. */
function isOfTheStart({ at }: Pick<AgreementFact, 'at'>, start: AgreementStart | null): boolean {
  return start !== null && at <= plusMs(start.at, OF_THE_START_MS);
}

const TERMS_MAY_CHANGE: ReadonlySet<string> = new Set([
  'agreement.amended',
  'license.updated',
  'agreement.created',
  'legacy.subscribeSucceeded',
]);

/** A question about what may have changed the terms after AWS last told them. */
interface TermsQuestion extends Question {
  changedAt: Date;
}

/** What AWS is to be asked about the terms: at once, and again where its answer may be from before. */
export function termsQuestionsOf(ordered: readonly AgreementFact[], start: AgreementStart | null): TermsQuestion[] {
  const told = lastTrialOf(ordered);
  const trials = told === null || told.paid.length > 0 ? [] : [...told.earlier, told.trial];
  return [
    ...undatedConversionOf(ordered, start),
    ...changesOfTermsOf(ordered, start),
    ...trials.flatMap((trial) => listedChangeOf(trial, start)),
  ];
}

/** The list beside terms that say trial told of a change of minutes before, of which they may not know. */
function listedChangeOf({ at, upTo, lastUpdateTime }: PriceWord, start: AgreementStart | null): TermsQuestion[] {
  if (lastUpdateTime === null || lastUpdateTime > upTo || isSettledBy(at, lastUpdateTime)) return [];
  if (isOfTheStart({ at: lastUpdateTime }, start)) return [];
  const again = plusMs(lastUpdateTime, ANSWER_SETTLES_AFTER_MS);
  return [{ changedAt: lastUpdateTime, askFrom: at, settledFrom: again, reason: 'unknownTerms' }];
}

/** The terms tell of a conversion that lists, which date it, do not know yet, or of which they know nothing new. */
function undatedConversionOf(ordered: readonly AgreementFact[], start: AgreementStart | null): TermsQuestion[] {
  const told = lastTrialOf(ordered);
  if (told === null) return [];
  const conversion = conversionOf(ordered, start, told);
  if (conversion === null) return [];
  const { until } = told.trial;
  const { at, upTo, lastUpdateTime } = conversion.paid;
  if (until !== null && until <= upTo) return [];
  const { toldAt, changedAt } = conversion;
  const isNew = (change: Date): boolean => ![...told.earlier, told.trial].some((word) => hasListed(word, change));
  const isDated = toldAt !== null || (changedAt !== null && isNew(changedAt));
  // Dated by a message after which AWS still said trial: that of the conversion may be on its way, or name no agreement.
  const isDoubted = toldAt !== null && toldAt <= told.trial.at;
  if (!isDoubted && (isDated || lastUpdateTime === null)) return [];
  const [from, again] = [plusMs(at, -ANSWER_SETTLES_AFTER_MS), plusMs(at, ANSWER_SETTLES_AFTER_MS)];
  return [{ changedAt: earliest(from, toldAt, changedAt), askFrom: at, settledFrom: again, reason: 'unknownTerms' }];
}

function changesOfTermsOf(ordered: readonly AgreementFact[], start: AgreementStart | null): TermsQuestion[] {
  const word = priceWordsOf(ordered).at(-1);
  const changes = ordered.filter((fact) =>
    word === undefined ? TERMS_MAY_CHANGE.has(fact.type) : mayBeUnknownTo(word, fact, start),
  );
  const answer = ordered.findLast((fact) => fact.type === 'agreement.found');
  return changes.map((fact) => {
    // AWS has spoken of the agreement since, and not of its terms: it will not tell them.
    const isUntold = answer?.details.terms === null && answer.at >= fact.heardAt;
    return {
      ...{ changedAt: fact.at, askFrom: fact.heardAt, reason: 'unknownTerms' },
      ...(isUntold ? {} : { settledFrom: settledFrom(fact) }),
    };
  });
}

export function openTermsOf(
  ordered: readonly AgreementFact[],
  start: AgreementStart | null,
  asking: Asking,
): OpenTerms | null {
  if (asking.mayNotAsk) return null;
  const isOpen = (question: Question): boolean => missingFrom(question, asking) !== null;
  const terms = termsQuestionsOf(ordered, start);
  // What may have been renewed already is priced by its renewal.
  const open = [...renewalQuestionsOf(ordered), ...terms].filter(isOpen);
  const [first, ...others] = open.map(({ changedAt }) => changedAt);
  if (!first) return null;
  const wasTold = !terms.every(isOpen) || priceWordsOf(ordered).length > 0;
  // Once AWS has answered, nobody waits to be told of the agreement; its hours wait until AWS is asked again.
  const isAnswered = open.every(({ askFrom }) => asking.askedAt !== null && asking.askedAt >= askFrom);
  return {
    from: wasTold ? earliest(first, ...others) : isAnswered ? ALL : null,
    heardAt: earliest(...open.map(({ askFrom }) => askFrom)),
  };
}
