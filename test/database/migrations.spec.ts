import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { MIGRATIONS } from '../../migrations/index.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { migrationsCommand } from '../../src/database/migrations.command.js';
import { migrationStatus, runMigrations, verifyMigrations } from '../../src/database/migration-runner.js';
import { MarketplaceMeteringModule } from '../../src/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
});

const connect = () => createDataSource({ database: { url: database.url, poolSize: 3 } }).initialize();

/** Tables, columns, constraints, indexes, triggers and functions of the schema, as text. */
async function schemaOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(`
      SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
        FROM information_schema.columns WHERE table_schema = 'marketplace' AND table_name <> 'migration'
      UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'marketplace'::regnamespace AND conrelid <> 'marketplace.migration'::regclass
      UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'marketplace' AND tablename <> 'migration'
      UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'marketplace'::regnamespace AND NOT t.tgisinternal
      UNION ALL SELECT md5(pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'marketplace'::regnamespace
      ORDER BY 1`);
    return rows.map((row) => row.line);
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  it('are applied once, however many replicas start at the same moment', async () => {
    const replicas = await Promise.all(Array.from({ length: 6 }, connect));
    const results = await Promise.all(replicas.map((replica) => runMigrations(replica)));
    expect(results.filter((result) => result.pending.length > 0)).toHaveLength(1);
    await Promise.all(replicas.map((replica) => verifyMigrations(replica)));
    await Promise.all(replicas.map((replica) => replica.destroy()));
  });

  it('fail the start under verify with the command to run', async () => {
    const dataSource = await connect();
    await expect(verifyMigrations(dataSource)).rejects.toMatchObject({
      code: 'MIGRATIONS_PENDING',
      message: expect.stringContaining('npx marketplace-migrations run'),
    });
    await dataSource.destroy();
  });

  it('refuse a schema that a newer version has migrated', async () => {
    const dataSource = await connect();
    await runMigrations(dataSource);
    await dataSource.query(
      `INSERT INTO marketplace.migration ("timestamp", name) VALUES (9999999999999, 'FromTheFuture9999999999999')`,
    );
    await expect(runMigrations(dataSource)).rejects.toMatchObject({ code: 'SCHEMA_NEWER' });
    await expect(verifyMigrations(dataSource)).rejects.toMatchObject({ code: 'SCHEMA_NEWER' });
    await dataSource.destroy();
  });

  it('print SQL that a DBA can run, with the same result as running them', async () => {
    const printed = await migrationsCommand(['sql'], {});
    expect(printed.exitCode).toBe(0);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(printed.stdout);
    await client.end();
    const byHand = await schemaOf(database.url);

    const other = await createTestDatabase();
    expect((await migrationsCommand(['run'], { DATABASE_URL: other.url })).exitCode).toBe(0);
    expect(byHand).toEqual(await schemaOf(other.url));
    expect(byHand.length).toBeGreaterThan(100);
    await other.drop();

    const dataSource = await connect();
    await verifyMigrations(dataSource);
    await dataSource.destroy();
  });

  it('have the same names in a minified bundle', async () => {
    const minified = MIGRATIONS.map((migration) => [migration, migration.name] as const);
    const dataSource = await connect();
    try {
      await runMigrations(dataSource);
      for (const [migration] of minified) Object.defineProperty(migration, 'name', { value: 'a', configurable: true });
      expect(await migrationStatus(dataSource)).toEqual({
        applied: ['Initial1796000000000'],
        pending: [],
        unknown: [],
      });
      await verifyMigrations(dataSource);
      await dataSource.undoLastMigration();
      expect((await runMigrations(dataSource)).pending).toEqual(['Initial1796000000000']);
      await verifyMigrations(dataSource);
    } finally {
      for (const [migration, name] of minified)
        Object.defineProperty(migration, 'name', { value: name, configurable: true });
      await dataSource.destroy();
    }
  });

  it('are taken back while the ledger has no history, also after a start, and leave nothing behind', async () => {
    const dataSource = await connect();
    await runMigrations(dataSource);
    const first = await schemaOf(database.url);
    const app = await NestFactory.createApplicationContext(
      MarketplaceMeteringModule.forRoot({
        database: { url: database.url, poolSize: 2 },
        sellerAccount: 'seller',
        products: [{ productCode: 'product-1', dimensions: ['requests'] }],
        signUpUrl: 'https://app.example.com/sign-up',
        jobs: { autoStart: false },
        aws: { credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }) },
      }),
      { logger: false, abortOnError: false },
    );
    await app.close();
    const listed = await dataSource.query<unknown[]>('SELECT FROM marketplace.product');
    expect(listed).toHaveLength(1);
    for (const undone of MIGRATIONS.keys()) {
      await dataSource.undoLastMigration();
      expect((await migrationStatus(dataSource)).pending).toHaveLength(undone + 1);
    }
    expect(await schemaOf(database.url)).toEqual([]);
    const left = await dataSource.query<{ name: string }[]>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'marketplace'::regnamespace
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'marketplace'::regnamespace
       UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'marketplace'::regnamespace ORDER BY 1`,
    );
    expect(left.filter(({ name }) => !/^_?migration(_id_seq)?$|^migration_pkey$/.test(name))).toEqual([]);
    await runMigrations(dataSource);
    expect(await schemaOf(database.url)).toEqual(first);
    await dataSource.destroy();
  });

  it.each([
    [
      'usage_event',
      `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
       VALUES ('019a7f00-0000-7000-8000-000000000001', now(), 1, 1, 1)`,
    ],
    [
      'buyer',
      `WITH product AS (
         INSERT INTO marketplace.product (seller_account, product_code, type, identity, region)
         VALUES ('seller', 'product-1', 'saas', 'license', 'us-east-1'))
       INSERT INTO marketplace.buyer (seller_account, id, product_code)
       VALUES ('seller', '019a7f00-0000-7000-8000-000000000002', 'product-1')`,
    ],
    [
      'inbox_message',
      `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, state)
       VALUES ('seller', 'sqs', 'message-1', 'sqs:queue', now(), '{}', 'ignored')`,
    ],
  ])('are not taken back once %s has a row', async (table, insert) => {
    const dataSource = await connect();
    await runMigrations(dataSource);
    await dataSource.query(insert);
    const before = await schemaOf(database.url);
    const undoAll = async (): Promise<void> => {
      while ((await migrationStatus(dataSource)).applied.length > 0) await dataSource.undoLastMigration();
    };
    await expect(undoAll()).rejects.toThrow(new RegExp(`holds history, in .*\\b${table}\\b.*pg_dump`));
    expect(await schemaOf(database.url)).toEqual(before);
    const [row] = await dataSource.query<{ count: number }[]>(`SELECT count(*)::int FROM marketplace.${table}`);
    expect(row?.count).toBe(1);
    await dataSource.destroy();
  });
});

describe('the command marketplace-migrations', () => {
  it.each([[[]], [['wipe']]])('explains itself when given %j', async (words: string[]) => {
    expect(await migrationsCommand(words, { DATABASE_URL: database.url })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('usage'),
    });
  });

  it.each([
    [['run', '--dry-run'], 'run takes nothing more, and was given --dry-run'],
    [['status', 'now'], 'status takes nothing more, and was given now'],
    [['sql', '--schema', 'billing'], 'sql takes nothing more, and was given --schema billing'],
    [['grants', '--role', 'app', 'now'], 'grants takes --role <name> and nothing more'],
    [['wipe'], 'There is no command "wipe"'],
  ])('does nothing when given %j, and says why', async (words, why) => {
    const elsewhere = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    expect(await migrationsCommand(words, elsewhere)).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^${why}.*\\n\\nusage: `)),
    });
  });

  it('explains itself when asked', async () => {
    expect(await migrationsCommand(['--help'], {})).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^usage: /),
    });
  });

  it('asks for DATABASE_URL', async () => {
    expect(await migrationsCommand(['run'], {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('DATABASE_URL'),
    });
  });

  it('tells applied from pending', async () => {
    const environment = { DATABASE_URL: database.url };
    expect(await migrationsCommand(['status'], environment)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('pending\tInitial'),
    });
    expect(await migrationsCommand(['run'], environment)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('applied Initial'),
    });
    expect(await migrationsCommand(['run'], environment)).toMatchObject({ exitCode: 0, stdout: 'nothing to do\n' });
    expect(await migrationsCommand(['status'], environment)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('applied\tInitial'),
    });
  });

  it('says what the database said when it cannot connect', async () => {
    const result = await migrationsCommand(['run'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/ECONNREFUSED|AggregateError|wrapper/) });
  });
});
