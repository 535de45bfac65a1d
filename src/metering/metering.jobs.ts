import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { type Job, JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { BatchSubmitter } from './submission/batch-submitter.js';
import { DeadlineWatch } from './settlement/deadline-watch.js';
import { HourSealer } from './sealing/hour-sealer.js';
import { LeaseRecovery } from './submission/lease-recovery.js';
import { UnitTransfer } from './unit-transfer.js';

/**
 * The way of a unit as four jobs: seal ended hours, submit what is due, give back expired leases, end what is past its deadline
 * and hand on what an ended subscription leaves to its successor.
 */
@Injectable()
export class MeteringJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    sealer: HourSealer,
    submitter: BatchSubmitter,
    recovery: LeaseRecovery,
    watch: DeadlineWatch,
    transfer: UnitTransfer,
  ) {
    const all: Job[] = [
      { name: 'seal', intervalMs: jobs.sealIntervalMs, run: (signal) => sealer.run(signal) },
      { name: 'submit', intervalMs: jobs.submitIntervalMs, run: (signal) => submitter.run(signal) },
      { name: 'recovery', intervalMs: jobs.recoveryIntervalMs, run: () => recovery.run() },
      { name: 'deadline', intervalMs: jobs.deadlineIntervalMs, run: () => watch.run().then(() => transfer.run()) },
    ];
    for (const job of all) scheduler.add(job);
  }
}
