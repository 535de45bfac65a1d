import { describe, expect, it } from '@jest/globals';
import { quantityStepsOf, type SaidEntitlements } from '../../../src/metering/sealing/included-quantity.js';
import { type QuantityStep } from '../../../src/metering/sealing/quantity-steps.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { formatDecimal } from '../../../src/runtime/decimal.js';

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
type Value = number | boolean | string | null;
interface Row {
  value: Value;
  dimension?: string;
  expiresAt?: string;
}

function said(fetched: string, otherwise: string | null, ...rows: (Row | Value)[]): SaidEntitlements {
  return {
    fetchedAt: at(fetched),
    otherwiseAt: otherwise === null ? null : at(otherwise),
    entitlements: rows.map((row) => {
      const { value, dimension = 'pack', expiresAt } = typeof row === 'object' && row !== null ? row : { value: row };
      return { dimension, value, expiresAt: expiresAt === undefined ? null : at(expiresAt).toISOString() };
    }),
  };
}

const shown = (steps: readonly QuantityStep[]): string[][] =>
  steps.map(({ fromHour, quantity }) => [
    Number.isFinite(fromHour) ? new Date(fromHour * HOUR_MS).toISOString().slice(11, 13) : 'start',
    formatDecimal(quantity),
  ]);

function read(history: readonly SaidEntitlements[], told: readonly string[] = []) {
  const { steps, renewals } = quantityStepsOf(history, told.map(at), new Map([['pack', 1]]));
  return {
    steps: shown(steps),
    renewals: renewals.map((renewal) => renewal.toISOString().slice(11, 16)),
  };
}

describe('K29 the quantity that an answer names', () => {
  it.each<[string, Value | Row, string]>([
    ['an amount', 5, '5'],
    ['a fraction', 2.5, '2.5'],
    ['an amount that a number names no more exactly', 2 ** 59, '576460752303423500'],
    ['an amount beyond all', 2 ** 60, '1000000000000000000'],
    ['the largest amount that it names exactly', 2 ** 53 - 1, '9007199254740991'],
    ['yes', true, '1'],
    ['no', false, '0'],
    ['text', 'gold', '0'],
    ['text of digits', '5', '0'],
    ['none', null, '0'],
    ['less than nothing', -3, '0'],
    ['another dimension', { value: 7, dimension: 'seats' }, '0'],
  ])('%s', (_, value, quantity) => {
    expect(read([said('10:00', null, value)])).toEqual({ steps: [['start', quantity]], renewals: [] });
  });

  it('sums rows of one dimension', () => {
    expect(read([said('10:00', null, 3, 4, { value: 9, dimension: 'seats' })]).steps).toEqual([['start', '7']]);
  });
});

describe('a quantity of several contract dimensions', () => {
  it('is their sum, each by what one unit of it stands for, and changes once where one takes the place of another', () => {
    const history = [
      said('10:05', null, 3, { value: 1, dimension: 'box' }, { value: 9, dimension: 'seats' }),
      said('12:30', '12:20', { value: 4, dimension: 'box' }),
      said('14:30', '14:20', 1),
    ];
    const factors = new Map([
      ['pack', 10],
      ['box', 100],
    ]);
    const { steps } = quantityStepsOf(history, [at('12:25'), at('14:25')], factors);
    expect(shown(steps)).toEqual([
      ['start', '130'],
      ['12', '400'],
      ['15', '10'],
    ]);
  });
});

