import { Inject, Injectable } from '@nestjs/common';
import { CloudTrailGateway } from '../aws/cloudtrail-gateway.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { type Decider } from '../events/signed-decision.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../runtime/clock.js';
import { byKey } from '../runtime/order.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AbsentRecords } from './absent-records.js';
import { obstacleText } from './absence.js';
import {
  type AuditCoverage,
  type AuditIncident,
  type AuditOpenRecord,
  type AuditReport,
  type AuditTotal,
} from './audit-report.js';
import { auditReportCsv } from './audit-report-csv.js';
import { selectUnclearEvents } from './doubtful-events.sql.js';
import { HourComparisons } from './hour-comparison.js';
import { IncidentWatch } from './incident-watch.js';
import { KEPT_MS, SETTLE_MS } from './look-plan.js';
import { selectCalledPlaces } from './open-records.sql.js';
import { gapsIn, type Interval, settledParts, unionOf } from './trail-coverage.js';
import { selectCoverage, type TrailPlace } from './trail-coverage.sql.js';
import { type TrailFolder, TrailFolderReader, type TrailFolderResult } from './trail-folder.js';
import { TrailReader } from './trail-reader.js';

/** Hours of usage: `from` included, `to` not. */
export interface AuditedHours {
  from: Date;
  to: Date;
}

export interface ComparedHours extends AuditedHours {
  /** Beside the regions that this ledger ever called: where another system may have metered. */
  regions?: readonly string[] | undefined;
  /** Ends the reading; what was read is kept, and the next comparison goes on from there. */
  signal?: AbortSignal | undefined;
}

/** Usage of an hour may be sent so long after its beginning: 24 hours, and more at the end of a month. */
const SENT_WITHIN_MS = 31 * HOUR_MS;
/** What was read so recently is not read again by the same comparison, or by one that goes on for it. */
const FRESH_MS = HOUR_MS;
const PAGES_AT_ONCE = 100;
const NAMED_MAX = 1000;

/**
 * The ledger against CloudTrail, AWS's own log of calls: what the job `audit` has found, a comparison on demand, and the
 * files of a trail.
 */
