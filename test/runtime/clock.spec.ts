import { describe, expect, it } from '@jest/globals';
import {
  AcceleratedClock,
  earliest,
  earliestOf,
  firstAfter,
  hourOf,
  latest,
  latestOf,
  nextMonthOf,
  plusMs,
  SystemClock,
} from '../../src/runtime/clock.js';

const at = (hour: number): Date => new Date(Date.UTC(2026, 10, 11, hour));

describe('of several instants', () => {
  it('the earliest and the latest, whatever their order, and null where there is none', () => {
    expect(earliestOf([at(3), null, at(1), at(2)])).toEqual(at(1));
    expect(latestOf([at(1), null, at(3), at(2)])).toEqual(at(3));
    expect([earliestOf([]), latestOf([]), earliestOf([null]), latestOf([null])]).toEqual([null, null, null, null]);
  });

  it('the first that lies ahead: one that is now does not, and null where none does', () => {
    expect(firstAfter(at(2), [at(4), null, at(3), at(2), at(1)])).toEqual(at(3));
    expect(firstAfter(at(2), [at(2), at(1), null])).toBeNull();
  });
});

describe('an instant', () => {
  it.each([
    ['2026-11-11T10:00:00.000Z', '2026-11-11T10:00:00.000Z'],
    ['2026-11-11T10:59:59.999Z', '2026-11-11T10:00:00.000Z'],
    ['2026-11-11T09:59:59.999Z', '2026-11-11T09:00:00.000Z'],
    ['1969-12-31T23:30:00.000Z', '1969-12-31T23:00:00.000Z'],
  ])('%s lies in the hour from %s', (instant, hour) => {
    expect(hourOf(new Date(instant)).toISOString()).toBe(hour);
  });

  it.each([
    ['2026-11-11T10:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['2027-01-01T00:00:00.000Z', '2027-02-01T00:00:00.000Z'],
    ['2028-01-31T12:00:00.000Z', '2028-02-01T00:00:00.000Z'],
  ])('%s lies in the billing month until %s', (instant, end) => {
    expect(nextMonthOf(new Date(instant)).toISOString()).toBe(end);
  });

  it('is moved by milliseconds, and stays as it was itself', () => {
    const start = at(1);
    expect(plusMs(start, 3_600_000)).toEqual(at(2));
    expect(plusMs(start, -3_600_000)).toEqual(at(0));
    expect(start).toEqual(at(1));
  });

  it('is compared with others, where what is not known counts for nothing', () => {
    expect(earliest(at(2), null, at(1))).toEqual(at(1));
    expect(latest(at(2), null, at(1))).toEqual(at(2));
  });
});

describe('a clock', () => {
  it('of the system is the wall’s', () => {
    const before = Date.now();
    const now = new SystemClock().now().getTime();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('that runs at a rate is that many times as far from its start as the wall is from its anchor', () => {
    const anchoredAt = new Date(Date.now() - 1000);
    const before = Date.now() - anchoredAt.getTime();
    const passed = new AcceleratedClock(at(10), 600, anchoredAt).now().getTime() - at(10).getTime();
    expect(passed).toBeGreaterThanOrEqual(before * 600);
    expect(passed).toBeLessThanOrEqual((Date.now() - anchoredAt.getTime()) * 600);
  });

  it('that runs at a rate begins at its start where no anchor is given', () => {
    const passed = new AcceleratedClock(at(10), 1).now().getTime() - at(10).getTime();
    expect(passed).toBeGreaterThanOrEqual(0);
    expect(passed).toBeLessThan(60_000);
  });
});