describe('K26 an amendment', () => {
  it.each<[string, SaidEntitlements[], string[], string[][]]>([
    ['upwards, by its message', [said('10:05', null, 10), said('12:40', '11:05', 15)], ['12:30'], [['12', '15']]],
    ['upwards, found by asking', [said('10:05', null, 10), said('13:05', '12:10', 15)], [], [['12', '15']]],
    [
      'upwards, found by asking: the last answer may be from ten minutes before it was given',
      [said('10:05', null, 10), said('13:05', '12:09', 15)],
      [],
      [['11', '15']],
    ],
    [
      'upwards, by its message just before an answer that did not know yet',
      [said('10:05', null, 10), said('13:10', '13:02', 15)],
      ['12:58'],
      [['12', '15']],
    ],
    [
      'downwards, by its message just before an answer that did not know yet',
      [said('10:05', null, 10), said('14:10', '13:02', 5)],
      ['12:58'],
      [['13', '5']],
    ],
    ['downwards, by its message', [said('10:05', null, 10), said('12:40', '11:05', 5)], ['12:30'], [['13', '5']]],
    [
      'downwards, by its message at an hour',
      [said('10:05', null, 10), said('12:10', '11:05', 5)],
      ['12:00'],
      [['12', '5']],
    ],
    [
      'downwards, told long before AWS was asked',
      [said('10:05', null, 10), said('18:10', '11:05', 5)],
      ['12:00'],
      [['19', '5']],
    ],
    ['downwards, found by asking', [said('10:05', null, 10), said('13:05', '12:05', 5)], [], [['14', '5']]],
    [
      'a message from before the last answer, which knew of it',
      [said('10:05', null, 10), said('13:05', '12:10', 15)],
      ['12:00'],
      [['12', '15']],
    ],
    [
      'the last of two messages',
      [said('10:05', null, 10), said('14:05', '11:05', 15)],
      ['12:00', '13:00'],
      [['13', '15']],
    ],
    [
      'downwards, told two hours before AWS was asked',
      [said('10:05', null, 10), said('14:00', '11:05', 5)],
      ['12:00'],
      [['12', '5']],
    ],
    [
      'downwards, by its message just before a first answer that did not know yet',
      [said('12:58', null, 10), said('14:10', '13:02', 5)],
      ['12:57'],
      [['13', '5']],
    ],
    [
      'a message of ten minutes before the last answer, which knew of it',
      [said('10:05', null, 10), said('13:05', '12:15', 5)],
      ['12:05'],
      [['14', '5']],
    ],
    [
      'a message that had brought the answer before',
      [said('10:05', null, 10), said('12:31', '12:30', 15), said('13:05', '12:35', 5)],
      ['12:30'],
      [
        ['12', '15'],
        ['14', '5'],
      ],
    ],
    [
      'a message of the very instant of the last answer, which may not have known of it',
      [said('10:05', null, 10), said('13:05', '12:05', 5)],
      ['12:05'],
      [['13', '5']],
    ],
    [
      'a message of the very instant of the answer',
      [said('10:05', null, 10), said('13:05', '12:05', 15)],
      ['13:05'],
      [['13', '15']],
    ],
    ['a message from after the answer', [said('10:05', null, 10), said('13:05', '12:05', 5)], ['14:30'], [['14', '5']]],
    [
      'that is told before another has begun to count: never out of order',
      [said('10:05', null, 10), said('13:05', '12:10', 15), said('13:20', '13:10', 5), said('13:50', '13:40', 8)],
      [],
      [
        ['12', '15'],
        ['14', '5'],
        ['14', '8'],
      ],
    ],
    [
      'that is taken back',
      [said('10:05', null, 10), said('12:05', '11:10', 15), said('13:05', '12:05', 10)],
      [],
      [
        ['11', '15'],
        ['14', '10'],
      ],
    ],
    [
      'an answer that says the same of it',
      [said('10:05', null, 10), said('12:05', '11:05', 10, { value: 1, dimension: 'x' })],
      [],
      [],
    ],
  ])('%s', (_, history, told, later) => {
    expect(read(history, told)).toEqual({ steps: [['start', '10'], ...later], renewals: [] });
  });
});

describe('an answer before which nothing is known', () => {
  it('counts from the beginning', () => {
    expect(read([said('12:05', '11:05', 10)]).steps).toEqual([['start', '10']]);
    expect(read([said('10:05', null, 10), said('12:05', null, 15)]).steps).toEqual([
      ['start', '10'],
      ['start', '15'],
    ]);
  });
});