@Injectable()
export class MarketplaceAudit {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly gateway: CloudTrailGateway,
    private readonly reader: TrailReader,
    private readonly comparisons: HourComparisons,
    private readonly incidents: IncidentWatch,
    private readonly absent: AbsentRecords,
    private readonly folders: TrailFolderReader,
  ) {}

  /**
   * What has been read of the log about these hours, against the ledger. Reads nothing anew.
   * @throws MarketplaceMeteringError `FILTER_INVALID`
   */
  async report(hours: AuditedHours): Promise<AuditReport> {
    const interval = intervalOf(hours);
    const calls = this.callsAbout(interval);
    const { totals, incidents, incidentCount, elsewhere } = await this.compared(interval);
    const { sellerAccount, clock } = this.options;
    const unclear = await selectUnclearEvents(this.database, sellerAccount, calls, NAMED_MAX);
    return {
      from: interval.from.toISOString(),
      to: interval.to.toISOString(),
      madeAt: clock.now().toISOString(),
      coverage: await this.coverage(calls),
      ...{ totals, incidents, incidentCount, elsewhere },
      unclear: unclear.map(({ kind, eventId, region, at, requestId, attemptId, why }) => ({
        ...{ kind, eventId, region, at: at.toISOString(), requestId, attemptId, why },
      })),
      open: await this.open(),
    };
  }

  /** `report` as one table, RFC 4180. */
  async reportCsv(hours: AuditedHours): Promise<string> {
    return auditReportCsv(await this.report(hours));
  }

  /**
   * Reads all of the log about these hours, within the quota (`aws.callsPerSecond.lookupEvents`): an hour of a busy
   * seller may take minutes. What it finds of open records settles them.
   * @throws MarketplaceMeteringError `FILTER_INVALID`
   */
  async compare({
    regions = [],
    signal = new AbortController().signal,
    ...hours
  }: ComparedHours): Promise<AuditReport> {
    const interval = intervalOf(hours);
    const found = new Set<number>();
    for (const place of await this.places(regions)) {
      for (;;) {
        const [next] = signal.aborted ? [] : await this.unread(place, this.callsAbout(interval));
        if (next === undefined) break;
        const result = await this.reader.read({ ...place, ...next }, PAGES_AT_ONCE, signal);
        for (const count of result.counts) for (const hour of count.hours) found.add(hour);
        if (result.end === 'denied' || result.end === 'failed') break;
      }
    }
    await this.incidents.look([...found].sort((a, b) => a - b).map((hour) => new Date(hour)));
    return this.report(interval);
  }

  /**
   * Reads the files of a trail, as CloudTrail delivers them to S3, from a folder of this machine. What it finds of open
   * records settles them; `report` then counts it in.
   * @throws MarketplaceMeteringError `TRAIL_INVALID`
   */
  readTrail(folder: TrailFolder): Promise<TrailFolderResult> {
    return this.folders.read(folder);
  }

  /**
   * Closes a record whose outcome is unknown as not billed, because the log shows that AWS does not have it.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` where that cannot be said; the message names each
   * gap
   */
  settleAbsent(recordId: string, decider: Decider): Promise<void> {
    return this.absent.settle(recordId, decider);
  }

  private async compared(
    interval: Interval,
  ): Promise<Pick<AuditReport, 'totals' | 'incidents' | 'incidentCount' | 'elsewhere'>> {
    const sums = new Map<string, AuditTotal>();
    const incidents: AuditIncident[] = [];
    let incidentCount = 0;
    let elsewhere = 0;
    for await (const one of this.comparisons.within(interval)) {
      elsewhere += one.elsewhere;
      incidentCount += one.incidents.length;
      for (const incident of one.incidents.slice(0, NAMED_MAX - incidents.length)) {
        incidents.push({
          ...incident,
          hour: one.hour.toISOString(),
          taken: incident.taken.map((taken) => ({ ...taken, units: String(taken.units) })),
          ledgerUnits: incident.ledgerUnits === null ? null : String(incident.ledgerUnits),
        });
      }
      for (const { productCode, dimension, ...hour } of one.totals) {
        const key = JSON.stringify([productCode, dimension]);
        const sum = sums.get(key) ?? {
          ...{ productCode, dimension, awsUnits: '0', awsRecords: 0, ledgerUnits: '0', ledgerRecords: 0 },
        };
        // Whole units, of which a month may have more than a number holds exactly.
        sum.awsUnits = String(BigInt(sum.awsUnits) + BigInt(hour.awsUnits));
        sum.ledgerUnits = String(BigInt(sum.ledgerUnits) + BigInt(hour.ledgerUnits));
        sum.awsRecords += hour.awsRecords;
        sum.ledgerRecords += hour.ledgerRecords;
        sums.set(key, sum);
      }
    }
    const totals = [...sums].sort(byKey).map(([, total]) => total);
    return { totals, incidents, incidentCount, elsewhere };
  }

  private async coverage(calls: Interval): Promise<AuditCoverage[]> {
    const all = await selectCoverage(this.database, this.options.sellerAccount, calls);
    const places = new Map(
      [...(await this.places([])), ...all].map(({ operation, region }) => [
        `${operation} ${region}`,
        { operation, region },
      ]),
    );
    const shown: AuditCoverage[] = [];
    for (const [, { operation, region }] of [...places].sort(byKey)) {
      const read = all.filter((one) => one.operation === operation && one.region === region);
      const settled = within(calls, settledParts(read, SETTLE_MS));
      const early = gapsIn(within(calls, unionOf(read)), settled);
      shown.push({
        ...{ operation, region, settled: shownOf(settled), early: shownOf(early) },
        gaps: shownOf(gapsIn([calls], read)),
        isDenied: await this.gateway.isDenied(region),
      });
    }
    return shown;
  }

  private async open(): Promise<AuditOpenRecord[]> {
    const shown: AuditOpenRecord[] = [];
    for (const record of await this.absent.open()) {
      const obstacles = await this.absent.obstacles(record);
      const { id: recordId, productCode, dimension, quantity, state, reason } = record;
      shown.push({
        ...{ recordId, productCode, dimension, quantity, state, reason, hour: record.hour.toISOString() },
        isAbsent: state === 'unknown' && obstacles.length === 0,
        obstacles: obstacles.map(obstacleText),
      });
    }
    return shown;
  }

  /** When calls about usage of these hours can have been made. */
  private callsAbout({ from, to }: Interval): Interval {
    const now = this.options.clock.now();
    const end = plusMs(to, SENT_WITHIN_MS);
    return { from, to: end < now ? end : now };
  }

  private async unread({ operation, region }: TrailPlace, calls: Interval): Promise<Interval[]> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const read = (await selectCoverage(this.database, sellerAccount, calls)).filter(
      (one) => one.operation === operation && one.region === region,
    );
    const fresh = read.filter(({ readAt }) => readAt > plusMs(now, -FRESH_MS));
    const kept = within({ from: plusMs(now, -KEPT_MS), to: now }, [calls]);
    return gapsIn(kept, [...settledParts(read, SETTLE_MS), ...fresh]);
  }

  private async places(regions: readonly string[]): Promise<TrailPlace[]> {
    const { sellerAccount, products } = this.options;
    const called = await selectCalledPlaces(this.database, sellerAccount);
    const listed = products.flatMap((product): TrailPlace[] => {
      const operation = OPERATION_OF[product.type] ?? 'MeterUsage';
      // Software that finds its region where it runs is looked for where it has called.
      const own = product.region === 'auto' ? [] : [product.region];
      return [...own, ...regions].map((region) => ({ operation, region }));
    });
    const places = new Map([...listed, ...called].map((place) => [`${place.operation} ${place.region}`, place]));
    return [...places].sort(byKey).map(([, place]) => place);
  }
}

/** By type of product; all others send from the buyer's account. */
const OPERATION_OF: Readonly<Record<string, MeteringOperation>> = { saas: 'BatchMeterUsage' };
const HOURS_MAX = 100 * 24;

function intervalOf({ from, to }: AuditedHours): Interval {
  const isGiven = (at: unknown): at is Date => at instanceof Date && !Number.isNaN(at.getTime());
  if (isGiven(from) && isGiven(to) && from < to && to.getTime() - from.getTime() <= HOURS_MAX * HOUR_MS)
    return { from, to };
  throw new MarketplaceMeteringError(
    'FILTER_INVALID',
    `from, to: give two instants, the first before the second, at most ${HOURS_MAX / 24} days apart.`,
  );
}

function within(frame: Interval, intervals: readonly Interval[]): Interval[] {
  return unionOf(
    intervals.map(({ from, to }) => ({
      from: from > frame.from ? from : frame.from,
      to: to < frame.to ? to : frame.to,
    })),
  );
}

function shownOf(intervals: readonly Interval[]): { from: string; to: string }[] {
  return intervals.map(({ from, to }) => ({ from: from.toISOString(), to: to.toISOString() }));
}
