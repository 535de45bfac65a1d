/**
 * I9: which of two instants came first does not follow from their order, where one is a message's (AWS's clock, whole
 * seconds, heard later) and the other an answer's (our clock, as of some minutes before). Random lives of an agreement
 * are told that way, and the rules are held against what really happened: told-late.ts knows it, and shares nothing with
 * them. Two clocks that differ by up to three seconds, and a second that is cut off: what lies nearer than that to a
 * boundary is either side's, and that is the only tolerance. RULE_CASES as in rules.property.spec.ts.
 */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type SubscriptionTimeline } from '../../../src/subscription/agreements/timeline.js';
import { payerAt, spanAt } from './relation.js';
import { BEGIN, Listener, type Telling, type TrueAgreement } from './told-late.js';

jest.setTimeout(30_000 + Number(process.env.RULE_CASES ?? 0) * 20);
const numRuns = Number(process.env.RULE_CASES ?? 400);
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const MONTH_MS = 30 * 24 * HOUR_MS;
const SKEW_MAX_MS = 3 * SECOND_MS;
/** Of two clocks, and the part of a second that a message does not tell. */
const TOLERANCE_MS = SKEW_MAX_MS + SECOND_MS;
/** AWS's lists follow what they list within ten minutes, by what the module takes for granted; the skew goes off that. */
const LAG_MAX_MS = 10 * MINUTE_MS - 2 * TOLERANCE_MS;

const DELAY_MAX_MS = 50 * MINUTE_MS;
/** A message of a conversion is heard, and AWS has answered in the knowledge of it, after this at the latest. */
const CONFUSED_MS = DELAY_MAX_MS + 2 * LAG_MAX_MS;

const ms = (max: number): fc.Arbitrary<number> => fc.nat({ max });
const around = (middle: number): fc.Arbitrary<number> => fc.integer({ min: -middle, max: middle });
/** Mostly at once; some minutes, or half an hour and more. */
const delay = fc.oneof({ weight: 3, arbitrary: ms(2 * SECOND_MS) }, ms(5 * MINUTE_MS), ms(DELAY_MAX_MS));
const lag = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, ms(10 * SECOND_MS), ms(LAG_MAX_MS));

const truth: fc.Arbitrary<TrueAgreement> = fc
  .record({
    startsAt: ms(3 * HOUR_MS).map((after) => BEGIN + HOUR_MS + after),
    trialMs: fc.option(
      ms(20 * HOUR_MS).map((more) => 3 * HOUR_MS + more),
      { freq: 4 },
    ),
    conversion: fc.option(fc.double({ min: 0.1, max: 0.99, noNaN: true }), { freq: 4 }),
    endsAfter: fc.option(
      fc.oneof(
        ms(20 * HOUR_MS).map((more) => HOUR_MS + more),
        ms(20 * MINUTE_MS).map((more) => -1 - more),
      ),
    ),
    planned: fc.option(
      ms(20 * HOUR_MS).map((more) => 1 + more),
      { freq: 3 },
    ),
    amendedAfter: fc.array(ms(20 * HOUR_MS), { maxLength: 3 }),
  })
  .map(({ startsAt, trialMs, conversion, endsAfter, planned, amendedAfter }) => {
    // Of a conversion of which AWS is not asked before the trial would have been over anyway, nobody could tell that it
    // was one.
    const convertedAfter =
      trialMs === null || conversion === null ? null : Math.floor((trialMs - CONFUSED_MS) * conversion);
    // A negative one: so long after the conversion.
    const ends = endsAfter !== null && endsAfter < 0 ? (convertedAfter ?? HOUR_MS) - endsAfter : endsAfter;
    // Of two messages between two answers nobody could tell which one was the conversion's, nor of a change just before
    // a trial came to its end that it was none.
    const over = convertedAfter ?? trialMs ?? -Infinity;
    const from = convertedAfter === null ? over - CONFUSED_MS : over;
    const amended = amendedAfter.filter((at) => at < from || at > over + CONFUSED_MS);
    const plannedAfter = planned === null ? null : (ends ?? MONTH_MS) + planned;
    return { startsAt, trialMs, convertedAfter, endsAfter: ends, plannedAfter, amendedAfter: amended };
  });

const telling: fc.Arbitrary<Telling> = fc
  .record({
    skewMs: around(SKEW_MAX_MS),
    isLegacy: fc.boolean(),
    delays: fc.array(delay, { minLength: 1, maxLength: 6 }),
    lags: fc.array(lag, { minLength: 1, maxLength: 7 }),
    conversionBy: fc.constantFrom('agreement.amended', 'license.updated', 'legacy.subscribeSucceeded'),
    isFlagged: fc.boolean(),
    startBy: fc.constantFrom('created', 'license', 'both'),
    endBy: fc.constantFrom('ended', 'deprovisioned', 'untimed'),
    isKept: fc.boolean(),
    cancelledEnd: fc.constantFrom('told', 'none', 'signed'),
    changeTold: fc.constantFrom('all', 'allButEnd', 'none'),
    isConversionLost: fc.boolean(),
    questions: fc.array(
      fc.record({ event: fc.nat({ max: 7 }), offset: fc.oneof(around(2 * SECOND_MS), around(HOUR_MS)) }),
      { maxLength: 4 },
    ),
  })
  // Of an end without any instant nobody could tell when it was.
  .map((told) => (told.endBy === 'untimed' ? { ...told, cancelledEnd: 'told' } : told));

