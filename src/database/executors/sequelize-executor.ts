import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';
import { executorOfClient, type PgTransactionClient } from './pg-executor.js';

/** As much of a `Transaction` of Sequelize as is needed. */
export interface SequelizeTransaction {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** What is there at run time, and not in Sequelize's types. */
interface RunningTransaction extends SequelizeTransaction {
  id?: string;
  sequelize?: { getDialect(): string };
  connection?: PgTransactionClient & { uuid?: string };
  finished?: string;
}

const memory = new ExecutorMemory<SequelizeTransaction>('forOneTransaction');

/**
 * A managed or unmanaged transaction of Sequelize 6: the t of `sequelize.transaction(async (t) => …)`. Statements go
 * through its connection past Sequelize itself, which would look for `:names` and `?` in them.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function sequelizeExecutor(transaction: SequelizeTransaction): SqlExecutor {
  const running = transaction as RunningTransaction;
  if (!hasMethods(transaction, 'commit', 'rollback') || !hasMethods(running.sequelize, 'getDialect'))
    throw invalidManager(
      hasMethods(transaction, 'getDialect')
        ? 'sequelizeExecutor() was given a Sequelize that is in no transaction'
        : `sequelizeExecutor() was given ${kindOf(transaction)}`,
      'Give the t of sequelize.transaction(async (t) => …).',
    );
  const dialect = running.sequelize.getDialect();
  if (dialect !== 'postgres')
    throw invalidManager(
      `sequelizeExecutor() was given a transaction of the dialect "${dialect}"`,
      'The ledger lives in Postgres: give a transaction there, or none.',
    );
  return memory.of(transaction, () => ({
    query(sql, parameters) {
      const { connection } = running;
      // After the end the transaction still names its connection, which is somebody else's by then.
      const assertUsable = (): void => {
        if (connection && running.finished === undefined && connection.uuid === running.id) return;
        throw invalidManager(
          'The Sequelize transaction given is over, or has not begun',
          'Await record() and claim() before it is committed or rolled back.',
        );
      };
      return executorOfClient(connection as PgTransactionClient, assertUsable).query(sql, parameters);
    },
  }));
}
