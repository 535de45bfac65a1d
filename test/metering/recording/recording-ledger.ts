import { type EntityManager, DataSource } from 'typeorm';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { ClockGuard } from '../../../src/database/clock-guard.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { runMigrations } from '../../../src/database/migration-runner.js';
import { type Options } from '../../../src/options/options.js';
import { resolveOptions, type ResolvedOptions } from '../../../src/options/resolved-options.js';
import { type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { formatDecimal, parseDecimal, type Scaled, scaled } from '../../../src/runtime/decimal.js';
import { ProductCatalog } from '../../../src/subscription/product-catalog.js';
import { SubjectDirectory } from '../../../src/subscription/chain/subject-directory.js';
import { migratedDatabase, type TestDatabase } from '../../support/postgres.js';

export const NOW = new Date('2026-11-10T10:30:00.000Z');
export const SELLER = 'test-seller';
export const PRODUCTS = [
  { productCode: 'widgets', dimensions: ['requests', 'storage'] },
  { productCode: 'gadgets', dimensions: ['seats', 'storage'] },
];

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
    const ledger = new RecordingLedger(database, host);
    await ledger.withCatalog((catalog) => catalog.sync());
    return ledger;
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
        products: PRODUCTS,
        signUpUrl: 'https://app.example.com/sign-up',
        clock: { now: () => new Date(NOW) },
        ...over,
      },
      {},
    );
  }

  /** A recorder with its own pool, as a replica of the application has it. */
  async recorder(
    recording: Options['recording'] = {},
    tamper: (dataSource: DataSource) => void = () => undefined,
  ): Promise<UsageRecorder> {
    return this.recorderFor({ recording }, tamper);
  }

  /** A recorder with its own pool, as a replica with other options has it. */
  async recorderFor(over: Options, tamper: (dataSource: DataSource) => void = () => undefined): Promise<UsageRecorder> {
    const options = this.options(over);
    const dataSource = await createDataSource(options).initialize();
    this.dataSources.push(dataSource);
    tamper(dataSource);
    const ledger = new LedgerDatabase(dataSource);
    const catalog = new ProductCatalog(options, ledger);
    const recorder = new UsageRecorder(
      options,
      ledger,
      new SubjectDirectory(options, ledger, catalog),
      catalog,
      new ClockGuard(ledger, options),
    );
    this.recorders.push(recorder);
    return recorder;
  }

  /** The ledger's own connections, without a recorder. */
  async ledger(over: Options = {}): Promise<LedgerDatabase> {
    const dataSource = await createDataSource(this.options(over)).initialize();
    this.dataSources.push(dataSource);
    return new LedgerDatabase(dataSource);
  }

  async withCatalog(work: (catalog: ProductCatalog) => Promise<unknown>, over: Options = {}): Promise<void> {
    const options = this.options(over);
    const dataSource = await createDataSource(options).initialize();
    try {
      await work(new ProductCatalog(options, new LedgerDatabase(dataSource)));
    } finally {
      await dataSource.destroy();
    }
  }

  /** A subscription that no tenant has claimed: registered, so that it is a customer and a subject of its own. */
  async buyer(productCode = 'widgets'): Promise<MeteredBuyer> {
    const id = uuidv7();
    const customerId = uuidv7();
    await this.host.query(
      `WITH customer AS (
         INSERT INTO marketplace.customer (seller_account, id, product_code) VALUES ($1, $2, $4)
       ), subscription AS (
         INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, state, registered_at)
         VALUES ($1, $3, $4, $2, 'registered', $5)
       )
       INSERT INTO marketplace.subject (seller_account, product_code, customer_id, subscription_id)
         VALUES ($1, $4, $2, $3)`,
      [SELLER, customerId, id, productCode, NOW.toISOString()],
    );
    return { id, event: (over = {}) => ({ subscriptionId: id, dimension: 'requests', quantity: 1, ...over }) };
  }

  /**
   * What a claim writes in its own transaction: the claim, and the subjects of the tenant and of the tenant with that
   * payer.
   */
  async claim(
    tenantId: string,
    { id }: MeteredBuyer,
    productCode = 'widgets',
    manager: EntityManager = this.host.manager,
  ): Promise<void> {
    await manager.query(
      `WITH claim AS (
         INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, claimed_at)
           VALUES ($1, $2, $3, $4, $5, $5)
       )
       INSERT INTO marketplace.subject (seller_account, product_code, tenant_id, subscription_id)
       SELECT $1, $3, $4, payer FROM unnest(ARRAY[NULL, $2]::uuid[]) AS payer ON CONFLICT DO NOTHING`,
      [SELLER, id, productCode, tenantId, NOW.toISOString()],
    );
  }

  /** A tenant with one subscription of its own. */
  async tenant(tenantId: string, productCode = 'widgets'): Promise<MeteredBuyer> {
    const buyer = await this.buyer(productCode);
    await this.claim(tenantId, buyer, productCode);
    return { id: buyer.id, event: (over = {}) => ({ tenantId, dimension: 'requests', quantity: 1, ...over }) };
  }

  /** A transaction of the host that stays open until it is told. */
  async hostTransaction(
    isolation: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' = 'READ COMMITTED',
  ): Promise<HostTransaction> {
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

  /** The first row of an answer. */
  async one<Row>(sql: string, parameters: unknown[] = []): Promise<Row> {
    const [row] = await this.query<Row>(sql, parameters);
    if (row === undefined) throw new Error(`no row: ${sql}`);
    return row;
  }

  /** The subject of usage that is recorded by subscription id. */
  async subjectOf({ id }: MeteredBuyer): Promise<number> {
    return (
      await this.one<{ id: number }>(
        `SELECT id FROM marketplace.subject WHERE tenant_id IS NULL AND subscription_id = $1`,
        [id],
      )
    ).id;
  }

  /** Notes that events were answered as recorded: the ledger must hold exactly these in the end. */
  noteRecorded(...events: UsageEvent[]): void {
    for (const event of events) {
      this.accepted += parseDecimal(event.quantity) as Scaled;
      this.acceptedEvents += 1;
    }
  }

  /** Usage recorded by subscription id. */
  async sumOf(subscriptionId: string): Promise<{ events: number; quantity: string }> {
    return this.sumWhere('s.tenant_id IS NULL AND s.subscription_id = $1', subscriptionId);
  }

  /** Usage recorded for a tenant, whichever payer was named. */
  async sumOfTenant(tenantId: string): Promise<{ events: number; quantity: string }> {
    return this.sumWhere('s.tenant_id = $1', tenantId);
  }

  private async sumWhere(condition: string, name: string): Promise<{ events: number; quantity: string }> {
    const [row] = await this.query<{ events: number; quantity: string }>(
      `SELECT count(*)::int AS events, coalesce(sum(e.quantity), 0)::text AS quantity
       FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject WHERE ${condition}`,
      [name],
    );
    return { events: row!.events, quantity: formatDecimal(scaled(row!.quantity)) };
  }

  /**
   * What was answered as recorded, and what the ledger holds, in events and in what waits or was taken of them: all
   * equal, or a unit was lost or doubled.
   */
  async conservation(): Promise<{ answered: Tally; held: Tally; queued: Tally }> {
    const tally = async (from: string): Promise<Tally> => {
      const [row] = await this.query<{ events: string; quantity: string }>(
        `SELECT coalesce(sum(events), 0)::text AS events, coalesce(sum(quantity), 0)::text AS quantity
          FROM (${from}) AS counted`,
      );
      return { events: Number(row!.events), quantity: formatDecimal(scaled(row!.quantity)) };
    };
    return {
      answered: { events: this.acceptedEvents, quantity: formatDecimal(this.accepted) },
      held: await tally(`SELECT 1 AS events, quantity FROM marketplace.usage_event`),
      queued: await tally(`SELECT 1 AS events, quantity FROM marketplace.unsealed_usage
        UNION ALL SELECT event_count, event_sum FROM marketplace.rollup WHERE NOT is_split`),
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
