import { type Operation } from './api-operation.js';
import { ServiceError } from './service-error.js';

/** Calls per second, per account and region; 0 = unlimited. */
export type CallQuotas = Readonly<Record<Operation, number>>;

/** A token bucket per operation, account and region: one second's worth of calls as a burst, refilled evenly. */
export class CallQuota {
  readonly #buckets = new Map<string, { tokens: number; filledAt: number }>();

  /** `quotas`: one number for all operations, or by operation where it differs from AWS's own. `clock`: milliseconds. */
  constructor(
    private quotas: number | Partial<CallQuotas>,
    private readonly clock: () => number,
  ) {}

  /** Other quotas from now on. */
  set(quotas: number | Partial<CallQuotas>): void {
    this.quotas = quotas;
    this.#buckets.clear();
  }

  /**
   * Takes one call of the caller (account and region), or throws ThrottlingException (HTTP 400, not 429). `ofAws`:
   * AWS's own quota.
   */
  take(operation: Operation, caller: string, ofAws: number): void {
    const perSecond = typeof this.quotas === 'number' ? this.quotas : (this.quotas[operation] ?? ofAws);
    if (perSecond === 0) return;
    const now = this.clock();
    const capacity = Math.max(1, perSecond);
    const key = `${operation} ${caller}`;
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, filledAt: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + (Math.max(0, now - bucket.filledAt) / 1000) * perSecond);
    bucket.filledAt = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) throw new ServiceError('ThrottlingException', 'Rate exceeded');
    bucket.tokens -= 1;
  }
}
