import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { ClockWatch } from '../events/clock-watch.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { type JobName, JobScheduler } from '../runtime/job-scheduler.js';
import { redactedText } from '../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { QueueIntake } from '../subscription/inbox/queue-intake.js';
import { SubmissionHold } from './settlement/submission-hold.js';
import { selectUnsent, type UnsentUsage } from './settlement/unsent-usage.sql.js';
import { countMetered, countWork, type WaitingWorkCount } from './run-once.sql.js';

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
const CLOCK_REFUSED =
  'the clock of this machine and the database’s are too far apart: until they agree no job seals, sends or decides ' +
  'anything here. Check time synchronisation; the alert clockSkew says how far they are apart.';

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
  /** `done`: nothing is left that could be done now. `timeUp`: there is, or may be. `failed`: a job failed. */
  outcome: 'done' | 'timeUp' | 'failed';
  /** For the process: 0 done, 1 failed, 2 time up. */
  exitCode: 0 | 1 | 2;
  /** Records that AWS took during the run, of this process and of others. */
  metered: number;
  /** How often all jobs were run. */
  passes: number;
  /**
   * Jobs that failed in the last pass, and with what. `clock`: that of this machine is wrong, so that no job decided
   * anything.
   */
  failures: { job: JobName | 'queues' | 'clock'; message: string }[];
  /** Whether the submission is held: then nothing is sent. */
  isHeld: boolean;
  /** What could be done now and is not done. */
  waiting: WaitingWorkCount;
  /** Usage that AWS has not taken, also that of hours that have not ended, by product, dimension and hour. */
  left: UnsentUsage[];
}

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
  ) {}

  /**
   * Takes in what the queues hold, and runs every job until nothing is left that could be done now, or the time is up.
   * Any number of processes may do so at once, beside others whose jobs run by themselves. Run it at least once an
   * hour: a deadline that passes in between is missed.
   * @throws MarketplaceMeteringError `RUN_INVALID`; `SHUTTING_DOWN`
   */
  async runOnce({ withinMs = WITHIN_MS }: RunOnceOptions = {}): Promise<RunReport> {
    if (!Number.isInteger(withinMs) || withinMs < 1000 || withinMs > WITHIN_MAX_MS)
      throw new MarketplaceMeteringError(
        'RUN_INVALID',
        `Give withinMs as a whole number of milliseconds from 1000 to ${WITHIN_MAX_MS}.`,
      );
    const { sellerAccount } = this.options;
    const timeUp = AbortSignal.timeout(withinMs);
    const before = await countMetered(this.database, sellerAccount);
    let passes = 0;
    let failures: RunReport['failures'] = [];
    let [isLeft, lastLeft] = [true, ''];
    while (isLeft && !timeUp.aborted) {
      failures = await this.pass(timeUp);
      passes += 1;
      const waiting = await this.waiting();
      // What a pass leaves as it was waits for something else: a person, AWS, another process.
      isLeft = Object.values(waiting).some((count) => count > 0) && JSON.stringify(waiting) !== lastLeft;
      lastLeft = JSON.stringify(waiting);
    }
    const outcome = failures.length > 0 ? 'failed' : isLeft || timeUp.aborted ? 'timeUp' : 'done';
    const codes = this.options.products.map(({ productCode }) => productCode);
    return {
      outcome,
      exitCode: ({ done: 0, failed: 1, timeUp: 2 } as const)[outcome],
      metered: (await countMetered(this.database, sellerAccount)) - before,
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
    await attempt('queues', () => this.queues.receiveOnce(timeUp));
    const jobs = ORDER.filter((name) => this.scheduler.names.includes(name));
    for (const name of jobs) await attempt(name, () => this.scheduler.runOnce(name, timeUp));
    return failures;
  }

  private waiting(): Promise<WaitingWorkCount> {
    return countWork(this.database, this.options.sellerAccount, this.options.clock.now());
  }
}
