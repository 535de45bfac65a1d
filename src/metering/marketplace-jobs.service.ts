import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { ClockWatch } from '../events/clock-watch.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { type JobName, JobScheduler } from '../runtime/job-scheduler.js';
import { monotonicMs, sleep } from '../runtime/real-time.js';
import { redactedText } from '../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { QueueIntake } from '../subscription/inbox/queue-intake.js';
import { SubmissionHold } from './settlement/submission-hold.js';
import { selectUnsent, type UnsentUsage } from './settlement/unsent-usage.sql.js';
import { BatchSubmitter } from './submission/batch-submitter.js';
import { machineTime } from './submission/claim.sql.js';
import { CurrentSettings } from './submission/current-settings.js';
import { countMetered, countWork, progressOfRecords, selectPause, type WaitingWorkCount } from './run-once.sql.js';

/**
 * What is heard comes before what is sealed, what is sealed before what is sent, and what is told last. Of an hour that a
 * contract includes sealing says that AWS is to be asked, and goes on with the answer: by the next run, an hour later,
 * AWS would take no more of it.
 */
const ORDER: readonly JobName[] = [
  ...(['inbox', 'reconcile', 'recovery', 'seal', 'entitlements', 'seal', 'submit'] as const),
  ...(['deadline', 'audit', 'proof', 'alerts', 'deliver', 'retention'] as const),
];
const WITHIN_MS = 60_000;
const WITHIN_MAX_MS = 900_000;
/** While something waits for time another process may be at it, and done before. */
const LOOK_INTERVAL_MS = 1000;
/** A lease that has run out is given back by the pass that comes now; not at once where its row is locked. */
const PAUSE_MIN_MS = 100;
const CLOCK_REFUSED =
  'the clock of this machine and the database’s are too far apart: until they agree no job seals, sends or decides ' +
  'anything here. Check time synchronisation; the alert clockSkew says how far they are apart.';

const SETTINGS_REFUSED =
  'settings of this process are not those in force: it seals nothing, and sends nothing of the products concerned. The ' +
  'alert settingsDiffer names each option that differs, and what to do.';

/** How long `MarketplaceJobs.runOnce` may take. */
export interface RunOnceOptions {
  /**
   * How long the run may take. What is under way then ends by itself; nothing more is begun.
   * @unit ms
   * @range 1,000 to 900,000 (15 min)
   * @defaultValue 60,000 (1 min)
   */
  withinMs?: number;
}

/** What `MarketplaceJobs.runOnce` did, and what is left. */
export interface RunReport {
  /**
   * `done`: nothing is left that could be done now. `timeUp`: there is, or may be, or something is to be tried again
   * soon after. `failed`: a job failed.
   */
  outcome: 'done' | 'timeUp' | 'failed';
  /** For the process: 0 done, 1 failed, 2 time up. */
  exitCode: 0 | 1 | 2;
  /** Records that AWS took during the run, of this process and of others. */
  metered: number;
  /** How often all jobs were run. */
  passes: number;
  /**
   * Jobs that failed in the last pass, and with what. `clock`: that of this machine is wrong, so that no job decided
   * anything. `settings`: those of this process are not those in force, so that nothing was sealed.
   */
  failures: { job: JobName | 'queues' | 'clock' | 'settings'; message: string }[];
  /** Whether the submission is held: then nothing is sent. */
  isHeld: boolean;
  /** What could be done now and is not done. */
  waiting: WaitingWorkCount;
  /** Usage that AWS has not taken, also that of hours that have not ended, by product, dimension and hour. */
  left: UnsentUsage[];
}

/** Whether another pass would find something to do: at this moment, or later alone. */
type Rest = 'now' | 'later' | 'none';

