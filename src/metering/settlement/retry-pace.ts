import { backoffMs, type BackoffBounds } from '../../runtime/backoff.js';

/**
 * How soon a record may be tried again. `now`: in the same run, since the parts of a divided batch were due when the
 * whole was.
 */
export type RetryPace = 'now' | 'backoff' | 'throttled' | 'slow';

const SLOW_FACTOR = 30;

/**
 * Milliseconds until the next try, of machine time, jittered so that records that failed together do not come back
 * together. There is no count after which trying ends: the cutoff ends it.
 * @param random in [0, 1)
 * @returns null where the record keeps the time at which it was due
 */
export function retryDelayMs(
  pace: RetryPace,
  consecutiveFailures: number,
  bounds: BackoffBounds,
  random: number,
): number | null {
  const { backoffBaseMs, backoffCapMs } = bounds;
  switch (pace) {
    case 'now':
      return null;
    case 'throttled':
      // The shared budget sets the pace; this only mixes the order.
      return random * Math.min(backoffCapMs, 2 * backoffBaseMs);
    case 'slow':
      // Stryker disable next-line StringLiteral: whatever is not the full length is its upper half.
      return backoffMs(0, { backoffBaseMs: SLOW_FACTOR * backoffBaseMs, backoffCapMs }, random, 'upperHalf');
    case 'backoff':
      return backoffMs(consecutiveFailures, bounds, random);
  }
}
