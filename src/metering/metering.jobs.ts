import { Inject, Injectable } from '@nestjs/common';
import { ClockWatch } from '../events/clock-watch.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { type Job, JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { DeepProof, PROOF_INTERVAL_MS } from './balance/deep-proof.js';
import { Retention, RETENTION_INTERVAL_MS } from './retention/retention.js';
import { HourSealer } from './sealing/hour-sealer.js';
import { ConflictExplanation } from './settlement/conflict-explanation.js';
import { DeadlineWatch } from './settlement/deadline-watch.js';
import { SharedGrainWatch } from './settlement/shared-grain-watch.js';
import { UnansweredWatch } from './settlement/unanswered-watch.js';
import { BatchSubmitter } from './submission/batch-submitter.js';
import { CurrentSettings } from './submission/current-settings.js';
import { LeaseRecovery } from './submission/lease-recovery.js';

/**
 * The way of a unit as jobs: seal ended hours, submit what is due, give back expired leases and send again what
 * may be sent again, end what is past its deadline, compare rollups
 * with their events, and take away what is no evidence and old.
 */
@Injectable()
export class MeteringJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    sealer: HourSealer,
    submitter: BatchSubmitter,
    recovery: LeaseRecovery,
    explanation: ConflictExplanation,
    watch: DeadlineWatch,
    sharedGrains: SharedGrainWatch,
    unanswered: UnansweredWatch,
    proof: DeepProof,
    retention: Retention,
    clock: ClockWatch,
    settings: CurrentSettings,
  ) {
    // A replica whose settings are not those in force decides about nothing: it waits.
    const whileCurrent = (work: (signal: AbortSignal) => Promise<void>): Job['run'] =>
      clock.whileTrusted(async (signal) => {
        if (await settings.areAllCurrent()) await work(signal);
      });
    const all: Job[] = [
      { name: 'seal', intervalMs: jobs.sealIntervalMs, run: whileCurrent((signal) => sealer.run(signal)) },
      { name: 'submit', intervalMs: jobs.submitIntervalMs, run: clock.whileTrusted((signal) => submitter.run(signal)) },
      { name: 'recovery', intervalMs: jobs.recoveryIntervalMs, run: clock.whileTrusted(() => recovery.run()) },
      {
        name: 'deadline',
        intervalMs: jobs.deadlineIntervalMs,
        run: whileCurrent(async () => {
          await explanation.run();
          await watch.run();
          await sharedGrains.run();
          await unanswered.run();
        }),
      },
      { name: 'proof', intervalMs: PROOF_INTERVAL_MS, run: clock.whileTrusted((signal) => proof.run(signal)) },
      {
        name: 'retention',
        intervalMs: RETENTION_INTERVAL_MS,
        run: clock.whileTrusted((signal) => retention.run(signal)),
      },
    ];
    for (const job of all) scheduler.add(job);
  }
}
