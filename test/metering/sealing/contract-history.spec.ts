import { describe, expect, it } from '@jest/globals';
import {
  askedNames,
  contractHistories,
  type ContractOptions,
  countedOptions,
  isAsked,
  optionsAt,
  unitsOf,
} from '../../../src/metering/sealing/contract-history.js';
import { FROM_THE_BEGINNING } from '../../../src/metering/sealing/quantity-steps.js';
import { type ResolvedIncludedUnits } from '../../../src/options/included-options.schema.js';
import { formatDecimal, fromUnits } from '../../../src/runtime/decimal.js';

const day = (number: number): Date => new Date(Date.UTC(2026, 10, number));
const entry = (contractDimension: string, more: Partial<ResolvedIncludedUnits> = {}): ResolvedIncludedUnits => ({
  ...{ contractDimension, covers: ['calls'], factor: 1, block: 1, per: 'term', rollsOver: false },
  ...more,
});
const given = (...all: ResolvedIncludedUnits[][]) => all.map((included, index) => ({ from: day(index + 1), included }));

describe('what a contract was by the options of earlier starts', () => {
  const shown = (entries: ResolvedIncludedUnits[], all: ReturnType<typeof given>): unknown =>
    [...contractHistories(entries, all)].map(([of, history]) => [
      of.contractDimension,
      history.map(({ from, entries: were }) => [
        from.getTime() === 0 ? 0 : from.getUTCDate(),
        ...were.map(({ contractDimension, factor }) => `${contractDimension}/${factor}`),
      ]),
    ]);

  it('the entry of its name, whatever that covers', () => {
    const now = [entry('pack', { factor: 3 }), entry('box', { covers: ['lookups'] })];
    const before = [entry('box', { covers: ['calls'], factor: 2 }), entry('pack', { covers: ['lookups'] })];
    expect(shown(now, given(before, now))).toEqual([
      [
        'pack',
        [
          [1, 'pack/1'],
          [2, 'pack/3'],
        ],
      ],
      [
        'box',
        [
          [1, 'box/2'],
          [2, 'box/1'],
        ],
      ],
    ]);
  });

  it('the entry that covers some of its usage, where its name is none of today', () => {
    const now = [entry('crate', { covers: ['lookups'] })];
    const all = given([entry('pack')], [entry('box', { covers: ['lookups', 'calls'], factor: 2 })], now);
    expect(shown(now, all)).toEqual([
      [
        'crate',
        [
          [1, 'pack/1'],
          [2, 'box/2'],
          [3, 'crate/1'],
        ],
      ],
    ]);
  });

  it('all whose place it took, its own name first', () => {
    const now = [entry('pack', { covers: ['calls', 'lookups'] })];
    const all = given([entry('box', { covers: ['lookups'] }), entry('pack')], now);
    expect(shown(now, all)).toEqual([
      [
        'pack',
        [
          [1, 'pack/1', 'box/1'],
          [2, 'pack/1'],
        ],
      ],
    ]);
  });

  it('what each of them was before', () => {
    const now = [entry('pack', { covers: ['calls', 'lookups'] })];
    const all = given(
      [entry('pack', { covers: ['gb'] }), entry('box', { covers: ['rows'] })],
      [entry('pack'), entry('box', { covers: ['lookups'] })],
      now,
    );
    expect(shown(now, all)).toEqual([
      [
        'pack',
        [
          [1, 'pack/1', 'box/1'],
          [2, 'pack/1', 'box/1'],
          [3, 'pack/1'],
        ],
      ],
    ]);
  });

  it('goes on where it was taken out for a while', () => {
    const now = [entry('pack', { factor: 2 })];
    expect(shown(now, given([entry('pack')], [], [entry('box', { covers: ['gb'] })], now))).toEqual([
      [
        'pack',
        [
          [1, 'pack/1'],
          [4, 'pack/2'],
        ],
      ],
    ]);
  });

  it('nothing where another covers its usage now, or none did', () => {
    const now = [entry('pack'), entry('box', { covers: ['lookups'] })];
    expect(shown(now, given([entry('pack', { covers: ['calls', 'lookups'] })], now))).toEqual([
      [
        'pack',
        [
          [1, 'pack/1'],
          [2, 'pack/1'],
        ],
      ],
      ['box', [[2, 'box/1']]],
    ]);
  });

  it('itself alone, from the beginning, where the ledger does not have it in force', () => {
    const now = [entry('pack', { factor: 2 })];
    const alone = [['pack', [[0, 'pack/2']]]];
    expect([shown(now, []), shown(now, given([entry('pack')])), shown(now, given(now, []))]).toEqual([
      alone,
      alone,
      [['pack', [[1, 'pack/2']]]],
    ]);
  });

  it('is as it was kept: a member that is not given is none', () => {
    const now = [{ ...entry('pack'), units: undefined }];
    expect(shown(now, given([entry('pack', { factor: 5 })], [entry('pack')]))).toEqual([
      [
        'pack',
        [
          [1, 'pack/5'],
          [2, 'pack/1'],
        ],
      ],
    ]);
  });
});

