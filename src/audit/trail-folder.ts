import { opendir } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { IncidentWatch } from './incident-watch.js';
import { coverageOfDeliveries } from './trail-coverage.js';
import { insertCoverage } from './trail-coverage.sql.js';
import { readTrailEvent } from './trail-event.js';
import { recordsIn, type TrailFileName, trailFileNameOf } from './trail-file.js';
import { type ReadEvent, TrailIntake } from './trail-intake.js';

const EVENTS_AT_ONCE = 100;
/** Files that a result names; of more it gives the count. */
const NAMED_MAX = 100;

/** Where a trail's files lie, and whose calls count. */
export interface TrailFolder {
  /** A folder of this machine with the files of one or several trails, as AWS names them; read with all below it. */
  folder: string;
  /**
   * The account whose calls count: 12 digits. Events of others are left aside, as an organisation's trail has them.
   * Default: `sellerAccount`, where that is an account id.
   */
  accountId?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** What was read of a folder. */
export interface TrailFolderResult {
  /** Files of a log that were read. */
  files: number;
  /** Digests, insights and whatever is no log of a trail: by their names. */
  skippedFiles: number;
  /** Logs of other accounts, by their names. */
  foreignFiles: number;
  /** Files that could not be read to their end: each is a gap. At most 100 are named. */
  brokenFiles: { file: string; why: string }[];
  brokenFileCount: number;
  /** Logs that were not read, because `signal` ended the reading: each is a gap until the folder is read again. */
  unreadFiles: number;
  /** Calls that send usage. An event that stands in several trails counts each time, and is taken in once. */
  events: number;
  /** Of other accounts than the one that counts. */
  foreignEvents: number;
  omittedEvents: number;
  unreadableEvents: number;
  /** Records that were settled by what was found. */
  settledRecords: number;
}

type LogName = Extract<TrailFileName, { kind: 'log' }>;

/**
 * The files of a trail as another way to CloudTrail's log: one that goes further back than 90 days, and has no quota.
 * Streamed: no file is held in memory. The order of files and events does not matter.
 */
@Injectable()
export class TrailFolderReader {
  private readonly logger = new Logger('MarketplaceAudit');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly intake: TrailIntake,
    private readonly incidents: IncidentWatch,
  ) {}

  /** @throws MarketplaceMeteringError `TRAIL_INVALID` where there is no such folder, or no account is named */
  async read({ folder, accountId = this.options.sellerAccount, signal }: TrailFolder): Promise<TrailFolderResult> {
    if (!/^\d{12}$/.test(accountId)) {
      throw new MarketplaceMeteringError(
        'TRAIL_INVALID',
        'accountId: give the 12 digits of the account whose calls count; `sellerAccount` is a label here.',
      );
    }
    const readAt = this.options.clock.now();
    const reading = new FolderReading(accountId);
    for await (const file of filesIn(folder)) {
      const name = reading.classify(file);
      if (name === null) continue;
      // Files come in no order: what lies between those that were read counts as read only where it was.
      if (signal?.aborted === true) reading.leave(name);
      else await this.readFile(file, path.relative(folder, file), name, reading);
    }
    for (const [region, { delivered, broken }] of reading.regions) {
      for (const span of coverageOfDeliveries(delivered, broken)) {
        for (const operation of ['BatchMeterUsage', 'MeterUsage'] as const) {
          const coverage = { operation, region, ...span, readAt, source: 'files' } as const;
          await insertCoverage(this.database, this.options.sellerAccount, coverage);
        }
      }
    }
    await this.incidents.look([...reading.hours].sort((a, b) => a - b).map((hour) => new Date(hour)));
    return reading.result;
  }

  private async readFile(file: string, shown: string, name: LogName, reading: FolderReading): Promise<void> {
    const { result } = reading;
    let batch: ReadEvent[] = [];
    const flush = async (): Promise<void> => {
      const count = await this.intake.take(batch);
      batch = [];
      result.events += count.events;
      result.omittedEvents += count.omitted;
      result.unreadableEvents += count.unreadable;
      result.settledRecords += count.settled;
      for (const hour of count.hours) reading.hours.add(hour);
    };
    const records = recordsIn(file);
    let isTimed = true;
    for (let index = 1; ; index += 1) {
      let next: IteratorResult<string, void>;
      try {
        next = await records.next();
      } catch (error) {
        const why = (error as Error).message;
        this.logger.warn(`a file of the trail cannot be read to its end: ${shown}: ${why}`);
        reading.delivered(name, { file: shown, why });
        break;
      }
      if (next.done === true) {
        reading.delivered(name, null, isTimed);
        break;
      }
      // Most of a trail is not about usage: nothing else is even parsed.
      if (!next.value.includes('MeterUsage')) continue;
      const read = readTrailEvent(next.value, { region: name.region });
      if (read.kind === 'call' && read.call.accountId !== null && read.call.accountId !== reading.accountId) {
        result.foreignEvents += 1;
        continue;
      }
      // Nobody knows when it was called, but that it lies in this file.
      if (read.kind === 'unreadable' && read.at === null) isTimed = false;
      const place = { id: `${shown}#${index}`, operation: 'BatchMeterUsage', region: name.region } as const;
      batch.push({ reading: read, place: { ...place, at: name.deliveredAt } });
      if (batch.length >= EVENTS_AT_ONCE) await flush();
    }
    await flush();
  }
}

/** Every file below a folder, in no order. */
export async function* filesIn(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: unknown) => {
    throw new MarketplaceMeteringError('TRAIL_INVALID', `folder: ${folder} cannot be read.`, { cause: error });
  });
  for await (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(file);
    else if (entry.isFile()) yield file;
  }
}

class FolderReading {
  readonly regions = new Map<string, { delivered: Date[]; broken: Date[] }>();
  readonly hours = new Set<number>();
  readonly result: TrailFolderResult = {
    ...{ files: 0, skippedFiles: 0, foreignFiles: 0, brokenFiles: [], brokenFileCount: 0, events: 0 },
    ...{ foreignEvents: 0, omittedEvents: 0, unreadableEvents: 0, settledRecords: 0, unreadFiles: 0 },
  };

  constructor(readonly accountId: string) {}

  /** @returns null for a file that is not to be read */
  classify(file: string): LogName | null {
    const name = trailFileNameOf(file);
    if (name.kind === 'other') this.result.skippedFiles += 1;
    else if (name.accountId !== this.accountId) this.result.foreignFiles += 1;
    else return name;
    return null;
  }

  /** @param isTimed whether it is known of each event in it when it was */
  delivered(name: LogName, broken: { file: string; why: string } | null, isTimed = true): void {
    const times = this.timesOf(name);
    this.result.files += 1;
    (broken === null && isTimed ? times.delivered : times.broken).push(name.deliveredAt);
    if (broken === null) return;
    this.result.brokenFileCount += 1;
    if (this.result.brokenFiles.length < NAMED_MAX) this.result.brokenFiles.push(broken);
  }

  leave(name: LogName): void {
    this.timesOf(name).broken.push(name.deliveredAt);
    this.result.unreadFiles += 1;
  }

  private timesOf({ region }: LogName): { delivered: Date[]; broken: Date[] } {
    const times = this.regions.get(region) ?? { delivered: [], broken: [] };
    this.regions.set(region, times);
    return times;
  }
}
