import { PgBouncer } from '../../tools/postgres/pgbouncer.js';
import startServer from '../support/global-setup.js';
import stopServer from '../support/global-teardown.js';
import { POOLER_URL_VARIABLE, SERVER_URL_VARIABLE } from '../support/postgres.js';

declare global {
  /** The pooler of this run, for the teardown. */
  var pgBouncer: PgBouncer | undefined;
}

/** One Postgres for the whole run, and PgBouncer before it. */
export default async function globalSetup(): Promise<void> {
  await startServer();
  globalThis.pgBouncer = await PgBouncer.start(process.env[SERVER_URL_VARIABLE] ?? '');
  process.env[POOLER_URL_VARIABLE] = globalThis.pgBouncer.url;
}

export async function globalTeardown(): Promise<void> {
  await globalThis.pgBouncer?.stop();
  await stopServer();
}
