import { BatchMeterUsageCommand, type BatchMeterUsageCommandOutput, type UsageRecord } from '@aws-sdk/client-marketplace-metering';
import { Injectable } from '@nestjs/common';
import { AwsClients } from './aws-clients.js';
import { type CallFailure, callFailureOf, type Departure } from './aws-error.js';

/** At most so many records in one BatchMeterUsage call [API reference]. */
export const BATCH_RECORDS_MAX = 25;
/** A request body must be smaller than so many bytes. "Less than 1 MB" [API reference]; whether that is 10^6 or 2^20 is not said: the smaller. */
export const REQUEST_BYTES_LIMIT = 1_000_000;

/** A share of a record's quantity with its tags, in the API's own words: it is stored and sent as it is. */
export interface UsageAllocation {
  AllocatedUsageQuantity: number;
  Tags?: { Key: string; Value: string }[];
}

/** One record as it goes to AWS. Identity is either licenseArn with customerAwsAccountId, or exactly one of the two customer ids. */
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
  region: string;
  /** Of legacy records only. Beside a LicenseArn AWS refuses it, or bills twice. */
  productCode: string | null;
  reports: readonly UsageReport[];
  /** For the whole call, credentials included, in milliseconds. Monotonic. */
  timeoutMs: number;
  /** Asked at the last instruction before the request goes out, after credentials and signature. False: it does not go out. */
  mayLeave: () => boolean;
}

class Dropped extends Error {}

/** BatchMeterUsage through the SDK, with every ending put into words that the ledger understands. Never throws. */
@Injectable()
export class MeteringGateway {
  constructor(private readonly clients: AwsClients) {}

  async batchMeterUsage(call: BatchMeterUsageCall): Promise<GatewayAnswer> {
    let departure: Departure = 'held';
    // As the network gave it: above this point the SDK may wrap an error and lose what it says.
    let networkError: unknown;
    const command = new BatchMeterUsageCommand({
      UsageRecords: call.reports.map(usageRecordOf),
      ...(call.productCode === null ? {} : { ProductCode: call.productCode }),
    });
    const timeout = AbortSignal.timeout(call.timeoutMs);
    command.middlewareStack.add(
      (next) => async (args) => {
        // Nothing may leave after the time is up: whoever waits for the answer has gone, and the lease may be another's.
        timeout.throwIfAborted();
        if (!call.mayLeave()) throw new Dropped('the lease would not outlive the call');
        departure = 'left';
        try {
          return await next(args);
        } catch (error) {
          networkError = error;
          throw error;
        }
      },
      { step: 'deserialize', priority: 'low', name: 'marketplaceDeparture' },
    );
    try {
      const output = await raced(this.clients.metering(call.region).send(command, { abortSignal: timeout }), timeout);
      return resultsOf(output);
    } catch (error) {
      if (error instanceof Dropped) return { kind: 'failed', failure: dropped(error.message) };
      return { kind: 'failed', failure: callFailureOf(networkError ?? error, departure) };
    }
  }
}

/** The SDK heeds the signal once the request is out; a credentials provider that hangs does not. */
async function raced<T>(work: Promise<T>, timeout: AbortSignal): Promise<T> {
  let expire: (() => void) | undefined;
  const expired = new Promise<never>((_, reject) => {
    expire = () => {
      reject(timeout.reason as Error);
    };
    timeout.addEventListener('abort', expire, { once: true });
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    if (expire) timeout.removeEventListener('abort', expire);
    work.catch(() => undefined);
  }
}

function dropped(message: string): CallFailure {
  return { kind: 'dropped', culprit: null, effect: 'none', code: 'NotSent', message, httpStatus: null, requestId: null };
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

function resultsOf(output: BatchMeterUsageCommandOutput): GatewayResults {
  return {
    kind: 'answered',
    results: (output.Results ?? []).map((result) => ({
      ...echoOf(result.UsageRecord),
      status: result.Status ?? '',
      meteringRecordId: result.MeteringRecordId ?? null,
    })),
    unprocessed: (output.UnprocessedRecords ?? []).map(echoOf),
    httpStatus: output.$metadata.httpStatusCode ?? null,
    requestId: output.$metadata.requestId ?? null,
  };
}

function echoOf(record: UsageRecord | undefined): ReportEcho {
  const timestamp = record?.Timestamp;
  return {
    licenseArn: record?.LicenseArn ?? null,
    customerAwsAccountId: record?.CustomerAWSAccountId ?? null,
    customerIdentifier: record?.CustomerIdentifier ?? null,
    dimension: record?.Dimension ?? null,
    timestamp: timestamp instanceof Date && !Number.isNaN(timestamp.getTime()) ? timestamp : null,
  };
}