/** What no message tells, only the last change does: where AWS tells of it, and nothing else changed about then. */
const life = fc.tuple(truth, telling).map(([true_, told]): [TrueAgreement, Telling] => {
  const { convertedAfter, amendedAfter } = true_;
  if (!told.isConversionLost || convertedAfter === null) return [true_, told];
  const amended = amendedAfter.filter((at) => at < convertedAfter - CONFUSED_MS);
  return [
    { ...true_, endsAfter: null, plannedAfter: null, amendedAfter: amended },
    { ...told, changeTold: 'all' },
  ];
});

/** AWS still says trial after an amendment; the conversion of ten minutes later is told by a start that names nothing. */
const CONVERSION_AFTER_AMENDMENT: [TrueAgreement, Telling] = [
  {
    startsAt: 1794963600000,
    trialMs: 10800000,
    convertedAfter: 3601000,
    endsAfter: null,
    plannedAfter: null,
    amendedAfter: [3001000],
  },
  {
    ...{ skewMs: 0, isLegacy: true, delays: [0], lags: [0], conversionBy: 'legacy.subscribeSucceeded' },
    ...{ isFlagged: false, startBy: 'created', endBy: 'ended', isKept: false },
    ...{ cancelledEnd: 'told', changeTold: 'none', isConversionLost: false, questions: [] },
  },
];

/** The same, where AWS's list dates the conversion, of which it told before the start that names nothing did. */
const CONVERSION_LISTED_BEFORE_IT_IS_TOLD: [TrueAgreement, Telling] = [
  { ...CONVERSION_AFTER_AMENDMENT[0], amendedAfter: [2998050] },
  { ...CONVERSION_AFTER_AMENDMENT[1], skewMs: -1951, changeTold: 'all' },
];

/** AWS is asked about an amendment seconds later, when the conversion has happened, of which a flag tells that names nothing. */
const CONVERSION_WHILE_ASKED_ABOUT_AN_AMENDMENT: [TrueAgreement, Telling] = [
  { ...CONVERSION_AFTER_AMENDMENT[0], trialMs: 20196700, convertedAfter: 8421001, amendedAfter: [8417274] },
  { ...CONVERSION_AFTER_AMENDMENT[1], delays: [0, 2726, 0], isFlagged: true, changeTold: 'all' },
];

describe('whenever AWS is asked, however old its answers are and whatever the clocks say', () => {
  it('an hour of which every message was heard is sealed right, or waits; and once all was heard and asked, all is', () => {
    fc.assert(
      fc.property(life, ([true_, told]) => {
        const listener = new Listener(true_, told);
        const probes = probesOf(listener);
        const sealed: string[] = [];
        listener.play((hour, now, read) => {
          const own = probes.filter((probe) => hour <= probe && probe < hour + HOUR_MS);
          if (own.length === 0 || !isKnowable(listener)) return;
          if (!listener.hasHeardAllOf(hour + HOUR_MS + TOLERANCE_MS, now)) return;
          const timeline = read();
          for (const at of own) {
            const span = spanAt(timeline, listener.ours(at));
            if (span?.seals !== 'whenSettled') continue;
            // An hour that reaches beyond that instant waits as a whole.
            if (span.termsUnknownFrom !== null && span.termsUnknownFrom.getTime() < hour + HOUR_MS) continue;
            const wrong = differenceAt(listener, timeline, at);
            sealed.push(...wrong.map((one) => `at ${new Date(now).toISOString()}: ${one}`));
          }
        });
        if (!isKnowable(listener)) return;
        const timeline = listener.timeline(Math.max(...listener.boundaries) + 3 * 24 * HOUR_MS);
        const last = probes.flatMap((at) => differenceAt(listener, timeline, at));
        expect({ sealed, last }).toEqual({ sealed: [], last: [] });
        // One for what nothing asked for, and for each event at once and once more; never in a circle.
        expect(listener.questions).toBeLessThanOrEqual(told.questions.length + 2 * 8 + 2);
      }),
      {
        numRuns,
        examples: [
          [CONVERSION_AFTER_AMENDMENT],
          [CONVERSION_LISTED_BEFORE_IT_IS_TOLD],
          [CONVERSION_WHILE_ASKED_ABOUT_AN_AMENDMENT],
        ],
      },
    );
  });
});

/** Of a trial that was over before AWS was asked for the first time, AWS need not say that it ever was one. */
function isKnowable({ trialUntil, isTrialTold }: Listener): boolean {
  return trialUntil === null || isTrialTold;
}

/** Around each boundary, as near as the clocks allow, and between. */
function probesOf(listener: Listener): number[] {
  const edges = listener.boundaries.flatMap((at) => [at - TOLERANCE_MS - 1, at + TOLERANCE_MS + 1]);
  const sorted = [...edges, Math.max(...edges) + HOUR_MS].sort((a, b) => a - b);
  const between = sorted.slice(1).map((at, index) => Math.floor((at + (sorted[index] ?? at)) / 2));
  return [...sorted, ...between].filter((at) =>
    listener.boundaries.every((boundary) => Math.abs(at - boundary) > TOLERANCE_MS),
  );
}

function differenceAt(listener: Listener, timeline: SubscriptionTimeline, at: number): string[] {
  const [is, due] = [payerOf(listener, timeline, at), listener.payerAt(at)];
  return is === due ? [] : [`${new Date(at).toISOString()}: ${is}, not ${due}`];
}

/** By AWS's clock; a gap before the start belongs to nobody here, nor does a nameless row have a name of its own. */
function payerOf(listener: Listener, timeline: SubscriptionTimeline, at: number): string {
  const payer = payerAt(timeline, new Date(at));
  const span = spanAt(timeline, new Date(at));
  if (span && at < span.startsAt.getTime() && listener.payerAt(at) === 'none') return 'none';
  return payer === 'none' ? payer : `a ${span?.price ?? ''}`;
}
