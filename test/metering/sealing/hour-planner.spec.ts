import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  balanceStep,
  type DimensionLedger,
  type FinalHourPolicy,
  newestSettledHour,
  newestZeroHour,
  type PlannedRecord,
  planSeal,
  QUANTITY_MAX,
  type SealableSubscription,
} from '../../../src/metering/sealing/hour-planner.js';
import { HOUR_MS, plusMs } from '../../../src/runtime/clock.js';
import { fromUnits, type Scaled, scaled } from '../../../src/runtime/decimal.js';
import { STANDINGS } from '../../../src/subscription/agreements/state-policy.js';

const MINUTES_MS = 60_000;
const DAY = '2026-11-11';
/** '10:20' is of the 11th; '10 23:00' of the 10th. */
const at = (text: string): Date => new Date(`${text.includes(' ') ? `2026-11-${text.replace(' ', 'T')}` : `${DAY}T${text}`}:00Z`);
const hours = (...texts: string[]): Date[] => texts.map(at);

const LIVING: SealableSubscription = {
  standing: STANDINGS.active,
  startsAt: new Date('2026-10-05T08:20:00Z'),
  end: null,
  operation: 'BatchMeterUsage',
  mode: 'live',
  liveFrom: null,
  modeBeforeLive: null,
  licenseFrom: null,
  zeroRecords: 'off',
};

interface Scene {
  now?: string;
  subscription?: Partial<SealableSubscription>;
  ledger?: Partial<DimensionLedger>;
  finalHour?: FinalHourPolicy;
}

/** One dimension, planned at 11:15 unless told otherwise: the hour from 10:00 is the newest that has ended and settled. */
function plan({ now = '11:15', subscription = {}, ledger = {}, finalHour = 'atOnce' }: Scene): {
  closes: boolean;
  records: PlannedRecord[];
} {
  const timing = { now: at(now), settleDelayMs: 10 * MINUTES_MS, zeroRecordLeadMs: 3 * HOUR_MS, finalHour };
  const dimension = { dimension: 'requests', carry: 0n, carryNotLive: 0n, originHours: [], sealedHours: [], ...ledger };
  return planSeal({ ...LIVING, ...subscription }, [dimension], ['requests'], timing);
}

/** '10:00 < 08:00 09:00': a record of 10:00 that also takes what occurred at 08:00 and 09:00. */
function shown({ hour, originHours, zero, kind, mode }: PlannedRecord): string {
  const clock = (instant: Date): string =>
    instant.toISOString().startsWith(DAY) ? instant.toISOString().slice(11, 16) : instant.toISOString().slice(8, 16).replace('T', ' ');
  const others = originHours.filter((origin) => kind === 'closing' || origin.getTime() !== hour.getTime()).map(clock);
  const what = [kind === 'closing' ? 'closing' : '', mode === 'live' ? '' : mode, zero ? 'zero' : ''].filter((word) => word !== '');
  return [...what, clock(hour), ...(others.length === 0 ? [] : ['<', ...others])].join(' ');
}

const planned = (scene: Scene): string[] => plan(scene).records.map(shown);
const ended = (text: string, lastSign = text): Pick<SealableSubscription, 'end' | 'standing'> => ({
  standing: STANDINGS.ending,
  end: { endsAt: at(text), firstEndSignAt: at(text), lastEndSignAt: at(lastSign) },
});

describe('the newest settled hour', () => {
  it.each([
    ['11:09', '09:00'],
    ['11:10', '10:00'],
    ['12:09', '10:00'],
    ['00:05', '10 22:00'],
  ])('at %s is %s', (now, hour) => {
    expect(newestSettledHour({ now: at(now), settleDelayMs: 10 * MINUTES_MS })).toEqual(at(hour));
  });
});

