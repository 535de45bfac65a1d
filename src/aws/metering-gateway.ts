// The metering API: what goes on the wire, and what came back for each record of a call.
import {
  BatchMeterUsageCommand,
  type BatchMeterUsageCommandOutput,
  type MarketplaceMeteringClient,
  MeterUsageCommand,
  type UsageRecord,
  type UsageRecordResult,
} from '@aws-sdk/client-marketplace-metering';
import { Injectable } from '@nestjs/common';
import { markAttempt } from './attempt-mark.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure } from './aws-error.js';
import { foreignId, foreignName } from './foreign-text.js';
import { callSdk, DEPARTURE } from './sdk-call.js';

/** At most so many records in one BatchMeterUsage call [API reference]. */
export const BATCH_RECORDS_MAX = 25;
/**
 * A request body has fewer bytes than that, unless one record alone has more. AWS takes "less than 1 MB" [API
 * reference], but CloudTrail leaves out the content of what exceeds 100 kB, whole [user guide], and with it the proof
 * of what was sent: its own form of the request, and the answer that repeats every record, are a little longer.
 */
export const CALL_BYTES_LIMIT = 90_000;

/** A share of a record's quantity with its tags, in the API's own words: it is stored and sent as it is. */
export interface UsageAllocation {
  AllocatedUsageQuantity: number;
  Tags?: { Key: string; Value: string }[];
}

/**
 * One record as it goes to AWS. Identity is either licenseArn with customerAwsAccountId, or exactly one of the two
 * customer ids.
 */
export interface UsageReport {
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  dimension: string;
  timestamp: Date;
  quantity: number;
  allocations: readonly UsageAllocation[] | null;
}

/** What AWS echoes of a record, to find again which one it means: no id of ours comes back. */
export interface ReportEcho {
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  dimension: string | null;
  timestamp: Date | null;
}

export interface ReportResult extends ReportEcho {
  /** `Success`, `CustomerNotSubscribed`, `DuplicateRecord`, or one that this version does not know. */
  status: string;
  meteringRecordId: string | null;
}

/** An HTTP 200 says only that the call was heard: every record has its own fate. */
export interface GatewayResults {
  kind: 'answered';
  results: ReportResult[];
  unprocessed: ReportEcho[];
  httpStatus: number | null;
  requestId: string | null;
}

export type GatewayAnswer = GatewayResults | { kind: 'failed'; failure: CallFailure };

export interface BatchMeterUsageCall {
  /** Goes along in the user agent, by which CloudTrail can tell whose call it was. */
  attemptId: string;
  region: string;
  /** Of legacy records only. Beside a LicenseArn AWS refuses it, or bills twice. */
  productCode: string | null;
  reports: readonly UsageReport[];
  /** For the whole call, credentials included, in milliseconds. Monotonic. */
  timeoutMs: number;
  /**
   * Asked at the last instruction before the request goes out, after credentials and signature. False: it does not go
   * out.
   */
  mayLeave: () => boolean;
}

/** The one record of a MeterUsage call. Who it is of, the credentials say. */
export interface MeterUsageCall {
  /** Goes along in the user agent, by which CloudTrail can tell whose call it was. */
  attemptId: string;
  region: string;
  productCode: string;
  report: Pick<UsageReport, 'dimension' | 'timestamp' | 'quantity' | 'allocations'>;
  /** 1 to 64 characters. The same for each attempt of a record: the SDK would make a new one for each call. */
  clientToken: string;
  /** As of a BatchMeterUsageCall. */
  timeoutMs: number;
  mayLeave: () => boolean;
}

type MeteringCall = Pick<BatchMeterUsageCall, 'attemptId' | 'region' | 'timeoutMs' | 'mayLeave'>;
/** The part of an SDK command that a middleware is added to: commands share no type that takes one. */
interface Departing {
  middlewareStack: { add(middleware: never, options: object): void };
}
type Sent<Output> = { kind: 'answered'; output: Output } | { kind: 'failed'; failure: CallFailure };

/** Metering through the SDK, with every ending put into words that the ledger understands. Never throws. */
@Injectable()
export class MeteringGateway {
  constructor(private readonly clients: AwsClients) {}

  async batchMeterUsage(call: BatchMeterUsageCall): Promise<GatewayAnswer> {
    const command = new BatchMeterUsageCommand({
      UsageRecords: call.reports.map(usageRecordOf),
      ...(call.productCode === null ? {} : { ProductCode: call.productCode }),
    });
    const answer = await this.send(command, call, (client, options) => client.send(command, options));
    return answer.kind === 'answered' ? resultsOf(answer.output) : answer;
  }

