import { createDataSource } from '../../src/database/data-source.factory.js';
import { runMigrations } from '../../src/database/migration-runner.js';

/** Applies the migrations to the database with the given URL: the template of every suite that needs no application. */
export async function migrate(url: string): Promise<void> {
  const dataSource = await createDataSource({ database: { url, poolSize: 2 } }).initialize();
  await runMigrations(dataSource);
  await dataSource.destroy();
}
