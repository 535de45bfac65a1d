import { type INestApplicationContext, Module } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import {
  type Agreement,
  MarketplaceSimulator,
  type SimulatorOptions,
  type Switches,
  VirtualClock,
} from 'aws-marketplace-simulator';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { CallPermission } from '../../src/aws/call-permission.js';
import { PacedCalls } from '../../src/aws/paced-calls.js';
import { CallBudget } from '../../src/database/call-budget.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { ENTITLEMENT_PROVIDERS } from '../../src/entitlement/entitlement.providers.js';
import { EntitlementService } from '../../src/entitlement/entitlement.service.js';
import { ClockGuard } from '../../src/database/clock-guard.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { ClockWatch } from '../../src/events/clock-watch.js';
import { Outbox } from '../../src/events/outbox.js';
import { type Options } from '../../src/options/options.js';
import { type ResolvedOptions, resolveOptions } from '../../src/options/resolved-options.js';
import { RegistrationIntake } from '../../src/registration/registration-intake.js';
import { REGISTRATION_PROVIDERS } from '../../src/registration/registration.providers.js';
import { RegistrationService } from '../../src/registration/registration.service.js';
import { JobScheduler } from '../../src/runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { Waker } from '../../src/runtime/waker.js';
import { SubjectDirectory } from '../../src/subscription/chain/subject-directory.js';
import { Projection } from '../../src/subscription/chain/projection.js';
import { SubscriptionRegistrar } from '../../src/subscription/chain/subscription-registrar.js';
import { LifecycleInbox } from '../../src/subscription/inbox/lifecycle-inbox.js';
import { MessageProcessor } from '../../src/subscription/chain/message-processor.js';
import { ProductCatalog } from '../../src/subscription/product-catalog.js';
import { LicenseMigration } from '../../src/subscription/reconciliation/license-migration.service.js';
import { Reconciliation } from '../../src/subscription/reconciliation/reconciliation.js';
import { SUBSCRIPTION_PROVIDERS } from '../../src/subscription/subscription.providers.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

export const LICENSE_PRODUCT = 'license-product';
export const LEGACY_PRODUCT = 'legacy-product';
export const HOUR_MS = 3_600_000;
export const NOON = new Date('2026-11-18T12:00:00Z');

export type RoomsOptions = Options & { switches?: Partial<Switches>; simulator?: SimulatorOptions };

@Module({ imports: [DiscoveryModule] })
class RoomsModule {}

/** What Nest builds of these rooms, without a controller; `jobs.autoStart` is off in them. */
export const ROOMS_PROVIDERS = [
  ...[
    Waker,
    JobScheduler,
    Outbox,
    AlertBoard,
    ClockGuard,
    ClockWatch,
    AwsClients,
    CallBudget,
    PacedCalls,
    CallPermission,
  ],
  ...[...SUBSCRIPTION_PROVIDERS, ...REGISTRATION_PROVIDERS, ...ENTITLEMENT_PROVIDERS],
];

let suite: Promise<TestDatabase> | undefined;
let sellers = 0;

function databaseOfSuite(): Promise<TestDatabase> {
  suite ??= migratedDatabase(migrate);
  return suite;
}

/** For the end of a suite. */
export async function dropDatabaseOfSuite(): Promise<void> {
  await (await suite)?.drop();
}

/**
 * The rooms of this side of the module, as Nest puts them together. Each has a simulator and a seller account of its
 * own in the one database of the suite, so that tests see nothing of each other. Jobs run when asked.
 */
export class Rooms {
  readonly clock: VirtualClock;

  private constructor(
    readonly options: ResolvedOptions,
    readonly testDatabase: TestDatabase,
    readonly database: LedgerDatabase,
    readonly simulator: MarketplaceSimulator,
    private readonly app: INestApplicationContext,
    private readonly owner: Rooms | null,
  ) {
    this.clock = simulator.clock as VirtualClock;
  }

  get outbox(): Outbox {
    return this.app.get(Outbox);
  }
  get alerts(): AlertBoard {
    return this.app.get(AlertBoard);
  }
  get waker(): Waker {
    return this.app.get(Waker);
  }
  get catalog(): ProductCatalog {
    return this.app.get(ProductCatalog);
  }
  get directory(): SubjectDirectory {
    return this.app.get(SubjectDirectory);
  }
  get subscriptions(): SubscriptionService {
    return this.app.get(SubscriptionService);
  }
  get registrar(): SubscriptionRegistrar {
    return this.app.get(SubscriptionRegistrar);
  }
  get projection(): Projection {
    return this.app.get(Projection);
  }
  get inbox(): LifecycleInbox {
    return this.app.get(LifecycleInbox);
  }
  get messages(): MessageProcessor {
    return this.app.get(MessageProcessor);
  }
  get reconciliation(): Reconciliation {
    return this.app.get(Reconciliation);
  }
  get migration(): LicenseMigration {
    return this.app.get(LicenseMigration);
  }
  get intake(): RegistrationIntake {
    return this.app.get(RegistrationIntake);
  }
  get registration(): RegistrationService {
    return this.app.get(RegistrationService);
  }
  get entitlements(): EntitlementService {
    return this.app.get(EntitlementService);
  }

