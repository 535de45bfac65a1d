import { describe, expect, it } from '@jest/globals';
import {
  FROM_THE_BEGINNING,
  quantityAt,
  type QuantityStep,
  stepsInForce,
} from '../../../src/metering/sealing/quantity-steps.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
const hourAt = (hour: string): number => at(`${hour}:00`).getTime() / HOUR_MS;

type Shown = [hour: string, quantity: number];
const steps = (...given: Shown[]): QuantityStep[] =>
  given.map(([hour, quantity]) => ({
    fromHour: hour === 'start' ? FROM_THE_BEGINNING : hourAt(hour),
    quantity: BigInt(quantity),
  }));
const shown = (found: readonly QuantityStep[]): Shown[] =>
  found.map(({ fromHour, quantity }) => [
    Number.isFinite(fromHour) ? new Date(fromHour * HOUR_MS).toISOString().slice(11, 13) : 'start',
    Number(quantity),
  ]);

describe('units that the options say', () => {
  it.each<[string, [string, number | Shown[]][], Shown[]]>([
    ['none', [], []],
    ['of one start count from the beginning', [['10:20', 1000]], [['start', 1000]]],
    [
      'are fewer from the hour after the start that says so',
      [
        ['10:20', 1000],
        ['14:10', 500],
      ],
      [
        ['start', 1000],
        ['15', 500],
      ],
    ],
    [
      'are fewer from the very hour where it begins with the start',
      [
        ['10:20', 1000],
        ['14:00', 500],
      ],
      [
        ['start', 1000],
        ['14', 500],
      ],
    ],
    [
      'are more from the hour of the start',
      [
        ['10:20', 500],
        ['14:10', 2000],
      ],
      [
        ['start', 500],
        ['14', 2000],
      ],
    ],
    [
      'stay where a start says the same',
      [
        ['10:20', 500],
        ['14:10', 500],
      ],
      [['start', 500]],
    ],
    [
      'never begin before those that they follow',
      [
        ['10:20', 1000],
        ['14:10', 500],
        ['14:20', 700],
      ],
      [
        ['start', 1000],
        ['15', 700],
      ],
    ],
    [
      'are those of the second start where the first said nothing yet',
      [
        ['10:20', 1000],
        ['10:00', 2000],
      ],
      [
        ['start', 1000],
        ['10', 2000],
      ],
    ],
    [
      'change with what AWS says, each in its own time',
      [
        [
          '10:20',
          [
            ['start', 5],
            ['12', 50],
            ['15', 60],
          ],
        ],
        [
          '14:10',
          [
            ['start', 6],
            ['13', 70],
            ['14', 80],
            ['16', 90],
          ],
        ],
      ],
      [
        ['start', 5],
        ['12', 50],
        ['14', 80],
        ['16', 90],
      ],
    ],
    [
      'begin with the next hour where they are as many in that of the start',
      [
        ['10:20', 10],
        [
          '14:10',
          [
            ['start', 10],
            ['14', 10],
            ['15', 30],
          ],
        ],
        ['14:20', 40],
      ],
      [
        ['start', 10],
        ['15', 40],
      ],
    ],
    [
      'are compared by what each says of the hour of the start',
      [
        [
          '10:20',
          [
            ['start', 5],
            ['15', 100],
          ],
        ],
        [
          '14:10',
          [
            ['start', 9],
            ['14', 4],
          ],
        ],
      ],
      [
        ['start', 5],
        ['15', 4],
      ],
    ],
  ])('%s', (_, given, expected) => {
    const found = stepsInForce(
      given.map(([from, said]) => ({
        from: at(from),
        steps: typeof said === 'number' ? steps(['start', said]) : steps(...said),
      })),
    );
    expect(shown(found)).toEqual(expected);
  });
});

describe('quantities that change at hours', () => {
  it('are none where nothing is said, and the first from the beginning', () => {
    expect(quantityAt([], 5)).toBe(0n);
    const given = steps(['10', 3], ['12', 4]);
    expect(['09', '10', '11', '12', '13'].map((hour) => quantityAt(given, hourAt(hour)))).toEqual([3n, 3n, 3n, 4n, 4n]);
  });
});
