import { describe, expect, it } from '@jest/globals';
import { type ModeChange } from '../../../src/metering/sealing/period.js';
import { placeKey, type WaitingRollup } from '../../../src/metering/sealing/planning-rule.js';
import { hourOf } from '../../../src/runtime/clock.js';
import {
  account,
  type Given,
  legacy,
  LEGACY_RENEWED,
  REPLACED,
  ruleOf,
  RUNNING,
  said,
  TRIAL_TO_PAID,
} from './given-rule.js';
import { at, type SpanGiven } from './given-timeline.js';

function usage(first: string, last = first, isCorrection = false): WaitingRollup {
  return {
    subject: 1,
    dimension: 'requests',
    hour: hourOf(at(first)),
    firstAt: at(first),
    lastAt: at(last),
    isCorrection,
    refusal: null,
  };
}

/** Of which AWS has refused so many records, the last one of the day before. */
function refused(rollup: WaitingRollup, times = 1, reason = 'notSubscribed'): WaitingRollup {
  return { ...rollup, refusal: { times, reason, hour: at('2026-11-10T08:00:00Z') } };
}

const OLD = '2026-11-09T10:10:00Z';
const EVERY_HOUR = Array.from(
  { length: 30 },
  (_, hour) =>
    `l-1 ${new Date(at('2026-11-11T11:00:00Z').getTime() - hour * 3_600_000).toISOString().replace('.000', '')}`,
);

const ALL_BUT_LAST = EVERY_HOUR.filter((hour) => hour !== 'l-1 2026-11-11T10:00:00Z');

const planned = (given: Given, rollup: WaitingRollup): string => said(ruleOf(given).plan(rollup));

describe('usage whose own hour is free', () => {
  const table: [string, Given, WaitingRollup, string][] = [
    ['goes with it', { spans: RUNNING }, usage('10:10'), '1 11 10:00'],
    [
      'goes with an earlier one, too, that AWS still takes',
      { spans: RUNNING },
      usage('2026-11-10T12:10:00Z'),
      '1 10 12:00',
    ],
    ['waits until it has settled', { spans: RUNNING, now: '11:09' }, usage('10:10'), 'wait notSettled'],
    [
      'goes with it at the settle delay, to the instant',
      { spans: RUNNING, now: '11:10' },
      usage('10:10'),
      '1 11 10:00',
    ],
    [
      'is taken by another name of the buyer: goes with the next',
      {
        spans: [{ ...RUNNING[0]!, identity: legacy, alsoKnownAs: [account] }],
        taken: [`210987654321 10:00`],
      },
      usage('10:10'),
      'wait nextHour',
    ],
    [
      'waits where AWS may still say that it is priced otherwise',
      { spans: [{ ...RUNNING[0]!, termsUnknownFrom: '2026-10-05T08:20:00Z' }] },
      usage('10:10'),
      'wait notSettled',
    ],
    [
      'waits where the terms may have changed inside its hour',
      { spans: [{ ...RUNNING[0]!, termsUnknownFrom: '10:30' }] },
      usage('10:10'),
      'wait notSettled',
    ],
    [
      'goes with it where the terms may have changed after its hour',
      { spans: [{ ...RUNNING[0]!, termsUnknownFrom: '11:00' }] },
      usage('10:10'),
      '1 11 10:00',
    ],
    [
      'goes with it, unpriced as it is, when it would be lost',
      { spans: [{ ...RUNNING[0]!, termsUnknownFrom: '2026-10-05T08:20:00Z' }], now: '2026-11-12T07:00:00Z' },
      usage('10:10'),
      '1 11 10:00',
    ],
    [
      'waits until then',
      { spans: [{ ...RUNNING[0]!, termsUnknownFrom: '2026-10-05T08:20:00Z' }], now: '2026-11-12T06:59:59Z' },
      usage('10:10'),
      'wait notSettled',
    ],
    [
      'goes with it though AWS refuses the dimension: each hour probes',
      { spans: RUNNING, refused: ['requests'] },
      usage('10:10'),
      '1 11 10:00',
    ],
    [
      'waits where AWS has told no name',
      { spans: [{ ...RUNNING[0]!, identity: null }] },
      usage('10:10'),
      'wait noIdentity',
    ],
    [
      'goes with its last hour a settle delay after the end',
      {
        spans: [{ agreement: '1', from: '2026-10-05T08:20:00Z', to: '11:02' }],
        now: '11:12',
      },
      usage('11:01'),
      '1 11 11:00',
    ],
    [
      'waits for that',
      { spans: [{ agreement: '1', from: '2026-10-05T08:20:00Z', to: '11:02' }], now: '11:11' },
      usage('11:01'),
      'wait notSettled',
    ],
    [
      'waits for a provisional start until it would be lost',
      { spans: [{ ...RUNNING[0]!, seals: 'lastMoment' }] },
      usage('10:10'),
      'wait notSettled',
    ],
    [
      'goes at that moment',
      { spans: [{ ...RUNNING[0]!, seals: 'lastMoment' }], now: '2026-11-12T07:00:00Z' },
      usage('10:10'),
      '1 11 10:00',
    ],
    [
      'is dry where the product was dry',
      { spans: RUNNING, modes: [{ from: null, mode: 'dry-run' }] },
      usage('10:10'),
      '1 dry-run 11 10:00',
    ],
    [
      'waits where the product was off',
      { spans: RUNNING, modes: [{ from: null, mode: 'off' }] },
      usage('10:10'),
      'wait notLive',
    ],
    ['waits where the product is not listed', { spans: RUNNING, isListed: false }, usage('10:10'), 'wait notListed'],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });
});

