import { dropTestDatabases } from './postgres.js';

/** Stops the run's server; on a server of somebody else, drops the databases that the run still has. */
export default async function globalTeardown(): Promise<void> {
  if (globalThis.embeddedPostgres === undefined) {
    await dropTestDatabases();
  } else {
    await globalThis.embeddedPostgres.stop();
  }
}
