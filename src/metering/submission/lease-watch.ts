/**
 * A lease as its holder measures it, from before the claim began, on the two clocks a machine has: the one may stand
 * still while it sleeps, the other jump.
 */
export class LeaseWatch {
  private readonly monotonicStart = performance.now();
  private readonly wallStart = Date.now();

  constructor(private readonly leaseMs: number) {}

  /** Whether a call of at most `timeoutMs` that begins now ends within the lease. */
  outlives(timeoutMs: number): boolean {
    const elapsed = Math.max(performance.now() - this.monotonicStart, Date.now() - this.wallStart);
    return elapsed + timeoutMs < this.leaseMs;
  }

  get expired(): boolean {
    return !this.outlives(0);
  }
}
