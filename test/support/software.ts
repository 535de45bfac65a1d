import { type INestApplication, type INestApplicationContext, type LoggerService, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ComputeResource, type EnvironmentOptions, type LaunchOptions } from 'aws-marketplace-simulator';
import {
  type MarketplaceErrorCode,
  MarketplaceMeteringModule,
  MarketplaceReadiness,
  type Options,
  type ProductOptions,
  type ReadinessView,
  type StaticOptions,
} from '../../src/index.js';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from './market.js';
import { migrate } from './migrate.js';
import { migratedDatabase, type TestDatabase } from './postgres.js';

export const HOURLY = 'hourly-container';
export const METERED = 'metered-container';
export const IMAGE = 'metered-ami';
export const SOFTWARE_START = new Date('2026-11-11T10:17:30Z');

/** What a start came to. */
export interface StartOutcome {
  /** Null where the application's start did not end in a refusal. */
  exit: { code: number; error: MarketplaceErrorCode; message: string } | null;
  readiness: ReadinessView | null;
  /** Warnings and errors, without the words of Nest. */
  said: string[];
}

@Module({})
class SoftwareModule {}

/** A seller's software in a buyer's account, on real Postgres, through the real SDK, with what its platform gives it. */
export class SoftwareWorld {
  private readonly apps: INestApplicationContext[] = [];
  private readonly variables = new Map<string, string | undefined>();

  private constructor(
    readonly simulator: MarketplaceSimulator,
    readonly clock: VirtualClock,
    readonly postgres: TestDatabase,
  ) {}

  static async start(options: SimulatorOptions = {}): Promise<SoftwareWorld> {
    const clock = new VirtualClock({ startAt: SOFTWARE_START, rate: 0 });
    const simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...options });
    simulator.createProduct({ productCode: HOURLY, type: 'container', dimensions: [] });
    simulator.createProduct({ productCode: METERED, type: 'container', dimensions: ['requests'] });
    simulator.createProduct({ productCode: IMAGE, type: 'ami', dimensions: ['requests'] });
    return new SoftwareWorld(simulator, clock, await migratedDatabase(migrate));
  }

  subscribe(productCode: string): Agreement {
    return this.simulator.subscribe({ productCode });
  }

  /** Keys of the listing, as a seller puts them into the code. */
  keys(productCode: string = HOURLY, versions: readonly number[] = [1]): Record<string, string> {
    const known = this.simulator.publicKeys(productCode);
    return Object.fromEntries(
      versions.map((version) => [version, known.find((key) => key.version === version)?.publicKey ?? '']),
    );
  }

  launch(options: LaunchOptions): ComputeResource {
    return this.simulator.launch(options);
  }

  /** The process is on that resource from now on: its variables are set, and nobody else's. */
  async moveTo(resource: ComputeResource, options: EnvironmentOptions = {}): Promise<void> {
    this.clearVariables();
    this.set({
      ...{ AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' },
      ...(await this.simulator.environmentOf(resource, options)),
    });
  }

  set(variables: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(variables)) {
      if (!this.variables.has(name)) this.variables.set(name, process.env[name]);
      process.env[name] = value;
    }
  }

  clearVariables(): void {
    for (const [name, value] of this.variables) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    this.variables.clear();
  }

  hourly(over: Partial<ProductOptions> = {}): ProductOptions {
    return {
      ...{ productCode: HOURLY, type: 'container', usageOperation: 'RegisterUsage', dimensions: [] },
      registerUsage: { publicKeys: this.keys() },
      ...over,
    };
  }

  metered(over: Partial<ProductOptions> = {}): ProductOptions {
    return { productCode: METERED, type: 'container', dimensions: ['requests'], ...over };
  }

  image(over: Partial<ProductOptions> = {}): ProductOptions {
    return { productCode: IMAGE, type: 'ami', dimensions: ['requests'], ...over };
  }

  options(product: ProductOptions, over: Options & StaticOptions = {}): Options & StaticOptions {
    return {
      products: [product],
      ...{ registration: false, notifications: false, admin: false },
      database: { url: this.postgres.url, poolSize: 3 },
      clock: this.clock,
      jobs: { autoStart: false },
      ...over,
      aws: { endpoint: this.simulator.url, ...over.aws },
      submission: { requestTimeoutMs: 5000, leaseMs: 20_000, backoffBaseMs: 1, backoffCapMs: 20, ...over.submission },
      container: { startJitterMs: 0, ...over.container },
    };
  }

  /** Starts it as a host does that listens; the process is not ended by a refusal, but the start is. */
  async run(
    product: ProductOptions,
    over: Options & StaticOptions = {},
  ): Promise<StartOutcome & { app: INestApplication | null }> {
    const log = new Listening();
    let exit = null as StartOutcome['exit'];
    const options = this.options(product, over);
    const container = {
      exit: (code: number, error: Error) => {
        exit ??= { code, error: (error as unknown as { code: MarketplaceErrorCode }).code, message: error.message };
      },
      ...options.container,
    };
    const root = { module: SoftwareModule, imports: [MarketplaceMeteringModule.forRoot({ ...options, container })] };
    const app = await NestFactory.create(root, { logger: log, abortOnError: false });
    this.apps.push(app);
    try {
      await app.listen(0, '127.0.0.1');
    } catch (error) {
      if (exit === null) throw error;
    }
    const readiness = app.get(MarketplaceReadiness, { strict: false }).view();
    return { exit, readiness, said: log.said, app: exit === null ? app : null };
  }

  /** As a job or command is started. */
  async context(product: ProductOptions, over: Options & StaticOptions = {}): Promise<INestApplicationContext> {
    const root = { module: SoftwareModule, imports: [MarketplaceMeteringModule.forRoot(this.options(product, over))] };
    const app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false });
    this.apps.push(app);
    return app;
  }

  calls(operation: 'RegisterUsage' | 'MeterUsage'): number {
    return this.simulator.calls({ operation }).length;
  }

  async stop(): Promise<void> {
    for (const app of this.apps.splice(0)) await app.close();
    this.clearVariables();
    await this.simulator.stop();
    await this.postgres.drop();
  }

  /** Ends what runs, so that the next case begins with nothing but the market. */
  async rest(): Promise<void> {
    for (const app of this.apps.splice(0)) await app.close();
    this.simulator.faults.clear();
  }
}

class Listening implements LoggerService {
  readonly said: string[] = [];

  log(): void {
    // What goes well is nobody's concern here.
  }

  warn(message: unknown): void {
    this.said.push(String(message));
  }

  error(message: unknown): void {
    this.said.push(String(message));
  }
}
