import { Inject, Injectable } from '@nestjs/common';
import { ClockWatch } from '../events/clock-watch.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { WantedEntitlements } from './wanted-entitlements.js';

/** Asks for entitlements as often as hours are sealed: what waits for an answer waits for no other tick. */
@Injectable()
export class EntitlementJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    wanted: WantedEntitlements,
    clock: ClockWatch,
  ) {
    scheduler.add({
      name: 'entitlements',
      intervalMs: jobs.sealIntervalMs,
      run: clock.whileTrusted((signal) => wanted.run(signal)),
    });
  }
}