describe('usage that AWS refused until its record expired', () => {
  // Settled: hours up to 10:00, of which 10:00 is what is sealed now.
  const AGAIN = { stillRefused: ['requests'] };
  const earlier = (...hours: number[]): string[] => hours.map((hour) => `l-1 ${String(hour).padStart(2, '0')}:00`);
  const table: [string, Given, WaitingRollup, string][] = [
    ['goes alone with the newest free hour but that', { spans: RUNNING, ...AGAIN }, refused(usage(OLD)), '1 11 09:00'],
    [
      'goes there whatever lies between',
      { spans: RUNNING, ...AGAIN, taken: earlier(9, 8) },
      refused(usage(OLD)),
      '1 11 07:00',
    ],
    ['waits a third time', { spans: RUNNING, ...AGAIN }, refused(usage(OLD), 2), 'wait refused'],
    [
      'waits where every hour is taken but that',
      { spans: RUNNING, ...AGAIN, taken: ALL_BUT_LAST },
      refused(usage(OLD)),
      'wait refused',
    ],
    ['goes as ever once AWS would take it', { spans: RUNNING }, refused(usage(OLD), 2), '1 11 10:00'],
    ['is corrected all the same', { spans: RUNNING, ...AGAIN }, refused(usage(OLD, OLD, true), 2), '1 11 10:00'],
    [
      'waits where AWS refuses all usage like it',
      { spans: RUNNING, ...AGAIN, refused: ['requests'] },
      refused(usage(OLD)),
      'wait refused',
    ],
    [
      'goes with its own hour, where that is free',
      { spans: RUNNING, ...AGAIN },
      refused(usage('10:10'), 2),
      '1 11 10:00',
    ],
    [
      'goes with a free hour of its own month',
      { spans: RUNNING, ...AGAIN, now: '2026-12-01T01:15:00Z', taken: ['l-1 2026-11-30T22:00:00Z'] },
      refused(usage('2026-11-30T22:30:00Z')),
      '1 30 23:00',
    ],
    [
      'is tried a last time when its agreement is over',
      { spans: REPLACED, ...AGAIN, now: '11:20' },
      refused(usage(OLD), 2),
      '1 11 09:00',
    ],
    [
      'is tried with its last hour where no other is free',
      { spans: REPLACED, ...AGAIN, now: '11:20', taken: ALL_BUT_LAST },
      refused(usage(OLD), 2),
      '1 11 10:00',
    ],
    [
      'is closed with it where its last hour would be refused along with it',
      { spans: REPLACED, ...AGAIN, now: '11:20', taken: ALL_BUT_LAST },
      refused(usage(OLD), 2, 'invalidTag'),
      'wait refused',
    ],
    [
      'is closed with it where no hour is free',
      { spans: REPLACED, ...AGAIN, now: '11:20', taken: EVERY_HOUR },
      refused(usage(OLD), 2),
      'wait noHour',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });
});

