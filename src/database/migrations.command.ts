#!/usr/bin/env node
import { pathToFileURL } from 'node:url';
import { realpathSync } from 'node:fs';
import { databaseUrlOf } from '../options/database-url.js';
import { type CommandResult, commandDatabaseOf, commandSchemaOf, explained, misused } from './command.js';
import { createDataSource } from './data-source.factory.js';
import { grantSql } from './grants.js';
import { migrationSql, migrationStatus, runMigrations } from './migration-runner.js';

const USAGE = `usage: marketplace-migrations <command>

  run                   apply the pending migrations to DATABASE_URL, under an advisory lock
  status                list applied and pending migrations; exit 1 when some are pending
  sql                   print the SQL of the pending migrations (of all, without DATABASE_URL) for a DBA to read and run
  grants --role <name>  print the GRANTs for a role that runs the application and owns nothing; run them again after
                        each migration

The schema is "marketplace", or what MARKETPLACE_DATABASE_SCHEMA names. Without DATABASE_URL, libpq's variables (PGHOST,
PGUSER, PGDATABASE, ...) count.
`;

/** The command `marketplace-migrations`. */
export async function migrationsCommand(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  const [command, ...rest] = words;
  const told = (stdout: string, exitCode = 0): CommandResult => ({ exitCode, stdout, stderr: '' });
  if (words.includes('--help')) return explained(USAGE);
  if (command === undefined) return misused('Name a command.', USAGE);
  if (!['run', 'status', 'sql', 'grants'].includes(command)) return misused(`There is no command "${command}".`, USAGE);
  // Whoever gives `run` a flag that it has not expects something else of it than to migrate.
  if (command !== 'grants' && rest.length > 0)
    return misused(`${command} takes nothing more, and was given ${rest.join(' ')}.`, USAGE);

  const schema = commandSchemaOf(environment);
  if (typeof schema !== 'string') return schema;
  if (command === 'grants') {
    const [flag, role, ...others] = rest;
    if (flag !== '--role' || !role || others.length > 0)
      return misused('grants takes --role <name> and nothing more: the role of the application.', USAGE);
    return told(await grantSql(role, schema));
  }
  if (command === 'sql' && databaseUrlOf(environment) === undefined) return told(await migrationSql(undefined, schema));
  const settings = commandDatabaseOf(environment);
  if ('exitCode' in settings) return settings;

  let dataSource;
  try {
    dataSource = createDataSource({ ...settings, isReadOnly: command !== 'run' });
    await dataSource.initialize();
    if (command === 'run') {
      const { pending } = await runMigrations(dataSource);
      return told(pending.length === 0 ? 'nothing to do\n' : `applied ${pending.join(', ')}\n`);
    }
    const { applied, pending, unknown } = await migrationStatus(dataSource);
    if (command === 'sql') return told(await migrationSql(pending, schema));
    const line = (state: string, names: string[]): string => names.map((name) => `${state}\t${name}\n`).join('');
    return told(
      line('applied', applied) + line('pending', pending) + line('unknown', unknown),
      pending.length + unknown.length === 0 ? 0 : 1,
    );
  } catch (error) {
    return { exitCode: 1, stdout: '', stderr: `${(error as Error).message}\n` };
  } finally {
    if (dataSource?.isInitialized) await dataSource.destroy();
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  const result = await migrationsCommand(process.argv.slice(2), process.env);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.exitCode;
}
