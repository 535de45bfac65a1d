import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { clockVerdictOf } from '../../src/database/clock-guard.js';
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

  it('is not spoken of before the first comparison', () => {
    jest.spyOn(Date, 'now').mockImplementation(() => wall + 48 * 60 * MINUTE_MS);
    expect(new DatabaseClock().hasJumped()).toBe(false);
  });
});
