import { type EntityManager, DataSource } from 'typeorm';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { runMigrations } from '../../../src/database/migration-runner.js';
import { type Options, resolveOptions, type ResolvedOptions } from '../../../src/marketplace-metering.options.js';
import { type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { formatDecimal, parseDecimal, type Scaled, scaled } from '../../../src/runtime/decimal.js';
import { ProductCatalog } from '../../../src/subscription/product-catalog.js';
import { SubscriptionDirectory } from '../../../src/subscription/chain/subject-directory.js';
import { migratedDatabase, type TestDatabase } from '../../support/postgres.js';

export const NOW = new Date('2026-11-10T10:30:00.000Z');
const SELLER = 'test-seller';

/** A subscription with what the test believes was recorded for it. */
export interface MeteredBuyer {
  id: string;
  /** A valid event for it, of dimension `requests` and quantity 1 unless told otherwise. */
  readonly event: (over?: Partial<UsageEvent>) => UsageEvent;
}

/** A migrated database, recorders as replicas have them, and a host DataSource beside them. */
export class RecordingLedger {
  private readonly recorders: UsageRecorder[] = [];
  private readonly dataSources: DataSource[] = [];
  private accepted: Scaled = 0n;
  private acceptedEvents = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly host: DataSource,
  ) {}

  static async open(): Promise<RecordingLedger> {
    const database = await migratedDatabase(async (url) => {
      const dataSource = await createDataSource({ database: { url, poolSize: 3, ssl: undefined } }).initialize();
      await runMigrations(dataSource);
      await dataSource.destroy();
    });
    const host = await new DataSource({ type: 'postgres', driver: pg, url: database.url, poolSize: 5 }).initialize();
    await host.query(`INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode)
      VALUES ('${SELLER}', 'widgets', 'saas', 'license', 'us-east-1', 'live')`);
    return new RecordingLedger(database, host);
  }

  async close(): Promise<void> {
    await Promise.all(this.recorders.map((recorder) => recorder.onApplicationShutdown()));
    await Promise.all([this.host, ...this.dataSources].map((dataSource) => dataSource.destroy()));
    await this.database.drop();
  }

  /** Options for this database; `recording` is merged. */
  options(over: Options = {}): ResolvedOptions {
    return resolveOptions(
      {
        sellerAccount: SELLER,
        database: { url: this.database.url, poolSize: 5 },
        products: [{ productCode: 'widgets', dimensions: ['requests', 'storage'] }],
        signUpUrl: 'https://app.example.com/sign-up',
        clock: { now: () => new Date(NOW) },
        ...over,
      },
      {},
    );
  }

  /** A recorder with its own pool, as a replica of the application has it. */
  async recorder(recording: Options['recording'] = {}, tamper: (dataSource: DataSource) => void = () => undefined): Promise<UsageRecorder> {
    const options = this.options({ recording });
    const dataSource = await createDataSource(options).initialize();
    this.dataSources.push(dataSource);
    tamper(dataSource);
    const ledger = new LedgerDatabase(dataSource);
    const recorder = new UsageRecorder(options, ledger, new SubscriptionDirectory(options, ledger, new ProductCatalog(options, ledger)));
    this.recorders.push(recorder);
    return recorder;
  }

  async buyer(): Promise<MeteredBuyer> {
    const id = uuidv7();
    await this.host.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, registered_at, starts_at)
       VALUES ($1, $2, 'widgets', 'registered', $3, $3)`,
      [SELLER, id, NOW.toISOString()],
    );
    await this.host.query(`INSERT INTO marketplace.seal_cursor (seller_account, subscription_id) VALUES ($1, $2)`, [SELLER, id]);
    return { id, event: (over = {}) => ({ subscriptionId: id, dimension: 'requests', quantity: 1, ...over }) };
  }

  /** A transaction of the host that stays open until it is told. */
  async hostTransaction(isolation: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' = 'READ COMMITTED'): Promise<HostTransaction> {
    const runner = this.host.createQueryRunner();
    await runner.startTransaction(isolation);
    return {
      manager: runner.manager,
      commit: async () => {
        await runner.commitTransaction().finally(() => runner.release());
      },
      rollback: async () => {
        await runner.rollbackTransaction().finally(() => runner.release());
      },
    };
  }

  async query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.host.query<Row[]>(sql, parameters);
  }

  /** Notes that events were answered as recorded: the ledger must hold exactly these in the end. */
  noteRecorded(...events: UsageEvent[]): void {
    for (const event of events) {
      this.accepted += parseDecimal(event.quantity) as Scaled;
      this.acceptedEvents += 1;
    }
  }

  async sumOf(subscriptionId: string): Promise<{ events: number; quantity: string }> {
    const [row] = await this.query<{ events: number; quantity: string }>(
      `SELECT count(*)::int AS events, coalesce(sum(quantity), 0)::text AS quantity FROM marketplace.usage_event WHERE subscription_id = $1`,
      [subscriptionId],
    );
    return { events: row!.events, quantity: formatDecimal(scaled(row!.quantity)) };
  }

  /** What was answered as recorded, and what the ledger holds: equal, or a unit was lost or doubled. */
  async conservation(): Promise<{ answered: Tally; held: Tally }> {
    const [row] = await this.query<{ events: number; quantity: string }>(
      `SELECT count(*)::int AS events, coalesce(sum(quantity), 0)::text AS quantity FROM marketplace.usage_event`,
    );
    return {
      answered: { events: this.acceptedEvents, quantity: formatDecimal(this.accepted) },
      held: { events: row!.events, quantity: formatDecimal(scaled(row!.quantity)) },
    };
  }
}

interface Tally {
  events: number;
  quantity: string;
}

export interface HostTransaction {
  manager: EntityManager;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
}
