import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { clockVerdictOf, isSound, skewOf } from '../../src/database/clock-guard.js';
import { DatabaseClock } from '../../src/options/clock.js';

const MINUTE_MS = 60_000;

describe('the clock of a machine', () => {
  it.each([
    [0, 10, 'trusted'],
    [1, 10, 'trusted'],
    [-1, 10, 'trusted'],
    [1.01, 10, 'skewed'],
    [-10, 10, 'skewed'],
    [10.01, 10, 'refused'],
    [-10.01, 10, 'refused'],
    [1, 0, 'trusted'],
    [1.01, 0, 'refused'],
  ])('%s minute(s) off, with a settle delay of %s minute(s), is %s', (skew, settleDelay, verdict) => {
    expect(clockVerdictOf(skew * MINUTE_MS, settleDelay * MINUTE_MS)).toBe(verdict);
  });
});

describe('a comparison with the database', () => {
  const HOUR_MS = 60 * MINUTE_MS;
  it.each([
    ['at once', 0, 20, 20, 10, 0, true],
    ['by a clock that is ahead', HOUR_MS, HOUR_MS + 20, 20, 10, HOUR_MS, true],
    ['by a clock that is behind', -HOUR_MS, 20 - HOUR_MS, 20, 10, -HOUR_MS, true],
    ['after ten seconds', 0, 10_000, 10_000, 5000, 0, true],
    ['after more than that', 0, 10_002, 10_002, 5001, 0, false],
    ['while the clock is moved a little', 0, 5020, 20, 10, 5000, true],
    ['while it is moved more', 0, 5021, 20, 10, 5001, false],
    ['while it is set ahead', 0, HOUR_MS + 20, 20, 10, HOUR_MS, false],
    ['while it is set back', 0, 20 - HOUR_MS, 20, 10, -HOUR_MS, false],
    ['while it is put right', HOUR_MS, 20, 20, 10, 0, false],
  ])('answered %s', (_, wallBefore, wallAfter, roundTripMs, databaseTime, skewMs, sound) => {
    const comparison = { wallBefore, wallAfter, roundTripMs, databaseTime };
    expect([skewOf(comparison), isSound(comparison)]).toEqual([skewMs, sound]);
  });
});

describe('a jump of the wall clock', () => {
  const wall = Date.now();
  let [jumpedMs, wentByMs] = [0, 0];
  afterEach(() => {
    jest.restoreAllMocks();
    [jumpedMs, wentByMs] = [0, 0];
  });
  const compared = (skewMs: number): DatabaseClock => {
    jest.spyOn(Date, 'now').mockImplementation(() => wall + wentByMs + jumpedMs);
    const since = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => since + wentByMs);
    const clock = new DatabaseClock();
    clock.follow(skewMs);
    return clock;
  };

  it.each([
    [0, 0, 48 * 60, true],
    [0, 0, -48 * 60, true],
    [0, 90, 1, false],
    [0, 90, 1.01, true],
    [0, 90, -1, false],
    [0, 90, -1.01, true],
    [30, 90, 0, false],
    [30, 90, -30, true],
    [30, 90, 1.01, true],
  ])('compared %s minute(s) ahead, %s minutes later and set by %s: noticed is %s', (skew, later, jump, isNoticed) => {
    const clock = compared(skew * MINUTE_MS);
    [jumpedMs, wentByMs] = [jump * MINUTE_MS, later * MINUTE_MS];
    expect(clock.hasJumped()).toBe(isNoticed);
  });

  it.each([
    ['set ahead', 0, 48 * 60, 90],
    ['set back', 0, -48 * 60, 90 - 48 * 60],
    ['ahead before, and set further', 30, 48 * 60, 90],
    ['ahead before, and put right', 30, -30, 90],
    ['as it was', 0, 0, 90],
    ['ahead as before', 30, 0, 90],
  ])('is never time that has not come: %s', (_, skew, jump, minutes) => {
    const clock = compared(skew * MINUTE_MS);
    [jumpedMs, wentByMs] = [jump * MINUTE_MS, 90 * MINUTE_MS];
    expect(Math.round((clock.now().getTime() - (wall - skew * MINUTE_MS)) / MINUTE_MS)).toBe(minutes);
  });

  it('is not spoken of before the first comparison', () => {
    jest.spyOn(Date, 'now').mockImplementation(() => wall + 48 * 60 * MINUTE_MS);
    expect(new DatabaseClock().hasJumped()).toBe(false);
  });
});
