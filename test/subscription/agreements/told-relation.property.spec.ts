/**
 * I9 for agreements that follow each other or run side by side (told-late.property.spec.ts has one alone): renewed
 * early and late, replaced, converted, cancelled and bought again, beside another, while messages come late and AWS's
 * answers are minutes old. RULE_CASES as in rules.property.spec.ts.
 */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type SubscriptionTimeline, type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';
import { spanAt } from './relation.js';
import { RelationListener, type RelationTelling, type TrueAgreement } from './told-relation.js';

jest.setTimeout(30_000 + Number(process.env.RULE_CASES ?? 0) * 40);
const numRuns = Number(process.env.RULE_CASES ?? 100);
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const BEGIN = Date.UTC(2026, 10, 18);
const SKEW_MAX_MS = 3 * SECOND_MS;
/** Of two clocks, and the part of a second that a message does not tell. */
const TOLERANCE_MS = SKEW_MAX_MS + SECOND_MS;
const LAG_MAX_MS = 10 * MINUTE_MS - 2 * TOLERANCE_MS;
const DELAY_MAX_MS = 50 * MINUTE_MS;
const CONFUSED_MS = DELAY_MAX_MS + 2 * LAG_MAX_MS;
/** After the last word of its end a legacy buyer who starts again goes on. */
const LEGACY_GAP_MS = 4 * HOUR_MS;

const ms = (max: number): fc.Arbitrary<number> => fc.nat({ max });
const around = (middle: number): fc.Arbitrary<number> => fc.integer({ min: -middle, max: middle });
/** At once, within the hour that is sealed, or so late that only what was asked can be right until then. */
const delay = fc.oneof(
  { weight: 6, arbitrary: ms(2 * SECOND_MS) },
  { weight: 2, arbitrary: ms(5 * MINUTE_MS) },
  { weight: 2, arbitrary: ms(DELAY_MAX_MS) },
  // Driven again from a dead-letter queue: later than anything is waited for.
  ms(60 * HOUR_MS),
);
const lag = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, ms(10 * SECOND_MS), ms(LAG_MAX_MS));

interface Chapter {
  /** How it comes after the one before; the first one is a purchase. */
  by: 'renewal' | 'lateRenewal' | 'replacement' | 'calledOff' | 'return' | 'purchaseBeside';
  /** From the start of the one before to its own start, or to that one's end. */
  after: number;
  /** Signed so long before its start. What is called off was two hours ahead at least, half of which had passed. */
  ahead: number;
  /** Of a return: after the end; of a late renewal: signed so long after its start. */
  gap: number;
  endsAs: 'CANCELLED' | 'EXPIRED';
  keepsLicense: boolean;
  trialMs: number | null;
  /** Share of the trial after which it is converted in the same agreement. */
  conversion: number | null;
  /** So long after its end, where it does not come to that: it may have passed when AWS is asked; null: none is planned. */
  plannedAfter: number | null;
  /** Of what is renewed: no end was signed. */
  isOpenEnded: boolean;
  /** Share of its time after which its end is amended, and how far ahead of that the first one lay; null: none was signed. */
  amended: { share: number; ahead: number | null } | null;
}

const chapter: fc.Arbitrary<Chapter> = fc.record({
  by: fc.constantFrom('renewal', 'lateRenewal', 'replacement', 'calledOff', 'return', 'purchaseBeside'),
  after: ms(10 * HOUR_MS).map((more) => 2 * HOUR_MS + more),
  ahead: fc.oneof(fc.constant(0), ms(8 * HOUR_MS)),
  gap: fc.oneof(ms(10 * MINUTE_MS), ms(8 * HOUR_MS)),
  endsAs: fc.constantFrom('CANCELLED', 'EXPIRED'),
  keepsLicense: fc.boolean(),
  trialMs: fc.option(
    ms(20 * HOUR_MS).map((more) => 3 * HOUR_MS + more),
    { freq: 2 },
  ),
  conversion: fc.option(fc.double({ min: 0.1, max: 0.99, noNaN: true })),
  plannedAfter: fc.option(
    fc.oneof(ms(HOUR_MS), ms(8 * HOUR_MS)).map((more) => 1 + more),
    { freq: 2 },
  ),
  isOpenEnded: fc.boolean(),
  amended: fc.option(
    fc.record({
      share: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      ahead: fc.option(fc.oneof(ms(2 * HOUR_MS), ms(20 * HOUR_MS)).map((more) => MINUTE_MS + more)),
    }),
  ),
});

