import { type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ComputeResource, MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { JobScheduler, MeteringService, type Options, type StaticOptions } from 'nestjs-marketplace-metering';
import { PostgresServer } from '../../../tools/postgres/postgres-server.js';
import { ScannerModule } from '../scanner/scanner.module.js';
import { productOf, SCANS, SOFTWARE } from '../scanner/scanner.options.js';

const PRODUCT_CODE = 'fernwood';
const JOBS = ['seal', 'submit', 'recovery', 'deadline'] as const;
const ROUNDS = 4;
const BACKOFF_MS = 5;

/** A task of the software, with the process in it. */
export interface RunningTask {
  app: INestApplication;
  resource: ComputeResource;
  url: string;
}

/**
 * A buyer's account on this machine: AWS Marketplace with the metadata of ECS, the ledger's Postgres on its volume, and
 * one task at a time of the software. Business time stands still, and is moved by hand.
 */
export class BuyersAccount {
  readonly clock: VirtualClock;
  private task: RunningTask | null = null;

  private constructor(
    readonly simulator: MarketplaceSimulator,
    clock: VirtualClock,
    private readonly postgres: PostgresServer,
  ) {
    this.clock = clock;
  }

  static async open(startsAt: Date): Promise<BuyersAccount> {
    const clock = new VirtualClock({ startAt: startsAt, rate: 0 });
    const postgres = await PostgresServer.start();
    const simulator = await MarketplaceSimulator.start({ clock });
    simulator.createProduct({ productCode: PRODUCT_CODE, type: 'container', dimensions: [SCANS] });
    simulator.subscribe({ productCode: PRODUCT_CODE });
    return new BuyersAccount(simulator, clock, postgres);
  }

  get running(): RunningTask {
    if (!this.task) throw new Error('no task is running');
    return this.task;
  }

  /** ECS starts a task: what the software finds in its environment is the task's. */
  async startTask(): Promise<RunningTask> {
    const [agreement] = this.simulator.agreements();
    if (!agreement) throw new Error('nobody has subscribed');
    const resource = this.simulator.launch({ agreement, platform: 'fargate' });
    Object.assign(process.env, await this.simulator.environmentOf(resource));
    const app = await NestFactory.create(ScannerModule.with(this.options()), {
      logger: ['error', 'warn'],
      abortOnError: false,
    });
    await app.listen(0, '127.0.0.1');
    this.task = { app, resource, url: await app.getUrl() };
    return this.task;
  }

  /** ECS stops the task: SIGTERM, and the process ends in its time. The volume stays. */
  async stopTask(): Promise<void> {
    const { app, resource } = this.running;
    await app.close();
    this.simulator.terminate(resource);
    this.task = null;
  }

  /** Somebody scans: over HTTP, as everybody does. @returns units of the answer that it was recorded */
  async scan(id: string, gigabytes: string): Promise<void> {
    const response = await fetch(`${this.running.url}/scans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, gigabytes }),
    });
    if (response.status !== 202) throw new Error(`scan ${id} was answered with status ${response.status}`);
  }

  /** Business time comes to `HH:MM` of the day, and the jobs do their work. */
  async at(time: string): Promise<void> {
    this.clock.set(new Date(`${this.clock.now().toISOString().slice(0, 11)}${time}:00Z`));
    const jobs = this.running.app.get(JobScheduler, { strict: false });
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const job of JOBS) await jobs.runOnce(job);
      // Machine time: what AWS has refused for a moment is tried again.
      await new Promise((resolve) => setTimeout(resolve, 2 * BACKOFF_MS));
    }
  }

  /** Where the ledger has every unit. */
  async balance() {
    return this.running.app.get(MeteringService, { strict: false }).balance();
  }

  async close(): Promise<void> {
    if (this.task) await this.stopTask();
    await this.simulator.stop();
    await this.postgres.stop();
  }

  /** The release's options, but for what only exists on this machine: in the code, as it must be. */
  private options(): Options & StaticOptions {
    const keys = this.simulator.publicKeys(PRODUCT_CODE);
    const publicKeys = Object.fromEntries(keys.map(({ version, publicKey }) => [version, publicKey]));
    return {
      ...SOFTWARE,
      products: [productOf({ productCode: PRODUCT_CODE, publicKeys })],
      database: { url: this.postgres.url },
      aws: { endpoint: this.simulator.url },
      clock: this.clock,
      jobs: { autoStart: false },
      container: { startJitterMs: 0 },
      submission: { spreadMs: 0, backoffBaseMs: 1, backoffCapMs: BACKOFF_MS },
    };
  }
}
