import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { createDatabaseSql, databaseUrl, withClient } from '../../tools/postgres/connection.js';

/** Environment variables through which the global setup tells the workers about the run's server. */
export const SERVER_URL_VARIABLE = 'MARKETPLACE_TEST_SERVER_URL';
export const RUN_VARIABLE = 'MARKETPLACE_TEST_RUN';
/** Where a pooler before the server listens, if the suites are to go through one. */
export const POOLER_URL_VARIABLE = 'MARKETPLACE_TEST_POOLER_URL';

/** A database of one suite. */
export interface TestDatabase {
  readonly name: string;
  /** Superuser URL, of the pooler where there is one. */
  readonly url: string;
  /** Drops the database, also under open connections. Harmless when repeated. */
  drop(): Promise<void>;
}

/** URL of the run's server: the superuser in the database `postgres`. */
export function testServerUrl(): string {
  const url = process.env[SERVER_URL_VARIABLE];
  if (url === undefined) {
    throw new Error('No test server: run the tests with "npm test", whose global setup starts one.');
  }
  return url;
}

/** Creates an empty database. */
export function createTestDatabase(): Promise<TestDatabase> {
  return create();
}

/**
 * Creates a database with the migrations applied: a copy of a template on which `migrate` ran once in this run of the
 * tests, whichever worker came first.
 *
 * @param migrate applies the migrations to the database with the given URL, and closes its connections.
 * @param variant names what `migrate` does, where suites need differently prepared databases.
 */
export async function migratedDatabase(
  migrate: (url: string) => Promise<unknown>,
  variant = 'migrated',
): Promise<TestDatabase> {
  const template = `${prefix()}template_${variant}`;
  await ensureTemplate(template, migrate);
  return create(template);
}

/** A copy of a database to which nobody is connected. */
export async function copyOf({ name }: TestDatabase): Promise<TestDatabase> {
  await withClient(testServerUrl(), (client) =>
    client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [name]),
  );
  return create(name);
}

/** Drops every database of this run. */
export async function dropTestDatabases(): Promise<void> {
  await withClient(testServerUrl(), async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix()],
    );
    for (const { datname } of rows) {
      await client.query(dropDatabaseSql(datname));
    }
  });
}

async function create(template?: string): Promise<TestDatabase> {
  const serverUrl = testServerUrl();
  const name = `${prefix()}${randomBytes(5).toString('hex')}`;
  await withClient(serverUrl, async (client) => {
    await client.query(`${createDatabaseSql(name, template)} ${await fileCopy(client)}`);
  });
  return {
    name,
    url: databaseUrl(process.env[POOLER_URL_VARIABLE] ?? serverUrl, name),
    drop: async () => {
      await withClient(serverUrl, (client) => client.query(dropDatabaseSql(name)));
    },
  };
}

/**
 * To copy the template's files: through the write-ahead log, as Postgres does by itself since it knows the choice, a copy
 * takes three times as long.
 */
async function fileCopy(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  return Number(rows[0]?.server_version_num) >= 150_000 ? 'STRATEGY FILE_COPY' : '';
}

const readyTemplates = new Set<string>();

async function ensureTemplate(template: string, migrate: (url: string) => Promise<unknown>): Promise<void> {
  if (readyTemplates.has(template)) {
    return;
  }
  const serverUrl = testServerUrl();
  await withClient(serverUrl, async (client) => {
    // One worker builds, the others wait here. The lock ends with the connection, should this worker be killed.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [template]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount === 0) {
      // Built under another name, so that the template's name stands for a finished one even if `migrate` fails
      // half-way.
      const building = `${template}_building`;
      await client.query(dropDatabaseSql(building));
      await client.query(createDatabaseSql(building));
      await migrate(databaseUrl(serverUrl, building));
      // Without connections there is nobody in the way of a copy, autovacuum included.
      await client.query(`ALTER DATABASE ${pg.escapeIdentifier(building)} ALLOW_CONNECTIONS false`);
      await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [building]);
      await client.query(`ALTER DATABASE ${pg.escapeIdentifier(building)} RENAME TO ${pg.escapeIdentifier(template)}`);
    }
  });
  readyTemplates.add(template);
}

function prefix(): string {
  return `marketplace_test_${process.env[RUN_VARIABLE] ?? 'run'}_`;
}

function dropDatabaseSql(name: string): string {
  return `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`;
}
