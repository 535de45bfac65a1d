#!/usr/bin/env node
import { pathToFileURL } from 'node:url';
import { realpathSync } from 'node:fs';
import { sslOf } from '../options/database-ssl.js';
import { createDataSource } from './data-source.factory.js';
import { migrationSql, migrationStatus, runMigrations } from './migration-runner.js';

const USAGE = `usage: marketplace-migrations <command>

  run      apply the pending migrations to DATABASE_URL, under an advisory lock
  status   list applied and pending migrations; exit 1 when some are pending
  sql      print the SQL of the pending migrations (of all, without DATABASE_URL) for a DBA to read and run
`;

/** What the command prints and how it ends; apart from the process, so that it can be tested. */
export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The command `marketplace-migrations`. */
export async function migrationsCommand(
  command: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  const url = environment.DATABASE_URL ?? '';
  if (command === undefined || !['run', 'status', 'sql'].includes(command))
    return { exitCode: 2, stdout: '', stderr: USAGE };
  if (url === '') {
    if (command === 'sql') return { exitCode: 0, stdout: await migrationSql(), stderr: '' };
    return {
      exitCode: 2,
      stdout: '',
      stderr: `Set DATABASE_URL to the database that holds the schema "marketplace".\n`,
    };
  }
  const ssl = sslOf(environment.MARKETPLACE_DATABASE_SSL ?? '');
  if (typeof ssl === 'string' && ssl !== '')
    return {
      exitCode: 2,
      stdout: '',
      stderr: 'MARKETPLACE_DATABASE_SSL takes disable, require, verify-ca, verify-full, true, false or no-verify.\n',
    };
  const dataSource = createDataSource({
    database: {
      url,
      poolSize: 2,
      ...(typeof ssl === 'string' ? {} : { ssl }),
    },
  });
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
