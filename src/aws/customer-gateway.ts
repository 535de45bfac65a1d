import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ResolveCustomerCommand, type ResolveCustomerCommandOutput } from '@aws-sdk/client-marketplace-metering';
import { Inject, Injectable } from '@nestjs/common';
import { mainRegionOf } from '../options/partition.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { backoffMs } from '../runtime/backoff.js';

import { countMetric } from '../runtime/metrics.js';
import { isStorable } from '../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure } from './aws-error.js';
import { callSdk, DEPARTURE } from './sdk-call.js';

/** Who a registration token stands for. The model makes all four optional. */
export interface ResolvedCustomer {
  productCode: string | undefined;
  licenseArn: string | undefined;
  customerAwsAccountId: string | undefined;
  customerIdentifier: string | undefined;
}

export type CustomerAnswer =
  | { kind: 'resolved'; customer: ResolvedCustomer }
  | { kind: 'tokenInvalid' }
  | { kind: 'tokenExpired' }
  | { kind: 'failed'; failure: CallFailure };

const BAD_REQUEST = 400;
/** Four times the longest that AWS documents. */
const NAME_LENGTH_MAX = 1000;
/** Between throttled calls: a buyer waits for the answer. */
const WAITS = { backoffBaseMs: 400, backoffCapMs: 2000 };

/**
 * ResolveCustomer. AWS publishes no quota for it, so there is no budget to wait in: a call that is throttled is made
 * again after a while that no two buyers share, for as long as `resolvePatienceMs` allows. Asked in the main region of
 * the partition, whatever region a product meters in: only there is the API on for every seller without asking [seller
 * guide], and the answer is the same everywhere. Never throws, and never repeats the token.
 */
@Injectable()
export class CustomerGateway {
  private readonly region: string;

  constructor(
    private readonly clients: AwsClients,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    this.region = mainRegionOf(options.products[0]?.region ?? 'us-east-1');
  }

  async resolve(token: string): Promise<CustomerAnswer> {
    const until = performance.now() + this.options.resolvePatienceMs;
    for (let throttled = 0; ; throttled += 1) {
      const answer = await this.resolveOnce(token);
      countMetric('marketplace.calls', 1, { operation: 'ResolveCustomer', outcome: answer.kind });
      const isThrottled = answer.kind === 'failed' && answer.failure.kind === 'throttled';
      const pauseMs = backoffMs(throttled, WAITS, Math.random(), 'upperHalf');
      if (!isThrottled || performance.now() + pauseMs > until) return answer;
      await sleep(pauseMs);
    }
  }

  private async resolveOnce(token: string): Promise<CustomerAnswer> {
    const command = new ResolveCustomerCommand({ RegistrationToken: token });
    let hasLeft = false as boolean;
    const send: Parameters<typeof callSdk<ResolveCustomerCommandOutput>>[1] = (abortSignal, depart) => {
      const leaving = (next: (args: never) => Promise<unknown>) => (args: never) => {
        hasLeft = true;
        return depart(() => next(args));
      };
      command.middlewareStack.add(leaving as never, DEPARTURE);
      return this.clients.metering(this.region).send(command, { abortSignal });
    };
    const answer = await callSdk(this.options.submission.requestTimeoutMs, send, token);
    if (answer.kind === 'answered') return resolved(answer.output);
    // What fails before it leaves says nothing of the token, though STS has the same names for the caller's own.
    return hasLeft ? refusedOrFailed(answer.failure) : answer;
  }
}

/** What is no name, or none that the ledger could hold, was not told: something else than AWS may have answered. */
function resolved(output: {
  ProductCode?: unknown;
  LicenseArn?: unknown;
  CustomerAWSAccountId?: unknown;
  CustomerIdentifier?: unknown;
}): CustomerAnswer {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX && isStorable(value)
      ? value
      : undefined;
  return {
    kind: 'resolved',
    customer: {
      productCode: text(output.ProductCode),
      licenseArn: text(output.LicenseArn),
      customerAwsAccountId: text(output.CustomerAWSAccountId),
      customerIdentifier: text(output.CustomerIdentifier),
    },
  };
}

function refusedOrFailed(failure: CallFailure): CustomerAnswer {
  if (failure.code === 'InvalidTokenException') return { kind: 'tokenInvalid' };
  // Credentials that ran out bear the same name; AWS says "security token" of them and "registration token" of ours.
  if (failure.code === 'ExpiredTokenException' && !/security token/i.test(failure.message))
    return { kind: 'tokenExpired' };
  // The token is all that the request holds, so it is what AWS's refusal of the request means; not that of a proxy.
  if (failure.kind === 'culprit' && failure.httpStatus === BAD_REQUEST) return { kind: 'tokenInvalid' };
  return { kind: 'failed', failure };
}
