import { type DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { LedgerDataSource } from './ledger-data-source.js';
import { sqlStateOf } from './ledger-database.js';
import { inSchema, LEDGER_SCHEMA, MIGRATIONS_TABLE } from './ledger-schema.js';
import { migrationNames, type MigrationStatus, type Query, readMigrationStatus } from './migration-status.js';

export type { MigrationStatus } from './migration-status.js';

// Held by a transaction, so that a pooler that lends a connection for a transaction cannot leave it behind. Any fixed
// numbers: the halves spell the module and, as a name in it, the schema, so that it collides with nobody else's.
const LOCK = `SELECT pg_advisory_xact_lock(hashtext('nestjs-marketplace-metering'), hashtext('marketplace.migrations'))`;
/**
 * Whoever waits for another replica's migration, waits; who stands still in the midst of one is not waited for. What a
 * DBA has set for the role must not end it half-way again and again.
 */
const START = [
  'START TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ...["statement_timeout = '0'", "lock_timeout = '0'", "idle_in_transaction_session_timeout = '60s'"].map(
    (setting) => `SET LOCAL ${setting}`,
  ),
  // Of Postgres 17 and newer. A connection of ours has said so at its start, but not one that a pooler lends.
  `SELECT set_config('transaction_timeout', '0', true) WHERE current_setting('transaction_timeout', true) IS NOT NULL`,
].join('; ');
const FORBIDDEN = '42501';

function schemaOf(dataSource: DataSource): string {
  return dataSource instanceof LedgerDataSource ? dataSource.session.schema : LEDGER_SCHEMA;
}

export function migrationStatus(dataSource: DataSource): Promise<MigrationStatus> {
  return readMigrationStatus((sql, parameters) => dataSource.query(sql, parameters), schemaOf(dataSource));
}

/**
 * Brings the schema up to date, all or nothing. Any number of replicas may start at once: one migrates under an advisory
 * lock, the others wait and find it done.
 * @throws MarketplaceMeteringError `SCHEMA_NEWER` when a newer version of the module has migrated this database,
 * `SCHEMA_FOREIGN` when others own the tables in it, `DATABASE_FORBIDDEN` when the role may not create them.
 */
export async function runMigrations(dataSource: DataSource): Promise<MigrationStatus> {
  const schema = schemaOf(dataSource);
  const found = await migrationStatus(dataSource);
  refuseNewer(found, schema);
  // Without the lock, and without a right to create anything.
  if (found.pending.length === 0) return found;
  const runner = dataSource.createQueryRunner();
  const query: Query = (sql, parameters) => runner.query(inSchema(sql, schema), parameters);
  try {
    await query(START);
    await query(LOCK);
    const status = await readMigrationStatus(query, schema);
    refuseNewer(status, schema);
    if (status.pending.length > 0) {
      const [exists] = (await query(`SELECT 1 AS one FROM pg_namespace WHERE nspname = $1`, [schema])) as unknown[];
      const statements = await statementsOf(status.pending, schema);
      // IF NOT EXISTS would ask for CREATE on the database even where a DBA has already made the schema.
      for (const statement of exists === undefined ? statements : statements.slice(1)) await query(statement);
    }
    await query('COMMIT');
    return status;
  } catch (error) {
    await query('ROLLBACK').catch(() => undefined);
    throw sqlStateOf(error) === FORBIDDEN ? await mayNotCreate(dataSource, schema, error) : error;
  } finally {
    await runner.release();
  }
}

/**
 * Checks without changing anything.
 * @throws MarketplaceMeteringError `MIGRATIONS_PENDING` with the command to run, `SCHEMA_NEWER`, `SCHEMA_FOREIGN` or
 * `DATABASE_FORBIDDEN`.
 */
export async function verifyMigrations(dataSource: DataSource): Promise<void> {
  const schema = schemaOf(dataSource);
  const status = await migrationStatus(dataSource);
  refuseNewer(status, schema);
  if (status.pending.length > 0) {
    throw new MarketplaceMeteringError(
      'MIGRATIONS_PENDING',
      `The schema "${schema}" lacks ${status.pending.join(', ')}. Run \`npx marketplace-migrations run\` ` +
        'with DATABASE_URL set ' +
        `(or \`npx marketplace-migrations sql\` to print the SQL for a DBA), or set migrations: 'run' ` +
        '(MARKETPLACE_MIGRATIONS=run).',
    );
  }
}

function refuseNewer(status: MigrationStatus, schema: string): void {
  if (status.unknown.length === 0) return;
  throw new MarketplaceMeteringError(
    'SCHEMA_NEWER',
    `The schema "${schema}" was migrated by a newer version of nestjs-marketplace-metering ` +
      `(${status.unknown.join(', ')}). ` +
      'Upgrade the package in this application before starting it against this database.',
  );
}

async function mayNotCreate(dataSource: DataSource, schema: string, cause: unknown): Promise<MarketplaceMeteringError> {
  const [who] = await dataSource.query<{ role: string; database: string }[]>(
    'SELECT current_user::text AS role, current_database()::text AS database',
  );
  return new MarketplaceMeteringError(
    'DATABASE_FORBIDDEN',
    `The role "${who?.role}" may not create the ledger in the schema "${schema}" of the database "${who?.database}": ` +
      `${(cause as Error).message}. Run \`npx marketplace-migrations run\` as a role that may, then what ` +
      `\`npx marketplace-migrations grants --role ${who?.role}\` prints, and set MARKETPLACE_MIGRATIONS=verify; or ` +
      `GRANT CREATE ON DATABASE "${who?.database}" TO "${who?.role}".`,
    { cause },
  );
}

/** The whole SQL of the pending migrations, for a DBA to read and run. Talks to no database. */
export async function migrationSql(
  pending: readonly string[] = migrationNames(),
  schema = LEDGER_SCHEMA,
): Promise<string> {
  const statements = await statementsOf(pending, schema);
  return `BEGIN;\n\n${statements.map((statement) => `${statement};`).join('\n\n')}\n\nCOMMIT;\n`;
}

/** The first of them makes the schema. */
async function statementsOf(pending: readonly string[], schema: string): Promise<string[]> {
  const statements: string[] = [
    `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
    `CREATE TABLE IF NOT EXISTS marketplace.${MIGRATIONS_TABLE} (id serial PRIMARY KEY, "timestamp" bigint
      NOT NULL, name varchar NOT NULL)`,
  ];
  for (const Migration of MIGRATIONS) {
    const migration = new Migration();
    if (!pending.includes(migration.name)) continue;
    const recorder = { query: (sql: string) => Promise.resolve(void statements.push(sql)) };
    await migration.up(recorder as never);
    statements.push(
      `INSERT INTO marketplace.${MIGRATIONS_TABLE} ("timestamp", name)
        VALUES (${/\d+$/.exec(migration.name)?.[0] ?? '0'}, '${migration.name}')`,
    );
  }
  return statements.map((statement) => inSchema(statement, schema));
}
