#!/usr/bin/env node
import { pathToFileURL } from 'node:url';
import { realpathSync } from 'node:fs';
import { type CommandResult, commandDatabaseOf, misused } from './command.js';
import { createDataSource } from './data-source.factory.js';
import { migrationSql, migrationStatus, runMigrations } from './migration-runner.js';

const USAGE = `usage: marketplace-migrations <command>

  run      apply the pending migrations to DATABASE_URL, under an advisory lock
  status   list applied and pending migrations; exit 1 when some are pending
  sql      print the SQL of the pending migrations (of all, without DATABASE_URL) for a DBA to read and run
`;

/** The command `marketplace-migrations`. */
export async function migrationsCommand(
  command: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  if (command === undefined || !['run', 'status', 'sql'].includes(command)) return misused(USAGE);
  if (command === 'sql' && (environment.DATABASE_URL ?? '') === '')
    return { exitCode: 0, stdout: await migrationSql(), stderr: '' };
  const settings = commandDatabaseOf(environment);
  if ('exitCode' in settings) return settings;
  const dataSource = createDataSource(settings);
  try {
    await dataSource.initialize();
    if (command === 'run') {
      const { pending } = await runMigrations(dataSource);
      return {
        exitCode: 0,
        stdout: pending.length === 0 ? 'nothing to do\n' : `applied ${pending.join(', ')}\n`,
        stderr: '',
      };
    }
    const { applied, pending, unknown } = await migrationStatus(dataSource);
    if (command === 'sql') return { exitCode: 0, stdout: await migrationSql(pending), stderr: '' };
    const line = (state: string, names: string[]): string => names.map((name) => `${state}\t${name}\n`).join('');
    return {
      exitCode: pending.length + unknown.length === 0 ? 0 : 1,
      stdout: line('applied', applied) + line('pending', pending) + line('unknown', unknown),
      stderr: '',
    };
  } catch (error) {
    return { exitCode: 1, stdout: '', stderr: `${(error as Error).message}\n` };
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  const result = await migrationsCommand(process.argv[2], process.env);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.exitCode;
}
