import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { plusMs } from '../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AbsentRecords } from './absent-records.js';
import { AuditLease } from './audit-lease.js';
import { IncidentWatch } from './incident-watch.js';
import { type LookPlan, lookPlanOf } from './look-plan.js';
import { noteLooks, type OpenRecordRow, selectOpenRecords } from './open-records.sql.js';
import { unionOf } from './trail-coverage.js';
import { selectCoverage, type TrailPlace } from './trail-coverage.sql.js';
import { windowsOf } from './look-plan.js';
import { TrailReader } from './trail-reader.js';
import { forgetEvents } from './trail-store.sql.js';

/** Records looked for at once; the others follow, longest waiting first. */
const RECORDS_MAX = 200;
/** A run ends after so many pages, and goes on at the next tick: others of the job's process wait for none of it. */
const PAGES_MAX = 120;
/** After so many pages it is asked anew what is still to be found: what is found needs no more reading. */
const PAGES_AT_ONCE = 10;

/**
 * The job `audit`: looks in the log for records whose outcome is open, in narrow windows around their calls, and settles
 * them by what it finds.
 */
@Injectable()
export class TrailAudit {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly lease: AuditLease,
    private readonly reader: TrailReader,
    private readonly absent: AbsentRecords,
    private readonly incidents: IncidentWatch,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const operations = this.operations();
    if (operations.length === 0 || !(await this.lease.take())) return;
    try {
      await forgetEvents(this.database, this.options.sellerAccount, this.absent.horizon);
      await this.look(operations, signal);
      await this.absent.settleAll(await this.openRecords(operations), signal);
    } finally {
      await this.lease.release();
    }
  }

  private operations(): MeteringOperation[] {
    switch (this.options.audit.lookupEvents) {
      case 'off':
        return [];
      case 'saas':
        return ['BatchMeterUsage'];
      case 'all':
        return ['BatchMeterUsage', 'MeterUsage'];
    }
  }

  private async look(operations: readonly MeteringOperation[], signal: AbortSignal): Promise<void> {
    // A region that may not be read, or does not answer, is left for the next run.
    const closed = new Set<string>();
    const hours = new Set<number>();
    const placeOf = ({ operation, region }: TrailPlace): string => `${operation} ${region}`;
    for (let pages = 0; pages < PAGES_MAX && !signal.aborted;) {
      const plan = await this.plan(operations);
      await noteLooks(this.database, this.options.sellerAccount, plan.done, this.options.clock.now());
      const next = plan.reads.find((read) => !closed.has(placeOf(read)));
      if (next === undefined) break;
      const result = await this.reader.read(next, Math.min(PAGES_AT_ONCE, PAGES_MAX - pages), signal);
      pages += Math.max(1, result.pages);
      if (result.end === 'denied' || result.end === 'failed') closed.add(placeOf(next));
      for (const count of result.counts) for (const hour of count.hours) hours.add(hour);
    }
    await this.incidents.look([...hours].sort((a, b) => a - b).map((hour) => new Date(hour)));
  }

  private async plan(operations: readonly MeteringOperation[]): Promise<LookPlan> {
    const records = await this.openRecords(operations);
    const windows = unionOf(records.flatMap(windowsOf));
    const [first, last] = [windows[0], windows.at(-1)];
    if (first === undefined || last === undefined) return { reads: [], done: [] };
    const { sellerAccount, clock } = this.options;
    const coverage = await selectCoverage(this.database, sellerAccount, {
      ...{ from: first.from, to: plusMs(last.to, 1) },
    });
    const coverageOf = ({ operation, region }: TrailPlace) =>
      coverage.filter((one) => one.operation === operation && one.region === region);
    return lookPlanOf(records, coverageOf, clock.now());
  }

  private openRecords(operations: readonly MeteringOperation[]): Promise<OpenRecordRow[]> {
    return selectOpenRecords(this.database, this.options.sellerAccount, { operations, limit: RECORDS_MAX });
  }
}
