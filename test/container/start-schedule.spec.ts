import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextTryMs, pauseMs } from '../../src/container/start-schedule.js';

const BOUNDS = { backoffBaseMs: 1000, backoffCapMs: 300_000 };
const MINUTE_MS = 60_000;
const PATIENCE_MS = 30 * MINUTE_MS;

/** A generator of which each pod has its own. */
function drawn(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Instants of the tries of one process that never gets an answer, in milliseconds. */
function tries(random: () => number, patienceMs = PATIENCE_MS): number[] {
  const instants = [0];
  for (let failures = 1; ; failures += 1) {
    const elapsedMs = instants.at(-1) ?? 0;
    const next = nextTryMs(failures, BOUNDS, random(), { elapsedMs, patienceMs });
    if (next === null) return instants;
    instants.push(elapsedMs + next);
  }
}

describe('a first call without an answer', () => {
  it('is tried until patience is over, and at its very end, whatever chance says', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const instants = tries(drawn(seed));
        expect(instants.at(-1)).toBeCloseTo(PATIENCE_MS, 3);
        // So an outage of 29 minutes is outlived, and one of 31 is not.
        expect(instants.some((at) => at > 29 * MINUTE_MS && at <= PATIENCE_MS)).toBe(true);
        expect(instants.every((at) => at <= PATIENCE_MS + 1e-6)).toBe(true);
      }),
    );
  });

  it('waits a minute at the most', () => {
    for (let failures = 1; failures < 100; failures += 1)
      expect(pauseMs(failures, BOUNDS, 0.999_999)).toBeLessThanOrEqual(MINUTE_MS);
  });

  it('is not tried again where there is no patience', () => {
    expect(nextTryMs(1, BOUNDS, 0.5, { elapsedMs: 0, patienceMs: 0 })).toBeNull();
  });
});

describe('200 pods that roll out at once against five calls a second', () => {
  it.each([1, 2, 3, 4, 5])('have registered within three minutes (draw %d)', (seed) => {
    const JITTER_MS = 5000;
    const pods = Array.from({ length: 200 }, (_, index) => {
      const random = drawn(seed * 1000 + index);
      return { at: random() * JITTER_MS, failures: 0, random };
    });
    // AWS's bucket: a second's worth of calls at once, filled evenly.
    let [tokens, filledAt, last, calls] = [5, 0, 0, 0];
    const waiting = [...pods];
    while (waiting.length > 0) {
      waiting.sort((a, b) => a.at - b.at);
      const pod = waiting[0]!;
      calls += 1;
      tokens = Math.min(5, tokens + ((pod.at - filledAt) / 1000) * 5);
      filledAt = pod.at;
      if (tokens >= 1) {
        tokens -= 1;
        last = pod.at;
        waiting.shift();
        continue;
      }
      pod.failures += 1;
      const spent = { elapsedMs: pod.at, patienceMs: PATIENCE_MS };
      const next = nextTryMs(pod.failures, BOUNDS, pod.random(), spent);
      // Not one gives up.
      expect(next).not.toBeNull();
      pod.at += next ?? 0;
    }
    expect(last).toBeLessThan(3 * MINUTE_MS);
    expect(calls).toBeLessThan(200 * 10);
  });
});
