import { type FailureKind } from '../../aws/aws-error.js';

const FAILURES_BEFORE_OPEN = 3;

/**
 * Spares AWS and the ledger while calls of a product and region cannot succeed. Closed: any number of calls. Open: one
 * call at a time, and none after it has failed, until the next run. So an outage or a missing permission costs a call
 * per run instead of one per batch, and the records that were not tried carry no trace of it. In memory, per process:
 * it saves work, nothing depends on it.
 */
export class CallBreaker {
  private readonly failures = new Map<string, number>();
  private readonly stopped = new Set<string>();
  private readonly underWay = new Map<string, number>();

  beginRun(): void {
    this.stopped.clear();
  }

  allows(key: string): boolean {
    if (this.stopped.has(key)) return false;
    return !this.isOpen(key) || (this.underWay.get(key) ?? 0) === 0;
  }

  started(key: string): void {
    this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1);
  }

  /** @param failure null when the call was answered, whatever the answer says. */
  ended(key: string, failure: FailureKind | null): void {
    this.underWay.set(key, (this.underWay.get(key) ?? 1) - 1);
    if (failure === 'setUp') this.failures.set(key, FAILURES_BEFORE_OPEN);
    else if (failure === 'unavailable') this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
    // A refusal is an answer: the API is there and knows us.
    else if (failure !== 'throttled' && failure !== 'dropped') this.failures.delete(key);
    if (this.isOpen(key)) this.stopped.add(key);
  }

  private isOpen(key: string): boolean {
    return (this.failures.get(key) ?? 0) >= FAILURES_BEFORE_OPEN;
  }
}
