/** Pause after the `attempt`th failure: doubles up to the cap, and is jittered over its upper half so that what failed together comes back apart. */
export function deliveryDelayMs(
  attempt: number,
  { backoffBaseMs, backoffCapMs }: { backoffBaseMs: number; backoffCapMs: number },
  random: number,
): number {
  return (0.5 + random / 2) * Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(attempt - 1, 30));
}