const floor = (at: number, unit: number): number => Math.floor(at / unit) * unit;

function rounded({ after, ahead, gap, trialMs, plannedAfter, ...chapter }: Chapter, unit: number): Chapter {
  return {
    ...chapter,
    ...{ after: floor(after, unit), ahead: floor(ahead, unit), gap: floor(gap, unit) },
    trialMs: trialMs === null ? null : floor(trialMs, unit),
    plannedAfter: plannedAfter === null ? null : Math.max(1, floor(plannedAfter, unit)),
  };
}

interface Told {
  agreements: TrueAgreement[];
  telling: RelationTelling;
}

const told: fc.Arbitrary<Told> = fc
  .record({
    begins: ms(3 * HOUR_MS),
    // Much begins and ends at round instants, several at one.
    unit: fc.constantFrom(1, SECOND_MS, MINUTE_MS, HOUR_MS),
    chapters: fc.array(chapter, { minLength: 1, maxLength: 3 }),
    isEnded: fc.boolean(),
    telling: fc.record({
      skewMs: around(SKEW_MAX_MS),
      isLegacy: fc.boolean(),
      delays: fc.array(delay, { minLength: 1, maxLength: 6 }),
      lags: fc.array(lag, { minLength: 1, maxLength: 7 }),
      conversionBy: fc.constantFrom('agreement.amended', 'license.updated'),
      isFlagged: fc.boolean(),
      hasEvents: fc.boolean(),
      isRaw: fc.boolean(),
      arrivesAfter: fc.option(
        fc.oneof(
          ms(10 * MINUTE_MS),
          ms(HOUR_MS),
          ms(3.5 * HOUR_MS).map((before) => -before),
        ),
      ),
      startBy: fc.constantFrom('created', 'license', 'both'),
      createdAt: fc.constantFrom('signing', 'start'),
      licenseAt: fc.constantFrom('signing', 'start'),
      tellsFollowed: fc.boolean(),
      namesPrevious: fc.boolean(),
      namesInitial: fc.boolean(),
      isKept: fc.boolean(),
      cancelledEnd: fc.constantFrom('told', 'none', 'signed'),
      changeTold: fc.constantFrom('all', 'allButEnd', 'none'),
      losses: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      resold: fc.option(fc.constantFrom('contract', 'usage', 'refused'), { freq: 2 }),
      renewedFrom: fc.constantFrom('end', 'signing', 'never'),
      repeats: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      questions: fc.array(
        fc.record({ event: fc.nat({ max: 12 }), offset: fc.oneof(around(2 * SECOND_MS), around(HOUR_MS)) }),
        { maxLength: 4 },
      ),
    }) satisfies fc.Arbitrary<RelationTelling>,
  })
  .map((drawn) => {
    if (drawn.telling.resold === null) return drawn;
    return { ...drawn, chapters: drawn.chapters.map(forResold), telling: resoldTelling(drawn.telling) };
  })
  .map(({ begins, unit, chapters, isEnded, telling }) => ({
    agreements: agreementsOf(
      chapters.map((one) => rounded(one, unit)),
      BEGIN + HOUR_MS + floor(begins, unit),
      isEnded,
      telling.isLegacy,
    ),
    // What messages tell of and AWS, asked, does not date, nobody could date where they are lost.
    telling: isPartlyTold(telling) ? { ...telling, changeTold: 'all' as const } : telling,
  }))
  // Nobody knows that what a partner sold is renewed before its end where nothing links the two.
  .map(({ agreements, telling }) => ({
    agreements: agreements.map((one) =>
      telling.resold !== null && !telling.namesPrevious && one.endsAs === 'RENEWED'
        ? { ...one, plannedAt: one.endsAt }
        : one,
    ),
    telling,
  }))
  // A message that names no end is not the word that there is none.
  .map(({ agreements, telling }) => ({
    agreements: agreements.map((one) =>
      telling.resold !== null && one.plannedAt === null ? { ...one, amended: null } : one,
    ),
    telling,
  }))
  // What is called RENEWED long before its renewal begins, and has no end, goes on until that: which one it is, only the
  // link tells, and before the start where it is told by then.
  .map(({ agreements, telling }) => ({
    agreements: agreements.map((one) => {
      const next = agreements.find(({ previous, startsAt, endsAt }) => previous === one.key && endsAt > startsAt);
      const ahead = { ...telling, namesPrevious: telling.namesPrevious && telling.createdAt === 'signing' };
      const isUnlinked = next !== undefined && !isLinkTold(one, next, ahead);
      return one.endsAs === 'RENEWED' && isUnlinked ? { ...one, plannedAt: one.plannedAt ?? one.endsAt } : one;
    }),
    telling,
  }))
  // Nor which of two changes within a minute AWS's last one is.
  .filter(
    ({ agreements, telling }) =>
      !isPartlyTold(telling) ||
      agreements.every(
        ({ signedAt, convertedAt, amended, endsAt }) =>
          endsAt - Math.max(signedAt, convertedAt ?? signedAt, amended?.at ?? signedAt) > MINUTE_MS,
      ),
  );

