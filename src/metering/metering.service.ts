import { type Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { type BalanceFilter, type BalanceView, LedgerBalance } from './balance/ledger-balance.js';
import { type RecordOptions, type RecordResult, type UsageEvent } from './recording/usage-event.js';
import {
  type MeasuredUsage,
  measureDuration,
  measureStream,
  type RecordMeasured,
} from './recording/usage-measurement.js';
import { UsageRecorder } from './recording/usage-recorder.js';

/** What a host does with metering: record usage, and see where every unit of it stands. */
@Injectable()
export class MeteringService {
  constructor(
    private readonly recorder: UsageRecorder,
    private readonly balances: LedgerBalance,
  ) {}

  /**
   * Records usage, durably once the promise resolves (with `manager`: with the commit of the host's transaction).
   * Several events are recorded all or none, and answered in input order. Recording the same event again with the same
   * key is answered as `duplicate`, whatever became of the first call.
   * @throws UsageRefusedError `USAGE_INVALID`, `TENANT_UNKNOWN`, `SUBSCRIPTION_UNKNOWN`, `PRODUCT_UNKNOWN`,
   * `PRODUCT_AMBIGUOUS`, `DIMENSION_UNDECLARED`, `IDEMPOTENCY_CONFLICT`: nothing was written
   * @throws UsageNotRecordedError `RECORD_TIMEOUT`, `RECORD_ABORTED`, `RECORD_FAILED`, `SHUTTING_DOWN`: `outcome` says
   * what is known
   * @throws MarketplaceMeteringError `QUEUE_FULL`, `MANAGER_ELSEWHERE`, `MANAGER_INVALID`, `SHUTTING_DOWN`: nothing was written
   */
  record(event: UsageEvent, options?: RecordOptions): Promise<RecordResult>;
  record(events: UsageEvent[], options?: RecordOptions): Promise<RecordResult[]>;
  record(input: UsageEvent | UsageEvent[], options?: RecordOptions): Promise<RecordResult | RecordResult[]> {
    return Array.isArray(input) ? this.recorder.record(input, options) : this.recorder.record(input, options);
  }

  /**
   * Records what is measured, once: how long a function takes, or how long a stream is. A function's answer comes, and a
   * stream ends, once that is recorded; where it cannot be, they fail with the error of `record()`. Work that fails is
   * recorded by choice (`whenFailed`).
   * @throws UsageRefusedError `USAGE_INVALID` before any work for a unit or `roundUpTo` that does not hold; else as `record`
   */
  measure<T>(usage: MeasuredUsage, work: () => T | Promise<T>): Promise<T>;
  measure(usage: MeasuredUsage, stream: Readable): Readable;
  measure<T>(usage: MeasuredUsage, measured: (() => T | Promise<T>) | Readable): Promise<T> | Readable {
    const record: RecordMeasured = (event) => this.recorder.record(event);
    return typeof measured === 'function'
      ? measureDuration(usage, measured, record)
      : measureStream(usage, measured, record);
  }

  /** Where every recorded unit stands, per customer and dimension, in one snapshot (invariant I1). */
  balance(filter: BalanceFilter = {}): Promise<BalanceView[]> {
    return this.balances.read(filter);
  }
}
