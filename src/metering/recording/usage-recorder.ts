import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ClockGuard } from '../../database/clock-guard.js';
import { refuseOtherOptions } from '../../database/executors/manager-refusal.js';
import { HostTransaction } from '../../database/host-transaction.js';
import { isOutage, LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { backoffCeilingMs } from '../../runtime/backoff.js';
import { countMetric } from '../../runtime/metrics.js';
import { monotonicMs, sleep } from '../../runtime/real-time.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { SubjectDirectory } from '../../subscription/chain/subject-directory.js';
import { ProductCatalog } from '../../subscription/product-catalog.js';
import { RECORDING_PAUSES, recordingFailureOf } from './recording-failure.js';
import { throughOutage } from './recording-outage.js';
import { UsageAdmission } from './usage-admission.js';
import { conflictProblem, differences, distinctUsage } from './usage-comparison.js';
import { type RecordOptions, type RecordResult, type UsageEvent } from './usage-event.js';
import { findUsage, insertUsage, type ParameterForm } from './usage-event.sql.js';
import { UsageGatherer } from './usage-gatherer.js';
import { type PlacedUsage, resultOf } from './usage-placement.js';
import { type CodedProblem, notRecorded, notRecordedBecause, refusalOf } from './usage-refusal.js';

const PATIENCE_MS = 100;
const OPTIONS = ['manager', 'signal', 'ifUnknown'] as const satisfies (keyof RecordOptions)[];
const NO_OPTIONS: RecordOptions = {};

/** Writes usage events into the ledger, and does nothing else to the database. */
@Injectable()
export class UsageRecorder implements OnApplicationShutdown {
  private readonly gatherer: UsageGatherer;
  private readonly admission: UsageAdmission;
  private readonly underWay = new Set<Promise<unknown>>();
  private closing = false;
  private closed: Promise<void> | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly ledger: LedgerDatabase,
    directory: SubjectDirectory,
    products: ProductCatalog,
    private readonly clock: ClockGuard,
  ) {
    this.gatherer = new UsageGatherer(ledger, options);
    this.admission = new UsageAdmission(options, directory, products);
    ledger.beforeClose(() => this.onApplicationShutdown());
  }

  /**
   * Records usage. Without `manager` the answer comes after the commit; concurrent single calls share statements. An
   * array is all or nothing.
   * @throws UsageRefusedError `USAGE_INVALID`, `TENANT_UNKNOWN`, `SUBSCRIPTION_UNKNOWN`, `PRODUCT_UNKNOWN`,
   * `PRODUCT_AMBIGUOUS`, `DIMENSION_UNDECLARED`, `IDEMPOTENCY_CONFLICT`: nothing was written, and a transaction of the
   * host is still usable. UsageNotRecordedError `RECORD_TIMEOUT`, `RECORD_ABORTED`, `RECORD_FAILED`, `SHUTTING_DOWN`:
   * `outcome` says what is known. MarketplaceMeteringError `QUEUE_FULL`, `MANAGER_ELSEWHERE`, `MANAGER_INVALID`,
   * `SHUTTING_DOWN`: nothing was written. With `manager`, errors of the host's transaction (a serialization failure 40001 to be retried) come
   * through as they are.
   */
  record(event: UsageEvent, o?: RecordOptions): Promise<RecordResult>;
  record(events: readonly UsageEvent[], o?: RecordOptions): Promise<RecordResult[]>;
  async record(
    input: UsageEvent | readonly UsageEvent[],
    o: RecordOptions = NO_OPTIONS,
  ): Promise<RecordResult | RecordResult[]> {
    if (this.closing) {
      throw new MarketplaceMeteringError(
        'SHUTTING_DOWN',
        'The module is shutting down; nothing was written. Record the usage again after the restart.',
      );
    }
    if (o !== NO_OPTIONS) refuseOtherOptions('record()', o, OPTIONS);
    // Jobs compare the clock before they decide; what is recorded between a jump and the next comparison is dated, too.
    if (this.clock.hasJumped) await throughOutage(() => this.clock.settled(), this.options.recording.timeoutMs);
    const lone = o.manager !== undefined || Array.isArray(input) ? null : this.admission.admitRemembered(input);
    if (lone && !o.signal?.aborted) return this.gatherer.record(lone, o.signal);
    const call = this.perform(input, o);
    this.underWay.add(call);
    try {
      return await call;
    } finally {
      this.underWay.delete(call);
    }
  }

  /**
   * Lets nobody new in, and returns when everyone under way has an answer. After the HTTP server has closed, so that
   * requests which were being served at the shutdown still record their usage.
   */
  onApplicationShutdown(): Promise<void> {
    this.closing = true;
    this.closed ??= this.gatherer.drain().then(async () => {
      await Promise.allSettled(this.underWay);
    });
    return this.closed;
  }

  private perform(input: UsageEvent | readonly UsageEvent[], o: RecordOptions): Promise<RecordResult | RecordResult[]> {
    if (o.manager === undefined) return this.recordIn(null, input, o);
    return HostTransaction.use(o.manager, this.ledger, (host) => this.recordIn(host, input, o));
  }

  private async recordIn(
    host: HostTransaction | null,
    input: UsageEvent | readonly UsageEvent[],
    { signal, ifUnknown }: RecordOptions,
  ): Promise<RecordResult | RecordResult[]> {
    const isArray = Array.isArray(input);
    const events: readonly unknown[] = isArray ? input : [input];
    const usages = await this.admission.admit(events, host?.sql ?? null, ifUnknown);
    const placed = usages.filter((usage) => 'subject' in usage);
    const problems: CodedProblem[] = [];
    const { unique, standsAt } = distinctUsage(placed, problems);
    if (problems.length > 0) throw refusalOf(problems);
    if (signal?.aborted) throw aborted(unique);

    const [first] = unique;
    if (first && !isArray && !host) return this.gatherer.record(first, signal);
    const written = !first
      ? []
      : host
        ? await this.inHostTransaction(unique, host, isArray)
        : await this.inOwnTransaction(unique, signal);
    const results = this.answers(usages, standsAt, written);
    return isArray ? results : (results[0] ?? []);
  }

  /** The answer of each event of the call, in its order. */
  private answers(
    usages: readonly (PlacedUsage | RecordResult)[],
    standsAt: readonly number[],
    written: readonly RecordResult[],
  ): RecordResult[] {
    const counts = { recorded: 0, duplicate: 0, ignored: 0 };
    const seen = new Set<number>();
    let placed = 0;
    const results = usages.map((usage): RecordResult => {
      if (!('subject' in usage)) {
        counts.ignored += 1;
        return usage;
      }
      const position = standsAt[placed];
      placed += 1;
      const result = position === undefined ? undefined : written[position];
      if (position === undefined || !result) throw new Error('an event of the call has no answer');
      const outcome = seen.has(position) ? 'duplicate' : result.outcome;
      seen.add(position);
      counts[outcome] += 1;
      return { ...result, outcome };
    });
    for (const outcome of ['recorded', 'duplicate', 'ignored'] as const) {
      if (counts[outcome] > 0) countMetric('marketplace.usage.recorded', counts[outcome], { outcome });
    }
    return results;
  }

  /**
   * All or nothing in a transaction of our own; waits for uncommitted duplicates between attempts, so that no
   * connection is held meanwhile.
   */
  private async inOwnTransaction(
    usages: readonly PlacedUsage[],
    signal: AbortSignal | undefined,
  ): Promise<RecordResult[]> {
    const { timeoutMs } = this.options.recording;
    const deadline = monotonicMs() + timeoutMs;
    let outcome: 'notWritten' | 'unknown' = 'notWritten';
    for (let failures = 0; ; failures += 1) {
      const pauseMs = backoffCeilingMs(failures, RECORDING_PAUSES);
      try {
        const isRepeated = outcome === 'unknown';
        const write = (tx: LedgerSql): Promise<RecordResult[]> =>
          this.write(tx, usages, 'binary', PATIENCE_MS, isRepeated);
        // Minted ids are nobody else's: one statement is all or nothing by itself.
        if (usages.every((usage) => usage.isMinted)) return await write(this.ledger);
        return await this.ledger.transaction(async (tx) => {
          const results = await write(tx);
          if (signal?.aborted) throw aborted(usages);
          return results;
        });
      } catch (error) {
        if (error instanceof MarketplaceMeteringError) throw error;
        const kind = recordingFailureOf(error);
        if (kind === 'unavailable') outcome = 'unknown';
        if (kind === 'data' || kind === 'fatal') throw notRecordedBecause(error, outcome, usages);
        if (this.closing && isOutage(error))
          throw notRecorded('SHUTTING_DOWN', 'the module shuts down', outcome, usages, error);
        if (monotonicMs() + pauseMs > deadline) {
          throw notRecorded('RECORD_TIMEOUT', `recording.timeoutMs (${timeoutMs} ms) passed`, outcome, usages, error);
        }
        await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => {
          throw aborted(usages, outcome);
        });
      }
    }
  }

  private inHostTransaction(
    usages: readonly PlacedUsage[],
    host: HostTransaction,
    isArray: boolean,
  ): Promise<RecordResult[]> {
    const write = (sql: LedgerSql): Promise<RecordResult[]> => this.write(sql, usages, 'text', null);
    // Alone, or with keys that nobody else can hold, one statement is all or nothing by itself.
    const isAtomic = !isArray || usages.length === 1 || usages.every((usage) => usage.isMinted);
    return isAtomic ? write(host.sql) : host.atomically(write);
  }

  /**
   * Writes events with distinct ids; answers in their order. A conflict is thrown after the insert: the caller takes
   * the rest back.
   * @param isRepeated an answer to these very events was lost: where all of them are there, they are this call's.
   */
  private async write(
    tx: LedgerSql,
    usages: readonly PlacedUsage[],
    form: ParameterForm,
    patienceMs: number | null,
    isRepeated = false,
  ): Promise<RecordResult[]> {
    const inserted = await insertUsage(tx, usages, form, patienceMs);
    if (inserted.size === usages.length) return usages.map((usage) => resultOf(usage, 'recorded'));
    const taken = usages.filter((usage) => !inserted.has(usage.id));
    const found = await findUsage(
      tx,
      taken.map((usage) => usage.id),
    );
    const conflicts: CodedProblem[] = [];
    const results = usages.map((usage) => {
      if (inserted.has(usage.id)) return resultOf(usage, 'recorded');
      const earlier = found.get(usage.id);
      if (!earlier)
        throw new Error('an event whose id is taken is not there: it was removed meanwhile; record it again');
      const fields = differences(usage, earlier);
      if (fields.length > 0) conflicts.push(conflictProblem(usage, fields));
      const isOurs = usage.isMinted || (isRepeated && inserted.size === 0);
      return { ...resultOf(usage, isOurs ? 'recorded' : 'duplicate'), subscriptionId: earlier.subscriptionId };
    });
    if (conflicts.length > 0) throw refusalOf(conflicts);
    return results;
  }
}

function aborted(usages: readonly PlacedUsage[], outcome: 'notWritten' | 'unknown' = 'notWritten'): Error {
  return notRecorded('RECORD_ABORTED', 'the signal given to record() was aborted', outcome, usages);
}
