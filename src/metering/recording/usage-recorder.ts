import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type EntityManager, type QueryRunner } from 'typeorm';
import { executorOfManager, executorOn, LedgerDatabase, type SqlExecutor, sqlStateOf } from '../../database/ledger-database.js';
import { assertSameDatabase } from '../../database/manager-guard.js';
import { MarketplaceMeteringError } from '../../errors.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { SubscriptionDirectory } from '../../subscription/chain/subject-directory.js';
import { recordingFailureOf } from './recording-failure.js';
import {
  type CheckedUsage,
  type CodedProblem,
  conflictProblem,
  differences,
  EVENTS_PER_CALL_MAX,
  foldTwins,
  type MeteredSubscription,
  pairOf,
  placeUsage,
  readUsage,
  type RecordOptions,
  type RecordResult,
  refusalOf,
  type UsageEvent,
} from './usage-event.js';
import { findUsage, insertUsage } from './usage-event.sql.js';
import { notRecorded, notRecordedBecause, UsageGatherer } from './usage-gatherer.js';

const PATIENCE_MS = 100;
const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 500;
const LOOKUPS_AT_ONCE = 8;
const SAVEPOINT = 'marketplace_record';
/** SAVEPOINT outside of a transaction. */
const NO_TRANSACTION = '25P01';