describe('the billing hour of usage', () => {
  it.each<[why: string, scene: Scene, expected: string[]]>([
    ['nothing to seal', {}, []],
    ['its own hour', { ledger: { originHours: hours('09:00', '10:00') } }, ['09:00', '10:00']],
    ['an hour that has not settled is not touched', { now: '11:05', ledger: { originHours: hours('09:00', '10:00', '11:00') } }, ['09:00']],
    ['late: its hour has a record', { ledger: { originHours: hours('08:00', '10:00'), sealedHours: hours('08:00') } }, ['10:00 < 08:00']],
    [
      'late: the hour being sealed has no usage of its own',
      { ledger: { originHours: hours('08:00'), sealedHours: hours('08:00') } },
      ['10:00 < 08:00'],
    ],
    [
      'late: AWS would not take its hour any more',
      { ledger: { originHours: hours('10 11:00', '10 12:00') } },
      ['10 12:00', '10:00 < 10 11:00'],
    ],
    ['late: by weeks', { ledger: { originHours: [new Date('2026-10-20T05:00:00Z')] } }, ['10:00 < 20 05:00']],
    [
      'late waits while the hour being sealed is taken',
      { ledger: { originHours: hours('08:00'), sealedHours: hours('08:00', '10:00') } },
      [],
    ],
    [
      'late waits, an own hour does not',
      { ledger: { originHours: hours('08:00', '09:00'), sealedHours: hours('08:00', '10:00') } },
      ['09:00'],
    ],
    ['a whole unit of carry goes alone', { ledger: { carry: fromUnits(1) } }, ['10:00']],
    ['less than a unit of carry waits', { ledger: { carry: scaled('0.999999999999') } }, []],
    ['carry goes with usage where there is some', { ledger: { carry: fromUnits(3), originHours: hours('08:00') } }, ['08:00']],
    ['carry waits while the hour being sealed is taken', { ledger: { carry: fromUnits(3), sealedHours: hours('10:00') } }, []],
    ['a debt alone seals nothing', { ledger: { carry: fromUnits(-3) } }, []],
    [
      'from before the subscription',
      { subscription: { startsAt: at('09:30') }, ledger: { originHours: hours('08:00') } },
      ['10:00 < 08:00'],
    ],
    [
      'from before the subscription, whose first hour has not settled',
      { subscription: { startsAt: at('11:05') }, ledger: { originHours: hours('08:00') } },
      [],
    ],
    ['dry-run', { subscription: { mode: 'dry-run' }, ledger: { originHours: hours('10:00') } }, ['dry-run 10:00']],
    ['off', { subscription: { mode: 'off' }, ledger: { originHours: hours('10:00') } }, ['off 10:00']],
    ['an announced end changes nothing yet', { subscription: ended('15:00'), ledger: { originHours: hours('10:00', '11:00') } }, ['10:00']],
  ])('%s', (_why, scene, expected) => {
    expect(planned(scene)).toEqual(expected);
  });

  it('at the turn of the month: usage of the 31st counts there until 06:00 on the 1st, then is late', () => {
    const originHours = [new Date('2026-10-31T05:00:00Z'), new Date('2026-10-31T22:00:00Z')];
    expect(planned({ now: '01 04:30', ledger: { originHours } })).toEqual(['31 05:00', '31 22:00']);
    expect(planned({ now: '01 05:30', ledger: { originHours } })).toEqual(['31 22:00', '01 04:00 < 31 05:00']);
    expect(planned({ now: '01 06:00', ledger: { originHours } })).toEqual(['01 04:00 < 31 05:00 31 22:00']);
  });

  it('gives the first hour the start of the subscription as its timestamp, every other hour its own start', () => {
    const startsAt = new Date('2026-11-11T08:20:17.250Z');
    const { records } = plan({ subscription: { startsAt }, ledger: { originHours: hours('08:00', '09:00') } });
    expect(records.map(({ timestamp }) => timestamp)).toEqual([startsAt, at('09:00')]);
  });

  it('plans each dimension by itself', () => {
    const ledger = (dimension: string, ...origins: string[]): DimensionLedger => ({
      dimension,
      carry: 0n,
      carryNotLive: 0n,
      originHours: hours(...origins),
      sealedHours: [],
    });
    const timing = { now: at('11:15'), settleDelayMs: 0, zeroRecordLeadMs: 0, finalHour: 'atOnce' as const };
    const { records } = planSeal(LIVING, [ledger('requests', '09:00'), ledger('left the options', '09:00')], ['requests'], timing);
    expect(records.map(({ dimension, hour }) => [dimension, hour])).toEqual([
      ['requests', at('09:00')],
      ['left the options', at('09:00')],
    ]);
  });
});

