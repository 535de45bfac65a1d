import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  coverageOfDeliveries,
  gapsIn,
  type Interval,
  intersectionOf,
  settledParts,
  unionOf,
} from '../../src/audit/trail-coverage.js';

const DAY = new Date('2026-11-11T00:00:00Z').getTime();
const at = (minute: number): Date => new Date(DAY + minute * 60_000);
const span = (from: number, to: number): Interval => ({ from: at(from), to: at(to) });
const shown = (intervals: readonly Interval[]): [number, number][] =>
  intervals.map(({ from, to }) => [(from.getTime() - DAY) / 60_000, (to.getTime() - DAY) / 60_000]);

describe('coverage of a log', () => {
  it.each<[string, [number, number][], [number, number][], [number, number][]]>([
    ['nothing is covered', [[0, 60]], [], [[0, 60]]],
    ['all is covered', [[0, 60]], [[0, 60]], []],
    [
      'all is covered by pieces out of order that touch',
      [[0, 60]],
      [
        [30, 60],
        [0, 30],
      ],
      [],
    ],
    [
      'a hole in the middle',
      [[0, 60]],
      [
        [0, 20],
        [40, 90],
      ],
      [[20, 40]],
    ],
    [
      'both ends are open',
      [[0, 60]],
      [[10, 50]],
      [
        [0, 10],
        [50, 60],
      ],
    ],
    [
      'what lies beside helps nothing',
      [[10, 20]],
      [
        [0, 10],
        [20, 30],
      ],
      [[10, 20]],
    ],
    [
      'two windows, one gap over both',
      [
        [0, 10],
        [20, 30],
      ],
      [
        [0, 5],
        [25, 30],
      ],
      [
        [5, 10],
        [20, 25],
      ],
    ],
    ['an empty wish has no gap', [[5, 5]], [], []],
  ])('%s', (_, wanted, covered, gaps) => {
    expect(
      shown(
        gapsIn(
          wanted.map(([from, to]) => span(from, to)),
          covered.map(([from, to]) => span(from, to)),
        ),
      ),
    ).toEqual(gaps);
  });

  const intervals = fc.array(
    fc.tuple(fc.nat(60), fc.nat(20)).map(([from, length]) => span(from, from + length)),
    { maxLength: 8 },
  );
  const holds = (list: readonly Interval[], minute: number): boolean =>
    list.some(({ from, to }) => from <= at(minute) && at(minute) < to);

  it('is right for every minute, whatever the pieces', () => {
    fc.assert(
      fc.property(intervals, intervals, (wanted, covered) => {
        const union = unionOf(covered);
        const gaps = gapsIn(wanted, covered);
        const both = intersectionOf(wanted, covered);
        for (let minute = 0; minute < 90; minute += 1) {
          expect(holds(union, minute)).toBe(holds(covered, minute));
          expect(holds(gaps, minute)).toBe(holds(wanted, minute) && !holds(covered, minute));
          expect(holds(both, minute)).toBe(holds(wanted, minute) && holds(covered, minute));
        }
        for (const list of [union, gaps, both])
          for (const [index, { from, to }] of list.entries()) {
            expect(from < to).toBe(true);
            const before = list[index - 1];
            if (before) expect(before.to < from).toBe(true);
          }
      }),
    );
  });

  it('counts what is read only as far as it was old enough then', () => {
    const day = 24 * 60;
    const read = [
      { ...span(0, 60), readAt: at(30 + day) },
      { ...span(100, 160), readAt: at(160 + day) },
      { ...span(200, 260), readAt: at(260) },
    ];
    expect(shown(settledParts(read, day * 60_000))).toEqual([
      [0, 30],
      [100, 160],
    ]);
  });
});

describe('coverage of the files of a trail', () => {
  it.each<[string, number[], number[], [number, number][]]>([
    ['no file', [], [], []],
    ['one file alone proves nothing', [60], [], []],
    ['files every five minutes', [60, 65, 70, 75, 80], [], [[60, 65]]],
    ['out of order', [70, 60, 80, 65, 75], [], [[60, 65]]],
    ['nothing that was called before the first file: it may lie in one that is not here', [60, 70], [], []],
    ['a silence of an hour is none', [60, 120], [], [[60, 105]]],
    [
      'a gap of two hours',
      [60, 80, 200, 220],
      [],
      [
        [60, 65],
        [200, 205],
      ],
    ],
    [
      'a broken file takes the hour before it',
      [60, 120, 300, 360],
      [180],
      [
        [60, 120],
        [300, 345],
      ],
    ],
    [
      'a broken file in the middle',
      [0, 60, 120, 240, 300],
      [180],
      [
        [0, 120],
        [180, 285],
      ],
    ],
  ])('%s', (_, delivered, broken, covered) => {
    const result = shown(coverageOfDeliveries(delivered.map(at), broken.map(at)));
    // Up to a millisecond, by which a broken file's own time is lost too.
    expect(result.map(([from, to]) => [Math.round(from), Math.round(to)])).toEqual(covered);
  });

  it('a broken file’s own instant is lost with what it held', () => {
    const [, after] = coverageOfDeliveries([0, 60, 120, 240, 300].map(at), [at(180)]);
    expect(after?.from).toEqual(new Date(at(180).getTime() + 1));
  });
});
