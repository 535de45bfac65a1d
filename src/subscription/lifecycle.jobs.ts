import { Inject, Injectable } from '@nestjs/common';
import { ClockWatch } from '../events/clock-watch.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { MessageProcessor } from './chain/message-processor.js';
import { Reconciliation } from './reconciliation/reconciliation.js';

/**
 * What subscriptions need to be done in the background: to process what was heard and what time brings, and to ask AWS.
 */
@Injectable()
export class LifecycleJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    messages: MessageProcessor,
    reconciliation: Reconciliation,
    clock: ClockWatch,
  ) {
    scheduler.add({
      name: 'inbox',
      intervalMs: jobs.inboxIntervalMs,
      run: clock.whileTrusted((signal) => messages.run(signal)),
    });
    scheduler.add({
      name: 'reconcile',
      intervalMs: jobs.reconcileIntervalMs,
      run: clock.whileTrusted((signal) => reconciliation.run(signal)),
    });
  }
}