describe('late usage', () => {
  const table: [string, Given, WaitingRollup, string][] = [
    [
      'whose own hour only the latest reading still allows goes with one that every reading allows',
      { spans: RUNNING, now: '10:30' },
      usage('2026-11-10T10:10:00Z'),
      '1 11 09:00',
    ],
    [
      'goes with its own hour where there is no other',
      {
        spans: [{ agreement: '1', from: '2026-11-10T10:00:00Z', to: '2026-11-10T11:00:00Z', end: null }],
        now: '10:30',
      },
      usage('2026-11-10T10:10:00Z'),
      '1 10 10:00',
    ],
    [
      'keeps its deadline where its name goes on under an agreement elsewhere',
      {
        spans: [
          {
            agreement: '1',
            from: '2026-10-05T08:20:00Z',
            to: '00:00',
            identity: legacy,
            end: { identityGoesOn: true },
          },
        ],
        now: '02:00',
      },
      usage('2026-11-10T23:30:00Z'),
      '1 10 23:00',
    ],
    [
      'goes with the newest settled hour while its period runs',
      { spans: RUNNING, taken: ['l-1 09:00'] },
      usage('09:10'),
      '1 11 10:00',
    ],
    [
      'goes with the next to settle where that is taken',
      { spans: RUNNING, taken: ['l-1 09:00', 'l-1 10:00'] },
      usage('09:10'),
      'wait nextHour',
    ],
    [
      'of the month before goes with a free hour of its own month [M22]',
      {
        spans: RUNNING,
        taken: ['l-1 2026-11-30T22:00:00Z'],
        now: '2026-12-01T01:05:00Z',
      },
      usage('2026-11-30T22:30:00Z'),
      '1 30 23:00',
    ],
    [
      'of the month before goes with this month where AWS takes none of that any more',
      {
        spans: RUNNING,
        taken: ['l-1 2026-11-30T22:00:00Z'],
        now: '2026-12-01T06:15:00Z',
      },
      usage('2026-11-30T22:30:00Z'),
      '1 01 05:00',
    ],
    [
      'of an agreement that is over goes with the newest free hour of it',
      {
        spans: REPLACED,
        taken: ['l-1 09:00'],
        now: '11:20',
      },
      usage('09:10'),
      '1 11 10:00',
    ],
    [
      'never goes with the next agreement [T5]',
      { spans: REPLACED, taken: ['l-1 09:00', 'l-1 10:00', 'l-1 08:00'], now: '11:40' },
      usage('09:10'),
      'wait noHour',
    ],
    [
      'of a trial never goes with paid time [M19]',
      { spans: TRIAL_TO_PAID, taken: ['l-1 12:00', 'l-1 13:00', 'l-1 14:00'], now: '15:30' },
      usage('12:10'),
      '1 trial 11 11:00',
    ],
    [
      'waits for a cause that AWS refuses',
      { spans: RUNNING, taken: ['l-1 09:00'], refused: ['l-1'] },
      usage('09:10'),
      'wait refused',
    ],
    [
      'is corrected all the same',
      { spans: RUNNING, taken: ['l-1 09:00'], refused: ['l-1'] },
      usage('09:10', '09:10', true),
      '1 11 10:00',
    ],
    [
      'is refused of live time alone: what is dry is never sent',
      {
        spans: RUNNING,
        modes: [{ from: null, mode: 'dry-run' }],
        taken: ['l-1 09:00'],
        refused: ['l-1', 'requests'],
      },
      usage('09:10'),
      '1 dry-run 11 10:00',
    ],
    [
      'of an agreement that is over has its turn all the same, as nothing after it would',
      { spans: [{ ...RUNNING[0]!, to: '11:20' }], taken: ['l-1 09:00'], refused: ['l-1', 'requests'], now: '11:40' },
      usage('09:10'),
      '1 11 11:00',
    ],
    [
      'is not refused for the cause of another license',
      { spans: REPLACED, refused: ['l-1'], taken: ['l-2 11:00'], now: '13:15' },
      usage('11:10'),
      '2 11 12:00',
    ],
    [
      'of a dry day stays dry when the product is live again',
      {
        spans: RUNNING,
        modes: [
          { from: null, mode: 'dry-run' },
          { from: at('10:00'), mode: 'live' },
        ],
        taken: ['l-1 09:00'],
      },
      usage('09:10'),
      '1 dry-run 11 08:00',
    ],
    [
      'of a live day is billed after a dry one [T22]',
      {
        spans: RUNNING,
        modes: [
          { from: null, mode: 'live' },
          { from: at('2026-11-10T00:00:00Z'), mode: 'dry-run' },
          { from: at('2026-11-11T00:00:00Z'), mode: 'live' },
        ],
        now: '01:15',
      },
      usage('2026-11-09T23:50:00Z'),
      '1 11 00:00',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });
});

describe('a boundary inside an hour', () => {
  const table: [string, Given, WaitingRollup, string][] = [
    ['cuts what lies on both sides', { spans: REPLACED }, usage('10:20', '10:50'), 'split at 10:37:00'],
    ['cuts at its last instant', { spans: REPLACED }, usage('10:20', '10:37'), 'split at 10:37:00'],
    [
      'is one of several, cut in the order of time',
      {
        spans: REPLACED,
        modes: [
          { from: null, mode: 'live' },
          { from: at('10:10'), mode: 'dry-run' },
          { from: at('10:20'), mode: 'live' },
        ],
      },
      usage('10:05', '10:50'),
      'split at 10:10:00, 10:20:00, 10:37:00',
    ],
    ['leaves what lies on one', { spans: REPLACED }, usage('10:37', '10:50'), '2 11 10:00'],
    ['gives two licenses a record each [M5]', { spans: REPLACED }, usage('10:10', '10:36'), '1 11 10:00'],
    [
      'gives one license one, to the earlier side [T4]',
      { spans: TRIAL_TO_PAID, now: '15:15' },
      usage('14:05'),
      '1 trial 11 14:00',
    ],
    [
      'and the later side begins with the next',
      { spans: TRIAL_TO_PAID, now: '15:15' },
      usage('14:40'),
      'wait nextHour',
    ],
    ['which is free once it has settled', { spans: TRIAL_TO_PAID, now: '16:10' }, usage('14:40'), '1 11 15:00'],
    [
      'at its first instant cuts no hour [T20]',
      {
        spans: [
          { ...LEGACY_RENEWED[0]!, to: '2026-11-01T00:00:00Z' },
          { ...LEGACY_RENEWED[1]!, from: '2026-11-01T00:00:00Z' },
        ],
        now: '2026-11-01T01:15:00Z',
      },
      usage('2026-11-01T00:20:00Z'),
      '2 01 00:00',
    ],
    [
      'a renewed identity keeps the deadline of its hour [T14]',
      { spans: LEGACY_RENEWED, now: '02:00' },
      usage('2026-11-10T23:30:00Z'),
      '1 10 23:00',
    ],
    [
      'an identity that ends does not',
      {
        spans: [LEGACY_RENEWED[0]!, { agreement: '2', from: '2026-11-11T00:00:00Z' }],
        now: '02:00',
      },
      usage('2026-11-10T23:30:00Z'),
      'wait noHour',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });

  it('gives each record an instant inside its agreement, a second after its start', () => {
    const first = ruleOf({ spans: REPLACED }).plan(usage('10:20'));
    const second = ruleOf({ spans: REPLACED }).plan(usage('10:50'));
    expect(
      [first, second].map((plan) => (plan.to === 'hour' ? plan.hour.timestamp.toISOString().slice(11, 19) : plan.to)),
    ).toEqual(['10:00:00', '10:37:01']);
  });
});

