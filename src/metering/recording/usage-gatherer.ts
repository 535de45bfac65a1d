import { setTimeout as sleep } from 'node:timers/promises';
import { type Client } from 'pg';
import { executorOn, type LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { type MarketplaceErrorCode, MarketplaceMeteringError, UsageNotRecordedError } from '../../errors.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { countMetric } from '../../runtime/metrics.js';
import { type RecordingFailure, recordingFailureOf } from './recording-failure.js';
import { type CheckedUsage, conflictProblem, differences, pairOf, type RecordResult, refusalOf } from './usage-event.js';
import { findUsage, insertUsage } from './usage-event.sql.js';

/** Most events of one statement. More gain nothing and make everyone wait longer for the answer. */
const BATCH_MAX = 1_000;
/** How long the main lane lets an event wait for its twin: longer than a commit takes, shorter than anyone notices. */
const MAIN_PATIENCE_MS = 25;
/** The same while the waiting event is being singled out, where every failed statement costs this much. */
const SIFTING_PATIENCE_MS = 5;
const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 500;

/** One caller who waits for an answer. */
interface Call {
  readonly usage: CheckedUsage;
  readonly pair: string;
  /** Monotonic. */
  readonly deadline: number;
  /** Answers the caller and forgets it; null afterwards. */
  settle: ((answer: RecordResult | Error) => void) | null;
  inFlight: boolean;
  /** An answer of the database was lost: the event may stand in the ledger. */
  lost: boolean;
  lastError?: unknown;
}

/** Callers of one key whose twin another transaction holds uncommitted. They rest without a connection and ask again after growing pauses. */
interface Wait {
  readonly pair: string;
  calls: Call[];
  pauseMs: number;
  timer: NodeJS.Timeout | null;
}

/** A batch in which some event waits or is refused by the database; with `wait`, callers of one key that ask again. */
interface Suspects {
  calls: Call[];
  wait: Wait | null;
}

interface Failure {
  kind: RecordingFailure;
  error: unknown;
}

/**
 * Gathers concurrent single calls into one statement. There is no timer: whenever the lane is free it takes what has queued up meanwhile, so that a
 * lone caller pays for one INSERT and a thousand callers share one. Two lanes with at most one statement under way each: `main` for what arrives,
 * `sift` for batches in which some event waits or is refused by the database; those are halved until it stands alone, while `main` goes on.
 */
export class UsageGatherer {
  /** Every caller without an answer, oldest first. */
  private readonly pending = new Set<Call>();
  private queue: Call[] = [];
  private readonly suspects: Suspects[] = [];
  private readonly waits = new Map<string, Wait>();
  private mainRuns = false;
  private siftRuns = false;
  private deadlineTimer: NodeJS.Timeout | null = null;
  private closing = false;
  private whenDrained: (() => void) | null = null;

  constructor(
    private readonly ledger: LedgerDatabase,
    private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'recording'>,
  ) {}

  /**
   * Resolves after the event is committed.
   * @throws MarketplaceMeteringError `QUEUE_FULL`; UsageRefusedError `IDEMPOTENCY_CONFLICT`;
   * UsageNotRecordedError `RECORD_ABORTED`, `RECORD_TIMEOUT`, `RECORD_FAILED`, `SHUTTING_DOWN`
   */
  async record(usage: CheckedUsage, signal?: AbortSignal): Promise<RecordResult> {
    const { queueSize, timeoutMs } = this.options.recording;
    if (this.pending.size >= queueSize) {
      throw new MarketplaceMeteringError(
        'QUEUE_FULL',
        `${queueSize} usage events wait for the database already; this one was not written. Retry after a pause, give arrays to record(), ` +
          'or raise recording.queueSize (MARKETPLACE_RECORDING_QUEUE_SIZE; about 1 KB of memory per event).',
      );
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        giveUp(call, 'RECORD_ABORTED', 'the signal given to record() was aborted');
      };
      const call: Call = {
        usage,
        pair: pairOf(usage),
        deadline: performance.now() + timeoutMs,
        settle: (answer) => {
          call.settle = null;
          signal?.removeEventListener('abort', abort);
          this.pending.delete(call);
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
          if (this.pending.size === 0) this.whenDrained?.();
        },
        inFlight: false,
        lost: false,
      };
      signal?.addEventListener('abort', abort);
      this.pending.add(call);
      this.watchDeadlines();
      this.enqueue([call]);
    });
  }

  /** Answers everyone who waits; callers whose twin stays uncommitted get one last try. The recorder lets nobody new in by then. */
  async drain(): Promise<void> {
    this.closing = true;
    for (const wait of this.waits.values()) this.askAgain(wait);
    if (this.pending.size > 0) await new Promise<void>((resolve) => (this.whenDrained = resolve));
    if (this.deadlineTimer !== null) clearTimeout(this.deadlineTimer);
  }

  private enqueue(calls: readonly Call[]): void {
    // Callers who gave up leave their place in the queue behind; while the database is away those must not pile up.
    if (this.queue.length > 2 * this.options.recording.queueSize) this.queue = unanswered(this.queue);
    this.queue.push(...calls.filter((call) => !this.joinsWait(call)));
    if (!this.mainRuns && this.queue.length > 0) void this.runMain();
  }

  private async runMain(): Promise<void> {
    this.mainRuns = true;
    for (let failures = 0; ;) {
      // One turn of the event loop: callers who have just been answered, or woke in the same turn, come along.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.queue.length === 0) break;
      const batch = unanswered(this.queue.splice(0, BATCH_MAX));
      const failure = await this.attempt(batch, MAIN_PATIENCE_MS);
      if (failure === null) {
        failures = 0;
        continue;
      }
      const rest = unanswered(batch);
      // A minted key waits for nobody. When such events fail alone, the whole table is locked, which passes.
      const keyed = rest.filter((call) => call.usage.given.idempotencyKey);
      const minted = rest.filter((call) => !call.usage.given.idempotencyKey);
      if (failure.kind === 'fatal') {
        fail(rest, failure.error);
      } else if (failure.kind === 'data') {
        this.sift({ calls: rest, wait: null });
      } else if (failure.kind === 'waits' && keyed.length > 0) {
        this.queue.unshift(...minted);
        this.sift({ calls: keyed, wait: null });
      } else {
        this.queue.unshift(...rest);
        failures += 1;
        await sleep(pauseMsAfter(failures));
      }
    }
    this.mainRuns = false;
  }

  private sift(suspects: Suspects): void {
    if (suspects.wait === null) this.suspects.push(suspects);
    else this.suspects.unshift(suspects);
    if (!this.siftRuns) void this.runSift();
  }

  private async runSift(): Promise<void> {
    this.siftRuns = true;
    for (let failures = 0; ;) {
      const suspects = this.suspects.pop();
      if (suspects === undefined) break;
      const { wait } = suspects;
      const batch = wait === null ? unanswered(suspects.calls).filter((call) => !this.joinsWait(call)) : unanswered(wait.calls);
      const failure = await this.attempt(batch, SIFTING_PATIENCE_MS);
      if (failure?.kind === 'unavailable') {
        this.suspects.push({ calls: batch, wait });
        failures += 1;
        await sleep(pauseMsAfter(failures));
        continue;
      }
      failures = 0;
      const isOneKey = batch.every((call) => call.pair === batch[0]?.pair);
      if (failure?.kind === 'waits' && isOneKey) {
        this.rest(wait ?? { pair: batch[0]?.pair ?? '', calls: batch, pauseMs: PAUSE_MIN_MS, timer: null });
        continue;
      }
      if (wait !== null) {
        this.waits.delete(wait.pair);
        this.enqueue(unanswered(wait.calls).filter((call) => !batch.includes(call)));
      }
      if (failure === null) continue;
      const rest = unanswered(batch);
      if (failure.kind === 'fatal' || batch.length === 1) {
        fail(rest, failure.error);
      } else {
        const middle = Math.ceil(rest.length / 2);
        this.suspects.push({ calls: rest.slice(middle), wait: null }, { calls: rest.slice(0, middle), wait: null });
      }
    }
    this.siftRuns = false;
  }

  /** Whether the call's key is known to wait: then it waits along instead of holding up a batch. */
  private joinsWait(call: Call): boolean {
    const wait = this.waits.get(call.pair);
    wait?.calls.push(call);
    return wait !== undefined;
  }

  private rest(wait: Wait): void {
    wait.calls = unanswered(wait.calls);
    if (this.closing) {
      for (const call of wait.calls)
        giveUp(call, 'SHUTTING_DOWN', 'the module shuts down while another transaction holds the same key uncommitted');
    }
    if (wait.calls.length === 0 || this.closing) {
      this.waits.delete(wait.pair);
      return;
    }
    this.waits.set(wait.pair, wait);
    wait.timer = setTimeout(() => {
      this.askAgain(wait);
    }, wait.pauseMs);
    wait.pauseMs = Math.min(wait.pauseMs * 2, PAUSE_MAX_MS);
  }

  private askAgain(wait: Wait): void {
    // Without a timer it is being asked about already.
    if (wait.timer === null) return;
    clearTimeout(wait.timer);
    wait.timer = null;
    this.sift({ calls: wait.calls, wait });
  }

  /** One statement for all; a second one only when keys were taken, to tell a repetition from a conflict. Answers whom it can. */
  private async attempt(calls: readonly Call[], patienceMs: number): Promise<Failure | null> {
    if (calls.length === 0) return null;
    try {
      await this.onOwnConnection(async (connection) => {
        for (const call of calls) call.inFlight = true;
        const { sellerAccount } = this.options;
        const usagesOf = (some: readonly Call[]): CheckedUsage[] => some.map((call) => call.usage);
        const inserted = await insertUsage(connection, sellerAccount, usagesOf(calls), patienceMs);
        const taken = calls.filter((call) => !inserted.has(call.usage.id));
        for (const call of calls) if (inserted.has(call.usage.id)) call.settle?.(resultOf(call, 'recorded'));
        countMetric('marketplace.usage.recorded', inserted.size, { outcome: 'recorded' });
        if (taken.length === 0) return;

        const twins = await findUsage(connection, sellerAccount, usagesOf(taken));
        for (const [position, call] of taken.entries()) {
          const twin = twins[position];
          if (!twin) continue;
          const fields = differences(call.usage, twin);
          // Our own id under the key: an earlier attempt was committed and its answer lost.
          const outcome = twin.id === call.usage.id ? 'recorded' : fields.length === 0 ? 'duplicate' : 'conflict';
          countMetric('marketplace.usage.recorded', 1, { outcome });
          call.settle?.(
            outcome === 'conflict' ? refusalOf([conflictProblem(call.usage, fields)]) : { ...resultOf(call, outcome), eventId: twin.id },
          );
        }
      });
      const rest = unanswered(calls);
      return rest.length === 0 ? null : { kind: 'unavailable', error: new Error('the twin of an event was moved meanwhile') };
    } catch (error) {
      const kind = recordingFailureOf(error);
      for (const call of unanswered(calls)) {
        call.lastError = error;
        call.lost ||= call.inFlight && kind === 'unavailable';
      }
      return { kind, error };
    } finally {
      for (const call of calls) call.inFlight = false;
    }
  }

  /** A connection whose statement is given up after the time that a caller waits: a server that went silent must not stop the lane for good. */
  private async onOwnConnection(work: (connection: SqlExecutor) => Promise<void>): Promise<void> {
    const runner = this.ledger.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as Client;
      const watchdog = setTimeout(() => void client.end(), this.options.recording.timeoutMs);
      try {
        await work(executorOn(runner));
      } finally {
        clearTimeout(watchdog);
      }
    } finally {
      await runner.release();
    }
  }

  /** One timer for all callers: they have the same patience, so the oldest gives up first. */
  private watchDeadlines(): void {
    const [oldest] = this.pending;
    if (oldest === undefined || this.deadlineTimer !== null) return;
    this.deadlineTimer = setTimeout(
      () => {
        this.deadlineTimer = null;
        const now = performance.now();
        for (const call of this.pending) {
          if (call.deadline > now) break;
          giveUp(call, 'RECORD_TIMEOUT', `recording.timeoutMs (${this.options.recording.timeoutMs} ms) passed`);
        }
        this.watchDeadlines();
      },
      Math.max(1, oldest.deadline - performance.now()),
    );
    this.deadlineTimer.unref();
  }
}

