import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  hourFrom,
  hourNumberOf,
  monthFrom,
  plusMonths,
  renewalsBy,
  termStarts,
} from '../../../src/metering/sealing/contract-terms.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';

const at = (text: string): Date => new Date(text);
const shown = (hours: readonly number[]): string[] =>
  hours.map((hour) => new Date(hour * HOUR_MS).toISOString().slice(0, 16));

describe('terms of a contract', () => {
  it('K27 begin with the agreement and with each renewal of it', () => {
    const renewals = [at('2026-07-01T00:00:00Z'), at('2027-07-01T00:00:00Z')];
    expect(
      shown(
        termStarts(at('2025-07-01T00:00:00Z'), { renewals, perAt: () => 'term', until: at('2026-08-01T00:00:00Z') }),
      ),
    ).toEqual(['2025-07-01T00:00', '2026-07-01T00:00']);
  });

  it('leave the hour in which one ends to the earlier', () => {
    const renewals = [at('2026-07-01T10:17:00Z')];
    expect(
      shown(
        termStarts(at('2025-07-01T10:17:00Z'), { renewals, perAt: () => 'term', until: at('2026-08-01T00:00:00Z') }),
      ),
    ).toEqual(['2025-07-01T10:00', '2026-07-01T11:00']);
  });

  it('K27 of a month each are counted from the anchor, and never drift', () => {
    const starts = termStarts(at('2025-12-31T10:17:00Z'), {
      ...{ renewals: [at('2026-05-15T00:00:00Z')], perAt: () => 'month', until: at('2026-07-01T00:00:00Z') },
    });
    expect(shown(starts)).toEqual([
      ...['2025-12-31T10:00', '2026-01-31T11:00', '2026-02-28T11:00', '2026-03-31T11:00', '2026-04-30T11:00'],
      ...['2026-05-15T00:00', '2026-06-15T00:00'],
    ]);
  });

  it('forget renewals from before the start, and the start itself', () => {
    const renewals = [at('2025-06-01T00:00:00Z'), at('2025-07-01T10:17:00Z')];
    const until = at('2026-07-01T00:00:00Z');
    expect(shown(termStarts(at('2025-07-01T10:17:00Z'), { renewals, perAt: () => 'term', until }))).toEqual([
      '2025-07-01T10:00',
    ]);
  });

  it('are in the order of time, whatever order the renewals were heard in', () => {
    const renewals = [at('2027-07-01T00:00:00Z'), at('2026-07-01T00:00:00Z')];
    expect(
      shown(
        termStarts(at('2025-07-01T00:00:00Z'), { renewals, perAt: () => 'term', until: at('2028-01-01T00:00:00Z') }),
      ),
    ).toEqual(['2025-07-01T00:00', '2026-07-01T00:00', '2027-07-01T00:00']);
  });

  it('are wanted up to an instant, that one included', () => {
    const until = at('2025-09-01T00:00:00Z');
    const start = at('2025-07-01T00:00:00Z');
    const renewed = { renewals: [until], perAt: () => 'term' as const, until };
    expect(shown(termStarts(start, renewed))).toEqual(['2025-07-01T00:00', '2025-09-01T00:00']);
    const monthly = { renewals: [], perAt: () => 'month' as const, until };
    expect(shown(termStarts(start, monthly))).toEqual(['2025-07-01T00:00', '2025-08-01T00:00', '2025-09-01T00:00']);
  });
});

describe('terms of a contract whose units last otherwise from some month on', () => {
  const start = at('2025-07-01T00:00:00Z');
  const until = at('2026-01-15T00:00:00Z');
  const turned = at('2025-10-01T00:00:00Z');

  it('begin by the month from then on', () => {
    const perAt = (month: Date): 'term' | 'month' => (month >= turned ? 'month' : 'term');
    expect(shown(termStarts(start, { renewals: [], until, perAt }))).toEqual([
      ...['2025-07-01T00:00', '2025-10-01T00:00', '2025-11-01T00:00', '2025-12-01T00:00', '2026-01-01T00:00'],
    ]);
  });

  it('begin by the month until then, and with the next renewal', () => {
    const perAt = (month: Date): 'term' | 'month' => (month >= turned ? 'term' : 'month');
    const renewals = [at('2026-01-10T00:00:00Z')];
    expect(shown(termStarts(start, { renewals, until, perAt }))).toEqual([
      ...['2025-07-01T00:00', '2025-08-01T00:00', '2025-09-01T00:00', '2026-01-10T00:00'],
    ]);
  });
});

