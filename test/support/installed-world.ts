import { expect } from '@jest/globals';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ComputePlatform, type ComputeResource } from 'aws-marketplace-simulator';
import {
  JobScheduler,
  MeteringService,
  type Options,
  RecordResolution,
  type StaticOptions,
  type UsageEvent,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { SenderLease } from '../../src/metering/submission/sender-lease.js';
import { type JobName } from '../../src/runtime/job-scheduler.js';
import { expectBillIsLedger, expectTablesConserved } from './conservation.js';
import { CONTAINER, installedModule, installedOptions, type Product, UNITS } from './installed-module.js';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from './market.js';
import { migrate } from './migrate.js';
import { migratedDatabase, type TestDatabase } from './postgres.js';
import { sumOf, type Whereabouts, whereUnitsAre } from './whereabouts.js';

export { CONTAINER, UNITS } from './installed-module.js';
/** A plain hour in the middle of a month. */
export const INSTALLED_AT = new Date('2026-11-11T08:00:00Z');
const JOBS = ['seal', 'submit', 'recovery', 'deadline'] as const satisfies JobName[];

export interface InstalledOptions {
  startAt?: Date;
  product?: Partial<Product>;
  options?: Options & StaticOptions;
  simulator?: SimulatorOptions;
  platform?: ComputePlatform;
  database?: TestDatabase;
}

@Module({})
class HostModule {}

/** A process of the host's application on one resource, in the buyer's account. */
export class Pod {
  isAlive = true;

  constructor(
    readonly app: INestApplication,
    readonly resource: ComputeResource,
    private readonly world: InstalledWorld,
  ) {}

  async record(quantity: number, event: Partial<UsageEvent> = {}): Promise<void> {
    await this.app.get(MeteringService).record({ dimension: UNITS, quantity, ...event });
    this.world.count(quantity);
  }

  async run(...jobs: JobName[]): Promise<void> {
    for (const job of jobs) await this.app.get(JobScheduler).runOnce(job);
  }

  get resolution(): RecordResolution {
    return this.app.get(RecordResolution);
  }

  /** kill -9 of all its processes, as far as one process can play it: it does nothing more, and says nothing. */
  kill({ resourceGoes = true } = {}): void {
    this.isAlive = false;
    (Reflect.get(this.app.get(SenderLease), 'held') as Set<string>).clear();
    if (resourceGoes) this.world.simulator.terminate(this.resource);
  }

  /** SIGTERM, and the end of the process in its time. */
  async stop(): Promise<void> {
    this.isAlive = false;
    await this.app.close();
  }
}

/** A container product in one buyer's account: its ledger, its resources, and the simulated AWS beside them. */
export class InstalledWorld {
  readonly pods: Pod[] = [];
  private recordedMillionths = 0;

  private constructor(
    readonly simulator: MarketplaceSimulator,
    readonly clock: VirtualClock,
    readonly postgres: TestDatabase,
    readonly agreement: Agreement,
    private readonly setting: InstalledOptions,
  ) {}

  static async start(setting: InstalledOptions = {}): Promise<InstalledWorld> {
    const clock = new VirtualClock({ startAt: setting.startAt ?? INSTALLED_AT, rate: 0 });
    const postgres = setting.database ?? (await migratedDatabase(migrate));
    const simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...setting.simulator });
    const { type = 'container', dimensions = [UNITS] } = setting.product ?? {};
    simulator.createProduct({ productCode: CONTAINER, type, dimensions });
    const agreement = simulator.subscribe({ productCode: CONTAINER });
    return new InstalledWorld(simulator, clock, postgres, agreement, setting);
  }

  /** A resource of the buyer's starts now, and the application on it. */
  async pod(region = 'us-east-1', options: Options & StaticOptions = {}): Promise<Pod> {
    const { platform = 'eks' } = this.setting;
    return this.process(this.simulator.launch({ agreement: this.agreement, platform, region }), options);
  }

  /** Another process on a resource that runs: a container that restarts in its pod, or a second worker. */
  async process(resource: ComputeResource, options: Options & StaticOptions = {}): Promise<Pod> {
    const { product = {}, options: given = {} } = this.setting;
    const place = { databaseUrl: this.postgres.url, awsEndpoint: this.simulator.url, clock: this.clock };
    const own = installedOptions(place, product, { ...given, ...options });
    const root = { module: HostModule, imports: [installedModule(own, resource)] };
    const app = await NestFactory.create(root, { logger: process.env.WORLD_LOG ? ['error', 'warn'] : false });
    await app.init();
    const pod = new Pod(app, resource, this);
    this.pods.push(pod);
    return pod;
  }

  get living(): Pod[] {
    return this.pods.filter(({ isAlive }) => isAlive);
  }

  get database(): LedgerDatabase {
    const pod = this.living[0] ?? this.pods.at(-1);
    return pod!.app.get(LedgerDatabase);
  }

  count(quantity: number): void {
    this.recordedMillionths += Math.round(quantity * 1e6);
  }

  /** Business time jumps to `HH:MM` of the day, or to an instant, and everything that runs does its work. */
  async at(time: string, { works = true } = {}): Promise<void> {
    const day = this.clock.now().toISOString().slice(0, 11);
    const to = new Date(time.length <= 8 ? `${day}${time.length === 5 ? `${time}:00` : time}Z` : time);
    if (to < this.clock.now()) throw new RangeError(`it is ${this.clock.now().toISOString()} already`);
    this.clock.set(to);
    if (works) await this.turn();
  }

  /** Everything that running processes do, as often as there is something to do. */
  async turn(rounds = 3): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      for (const pod of this.living) await pod.run(...JOBS);
      const [row] = await this.database.query<{ waiting: number }>(
        `SELECT (SELECT count(*) FROM marketplace.metering_record WHERE state IN ('pending', 'sending')
           AND cutoff_at > $1)::int + (SELECT count(*) FROM marketplace.customer_changed)::int AS waiting`,
        [this.clock.now().toISOString()],
      );
      if (row?.waiting === 0) return;
      // Machine time: backoff is a few milliseconds here.
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
  }

  /** As if machine time had passed: nobody is heard of any more. */
  async expireLeases(): Promise<void> {
    await this.database.query(
      `UPDATE marketplace.metering_sender SET lease_until = clock_timestamp() - interval '1 second'`,
    );
    await this.database.query(
      `UPDATE marketplace.metering_record SET lease_until = clock_timestamp() - interval '1 second'
        WHERE state = 'sending'`,
    );
  }

  records<Row = Record<string, unknown>>(where = 'true'): Promise<Row[]> {
    return this.database.query<Row>(
      `SELECT * FROM marketplace.metering_record WHERE ${where} ORDER BY hour, dimension, id`,
    );
  }

  async alerts(): Promise<string[]> {
    const rows = await this.database.query<{ kind: string }>(
      `SELECT DISTINCT kind FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY kind`,
    );
    return rows.map(({ kind }) => kind);
  }

  /** Of AWS's bill: `HH` → units, over all resources. Zeros are left out. */
  billByHour(): Record<string, number> {
    const hours: Record<string, number> = {};
    for (const { hour, quantity } of this.simulator.bill())
      if (quantity !== 0) hours[hour.slice(11, 13)] = (hours[hour.slice(11, 13)] ?? 0) + quantity;
    return hours;
  }

  get billed(): number {
    return this.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
  }

  /** Invariant I1 by the module's word and by the tables; the bill is what is metered; every unit is somewhere. */
  async expectConserved(): Promise<Whereabouts> {
    const balances = await (this.living[0] ?? this.pods.at(-1))!.app.get(MeteringService).balance();
    expect(balances.filter(({ conserved }) => !conserved)).toEqual([]);
    await expectTablesConserved(this.database);
    await expectBillIsLedger(this.database, this.simulator);
    const where = await whereUnitsAre(this.database, this.simulator);
    expect(sumOf(where)).toBeCloseTo(this.recordedMillionths / 1e6, 6);
    return where;
  }

  /** Conserved, and every unit on the bill. */
  async expectAllBilled(): Promise<void> {
    const { billed, ...others } = await this.expectConserved();
    expect({ billed: Object.values(billed ?? {}).reduce((sum, units) => sum + units, 0), others }).toEqual({
      billed: this.recordedMillionths / 1e6,
      others: {},
    });
  }

  async stop(): Promise<void> {
    for (const { app } of this.pods) await app.close();
    await this.simulator.stop();
    await this.postgres.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
