import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type Decider } from '../events/signed-decision.js';
import { RecordResolution } from '../metering/settlement/record-resolution.service.js';
import { SubmissionHold } from '../metering/settlement/submission-hold.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { plusMs } from '../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type AbsenceObstacle, obstaclesToAbsence, obstacleText } from './absence.js';
import { selectAnswersOf, selectUnclearEventsOf } from './doubtful-events.sql.js';
import { attemptWindows } from './look-plan.js';
import { type OpenRecordRow, selectOpenRecords } from './open-records.sql.js';
import { selectCoverage } from './trail-coverage.sql.js';

/** More events without content in the windows of one record are not needed to say that it is not absent. */
const UNCLEAR_MAX = 100;
const RECORDS_MAX = 200;

/** Records that AWS is shown not to have, and closing them: by a person, or where the option says so. */
@Injectable()
export class AbsentRecords {
  private readonly logger = new Logger('MarketplaceAudit');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly resolution: RecordResolution,
    private readonly hold: SubmissionHold,
  ) {}

  /** What stands against saying that AWS does not have the record; nothing: it is absent. */
  async obstacles(record: OpenRecordRow): Promise<AbsenceObstacle[]> {
    const { sellerAccount, clock } = this.options;
    const windows = attemptWindows(record);
    const [first, last] = [windows[0], windows.at(-1)];
    if (first === undefined || last === undefined) return [{ kind: 'noCall' }];
    const span = { from: first.from, to: last.to };
    const coverage = await selectCoverage(this.database, sellerAccount, span);
    const coverageOf = (region: string) =>
      coverage.filter((one) => one.region === region && one.operation === record.operation);
    const attemptIds = record.attempts.map(({ id }) => id);
    const doubtful = [
      ...(await selectUnclearEventsOf(this.database, sellerAccount, windows, attemptIds, UNCLEAR_MAX)),
      ...(await selectAnswersOf(this.database, sellerAccount, record.id)),
    ];
    return obstaclesToAbsence(record, coverageOf, doubtful, clock.now());
  }

  /** Where `audit.onAbsent` is `settle`; never while the submission is held, for nothing is final then. */
  async settleAll(records: readonly OpenRecordRow[], signal: AbortSignal): Promise<void> {
    if (this.options.audit.onAbsent !== 'settle' || (await this.hold.isActive())) return;
    for (const record of records) {
      if (signal.aborted) return;
      if (record.state !== 'unknown' || (await this.obstacles(record)).length > 0) continue;
      await this.resolution.settleUnknown(record.id, { absentWithFullCoverage: true }, { by: 'audit' });
      this.logger.warn('a record is absent from CloudTrail: it was not billed', { recordId: record.id });
    }
  }

  /**
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` where it cannot be said that AWS does not have it
   */
  async settle(recordId: string, decider: Decider): Promise<void> {
    const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(recordId);
    const [record] = isId ? await this.open([recordId]) : [];
    if (record !== undefined) {
      const obstacles = await this.obstacles(record);
      if (obstacles.length > 0) {
        throw new MarketplaceMeteringError(
          'TRANSITION_REFUSED',
          `Record ${recordId} cannot be called absent: ${obstacles.map(obstacleText).join('; ')}.`,
        );
      }
    }
    // What is no open record is refused there, by its state.
    await this.resolution.settleUnknown(recordId, { absentWithFullCoverage: true }, decider);
  }

  open(ids: readonly string[] | null = null, limit = RECORDS_MAX): Promise<OpenRecordRow[]> {
    const operations = ['BatchMeterUsage', 'MeterUsage'] as const;
    return selectOpenRecords(this.database, this.options.sellerAccount, { operations, ids, limit });
  }

  /** Before that nothing is kept, by us or by CloudTrail. */
  get horizon(): Date {
    return plusMs(this.options.clock.now(), -HORIZON_MS);
  }
}

/** CloudTrail keeps 90 days; a trail's files may be older, and a comparison may be made after the month's bill. */
const HORIZON_MS = 120 * 24 * 3_600_000;
