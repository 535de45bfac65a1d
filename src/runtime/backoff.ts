export interface BackoffBounds {
  backoffBaseMs: number;
  backoffCapMs: number;
}

/**
 * Pause after so many failures in a row, in milliseconds of machine time: doubles up to the cap. There is no number of
 * failures after which trying ends; whoever tries has a deadline for that.
 * @param failures 0 for the pause before anything has failed
 * @param random in [0, 1)
 * @param jitter `full`: anywhere below the pause, for many that failed together against one budget. `upperHalf`:
 * between its half and the whole, where a pause must be felt.
 */
export function backoffMs(
  failures: number,
  bounds: BackoffBounds,
  random: number,
  jitter: 'full' | 'upperHalf' = 'full',
): number {
  const pause = Math.min(bounds.backoffCapMs, bounds.backoffBaseMs * 2 ** Math.min(failures, 30));
  return (jitter === 'full' ? random : 0.5 + random / 2) * pause;
}
