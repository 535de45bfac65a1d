import { backoffMs, type BackoffBounds } from '../runtime/backoff.js';

/** Between two tries at the most: two hundred pods that AWS throttles together come back within minutes, and apart. */
const CAP_MS = 60_000;

/**
 * When a first call that brought no answer is tried again, in milliseconds of machine time; null when patience is over.
 * The last try stands at the end of the patience, so that all of it is used.
 * @param failures in a row, at least 1
 * @param random in [0, 1)
 */
export function nextTryMs(
  failures: number,
  bounds: BackoffBounds,
  random: number,
  { elapsedMs, patienceMs }: { elapsedMs: number; patienceMs: number },
): number | null {
  const leftMs = patienceMs - elapsedMs;
  return leftMs <= 0 ? null : Math.min(leftMs, pauseMs(failures, bounds, random));
}

/** The same for who never gives up. */
export function pauseMs(failures: number, { backoffBaseMs, backoffCapMs }: BackoffBounds, random: number): number {
  return backoffMs(failures, { backoffBaseMs, backoffCapMs: Math.min(CAP_MS, backoffCapMs) }, random);
}