  static async open({ switches = {}, simulator: given, ...options }: RoomsOptions = {}): Promise<Rooms> {
    const testDatabase = await databaseOfSuite();
    const clock = new VirtualClock({ startAt: NOON, rate: 0 });
    const simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, switches, ...given });
    simulator.createProduct({
      productCode: LICENSE_PRODUCT,
      dimensions: ['requests', { name: 'seats', type: 'Entitled' }],
    });
    simulator.createProduct({
      productCode: LEGACY_PRODUCT,
      dimensions: ['requests', { name: 'seats', type: 'Entitled' }],
      identity: 'legacy',
    });
    simulator.createProduct({ productCode: 'not-listed-here', dimensions: ['requests'] });
    sellers += 1;
    const rooms = await Rooms.of(
      resolvedFor({ sellerAccount: `seller-${sellers}`, ...options }, testDatabase, simulator),
      testDatabase,
      simulator,
      null,
    );
    await rooms.catalog.sync();
    return rooms;
  }

  /**
   * A second replica, or the same one after a restart with other options: its own pool and memory, the same database
   * and marketplace.
   */
  async replica(given: Options = {}): Promise<Rooms> {
    const options = resolvedFor(
      { sellerAccount: this.options.sellerAccount, ...given },
      this.testDatabase,
      this.simulator,
    );
    return Rooms.of(options, this.testDatabase, this.simulator, this);
  }

  static async of(
    options: ResolvedOptions,
    testDatabase: TestDatabase,
    simulator: MarketplaceSimulator,
    owner: Rooms | null,
  ): Promise<Rooms> {
    const database = new LedgerDatabase(await createDataSource(options).initialize());
    const providers = [
      { provide: RESOLVED_OPTIONS, useValue: { ...options, jobs: { ...options.jobs, autoStart: false } } },
      { provide: LedgerDatabase, useValue: database },
      ...ROOMS_PROVIDERS,
    ];
    const app = await NestFactory.createApplicationContext(
      { module: RoomsModule, providers },
      { logger: false, abortOnError: false },
    );
    return new Rooms(options, testDatabase, database, simulator, app, owner);
  }

  /** The buyer arrives with a new token; the code that the redirect carries. */
  async arrive(agreement: Agreement): Promise<string> {
    return this.arriveWith(this.simulator.registrationToken(agreement));
  }

  async arriveWith(token: string): Promise<string> {
    const { url } = await this.intake.receive({ token, offerType: null, fields: {} }, 'a client');
    return url.searchParams.get('registrationCode') ?? '';
  }

  /** As written: name the seller account or an id. */
  query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.database.query<Row>(sql, parameters);
  }

  async count(table: string): Promise<number> {
    const [row] = await this.query<{ count: string }>(
      `SELECT count(*) AS count FROM marketplace.${table} WHERE seller_account = $1`,
      [this.options.sellerAccount],
    );
    return Number(row?.count);
  }

  /** All but those that only repeat an alert. */
  async eventTypes(): Promise<string[]> {
    const rows = await this.query<{ type: string }>(
      `SELECT type FROM marketplace.outbox_event WHERE seller_account = $1 AND type <> 'alert.raised'
        ORDER BY position`,
      [this.options.sellerAccount],
    );
    return rows.map(({ type }) => type);
  }

  async alertKinds(): Promise<string[]> {
    const rows = await this.query<{ kind: string }>(
      'SELECT kind FROM marketplace.alert WHERE seller_account = $1 AND resolved_at IS NULL ORDER BY kind, subject',
      [this.options.sellerAccount],
    );
    return rows.map(({ kind }) => kind);
  }

  async close(): Promise<void> {
    await this.app.close();
    if (this.database.dataSource.isInitialized) await this.database.dataSource.destroy();
    if (this.owner) return;
    await this.simulator.stop();
  }
}

export function optionsFor(given: Options, database: TestDatabase, simulator: MarketplaceSimulator): Options {
  return {
    database: { url: database.url, poolSize: 10 },
    products: [
      { productCode: LICENSE_PRODUCT, dimensions: ['requests', 'seats'] },
      { productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'legacy' },
    ],
    signUpUrl: 'https://app.example.com/sign-up?plan=marketplace',
    // What codes are bound to is shown where browsers are: test/registration/browser-binding.spec.ts.
    codeBinding: 'none',
    support: { email: 'help@example.com', url: 'https://example.com/support' },
    clock: simulator.clock,
    ...given,
    aws: {
      endpoint: simulator.url,
      credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
      identicalResend: 'unknown',
      ...given.aws,
    },
  };
}

function resolvedFor(given: Options, database: TestDatabase, simulator: MarketplaceSimulator): ResolvedOptions {
  return resolveOptions(optionsFor(given, database, simulator), {});
}

/** Code of the error that a call ends with; fails when it ends with none. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason as Error & { code?: string },
  );
  return (error as { code?: string }).code ?? error.message;
}