describe('zero records', () => {
  it.each<[why: string, scene: Scene, expected: string[]]>([
    [
      'at the edge of the window: three hours before it is due',
      { now: '11:15', subscription: { zeroRecords: 'atWindowEdge' } },
      ['zero 10 12:00', 'zero 10 13:00', 'zero 10 14:00'],
    ],
    [
      'at seal: every settled hour of the window',
      { now: '02:15', subscription: { zeroRecords: 'atSeal', startsAt: at('10 23:10') } },
      ['zero 10 23:00', 'zero 00:00', 'zero 01:00'],
    ],
    ['off', { subscription: { zeroRecords: 'off' } }, []],
    [
      'not for an hour that has a record',
      { subscription: { zeroRecords: 'atWindowEdge' }, ledger: { sealedHours: hours('10 12:00', '10 14:00') } },
      ['zero 10 13:00'],
    ],
    [
      'not before the subscription',
      { subscription: { zeroRecords: 'atWindowEdge', startsAt: at('10 13:40') } },
      ['zero 10 13:00', 'zero 10 14:00'],
    ],
    [
      'not before the product is live',
      { subscription: { zeroRecords: 'atWindowEdge', liveFrom: at('10 14:00'), modeBeforeLive: 'dry-run' } },
      ['zero 10 14:00'],
    ],
    ['not of a product that is off', { subscription: { zeroRecords: 'atWindowEdge', mode: 'off' } }, []],
    ['not of a subscription that ends', { subscription: { zeroRecords: 'atSeal', ...ended('15:00') } }, []],
    ['not of a subscription that has ended', { subscription: { zeroRecords: 'atSeal', ...ended('11:00') } }, []],
    ['in dry-run', { subscription: { zeroRecords: 'atWindowEdge', mode: 'dry-run', startsAt: at('10 14:40') } }, ['dry-run zero 10 14:00']],
  ])('%s', (_why, scene, expected) => {
    expect(planned(scene)).toEqual(expected);
  });

  it('at month end: those of the whole last day from three hours before 06:00 on the 1st', () => {
    const zeros = (now: string): string[] => planned({ now, subscription: { zeroRecords: 'atWindowEdge' } });
    expect(zeros('01 02:59')).toEqual(['zero 31 03:00', 'zero 31 04:00', 'zero 31 05:00']);
    expect(zeros('01 03:00')).toHaveLength(20);
    expect(zeros('01 03:00').at(-1)).toBe('zero 31 23:00');
    expect(zeros('01 06:00')).toEqual([]);
  });

  it('never lock out usage: an hour with unassigned events is sealed with them', () => {
    const subscription = { zeroRecords: 'atWindowEdge' as const, startsAt: at('10 14:40') };
    const { records } = plan({ subscription, ledger: { originHours: hours('10 14:00') } });
    expect(records.map(({ hour, originHours }) => [hour, originHours])).toEqual([[at('10 14:00'), hours('10 14:00')]]);
    const [zero] = plan({ subscription }).records;
    // Also what commits between the look at the origin hours and the stamp.
    expect(zero?.originHours).toEqual(hours('10 14:00'));
  });

  it('are only written for dimensions that the options declare', () => {
    const timing = { now: at('11:15'), settleDelayMs: 0, zeroRecordLeadMs: 3 * HOUR_MS, finalHour: 'atOnce' as const };
    const known = { dimension: 'left the options', carry: 0n, carryNotLive: 0n, originHours: [], sealedHours: [] };
    const { records } = planSeal({ ...LIVING, zeroRecords: 'atSeal' }, [known], ['requests'], timing);
    expect(new Set(records.map(({ dimension }) => dimension))).toEqual(new Set(['requests']));
  });

  it.each([
    ['11:15', '10 14:00'],
    ['01 05:00', '31 23:00'],
    ['01 06:30', '31 23:00'],
  ])('are due at %s up to the hour %s', (now, hour) => {
    const timing = { now: at(now), settleDelayMs: 10 * MINUTES_MS, zeroRecordLeadMs: 3 * HOUR_MS };
    const expected = hour.startsWith('31') ? new Date('2026-10-31T23:00:00Z') : at(hour);
    expect(newestZeroHour(timing, 'atWindowEdge', 'BatchMeterUsage')).toEqual(expected);
  });
});

