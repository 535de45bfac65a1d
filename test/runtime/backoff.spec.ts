import { describe, expect, it } from '@jest/globals';
import { backoffCeilingMs, backoffMs } from '../../src/runtime/backoff.js';

const BOUNDS = { backoffBaseMs: 100, backoffCapMs: 1000 };

describe('a pause after failures in a row', () => {
  it.each([
    [0, 100],
    [1, 200],
    [3, 800],
    [4, 1000],
    [5000, 1000],
  ])('after %i is at most %i ms', (failures, ceilingMs) => {
    expect(backoffCeilingMs(failures, BOUNDS)).toBe(ceilingMs);
    expect(backoffMs(failures, BOUNDS, 0.5)).toBe(ceilingMs / 2);
    expect(backoffMs(failures, BOUNDS, 0.5, 'upperHalf')).toBe(ceilingMs * 0.75);
  });

  it('is drawn from all below, or from the upper half', () => {
    expect(backoffMs(0, BOUNDS, 0)).toBe(0);
    expect(backoffMs(0, BOUNDS, 0, 'upperHalf')).toBe(50);
  });
});
