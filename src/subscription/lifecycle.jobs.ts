import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LifecycleFiling } from './inbox/message-processor.js';
import { Reconciliation } from './reconciliation/reconciliation.js';

/** What the life of subscriptions needs to be done in the background: file what was heard, and ask AWS where nothing was. */
@Injectable()
export class LifecycleJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    filing: LifecycleFiling,
    reconciliation: Reconciliation,
  ) {
    scheduler.add({ name: 'inbox', intervalMs: jobs.inboxIntervalMs, run: (signal) => filing.run(signal) });
    scheduler.add({ name: 'reconcile', intervalMs: jobs.reconcileIntervalMs, run: (signal) => reconciliation.run(signal) });
  }
}
