// Concurrent calls of `record()` wait here and share an INSERT; each is answered when it is committed.
import { type LedgerDatabase } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { backoffCeilingMs } from '../../runtime/backoff.js';
import { clearTimeout, monotonicMs, setImmediate, setTimeout, sleep } from '../../runtime/real-time.js';
import { GatheredInsert } from './gathered-insert.js';
import { RECORDING_PAUSES } from './recording-failure.js';
import { type RecordResult } from './usage-event.js';
import { shown } from './usage-reading.js';
import { type PlacedUsage } from './usage-placement.js';
import { fail, giveUp, unanswered, type WaitingCall } from './waiting-call.js';

/** The room for all waiting calls, in what one owner alone may have: `recording.queueSize`. */
const OWNERS_ROOM = 2;
/** Most events of one statement. More gain nothing and make everyone wait longer for the answer. */
const BATCH_MAX = 1_000;
/**
 * How long the main lane lets an event wait for its duplicate: longer than a commit takes, shorter than anyone notices.
 */
const MAIN_PATIENCE_MS = 25;
/** The same while the waiting event is being singled out, where every failed statement costs this much. */
const SIFTING_PATIENCE_MS = 5;

/** At the end of the process: when nobody was answered for so long, nobody is waited for. */
const DRAIN_STANDSTILL_MS = 5000;

/**
 * Callers of one id whose duplicate another transaction holds uncommitted. They rest without a connection and ask again
 * after growing pauses.
 */
interface Wait {
  readonly id: string;
  calls: WaitingCall[];
  /** How often it was found waiting. */
  rests: number;
  timer: NodeJS.Timeout | null;
}

/** A batch in which some event waits or is refused by the database; with `wait`, callers of one id that ask again. */
interface Unsettled {
  calls: WaitingCall[];
  wait: Wait | null;
}

/**
 * Gathers concurrent single calls into one statement. There is no timer: whenever the lane is free it takes what has
 * queued up meanwhile, so that a lone caller pays for one INSERT and a thousand callers share one. Two lanes with at
 * most one statement under way each: `main` for what arrives, `sift` for batches in which some event waits or is
 * refused by the database; those are halved until it stands alone, while `main` goes on.
 */
export class UsageGatherer {
  /** Every caller without an answer, oldest first. */
  private readonly pending = new Set<WaitingCall>();
  /** How many of them are of one tenant, or of one subscription where no tenant is named. */
  private readonly pendingOf = new Map<string, number>();
  private queue: WaitingCall[] = [];
  private readonly unsettled: Unsettled[] = [];
  private readonly waits = new Map<string, Wait>();
  private readonly insert: GatheredInsert;
  private mainRuns = false;
  private siftRuns = false;
  private deadlineTimer: NodeJS.Timeout | null = null;
  private closing = false;
  private answered = 0;
  private whenDrained: (() => void) | null = null;

  constructor(
    ledger: LedgerDatabase,
    private readonly options: Pick<ResolvedOptions, 'recording'>,
  ) {
    this.insert = new GatheredInsert(ledger, options.recording.timeoutMs);
  }

