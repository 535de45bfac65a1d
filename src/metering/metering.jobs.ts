import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { type Job, JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { adoptClaims } from '../subscription/chain/claim-adoption.js';
import { HourSealer } from './sealing/hour-sealer.js';
import { UsageTaker } from './sealing/usage-taker.js';
import { ConflictExplanation } from './settlement/conflict-explanation.js';
import { DeadlineWatch } from './settlement/deadline-watch.js';
import { BatchSubmitter } from './submission/batch-submitter.js';
import { LeaseRecovery } from './submission/lease-recovery.js';

/**
 * The way of a unit as four jobs: seal ended hours, submit what is due, give back expired leases and send again what may be sent again, end what is past
 * its deadline.
 */
@Injectable()
export class MeteringJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly taker: UsageTaker,
    private readonly sealer: HourSealer,
    scheduler: JobScheduler,
    submitter: BatchSubmitter,
    recovery: LeaseRecovery,
    explanation: ConflictExplanation,
    watch: DeadlineWatch,
  ) {
    const { jobs } = options;
    const all: Job[] = [
      { name: 'seal', intervalMs: jobs.sealIntervalMs, run: (signal) => this.seal(signal) },
      { name: 'submit', intervalMs: jobs.submitIntervalMs, run: (signal) => submitter.run(signal) },
      { name: 'recovery', intervalMs: jobs.recoveryIntervalMs, run: () => recovery.run() },
      { name: 'deadline', intervalMs: jobs.deadlineIntervalMs, run: () => explanation.run().then(() => watch.run()) },
    ];
    for (const job of all) scheduler.add(job);
  }

  /** Whose usage it is must be known before it is taken, and what was taken before it is frozen. Each step is committed for itself. */
  private async seal(signal: AbortSignal): Promise<void> {
    for (let adopted = 1; adopted > 0 && !signal.aborted;) adopted = await this.adopt();
    if (!signal.aborted) await this.taker.run(signal);
    if (!signal.aborted) await this.sealer.run(signal);
  }

  private adopt(): Promise<number> {
    return this.database.transaction((tx) => adoptClaims(tx, this.options.sellerAccount, this.options.clock.now()));
  }
}
