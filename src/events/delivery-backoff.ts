import { backoffMs, type BackoffBounds } from '../runtime/backoff.js';

/** Pause after the `attempt`th failure, jittered over its upper half so that what failed together comes back apart. */
export function deliveryDelayMs(attempt: number, bounds: BackoffBounds, random: number): number {
  // Stryker disable next-line StringLiteral: whatever is not the full length is its upper half.
  return backoffMs(attempt - 1, bounds, random, 'upperHalf');
}
