import { performance } from 'node:perf_hooks';
import { operations, type Operation } from './api-request.js';
import { ServiceError } from './service-error.js';

/** Calls per second of wall time, per region; 0 = unlimited. */
export type CallQuotas = Readonly<Record<Operation, number>>;

/**
 * BatchMeterUsage 10/s [developer guide, "Metering service quotas"]; GetEntitlements 20/s [same guide, "Entitlement service quotas"];
 * ResolveCustomer has no published quota and gets 10/s.
 */
const defaults: CallQuotas = { ResolveCustomer: 10, BatchMeterUsage: 10, GetEntitlements: 20 };

export function callQuotas(option: number | Partial<CallQuotas> = {}): CallQuotas {
  if (typeof option !== 'number') return { ...defaults, ...option };
  return Object.fromEntries(operations.map((operation) => [operation, option])) as Record<Operation, number>;
}

/** A token bucket per operation and region: one second's worth of calls as a burst, refilled evenly. */
export class CallQuota {
  readonly #buckets = new Map<string, { tokens: number; filledAt: number }>();

  constructor(private readonly quotas: CallQuotas) {}

  /** Takes one call, or throws ThrottlingException (HTTP 400, not 429). */
  take(operation: Operation, region: string): void {
    const perSecond = this.quotas[operation];
    if (perSecond === 0) return;
    // Wall time on purpose: AWS's quota does not run faster because a test's clock does.
    const now = performance.now();
    const capacity = Math.max(1, perSecond);
    const key = `${operation} ${region}`;
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, filledAt: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.filledAt) / 1000) * perSecond);
    bucket.filledAt = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) throw new ServiceError('ThrottlingException', 'Rate exceeded');
    bucket.tokens -= 1;
  }
}
