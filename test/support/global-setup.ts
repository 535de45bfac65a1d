import { randomBytes } from 'node:crypto';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { RUN_VARIABLE, SERVER_URL_VARIABLE } from './postgres.js';

declare global {
  /** The embedded server of this run, for the teardown. Absent with TEST_DATABASE_URL. */
  var embeddedPostgres: PostgresServer | undefined;
}

/**
 * Starts one Postgres for the whole run, or takes the server that TEST_DATABASE_URL names. Workers inherit its URL.
 */
export default async function globalSetup(): Promise<void> {
  let url = process.env.TEST_DATABASE_URL;
  if (url === undefined || url === '') {
    globalThis.embeddedPostgres = await PostgresServer.start({
      // Nothing here survives a power cut anyway; what the tests crash are processes, and those lose nothing without
      // fsync.
      settings: { fsync: false, full_page_writes: false, max_connections: 200 },
    });
    url = globalThis.embeddedPostgres.url;
  } else {
    // Fail here, once and clearly, rather than in every suite.
    await withClient(url, (client) => client.query('SELECT 1'));
  }
  process.env[SERVER_URL_VARIABLE] = url;
  process.env[RUN_VARIABLE] = randomBytes(4).toString('hex');
}