/** The jobs for a process that does not live on: cron, Lambda, a command. */
@Injectable()
export class MarketplaceJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly scheduler: JobScheduler,
    private readonly queues: QueueIntake,
    private readonly hold: SubmissionHold,
    private readonly clock: ClockWatch,
    private readonly settings: CurrentSettings,
    private readonly submitter: BatchSubmitter,
  ) {}

  /**
   * Takes in what the queues hold, and runs every job until nothing is left that could be done now, or the time is up.
   * What AWS did not take or answer is tried again after its pause, and what a killed process was at after its lease,
   * where there is time for it: at the next run its deadline may have passed. Any number of processes may do so at once,
   * beside others whose jobs run by themselves. Run it at least once an hour: a deadline that passes in between is
   * missed.
   * @throws MarketplaceMeteringError `RUN_INVALID`; `SHUTTING_DOWN`
   */
  async runOnce({ withinMs = WITHIN_MS }: RunOnceOptions = {}): Promise<RunReport> {
    if (!Number.isInteger(withinMs) || withinMs < 1000 || withinMs > WITHIN_MAX_MS)
      throw new MarketplaceMeteringError(
        'RUN_INVALID',
        `Give withinMs as a whole number of milliseconds from 1000 to ${WITHIN_MAX_MS}.`,
      );
    try {
      return await this.passes(withinMs);
    } catch (error) {
      // The application closes: the database is the first thing that a run misses.
      this.scheduler.refuseWhileClosing();
      throw error;
    }
  }

  private async passes(withinMs: number): Promise<RunReport> {
    const { sellerAccount } = this.options;
    const timeUp = AbortSignal.timeout(withinMs);
    const endsAt = monotonicMs() + withinMs;
    const since = await machineTime(this.database);
    let passes = 0;
    let failures: RunReport['failures'] = [];
    let [rest, lastLeft]: [Rest, string] = ['now', ''];
    while (rest === 'now' && !timeUp.aborted) {
      failures = await this.pass(timeUp);
      passes += 1;
      // Before the count: what comes due between the two is counted.
      const pauseMs = await this.pauseMs();
      const waiting = await this.waiting();
      const left = JSON.stringify([waiting, await progressOfRecords(this.database, sellerAccount)]);
      // What a pass leaves as it was waits for something else: a person, another process, or its time.
      if (Object.values(waiting).some((count) => count > 0) && left !== lastLeft) {
        lastLeft = left;
        continue;
      }
      lastLeft = '';
      const mayDecide = failures.every(({ job }) => job !== 'clock' && job !== 'settings');
      rest = mayDecide ? await this.rest(pauseMs, timeUp, endsAt) : 'none';
    }
    const outcome = failures.length > 0 ? 'failed' : rest !== 'none' || timeUp.aborted ? 'timeUp' : 'done';
    const codes = this.options.products.map(({ productCode }) => productCode);
    return {
      outcome,
      exitCode: ({ done: 0, failed: 1, timeUp: 2 } as const)[outcome],
      metered: await countMetered(this.database, sellerAccount, since),
      passes,
      failures,
      isHeld: (await this.hold.state()).isActive,
      waiting: await this.waiting(),
      left: await selectUnsent(this.database, sellerAccount, codes),
    };
  }

  private async pass(timeUp: AbortSignal): Promise<RunReport['failures']> {
    const failures: RunReport['failures'] = [];
    const attempt = async (job: RunReport['failures'][number]['job'], work: () => Promise<void>): Promise<void> => {
      if (timeUp.aborted) return;
      try {
        await work();
      } catch (error) {
        if ((error as { code?: unknown }).code === 'SHUTTING_DOWN') throw error;
        failures.push({ job, message: redactedText((error as Error).message) });
      }
    };
    await attempt('clock', async () => {
      if (!(await this.clock.isTrusted())) throw new Error(CLOCK_REFUSED);
    });
    await attempt('settings', async () => {
      if (!(await this.settings.areAllCurrent())) throw new Error(SETTINGS_REFUSED);
    });
    await attempt('queues', () => this.queues.receiveOnce(timeUp));
    const jobs = ORDER.filter((name) => this.scheduler.names.includes(name));
    for (const name of jobs) await attempt(name, () => this.scheduler.runOnce(name, timeUp));
    return failures;
  }

  /**
   * Waits, as long as there is time, until what waits for nothing else may go on.
   * @returns `none`: nothing waits so. `later`: for longer than there is time
   */
  private async rest(firstPauseMs: number | null, timeUp: AbortSignal, endsAt: number): Promise<Rest> {
    if (firstPauseMs === null) return 'none';
    for (let pauseMs: number | null = firstPauseMs; pauseMs !== null; pauseMs = await this.pauseMs()) {
      if (timeUp.aborted || monotonicMs() + pauseMs >= endsAt) return 'later';
      await sleep(Math.min(Math.max(pauseMs, PAUSE_MIN_MS), LOOK_INTERVAL_MS), undefined, { signal: timeUp }).catch(
        () => undefined,
      );
      if (pauseMs <= LOOK_INTERVAL_MS) return 'now';
    }
    // Its time has come, or another process was at it.
    return 'now';
  }

  private async pauseMs(): Promise<number | null> {
    const { sellerAccount, clock } = this.options;
    const pauses = [await selectPause(this.database, sellerAccount, clock.now()), this.submitter.pauseMs()];
    const [first] = pauses.filter((ms) => ms !== null).sort((a, b) => a - b);
    return first ?? null;
  }

  private waiting(): Promise<WaitingWorkCount> {
    return countWork(this.database, this.options.sellerAccount, this.options.clock.now());
  }
}
