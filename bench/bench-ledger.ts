import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type DataSource } from 'typeorm';
import { PostgresServer } from '../tools/postgres/postgres-server.js';
import { createDataSource } from '../src/database/data-source.factory.js';
import { LedgerDatabase } from '../src/database/ledger-database.js';
import { runMigrations } from '../src/database/migration-runner.js';
import { resolveOptions, type ResolvedOptions } from '../src/options/resolved-options.js';
import { ProductCatalog } from '../src/subscription/product-catalog.js';

export const SELLER = 'bench';
export const PRODUCT = 'bench';

/**
 * A migrated database of its own on a server that `DATABASE_URL` names, or on an embedded one, with tenants who have
 * claimed a subscription.
 */
export interface BenchLedger {
  url: string;
  options: ResolvedOptions;
  dataSource: DataSource;
  ledger: LedgerDatabase;
  catalog: ProductCatalog;
  /** Another connection, for the rivals. */
  client: pg.Client;
  tenants: string[];
  /** Subject of each tenant, by position. */
  subjects: number[];
  dimension: number;
}

export async function onBenchLedger(
  name: string,
  tenantCount: number,
  work: (bench: BenchLedger) => Promise<void>,
): Promise<void> {
  const server = process.env.DATABASE_URL === undefined ? await PostgresServer.start() : null;
  const serverUrl = server?.url ?? process.env.DATABASE_URL ?? '';
  const database = `${name}_bench_${process.pid}`;
  await onServer(serverUrl, `CREATE DATABASE ${database}`);
  try {
    const url = Object.assign(new URL(serverUrl), { pathname: `/${database}` }).href;
    const options = resolveOptions(
      {
        sellerAccount: SELLER,
        database: { url },
        products: [{ productCode: PRODUCT, dimensions: ['requests'] }],
        signUpUrl: 'http://localhost',
      },
      {},
    );
    const dataSource = await createDataSource(options).initialize();
    await runMigrations(dataSource);
    const ledger = new LedgerDatabase(dataSource);
    const catalog = new ProductCatalog(options, ledger);
    await catalog.sync();
    const client = new pg.Client(url);
    // A bench that fails drops the database under its connections; what failed is what is shown.
    client.on('error', () => undefined);
    await client.connect();
    const tenants = Array.from({ length: tenantCount }, (_, tenant) => `tenant ${tenant}`);
    const { rows: subjects } = await client.query<{ id: number }>(
      `INSERT INTO marketplace.subject (seller_account, product_code, tenant_id) SELECT $1, $2, unnest($3::text[])
        RETURNING id`,
      [SELLER, PRODUCT, tenants],
    );
    const { rows: dimensions } = await client.query<{ id: number }>(`SELECT id FROM marketplace.dimension`);
    const [{ version } = { version: '' }] = (await client.query<{ version: string }>(`SELECT version()`)).rows;
    console.log(`${version.split(' ').slice(0, 2).join(' ')}, Node ${process.version}\n`);
    await work({
      url,
      options,
      dataSource,
      ledger,
      catalog,
      client,
      tenants,
      subjects: subjects.map(({ id }) => id),
      dimension: dimensions[0]?.id ?? 0,
    });
    await client.end();
    await dataSource.destroy();
  } finally {
    await onServer(serverUrl, `DROP DATABASE ${database} WITH (FORCE)`);
    await server?.stop();
  }
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** COPY of lines into the same tables, their triggers included: one statement and one commit. */
export async function copyLines(client: pg.Client, table: string, lines: readonly string[]): Promise<void> {
  await pipeline(Readable.from([`${lines.join('\n')}\n`]), client.query(copyFrom(`COPY ${table} FROM STDIN`)));
}

/** An id as a keyed event has it: random, version 8, first bit set. */
export function keyedId(): string {
  const id = randomUUID();
  return `${((parseInt(id[0] ?? '0', 16) & 0x7) | 0x8).toString(16)}${id.slice(1, 14)}8${id.slice(15)}`;
}

export function lowerMedian(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