/** Writes usage events into the ledger, and does nothing else to the database. */
@Injectable()
export class UsageRecorder implements OnApplicationShutdown {
  private readonly gatherer: UsageGatherer;
  private readonly underWay = new Set<Promise<unknown>>();
  /** Last call under way on a connection of the host; see `afterOthersOn`. */
  private readonly hostLanes = new WeakMap<QueryRunner, Promise<unknown>>();
  private closing = false;
  private closed: Promise<void> | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly ledger: LedgerDatabase,
    private readonly directory: SubscriptionDirectory,
  ) {
    this.gatherer = new UsageGatherer(ledger, options);
    ledger.beforeClose(() => this.onApplicationShutdown());
  }

  /**
   * Records usage. Without `manager` the answer comes after the commit; concurrent single calls share statements. An array is all or nothing.
   * @throws UsageRefusedError `USAGE_INVALID`, `SUBSCRIPTION_UNKNOWN`, `DIMENSION_UNDECLARED`, `IDEMPOTENCY_CONFLICT`: nothing was written, and a
   * transaction of the host is still usable. UsageNotRecordedError `RECORD_TIMEOUT`, `RECORD_ABORTED`, `RECORD_FAILED`, `SHUTTING_DOWN`:
   * `outcome` says what is known. MarketplaceMeteringError `QUEUE_FULL`, `MANAGER_ELSEWHERE`, `SHUTTING_DOWN`: nothing was written. With
   * `manager`, errors of the host's transaction (a serialization failure 40001 to be retried) come through as they are.
   */
  record(event: UsageEvent, o?: RecordOptions): Promise<RecordResult>;
  record(events: readonly UsageEvent[], o?: RecordOptions): Promise<RecordResult[]>;
  async record(input: UsageEvent | readonly UsageEvent[], { manager, signal }: RecordOptions = {}): Promise<RecordResult | RecordResult[]> {
    if (this.closing) {
      throw new MarketplaceMeteringError(
        'SHUTTING_DOWN',
        'The module is shutting down; nothing was written. Record the usage again after the restart.',
      );
    }
    const call = this.perform(input, manager, signal);
    this.underWay.add(call);
    try {
      return await call;
    } finally {
      this.underWay.delete(call);
    }
  }

  /**
   * Lets nobody new in, and returns when everyone under way has an answer. After the HTTP server has closed, so that requests which were being
   * served at the shutdown still record their usage.
   */
  onApplicationShutdown(): Promise<void> {
    this.closing = true;
    this.closed ??= this.gatherer.drain().then(async () => {
      await Promise.allSettled(this.underWay);
    });
    return this.closed;
  }

  private async perform(
    input: UsageEvent | readonly UsageEvent[],
    manager: EntityManager | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RecordResult | RecordResult[]> {
    if (manager) await assertSameDatabase(manager, this.ledger);
    const isArray = Array.isArray(input);
    const events: readonly unknown[] = isArray ? input : [input];
    const usages = await this.check(events);
    const problems: CodedProblem[] = [];
    const { unique, standsAt } = foldTwins(usages, problems);
    if (problems.length > 0) throw refusalOf(problems);
    if (signal?.aborted) throw aborted(unique);

    const [first] = unique;
    if (first === undefined) return [];
    if (!isArray && !manager) return this.gatherer.record(first, signal);
    const written = manager ? await this.inHostTransaction(unique, manager, isArray) : await this.inOwnTransaction(unique, signal);
    const counts = { recorded: 0, duplicate: 0 };
    const seen = new Set<number>();
    const results = standsAt.map((position): RecordResult => {
      const result = written[position];
      if (!result) throw new Error('an event of the call has no answer');
      const outcome = seen.has(position) ? 'duplicate' : result.outcome;
      seen.add(position);
      counts[outcome] += 1;
      return { ...result, outcome };
    });
    for (const outcome of ['recorded', 'duplicate'] as const) {
      if (counts[outcome] > 0) countMetric('marketplace.usage.recorded', counts[outcome], { outcome });
    }
    return isArray ? results : (results[0] ?? []);
  }

  /** Holds every event against every rule before any of them is written. */
  private async check(events: readonly unknown[]): Promise<CheckedUsage[]> {
    const problems: CodedProblem[] = [];
    if (events.length > EVENTS_PER_CALL_MAX) {
      const message = `a call takes at most ${EVENTS_PER_CALL_MAX} events; split the array`;
      throw refusalOf([{ code: 'USAGE_INVALID', index: EVENTS_PER_CALL_MAX, field: 'event', message }]);
    }
    const { clock, recording } = this.options;
    const window = { now: clock.now(), ...recording };
    const read = Array.from(events, (event, index) => readUsage(event, index, window, problems)).filter((usage) => usage !== null);
    const subscriptions = await this.subscriptionsOf(read);
    const placed = read.map((usage) => placeUsage(usage, subscriptions.get(usage.subscriptionId) ?? null, problems));
    if (problems.length > 0) throw refusalOf(problems);
    return placed;
  }

  private async subscriptionsOf(usages: readonly CheckedUsage[]): Promise<Map<string, MeteredSubscription | null>> {
    const ids = [...new Set(usages.map((usage) => usage.subscriptionId))];
    const found = new Map<string, MeteredSubscription | null>();
    for (let from = 0; from < ids.length; from += LOOKUPS_AT_ONCE) {
      await Promise.all(ids.slice(from, from + LOOKUPS_AT_ONCE).map(async (id) => found.set(id, await this.directory.find(id))));
    }
    return found;
  }

  /** All or nothing in a transaction of our own; waits for uncommitted twins between attempts, so that no connection is held meanwhile. */
  private async inOwnTransaction(usages: readonly CheckedUsage[], signal: AbortSignal | undefined): Promise<RecordResult[]> {
    const { timeoutMs } = this.options.recording;
    const deadline = performance.now() + timeoutMs;
    let outcome: 'notWritten' | 'unknown' = 'notWritten';
    for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      try {
        return await this.ledger.transaction(async (tx) => {
          const results = await this.write(tx, usages, PATIENCE_MS);
          if (signal?.aborted) throw aborted(usages);
          return results;
        });
      } catch (error) {
        if (error instanceof MarketplaceMeteringError) throw error;
        const kind = recordingFailureOf(error);
        if (kind === 'unavailable') outcome = 'unknown';
        if (kind === 'data' || kind === 'fatal') throw notRecordedBecause(error, outcome, usages);
        if (performance.now() + pauseMs > deadline) {
          throw notRecorded('RECORD_TIMEOUT', `recording.timeoutMs (${timeoutMs} ms) passed`, outcome, usages, error);
        }
        await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => {
          throw aborted(usages, outcome);
        });
      }
    }
  }

  private async inHostTransaction(usages: readonly CheckedUsage[], manager: EntityManager, isArray: boolean): Promise<RecordResult[]> {
    const { queryRunner } = manager;
    // Alone, or with keys that nobody else can hold, one statement is all or nothing by itself.
    const isAtomic = !isArray || usages.length === 1 || usages.every((usage) => !usage.given.idempotencyKey);
    if (isAtomic) {
      if (!queryRunner) return this.write(executorOfManager(manager), usages, null);
      return this.afterOthersOn(queryRunner, () => this.write(executorOn(queryRunner), usages, null));
    }
    const inNewTransaction = (): Promise<RecordResult[]> =>
      manager.transaction((inner) => this.write(executorOfManager(inner), usages, null));
    if (!queryRunner) return inNewTransaction();
    return this.afterOthersOn(queryRunner, async () => {
      const host = executorOn(queryRunner);
      try {
        // Ours rather than TypeORM's: a host may have begun its transaction with a plain BEGIN, of which TypeORM knows nothing.
        await host.query(`SAVEPOINT ${SAVEPOINT}`);
      } catch (error) {
        if (sqlStateOf(error) === NO_TRANSACTION) return inNewTransaction();
        throw error;
      }
      try {
        const results = await this.write(host, usages, null);
        await host.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
        return results;
      } catch (error) {
        if (error instanceof MarketplaceMeteringError) {
          await host.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`);
          await host.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
        }
        throw error;
      }
    });
  }

  /**
   * Calls of ours on one connection of the host go one after the other. A host that records through Promise.all in one transaction would
   * otherwise have one call's savepoint rolled back over what another has just answered.
   */
  private async afterOthersOn<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
    const before = this.hostLanes.get(runner) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.hostLanes.set(runner, mine);
    return mine;
  }

  /** Writes events with distinct keys; answers in their order. A conflict is thrown after the insert: the caller takes the rest back. */
  private async write(tx: SqlExecutor, usages: readonly CheckedUsage[], patienceMs: number | null): Promise<RecordResult[]> {
    const { sellerAccount } = this.options;
    // Everyone inserts in the order of the keys, so that two calls with the same keys wait for each other instead of deadlocking.
    const sorted = [...usages].sort((a, b) => (pairOf(a) < pairOf(b) ? -1 : 1));
    const inserted = await insertUsage(tx, sellerAccount, sorted, patienceMs);
    const taken = usages.filter((usage) => !inserted.has(usage.id));
    const twins = taken.length === 0 ? [] : await findUsage(tx, sellerAccount, taken);
    const conflicts: CodedProblem[] = [];
    const twinIds = new Map<CheckedUsage, string>();
    for (const [position, usage] of taken.entries()) {
      const twin = twins[position];
      if (!twin) throw new Error('the twin of an event was moved meanwhile; record it again');
      const fields = twin.id === usage.id ? [] : differences(usage, twin);
      if (fields.length > 0) conflicts.push(conflictProblem(usage, fields));
      twinIds.set(usage, twin.id);
    }
    if (conflicts.length > 0) throw refusalOf(conflicts);
    return usages.map((usage) => {
      const eventId = twinIds.get(usage) ?? usage.id;
      return { eventId, idempotencyKey: usage.idempotencyKey, outcome: eventId === usage.id ? 'recorded' : 'duplicate' };
    });
  }
}

function aborted(usages: readonly CheckedUsage[], outcome: 'notWritten' | 'unknown' = 'notWritten'): Error {
  return notRecorded('RECORD_ABORTED', 'the signal given to record() was aborted', outcome, usages);
}
