import { describe, expect, it } from '@jest/globals';
import { backoffCeilingMs, backoffMs } from '../../src/runtime/backoff.js';

const BOUNDS = { backoffBaseMs: 1_000, backoffCapMs: 60_000 };

describe('the pause after failures in a row', () => {
  it.each([
    [0, 1_000],
    [1, 2_000],
    [5, 32_000],
    [6, 60_000],
    [5_000, 60_000],
  ])('after %i doubles up to the cap: %i ms', (failures, pause) => {
    expect(backoffCeilingMs(failures, BOUNDS)).toBe(pause);
    expect(backoffMs(failures, BOUNDS, 1)).toBe(pause);
  });

  it('has no exponent beyond 30, whatever the cap', () => {
    const boundless = { backoffBaseMs: 1, backoffCapMs: Number.MAX_VALUE };
    expect(backoffMs(29, boundless, 1)).toBe(2 ** 29);
    expect(backoffMs(30, boundless, 1)).toBe(2 ** 30);
    expect(backoffMs(5_000, boundless, 1)).toBe(2 ** 30);
  });

  it.each([
    ['full', 0, 0],
    ['full', 0.25, 2_000],
    ['upperHalf', 0, 4_000],
    ['upperHalf', 0.5, 6_000],
  ] as const)('with %s jitter at %d is %i ms of 8,000', (jitter, random, pause) => {
    expect(backoffMs(3, BOUNDS, random, jitter)).toBe(pause);
  });

  it('is jittered in full where nothing else is said', () => {
    expect(backoffMs(3, BOUNDS, 0)).toBe(0);
  });
});
