import { sslOf, sslWithoutOption } from '../options/database-ssl.js';
import { databaseUrlOf } from '../options/database-url.js';
import { databaseSchema } from '../options/options.schema.js';
import { type DataSourceSettings } from './data-source.factory.js';
import { LEDGER_SCHEMA } from './ledger-schema.js';

/** What a command prints and how it ends; apart from the process, so that it can be tested. */
export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** How a command ends that was called wrongly: what is wrong, then how it is called. */
export function misused(complaint: string, usage?: string): CommandResult {
  return { exitCode: 2, stdout: '', stderr: usage === undefined ? complaint : `${complaint}\n\n${usage}` };
}

/** How a command ends that was asked how it is called. */
export function explained(usage: string): CommandResult {
  return { exitCode: 0, stdout: usage, stderr: '' };
}

/** What `parseArgs` of node found wrong, without its advice to programmers. */
export function complaintOf(error: unknown): string {
  const [sentence] = (error as Error).message.split('. ');
  return `${sentence}.`;
}

/** The schema that a command works on; the complaint where the variable names none. */
export function commandSchemaOf({ MARKETPLACE_DATABASE_SCHEMA: name = '' }: NodeJS.ProcessEnv): string | CommandResult {
  const schema = databaseSchema.safeParse(name.trim() === '' ? LEDGER_SCHEMA : name.trim());
  return schema.success ? schema.data : misused(`MARKETPLACE_DATABASE_SCHEMA: ${schema.error.issues[0]?.message}\n`);
}

/** The database that a command works on, from the environment; the complaint where that does not say which. */
export function commandDatabaseOf(environment: NodeJS.ProcessEnv): DataSourceSettings | CommandResult {
  const schema = commandSchemaOf(environment);
  if (typeof schema !== 'string') return schema;
  const url = databaseUrlOf(environment);
  if (url === undefined) return misused(`Set DATABASE_URL to the database that holds the schema "${schema}".\n`);
  const given = environment.MARKETPLACE_DATABASE_SSL ?? '';
  const ssl = given === '' ? sslWithoutOption(url, environment) : sslOf(given);
  if (typeof ssl === 'string')
    return misused(
      'MARKETPLACE_DATABASE_SSL (or sslmode in the URL, or PGSSLMODE) takes disable, require, verify-ca, verify-full, ' +
        'true, false or no-verify.\n',
    );
  return { database: { url, poolSize: 2, schema, ...(ssl === undefined ? {} : { ssl }) } };
}
