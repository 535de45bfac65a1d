import { MIGRATIONS } from '../../migrations/index.js';
import { KEPT } from '../../migrations/initial/guards.sql.js';
import { inSchema, LEDGER_SCHEMA, MIGRATIONS_TABLE } from './ledger-schema.js';

const CREATED = /CREATE (?:UNLOGGED )?(TABLE|SEQUENCE) marketplace\.(\w+)/g;

/**
 * What a role that owns nothing needs, so that the application runs as it and migrations as another: no right to create,
 * alter or truncate, and none to delete where the ledger keeps evidence. Talks to no database.
 */
export async function grantSql(role: string, schema = LEDGER_SCHEMA): Promise<string> {
  const statements: string[] = [];
  const recorder = { query: (sql: string) => Promise.resolve(void statements.push(sql)) };
  for (const Migration of MIGRATIONS) await new Migration().up(recorder as never);
  const made = [...statements.join('\n').matchAll(CREATED)].map(([, kind = '', name = '']) => ({ kind, name }));
  const tables = made.filter(({ kind }) => kind === 'TABLE').map(({ name }) => name);
  const kept: readonly string[] = KEPT;
  const to = `TO ${quoted(role)}`;
  const on = (names: readonly string[]): string => names.map((name) => `marketplace.${name}`).join(',\n  ');
  const grants = [
    // The name of the database is its own business: it may be renamed.
    `DO $grant$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${literal(role)}); END $grant$`,
    `GRANT USAGE ON SCHEMA "${schema}" ${to}`,
    `GRANT SELECT ON marketplace.${MIGRATIONS_TABLE} ${to}`,
    `GRANT SELECT, INSERT, UPDATE ON\n  ${on(tables)}\n  ${to}`,
    `GRANT DELETE ON\n  ${on(tables.filter((table) => !kept.includes(table)))}\n  ${to}`,
    `GRANT USAGE ON ALL SEQUENCES IN SCHEMA "${schema}" ${to}`,
  ];
  return `BEGIN;\n\n${grants.map((grant) => `${inSchema(grant, schema)};`).join('\n\n')}\n\nCOMMIT;\n`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