describe('a mode that changes inside an hour', () => {
  const changes = (first: ModeChange['mode'], ...rest: [string, ModeChange['mode']][]): ModeChange[] => [
    { from: null, mode: first },
    ...rest.map(([from, mode]) => ({ from: at(from), mode })),
  ];
  const LEFT = changes('live', ['10:30', 'dry-run']);
  const BACK = changes('live', ['10:30', 'dry-run'], ['11:00', 'live']);
  const ALL_LIVE = ['l-1 10:00', 'l-1 09:00', 'l-1 08:00', 'l-1 07:00'];
  const BEGUN: SpanGiven[] = [{ agreement: '1', from: '07:00' }];
  const table: [string, Given, WaitingRollup, string][] = [
    ['cuts what lies on both sides', { spans: RUNNING, modes: LEFT }, usage('10:20', '10:50'), 'split at 10:30:00'],
    ['to the instant', { spans: RUNNING, modes: LEFT }, usage('10:30', '10:50'), '1 dry-run 11 10:00'],
    ['does not cut what lies before', { spans: RUNNING, modes: LEFT }, usage('10:00', '10:29'), '1 11 10:00'],
    [
      'gives each side its record: two boundaries, three pieces',
      { spans: RUNNING, modes: changes('live', ['10:10', 'dry-run'], ['10:40', 'live']) },
      usage('10:00', '10:50'),
      'split at 10:10:00, 10:40:00',
    ],
    [
      'gives the live part the hour that began as dry-run',
      { spans: RUNNING, modes: changes('dry-run', ['10:40', 'live']) },
      usage('10:45'),
      '1 11 10:00',
    ],
    [
      'cuts nothing where both rows say the same',
      { spans: RUNNING, modes: changes('live', ['10:30', 'live']) },
      usage('10:20', '10:50'),
      '1 11 10:00',
    ],
    [
      'has late usage of live time go with the hour in which it was left',
      { spans: RUNNING, modes: LEFT, taken: ['l-1 09:00'], now: '13:15' },
      usage('09:10'),
      '1 11 10:00',
    ],
    [
      'where that is taken, with the newest free hour that was live',
      { spans: RUNNING, modes: LEFT, taken: ['l-1 10:00', 'l-1 09:00'], now: '13:15' },
      usage('10:20'),
      '1 11 08:00',
    ],
    [
      'of its own month first',
      {
        spans: RUNNING,
        modes: changes('live', ['2026-12-01T01:30:00Z', 'dry-run']),
        taken: ['l-1 2026-11-30T22:00:00Z'],
        now: '2026-12-01T03:15:00Z',
      },
      usage('2026-11-30T22:30:00Z'),
      '1 30 23:00',
    ],
    [
      'of another month where its own has none, though the product was left since',
      {
        spans: RUNNING,
        modes: changes('live', ['2026-12-01T02:30:00Z', 'dry-run']),
        taken: ['l-1 2026-12-01T02:00:00Z'],
        now: '2026-12-01T06:15:00Z',
      },
      usage('2026-11-30T22:30:00Z'),
      '1 01 01:00',
    ],
    [
      'never with an hour of dry-run time: another system may meter it',
      { spans: BEGUN, modes: LEFT, taken: ALL_LIVE, now: '13:15' },
      usage('09:10'),
      'wait noHour',
    ],
    [
      'waits for the hour in which it was left, to settle',
      { spans: RUNNING, modes: LEFT, taken: ['l-1 09:00', 'l-1 08:00'], now: '10:50' },
      usage('09:10'),
      'wait nextHour',
    ],
    [
      'goes with the next hour once the product is live again',
      { spans: BEGUN, modes: BACK, taken: ALL_LIVE, now: '12:15' },
      usage('10:20'),
      '1 11 11:00',
    ],
    [
      'waits for the hour with which it will be live again',
      { spans: BEGUN, modes: changes('live', ['10:30', 'dry-run'], ['20:00', 'live']), taken: ALL_LIVE },
      usage('10:20'),
      'wait nextHour',
    ],
    [
      'but not where one is free before',
      { spans: RUNNING, modes: changes('live', ['10:30', 'dry-run'], ['20:00', 'live']), taken: ['l-1 10:00'] },
      usage('10:20'),
      '1 11 09:00',
    ],
    [
      'leaves late usage of dry-run time dry, in an hour of its own',
      { spans: RUNNING, modes: BACK, now: '13:15' },
      usage('10:45'),
      '1 dry-run 11 10:00',
    ],
    [
      'leaves usage of off time waiting',
      { spans: RUNNING, modes: changes('live', ['10:30', 'off']) },
      usage('10:45'),
      'wait notLive',
    ],
    [
      'bills live usage of before AWS’s start in the hour that AWS takes',
      { spans: [{ agreement: '1', from: '10:10', startsAt: '10:40' }], modes: LEFT },
      usage('10:20'),
      '1 11 10:00',
    ],
    [
      'is no boundary of price: corrections of live time follow it',
      { spans: RUNNING, modes: LEFT, taken: ['l-1 09:00'], refused: ['l-1'], now: '13:15' },
      usage('09:10', '09:10', true),
      '1 11 10:00',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });

  it('is looked at again when its agreement is over, though no hour of its mode settles by then', () => {
    const spans = [{ ...RUNNING[0]!, to: '19:45' }];
    const plan = ruleOf({ spans, modes: LEFT, taken: ['l-1 09:00'], refused: ['l-1'], now: '13:15' }).plan(
      usage('09:10'),
    );
    expect(plan).toMatchObject({ to: 'wait', reason: 'refused', lookAt: at('19:45') });
  });

  it('is looked at again when the hour has settled with which it will be live again', () => {
    const plan = ruleOf({
      ...{ spans: BEGUN, taken: ALL_LIVE },
      modes: changes('live', ['10:30', 'dry-run'], ['20:00', 'live']),
    }).plan(usage('10:20'));
    expect(plan).toMatchObject({ to: 'wait', lookAt: at('21:10') });
  });

  it('carries a whole unit of live time to an hour that was live, after the product was left', () => {
    const rule = ruleOf({ spans: RUNNING, modes: LEFT, taken: ['l-1 10:00'], now: '13:15' });
    const place = rule.placeOf(1, at('10:10'));
    expect(place.kind === 'period' ? said(rule.planCarry(place.period, 'requests')) : place.kind).toBe('1 11 09:00');
  });
});

