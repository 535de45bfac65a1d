import { describe, expect, it } from '@jest/globals';
import { retryDelayMs } from '../../../src/metering/settlement/retry-pace.js';

describe('how long a retry waits', () => {
  const options = { backoffBaseMs: 1000, backoffCapMs: 300_000 };
  it('grows with the failures, is jittered over its whole length, and is capped', () => {
    expect(retryDelayMs('backoff', 1, options, 0.999)).toBeCloseTo(1998);
    expect(retryDelayMs('backoff', 4, options, 0.5)).toBe(8000);
    expect(retryDelayMs('backoff', 4, options, 0)).toBe(0);
    expect(retryDelayMs('backoff', 5000, options, 1)).toBe(300_000);
    expect(retryDelayMs('now', 5, options, 1)).toBeNull();
    expect(retryDelayMs('slow', 0, options, 0)).toBe(15_000);
    expect(retryDelayMs('slow', 9, options, 0.999)).toBeCloseTo(29_985);
    expect(retryDelayMs('throttled', 9, options, 1)).toBe(2000);
  });
});
