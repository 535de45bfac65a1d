import { MIGRATIONS } from '../../migrations/index.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { inSchema, MIGRATIONS_TABLE } from './ledger-schema.js';

/** What the database holds compared with what this version of the module brings. */
export interface MigrationStatus {
  applied: string[];
  pending: string[];
  /** Applied by a newer version of the module. */
  unknown: string[];
}

export type Query = (sql: string, parameters?: unknown[]) => Promise<unknown>;

/** Text only: the parsers may be the host's. */
interface Look {
  role: string;
  database: string;
  /** Null: there is no such schema. */
  may_use: 'true' | 'false' | null;
  /** Tables and views, separated by commas. */
  tables: string | null;
  /** Null: there is no such table. */
  may_read: 'true' | 'false' | null;
  is_journal: 'true' | 'false';
}

// The catalog only: to_regclass() raises an error where the role may not use the schema.
const LOOK = `
  SELECT current_user::text AS role, current_database()::text AS database,
    (SELECT has_schema_privilege(n.oid, 'USAGE')::text FROM pg_catalog.pg_namespace n WHERE n.nspname = $1) AS may_use,
    string_agg(c.relname::text, ',' ORDER BY c.relname) AS tables,
    bool_and(has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relname = '${MIGRATIONS_TABLE}')::text AS may_read,
    (SELECT count(*) = 3 FROM pg_catalog.pg_attribute a WHERE a.attrelid = max(c.oid::bigint)
      FILTER (WHERE c.relname = '${MIGRATIONS_TABLE}') AND a.attname IN ('id', 'timestamp', 'name'))::text AS is_journal
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;

/** Of an instance, where it is a literal: a minified bundle renames the class. */
export const migrationNames = (): string[] => MIGRATIONS.map((Migration) => new Migration().name);

/**
 * Compares without changing anything.
 * @throws MarketplaceMeteringError `SCHEMA_FOREIGN` where the schema holds tables that are none of this module's,
 * `DATABASE_FORBIDDEN` where the role may not read it
 */
export async function readMigrationStatus(query: Query, schema: string): Promise<MigrationStatus> {
  const [look] = (await query(LOOK, [schema])) as Look[];
  if (!look) throw new Error('an aggregate without groups has one row');
  if (look.may_use === 'false' || look.may_read === 'false') throw forbidden(schema, look);
  const isJournal = look.is_journal === 'true';
  const rows = isJournal
    ? ((await query(inSchema(`SELECT name FROM marketplace.${MIGRATIONS_TABLE} ORDER BY id`, schema))) as {
        name: string;
      }[])
    : [];
  const names = migrationNames();
  const applied = rows.map((row) => row.name);
  const others = (look.tables?.split(',') ?? []).filter((table) => !(isJournal && table === MIGRATIONS_TABLE));
  if (others.length > 0 && !names.some((name) => applied.includes(name))) throw foreign(schema, look, others);
  return {
    applied,
    pending: names.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !names.includes(name)),
  };
}

function foreign(schema: string, { database }: Look, tables: readonly string[]): MarketplaceMeteringError {
  const shown = tables.slice(0, 5).join(', ') + (tables.length > 5 ? `, and ${tables.length - 5} more` : '');
  return new MarketplaceMeteringError(
    'SCHEMA_FOREIGN',
    `The schema "${schema}" of the database "${database}" holds tables that are not of this module (${shown}). ` +
      'Nothing was created. Name another schema for the ledger: `database.schema` (MARKETPLACE_DATABASE_SCHEMA).',
  );
}

function forbidden(schema: string, { database, role }: Look): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'DATABASE_FORBIDDEN',
    `The role "${role}" may not use the ledger in the schema "${schema}" of the database "${database}". Let its owner ` +
      `run what \`npx marketplace-migrations grants --role ${role}\` prints.`,
  );
}
