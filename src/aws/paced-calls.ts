import { performance } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import { type BudgetedOperation, CallBudget } from '../database/call-budget.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { countMetric } from '../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type CallFailure } from './aws-error.js';
import { callSdk, DEPARTURE, type Depart, type SdkAnswer } from './sdk-call.js';

/** How long a question may wait for its turn, throttling included. */
export interface Patience {
  /** In milliseconds, monotonic. Default: as long as it takes. */
  patienceMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** For each call, in milliseconds. Default `submission.requestTimeoutMs`. */
  timeoutMs?: number | undefined;
}

/** The part of an SDK command that has its request leave through us. */
interface Command {
  middlewareStack: { add(middleware: never, options: typeof DEPARTURE): void };
}

/**
 * Questions to AWS, each within its operation's quota, which all replicas share. A question waits for its turn; one
 * that AWS throttles all the same has told that the quota is smaller than we thought, and waits again. Nothing is given
 * up for the quota while the caller has patience left.
 */
@Injectable()
export class PacedCalls {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly budget: CallBudget,
  ) {}

  /**
   * @param region where the operation is served: the quota is that region's
   * @param send makes one call with one command of its own. Reading operations only: a call is made again after it was
   * throttled.
   */
  async ask<Output>(
    operation: Exclude<BudgetedOperation, 'BatchMeterUsage'>,
    region: string,
    send: (leave: (command: Command) => void, signal: AbortSignal) => Promise<Output>,
    {
      patienceMs = Number.POSITIVE_INFINITY,
      signal,
      timeoutMs = this.options.submission.requestTimeoutMs,
    }: Patience = {},
  ): Promise<SdkAnswer<Output>> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const mayGo = await this.budget.take(region, operation, until - performance.now(), signal);
      if (!mayGo) return { kind: 'failed', failure: outOfPatience(operation) };
      const answer = await callSdk(timeoutMs, (abortSignal, depart) =>
        send((command) => {
          command.middlewareStack.add(leaving(depart) as never, DEPARTURE);
        }, abortSignal),
      );
      countMetric('marketplace.calls', 1, {
        operation,
        outcome: answer.kind === 'answered' ? 'answered' : answer.failure.kind,
      });
      if (answer.kind === 'answered' || answer.failure.kind !== 'throttled') return answer;
      await this.budget.throttled(region, operation);
    }
  }
}

function leaving(depart: Depart) {
  return (next: (args: unknown) => Promise<unknown>) =>
    (args: unknown): Promise<unknown> =>
      depart(() => next(args));
}

function outOfPatience(operation: string): CallFailure {
  const message = `${operation} found no free slot within its quota in time`;
  return {
    kind: 'throttled',
    culprit: null,
    effect: 'none',
    code: 'QuotaExhausted',
    message,
    httpStatus: null,
    requestId: null,
  };
}
