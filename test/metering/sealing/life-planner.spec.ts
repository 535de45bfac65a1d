import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type DimensionLedger,
  type FinalHourPolicy,
  newestSettledHour,
  planSeal,
  type SealableSubscription,
} from '../../../src/metering/sealing/hour-planner.js';
import { meteredIdentityOf } from '../../../src/metering/sealing/record-draft.js';
import { HOUR_MS, hourOf, plusMs } from '../../../src/runtime/clock.js';
import { fromUnits } from '../../../src/runtime/decimal.js';
import { STANDINGS, standingOf, type SubscriptionState } from '../../../src/subscription/agreements/state-policy.js';

const MINUTE_MS = 60_000;
/** '10:20' is of the 11th; '10 23:00' of the 10th. */
const at = (text: string): Date => new Date(`2026-11-${text.includes(' ') ? text.replace(' ', 'T') : `11T${text}`}:00Z`);
const hours = (...texts: string[]): Date[] => texts.map(at);

const STARTED: SealableSubscription = {
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
const EMPTY: DimensionLedger = { dimension: 'requests', carry: 0n, carryNotLive: 0n, originHours: [], sealedHours: [] };

interface Scene {
  now?: string;
  state?: SubscriptionState;
  end?: [endsAt: string, firstSign?: string, lastSign?: string];
  subscription?: Partial<SealableSubscription>;
  ledger?: Partial<DimensionLedger>;
  finalHour?: FinalHourPolicy;
}

/** One dimension at 11:15, ten minutes to settle and three hours of lead: 10:00 has settled, and 10 14:00 is at the edge of its window. */
function planned({ now = '11:15', state = 'active', end, subscription, ledger, finalHour = 'atOnce' }: Scene): string[] {
  const [endsAt, firstSign = endsAt, lastSign = endsAt] = end ?? [];
  const full: SealableSubscription = {
    ...STARTED,
    standing: standingOf(state, true),
    end: endsAt && firstSign && lastSign ? { endsAt: at(endsAt), firstEndSignAt: at(firstSign), lastEndSignAt: at(lastSign) } : null,
    ...subscription,
  };
  const timing = { now: at(now), settleDelayMs: 10 * MINUTE_MS, zeroRecordLeadMs: 3 * HOUR_MS, finalHour };
  const clock = (instant: Date): string => instant.toISOString().slice(8, 16).replace('T', ' ').replace(/^11 /, '');
  return planSeal(full, [{ ...EMPTY, ...ledger }], ['requests'], timing).records.map(({ kind, hour, originHours, zero }) => {
    const others = originHours.filter((origin) => kind === 'closing' || origin.getTime() !== hour.getTime()).map(clock);
    return [kind === 'closing' ? 'closing' : zero ? 'zero' : '', clock(hour), ...(others.length === 0 ? [] : ['<', ...others])]
      .join(' ')
      .trim();
  });
}

describe('what a state lets be sealed', () => {
  const usage = { originHours: hours('10 13:00', '10 14:00', '09:00', '10:00') };

  it.each<[SubscriptionState, string[]]>([
    ['active', ['10 13:00', '10 14:00', '09:00', '10:00']],
    ['trial', ['10 13:00', '10 14:00', '09:00', '10:00']],
    ['suspended', ['10 13:00', '10 14:00', '09:00', '10:00']],
    ['registered', ['10 13:00', '10 14:00']],
    ['failed', []],
  ])('%s: its usage', (state, expected) => {
    expect(planned({ state, ledger: usage })).toEqual(expected);
  });

  it.each<[SubscriptionState, boolean]>([
    ['active', true],
    ['trial', true],
    ['suspended', false],
    ['registered', false],
    ['failed', false],
  ])('%s: zero records for idle hours: %s', (state, zeros) => {
    const subscription = { zeroRecords: 'atSeal' as const, startsAt: at('09:30') };
    expect(planned({ state, subscription })).toEqual(zeros ? ['zero 09:00', 'zero 10:00'] : []);
  });

  it('registered, where nobody would ever say that it is active: as active', () => {
    expect(planned({ subscription: { standing: standingOf('registered', false) }, ledger: usage })).toHaveLength(4);
  });

  it.each<[why: string, scene: Scene, expected: string[]]>([
    ['an hour waits while it can', { now: '11:14', ledger: { originHours: hours('10 15:00') } }, []],
    ['three hours before it is due it goes', { now: '12:00', ledger: { originHours: hours('10 15:00') } }, ['10 15:00']],
    [
      'what is late goes with the hour at the edge, not with a newer one',
      { ledger: { originHours: hours('08 05:00', '09:00') } },
      ['10 14:00 < 08 05:00'],
    ],
    [
      'what occurred before the start waits for the first billable hour',
      { subscription: { startsAt: at('09:30') }, ledger: { originHours: hours('08:00', '09:00') } },
      [],
    ],
    [
      'and then is billed with it',
      { now: '12:15', state: 'active', subscription: { startsAt: at('11:02') }, ledger: { originHours: hours('08:00', '09:00') } },
      ['11:00 < 08:00 09:00'],
    ],
    ['units handed back wait too', { ledger: { carry: fromUnits(4), sealedHours: hours('10 14:00') } }, []],
    [
      'at the end of a month its hours are at the edge together',
      { now: '01 03:00', ledger: { originHours: [new Date('2026-10-31T22:00:00Z')] } },
      ['31 22:00'],
    ],
  ])('registered: %s', (_why, scene, expected) => {
    expect(planned({ state: 'registered', ...scene })).toEqual(expected);
  });
});

describe('the last hour', () => {
  const usage = { originHours: hours('09:00', '10:00', '11:00') };

  it.each<[why: string, scene: Scene, expected: string[]]>([
    ['atOnce: the running hour too', { end: ['11:14'] }, ['09:00', '10:00', '11:00']],
    [
      'atHourEnd: closed hours at once, also unsettled ones',
      { now: '12:05', end: ['12:04'], finalHour: 'atHourEnd' },
      ['09:00', '10:00', '11:00'],
    ],
    ['atHourEnd: the running hour waits, and is not put into another', { end: ['11:14'], finalHour: 'atHourEnd' }, ['09:00', '10:00']],
    ['atHourEnd: until it is over', { now: '12:00', end: ['11:14'], finalHour: 'atHourEnd' }, ['09:00', '10:00', '11:00']],
    [
      'atHourEnd: or until it would be too late to send it',
      { now: '11:51', end: ['11:01'], finalHour: 'atHourEnd' },
      ['09:00', '10:00', '11:00'],
    ],
    ['atHourEnd: not before', { now: '11:50', end: ['11:01'], finalHour: 'atHourEnd' }, ['09:00', '10:00']],
    [
      'atHourEnd: what is due counts from the first sign',
      { now: '11:51', end: ['11:30', '11:01', '11:45'], finalHour: 'atHourEnd' },
      ['09:00', '10:00', '11:00'],
    ],
    ['an announced end hastens nothing', { end: ['15:00'] }, ['09:00', '10:00']],
    ['no zero records', { end: ['15:00'], subscription: { zeroRecords: 'atSeal' }, ledger: {} }, []],
  ])('%s', (_why, scene, expected) => {
    expect(planned({ state: 'ending', ledger: usage, ...scene })).toEqual(expected);
  });

  it('atHourEnd: later usage takes free hours before it', () => {
    const ledger = { originHours: hours('09:00'), sealedHours: hours('09:00', '10:00') };
    expect(planned({ state: 'ending', end: ['11:14'], finalHour: 'atHourEnd', ledger })).toEqual(['08:00 < 09:00']);
  });

  it('that is taken back leaves nothing of it', () => {
    const ledger = { originHours: hours('11:00'), sealedHours: hours('09:00', '10:00', '11:00') };
    expect(planned({ now: '12:15', ledger })).toEqual([]);
    expect(planned({ now: '13:15', ledger })).toEqual(['12:00 < 11:00']);
  });
});

describe('a cut-over', () => {
  const from = (hour: string): Partial<SealableSubscription> => ({ licenseFrom: at(hour) });

  it.each<[why: string, scene: Scene, expected: string[]]>([
    [
      'before it hours are sealed as ever',
      { subscription: from('11:00'), ledger: { originHours: hours('09:00', '10:00') } },
      ['09:00', '10:00'],
    ],
    [
      'from it on usage of older hours is late usage of license hours',
      { subscription: from('10:00'), ledger: { originHours: hours('08:00', '09:00', '10:00') } },
      ['10:00 < 08:00 09:00'],
    ],
    [
      'also where the hour of the cut-over is idle',
      { subscription: from('10:00'), ledger: { originHours: hours('09:00') } },
      ['10:00 < 09:00'],
    ],
    ['and units handed back', { subscription: from('10:00'), ledger: { carry: fromUnits(2) } }, ['10:00']],
    ['no zero record of an older hour', { subscription: { ...from('10:00'), zeroRecords: 'atSeal' } }, ['zero 10:00']],
    [
      'in the last hour',
      { state: 'ending', end: ['11:14'], subscription: from('11:00'), ledger: { originHours: hours('10:00', '11:00') } },
      ['11:00 < 10:00'],
    ],
    [
      'of one that waits for its activation',
      { state: 'registered', subscription: from('10:00'), ledger: { originHours: hours('10 14:00', '10:00') } },
      [],
    ],
  ])('%s', (_why, scene, expected) => {
    expect(planned(scene)).toEqual(expected);
  });

  const anyLife = fc.record({
    cutOver: fc.integer({ min: -30, max: 30 }),
    steps: fc.array(fc.record({ minutes: fc.integer({ min: 1, max: 300 }), usage: fc.array(fc.nat(30 * 60), { maxLength: 4 }) }), {
      minLength: 3,
      maxLength: 30,
    }),
    policy: fc.constantFrom('atWindowEdge' as const, 'atSeal' as const, 'off' as const),
    states: fc.array(fc.constantFrom<SubscriptionState>('active', 'trial', 'suspended', 'registered'), { minLength: 1, maxLength: 4 }),
    endsAfter: fc.option(fc.integer({ min: 60, max: 40 * 60 })),
  });

  it('wherever it falls, meters no hour under both identities, and nothing under the old one after it', () => {
    fc.assert(
      fc.property(anyLife, ({ cutOver, steps, policy, states, endsAfter }) => {
        const birth = at('00:20');
        const licenseFrom = plusMs(at('12:00'), cutOver * HOUR_MS);
        const known = {
          identity: 'license' as const,
          license_from: licenseFrom,
          license_arn: 'arn:aws:license-manager::123456789012:license:l-1a2b',
          customer_aws_account_id: '210987654321',
          customer_identifier: 'abc',
        };
        const endsAt = endsAfter === null ? null : plusMs(birth, endsAfter * MINUTE_MS);
        const sealed = new Map<number, string>();
        let unassigned: number[] = [];
        let now = birth;
        let licensed = false;
        for (const [index, { minutes, usage }] of steps.entries()) {
          now = plusMs(now, minutes * MINUTE_MS);
          unassigned.push(...usage.map((ago) => Number(hourOf(plusMs(now, -ago * MINUTE_MS)))));
          const ending = endsAt !== null && endsAt <= now;
          const subscription: SealableSubscription = {
            ...STARTED,
            standing: ending ? STANDINGS.ending : standingOf(states[index % states.length] ?? 'active', true),
            startsAt: birth,
            end: ending ? { endsAt, firstEndSignAt: endsAt, lastEndSignAt: endsAt } : null,
            licenseFrom,
            zeroRecords: policy,
          };
          const timing = { now, settleDelayMs: 10 * MINUTE_MS, zeroRecordLeadMs: 3 * HOUR_MS, finalHour: 'atOnce' as const };
          const originHours = [...new Set(unassigned)].sort((a, b) => a - b).map((hour) => new Date(hour));
          const ledger = { ...EMPTY, originHours, sealedHours: [...sealed.keys()].map((hour) => new Date(hour)) };
          const { records, closes } = planSeal(subscription, [ledger], ['requests'], timing);
          const identities = new Set<string>();
          for (const record of records) {
            const taken = new Set(record.originHours.map(Number));
            unassigned = unassigned.filter((hour) => !taken.has(hour));
            if (record.kind === 'closing') continue;
            const identity = meteredIdentityOf(known, record.hour)?.identity ?? '';
            expect(identity).toBe(record.hour < licenseFrom ? 'legacy' : 'license');
            expect(sealed.has(Number(record.hour))).toBe(false);
            sealed.set(Number(record.hour), identity);
            identities.add(identity);
          }
          // Once a license hour could be sealed, no legacy hour is, in this pass or any later one.
          licensed ||= newestSettledHour(timing) >= licenseFrom || identities.has('license');
          if (licensed) expect(identities.has('legacy')).toBe(false);
          if (closes) expect(unassigned).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
