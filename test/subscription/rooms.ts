import { type Agreement, MarketplaceSimulator, type Switches, VirtualClock } from 'aws-marketplace-simulator';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { CustomerGateway } from '../../src/aws/customer-gateway.js';
import { EntitlementGateway } from '../../src/aws/entitlement-gateway.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { runMigrations } from '../../src/database/migration-runner.js';
import { EntitlementService } from '../../src/entitlement/entitlement.service.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { Outbox } from '../../src/events/outbox.js';
import { type Options, type ResolvedOptions, resolveOptions } from '../../src/marketplace-metering.options.js';
import { RedirectPolicy } from '../../src/registration/redirect-policy.js';
import { RegistrationIntake } from '../../src/registration/registration-intake.js';
import { RegistrationService } from '../../src/registration/registration.service.js';
import { Waker } from '../../src/runtime/waker.js';
import { AgreementGateway } from '../../src/aws/agreement-gateway.js';
import { LicenseMigration } from '../../src/subscription/reconciliation/license-migration.service.js';
import { Reconciliation } from '../../src/subscription/reconciliation/reconciliation.js';
import { LifeWriter } from '../../src/subscription/chain/projection.js';
import { LifecycleFiling } from '../../src/subscription/inbox/message-processor.js';
import { LifecycleInbox } from '../../src/subscription/inbox/lifecycle-inbox.js';
import { ProductCatalog } from '../../src/subscription/product-catalog.js';
import { SubjectDirectory } from '../../src/subscription/chain/subject-directory.js';
import { SubscriptionRegistrar } from '../../src/subscription/chain/subscription-registrar.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

export const LICENSE_PRODUCT = 'license-product';
export const LEGACY_PRODUCT = 'legacy-product';
export const HOUR_MS = 3_600_000;
export const NOON = new Date('2026-11-18T12:00:00Z');

export type RoomsOptions = Options & { switches?: Partial<Switches> };

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
 * The rooms of this side of the module, put together by hand. Each has a simulator and a seller account of its own in the one database of the suite,
 * so that tests see nothing of each other.
 */
export class Rooms {
  readonly clock: VirtualClock;
  readonly outbox: Outbox;
  readonly alerts: AlertBoard;
  readonly waker = new Waker();
  readonly clients: AwsClients;
  readonly catalog: ProductCatalog;
  readonly directory: SubjectDirectory;
  readonly subscriptions: SubscriptionService;
  readonly registrar: SubscriptionRegistrar;
  readonly inbox: LifecycleInbox;
  readonly life: LifeWriter;
  readonly filing: LifecycleFiling;
  readonly reconciliation: Reconciliation;
  readonly migration: LicenseMigration;
  readonly intake: RegistrationIntake;
  readonly registration: RegistrationService;
  readonly entitlements: EntitlementService;

  private constructor(
    readonly options: ResolvedOptions,
    readonly testDatabase: TestDatabase,
    readonly database: LedgerDatabase,
    readonly simulator: MarketplaceSimulator,
    private readonly owner: Rooms | null,
  ) {
    this.clock = simulator.clock as VirtualClock;
    this.outbox = new Outbox(options);
    this.alerts = new AlertBoard(options, this.outbox);
    this.clients = new AwsClients(options);
    this.catalog = new ProductCatalog(options, database);
    this.directory = new SubjectDirectory(options, database, this.catalog);
    this.inbox = new LifecycleInbox(options, database, this.waker);
    this.life = new LifeWriter(options, this.outbox, this.inbox);
    this.subscriptions = new SubscriptionService(options, database, this.inbox, this.life, this.waker);
    this.registrar = new SubscriptionRegistrar(options, this.catalog, this.outbox, this.alerts, this.life);
    this.filing = new LifecycleFiling(options, database, this.catalog, this.registrar, this.life, this.outbox, this.alerts, this.waker);
    this.registration = new RegistrationService(options, database, this.outbox);
    const customers = new CustomerGateway(this.clients, options);
    this.intake = new RegistrationIntake(options, database, customers, this.registrar, new RedirectPolicy(options), this.alerts);
    const agreements = new AgreementGateway(this.clients, options);
    const entitlements = new EntitlementGateway(this.clients, options);
    this.reconciliation = new Reconciliation(options, database, this.catalog, agreements, entitlements, this.inbox, this.alerts);
    this.migration = new LicenseMigration(options, database, this.catalog, agreements, this.registrar, this.outbox);
    this.entitlements = new EntitlementService(options, database, this.catalog, entitlements, this.alerts, this.outbox);
  }