describe('usage that no agreement covers', () => {
  const ENDED: SpanGiven[] = [{ agreement: '1', from: '2026-10-05T08:20:00Z', to: '10:05' }];
  const LATER = '2026-11-12T12:00:00Z';
  const table: [string, Given, WaitingRollup, string][] = [
    ['waits after the end [M21]', { spans: ENDED }, usage('10:45'), 'wait afterEnd'],
    ['waits on until AWS was asked', { spans: ENDED, now: LATER }, usage('10:45'), 'wait afterEnd'],
    [
      'is set apart once AWS was asked, and its cutoff has passed',
      { spans: ENDED, now: LATER, subscription: { askedAt: at('11:00') } },
      usage('10:45'),
      'set apart afterEnd',
    ],
    [
      'is set apart where AWS may not be asked',
      { spans: ENDED, now: LATER, subscription: { mayNotAsk: true } },
      usage('10:45'),
      'set apart afterEnd',
    ],
    [
      'does not count an answer from before the end',
      { spans: ENDED, now: LATER, subscription: { askedAt: at('10:00') } },
      usage('10:45'),
      'wait afterEnd',
    ],
    [
      'nor one that comes so soon after it that it may be older',
      { spans: ENDED, now: LATER, subscription: { askedAt: at('10:14:59') } },
      usage('10:45'),
      'wait afterEnd',
    ],
    [
      'waits for an announced successor [T2]',
      { spans: [{ ...ENDED[0]!, end: { awaitsSuccessor: true } }] },
      usage('10:45'),
      'wait awaitingSuccessor',
    ],
    [
      'is set apart where AWS, asked, knows no successor',
      { spans: [{ ...ENDED[0]!, end: { awaitsSuccessor: true } }], now: LATER, subscription: { askedAt: at('11:00') } },
      usage('10:45'),
      'set apart awaitingSuccessor',
    ],
    ['waits before the start', { spans: [{ agreement: '1', from: '10:05' }] }, usage('09:10'), 'wait beforeStart'],
    [
      'is set apart before the start, once its own cutoff has passed [M20]',
      { spans: [{ agreement: '1', from: '10:05' }] },
      usage('2026-10-14T09:10:00Z'),
      'set apart beforeStart',
    ],
    [
      'of a purchase that failed waits',
      { spans: [{ ...RUNNING[0]!, seals: 'never' }] },
      usage('10:10'),
      'wait noSubscription',
    ],
    [
      'of a purchase that failed is set apart once its cutoff has passed',
      { spans: [{ ...RUNNING[0]!, seals: 'never' }], now: LATER },
      usage('10:10'),
      'set apart noSubscription',
    ],
    [
      'of a tenant that had no subscription then waits',
      { spans: RUNNING, tenancy: { from: '10:30' } },
      usage('10:10'),
      'wait noSubscription',
    ],
    ['of nobody waits', { spans: RUNNING }, { ...usage('10:10'), subject: 99 }, 'wait unknownSubject'],
    [
      'of nobody waits for ever: a claim may still name its subject',
      { spans: RUNNING, now: LATER, subscription: { mayNotAsk: true } },
      { ...usage('10:10'), subject: 99 },
      'wait unknownSubject',
    ],
    ['begins with the very instant of the end', { spans: ENDED }, usage('10:05'), 'wait afterEnd'],
    [
      'waits after a boundary of which AWS has told no end',
      { spans: [{ ...ENDED[0]!, end: null }] },
      usage('10:45'),
      'wait afterEnd',
    ],
    [
      'and is set apart there once AWS was asked',
      { spans: [{ ...ENDED[0]!, end: null }], now: LATER, subscription: { askedAt: at('10:15') } },
      usage('10:45'),
      'set apart afterEnd',
    ],
    [
      'waits while AWS may still take usage of what ended',
      {
        spans: [{ ...ENDED[0]!, end: { lastHeardAt: at('2026-11-12T11:00:01Z') } }],
        now: LATER,
        subscription: { mayNotAsk: true },
      },
      usage('10:45'),
      'wait afterEnd',
    ],
    [
      'is set apart at the instant at which that window closes',
      {
        spans: [{ ...ENDED[0]!, end: { lastHeardAt: at('2026-11-12T11:00:00Z') } }],
        now: LATER,
        subscription: { mayNotAsk: true },
      },
      usage('10:45'),
      'set apart afterEnd',
    ],
    [
      'is set apart at its own cutoff, to the instant',
      { spans: ENDED, now: '2026-11-12T11:00:00Z', subscription: { mayNotAsk: true } },
      usage('10:45'),
      'set apart afterEnd',
    ],
    [
      'waits for the successor of the agreement that ended before it, not of a later one',
      {
        spans: [
          { agreement: '1', from: '2026-10-05T08:20:00Z', to: '09:00', end: { awaitsSuccessor: true } },
          { agreement: '2', from: '10:00', to: '10:50' },
        ],
      },
      usage('09:30'),
      'wait awaitingSuccessor',
    ],
    [
      'waits for a start beside a purchase that failed',
      {
        spans: [
          { agreement: '1', from: '08:00', to: '12:00', seals: 'never', end: null },
          { agreement: '2', from: '11:00' },
        ],
      },
      usage('09:10'),
      'wait beforeStart',
    ],
    [
      'does not wait for the start of a purchase that failed',
      { spans: [{ agreement: '1', from: '11:00', seals: 'never' }] },
      usage('09:10'),
      'wait noSubscription',
    ],
    [
      'is cut where the reason changes for which nobody pays it',
      { spans: ENDED, tenancy: { from: '10:30' } },
      usage('10:20', '10:50'),
      'split at 10:30:00',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });
});

