/**
 * Business time: hours, windows, deadlines. Every rule reads it from here and hands it to SQL as a parameter, so that a
 * test or a demo can run a month in seconds. Machine time (leases, backoff, call budget) is never read from this clock:
 * it is the database's own.
 */
export interface Clock {
  now(): Date;
}

/** Below this a difference is noise, and jumps of either clock are not told from it. Milliseconds. */
const NOISE_MS = 60_000;

/**
 * The wall clock, put right by the database's where the two differ by more than a minute: so messages, codes and usage
 * are dated alike by all replicas, whatever the clock of one says. The default.
 */
export class DatabaseClock implements Clock {
  private skewMs = 0;
  private comparedAt = 0;
  private databaseTime = 0;

  now(): Date {
    const wall = Date.now();
    const right = wall - this.skewMs;
    if (this.comparedAt === 0) return new Date(right);
    const estimate = this.estimate();
    if (Math.abs(right - estimate) <= NOISE_MS) return new Date(right);
    // The wall clock may have been put right since: then it is near what has gone by on the one that never jumps.
    if (Math.abs(wall - estimate) <= NOISE_MS) return new Date(wall);
    // It was set, or this machine was suspended. Until the next comparison nothing may happen too early: an hour that
    // has not ended is not sealed, nothing is given up.
    return new Date(Math.min(right, estimate));
  }

  /**
   * Whether the wall clock has left the one that never jumps since they were compared last: it was set, or this machine
   * was suspended; only the database knows which.
   */
  hasJumped(): boolean {
    return this.comparedAt !== 0 && Math.abs(Date.now() - this.skewMs - this.estimate()) > NOISE_MS;
  }

  private estimate(): number {
    return this.databaseTime + (performance.now() - this.comparedAt);
  }

  /** @param skewMs how far the wall clock is ahead of the database's, as just measured */
  follow(skewMs: number): void {
    this.skewMs = Math.abs(skewMs) <= NOISE_MS ? 0 : skewMs;
    this.comparedAt = performance.now();
    this.databaseTime = Date.now() - skewMs;
  }
}