const TOLD_AT_ONCE: RelationTelling = {
  ...{ skewMs: 0, isLegacy: false, delays: [0], lags: [0], conversionBy: 'agreement.amended', isFlagged: false },
  ...{ hasEvents: false, isRaw: false, arrivesAfter: null, startBy: 'created', createdAt: 'signing' },
  ...{ licenseAt: 'signing', tellsFollowed: false, namesPrevious: false, namesInitial: false, isKept: false },
  ...{
    cancelledEnd: 'told',
    changeTold: 'all',
    losses: [false],
    resold: null,
    renewedFrom: 'end',
    repeats: [false],
    questions: [],
  },
};
const alone = (key: string, startsAt: number, endsAt: number): TrueAgreement => ({
  ...{ key, signedAt: startsAt, startsAt, endsAt, endsAs: 'CANCELLED', plannedAt: null, previous: null, initial: key },
  ...{ license: key, trialUntil: null, convertedAt: null, amended: null },
});

/** AWS is asked when the end that was signed has passed, too, and names that one. */
const FOUND_AFTER_ITS_PLANNED_END: Told = {
  agreements: [{ ...alone('a0', BEGIN + 3 * HOUR_MS, BEGIN + 8 * HOUR_MS), plannedAt: BEGIN + 8.5 * HOUR_MS }],
  telling: { ...TOLD_AT_ONCE, cancelledEnd: 'signed', losses: [true] },
};

/** The license of a renewal comes minutes after the end, and AWS's list, asked ten minutes after that, is from before. */
const RENEWED_MINUTES_AFTER_ITS_END: Told = {
  agreements: [
    { ...alone('a0', BEGIN + 3 * HOUR_MS, BEGIN + 8 * HOUR_MS), endsAs: 'EXPIRED', plannedAt: BEGIN + 8 * HOUR_MS },
    {
      ...alone('a1', BEGIN + 8 * HOUR_MS, Infinity),
      ...{ signedAt: BEGIN + 8 * HOUR_MS + 4 * MINUTE_MS, previous: 'a0', initial: 'a0', license: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, lags: [9 * MINUTE_MS], startBy: 'license', losses: [true] },
};

/** Another renewal follows what one, called off before it began, would have followed: messages alone link the two. */
const RENEWED_AFTER_A_RENEWAL_WAS_CALLED_OFF: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 9 * HOUR_MS), endsAs: 'RENEWED', plannedAt: BEGIN + 9 * HOUR_MS },
    { ...alone('a1', BEGIN + 8 * HOUR_MS, BEGIN + 5 * HOUR_MS), signedAt: BEGIN + 3 * HOUR_MS, previous: 'a0' },
    { ...alone('a2', BEGIN + 9 * HOUR_MS, Infinity), previous: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, namesPrevious: true },
};