  /** One result, with an echo of what was sent: AWS gives back nothing but the id of its record. */
  async meterUsage(call: MeterUsageCall): Promise<GatewayAnswer> {
    const { productCode, report, clientToken } = call;
    const command = new MeterUsageCommand({
      ProductCode: productCode,
      Timestamp: report.timestamp,
      UsageDimension: report.dimension,
      UsageQuantity: report.quantity,
      ClientToken: clientToken,
      ...(report.allocations === null ? {} : { UsageAllocations: [...report.allocations] }),
    });
    const answer = await this.send(command, call, (client, options) => client.send(command, options));
    if (answer.kind !== 'answered') return answer;
    const { MeteringRecordId: givenId, $metadata: metadata } = answer.output;
    const meteringRecordId = foreignId(givenId);
    return {
      kind: 'answered',
      results: meteringRecordId
        ? [{ ...NOBODY, dimension: report.dimension, timestamp: report.timestamp, status: 'Success', meteringRecordId }]
        : [],
      unprocessed: [],
      httpStatus: metadata.httpStatusCode ?? null,
      requestId: foreignId(metadata.requestId),
    };
  }

  private async send<Output>(
    command: Departing,
    { attemptId, region, timeoutMs, mayLeave }: MeteringCall,
    send: (client: MarketplaceMeteringClient, options: { abortSignal: AbortSignal }) => Promise<Output>,
  ): Promise<Sent<Output>> {
    markAttempt(command, attemptId);
    let kept = false as boolean;
    const answer = await callSdk(timeoutMs, (abortSignal, depart) => {
      command.middlewareStack.add(
        ((next: (args: unknown) => Promise<unknown>) => (args: unknown) => {
          kept = !mayLeave();
          return kept ? Promise.reject(new Error('kept')) : depart(() => next(args));
        }) as never,
        DEPARTURE,
      );
      return send(this.clients.metering(region), { abortSignal });
    });
    return kept ? { kind: 'failed', failure: dropped('The lease would not outlive the call.') } : answer;
  }
}

const NOBODY = { licenseArn: null, customerAwsAccountId: null, customerIdentifier: null } as const;

function dropped(message: string): CallFailure {
  return {
    kind: 'dropped',
    culprit: null,
    effect: 'none',
    code: 'NotSent',
    message,
    httpStatus: null,
    requestId: null,
  };
}

function usageRecordOf(report: UsageReport): UsageRecord {
  return {
    Timestamp: report.timestamp,
    Dimension: report.dimension,
    Quantity: report.quantity,
    ...(report.licenseArn === null ? {} : { LicenseArn: report.licenseArn }),
    ...(report.customerAwsAccountId === null ? {} : { CustomerAWSAccountId: report.customerAwsAccountId }),
    ...(report.customerIdentifier === null ? {} : { CustomerIdentifier: report.customerIdentifier }),
    ...(report.allocations === null ? {} : { UsageAllocations: [...report.allocations] }),
  };
}

/** Bytes of one record in the body of a request: the wire has timestamps in epoch seconds. */
export function reportBytes(report: UsageReport): number {
  return Buffer.byteLength(JSON.stringify({ ...usageRecordOf(report), Timestamp: report.timestamp.getTime() / 1000 }));
}

/** Bytes of a request around its records, given how many they are: the braces, the names and the commas. */
export function envelopeBytes(productCode: string | null, records: number): number {
  const empty = { UsageRecords: [], ...(productCode === null ? {} : { ProductCode: productCode }) };
  return Buffer.byteLength(JSON.stringify(empty)) + Math.max(0, records - 1);
}

/** Whatever came in place of AWS's answer: the SDK hands on what has another shape than its model says. */
function resultsOf(output: BatchMeterUsageCommandOutput): GatewayResults {
  return {
    kind: 'answered',
    results: listOf<UsageRecordResult>(output.Results).map((result) => ({
      ...echoOf(result?.UsageRecord),
      status: foreignName(result?.Status) ?? '',
      meteringRecordId: foreignId(result?.MeteringRecordId),
    })),
    unprocessed: listOf<UsageRecord>(output.UnprocessedRecords).map(echoOf),
    httpStatus: output.$metadata.httpStatusCode ?? null,
    requestId: foreignId(output.$metadata.requestId),
  };
}

function listOf<T>(value: unknown): (T | null)[] {
  return Array.isArray(value) ? (value as (T | null)[]) : [];
}

function echoOf(record: UsageRecord | null | undefined): ReportEcho {
  const timestamp = record?.Timestamp;
  return {
    licenseArn: record?.LicenseArn ?? null,
    customerAwsAccountId: record?.CustomerAWSAccountId ?? null,
    customerIdentifier: record?.CustomerIdentifier ?? null,
    dimension: record?.Dimension ?? null,
    timestamp: timestamp instanceof Date && !Number.isNaN(timestamp.getTime()) ? timestamp : null,
  };
}
