import { describe, expect, it } from '@jest/globals';
import {
  givenStepsOf,
  type QuantityStep,
  quantityStepsOf,
  type SaidEntitlements,
  usageStepsOf,
} from '../../../src/metering/sealing/included-quantity.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { formatDecimal, fromUnits } from '../../../src/runtime/decimal.js';

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
  const { steps, renewals } = quantityStepsOf(history, told.map(at), 'pack');
  return {
    steps: shown(steps),
    renewals: renewals.map((renewal) => renewal.toISOString().slice(11, 16)),
  };
}

describe('K29 the quantity that an answer names', () => {
  it.each<[string, Value | Row, string]>([
    ['an amount', 5, '5'],
    ['a fraction', 2.5, '2.5'],
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

describe('units that the options say', () => {
  it.each<[string, [string, number][], [string, string][]]>([
    ['of one start count from the beginning', [['10:20', 1000]], [['start', '1000']]],
    [
      'are fewer from the hour after the start that says so',
      [
        ['10:20', 1000],
        ['14:10', 500],
      ],
      [
        ['start', '1000'],
        ['15', '500'],
      ],
    ],
    [
      'are fewer from the very hour where it begins with the start',
      [
        ['10:20', 1000],
        ['14:00', 500],
      ],
      [
        ['start', '1000'],
        ['14', '500'],
      ],
    ],
    [
      'are more from the hour of the start',
      [
        ['10:20', 500],
        ['14:10', 2000],
      ],
      [
        ['start', '500'],
        ['14', '2000'],
      ],
    ],
    [
      'stay where a start says the same',
      [
        ['10:20', 500],
        ['14:10', 500],
      ],
      [['start', '500']],
    ],
    [
      'never begin before those that they follow',
      [
        ['10:20', 1000],
        ['14:10', 500],
        ['14:20', 700],
      ],
      [
        ['start', '1000'],
        ['15', '500'],
        ['15', '700'],
      ],
    ],
  ])('%s', (_, given, steps) => {
    const found = givenStepsOf(given.map(([from, units]) => ({ from: at(from), amount: fromUnits(units) })));
    expect(shown(found)).toEqual(steps);
  });
});

describe('units of usage', () => {
  const steps = (...given: [number, bigint][]): QuantityStep[] =>
    given.map(([fromHour, quantity]) => ({ fromHour, quantity }));
  const START = Number.NEGATIVE_INFINITY;

  it.each<[string, QuantityStep[], QuantityStep[], QuantityStep[]]>([
    ['are none where AWS has said none yet', [], steps([START, 1000n]), []],
    ['are what it says, times the factor', steps([START, 2n]), steps([START, 1000n]), steps([START, 2000n])],
    [
      'change with either, from its hour',
      steps([START, 2n], [12, 3n]),
      steps([START, 1000n], [10, 500n]),
      steps([START, 2000n], [10, 1000n], [12, 1500n]),
    ],
    [
      'change once where both do',
      steps([START, 2n], [12, 3n]),
      steps([START, 10n], [12, 20n]),
      steps([START, 20n], [12, 60n]),
    ],
  ])('%s', (_, said, factors, expected) => {
    expect(usageStepsOf(said, factors)).toEqual(expected);
  });
});
