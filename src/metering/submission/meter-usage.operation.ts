import { Inject, Injectable } from '@nestjs/common';
import { type CallFailure } from '../../aws/aws-error.js';
import { type GatewayAnswer, type GatewayResults, MeteringGateway } from '../../aws/metering-gateway.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type RecordAnswer, type Verdict } from '../settlement/evidence.js';
import { bindRecord, type MeteringSender } from '../settlement/metering-sender.sql.js';
import { type MatchedAnswers } from './answer-matcher.js';
import { type SendableRecord, type WaitingWork } from './batch-planner.js';
import { type ClaimCandidate } from './claim.sql.js';
import { clientTokenOf } from './client-token.js';
import { type MeteringOperationStrategy, type OperationCall } from './metering-operation.js';
import { boundTimestampOf } from './metering-timestamp.js';
import { SenderLease } from './sender-lease.js';

const VERDICTS: Readonly<Record<string, Verdict>> = {
  DuplicateRequestException: 'otherOnFile',
  IdempotencyConflictException: 'tokenReused',
  CustomerNotEntitledException: 'notEntitled',
};

/**
 * Containers and AMIs: one record a call, signed with the role of the resource in its buyer's account. AWS tells repeats
 * apart per resource, so a record is bound to one when it is first sent, and sent from no other.
 */
@Injectable()
export class MeterUsageOperation implements MeteringOperationStrategy {
  readonly name = 'MeterUsage';
  readonly budget = 'MeterUsage';
  readonly recordsMax = 1;
  /** A resend of the same is answered with the record's id: a duplicate is always something else. */
  readonly duplicateConfirms = false;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly gateway: MeteringGateway,
    private readonly lease: SenderLease,
  ) {}

  prepare(): Promise<void> {
    return this.lease.take();
  }

  mayClaim(productCode: string): boolean {
    return this.lease.holds(productCode);
  }

  regionOf({ region }: WaitingWork): string {
    return this.lease.region ?? region;
  }

  plan<T extends SendableRecord>(candidates: readonly T[]): T[] {
    return candidates.slice(0, 1);
  }

  async admit(tx: LedgerSql, records: readonly ClaimCandidate[], now: Date): Promise<readonly ClaimCandidate[]> {
    const [first] = records;
    const sender = first === undefined ? null : await this.lease.renew(tx, first.productCode);
    if (sender === null) return [];
    const admitted: ClaimCandidate[] = [];
    for (const record of records) {
      const bound = await this.bind(tx, record, sender, now);
      if (bound !== null) admitted.push(bound);
    }
    return admitted;
  }

  call({ attemptId, region, records, timeoutMs, mayLeave }: OperationCall): Promise<GatewayAnswer> {
    const [record] = records;
    const resourceId = record?.resourceId ?? null;
    if (record === undefined || resourceId === null)
      throw new Error('a MeterUsage call has one record, bound to a resource');
    const { id, productCode, report } = record;
    const clientToken = clientTokenOf(id, resourceId);
    return this.gateway.meterUsage({ attemptId, region, productCode, report, clientToken, timeoutMs, mayLeave });
  }

  answerOfFailure(failure: CallFailure): RecordAnswer {
    const verdict = Object.hasOwn(VERDICTS, failure.code) ? VERDICTS[failure.code] : undefined;
    return verdict === undefined ? { kind: 'failure', failure } : { kind: 'verdict', verdict, failure };
  }

  /** An answer without an id says nothing certain; the same request again is answered with it. */
  answersOf(_: readonly SendableRecord[], { results: [result] }: GatewayResults): MatchedAnswers {
    if (result === undefined) return { answers: [{ kind: 'missing' }], strangers: 0 };
    const { status, meteringRecordId } = result;
    return { answers: [{ kind: 'status', status, meteringRecordId }], strangers: 0 };
  }

  /** Null where the record cannot go out from here. */
  private async bind(
    tx: LedgerSql,
    candidate: ClaimCandidate,
    sender: MeteringSender,
    now: Date,
  ): Promise<ClaimCandidate | null> {
    const { record, report, resourceId } = candidate;
    const { resource_id: here, region } = sender;
    if (resourceId !== null) return resourceId === here && record.region === region ? candidate : null;
    const timestamp = record.hour === null ? null : boundTimestampOf(record.hour, sender.started_at, now);
    if (timestamp === null) return null;
    await bindRecord(tx, this.options.sellerAccount, candidate.id, { resourceId: here, region, timestamp });
    crashPoint('submit.bound');
    return {
      ...candidate,
      resourceId: here,
      record: { ...record, region, resource_id: here },
      report: { ...report, timestamp },
    };
  }
}