describe('the final flush', () => {
  it.each<[why: string, scene: Scene, expected: string[]]>([
    [
      'the running hour is sealed at once',
      { subscription: ended('11:14'), ledger: { originHours: hours('10:00', '11:00') } },
      ['10:00', '11:00'],
    ],
    ['no hour waits to settle', { now: '12:01', subscription: ended('11:59'), ledger: { originHours: hours('11:00') } }, ['11:00']],
    [
      'later usage takes the newest free hour',
      { now: '11:40', subscription: ended('11:14'), ledger: { originHours: hours('11:00'), sealedHours: hours('10:00', '11:00') } },
      ['09:00 < 11:00'],
    ],
    [
      'usage after the end too',
      { now: '12:05', subscription: ended('11:14'), ledger: { originHours: hours('11:00', '12:00') } },
      ['11:00 < 12:00'],
    ],
    ['carry too', { subscription: ended('11:14'), ledger: { carry: fromUnits(2), sealedHours: hours('11:00') } }, ['10:00']],
    [
      'no hour begins with the end',
      { now: '11:05', subscription: ended('11:00'), ledger: { originHours: hours('11:00') } },
      ['10:00 < 11:00'],
    ],
    [
      'an end in the hour of the start',
      { subscription: { startsAt: at('11:02'), ...ended('11:10') }, ledger: { originHours: hours('11:00') } },
      ['11:00'],
    ],
    [
      'an end that was entered before the start',
      { subscription: { startsAt: at('11:02'), ...ended('09:00', '11:10') }, ledger: { originHours: hours('11:00') } },
      ['11:00'],
    ],
    [
      'where nothing is free, usage waits for the closing',
      {
        subscription: { startsAt: at('10:02'), ...ended('11:14') },
        ledger: { originHours: hours('11:00'), sealedHours: hours('10:00', '11:00') },
      },
      [],
    ],
    [
      'an end long ago leaves no hour that AWS takes',
      { subscription: ended('09 11:00', '11:14'), ledger: { originHours: hours('09 10:00') } },
      [],
    ],
    [
      'it goes on between due and cutoff',
      { now: '12:30', subscription: ended('11:14', '11:45'), ledger: { originHours: hours('11:00') } },
      ['11:00'],
    ],
  ])('%s', (_why, scene, expected) => {
    expect(plan(scene)).toMatchObject({ closes: false });
    expect(planned(scene)).toEqual(expected);
  });
});

