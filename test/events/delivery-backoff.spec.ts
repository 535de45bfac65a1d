import { describe, expect, it } from '@jest/globals';
import { deliveryDelayMs } from '../../src/events/delivery-backoff.js';

const BOUNDS = { backoffBaseMs: 1000, backoffCapMs: 60_000 };

describe('the pause after a failed delivery', () => {
  it.each([
    { attempt: 1, random: 0, is: 500 },
    { attempt: 1, random: 1, is: 1000 },
    { attempt: 2, random: 1, is: 2000 },
    { attempt: 4, random: 0.5, is: 6000 },
    { attempt: 50, random: 1, is: 60_000 },
  ])('of attempt $attempt is $is ms where chance says $random', ({ attempt, random, is }) => {
    expect(deliveryDelayMs(attempt, BOUNDS, random)).toBe(is);
  });
});