/** Only a license tells of what was signed ahead, and AWS's list is from before that. */
const LICENSE_AHEAD_OF_THE_LISTS: Told = {
  agreements: [{ ...alone('a0', BEGIN + 8 * HOUR_MS, Infinity), signedAt: BEGIN + 3 * HOUR_MS }],
  telling: { ...TOLD_AT_ONCE, lags: [30 * SECOND_MS], startBy: 'license' },
};

/** AWS calls the trial RENEWED since the signing of its renewal, when its terms tell of a conversion. */
const CONVERTED_BEFORE_ITS_RENEWAL_WAS_SIGNED: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED', plannedAt: BEGIN + 3 * HOUR_MS },
      ...{ trialUntil: BEGIN + 4 * HOUR_MS, convertedAt: BEGIN + HOUR_MS + 19 * MINUTE_MS },
    },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 45 * MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, lags: [2 * MINUTE_MS], arrivesAfter: 0, renewedFrom: 'signing' },
};

/** It is called RENEWED, and has no end, when the list tells of its conversion, which no message does. */
const CONVERTED_AND_RENEWED_BETWEEN_TWO_ANSWERS: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED', plannedAt: null },
      ...{ trialUntil: BEGIN + 4 * HOUR_MS, convertedAt: BEGIN + HOUR_MS + 20 * MINUTE_MS + 1 },
    },
    {
      ...{
        ...alone('a1', BEGIN + 3 * HOUR_MS, BEGIN + 5 * HOUR_MS),
        endsAs: 'RENEWED',
        plannedAt: BEGIN + 5 * HOUR_MS,
      },
      ...{ signedAt: BEGIN + HOUR_MS + 50 * MINUTE_MS + 1, previous: 'a0', initial: 'a0' },
    },
    { ...alone('a2', BEGIN + 5 * HOUR_MS, Infinity), previous: 'a1', initial: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** The buyer arrives when the renewal is signed, at which AWS calls what runs on RENEWED. */
const ARRIVED_AT_THE_SIGNING: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 6 * HOUR_MS), endsAs: 'RENEWED' },
    {
      ...{ ...alone('a1', BEGIN + 6 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 10 * MINUTE_MS - 1 },
      ...{ previous: 'a0', initial: 'a0', license: 'a0' },
    },
  ],
  telling: {
    ...{ ...TOLD_AT_ONCE, arrivesAfter: 10 * MINUTE_MS, startBy: 'both', tellsFollowed: true, namesPrevious: true },
    ...{ resold: 'contract', renewedFrom: 'signing' },
  },
};