function unanswered(calls: readonly Call[]): Call[] {
  return calls.filter((call) => call.settle !== null);
}

function resultOf({ usage }: Call, outcome: RecordResult['outcome']): RecordResult {
  return { eventId: usage.id, idempotencyKey: usage.idempotencyKey, outcome };
}

function pauseMsAfter(failures: number): number {
  return Math.min(PAUSE_MIN_MS * 2 ** (failures - 1), PAUSE_MAX_MS);
}

function giveUp(call: Call, code: MarketplaceErrorCode, why: string): void {
  const outcome = call.inFlight || call.lost ? 'unknown' : 'notWritten';
  call.settle?.(notRecorded(code, why, outcome, [call.usage], call.lastError));
}

function fail(calls: readonly Call[], error: unknown): void {
  for (const call of unanswered(calls)) call.settle?.(notRecordedBecause(error, call.lost ? 'unknown' : 'notWritten', [call.usage]));
}

/** The error for usage that could not be written for a reason outside of it. */
export function notRecorded(
  code: MarketplaceErrorCode,
  why: string,
  outcome: 'notWritten' | 'unknown',
  usages: readonly CheckedUsage[],
  cause?: unknown,
): UsageNotRecordedError {
  const state =
    outcome === 'notWritten'
      ? 'Nothing was written; record it again with the same key.'
      : 'Whether it was written is not known; record it again with the same key, which is safe either way.';
  const below = cause instanceof Error ? ` Last answer of the database: ${cause.message}.` : '';
  return new UsageNotRecordedError(code, `Usage was not recorded: ${why}. ${state} The key is in idempotencyKeys.${below}`, {
    outcome,
    idempotencyKeys: usages.map((usage) => usage.idempotencyKey),
    cause,
  });
}

export function notRecordedBecause(
  error: unknown,
  outcome: 'notWritten' | 'unknown',
  usages: readonly CheckedUsage[],
): UsageNotRecordedError {
  return notRecorded('RECORD_FAILED', 'the database refused the statement', outcome, usages, error);
}