describe('when usage that no agreement covers is looked at again', () => {
  const lookAt = (given: Given, rollup: WaitingRollup): Date | null => {
    const plan = ruleOf(given).plan(rollup);
    return plan.to === 'wait' ? plan.lookAt : new Date(Number.NaN);
  };
  const endedAt = (to: string, lastHeardAt: string): SpanGiven => ({
    ...{ agreement: '1', from: '2026-10-05T08:20:00Z', to },
    end: { lastHeardAt: at(lastHeardAt) },
  });
  const CUTOFF = '2026-11-12T11:00:00Z';
  it.each<[string, Given, Date | null]>([
    ['at its cutoff', { spans: [endedAt('10:05', '10:05')] }, at(CUTOFF)],
    ['before that when the window of the end closes', { spans: [endedAt('10:05', '11:00')] }, at('12:00')],
    [
      'of two ends when the later window closes',
      {
        spans: [endedAt('10:05', '12:30')],
        others: [{ spans: [endedAt('10:05', '11:00')] }, { spans: [{ agreement: '3', from: '20:00' }] }],
      },
      at('13:30'),
    ],
    ['at no instant that is already over', { spans: [endedAt('10:05', '10:05')], now: CUTOFF }, null],
  ])('%s', (_, given, expected) => {
    expect(lookAt(given, usage('10:45'))).toEqual(expected);
  });

  it('never, where its subject is unknown: only a claim changes that', () => {
    const rule = ruleOf({ spans: RUNNING });
    expect(lookAt({ spans: RUNNING }, { ...usage('10:10'), subject: 99 })).toBeNull();
    expect(rule.placeOf(99, at('10:10'))).toEqual({
      ...{ kind: 'none', why: 'unknownSubject', isOver: false, windowClosesAt: null },
    });
  });
});

