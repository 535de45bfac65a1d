export interface BackoffBounds {
  backoffBaseMs: number;
  backoffCapMs: number;
}

/**
 * Longest pause after so many failures in a row, in milliseconds of machine time: doubles up to the cap. There is no
 * number of failures after which trying ends; whoever tries has a deadline for that.
 * @param failures 0 for the pause before anything has failed
 */
export function backoffCeilingMs(failures: number, { backoffBaseMs, backoffCapMs }: BackoffBounds): number {
  return Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(failures, 30));
}

/**
 * As `backoffCeilingMs`, drawn from what lies below it, so that what failed together comes back apart.
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
  return (jitter === 'full' ? random : 0.5 + random / 2) * backoffCeilingMs(failures, bounds);
}