const options = (from: number, ...entries: ResolvedIncludedUnits[]): ContractOptions => ({ from: day(from), entries });
const monthly = { per: 'month' } as const;

describe('from when on options count', () => {
  const days = (...history: ContractOptions[]): number[] =>
    countedOptions(history, (from) => (from <= day(20) ? day(20) : day(27))).map(({ from }) => from.getUTCDate());

  it.each<[string, ContractOptions[], number[]]>([
    ['from their start', [options(1, entry('pack')), options(5, entry('pack', { units: 5 }))], [1, 5]],
    ['by the month from the next one', [options(1, entry('pack')), options(5, entry('pack', monthly))], [1, 20]],
    ['by the month from the very start', [options(1, entry('pack', monthly))], [1]],
    ['by the term at once', [options(1, entry('pack', monthly)), options(5, entry('pack'))], [1, 5]],
    [
      'never where they are changed before',
      [options(1, entry('pack')), options(5, entry('pack', monthly)), options(9, entry('pack', { units: 5 }))],
      [1, 9],
    ],
    [
      'once, where they are changed before to others by the month',
      [
        options(1, entry('pack')),
        options(5, entry('pack', monthly)),
        options(9, entry('pack', { ...monthly, units: 5 })),
      ],
      [1, 20],
    ],
    [
      'where the next come with the month',
      [
        options(1, entry('pack')),
        options(5, entry('pack', monthly)),
        options(20, entry('pack', { ...monthly, units: 5 })),
      ],
      [1, 20, 20],
    ],
    [
      'and the next after the month',
      [
        options(1, entry('pack')),
        options(5, entry('pack', monthly)),
        options(22, entry('pack', { ...monthly, units: 5 })),
      ],
      [1, 20, 22],
    ],
  ])('%s', (_, history, expected) => {
    expect(days(...history)).toEqual(expected);
  });

  it('say of each instant what counts then', () => {
    const counted = [options(2, entry('pack'), entry('box')), options(5, entry('crate'))];
    const names = [1, 2, 4, 5, 6].map((date) => optionsAt(counted, day(date))?.contractDimension);
    expect(names).toEqual(['pack', 'pack', 'pack', 'crate', 'crate']);
    expect(optionsAt([], day(1))).toBeUndefined();
  });
});

describe('units of a contract', () => {
  const SAID: Readonly<Record<string, number>> = { pack: 2, box: 30, crate: 400 };
  const saidOf = (factors: ReadonlyMap<string, number>) =>
    factors.size === 0
      ? []
      : [
          {
            fromHour: FROM_THE_BEGINNING,
            quantity: fromUnits([...factors].reduce((sum, [name, factor]) => sum + (SAID[name] ?? 0) * factor, 0)),
          },
        ];
  const units = (...counted: ContractOptions[]): string[] =>
    unitsOf(counted, saidOf).map(({ quantity }) => formatDecimal(quantity));

  it.each<[string, ContractOptions[], string[]]>([
    ['none', [], ['0']],
    ['as the options say', [options(1, entry('pack', { units: 7, factor: 100 }))], ['700']],
    ['as AWS says, times the factor', [options(1, entry('pack', { factor: 100 }))], ['200']],
    [
      'as AWS says of a former name, too, by the factor that it had last',
      [options(1, entry('pack', { factor: 5 })), options(2, entry('pack', { factor: 7 })), options(3, entry('box'))],
      ['44'],
    ],
    [
      'of a name that came again by its newest factor',
      [options(1, entry('pack', { factor: 5 })), options(2, entry('box')), options(3, entry('pack', { factor: 9 }))],
      ['48'],
    ],
    ['of several', [options(1, entry('pack'), entry('box', { units: 5 }))], ['7']],
    ['as the options say instead of AWS', [options(1, entry('pack')), options(2, entry('box', { units: 5 }))], ['5']],
    ['as AWS says instead of the options', [options(1, entry('pack', { units: 5 })), options(2, entry('box'))], ['30']],
  ])('%s', (_, counted, expected) => {
    expect(units(...counted)).toEqual(expected);
  });

  it('are asked for by the newest name first, where the options do not say them', () => {
    const counted = [options(1, entry('pack', { factor: 5 }), entry('box', { units: 1 })), options(2, entry('crate'))];
    expect([...askedNames(counted)]).toEqual([
      ['crate', 1],
      ['pack', 5],
    ]);
    expect(askedNames([])).toEqual(new Map());
    expect([isAsked(counted[0]!), isAsked(options(1, entry('box', { units: 0 })))]).toEqual([true, false]);
  });
});
