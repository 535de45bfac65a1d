// The submit job: claims what is due, sends it in batches, and has each answer written.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { CallBudget } from '../../database/call-budget.js';
import { isOutage, LedgerDatabase, type LedgerSql, sqlStateOf } from '../../database/ledger-database.js';
import { selectHold } from '../../database/submission-hold.sql.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { RecordTransitions } from '../settlement/record-transition.js';
import { SubmissionHold } from '../settlement/submission-hold.js';
import { AnswerReconciler, type ClaimedBatch } from './answer-reconciler.js';
import { insertAttempt } from './attempt.sql.js';
import { BatchMeterUsageOperation } from './batch-meter-usage.operation.js';
import { chooseWork, type WaitingWork } from './batch-planner.js';
import { CallBreaker } from './call-breaker.js';
import { callEndOf } from './call-end.js';
import { CauseProbe } from './cause-probe.js';
import { ClaimProof } from './claim-proof.js';
import {
  type ClaimCandidate,
  type ClaimTime,
  isAnythingPending,
  lockCandidates,
  machineTime,
  peekWork,
} from './claim.sql.js';
import { CurrentSettings } from './current-settings.js';
import { LeaseWatch } from './lease-watch.js';
import { MeterUsageOperation } from './meter-usage.operation.js';
import { type MeteringOperationStrategy } from './metering-operation.js';
import { type QuarantinedCause } from './quarantine.sql.js';
import { workInLines } from './work-lines.js';
import { FaultLog } from '../../runtime/fault-log.js';
import { redactedText } from '../../runtime/redaction.js';

/**
 * A record due within so short a time may reach AWS too late, and would sink the batch it travels in. Business time.
 */
const LATE_MARGIN_MS = 60_000;
/**
 * A run tries again what was due when it began, so that it ends; one that takes longer looks anew, so that a long queue
 * does not keep retries waiting.
 */
const HORIZON_MS = 15_000;
/** How often an answer is tried to be written down once the application closes. */
const CLOSING_ATTEMPTS = 2;
const QUERY_CANCELED = '57014';
const ANSWERS = 'answers';
/** Others were faster so often in a row: they are at the work, and their locks end with it. */
const EMPTY_CLAIMS_MAX = 3;

/**
 * Sends what is due. Any number may run, in one process or many: a record is in one claim at a time, and a claim is a
 * lease that is committed, with its attempt, before the call.
 */