describe('usage whose period is over and has no free hour', () => {
  const OVER: SpanGiven[] = [{ agreement: '1', from: '09:00', to: '10:37' }];
  const waits = (given: Given): [string, Date | null] => {
    const plan = ruleOf({ taken: ['l-1 09:00'], ...given }).plan(usage('09:10'));
    return [said(plan), plan.to === 'wait' ? plan.lookAt : null];
  };
  it.each<[string, Given, [string, Date | null]]>([
    ['waits for its last hour to settle', { spans: OVER, now: '10:40' }, ['wait nextHour', at('10:47')]],
    [
      'then for the closing of its period, at the last hour’s cutoff',
      { spans: OVER, taken: ['l-1 09:00', 'l-1 10:00'] },
      ['wait noHour', at('11:37')],
    ],
    [
      'which is no instant to look at once it has come',
      { spans: OVER, taken: ['l-1 09:00', 'l-1 10:00'], now: '11:37' },
      ['wait noHour', null],
    ],
    [
      'waits for a name where AWS has told none',
      { spans: [{ ...OVER[0]!, identity: null }] },
      ['wait noIdentity', at('11:37')],
    ],
    [
      'also where only some of its hours have none',
      {
        spans: [
          { agreement: '1', from: '09:00', to: '10:00', end: null },
          { agreement: '1', from: '10:00', to: '10:37', identity: null },
        ],
      },
      ['wait noIdentity', at('11:37')],
    ],
    [
      'but what AWS refuses is refused, named or not',
      { spans: [{ ...OVER[0]!, identity: null }], refused: ['requests'] },
      ['wait refused', at('11:37')],
    ],
    [
      'waits for good where the period is long over',
      { spans: [{ agreement: '1', from: '09:00', to: '10:37' }], now: '2026-11-20T00:00:00Z' },
      ['wait noHour', null],
    ],
  ])('%s', (_, given, expected) => {
    expect(waits(given)).toEqual(expected);
  });

  it('goes with its own hour where only the latest reading allows any', () => {
    // Hours of the last day of a month: the age forbids them, the grace of the month’s end still allows them.
    const spans: SpanGiven[] = [
      { agreement: '1', from: '2026-11-29T00:00:00Z', to: '2026-11-30T05:00:00Z', end: null },
    ];
    expect(planned({ spans, now: '2026-12-01T05:30:00Z' }, usage('2026-11-30T02:10:00Z'))).toBe('1 30 02:00');
  });
});

describe('a cause that AWS refuses, before the period has an hour', () => {
  it('is that of the name that its first hour will have', () => {
    const spans: SpanGiven[] = [{ agreement: '1', from: '10:40', startsAt: '11:10' }];
    expect(planned({ spans, now: '10:50', refused: ['l-1'] }, usage('10:45'))).toBe('wait refused');
    expect(planned({ spans, now: '10:50' }, usage('10:45'))).toBe('wait nextHour');
  });
});

describe('whether two places are one', () => {
  const none = { kind: 'none', why: 'afterEnd', isOver: false, windowClosesAt: null } as const;
  it('tells reasons apart, and what is over for certain from what may still be paid', () => {
    const keys = [
      none,
      { ...none, why: 'beforeStart' as const },
      { ...none, isOver: true },
      { kind: 'several' as const },
    ];
    expect(new Set(keys.map(placeKey)).size).toBe(4);
    expect(placeKey({ ...none, windowClosesAt: at('12:00') })).toBe(placeKey(none));
  });
});

