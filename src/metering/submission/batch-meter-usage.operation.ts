import { Injectable } from '@nestjs/common';
import {
  BATCH_RECORDS_MAX,
  type GatewayAnswer,
  type GatewayResults,
  MeteringGateway,
} from '../../aws/metering-gateway.js';
import { type CallFailure } from '../../aws/aws-error.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type RecordAnswer } from '../settlement/evidence.js';
import { answersOf, type MatchedAnswers } from './answer-matcher.js';
import { planBatch, requestProductCodeOf, type SendableRecord, type WaitingWork } from './batch-planner.js';
import { type ClaimCandidate } from './claim.sql.js';
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

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  mayClaim(): boolean {
    return true;
  }

  regionOf({ region }: WaitingWork): string {
    return region;
  }

  admit(_: LedgerSql, records: readonly ClaimCandidate[]): Promise<readonly ClaimCandidate[]> {
    return Promise.resolve(records);
  }

  answerOfFailure(failure: CallFailure): RecordAnswer {
    return { kind: 'failure', failure };
  }

  answersOf(records: readonly SendableRecord[], answer: GatewayResults): MatchedAnswers {
    return answersOf(records, answer);
  }
}
