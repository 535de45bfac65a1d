import { sslOf } from '../options/database-ssl.js';
import { type DataSourceSettings } from './data-source.factory.js';

/** What a command prints and how it ends; apart from the process, so that it can be tested. */
export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** How a command ends that was called wrongly. */
export function misused(stderr: string): CommandResult {
  return { exitCode: 2, stdout: '', stderr };
}

/** The database that a command works on, from the environment; the complaint where that does not say which. */
export function commandDatabaseOf(environment: NodeJS.ProcessEnv): DataSourceSettings | CommandResult {
  const url = environment.DATABASE_URL ?? '';
  if (url === '') return misused(`Set DATABASE_URL to the database that holds the schema "marketplace".\n`);
  const ssl = sslOf(environment.MARKETPLACE_DATABASE_SSL ?? '');
  if (typeof ssl === 'string' && ssl !== '')
    return misused(
      'MARKETPLACE_DATABASE_SSL takes disable, require, verify-ca, verify-full, true, false or no-verify.\n',
    );
  return { database: { url, poolSize: 2, ...(typeof ssl === 'string' ? {} : { ssl }) } };
}
