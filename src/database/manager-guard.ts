import { type DataSource, type EntityManager } from 'typeorm';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { dataSourceOf, executorOfManager, type LedgerDatabase, type SqlExecutor } from './ledger-database.js';

/** Text only: the host's type parsers are the host's. */
interface Whereabouts {
  database: string;
  database_oid: string;
  is_readable: 'true' | 'false' | null;
}

// Asks the catalog only: to_regclass() raises an error where the role may not use the schema, and an error would cost
// the host its transaction.
const WHEREABOUTS = `
  SELECT current_database()::text AS database, d.oid::text AS database_oid,
    (SELECT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = 'installation') AS is_readable
  FROM pg_catalog.pg_database d WHERE d.datname = current_database()`;
const INSTALLATION = 'SELECT id::text AS id FROM marketplace.installation';

const proven = new WeakMap<DataSource, WeakSet<LedgerDatabase>>();
const homes = new WeakMap<LedgerDatabase, string>();

/**
 * Makes sure that a manager of the host writes into the database that holds the ledger; a unit recorded elsewhere would
 * never be billed. Proven once per DataSource, in at most two reads through the manager that raise no SQL error: a
 * refusal leaves the host's transaction usable.
 * @throws MarketplaceMeteringError `MANAGER_ELSEWHERE`, naming the database that the manager points at and the fix.
 */
export async function assertSameDatabase(manager: EntityManager, ledger: LedgerDatabase): Promise<void> {
  const dataSource = dataSourceOf(manager);
  if (proven.get(dataSource)?.has(ledger)) return;
  const { type } = dataSource.options;
  if (type !== 'postgres' && type !== 'aurora-postgres') {
    throw elsewhere(`belongs to a DataSource of type "${type}"; the ledger lives in Postgres`);
  }

  // The ledger's own question first: it may have to wait for a connection, and needs none of the host's.
  const home = homes.get(ledger) ?? (await homeOf(ledger));
  homes.set(ledger, home);
  const { schema } = ledger;
  const host = executorOfManager(manager, ledger);
  const found = await whereaboutsOf(host, schema);
  const name = `points at the database "${found.database}"`;
  if (found.is_readable === null) throw elsewhere(`${name}, which has no schema "${schema}"`);
  if (found.is_readable === 'false') {
    throw elsewhere(
      `${name} as a role that may not use the schema "${schema}": grant it USAGE on the schema and rights on ` +
        'its tables',
    );
  }
  // A restored or cloned database brings the installation's id along; its oid and name tell it apart.
  if (`${await installationOf(host)} ${found.database_oid} ${found.database}` !== home) {
    throw elsewhere(`${name}, which holds another ledger`);
  }
  const ledgers = proven.get(dataSource) ?? new WeakSet();
  proven.set(dataSource, ledgers.add(ledger));
}

async function homeOf(ledger: LedgerDatabase): Promise<string> {
  const { database, database_oid: oid } = await whereaboutsOf(ledger, ledger.schema);
  return `${await installationOf(ledger)} ${oid} ${database}`;
}

async function whereaboutsOf(executor: SqlExecutor, schema: string): Promise<Whereabouts> {
  const [row] = await executor.query<Whereabouts>(WHEREABOUTS, [schema]);
  if (!row) throw new Error('the database does not know itself: pg_database has no row for current_database()');
  return row;
}

async function installationOf(executor: SqlExecutor): Promise<string> {
  const [row] = await executor.query<{ id: string }>(INSTALLATION);
  return row?.id ?? 'none';
}

function elsewhere(what: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'MANAGER_ELSEWHERE',
    `The EntityManager given ${what}. Give the manager of a transaction in the database of this module ` +
      '(DATABASE_URL), or none.',
  );
}