/** AWS names the first of the chain alone, and calls that RENEWED since the signing of a renewal that never ran. */
const RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF: Told = {
  agreements: [
    { ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED' },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, BEGIN + 2 * HOUR_MS), signedAt: BEGIN + HOUR_MS + MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
    { ...alone('a2', BEGIN + 3 * HOUR_MS + 1, Infinity), previous: 'a0', initial: 'a0' },
  ],
  telling: { ...TOLD_AT_ONCE, namesInitial: true, renewedFrom: 'signing' },
};

/** The same of a legacy buyer, whom nothing names; the renewal starts half a minute after the other would have. */
const LEGACY_RENEWED_AFTER_ONE_WAS_CALLED_OFF: Told = {
  agreements: RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF.agreements.map((one) => ({
    ...one,
    ...(one.key === 'a0' && { endsAt: one.endsAt + 30_001 }),
    ...(one.key === 'a2' && { signedAt: one.startsAt + 30_000, startsAt: one.startsAt + 30_000 }),
  })),
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** Its end was amended away, which no message tells, when AWS is asked again, and calls it RENEWED. */
const RENEWED_AFTER_ITS_END_WAS_TAKEN_AWAY: Told = {
  agreements: [
    {
      ...{ ...alone('a0', BEGIN + HOUR_MS, BEGIN + 3 * HOUR_MS), endsAs: 'RENEWED' },
      amended: { at: BEGIN + HOUR_MS + 12 * MINUTE_MS, from: BEGIN + HOUR_MS + 13 * MINUTE_MS },
    },
    {
      ...{ ...alone('a1', BEGIN + 3 * HOUR_MS, Infinity), signedAt: BEGIN + HOUR_MS + 20 * MINUTE_MS },
      ...{ previous: 'a0', initial: 'a0' },
    },
  ],
  telling: { ...TOLD_AT_ONCE, isLegacy: true, renewedFrom: 'signing' },
};

/** Of what a partner sells messages alone tell when it starts and ends, and nothing tells of a trial. */
function resoldTelling(telling: RelationTelling): RelationTelling {
  return {
    ...{ ...telling, isLegacy: false, losses: [false], tellsFollowed: true, namesInitial: false },
    // Entitlements name licenses alone: of which agreement one is, only License Updated tells.
    startBy: telling.startBy === 'license' || telling.resold === 'contract' ? 'both' : telling.startBy,
  };
}

/** A new license that comes alone may be that of a start or of a signing: nobody could tell. */
function forResold(chapter: Chapter): Chapter {
  const by = chapter.by === 'calledOff' ? 'renewal' : chapter.by;
  return { ...chapter, by, keepsLicense: chapter.keepsLicense || by === 'renewal', trialMs: null, conversion: null };
}

function isPartlyTold({ losses, hasEvents, isRaw }: RelationTelling): boolean {
  return losses.includes(true) || !hasEvents || isRaw;
}

function agreementsOf(chapters: readonly Chapter[], begins: number, isEnded: boolean, isLegacy: boolean) {
  const agreements: TrueAgreement[] = [];
  for (const [index, next] of chapters.entries()) {
    const key = `a${index}`;
    const before = agreements.findLast(({ startsAt, endsAt }) => endsAt > startsAt);
    const { by, ahead, gap } = isLegacy ? forLegacy(next) : next;
    const cut = before === undefined ? begins : before.startsAt + next.after;
    const startsAt = before !== undefined && by === 'return' ? cut + gap : cut;
    const isLinked = before !== undefined && by !== 'return' && by !== 'purchaseBeside';
    const one: TrueAgreement = {
      ...{ key, signedAt: startsAt, startsAt, endsAt: Infinity, endsAs: 'CANCELLED', plannedAt: null },
      ...{ previous: isLinked ? before.key : null, initial: isLinked ? before.initial : key },
      license: isLinked && next.keepsLicense ? before.license : key,
      ...{ trialUntil: null, convertedAt: null, amended: null },
    };
    if (before && by === 'calledOff') {
      one.signedAt = Math.max(before.startsAt + MINUTE_MS, startsAt - 2 * HOUR_MS - ahead);
      one.endsAt = Math.floor((one.signedAt + startsAt) / 2);
    } else if (before && by !== 'purchaseBeside') {
      before.endsAt = cut;
      before.endsAs = by === 'renewal' ? 'RENEWED' : by === 'replacement' ? 'REPLACED' : next.endsAs;
      if (by === 'renewal') one.signedAt = Math.max(before.startsAt + MINUTE_MS, startsAt - ahead);
      if (by === 'lateRenewal') [before.endsAs, one.signedAt] = ['EXPIRED', startsAt + gap];
    }
    const { trialMs, conversion } = next;
    if (trialMs !== null && !isLinked) {
      one.trialUntil = startsAt + trialMs;
      const after = conversion === null ? null : Math.floor((trialMs - CONFUSED_MS) * conversion);
      one.convertedAt = after === null ? null : startsAt + after;
    }
    agreements.push(one);
  }
  const last = agreements.findLast(({ startsAt, endsAt }) => endsAt > startsAt)!;
  if (isEnded) last.endsAt = last.startsAt + 3 * HOUR_MS + chapters.at(-1)!.after;
  for (const [index, one] of agreements.entries()) {
    // Nobody renews what is over by then, too, or what is not signed yet.
    if (one.endsAt > one.startsAt) one.signedAt = Math.min(one.signedAt, one.endsAt - HOUR_MS);
    for (const next of agreements.filter(({ previous }) => previous === one.key))
      next.signedAt = Math.max(next.signedAt, one.signedAt + MINUTE_MS);
    // Neither a conversion nor the end of a trial so near its agreement's end that nobody could tell them apart.
    if (one.convertedAt !== null && one.convertedAt > one.endsAt - CONFUSED_MS) one.convertedAt = null;
    if (one.endsAs === 'EXPIRED' && Number.isFinite(one.endsAt)) one.plannedAt = one.endsAt;
    // A renewal may begin before the end that was signed.
    else if (one.endsAs === 'RENEWED') {
      const { plannedAfter, isOpenEnded } = chapters[index]!;
      one.plannedAt = isOpenEnded ? null : one.endsAt + (plannedAfter ?? 0);
    } else {
      const after = chapters[index]!.plannedAfter;
      one.plannedAt =
        after === null ? null : Math.min(Math.max(one.startsAt, one.endsAt), BEGIN + 30 * 24 * HOUR_MS) + after;
    }
  }
  for (const [index, one] of agreements.entries()) one.amended = amendedBy(chapters[index]!, one, agreements);
  // What is called off follows what runs then.
  return agreements.filter(
    ({ startsAt, endsAt, previous }) =>
      endsAt > startsAt || agreements.some((before) => before.key === previous && before.endsAt > endsAt),
  );
}

/** An end that is amended while it lies ahead. Which of two changes a conversion was nobody could tell. */
function amendedBy(
  { amended }: Chapter,
  one: TrueAgreement,
  agreements: readonly TrueAgreement[],
): TrueAgreement['amended'] {
  const { startsAt, endsAt, trialUntil } = one;
  if (amended === null || trialUntil !== null) return null;
  const at = Math.floor(startsAt + amended.share * (Math.min(endsAt, startsAt + 20 * HOUR_MS) - startsAt));
  // AWS is asked while it runs on, and what is renewed already ends when that was signed for.
  const signed = agreements.filter(({ previous }) => previous === one.key).map(({ signedAt }) => signedAt);
  if (at < one.signedAt || at > endsAt - HOUR_MS || signed.some((signedAt) => signedAt <= at + MINUTE_MS)) return null;
  return { at, from: amended.ahead === null ? null : at + amended.ahead };
}

/** A legacy buyer has one subscription at a time, and AWS's topics speak of starts when they come. */
function forLegacy({ by, ahead, gap }: Chapter): Pick<Chapter, 'by' | 'ahead' | 'gap'> {
  if (by === 'purchaseBeside') return { by: 'return', ahead, gap: gap + LEGACY_GAP_MS };
  return { by: by === 'lateRenewal' ? 'renewal' : by, ahead, gap: by === 'return' ? gap + LEGACY_GAP_MS : gap };
}

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
        examples: [
          [FOUND_AFTER_ITS_PLANNED_END],
          [LICENSE_AHEAD_OF_THE_LISTS],
          [RENEWED_MINUTES_AFTER_ITS_END],
          [RENEWED_AFTER_A_RENEWAL_WAS_CALLED_OFF],
          [CONVERTED_BEFORE_ITS_RENEWAL_WAS_SIGNED],
          [CONVERTED_AND_RENEWED_BETWEEN_TWO_ANSWERS],
          [ARRIVED_AT_THE_SIGNING],
          [RENEWED_WITHOUT_AN_END_AFTER_ONE_WAS_CALLED_OFF],
          [LEGACY_RENEWED_AFTER_ONE_WAS_CALLED_OFF],
          [RENEWED_AFTER_ITS_END_WAS_TAKEN_AWAY],
        ],
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

function tellsLicenses({ resold, startBy }: RelationTelling): boolean {
  return resold === null || startBy !== 'created';
}

/** An hour that reaches beyond the instant from which terms are open waits as a whole. */
function isSealed({ seals, termsUnknownFrom: from }: TimelineSpan, hour: number): boolean {
  return seals === 'whenSettled' && (from === null || from.getTime() >= hour + HOUR_MS);
}

function isLinkTold(before: TrueAgreement, next: TrueAgreement, telling: RelationTelling): boolean {
  const { isLegacy, namesPrevious, namesInitial, startBy } = telling;
  const isKept = tellsLicenses(telling) && before.license === next.license;
  return isLegacy || namesInitial || (namesPrevious && startBy !== 'license') || isKept;
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
