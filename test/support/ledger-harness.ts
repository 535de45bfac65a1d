import { expect } from '@jest/globals';
import { type INestApplication, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from 'aws-marketplace-simulator';
import {
  JobScheduler,
  MarketplaceMeteringModule,
  MeteringService,
  type Options,
  RegistrationService,
  type StaticOptions,
  SubmissionHold,
  SubscriptionService,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type JobName } from '../../src/runtime/job-scheduler.js';
import { expectBillIsLedger, expectTablesConserved, meteredRecords } from './conservation.js';
import { grainOfLine } from './market.js';
import { migrate } from './migrate.js';
import { migratedDatabase, type TestDatabase } from './postgres.js';
import { DIMENSIONS, PRODUCT_CODE, replicaOptions } from './replica-options.js';

export { migrate } from './migrate.js';
export { DIMENSIONS, PRODUCT_CODE, testCredentials } from './replica-options.js';
/** A plain hour in the middle of a month, far from every edge. */
export const START = new Date('2026-11-11T10:00:00Z');

export interface HarnessOptions {
  startAt?: Date;
  options?: Options & StaticOptions;
  simulator?: SimulatorOptions;
  logger?: false | LogLevel[];
  /** A database of the test's own. Default: a new one on the run's server. */
  database?: TestDatabase;
  /** Another harness's database and simulator: a second replica. */
  beside?: LedgerHarness;
}

/**
 * One replica of a host application with the module in it, on real Postgres and through the real AWS SDK against the
 * simulator. Time stands still until `advance`; jobs run when asked.
 */
export class LedgerHarness {
  private constructor(
    readonly app: INestApplication,
    readonly url: string,
    readonly postgres: TestDatabase,
    readonly simulator: MarketplaceSimulator,
    readonly clock: VirtualClock,
    private readonly isReplica: boolean,
  ) {}

  static async start({
    startAt = START,
    options = {},
    simulator,
    logger = false,
    database,
    beside,
  }: HarnessOptions = {}): Promise<LedgerHarness> {
    const clock = beside?.clock ?? new VirtualClock({ startAt, rate: 0 });
    const postgres = beside?.postgres ?? database ?? (await migratedDatabase(migrate));
    const sim = beside?.simulator ?? (await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...simulator }));
    if (!beside) sim.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
    const app = await NestFactory.create(
      MarketplaceMeteringModule.forRoot(
        replicaOptions({ databaseUrl: postgres.url, awsEndpoint: sim.url, clock }, options),
      ),
      { logger, abortOnError: false },
    );
    await app.listen(0, '127.0.0.1');
    return new LedgerHarness(app, await app.getUrl(), postgres, sim, clock, beside !== undefined);
  }

  /** Another replica of the same application. */
  replica(options: Omit<HarnessOptions, 'beside'> = {}): Promise<LedgerHarness> {
    return LedgerHarness.start({ ...options, beside: this });
  }

  get database(): LedgerDatabase {
    return this.app.get(LedgerDatabase);
  }

  get metering(): MeteringService {
    return this.app.get(MeteringService);
  }

  get hold(): SubmissionHold {
    return this.app.get(SubmissionHold);
  }

  get subscriptions(): SubscriptionService {
    return this.app.get(SubscriptionService);
  }

  async run(...jobs: JobName[]): Promise<void> {
    for (const job of jobs) await this.app.get(JobScheduler).runOnce(job);
  }

  /** A buyer subscribes at AWS and arrives at the landing page as a browser does. */
  async subscribe(productCode = PRODUCT_CODE): Promise<{ id: string; agreement: Agreement }> {
    const agreement = this.simulator.subscribe({ productCode });
    return { id: await this.register(agreement), agreement };
  }

  /** Posts the registration form; returns the subscription's id. */
  async register(agreement: Agreement): Promise<string> {
    const response = await fetch(`${this.url}/marketplace/registration`, {
      method: 'POST',
      body: new URLSearchParams(this.simulator.registrationForm(agreement)),
      redirect: 'manual',
    });
    expect(response.status).toBe(303);
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    return (await this.app.get(RegistrationService).inspect(code)).subscriptionId;
  }

  /** Moves business time. */
  advance(hours: number): void {
    this.clock.advance(Math.round(hours * 3_600_000));
  }

  /** Seals and submits until nothing of it is left to do now; backoff is machine time of a few milliseconds here. */
  async settle(rounds = 20): Promise<void> {
    await this.run('seal');
    for (let round = 0; round < rounds; round += 1) {
      await this.run('submit', 'recovery');
      const [row] = await this.database.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM marketplace.metering_record WHERE state IN ('pending', 'sending')
          AND mode = 'live' AND cutoff_at > $1`,
        [this.clock.now().toISOString()],
      );
      if (row?.waiting === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  /** As if machine time had passed: every lease is over. */
  async expireLeases(): Promise<void> {
    await this.database.query(
      `UPDATE marketplace.metering_record SET lease_until = clock_timestamp() WHERE state = 'sending'`,
    );
  }

  /** Alerts that nobody has resolved, by kind. */
  async openAlerts(): Promise<string[]> {
    const rows = await this.database.query<{ kind: string }>(
      `SELECT DISTINCT kind FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY kind`,
    );
    return rows.map((row) => row.kind);
  }

  records<Row = Record<string, unknown>>(where = 'true'): Promise<Row[]> {
    return this.database.query<Row>(
      `SELECT * FROM marketplace.metering_record WHERE ${where} ORDER BY hour, dimension, id`,
    );
  }

  /**
   * Invariant I1, and the simulator's second opinion: what AWS would charge per identity, dimension and hour is what
   * the ledger holds as metered.
   */
  async expectConserved(): Promise<void> {
    await this.expectBalanced();
    await expectBillIsLedger(this.database, this.simulator);
  }

  /**
   * What holds at every moment, also while calls are under way: invariant I1, and nothing is metered that is not on the
   * bill.
   */
  async expectBalanced(): Promise<void> {
    const balances = await this.metering.balance();
    expect(balances.filter((balance) => !balance.conserved)).toEqual([]);
    await expectTablesConserved(this.database);
    expect(this.billByGrain()).toMatchObject(await this.meteredByGrain());
  }

  /** Units by product, buyer, dimension and hour, as AWS tells buyers apart. */
  billByGrain(): Record<string, number> {
    return Object.fromEntries(this.simulator.bill().map((line) => [grainOfLine(this.simulator, line), line.quantity]));
  }

  async meteredByGrain(): Promise<Record<string, number>> {
    const metered = await meteredRecords(this.database, this.simulator);
    return Object.fromEntries(metered.map(({ grain, quantity }) => [grain, quantity]));
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (this.isReplica) return;
    await this.simulator.stop();
    await this.postgres.drop();
  }
}
