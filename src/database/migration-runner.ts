import { type DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { LEDGER_SCHEMA, MIGRATIONS_TABLE } from './data-source.factory.js';

// Any fixed number; both halves spell the module, so that it collides with nobody else's advisory locks.
const LOCK = `hashtext('nestjs-marketplace-metering'), hashtext('migrations')`;

/** What the database holds compared with what this version of the module brings. */
export interface MigrationStatus {
  applied: string[];
  pending: string[];
  /** Applied by a newer version of the module. */
  unknown: string[];
}

// Of an instance, where it is a literal: a minified bundle renames the class.
const names = (): string[] => MIGRATIONS.map((Migration) => new Migration().name);

export async function migrationStatus(dataSource: DataSource): Promise<MigrationStatus> {
  const [table] = await dataSource.query<{ present: boolean }[]>(
    `SELECT to_regclass('${LEDGER_SCHEMA}.${MIGRATIONS_TABLE}') IS NOT NULL AS present`,
  );
  const rows = table?.present
    ? await dataSource.query<{ name: string }[]>(`SELECT name FROM ${LEDGER_SCHEMA}.${MIGRATIONS_TABLE} ORDER BY id`)
    : [];
  const applied = rows.map((row) => row.name);
  return {
    applied,
    pending: names().filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !names().includes(name)),
  };
}

/**
 * Brings the schema up to date. Any number of replicas may start at once: one migrates under an advisory lock, the
 * others wait and find it done.
 * @throws MarketplaceMeteringError `SCHEMA_NEWER` when a newer version of the module has migrated this database.
 */
export async function runMigrations(dataSource: DataSource): Promise<MigrationStatus> {
  const lockHolder = dataSource.createQueryRunner();
  await lockHolder.connect();
  try {
    await lockHolder.query(`SELECT pg_advisory_lock(${LOCK})`);
    const status = await migrationStatus(dataSource);
    refuseNewer(status);
    if (status.pending.length > 0) {
      const [schema] = (await lockHolder.query(
        `SELECT 1 AS one FROM pg_namespace WHERE nspname = '${LEDGER_SCHEMA}'`,
      )) as unknown[];
      // IF NOT EXISTS alone would ask for CREATE on the database even where a DBA has already made the schema.
      if (schema === undefined) await lockHolder.query(`CREATE SCHEMA IF NOT EXISTS ${LEDGER_SCHEMA}`);
      await dataSource.runMigrations({ transaction: 'all' });
    }
    return status;
  } finally {
    await lockHolder.query(`SELECT pg_advisory_unlock(${LOCK})`).catch(() => undefined);
    await lockHolder.release();
  }
}

/**
 * Checks without changing anything.
 * @throws MarketplaceMeteringError `MIGRATIONS_PENDING` with the command to run, or `SCHEMA_NEWER`.
 */
export async function verifyMigrations(dataSource: DataSource): Promise<void> {
  const status = await migrationStatus(dataSource);
  refuseNewer(status);
  if (status.pending.length > 0) {
    throw new MarketplaceMeteringError(
      'MIGRATIONS_PENDING',
      `The schema "${LEDGER_SCHEMA}" lacks ${status.pending.join(', ')}. Run \`npx marketplace-migrations run\` ` +
        'with DATABASE_URL set ' +
        `(or \`npx marketplace-migrations sql\` to print the SQL for a DBA), or set migrations: 'run' ` +
        '(MARKETPLACE_MIGRATIONS=run).',
    );
  }
}

function refuseNewer(status: MigrationStatus): void {
  if (status.unknown.length === 0) return;
  throw new MarketplaceMeteringError(
    'SCHEMA_NEWER',
    `The schema "${LEDGER_SCHEMA}" was migrated by a newer version of nestjs-marketplace-metering ` +
      `(${status.unknown.join(', ')}). ` +
      'Upgrade the package in this application before starting it against this database.',
  );
}

/** The whole SQL of the pending migrations, for a DBA to read and run. Talks to no database. */
export async function migrationSql(pending: readonly string[] = names()): Promise<string> {
  const statements: string[] = [
    `CREATE SCHEMA IF NOT EXISTS ${LEDGER_SCHEMA}`,
    `CREATE TABLE IF NOT EXISTS ${LEDGER_SCHEMA}.${MIGRATIONS_TABLE} (id serial PRIMARY KEY, "timestamp" bigint
      NOT NULL, name varchar NOT NULL)`,
  ];
  for (const Migration of MIGRATIONS) {
    const migration = new Migration();
    if (!pending.includes(migration.name)) continue;
    const recorder = { query: (sql: string) => Promise.resolve(void statements.push(sql)) };
    await migration.up(recorder as never);
    statements.push(
      `INSERT INTO ${LEDGER_SCHEMA}.${MIGRATIONS_TABLE} ("timestamp", name)
        VALUES (${/\d+$/.exec(migration.name)?.[0] ?? '0'}, '${migration.name}')`,
    );
  }
  return `BEGIN;\n\n${statements.map((statement) => `${statement};`).join('\n\n')}\n\nCOMMIT;\n`;
}
