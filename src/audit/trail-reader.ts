import { Inject, Injectable, Logger } from '@nestjs/common';
import { CloudTrailGateway, type FoundEvent } from '../aws/cloudtrail-gateway.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { plusMs } from '../runtime/clock.js';
import { crashPoint } from '../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AuditLease } from './audit-lease.js';
import { type LookRead } from './look-plan.js';
import { extendCoverage, insertCoverage } from './trail-coverage.sql.js';
import { readTrailEvent } from './trail-event.js';
import { type IntakeCount, type ReadEvent, TrailIntake } from './trail-intake.js';
import { FaultLog } from '../runtime/fault-log.js';

/** How long a page waits for its turn, throttling included; then the reading goes on at the next run. Milliseconds. */
const PATIENCE_MS = 60_000;
/** A token is given up so often without one page between, then the reading goes on at the next run. */
const RESTARTS_MAX = 3;

export interface ReadingResult {
  /**
   * `whole`: to the beginning of the interval. `paused`: so many pages as it was allowed. `denied`: we may not read
   * there. `failed`: AWS did not answer.
   */
  end: 'whole' | 'paused' | 'denied' | 'failed';
  pages: number;
  counts: IntakeCount[];
}

/**
 * Reads an interval of one region's log, newest first, page by page. Each page is taken in before it counts as read:
 * who is stopped in between goes on from there, and at most one page is read twice.
 */
@Injectable()
export class TrailReader {
  private readonly logger = new Logger('MarketplaceAudit');
  private readonly faults = new FaultLog(this.logger, 'warn');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly gateway: CloudTrailGateway,
    private readonly intake: TrailIntake,
    private readonly lease: AuditLease,
  ) {}

  async read(read: LookRead, pagesMax: number, signal: AbortSignal): Promise<ReadingResult> {
    const { operation, region, from } = read;
    const counts: IntakeCount[] = [];
    // What arrives from now on may be missed, on whatever page.
    let readAt = this.options.clock.now();
    let to = read.to;
    let unread = read.to;
    let coverageId: string | null = null;
    let nextToken: string | null = null;
    let restarts = 0;
    for (let pages = 0; ;) {
      if (pages >= pagesMax || signal.aborted) return { end: 'paused', pages, counts };
      await this.lease.take();
      const page = await this.gateway.lookup(
        { region, operation, from, to, nextToken },
        { patienceMs: PATIENCE_MS, signal },
      );
      pages += 1;
      if (page.kind === 'denied') return { end: 'denied', pages, counts };
      if (page.kind === 'failed') {
        const { code, message } = page.failure;
        this.faults.failed(region, { line: `CloudTrail of ${region} was not read to its end: ${code}: ${message}` });
        return { end: 'failed', pages, counts };
      }
      if (page.kind === 'expired') {
        if ((restarts += 1) > RESTARTS_MAX) return { end: 'failed', pages, counts };
        // Asked anew for what is left: the last second of what was read is read again, for it may not have been whole.
        [to, nextToken, coverageId, readAt] = [unread, null, null, this.options.clock.now()];
        continue;
      }
      restarts = 0;
      this.faults.works(region, `CloudTrail of ${region} can be read again`);
      counts.push(await this.intake.take(page.events.map((event, index) => readEventOf(event, index, read))));
      crashPoint('audit.taken');
      nextToken = page.nextToken;
      const reached: Date = nextToken === null ? from : reachedBy(page.events, unread);
      if (reached < unread) {
        if (coverageId === null) {
          const coverage = { operation, region, from: reached, to: unread, readAt, source: 'lookup' } as const;
          coverageId = await insertCoverage(this.database, this.options.sellerAccount, coverage);
        } else await extendCoverage(this.database, coverageId, reached);
        unread = reached;
      }
      crashPoint('audit.covered');
      if (nextToken === null) return { end: 'whole', pages, counts };
    }
  }
}

/** Events of the oldest second may go on on the next page: what comes after it is read. */
function reachedBy(events: readonly FoundEvent[], unread: Date): Date {
  const times = events.flatMap(({ at }) => (at === null ? [] : [at.getTime()]));
  const oldest = Math.min(...times);
  return Number.isFinite(oldest) ? plusMs(new Date(Math.floor(oldest / 1000) * 1000), 1000) : unread;
}

function readEventOf({ eventId, at, text }: FoundEvent, index: number, { operation, region, to }: LookRead): ReadEvent {
  const seenAt = at ?? to;
  return {
    reading: readTrailEvent(text, { region, ...(eventId === null ? {} : { eventId }) }),
    place: { id: eventId ?? `${region}/${seenAt.toISOString()}/${index}`, operation, region, at: seenAt },
  };
}