describe('closing', () => {
  it.each<[why: string, ledger: Partial<DimensionLedger>, expected: string[], setsApart: Scaled[]]>([
    ['remaining usage', { originHours: hours('10:00', '12:00') }, ['closing off 11:00 < 10:00 12:00'], [0n]],
    ['a remaining fraction', { carry: scaled('0.25') }, ['closing off 11:00'], [scaled('0.25')]],
    ['a remaining debt', { carry: fromUnits(-3) }, ['closing off 11:00'], [fromUnits(-3)]],
    ['units handed back', { carry: fromUnits(7), sealedHours: hours('10:00') }, ['closing off 11:00'], [fromUnits(7)]],
    ['nothing', { sealedHours: hours('10:00') }, [], []],
  ])('one hour after the last sign: %s', (_why, ledger, expected, setsApart) => {
    const scene = { now: '12:45', subscription: ended('11:14', '11:45'), ledger };
    const { closes, records } = plan(scene);
    expect(closes).toBe(true);
    expect(records.map(shown)).toEqual(expected);
    expect(records.map((record) => record.setsApart)).toEqual(setsApart);
    expect(records.every(({ reason }) => reason === 'ended')).toBe(true);
    expect(plan({ ...scene, now: '12:44' }).closes).toBe(false);
  });
});

describe('going live', () => {
  const from = (liveFrom: string, modeBeforeLive: 'dry-run' | 'off' = 'dry-run'): Partial<SealableSubscription> => ({
    liveFrom: at(liveFrom),
    modeBeforeLive,
  });

  it.each<[why: string, scene: Scene, expected: string[]]>([
    ['usage from then on is billed', { subscription: from('09:00'), ledger: { originHours: hours('09:00', '10:00') } }, ['09:00', '10:00']],
    [
      'usage from before is set apart',
      { subscription: from('09:00'), ledger: { originHours: hours('07:00', '08:00', '09:00') } },
      ['closing dry-run 08:00 < 07:00 08:00', '09:00'],
    ],
    [
      'after a time of being off',
      { subscription: from('09:00', 'off'), ledger: { originHours: hours('08:00') } },
      ['closing off 08:00 < 08:00'],
    ],
    [
      'a hour of dry-run after it stays taken: its usage comes late',
      { subscription: from('09:00'), ledger: { originHours: hours('09:00'), sealedHours: hours('09:00') } },
      ['10:00 < 09:00'],
    ],
    [
      'until then the product goes on as it was',
      { subscription: from('11:00'), ledger: { originHours: hours('09:00', '10:00', '11:00') } },
      ['dry-run 09:00', 'dry-run 10:00'],
    ],
    ['with its carry', { subscription: from('11:00', 'off'), ledger: { carry: fromUnits(1), carryNotLive: fromUnits(1) } }, ['off 10:00']],
    [
      'what was not sealed by then is set apart',
      { now: '12:15', subscription: from('11:00'), ledger: { originHours: hours('09:00', '10:00', '11:00') } },
      ['closing dry-run 10:00 < 09:00 10:00', '11:00'],
    ],
    [
      'live from the start',
      { subscription: { liveFrom: null }, ledger: { originHours: hours('08:00'), carryNotLive: fromUnits(1) } },
      ['08:00'],
    ],
  ])('%s', (_why, scene, expected) => {
    expect(planned(scene)).toEqual(expected);
  });

  it.each<[why: string, ledger: Partial<DimensionLedger>, setsApart: Scaled[]]>([
    ['the fraction that dry-run left', { carry: scaled('0.5'), carryNotLive: scaled('0.5') }, [scaled('0.5')]],
    ['a debt that dry-run left', { carry: fromUnits(-2), carryNotLive: fromUnits(-2) }, [fromUnits(-2)]],
    ['not what a person handed back since', { carry: scaled('7.5'), carryNotLive: scaled('0.5') }, [scaled('0.5'), 0n]],
    ['nothing of what live hours left', { carry: scaled('0.5') }, []],
  ])('sets apart the balance of before: %s', (_why, ledger, setsApart) => {
    expect(plan({ subscription: from('09:00'), ledger }).records.map((record) => record.setsApart)).toEqual(setsApart);
  });
});

