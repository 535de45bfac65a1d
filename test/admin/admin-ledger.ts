import { type DataSource } from 'typeorm';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type Options } from '../../src/options/options.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

export const SELLER = 'test-seller';
export const PRODUCT = 'larkspur';
export const TOKEN = 'operators-only-0123456789abcdef';
export const NOW = new Date('2026-11-11T12:30:00.000Z');
const HOUR_MS = 3_600_000;

/** Hours since the epoch of the hour `hours` before the running one. */
export const hourNumber = (hours: number): number => Math.floor(NOW.getTime() / HOUR_MS) - hours;
/** Start of the hour `hours` before the running one. */
export const hourAgo = (hours: number): string => new Date(hourNumber(hours) * HOUR_MS).toISOString();

/** A ledger of its own, and a way past its guards for what would take months to happen. */
export class AdminLedger {
  private constructor(
    readonly postgres: TestDatabase,
    readonly sql: DataSource,
  ) {}

  static async open(): Promise<AdminLedger> {
    const postgres = await migratedDatabase(migrate);
    return new AdminLedger(
      postgres,
      await createDataSource({ database: { url: postgres.url, poolSize: 4 } }).initialize(),
    );
  }

  async close(): Promise<void> {
    await this.sql.destroy();
    await this.postgres.drop();
  }

  /** Options of an application on this ledger. */
  options(over: Options = {}): Options {
    return {
      sellerAccount: SELLER,
      database: { url: this.postgres.url, poolSize: 4 },
      products: [{ productCode: PRODUCT, dimensions: ['requests', 'storage'] }],
      signUpUrl: 'https://app.example.com/sign-up',
      clock: { now: () => new Date(NOW) },
      jobs: { autoStart: false },
      ...over,
    };
  }

  /** Loads past the triggers, as only a superuser can. */
  async load(...statements: readonly string[]): Promise<void> {
    await this.sql.transaction(async (tx) => {
      await tx.query(`SET LOCAL session_replication_role = replica`);
      for (const statement of statements) await tx.query(statement);
    });
  }
}
