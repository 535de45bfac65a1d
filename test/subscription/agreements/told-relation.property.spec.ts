/**
 * I9 for agreements that follow each other or run side by side (told-late.property.spec.ts has one alone): renewed
 * early and late, replaced, converted, cancelled and bought again, beside another, while messages come late and AWS's
 * answers are minutes old. RULE_CASES as in rules.property.spec.ts.
 */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type SubscriptionTimeline, type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';
import { HOUR_MS, isLinkTold, tellsLicenses, told, TOLERANCE_MS } from './drawn-relations.js';
import { FOUND } from './found-relations.js';
import { spanAt } from './relation.js';
import { RelationListener, type RelationTelling, type TrueAgreement } from './told-relation.js';

jest.setTimeout(30_000 + Number(process.env.RULE_CASES ?? 0) * 40);
const numRuns = Number(process.env.RULE_CASES ?? 100);

describe('whatever follows what, however late it is told and however old AWS’s answers are', () => {
  it('an hour of which every message was heard is sealed right, or waits; and once all was heard and asked, all is', () => {
    fc.assert(
      fc.property(told, ({ agreements, telling }) => {
        const listener = new RelationListener(agreements, telling);
        const probes = probesOf(listener);
        const sealed: string[] = [];
        listener.play((hour, now, read) => {
          const own = probes.filter((probe) => hour <= probe && probe < hour + HOUR_MS);
          if (own.length === 0 || !listener.hasHeardAllOf(hour + HOUR_MS + TOLERANCE_MS, now)) return;
          const timelines = read();
          for (const at of own) {
            // Nobody knew of it yet.
            if (dueAt(listener, at).some(({ signedAt }) => signedAt >= hour + HOUR_MS)) continue;
            if (isOfArrival(listener, telling, at)) continue;
            const spans = payersOf(timelines, listener.ours(at));
            if (spans.length !== 1 || !spans.every((span) => isSealed(span, hour))) continue;
            sealed.push(
              ...differenceAt(listener, timelines, at).map((one) => `at ${new Date(now).toISOString()}: ${one}`),
            );
          }
        });
        const timelines = listener.timelines(Math.max(...listener.boundaries) + 3 * 24 * HOUR_MS);
        const last = probes.flatMap((at) => differenceAt(listener, timelines, at));
        const early = tellingsBeforeTheStart(listener, telling);
        const bridged = tellingsOfNoEnd(listener, telling);
        expect({ sealed, last, early, bridged }).toEqual({ sealed: [], last: [], early: [], bridged: [] });
        // At once and once more for what is heard; besides when each agreement has begun, was converted and has ended.
        const messages = listener.messages.length + listener.repeated.length;
        // Where an end that was amended has passed, too.
        const passed = agreements.filter(({ amended }) => amended !== null).length;
        const most = telling.questions.length + 2 * messages + 4 * agreements.length + 2 * passed + 2;
        expect(listener.questions).toBeLessThanOrEqual(most);
        const isHeld = (key: string): boolean => agreements.some((one) => one.key === key && one.endsAt > one.startsAt);
        const chains = listener.chains.map((chain) => chain.filter(isHeld).sort()).filter(({ length }) => length > 0);
        expect(chains.sort()).toEqual(chainsDueOf(agreements, telling));
      }),
      {
        numRuns,
        examples: FOUND.map((one) => [one]),
      },
    );
  });
});

/** Hosts provision what has started: of what was signed ahead they hear when it does. */
function tellingsBeforeTheStart(listener: RelationListener, telling: RelationTelling): string[] {
  return listener.tellings.flatMap(({ at, telling: { type, ...told }, key: of }) => {
    const meant = listener.agreements.find(({ key }) => key === of);
    if (meant === undefined || (type !== 'activated' && type !== 'renewed') || !('startsAt' in told)) return [];
    const isEarly = at < meant.startsAt - TOLERANCE_MS;
    // A topic's start names no agreement, an entitlement its license alone: what runs may be told under another's name.
    const runs = listener.agreements.some((other) =>
      telling.isLegacy
        ? Math.abs(listener.ours(other.startsAt).getTime() - told.startsAt.getTime()) <= TOLERANCE_MS
        : type === 'activated' && telling.resold !== null && isHeldAt(other, meant.license, at),
    );
    // Nobody knows which agreement the license is kept from while that one's was not heard.
    const { previous } = meant;
    const isLinked =
      telling.resold === null ||
      previous === null ||
      (listener.hasHeard(previous, 'license.updated', at) && isEndHeard(listener, previous, telling, at));
    return isEarly && isLinked && !runs ? [`at ${new Date(at).toISOString()}: ${type} ${meant.key}`] : [];
  });
}

/** Until when it goes on: its amendment tells, and where it is called RENEWED at the signing, at least its Created. */
function isEndHeard(listener: RelationListener, key: string, { renewedFrom }: RelationTelling, at: number): boolean {
  const isAmended = listener.agreements.some((one) => one.key === key && one.amended !== null);
  if (isAmended && !listener.hasHeard(key, 'agreement.amended', at)) return false;
  return renewedFrom !== 'signing' || listener.hasHeard(key, 'agreement.created', at);
}

function isHeldAt({ license, signedAt, startsAt, endsAt }: TrueAgreement, held: string, at: number): boolean {
  return license === held && Math.max(signedAt, startsAt) <= at && at < endsAt;
}

/**
 * Of what is renewed or replaced under its license there is no end that hosts would act on; nor, where it had expired
 * before, once the license of its renewal was heard of.
 */
