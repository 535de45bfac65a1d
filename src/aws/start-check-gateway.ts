import {
  MeterUsageCommand,
  type MeterUsageCommandOutput,
  RegisterUsageCommand,
  type RegisterUsageCommandOutput,
} from '@aws-sdk/client-marketplace-metering';
import { Injectable } from '@nestjs/common';
import { countMetric } from '../runtime/metrics.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure } from './aws-error.js';
import { callSdk, DEPARTURE, type Depart, type SdkAnswer } from './sdk-call.js';

export interface RegisterUsageCall {
  region: string;
  productCode: string;
  publicKeyVersion: number;
  nonce: string;
  timeoutMs: number;
}

export type RegisterUsageAnswer =
  | { kind: 'answered'; signature: string | undefined; rotatedAt: Date | null }
  | { kind: 'failed'; failure: CallFailure };

export interface DryRunCall {
  region: string;
  productCode: string;
  dimension: string;
  timestamp: Date;
  timeoutMs: number;
}

export type DryRunAnswer = { kind: 'permitted' } | { kind: 'failed'; failure: CallFailure };

/** AWS writes that DryRun says yes by this error [API reference]; with what status is not said. */
const DRY_RUN_PERMITTED = 'DryRunOperation';

/** The calls that software in a buyer's account makes when it starts. Never throws for what AWS does. */
@Injectable()
export class StartCheckGateway {
  constructor(private readonly clients: AwsClients) {}

  async registerUsage({ region, timeoutMs, ...call }: RegisterUsageCall): Promise<RegisterUsageAnswer> {
    const command = new RegisterUsageCommand({
      ...{ ProductCode: call.productCode, PublicKeyVersion: call.publicKeyVersion, Nonce: call.nonce },
    });
    const answer: SdkAnswer<RegisterUsageCommandOutput> = await callSdk(timeoutMs, (abortSignal, depart) => {
      command.middlewareStack.add(leaving(depart) as never, DEPARTURE);
      return this.clients.metering(region).send(command, { abortSignal });
    });
    const { Signature, PublicKeyRotationTimestamp } = answer.kind === 'answered' ? answer.output : {};
    count('RegisterUsage', answer);
    return answer.kind === 'failed'
      ? answer
      : { kind: 'answered', signature: Signature, rotatedAt: PublicKeyRotationTimestamp ?? null };
  }

  /**
   * MeterUsage with DryRun. It is permitted where AWS says so by its error, and where it answers at all: live
   * integrations have seen an answer with the record id `DryRunOperation`, others with another. No such id is kept.
   */
  async dryRun({ region, timeoutMs, ...call }: DryRunCall): Promise<DryRunAnswer> {
    const command = new MeterUsageCommand({
      ...{ ProductCode: call.productCode, UsageDimension: call.dimension, Timestamp: call.timestamp },
      ...{ UsageQuantity: 0, DryRun: true },
    });
    const answer: SdkAnswer<MeterUsageCommandOutput> = await callSdk(timeoutMs, (abortSignal, depart) => {
      command.middlewareStack.add(leaving(depart) as never, DEPARTURE);
      return this.clients.metering(region).send(command, { abortSignal });
    });
    const isPermitted = answer.kind === 'answered' || answer.failure.code === DRY_RUN_PERMITTED;
    countMetric('marketplace.calls', 1, {
      operation: 'MeterUsage',
      outcome: isPermitted ? 'answered' : answer.failure.kind,
    });
    return isPermitted ? { kind: 'permitted' } : answer;
  }
}

function count(operation: string, answer: SdkAnswer<unknown>): void {
  const outcome = answer.kind === 'answered' ? 'answered' : answer.failure.kind;
  countMetric('marketplace.calls', 1, { operation, outcome });
}

function leaving(depart: Depart) {
  return (next: (args: unknown) => Promise<unknown>) =>
    (args: unknown): Promise<unknown> =>
      depart(() => next(args));
}
