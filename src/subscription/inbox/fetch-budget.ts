const MINUTE_MS = 60_000;
const PER_MINUTE = 20;
const FAILURE_KEPT_MS = 30_000;
const FAILURES_MAX = 1_000;

/**
 * What strangers may have fetched at their wish. A message names its certificate before anything about it is proven, so
 * fetches are few in a minute, and one that failed is not tried again at once: whoever needs it in earnest is sent again
 * by SNS. Bounded in memory.
 */
export class FetchBudget {
  private left = PER_MINUTE;
  private filledAtMs = Number.NEGATIVE_INFINITY;
  private readonly failures = new Map<string, { untilMs: number; error: Error }>();

  /** Why it failed lately; undefined where it did not. */
  failureOf(href: string, nowMs: number): Error | undefined {
    const failure = this.failures.get(href);
    return failure !== undefined && nowMs < failure.untilMs ? failure.error : undefined;
  }

  /** Takes a fetch out of the budget, which fills evenly. @returns whether there was one */
  take(nowMs: number): boolean {
    this.left = Math.min(PER_MINUTE, this.left + ((nowMs - this.filledAtMs) / MINUTE_MS) * PER_MINUTE);
    this.filledAtMs = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }

  noteFailure(href: string, error: Error, nowMs: number): void {
    this.failures.delete(href);
    const [oldest] = this.failures.size >= FAILURES_MAX ? this.failures.keys() : [];
    if (oldest !== undefined) this.failures.delete(oldest);
    this.failures.set(href, { untilMs: nowMs + FAILURE_KEPT_MS, error });
  }
}
