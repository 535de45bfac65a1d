import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { createDataSource } from './data-source.factory.js';
import { LedgerDatabase } from './ledger-database.js';
import { runMigrations, verifyMigrations } from './migration-runner.js';

/** As @nestjs/typeorm does it: a database that starts beside the application is waited for. */
const ATTEMPTS = 10;
const PAUSE_MS = 3000;

/** Connects, and gives nobody the ledger before its schema is in the state that the options ask for. */
export async function connectLedger(options: ResolvedOptions): Promise<LedgerDatabase> {
  const dataSource = createDataSource(options);
  await initialize(dataSource);
  try {
    if (options.migrations === 'run') await runMigrations(dataSource);
    if (options.migrations === 'verify') await verifyMigrations(dataSource);
  } catch (error) {
    // A start that is refused must not hold the process by its connections.
    await dataSource.destroy();
    throw error;
  }
  return new LedgerDatabase(dataSource);
}

async function initialize(dataSource: DataSource): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await dataSource.initialize();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      new Logger('MarketplaceDatabase').error(
        `the ledger's database cannot be reached, attempt ${attempt} of ${ATTEMPTS}: ${(error as Error).message}`,
      );
      await pause(PAUSE_MS);
    }
  }
}
