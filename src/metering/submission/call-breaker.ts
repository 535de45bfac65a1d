import { backoffCeilingMs, type BackoffBounds } from '../../runtime/backoff.js';
import { type CallEnd } from './call-end.js';

const SILENCES_BEFORE_OPEN = 3;
/** One record that AWS chokes on fails six calls in a row at most until it is alone: 25, 13, 7, 4, 2, 1. */
const REFUSALS_BEFORE_OPEN = 8;

interface Failures {
  silences: number;
  refusals: number;
  /** Since it is open. */
  probes: number;
  /** Monotonic milliseconds. */
  pausedUntil: number;
}

/**
 * Spares AWS and the ledger while calls of a product and region cannot succeed. Closed: any number of calls. Open: one
 * call at a time, and after it has failed none until the next run, nor within a pause that grows from
 * `submission.backoffBaseMs` to `backoffCapMs`. So an outage or a missing permission costs a call per pause instead of
 * one per batch, and the records that were not tried carry no trace of it. In memory, per process: it saves work,
 * nothing depends on it.
 */
export class CallBreaker {
  private readonly failures = new Map<string, Failures>();
  private readonly stopped = new Set<string>();
  private readonly underWay = new Map<string, number>();

  /** @param now monotonic milliseconds */
  constructor(
    private readonly bounds: BackoffBounds,
    private readonly now: () => number = () => performance.now(),
  ) {}

  beginRun(): void {
    this.stopped.clear();
  }

  allows(key: string): boolean {
    if (this.stopped.has(key)) return false;
    const failures = this.failures.get(key);
    if (failures === undefined || !isOpen(failures)) return true;
    return (this.underWay.get(key) ?? 0) === 0 && failures.pausedUntil <= this.now();
  }

  /** How long until the first of what is paused may be called, in milliseconds; null where nothing is. */
  pauseMs(): number | null {
    const pauses = [...this.failures.values()]
      .map(({ pausedUntil }) => pausedUntil - this.now())
      .filter((ms) => ms > 0);
    return pauses.length === 0 ? null : Math.min(...pauses);
  }

  started(key: string): void {
    this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1);
  }

  /** @param end of a call that has started */
  ended(key: string, end: CallEnd): void {
    this.underWay.set(key, (this.underWay.get(key) ?? 1) - 1);
    if (end === 'judged') this.failures.delete(key);
    if (end !== 'setUp' && end !== 'unanswered' && end !== 'refused') return;
    const failures = this.failures.get(key) ?? { silences: 0, refusals: 0, probes: -1, pausedUntil: 0 };
    if (end === 'setUp') failures.silences = Math.max(SILENCES_BEFORE_OPEN, failures.silences);
    else if (end === 'unanswered') failures.silences += 1;
    else failures.refusals += 1;
    this.failures.set(key, failures);
    if (!isOpen(failures)) return;
    this.stopped.add(key);
    failures.probes += 1;
    // The run after the one that opened it may look at once: most faults are over by then.
    if (failures.probes > 0) failures.pausedUntil = this.now() + backoffCeilingMs(failures.probes, this.bounds);
  }
}

function isOpen({ silences, refusals }: Failures): boolean {
  return silences >= SILENCES_BEFORE_OPEN || refusals >= REFUSALS_BEFORE_OPEN;
}
