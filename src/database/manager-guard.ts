import { type DataSource } from 'typeorm';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { isOfOneTransaction } from './executors/executor-memory.js';
import { invalidManager } from './executors/manager-refusal.js';
import { type LedgerDatabase, type LedgerSql } from './ledger-database.js';
import { type SqlExecutor } from './sql-executor.js';

/** Text only: the host's type parsers are the host's. */
interface Whereabouts {
  database: string;
  database_oid: string;
  is_readable: 'true' | 'false' | null;
  transaction: string;
}

// Asks the catalog only: to_regclass() raises an error where the role may not use the schema, and an error would cost
// the host its transaction. The transaction's id is what tells whether the next statement stands in it: outside of one
// each statement has another, or none. A transaction that is about to write gets its id anyway; a setting would pin
// the session of some poolers, and SAVEPOINT would raise an error.
const WHEREABOUTS = `
  SELECT current_database()::text AS database, d.oid::text AS database_oid,
    (SELECT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = 'installation') AS is_readable,
    pg_catalog.pg_current_xact_id()::text AS transaction
  FROM pg_catalog.pg_database d WHERE d.datname = current_database()`;
const INSTALLATION = `SELECT id::text AS id, pg_catalog.pg_current_xact_id_if_assigned()::text AS transaction
  FROM marketplace.installation`;

const proven = new WeakMap<DataSource, WeakSet<LedgerDatabase>>();
/** The transaction in which an executor was proven last. */
const provenIn = new WeakMap<SqlExecutor, { ledger: LedgerDatabase; transaction: string }>();
const homes = new WeakMap<LedgerDatabase, string>();

/**
 * Makes sure that a manager of the host writes into the database that holds the ledger; a unit recorded elsewhere would
 * never be billed. Proven once per DataSource, in at most two reads through the manager that raise no SQL error: a
 * refusal leaves the host's transaction usable.
 * @throws MarketplaceMeteringError `MANAGER_ELSEWHERE`, naming the database that the manager points at and the fix.
 */
export async function assertSameDatabase(
  dataSource: DataSource,
  host: LedgerSql,
  ledger: LedgerDatabase,
): Promise<void> {
  if (proven.get(dataSource)?.has(ledger)) return;
  const { type } = dataSource.options;
  if (type !== 'postgres' && type !== 'aurora-postgres') {
    throw elsewhere(`belongs to a DataSource of type "${type}"; the ledger lives in Postgres`);
  }
  await assertHome(host, await whereaboutsOf(host, ledger.schema), ledger);
  const ledgers = proven.get(dataSource) ?? new WeakSet();
  proven.set(dataSource, ledgers.add(ledger));
}

/**
 * Makes sure that an executor of the host stands in a transaction, in the database that holds the ledger. Only the
 * database can tell: it is asked in two reads per transaction, and in one at every later call. None raises an SQL error.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`, `MANAGER_ELSEWHERE`
 */
export async function assertInTransaction(
  executor: SqlExecutor,
  host: LedgerSql,
  ledger: LedgerDatabase,
): Promise<void> {
  const found = await whereaboutsOf(host, ledger.schema);
  const { transaction } = found;
  const earlier = provenIn.get(executor);
  // No two transactions of a database have one id: what is met again is the same.
  if (earlier?.ledger === ledger && earlier.transaction === transaction) return;
  if (earlier && earlier.transaction !== transaction && isOfOneTransaction(executor)) {
    throw invalidManager(
      'The transaction that was given as manager is over',
      'Await record() and claim() before it is committed or rolled back.',
    );
  }
  if ((await assertHome(host, found, ledger)) !== transaction) {
    throw invalidManager(
      'What was given as manager is in no transaction',
      'Give the executor of a transaction that has begun, over the one connection on which it runs.',
    );
  }
  provenIn.set(executor, { ledger, transaction });
}

/** @returns the transaction in which the host's second statement ran */
async function assertHome(host: LedgerSql, found: Whereabouts, ledger: LedgerDatabase): Promise<string | null> {
  const home = homes.get(ledger) ?? (await homeOf(ledger));
  homes.set(ledger, home);
  const { schema } = ledger;
  const name = `points at the database "${found.database}"`;
  if (found.is_readable === null) throw elsewhere(`${name}, which has no schema "${schema}"`);
  if (found.is_readable === 'false') {
    throw elsewhere(
      `${name} as a role that may not use the schema "${schema}": grant it USAGE on the schema and rights on ` +
        'its tables',
    );
  }
  const { id, transaction } = await installationOf(host);
  // A restored or cloned database brings the installation's id along; its oid and name tell it apart.
  if (`${id} ${found.database_oid} ${found.database}` !== home) throw elsewhere(`${name}, which holds another ledger`);
  return transaction;
}

async function homeOf(ledger: LedgerDatabase): Promise<string> {
  const { database, database_oid: oid } = await whereaboutsOf(ledger, ledger.schema);
  return `${(await installationOf(ledger)).id} ${oid} ${database}`;
}

async function whereaboutsOf(executor: LedgerSql, schema: string): Promise<Whereabouts> {
  const [row] = await executor.query<Partial<Whereabouts>>(WHEREABOUTS, [schema]);
  if (typeof row?.database === 'string' && typeof row.transaction === 'string') return row as Whereabouts;
  throw invalidManager(
    'The query() of what was given as manager does not answer rows as objects by the names of their columns',
    'Write it as SqlExecutor says, or give the executor of your library.',
  );
}

async function installationOf(executor: LedgerSql): Promise<{ id: string; transaction: string | null }> {
  const [row] = await executor.query<{ id: string; transaction: string | null }>(INSTALLATION);
  return row ?? { id: 'none', transaction: null };
}

function elsewhere(what: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'MANAGER_ELSEWHERE',
    `The manager given ${what}. Give that of a transaction in the database of this module (DATABASE_URL), or none.`,
  );
}
