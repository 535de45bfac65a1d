import { expect } from '@jest/globals';
import { type INestApplication, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from 'aws-marketplace-simulator';
import {
  JobScheduler,
  MarketplaceMeteringModule,
  MeteringService,
  type Options,
  type StaticOptions,
  SubmissionHold,
  SubscriptionService,
} from '../../src/index.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { runMigrations } from '../../src/database/migration-runner.js';
import { type JobName } from '../../src/runtime/job-scheduler.js';
import { migratedDatabase, type TestDatabase } from './postgres.js';
import { DIMENSIONS, PRODUCT_CODE, replicaOptions } from './replica-options.js';

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

/** Applies the migrations to the database with the given URL: the template of every suite. */
export async function migrate(url: string): Promise<void> {
  const dataSource = await createDataSource({ database: { url, poolSize: 2 } }).initialize();
  await runMigrations(dataSource);
  await dataSource.destroy();
}

/**
 * One replica of a host application with the module in it, on real Postgres and through the real AWS SDK against the simulator. Time stands still
 * until `advance`; jobs run when asked.
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
      MarketplaceMeteringModule.forRoot(replicaOptions({ databaseUrl: postgres.url, awsEndpoint: sim.url, clock }, options)),
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
    const key = agreement.customerIdentifier ?? agreement.licenseArn;
    const [row] = await this.database.query<{ id: string }>(
      `SELECT id FROM marketplace.subscription WHERE $1 IN (customer_identifier, license_arn) AND merged_into IS NULL`,
      [key],
    );
    if (!row) throw new Error('the registration left no subscription behind');
    return row.id;
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
        `SELECT count(*)::int AS waiting FROM marketplace.metering_record WHERE state IN ('pending', 'sending') AND mode = 'live' AND cutoff_at > $1`,
        [this.clock.now().toISOString()],
      );
      if (row?.waiting === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  /** As if machine time had passed: every lease is over. */
  async expireLeases(): Promise<void> {
    await this.database.query(`UPDATE marketplace.metering_record SET lease_until = clock_timestamp() WHERE state = 'sending'`);
  }

  /** Alerts that nobody has resolved, by kind. */
  async openAlerts(): Promise<string[]> {
    const rows = await this.database.query<{ kind: string }>(
      `SELECT DISTINCT kind FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY kind`,
    );
    return rows.map((row) => row.kind);
  }

  records<Row = Record<string, unknown>>(where = 'true'): Promise<Row[]> {
    return this.database.query<Row>(`SELECT * FROM marketplace.metering_record WHERE ${where} ORDER BY hour, dimension, id`);
  }

  /**
   * Invariant I1, and the simulator's second opinion: what AWS would charge per license, dimension and hour is what the ledger holds as metered.
   */
  async expectConserved(): Promise<void> {
    await this.expectBalanced();
    expect(await this.meteredByGrain()).toEqual(this.billByGrain());
  }

  /** What holds at every moment, also while calls are under way: invariant I1, and nothing is metered that is not on the bill. */
  async expectBalanced(): Promise<void> {
    const balances = await this.metering.balance();
    expect(balances.filter((balance) => !balance.conserved)).toEqual([]);
    const [sums] = await this.database.query<{ wrong: number }>(
      `SELECT count(*)::int AS wrong FROM marketplace.metering_record r
       WHERE event_sum <> (SELECT coalesce(sum(e.quantity), 0) FROM marketplace.usage_event e WHERE e.seller_account = r.seller_account AND e.record_id = r.id)
          OR event_count <> (SELECT count(*) FROM marketplace.usage_event e WHERE e.seller_account = r.seller_account AND e.record_id = r.id)`,
    );
    expect(sums?.wrong).toBe(0);
    const metered = await this.meteredByGrain();
    expect(this.billByGrain()).toMatchObject(metered);
  }

  billByGrain(): Record<string, number> {
    return Object.fromEntries(
      this.simulator
        .bill()
        .map((line) => [
          `${line.licenseArn ?? line.customerIdentifier ?? line.customerAWSAccountId ?? ''} ${line.dimension} ${line.hour}`,
          line.quantity,
        ]),
    );
  }

  async meteredByGrain(): Promise<Record<string, number>> {
    const rows = await this.database.query<{ who: string; dimension: string; hour: Date; quantity: string }>(
      `SELECT coalesce(license_arn, customer_identifier, customer_aws_account_id) AS who, dimension, hour, quantity
       FROM marketplace.metering_record WHERE state = 'metered'`,
    );
    return Object.fromEntries(rows.map((row) => [`${row.who} ${row.dimension} ${row.hour.toISOString()}`, Number(row.quantity)]));
  }

  async stop(): Promise<void> {
    await this.app.close();
    if (this.isReplica) return;
    await this.simulator.stop();
    await this.postgres.drop();
  }
}
