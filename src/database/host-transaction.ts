import { type EntityManager } from 'typeorm';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { hasMethods, invalidManager, kindOf } from './executors/manager-refusal.js';
import { executorOfRunner, isEntityManager, isQueryRunner } from './executors/typeorm-executor.js';
import { hostStatement, textOf } from './host-statement.js';
import { dataSourceOf, type LedgerDatabase, type LedgerSql, sqlStateOf } from './ledger-database.js';
import { assertInTransaction, assertSameDatabase } from './manager-guard.js';
import { type SqlExecutor } from './sql-executor.js';

const SAVEPOINT = 'marketplace_record';
/** SAVEPOINT outside of a transaction. */
const NO_TRANSACTION = '25P01';

/** Last call of ours under way in a transaction of the host. */
const lanes = new WeakMap<SqlExecutor, Promise<unknown>>();

/**
 * A transaction of the host in the ledger's database: TypeORM's EntityManager, or an executor over whatever else the
 * host uses.
 */
export class HostTransaction {
  private constructor(
    readonly sql: LedgerSql,
    /** Begins one for a manager that has none. */
    private readonly begin: (<T>(work: (sql: LedgerSql) => Promise<T>) => Promise<T>) | null,
    private readonly hasConnection: boolean,
  ) {}

  /**
   * Does `work` in what a host gave as `manager`, after every other call of ours there. A host that records through
   * Promise.all in one transaction would otherwise have one call's savepoint rolled back over what another has just
   * answered.
   * @throws MarketplaceMeteringError `MANAGER_INVALID`, `MANAGER_ELSEWHERE`: nothing was written, and the host's
   * transaction is still usable.
   */
  static async use<T>(
    manager: unknown,
    ledger: LedgerDatabase,
    work: (transaction: HostTransaction) => Promise<T>,
  ): Promise<T> {
    if (isEntityManager(manager)) {
      const { queryRunner } = manager;
      if (!queryRunner) return work(await HostTransaction.ofManager(manager, ledger));
      return inTurn(executorOfRunner(queryRunner), async () => work(await HostTransaction.ofManager(manager, ledger)));
    }
    const executor = isQueryRunner(manager) ? executorOfRunner(manager) : executorOf(manager);
    return inTurn(executor, async () => {
      const sql = ledgerSqlOn(executor, ledger);
      await assertInTransaction(executor, sql, ledger);
      return work(new HostTransaction(sql, null, true));
    });
  }

  /**
   * `work` all or nothing: where it is refused by us, it is taken back to a savepoint and the transaction stays usable.
   * An error of the database leaves it aborted, as Postgres does: to hide a serialization failure from the host would
   * keep it from running its transaction again.
   */
  async atomically<T>(work: (sql: LedgerSql) => Promise<T>): Promise<T> {
    if (!this.hasConnection && this.begin) return this.begin(work);
    try {
      // Ours rather than TypeORM's: a host may have begun its transaction with a plain BEGIN, of which TypeORM knows
      // nothing.
      await this.sql.query(`SAVEPOINT ${SAVEPOINT}`);
    } catch (error) {
      if (this.begin && sqlStateOf(error) === NO_TRANSACTION) return this.begin(work);
      throw error;
    }
    try {
      const result = await work(this.sql);
      await this.sql.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
      return result;
    } catch (error) {
      if (error instanceof MarketplaceMeteringError) {
        await this.sql.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`);
        await this.sql.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
      }
      throw error;
    }
  }

  private static async ofManager(manager: EntityManager, ledger: LedgerDatabase): Promise<HostTransaction> {
    const sql = ledgerSqlOn(executorOfManager(manager), ledger);
    await assertSameDatabase(dataSourceOf(manager), sql, ledger);
    const begin = <T>(work: (inner: LedgerSql) => Promise<T>): Promise<T> =>
      manager.transaction((inner) => work(ledgerSqlOn(executorOfManager(inner), ledger)));
    return new HostTransaction(sql, begin, manager.queryRunner !== undefined);
  }
}

async function inTurn<T>(executor: SqlExecutor, work: () => Promise<T>): Promise<T> {
  const before = lanes.get(executor) ?? Promise.resolve();
  const mine = before.then(work, work);
  lanes.set(executor, mine);
  return mine;
}

function executorOf(given: unknown): SqlExecutor {
  if (hasMethods(given, 'createQueryRunner'))
    throw invalidManager(
      'The DataSource that was given as manager is in no transaction',
      'Give the manager of dataSource.transaction(async (manager) => …).',
    );
  if (!hasMethods(given, 'query') || 'escapeIdentifier' in given || 'totalCount' in given || 'getDialect' in given)
    throw invalidManager(`What was given as manager is ${kindOf(given)}`, FIX);
  return given as unknown as SqlExecutor;
}

const FIX =
  'Give an EntityManager of TypeORM, or the executor of your library: pgExecutor(client), knexExecutor(trx), ' +
  'kyselyExecutor(trx), drizzleExecutor(tx), prismaExecutor(tx), mikroOrmExecutor(em), sequelizeExecutor(t).';

/** Outside of a transaction every statement takes a connection of its own. */
function executorOfManager(manager: EntityManager): SqlExecutor {
  if (manager.queryRunner) return executorOfRunner(manager.queryRunner);
  return {
    async query(sql, parameters) {
      const runner = dataSourceOf(manager).createQueryRunner();
      try {
        return await executorOfRunner(runner).query(sql, parameters);
      } finally {
        await runner.release();
      }
    },
  };
}

function ledgerSqlOn(executor: SqlExecutor, { schema }: LedgerDatabase): LedgerSql {
  return {
    async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
      const rows: unknown = await executor.query(hostStatement(sql, schema), parameters.map(textOf));
      if (!Array.isArray(rows))
        throw invalidManager(
          `The query() of what was given as manager answered ${kindOf(rows)} instead of an array of rows`,
          FIX,
        );
      return rows as Row[];
    },
  };
}
