import fc from 'fast-check';
import { type RelationTelling, type TrueAgreement } from './told-relation.js';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const BEGIN = Date.UTC(2026, 10, 18);
const SKEW_MAX_MS = 3 * SECOND_MS;
/** Of two clocks, and the part of a second that a message does not tell. */
export const TOLERANCE_MS = SKEW_MAX_MS + SECOND_MS;
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

/** A relation as it is, and how it is told. */
export interface Told {
  agreements: TrueAgreement[];
  telling: RelationTelling;
}

/** Any of one to three agreements of a buyer, told in any way. */
export const told: fc.Arbitrary<Told> = fc
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

export function tellsLicenses({ resold, startBy }: RelationTelling): boolean {
  return resold === null || startBy !== 'created';
}

export function isLinkTold(before: TrueAgreement, next: TrueAgreement, telling: RelationTelling): boolean {
  const { isLegacy, namesPrevious, namesInitial, startBy } = telling;
  const isKept = tellsLicenses(telling) && before.license === next.license;
  return isLegacy || namesInitial || (namesPrevious && startBy !== 'license') || isKept;
}