  static async open({ switches = {}, ...given }: RoomsOptions = {}): Promise<Rooms> {
    const testDatabase = await databaseOfSuite();
    const clock = new VirtualClock({ startAt: NOON, rate: 0 });
    const simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, switches });
    simulator.createProduct({ productCode: LICENSE_PRODUCT, dimensions: ['requests', { name: 'seats', type: 'Entitled' }] });
    simulator.createProduct({ productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'legacy' });
    simulator.createProduct({ productCode: 'not-listed-here', dimensions: ['requests'] });
    sellers += 1;
    const options = resolvedFor({ sellerAccount: `seller-${sellers}`, ...given }, testDatabase, simulator);
    const rooms = new Rooms(options, testDatabase, await connected(options), simulator, null);
    await rooms.catalog.sync();
    return rooms;
  }

  /** A second replica, or the same one after a restart with other options: its own pool and memory, the same database and marketplace. */
  async replica(given: Options = {}): Promise<Rooms> {
    const options = resolvedFor({ sellerAccount: this.options.sellerAccount, ...given }, this.testDatabase, this.simulator);
    return new Rooms(options, this.testDatabase, await connected(options), this.simulator, this);
  }

  /** The buyer arrives with a new token; the code that the redirect carries. */
  async arrive(agreement: Agreement): Promise<string> {
    return this.arriveWith(this.simulator.registrationToken(agreement));
  }

  async arriveWith(token: string): Promise<string> {
    const url = await this.intake.receive({ token, offerType: null, fields: {} });
    return url.searchParams.get('registrationCode') ?? '';
  }

  /** As written: name the seller account or an id. */
  query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.database.query<Row>(sql, parameters);
  }

  async count(table: string): Promise<number> {
    const [row] = await this.query<{ count: string }>(`SELECT count(*) AS count FROM marketplace.${table} WHERE seller_account = $1`, [
      this.options.sellerAccount,
    ]);
    return Number(row?.count);
  }

  /** All but those that only repeat an alert. */
  async eventTypes(): Promise<string[]> {
    const rows = await this.query<{ type: string }>(
      `SELECT type FROM marketplace.outbox_event WHERE seller_account = $1 AND type <> 'alert.raised' ORDER BY position`,
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
    this.clients.onApplicationShutdown();
    await this.database.dataSource.destroy();
    if (this.owner) return;
    await this.simulator.stop();
  }
}

export function migrate(url: string): Promise<unknown> {
  const dataSource = createDataSource({ database: { url, poolSize: 2 } });
  return dataSource
    .initialize()
    .then(() => runMigrations(dataSource))
    .finally(() => dataSource.destroy());
}

export function optionsFor(given: Options, database: TestDatabase, simulator: MarketplaceSimulator): Options {
  return {
    database: { url: database.url, poolSize: 10 },
    products: [
      { productCode: LICENSE_PRODUCT, dimensions: ['requests', 'seats'] },
      { productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'legacy' },
    ],
    signUpUrl: 'https://app.example.com/sign-up?plan=marketplace',
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

async function connected(options: ResolvedOptions): Promise<LedgerDatabase> {
  return new LedgerDatabase(await createDataSource(options).initialize());
}

/** Code of the error that a call ends with; fails when it ends with none. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason as Error & { code?: string },
  );
  return (error as { code?: string }).code ?? error.message;
}
