import { setTimeout as sleep } from 'node:timers/promises';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MeteringService, RecordResolution } from 'nestjs-marketplace-metering';
import { ControlPanelModule } from '../control-panel/control-panel.module.js';
import { LedgerReader } from '../control-panel/ledger-reader.js';
import { hourTakes } from '../demo-clock.js';
import { DEMO_JOBS, larkspurOptionsOf, type LarkspurSettings } from '../larkspur-settings.js';
import { MEGAPIXELS, RENDERS } from '../larkspur/larkspur.options.js';
import { Stage } from '../stage.js';
import { audit, type Evidence, type Verdict } from './audit.js';
import { Driver } from './driver.js';
import { type MishapCounts, Mishaps } from './mishaps.js';
import { UsageBooks } from './usage-books.js';

export interface StoryOptions {
  /** Drops one unit on purpose. */
  sabotage: boolean;
  /** Shows the log of the application. */
  verbose: boolean;
  databaseUrl: string | undefined;
  say: (line: string) => void;
}

export interface Outcome extends Verdict {
  subscriptions: number;
  agreements: number;
  events: number;
  records: number;
  metered: number;
  faults: MishapCounts & { poisoned: number };
}

/** An hour takes six seconds: within the first one after an end AWS still takes what was used before it. */
const RATE = 600;
/** Away from the end of a month, whose rules would cut the story short. */
const STARTS_AT = new Date('2026-06-10T08:00:00Z');
const POLL_MS = 100;
const RECORDS_MAX = 100_000;
const UNLISTED_DIMENSION = 'priority-renders';

/**
 * Reasons for which usage waits where nobody will ever bill it: it is in no agreement, or of no dimension of the
 * listing.
 */
const STAYS: readonly string[] = ['afterEnd', 'beforeStart', 'noSubscription', 'refused'];

/** Hours take seconds here, and leases and retries must fit in. */
const SETTINGS: Partial<LarkspurSettings> = {
  unlistedDimensions: [UNLISTED_DIMENSION],
  submission: { requestTimeoutMs: 1000, leaseMs: 2000, backoffBaseMs: 50, backoffCapMs: 500, probeIntervalMs: 500 },
  jobs: {
    ...DEMO_JOBS,
    sealIntervalMs: 100,
    submitIntervalMs: 100,
    deadlineIntervalMs: 250,
    recoveryIntervalMs: 250,
    reconcileIntervalMs: 100,
  },
};

/** A story in which much goes wrong, and the account of it: the calls that resolved, the ledger, and AWS's bill. */
export class Story {
  private readonly books = new UsageBooks();
  private stage: Stage | null = null;
  private mishaps: Mishaps | null = null;

  constructor(private readonly options: StoryOptions) {}

  async tell(): Promise<Outcome> {
    const { databaseUrl, verbose, sabotage, say } = this.options;
    const mishaps = new Mishaps(say);
    this.mishaps = mishaps;
    mishaps.startWorkers();
    const logger = verbose ? new ConsoleLogger() : false;
    const stage = await Stage.start({ rate: RATE, startsAt: STARTS_AT, databaseUrl, settings: SETTINGS, logger });
    this.stage = stage;
    mishaps.instructWorkers(stage.settings);
    const driver = await Driver.start(stage, this.books, UNLISTED_DIMENSION, say);
    say(`${driver.companies.join(', ')} are rendering; an hour takes ${hourTakes(RATE)}`);
    await Promise.race([Promise.all([mishaps.strike(stage.simulator), driver.played()]), driver.failure()]);
    await driver.stop();
    // A unit that a call has promised and nobody kept, as a lost INSERT would leave it.
    if (sabotage) this.books.enter(driver.companies[0] ?? '', RENDERS, 1, stage.simulator.clock.now());
    stage.simulator.faults.clear();
    say('nobody renders any more; what is under way comes to its end');
    await settle(stage, say);
    await stage.stopApplication();
    return this.examine(stage, driver, mishaps);
  }

