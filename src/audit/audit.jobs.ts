import { Inject, Injectable } from '@nestjs/common';
import { ClockWatch } from '../events/clock-watch.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { TrailAudit } from './trail-audit.js';

/** What the audit does by itself. */
@Injectable()
export class AuditJobs {
  constructor(
    @Inject(RESOLVED_OPTIONS) { jobs }: ResolvedOptions,
    scheduler: JobScheduler,
    audit: TrailAudit,
    clock: ClockWatch,
  ) {
    scheduler.add({
      name: 'audit',
      intervalMs: jobs.auditIntervalMs,
      run: clock.whileTrusted((signal) => audit.run(signal)),
    });
  }
}