describe('months that begin as the agreement is renewed', () => {
  it('are the renewal', () => {
    const renewals = [at('2025-08-01T00:00:00Z')];
    const starts: string[] = [];
    const perAt = (month: Date): 'month' => {
      starts.push(month.toISOString().slice(0, 10));
      return 'month';
    };
    termStarts(at('2025-07-01T00:00:00Z'), { renewals, until: at('2025-09-15T00:00:00Z'), perAt });
    expect(starts).toEqual(['2025-09-01']);
  });
});

describe('renewals by the ends of an agreement', () => {
  it.each<[string, number[], number[]]>([
    ['none where none was told', [], []],
    ['none of one end, however often it is told', [5, 5, 5], []],
    ['one at each end that a later one took the place of', [5, 5, 9, 12], [5, 9]],
    ['none where it comes nearer, or back to what it was', [9, 5, 9], []],
    ['one at the latest of before', [9, 5, 12], [9]],
  ])('%s', (_, ends, expected) => {
    expect(renewalsBy(ends.map((day) => new Date(day))).map(Number)).toEqual(expected);
  });
});

describe('the next month of an agreement', () => {
  const start = at('2025-12-31T10:17:00Z');
  const renewals = [at('2026-05-15T00:00:00Z')];
  it.each([
    ['before the agreement', '2025-11-01T00:00:00Z', '2025-12-31T10:17:00.000Z'],
    ['as it begins', '2025-12-31T10:17:00Z', '2025-12-31T10:17:00.000Z'],
    ['after that', '2025-12-31T10:17:01Z', '2026-01-31T10:17:00.000Z'],
    ['as a month begins', '2026-01-31T10:17:00Z', '2026-01-31T10:17:00.000Z'],
    ['in a month without the day', '2026-02-01T00:00:00Z', '2026-02-28T10:17:00.000Z'],
    ['of which one lacks the day', '2026-02-28T10:18:00Z', '2026-03-31T10:17:00.000Z'],
    ['before a renewal', '2026-05-01T00:00:00Z', '2026-05-15T00:00:00.000Z'],
    ['after a renewal', '2026-05-16T00:00:00Z', '2026-06-15T00:00:00.000Z'],
    ['years later', '2029-03-20T00:00:00Z', '2029-04-15T00:00:00.000Z'],
  ])('%s', (_, instant, expected) => {
    expect(monthFrom(start, renewals, at(instant)).toISOString()).toBe(expected);
  });
});

describe('months', () => {
  it.each([
    ['2024-01-31T23:59:59.999Z', 1, '2024-02-29T23:59:59.999Z'],
    ['2024-02-29T00:00:00.000Z', 12, '2025-02-28T00:00:00.000Z'],
    ['2026-10-31T00:00:00.000Z', 4, '2027-02-28T00:00:00.000Z'],
    ['2026-11-15T08:30:00.000Z', 2, '2027-01-15T08:30:00.000Z'],
  ])('%s and %i months: %s', (anchor, count, expected) => {
    expect(plusMonths(at(anchor), count).toISOString()).toBe(expected);
  });

  it('keep the day where the month has it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: at('2000-01-01'), max: at('2100-01-01'), noInvalidDate: true }),
        fc.nat(60),
        (anchor, count) => {
          const moved = plusMonths(anchor, count);
          const months = (date: Date): number => date.getUTCFullYear() * 12 + date.getUTCMonth();
          expect(months(moved)).toBe(months(anchor) + count);
          expect(moved.getUTCDate() <= anchor.getUTCDate()).toBe(true);
          expect(moved.getTime() % 86_400_000).toBe(anchor.getTime() % 86_400_000);
        },
      ),
    );
  });
});

describe('hours', () => {
  it('hold their first instant and begin at or after an instant', () => {
    const noon = at('2026-11-11T12:00:00Z');
    expect(hourNumberOf(noon)).toBe(hourFrom(noon));
    expect(hourFrom(new Date(noon.getTime() + 1))).toBe(hourNumberOf(noon) + 1);
    expect(hourNumberOf(new Date(noon.getTime() - 1))).toBe(hourNumberOf(noon) - 1);
  });
});