  /** Stops whatever runs, wherever the story has come to. */
  async end(): Promise<void> {
    this.mishaps?.stop();
    await this.stage?.stop();
  }

  /** By the eyes of a fresh application whose jobs do not run: nothing moves while it looks. */
  private async examine({ settings, simulator }: Stage, driver: Driver, mishaps: Mishaps): Promise<Outcome> {
    const { sellerAccount } = settings;
    const larkspur = larkspurOptionsOf({ ...settings, jobs: { ...settings.jobs, autoStart: false } });
    const auditor = await NestFactory.createApplicationContext(
      ControlPanelModule.forRoot({ larkspur, simulator, sellerAccount, rate: RATE }),
      { logger: false },
    );
    try {
      const ledger = auditor.get(LedgerReader);
      const subscriptions = await ledger.subscriptions();
      const records = await ledger.records({ limit: RECORDS_MAX, zeros: true });
      const companies = new Map(subscriptions.map(({ customerId, company }) => [customerId, company]));
      const balances = (await auditor.get(MeteringService).balance()).map((balance) => ({
        ...balance,
        company: companies.get(balance.customerId) ?? 'an unknown buyer',
      }));
      const evidence: Evidence = {
        books: this.books,
        records,
        carries: await ledger.carries(),
        balances,
        bill: simulator.acceptedUsage(),
        segments: simulator.priceSegments(),
        companyOf: (accountId) => driver.companyOf(accountId),
        dimensions: [RENDERS, MEGAPIXELS],
      };
      // Calls that AWS refused as a whole, for the sake of one record.
      const poisoned = simulator
        .calls({ operation: 'BatchMeterUsage' })
        .filter(({ error }) => error?.name === 'InvalidUsageDimensionException');
      return {
        ...audit(evidence),
        subscriptions: subscriptions.length,
        agreements: simulator.agreements().length,
        events: this.books.events,
        records: records.length,
        metered: records.filter(({ state }) => state === 'metered').length,
        faults: { ...mishaps.counts, poisoned: poisoned.length },
      };
    } finally {
      await auditor.close();
    }
  }
}

/** Until everything that AWS will take is on the bill. What is poisoned stays where it is. */
async function settle(stage: Stage, say: StoryOptions['say']): Promise<void> {
  const metering = stage.app.get(MeteringService);
  for (;;) {
    const balances = await metering.balance();
    const open = balances.filter(({ dimension, unsealed, waiting, byState }) => {
      const waits = Object.entries(waiting).filter(([reason]) => !STAYS.includes(reason));
      const underWay = [
        unsealed,
        ...waits.map(([, units]) => units),
        byState.pending,
        byState.sending,
        byState.blocked,
        byState.unknown,
      ];
      return dimension !== UNLISTED_DIMENSION && underWay.some((units) => Number(units ?? 0) !== 0);
    });
    if (open.length === 0) return;
    await settleUnknown(stage, say);
    await sleep(POLL_MS);
  }
}

/**
 * Where an answer was lost and the agreement's last hour ran out before another try, AWS may have the record or not. An
 * operator looks it up, on the bill here, and says so.
 */
async function settleUnknown({ app, simulator }: Stage, say: StoryOptions['say']): Promise<void> {
  const records = await app.get(LedgerReader).records({ limit: RECORDS_MAX, zeros: true });
  const bill = simulator.bill();
  for (const { id, licenseArn, dimension, hour } of records.filter(({ state }) => state === 'unknown')) {
    const line = bill.find(
      (one) => one.licenseArn === licenseArn && one.dimension === dimension && one.hour === hour?.toISOString(),
    );
    const finding = line
      ? { found: { meteringRecordId: line.meteringRecordId } }
      : { absentWithFullCoverage: true as const };
    await app.get(RecordResolution).settleUnknown(id, finding, { by: 'demo:check' });
    say(`an outcome that stayed unknown is looked up: ${line ? 'billed' : 'not billed'}`);
  }
}