describe('usage that several subscriptions could pay', () => {
  // The buyer of the second arrives at 10:10, AWS's start is 10:40.
  const ARRIVING: Given = {
    spans: RUNNING,
    others: [{ spans: [{ agreement: '2', from: '10:10', startsAt: '10:40' }] }],
  };
  const LEGACY_ARRIVING: Given = {
    spans: [{ ...RUNNING[0]!, identity: legacy }],
    others: [{ spans: [{ ...ARRIVING.others![0]!.spans[0]!, identity: account }] }],
  };
  const GAPS: [string, Given, WaitingRollup, string][] = [
    ['between the arrival and the start of one: goes to the one that runs', ARRIVING, usage('10:20'), '1 11 10:00'],
    ['likewise with legacy names', LEGACY_ARRIVING, usage('10:20'), '1 11 10:00'],
    [
      'likewise where the product takes the paid one first',
      { ...ARRIVING, spans: [{ ...RUNNING[0]!, price: 'trial' }], onSeveral: 'paidFirst' },
      usage('10:20'),
      '1 trial 11 10:00',
    ],
    ['from the start on it waits', ARRIVING, usage('10:40'), 'wait ambiguous'],
    ['it is cut there', ARRIVING, usage('10:20', '10:50'), 'split at 10:40:00'],
    ['it is not cut at the arrival', ARRIVING, usage('10:05', '10:35'), '1 11 10:00'],
    [
      'goes to the start where the one that ran has ended before the arrival',
      { ...ARRIVING, spans: [{ ...RUNNING[0]!, to: '10:05' }] },
      usage('10:20'),
      '2 11 10:00',
    ],
    [
      'is cut where the one that ran ends before the start',
      { ...ARRIVING, spans: [{ ...RUNNING[0]!, to: '10:30' }] },
      usage('10:20', '10:35'),
      'split at 10:30:00',
    ],
    [
      'goes to the start where it names the newcomer beside the tenant',
      { ...ARRIVING, subject: { payer: 's2' } },
      usage('10:20'),
      '2 11 10:00',
    ],
    [
      'goes to the start where it names the newcomer alone',
      { ...ARRIVING, subject: { tenant: null, payer: 's2' } },
      usage('10:20'),
      '2 11 10:00',
    ],
    [
      'goes to the start where the newcomer was chosen',
      { ...ARRIVING, choices: [{ subscriptionId: 's2', from: '10:15' }] },
      usage('10:20'),
      '2 11 10:00',
    ],
  ];
  const TWO: Given = { spans: RUNNING, others: [{ spans: [{ agreement: '2', from: '2026-10-06T08:20:00Z' }] }] };
  const table: [string, Given, WaitingRollup, string][] = [
    ['waits [M2]', TWO, usage('10:10'), 'wait ambiguous'],
    ['goes to the payer that is named', { ...TWO, subject: { payer: 's2' } }, usage('10:10'), '2 11 10:00'],
    [
      'goes to the one chosen at that instant',
      { ...TWO, choices: [{ subscriptionId: 's2', from: '10:00' }] },
      usage('10:10'),
      '2 11 10:00',
    ],
    [
      'waits before the choice',
      { ...TWO, choices: [{ subscriptionId: 's2', from: '10:30' }] },
      usage('10:10'),
      'wait ambiguous',
    ],
    [
      'is cut where a choice changes the payer',
      { ...TWO, choices: [{ subscriptionId: 's2', from: '10:30' }] },
      usage('10:10', '10:40'),
      'split at 10:30:00',
    ],
    [
      'goes to the only paid one where the product says so',
      { ...TWO, spans: [{ ...RUNNING[0]!, price: 'trial' }], onSeveral: 'paidFirst' },
      usage('10:10'),
      '2 11 10:00',
    ],
    [
      'waits where the product does not say so',
      { ...TWO, spans: [{ ...RUNNING[0]!, price: 'trial' }] },
      usage('10:10'),
      'wait ambiguous',
    ],
    [
      'is set apart only where every one of them is over for certain',
      {
        spans: [{ ...RUNNING[0]!, to: '10:00' }],
        subscription: { askedAt: at('11:00') },
        others: [{ spans: [{ agreement: '2', from: '2026-10-06T08:20:00Z', to: '10:05' }] }],
        now: '2026-11-12T12:00:00Z',
      },
      usage('10:45'),
      'wait afterEnd',
    ],
    [
      'is cut where one of them is handed over',
      { ...TWO, tenancy: { to: '10:30' } },
      usage('10:10', '10:40'),
      'split at 10:30:00',
    ],
    [
      'is cut where one of them is handed in',
      { ...TWO, tenancy: { from: '10:30' } },
      usage('10:10', '10:40'),
      'split at 10:30:00',
    ],
    ['waits where two are paid', { ...TWO, onSeveral: 'paidFirst' }, usage('10:10'), 'wait ambiguous'],
    [
      'goes to the one that is left when the other has ended',
      { ...TWO, spans: [{ ...RUNNING[0]!, to: '10:00' }] },
      usage('10:10'),
      '2 11 10:00',
    ],
    [
      'stays with the chosen one that awaits its successor',
      {
        ...TWO,
        spans: [{ ...RUNNING[0]!, to: '10:00', end: { awaitsSuccessor: true } }],
        choices: [{ subscriptionId: 's1', from: '09:00' }],
      },
      usage('10:10'),
      'wait awaitingSuccessor',
    ],
    [
      'leaves a chosen one that is over for certain',
      {
        ...TWO,
        spans: [{ ...RUNNING[0]!, to: '09:30' }],
        subscription: { askedAt: at('10:00') },
        choices: [{ subscriptionId: 's1', from: '09:00' }],
      },
      usage('10:10'),
      '2 11 10:00',
    ],
    [
      'does not follow a subscription to another tenant',
      { spans: RUNNING, tenancy: { tenantId: 'other' }, subject: { payer: 's1' } },
      usage('10:10'),
      'wait noSubscription',
    ],
    ...GAPS,
    [
      'recorded for a subscription alone is never ambiguous',
      { ...TWO, subject: { tenant: null, payer: 's1' } },
      usage('10:10'),
      '1 11 10:00',
    ],
  ];
  it.each(table)('%s', (_, given, rollup, expected) => {
    expect(planned(given, rollup)).toBe(expected);
  });
});

describe('a carry of a whole unit', () => {
  const carry = (given: Given): string => {
    const rule = ruleOf(given);
    const place = rule.placeOf(1, at('10:10'));
    return place.kind === 'period' ? said(rule.planCarry(place.period, 'requests')) : place.kind;
  };
  it.each([
    ['goes with the newest settled hour', { spans: RUNNING }, '1 11 10:00'],
    ['goes with the next where that is taken', { spans: RUNNING, taken: ['l-1 10:00'] }, 'wait nextHour'],
    [
      'goes with the newest free hour of a period that is over',
      { spans: REPLACED, taken: ['l-1 10:00'] },
      '1 11 09:00',
    ],
    ['waits where AWS refuses it', { spans: RUNNING, refused: ['requests'] }, 'wait refused'],
    ['waits where the product was off', { spans: RUNNING, modes: [{ from: null, mode: 'off' }] }, 'wait notLive'],
    [
      'waits where AWS takes no hour of its period any more',
      { spans: REPLACED, now: '2026-11-14T00:00:00Z' },
      'wait noHour',
    ],
  ] as [string, Given, string][])('%s', (_, given, expected) => {
    expect(carry(given)).toBe(expected);
  });
});
