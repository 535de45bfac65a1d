import { Injectable } from '@nestjs/common';
import {
  BATCH_RECORDS_MAX,
  type GatewayAnswer,
  type GatewayResults,
  MeteringGateway,
} from '../../aws/metering-gateway.js';
import { answersOf, type MatchedAnswers } from './answer-matcher.js';
import { planBatch, requestProductCodeOf, type SendableRecord } from './batch-planner.js';
import { type MeteringOperationStrategy, type OperationCall } from './metering-operation.js';

/** SaaS listings: up to 25 records a call, each with a fate of its own. */
@Injectable()
export class BatchMeterUsageOperation implements MeteringOperationStrategy {
  readonly name = 'BatchMeterUsage';
  readonly budget = 'BatchMeterUsage';
  readonly recordsMax = BATCH_RECORDS_MAX;
  readonly duplicateConfirms = true;

  constructor(private readonly gateway: MeteringGateway) {}

  plan<T extends SendableRecord>(candidates: readonly T[]): T[] {
    return planBatch(candidates);
  }

  call({ attemptId, region, records, timeoutMs, mayLeave }: OperationCall): Promise<GatewayAnswer> {
    const [first] = records;
    const productCode = first === undefined ? null : requestProductCodeOf(first);
    return this.gateway.batchMeterUsage({
      attemptId,
      region,
      productCode,
      reports: records.map((record) => record.report),
      timeoutMs,
      mayLeave,
    });
  }

  answersOf(records: readonly SendableRecord[], answer: GatewayResults): MatchedAnswers {
    return answersOf(records, answer);
  }
}