  /**
   * Resolves after the event is committed.
   * @throws MarketplaceMeteringError `QUEUE_FULL`; UsageRefusedError `IDEMPOTENCY_CONFLICT`;
   * UsageNotRecordedError `RECORD_ABORTED`, `RECORD_TIMEOUT`, `RECORD_FAILED`, `SHUTTING_DOWN`
   */
  async record(usage: PlacedUsage, signal?: AbortSignal): Promise<RecordResult> {
    const { queueSize, timeoutMs } = this.options.recording;
    const owner = usage.tenantId ?? usage.subscriptionId ?? '';
    const held = this.pendingOf.get(owner) ?? 0;
    // No more of one than there is room left for all others: alone it has half of the room, beside another a third.
    if (held >= OWNERS_ROOM * queueSize - this.pending.size) {
      throw new MarketplaceMeteringError(
        'QUEUE_FULL',
        `${held} usage events of "${shown(owner)}" wait for the database already, of ${this.pending.size} in all; this one ` +
          'was not written. Retry after a pause, give arrays to record(), ' +
          'or raise recording.queueSize (MARKETPLACE_RECORDING_QUEUE_SIZE; about 1 KB of memory per event).',
      );
    }
    this.pendingOf.set(owner, held + 1);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        giveUp(call, 'RECORD_ABORTED', 'the signal given to record() was aborted');
      };
      const call: WaitingCall = {
        usage,
        id: usage.id,
        deadline: monotonicMs() + timeoutMs,
        settle: (answer) => {
          call.settle = null;
          this.answered += 1;
          signal?.removeEventListener('abort', abort);
          this.pending.delete(call);
          this.release(owner);
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

  /**
   * Answers everyone who waits; callers whose duplicate stays uncommitted get one last try. The recorder lets nobody
   * new in by then.
   */
  async drain(): Promise<void> {
    this.closing = true;
    for (const wait of this.waits.values()) this.askAgain(wait);
    const patience = setInterval(() => {
      if (!this.goesOn()) this.giveUpAll();
    }, DRAIN_STANDSTILL_MS);
    if (this.pending.size > 0) await new Promise<void>((resolve) => (this.whenDrained = resolve));
    clearInterval(patience);
    if (this.deadlineTimer !== null) clearTimeout(this.deadlineTimer);
  }

  /** Whether anybody was answered since this was last asked. */
  private goesOn(): boolean {
    const { answered } = this;
    this.answered = 0;
    return answered > 0;
  }

  /** The database is away, and the process ends. */
  private giveUpAll(): void {
    for (const call of this.pending)
      giveUp(call, 'SHUTTING_DOWN', 'the module shuts down while the database gives no answer');
  }

  private release(owner: string): void {
    const left = (this.pendingOf.get(owner) ?? 1) - 1;
    if (left > 0) this.pendingOf.set(owner, left);
    else this.pendingOf.delete(owner);
  }

  private enqueue(calls: readonly WaitingCall[]): void {
    // Callers who gave up leave their place in the queue behind; while the database is away those must not pile up.
    if (this.queue.length > 2 * OWNERS_ROOM * this.options.recording.queueSize) this.queue = unanswered(this.queue);
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
      const failure = await this.insert.attempt(batch, MAIN_PATIENCE_MS);
      if (failure === null) {
        failures = 0;
        continue;
      }
      const rest = unanswered(batch);
      // A minted key waits for nobody. When such events fail alone, the whole table is locked, which passes.
      const keyed = rest.filter((call) => !call.usage.isMinted);
      const minted = rest.filter((call) => call.usage.isMinted);
      if (failure.kind === 'fatal') {
        fail(rest, failure.error);
      } else if (failure.kind === 'data') {
        this.sift({ calls: rest, wait: null });
      } else if (failure.kind === 'waits' && keyed.length > 0) {
        this.queue.unshift(...minted);
        this.sift({ calls: keyed, wait: null });
      } else {
        this.queue.unshift(...rest);
        await sleep(backoffCeilingMs(failures, RECORDING_PAUSES));
        failures += 1;
      }
    }
    this.mainRuns = false;
  }

  private sift(unsettled: Unsettled): void {
    if (unsettled.wait === null) this.unsettled.push(unsettled);
    else this.unsettled.unshift(unsettled);
    if (!this.siftRuns) void this.runSift();
  }

  private async runSift(): Promise<void> {
    this.siftRuns = true;
    for (let failures = 0; ;) {
      const unsettled = this.unsettled.pop();
      if (unsettled === undefined) break;
      const { wait } = unsettled;
      const batch =
        wait === null ? unanswered(unsettled.calls).filter((call) => !this.joinsWait(call)) : unanswered(wait.calls);
      const failure = await this.insert.attempt(batch, SIFTING_PATIENCE_MS);
      if (failure?.kind === 'unavailable') {
        this.unsettled.push({ calls: batch, wait });
        await sleep(backoffCeilingMs(failures, RECORDING_PAUSES));
        failures += 1;
        continue;
      }
      failures = 0;
      const isOneId = batch.every((call) => call.id === batch[0]?.id);
      if (failure?.kind === 'waits' && isOneId) {
        this.rest(wait ?? { id: batch[0]?.id ?? '', calls: batch, rests: 0, timer: null });
        continue;
      }
      if (wait !== null) {
        this.waits.delete(wait.id);
        this.enqueue(unanswered(wait.calls).filter((call) => !batch.includes(call)));
      }
      if (failure === null) continue;
      const rest = unanswered(batch);
      if (failure.kind === 'fatal' || batch.length === 1) {
        fail(rest, failure.error);
      } else {
        const middle = Math.ceil(rest.length / 2);
        this.unsettled.push({ calls: rest.slice(middle), wait: null }, { calls: rest.slice(0, middle), wait: null });
      }
    }
    this.siftRuns = false;
  }

  /** Whether the call's id is known to wait: then it waits along instead of holding up a batch. */
  private joinsWait(call: WaitingCall): boolean {
    const wait = this.waits.get(call.id);
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
      this.waits.delete(wait.id);
      return;
    }
    this.waits.set(wait.id, wait);
    wait.timer = setTimeout(
      () => {
        this.askAgain(wait);
      },
      backoffCeilingMs(wait.rests, RECORDING_PAUSES),
    );
    wait.rests += 1;
  }

  private askAgain(wait: Wait): void {
    // Without a timer it is being asked about already.
    if (wait.timer === null) return;
    clearTimeout(wait.timer);
    wait.timer = null;
    this.sift({ calls: wait.calls, wait });
  }

  /** One timer for all callers: they have the same patience, so the oldest gives up first. */
  private watchDeadlines(): void {
    const [oldest] = this.pending;
    if (oldest === undefined || this.deadlineTimer !== null) return;
    this.deadlineTimer = setTimeout(
      () => {
        this.deadlineTimer = null;
        const now = monotonicMs();
        for (const call of this.pending) {
          if (call.deadline > now) break;
          giveUp(call, 'RECORD_TIMEOUT', `recording.timeoutMs (${this.options.recording.timeoutMs} ms) passed`);
        }
        this.watchDeadlines();
      },
      Math.max(1, oldest.deadline - monotonicMs()),
    );
    this.deadlineTimer.unref();
  }
}