function tellingsOfNoEnd(listener: RelationListener, telling: RelationTelling): string[] {
  const { isLegacy, namesPrevious, renewedFrom, resold } = telling;
  const isBridged = ({ key, endsAs, license }: TrueAgreement, at: number): boolean => {
    const next = listener.agreements.find(
      (other) => other.previous === key && other.license === license && other.endsAt > other.startsAt,
    );
    if (next === undefined || isLegacy || !(namesPrevious || tellsLicenses(telling))) return false;
    // Where AWS lists nothing, nobody knew before.
    const isLinked =
      [key, next.key].every((one) => listener.hasHeard(one, 'license.updated', at)) ||
      (namesPrevious && listener.hasHeard(next.key, 'agreement.created', at));
    if (resold !== null && !isLinked) return false;
    if (resold !== null && !isEndHeard(listener, key, telling, at)) return false;
    if ((endsAs === 'RENEWED' && renewedFrom !== 'never') || endsAs === 'REPLACED') return true;
    return listener.hasHeard(next.key, 'license.updated', at);
  };
  return listener.tellings.flatMap(({ at, telling: { type }, key: of }) => {
    if (type !== 'ending' && type !== 'ended') return [];
    const meant = listener.agreements.find(({ key }) => key === of);
    return meant && isBridged(meant, at) ? [`at ${new Date(at).toISOString()}: ${type} ${meant.key}`] : [];
  });
}

/** An hour that reaches beyond the instant from which terms are open waits as a whole. */
function isSealed({ seals, termsUnknownFrom: from }: TimelineSpan, hour: number): boolean {
  return seals === 'whenSettled' && (from === null || from.getTime() >= hour + HOUR_MS);
}

/** Linked agreements are one subscription where anything tells of the link; those that nothing links are none. */
function chainsDueOf(agreements: readonly TrueAgreement[], telling: RelationTelling): string[][] {
  const chains: string[][] = [];
  for (const one of agreements.filter(({ startsAt, endsAt }) => endsAt > startsAt)) {
    const before = agreements.find((other) => other.key === one.previous);
    const isTold = before !== undefined && isLinkTold(before, one, telling);
    const chain = isTold ? chains.find((keys) => keys.includes(before.key)) : undefined;
    if (chain) chain.push(one.key);
    else chains.push([one.key]);
  }
  return chains.map((chain) => chain.sort()).sort();
}

/** Around each boundary, as near as the clocks allow, and between. */
function probesOf({ boundaries }: RelationListener): number[] {
  const edges = boundaries.flatMap((at) => [at - TOLERANCE_MS - 1, at + TOLERANCE_MS + 1]);
  const sorted = [...edges, Math.max(...edges) + HOUR_MS].sort((a, b) => a - b);
  const between = sorted.slice(1).map((at, index) => Math.floor((at + (sorted[index] ?? at)) / 2));
  return [...sorted, ...between].filter((at) => boundaries.every((boundary) => Math.abs(at - boundary) > TOLERANCE_MS));
}

/** The buyer who has arrived stands for a start that lies ahead: an hour before him is its, until it is told. */
function isOfArrival({ agreements }: RelationListener, { arrivesAfter }: RelationTelling, at: number): boolean {
  if (arrivesAfter === null || arrivesAfter >= 0) return false;
  return agreements.some(
    ({ previous, startsAt }) =>
      previous === null && startsAt + arrivesAfter - HOUR_MS - TOLERANCE_MS <= at && at < startsAt - HOUR_MS,
  );
}

/** Whoever runs; else the next that starts within an hour. */
function dueAt({ agreements }: RelationListener, at: number): TrueAgreement[] {
  const running = agreements.filter(({ startsAt, endsAt }) => startsAt <= at && at < endsAt);
  if (running.length > 0) return running;
  const coming = agreements.filter(
    ({ startsAt, endsAt }) => at < startsAt && startsAt - at <= HOUR_MS && endsAt > startsAt,
  );
  const first = Math.min(...coming.map(({ startsAt }) => startsAt));
  return coming.filter(({ startsAt }) => startsAt === first);
}

function payersOf(timelines: readonly SubscriptionTimeline[], at: Date): TimelineSpan[] {
  const spans = timelines.map((timeline) => spanAt(timeline, at)).filter((span) => span !== undefined);
  const running = spans.filter(({ startsAt }) => startsAt <= at);
  if (running.length > 0) return running;
  const first = Math.min(...spans.map(({ startsAt }) => startsAt.getTime()));
  return spans.filter(({ startsAt }) => startsAt.getTime() === first);
}

function differenceAt(listener: RelationListener, timelines: readonly SubscriptionTimeline[], at: number): string[] {
  // Of a trial that was over before AWS was asked for the first time, AWS need not say that it ever was one.
  const priceOf = (key: string | undefined, price: string): string => {
    const one = listener.agreements.find((other) => other.key === key);
    return (one?.trialUntil ?? null) !== null && !listener.trialsTold.has(key ?? '') ? 'any' : price;
  };
  const due = dueAt(listener, at).map(({ key, trialUntil, convertedAt }) => {
    const until = convertedAt ?? trialUntil;
    return `${key} ${priceOf(key, until !== null && at < until ? 'trial' : 'paid')}`;
  });
  const is = payersOf(timelines, listener.ours(at)).map(({ agreementId, startsAt, price }) => {
    // A row that a start without a name made is the agreement that started then.
    const meant = listener.agreements.find(
      (one) => Math.abs(listener.ours(one.startsAt).getTime() - startsAt.getTime()) <= TOLERANCE_MS,
    );
    const key = listener.keyOf(agreementId) ?? meant?.key;
    return `${key} ${priceOf(key, price)}`;
  });
  const [found, expected] = [is, due].map((ones) => ones.sort().join(' and ') || 'none');
  return found === expected ? [] : [`${new Date(at).toISOString()}: ${found}, not ${expected}`];
}