describe('one step of the balance', () => {
  it.each([
    ['0', '0', 0n, '0'],
    ['0.4', '1.7', 2n, '0.1'],
    ['0', '0.999999999999', 0n, '0.999999999999'],
    ['-3', '2', 0n, '-1'],
    ['-3', '5.5', 2n, '0.5'],
    ['5', '-2', 3n, '0'],
    ['0', '2147483647.9', QUANTITY_MAX, '0.9'],
    ['1', '2147483648', QUANTITY_MAX, '2'],
  ])('carry %s and events %s', (carryIn, eventSum, quantity, carryOut) => {
    expect(balanceStep(scaled(carryIn), scaled(eventSum))).toEqual({ quantity, carryOut: scaled(carryOut) });
  });

  it('loses nothing, and leaves less than a unit unless it was clamped', () => {
    const anyScaled = fc.oneof(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }));
    fc.assert(
      fc.property(anyScaled, anyScaled, (carryIn, eventSum) => {
        const { quantity, carryOut } = balanceStep(carryIn, eventSum);
        expect(carryIn + eventSum).toBe(fromUnits(quantity) + carryOut);
        expect(quantity >= 0n && quantity <= QUANTITY_MAX).toBe(true);
        const fraction = carryOut >= 0n && carryOut < fromUnits(1);
        expect(fraction || (quantity === 0n && carryOut < 0n) || (quantity === QUANTITY_MAX && carryOut > 0n)).toBe(true);
      }),
    );
  });
});

describe('any plan', () => {
  const anyHour = fc.integer({ min: -40, max: 2 }).map((ago) => plusMs(at('10:00'), ago * HOUR_MS));
  const anyEnd = fc.option(
    fc.tuple(fc.integer({ min: -30 * 60, max: 90 }), fc.nat(90)).map(([minutes, later]) => {
      const endsAt = plusMs(at('11:15'), minutes * MINUTES_MS);
      return { endsAt, firstEndSignAt: endsAt, lastEndSignAt: plusMs(endsAt, later * MINUTES_MS) };
    }),
  );
  const anyScene = fc.record({
    subscription: fc.record({
      startsAt: fc.integer({ min: -48 * 60, max: 60 }).map((minutes) => plusMs(at('10:00'), minutes * MINUTES_MS)),
      end: anyEnd,
      mode: fc.constantFrom('live' as const, 'dry-run' as const, 'off' as const),
      going: fc.option(fc.record({ liveFrom: anyHour, modeBeforeLive: fc.constantFrom('dry-run' as const, 'off' as const) })),
      zeroRecords: fc.constantFrom('atWindowEdge' as const, 'atSeal' as const, 'off' as const),
    }),
    originHours: fc.uniqueArray(anyHour, { selector: Number }),
    sealedHours: fc.uniqueArray(anyHour, { selector: Number }),
    carry: fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n }),
  });

  it('takes an origin hour once at most, seals no hour twice, none that still runs, none that is out of reach', () => {
    fc.assert(
      fc.property(anyScene, ({ subscription: { going, ...subscription }, ...ledger }) => {
        const now = at('11:15');
        const full = { ...LIVING, ...subscription, ...(subscription.mode === 'live' ? going : null) };
        const { closes, records } = plan({ subscription: full, ledger });
        const origins = records.flatMap(({ originHours }) => originHours.map(Number));
        expect(new Set(origins).size).toBe(origins.length);
        const sealed = records.filter(({ kind }) => kind === 'hour');
        const taken = new Set(ledger.sealedHours.map(Number));
        expect(sealed.every(({ hour }) => !taken.has(Number(hour)))).toBe(true);
        expect(new Set(sealed.map(({ hour }) => Number(hour))).size).toBe(sealed.length);
        const ended = full.end !== null && full.end.endsAt <= now;
        for (const { hour, timestamp } of sealed) {
          expect(ended || hour <= at('10:00')).toBe(true);
          expect(timestamp >= full.startsAt && timestamp <= now && Number(timestamp) - Number(hour) < HOUR_MS).toBe(true);
          expect(Number(now) - Number(hour)).toBeLessThan(24 * HOUR_MS);
        }
        if (closes) expect(new Set(origins)).toEqual(new Set(ledger.originHours.map(Number)));
      }),
      { numRuns: 2_000 },
    );
  });
});
