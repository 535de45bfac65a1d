import { describe, expect, it } from '@jest/globals';
import { clockVerdictOf } from '../../src/database/clock-guard.js';

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
