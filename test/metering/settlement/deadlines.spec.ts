import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  deadlinesOf,
  endWindowClosesAt,
  type MeteringOperation,
  windowStart,
} from '../../../src/metering/settlement/deadlines.js';
import { HOUR_MS, plusMs } from '../../../src/runtime/clock.js';

const at = (text: string): Date => new Date(`${text.replace(' ', 'T')}:00Z`);
const shown = (instant: Date): string => instant.toISOString().slice(0, 16).replace('T', ' ');

describe('deadlines of a BatchMeterUsage record', () => {
  it.each([
    // hour                what it shows                       due                 cutoff
    ['2026-11-11 10:00', 'mid-month', '2026-11-12 10:00', '2026-11-12 11:00'],
    ['2026-11-30 06:00', 'month end: strictly 06:00 comes first', '2026-12-01 06:00', '2026-12-01 06:00'],
    ['2026-11-30 05:00', 'month end: 24 h come first', '2026-12-01 05:00', '2026-12-01 06:00'],
    ['2026-11-29 23:00', 'ages out with the month, by any reading', '2026-11-30 23:00', '2026-12-01 00:00'],
    ['2026-10-31 01:00', '31st, extended by the wide reading', '2026-11-01 01:00', '2026-11-01 06:00'],
    ['2026-10-31 23:00', '31st, shortened by both', '2026-11-01 06:00', '2026-11-01 06:00'],
    ['2026-11-30 23:00', '30th of a month that has no more days', '2026-12-01 06:00', '2026-12-01 06:00'],
    ['2026-10-30 23:00', '30th of a month that has one more', '2026-10-31 23:00', '2026-11-01 00:00'],
    ['2026-02-28 23:00', 'end of February', '2026-03-01 06:00', '2026-03-01 06:00'],
    ['2028-02-28 23:00', '28th of a leap February', '2028-02-29 23:00', '2028-03-01 00:00'],
    ['2028-02-29 23:00', '29th of a leap February', '2028-03-01 06:00', '2028-03-01 06:00'],
    ['2026-12-31 12:00', 'year end', '2027-01-01 06:00', '2027-01-01 06:00'],
    ['2027-01-01 00:00', 'first hour of a month', '2027-01-02 00:00', '2027-01-02 01:00'],
  ])('%s: %s', (hour, _why, due, cutoff) => {
    const { dueAt, cutoffAt } = deadlinesOf(at(hour), 'BatchMeterUsage', null);
    expect([shown(dueAt), shown(cutoffAt)]).toEqual([due, cutoff]);
  });
});

describe('deadlines of a MeterUsage record', () => {
  it.each([
    ['2026-11-11 10:00', '2026-11-11 16:00', '2026-11-11 17:00'],
    ['2026-10-31 22:00', '2026-11-01 04:00', '2026-11-01 05:00'],
    ['2026-10-31 23:00', '2026-11-01 05:00', '2026-11-01 06:00'],
  ])('%s: six hours, whatever the month', (hour, due, cutoff) => {
    const { dueAt, cutoffAt } = deadlinesOf(at(hour), 'MeterUsage', null);
    expect([shown(dueAt), shown(cutoffAt)]).toEqual([due, cutoff]);
  });
});

describe('deadlines of an ended subscription', () => {
  it.each([
    // first sign          last sign           due                 cutoff
    ['2026-11-11 12:10', '2026-11-11 12:10', '2026-11-11 13:10', '2026-11-11 13:10'],
    ['2026-11-11 12:10', '2026-11-11 12:50', '2026-11-11 13:10', '2026-11-11 13:50'],
    ['2026-11-11 12:10', '2026-11-13 00:00', '2026-11-11 13:10', '2026-11-12 11:00'],
    ['2026-11-13 00:00', '2026-11-13 00:00', '2026-11-12 10:00', '2026-11-12 11:00'],
  ])('first sign %s, last sign %s', (first, last, due, cutoff) => {
    const end = { firstSignAt: at(first), lastSignAt: at(last) };
    const { dueAt, cutoffAt } = deadlinesOf(at('2026-11-11 10:00'), 'BatchMeterUsage', end);
    expect([shown(dueAt), shown(cutoffAt)]).toEqual([due, cutoff]);
    expect(shown(endWindowClosesAt(end))).toBe(shown(plusMs(at(last), HOUR_MS)));
  });
});

const anyHour = fc
  .integer({ min: Date.UTC(2026, 0, 1) / HOUR_MS, max: Date.UTC(2029, 0, 1) / HOUR_MS })
  .map((hour) => new Date(hour * HOUR_MS));
const anyOperation = fc.constantFrom<MeteringOperation>('BatchMeterUsage', 'MeterUsage');
const anyEnd = fc.option(
  fc
    .tuple(
      fc.date({ min: new Date('2026-01-01'), max: new Date('2029-01-01'), noInvalidDate: true }),
      fc.nat(72 * HOUR_MS),
    )
    .map(([first, later]) => ({
      firstSignAt: first,
      lastSignAt: plusMs(first, later),
    })),
);

describe('any deadlines', () => {
  it('are due before trying ends, and an hour that ends later is never due earlier', () => {
    fc.assert(
      fc.property(anyHour, anyOperation, anyEnd, (hour, operation, end) => {
        const { dueAt, cutoffAt } = deadlinesOf(hour, operation, end);
        expect(dueAt.getTime()).toBeLessThanOrEqual(cutoffAt.getTime());
        const next = deadlinesOf(plusMs(hour, HOUR_MS), operation, end);
        expect(next.dueAt.getTime()).toBeGreaterThanOrEqual(dueAt.getTime());
        expect(next.cutoffAt.getTime()).toBeGreaterThanOrEqual(cutoffAt.getTime());
      }),
      { numRuns: 500 },
    );
  });

  it('lie after the start of the window as long as they are to come', () => {
    fc.assert(
      fc.property(anyHour, anyOperation, fc.nat(30 * HOUR_MS), (hour, operation, age) => {
        const now = plusMs(hour, age);
        const { cutoffAt } = deadlinesOf(hour, operation, null);
        expect(now >= cutoffAt || hour >= windowStart(now, operation)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