describe('K27 a renewal of the same agreement', () => {
  it('begins at the old end', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '12:00' }),
      said('12:05', '11:05', { value: 10, expiresAt: '23:00' }),
    ];
    expect(read(history)).toEqual({ steps: [['start', '10']], renewals: ['12:00'] });
  });

  it('K29 begins there too where AWS lists nothing for a while', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '12:00' }),
      said('12:15', '11:05'),
      said('14:05', '13:05', { value: 12, expiresAt: '23:00' }),
    ];
    expect(read(history)).toEqual({
      steps: [
        ['start', '10'],
        ['12', '12'],
      ],
      renewals: ['12:00'],
    });
  });

  it('with fewer units leaves what was sealed as it is', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '12:00' }),
      said('12:05', '11:05', { value: 5, expiresAt: '23:00' }),
    ];
    expect(read(history)).toEqual({
      steps: [
        ['start', '10'],
        ['12', '5'],
      ],
      renewals: ['12:00'],
    });
  });

  it('takes nothing back that was amended before the old end', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '20:00' }),
      said('12:05', '11:10', { value: 15, expiresAt: '20:00' }),
      said('21:05', '19:05', { value: 18, expiresAt: '23:00' }),
    ];
    expect(read(history)).toEqual({
      steps: [
        ['start', '10'],
        ['11', '15'],
        ['20', '18'],
      ],
      renewals: ['20:00'],
    });
  });

  it('K29 begins at the old end, also where AWS lists nothing from that very hour', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '12:00' }),
      said('12:00', '11:05'),
      said('14:05', '13:05', { value: 12, expiresAt: '23:00' }),
    ];
    expect(read(history).steps).toEqual([
      ['start', '10'],
      ['12', '12'],
    ]);
  });

  it('that is signed ahead begins at the old end; more units count at once, fewer from the next hour', () => {
    const [first, later] = [{ value: 10, expiresAt: '20:00' }, { expiresAt: '23:00' }];
    const upTo = (value: number) => [said('10:05', null, first), said('12:40', '11:05', { value, ...later })];
    expect(read(upTo(15), ['12:30'])).toEqual({
      steps: [
        ['start', '10'],
        ['12', '15'],
      ],
      renewals: ['20:00'],
    });
    expect(read(upTo(5), ['12:30'])).toEqual({
      steps: [
        ['start', '10'],
        ['13', '5'],
      ],
      renewals: ['20:00'],
    });
  });

  it('is none where that of another dimension ends later', () => {
    const rows = (end: string): Row[] => [
      { value: 10, expiresAt: '20:00' },
      { value: 1, dimension: 'seats', expiresAt: end },
    ];
    expect(read([said('10:05', null, ...rows('12:00')), said('12:30', '12:20', ...rows('19:00'))]).renewals).toEqual(
      [],
    );
  });

  it('is counted by the earliest end of several rows', () => {
    const rows = (...ends: string[]): Row[] => ends.map((expiresAt) => ({ value: 5, expiresAt }));
    const history = [said('10:05', null, ...rows('12:00', '20:00')), said('12:05', '11:05', ...rows('20:00', '23:00'))];
    expect(read(history).renewals).toEqual(['12:00']);
  });

  it('is seen also where a row had no end for a while', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '12:00' }),
      said('12:05', '11:05', 10),
      said('13:05', '12:05', { value: 10, expiresAt: '23:00' }),
    ];
    expect(read(history).renewals).toEqual(['12:00']);
  });

  it('is none where the end comes nearer, or a row has none', () => {
    const history = [
      said('10:05', null, { value: 10, expiresAt: '20:00' }),
      said('11:05', '10:05', { value: 10, expiresAt: '15:00' }),
      said('12:05', '11:05', 10),
      said('13:05', '12:05', { value: 10, expiresAt: '15:00' }),
    ];
    expect(read(history)).toEqual({ steps: [['start', '10']], renewals: [] });
  });
});

describe('K29 silence right after the purchase', () => {
  it('is not nothing bought', () => {
    expect(read([said('10:25', null), said('11:05', '10:35', 10)]).steps).toEqual([['start', '10']]);
  });

  it('is, where AWS listed something else', () => {
    const seats: Row = { value: 1, dimension: 'seats' };
    expect(read([said('10:05', null, seats), said('12:05', '11:10', seats, 10)]).steps).toEqual([
      ['start', '0'],
      ['11', '10'],
    ]);
  });

  it('is, where a first row of it came and went', () => {
    const history = [said('10:05', null, 10), said('12:20', '11:05'), said('15:05', '14:10', 8)];
    expect(read(history).steps).toEqual([
      ['start', '10'],
      ['13', '0'],
      ['14', '8'],
    ]);
  });
});