@Injectable()
export class BatchSubmitter {
  private readonly logger = new Logger('MarketplaceSubmission');
  private readonly faults = new FaultLog(this.logger, 'warn');
  private readonly breaker: CallBreaker;
  private readonly underWay = new Map<string, number>();
  private readonly name = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  /** Products whose settings of this process are not those that count; each run looks anew. */
  private readonly foreign = new Set<string>();
  private turn = 0;
  private horizon: { retryBefore: Promise<string>; takenAt: number } | null = null;
  private readonly operations: ReadonlyMap<MeteringOperation, MeteringOperationStrategy>;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly budget: CallBudget,
    private readonly transitions: RecordTransitions,
    private readonly reconciler: AnswerReconciler,
    private readonly hold: SubmissionHold,
    private readonly proof: ClaimProof,
    private readonly settings: CurrentSettings,
    private readonly probe: CauseProbe,
    batchMeterUsage: BatchMeterUsageOperation,
    meterUsage: MeterUsageOperation,
  ) {
    this.breaker = new CallBreaker(options.submission);
    const strategies: MeteringOperationStrategy[] = [batchMeterUsage, meterUsage];
    this.operations = new Map(strategies.map((strategy) => [strategy.name, strategy]));
  }

  /**
   * Does all the work that is due now, with up to `submission.concurrency` calls in flight. When `signal` aborts
   * nothing more is claimed; calls in flight end and are reconciled.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (await this.hold.isActive()) return;
    this.foreign.clear();
    this.breaker.beginRun();
    this.horizon = null;
    for (const operation of this.operations.values()) await operation.prepare();
    await workInLines(this.options.submission.concurrency, (beginAnother) => this.work(signal, beginAnother));
  }

  /** How long until a call is tried again where calls have failed, in milliseconds; null where none is put off. */
  pauseMs(): number | null {
    return this.breaker.pauseMs();
  }

  private async work(signal: AbortSignal, beginAnother: () => void): Promise<void> {
    let emptyClaims = 0;
    while (!signal.aborted && emptyClaims < EMPTY_CLAIMS_MAX) {
      if (!(await isAnythingPending(this.database, this.options.sellerAccount))) return;
      const time = await this.time();
      const peeked = await this.database.transaction((tx) => peekWork(tx, time, [...this.operations.keys()]));
      const waiting = peeked.flatMap((candidate) => this.claimable(candidate));
      const work = chooseWork(waiting, this.turn, this.underWay);
      const operation = work && this.operations.get(work.operation);
      if (work === undefined || operation === undefined) return;
      this.turn += 1;
      // Each region has a budget of its own: what waits for another does not wait for a call to this one.
      if (waiting.some(({ region }) => region !== work.region && !this.underWay.get(region))) beginAnother();
      const isClaimed = await this.underWayIn(work, () => this.submit(work, operation, signal, beginAnother));
      emptyClaims = isClaimed ? 0 : emptyClaims + 1;
    }
  }

  /** Work that this process may claim now, with the region that it goes to; empty where it may not. */
  private claimable(work: WaitingWork): WaitingWork[] {
    const operation = this.operations.get(work.operation);
    if (!operation?.mayClaim(work.product_code) || this.foreign.has(work.product_code)) return [];
    const placed = { ...work, region: operation.regionOf(work) };
    return this.breaker.allows(placeOf(placed)) ? [placed] : [];
  }

  private async underWayIn<T>({ region }: WaitingWork, task: () => Promise<T>): Promise<T> {
    this.underWay.set(region, (this.underWay.get(region) ?? 0) + 1);
    try {
      return await task();
    } finally {
      this.underWay.set(region, (this.underWay.get(region) ?? 1) - 1);
    }
  }

  /** @returns false when others had taken the work, or the signal aborted. */
  private async submit(
    work: WaitingWork,
    operation: MeteringOperationStrategy,
    signal: AbortSignal,
    beginAnother: () => void,
  ): Promise<boolean> {
    const place = placeOf(work);
    this.breaker.started(place);
    let answer: GatewayAnswer | null = null;
    try {
      const waitMs = await this.budget.reserve(work.region, operation.budget);
      if (!(await slept(waitMs, signal))) return false;
      const lease = new LeaseWatch(this.options.submission.leaseMs);
      const batch = await this.claim(work, operation, await this.time());
      if (batch === null) return false;
      // From here on no other line takes this for its own: what it finds is more.
      beginAnother();
      if (batch === 'blocked') return true;
      crashPoint('submit.claimed');
      answer = await this.call(batch, lease);
      crashPoint('submit.afterCall');
      if (answer.kind === 'failed' && answer.failure.kind === 'throttled')
        await this.budget.throttled(work.region, operation.budget);
      await this.reconcile(batch, answer, lease, signal);
      crashPoint('submit.reconciled');
      return true;
    } finally {
      this.breaker.ended(place, answer === null ? 'dropped' : callEndOf(answer));
    }
  }

  /**
   * Lease and attempt, in one transaction that is committed before the call.
   * @returns `blocked` where none of the records may be sent by us: the ledger does not bear them out, our settings are
   * not those that count, or a cause had none; null where others had taken them
   */
  private claim(
    work: WaitingWork,
    operation: MeteringOperationStrategy,
    time: ClaimTime,
  ): Promise<ClaimedBatch | 'blocked' | null> {
    const { sellerAccount, submission } = this.options;
    return this.database.transaction(async (tx) => {
      if ((await selectHold(tx, sellerAccount)) !== null) return null;
      if (!(await this.settings.areCurrent(tx, work.product_code))) {
        this.foreign.add(work.product_code);
        return 'blocked';
      }
      const { records: picked, probe } = await this.pick(tx, operation, work, time);
      const records = await operation.admit(tx, await this.proof.sift(tx, picked, time.now), time.now);
      const [first] = records;
      // A cause without a record was put off or is over: nobody else is at the work.
      if (first === undefined) return picked.length === 0 && probe === null ? null : 'blocked';
      const { productCode } = first;
      const { region } = first.record;
      const attempt = { id: uuidv7(), leaseToken: randomUUID(), productCode, region, claimedAt: time.now };
      const ids = records.map((record) => record.id);
      await insertAttempt(tx, sellerAccount, { ...attempt, operation: operation.name, submitter: this.name }, ids);
      const to = { state: 'sending', leaseToken: attempt.leaseToken, leaseMs: submission.leaseMs } as const;
      await this.transitions.apply(
        tx,
        records.map(({ record }) => ({ record, to })),
        time.now,
      );
      return { attemptId: attempt.id, leaseToken: attempt.leaseToken, operation, productCode, region, records, probe };
    });
  }

  private async pick(
    tx: LedgerSql,
    operation: MeteringOperationStrategy,
    work: WaitingWork,
    time: ClaimTime,
  ): Promise<{ records: ClaimCandidate[]; probe: QuarantinedCause | null }> {
    const { lane } = work;
    if (lane === 'probe') {
      const probe = await this.probe.take(tx, work.product_code, operation.name, time);
      return { records: probe?.records ?? [], probe: probe?.cause ?? null };
    }
    const records = operation.plan(await lockCandidates(tx, time, { ...work, lane }, operation.recordsMax));
    return { records, probe: null };
  }

  private call({ attemptId, operation, region, records }: ClaimedBatch, lease: LeaseWatch): Promise<GatewayAnswer> {
    const { requestTimeoutMs } = this.options.submission;
    crashPoint('submit.beforeCall');
    const mayLeave = (): boolean => lease.outlives(requestTimeoutMs);
    return operation.call({ attemptId, region, records, timeoutMs: requestTimeoutMs, mayLeave });
  }

  /**
   * An answer that cannot be written would have to be asked for again, so a database that is away is waited for as long
   * as the lease lasts; after that the attempt stays uncertain, which is the truth.
   */
  private async reconcile(
    batch: ClaimedBatch,
    answer: GatewayAnswer,
    lease: LeaseWatch,
    signal: AbortSignal,
  ): Promise<void> {
    let lastAttempts = CLOSING_ATTEMPTS;
    for (let delayMs = 100; ; delayMs *= 2) {
      try {
        await this.reconciler.reconcile(batch, answer);
        this.faults.works(ANSWERS, 'answers are written again');
        return;
      } catch (error) {
        if (lease.expired || !(isOutage(error) || sqlStateOf(error) === QUERY_CANCELED)) throw error;
        // The end of the process waits for nobody: another replica asks AWS again.
        if (signal.aborted && (lastAttempts -= 1) === 0) throw error;
        this.faults.failed(ANSWERS, {
          line: `the answer cannot be written yet: ${redactedText((error as Error).message)}`,
          fields: { attempt: batch.attemptId },
        });
        await slept(Math.min(delayMs, 5000), signal);
        if (signal.aborted) await sleep(100);
      }
    }
  }

  private async time(): Promise<ClaimTime> {
    const now = this.options.clock.now();
    const retryBefore = await this.retryHorizon();
    return { sellerAccount: this.options.sellerAccount, now, lateBefore: plusMs(now, LATE_MARGIN_MS), retryBefore };
  }

  /**
   * One question for all lines of work: a line that asked for itself, and was answered late, would have the others try
   * again what they had just tried.
   */
  private retryHorizon(): Promise<string> {
    if (this.horizon === null || performance.now() - this.horizon.takenAt > HORIZON_MS) {
      this.horizon = { takenAt: performance.now(), retryBefore: machineTime(this.database) };
    }
    return this.horizon.retryBefore;
  }
}

function placeOf(work: WaitingWork): string {
  return `${work.product_code}/${work.region}`;
}

async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
