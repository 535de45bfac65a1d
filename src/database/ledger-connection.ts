import { Logger } from '@nestjs/common';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { ConnectionWatch } from './connection-watch.js';
import { createDataSource } from './data-source.factory.js';
import { LedgerDatabase } from './ledger-database.js';
import { runMigrations, verifyMigrations } from './migration-runner.js';
import { healSequences } from './sequence-check.js';

/** A database that starts beside the application is there by then; an orchestrator tries again anyway. */
const START_PATIENCE_MS = 10_000;

/**
 * Connects, and gives nobody the ledger before its schema is in the state that the options ask for.
 * @throws MarketplaceMeteringError `DATABASE_…`, which names host, database, role and the fix, and `SCHEMA_…`
 */
export async function connectLedger(options: ResolvedOptions): Promise<LedgerDatabase> {
  const dataSource = await createDataSource({ ...options, patienceMs: START_PATIENCE_MS }).initialize();
  try {
    if (options.migrations === 'run') await ConnectionWatch.of(dataSource).unhurried(() => runMigrations(dataSource));
    if (options.migrations === 'verify') await verifyMigrations(dataSource);
    const ledger = new LedgerDatabase(dataSource);
    for (const table of await healSequences(ledger))
      new Logger('MarketplaceDatabase').warn(`the sequence of marketplace.${table} lay behind its table and was moved`);
    return ledger;
  } catch (error) {
    // A start that is refused must not hold the process by its connections.
    await dataSource.destroy();
    throw error;
  }
}
