import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';
import { executorOfClient, type PgTransactionClient } from './pg-executor.js';

/** As much of a `Knex.Transaction` as is needed. */
export interface KnexTransaction {
  isTransaction?: boolean;
  isCompleted(): boolean;
}

interface TransactionClient {
  dialect?: string;
  /** In a transaction: always its one connection, which is not taken from the pool and not given back. */
  acquireConnection(): Promise<PgTransactionClient>;
}

const memory = new ExecutorMemory<KnexTransaction>('forOneTransaction');

/**
 * A transaction of Knex: what `knex.transaction()` gives, also of Objection.js. Statements go through its connection
 * past Knex itself, whose `?`, `wrapIdentifier` and `postProcessResponse` would change them and their rows.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function knexExecutor(trx: KnexTransaction): SqlExecutor {
  if (!hasMethods(trx, 'isCompleted') || trx.isTransaction !== true)
    throw invalidManager(
      hasMethods(trx, 'raw', 'transaction')
        ? 'knexExecutor() was given a Knex that is in no transaction'
        : `knexExecutor() was given ${kindOf(trx)}`,
      'Give the trx of knex.transaction(async (trx) => …).',
    );
  const { client } = trx as unknown as { client: TransactionClient };
  if (client.dialect !== 'postgresql')
    throw invalidManager(
      `knexExecutor() was given a transaction of the dialect "${String(client.dialect)}"`,
      'The ledger lives in Postgres: give a transaction there, or none.',
    );
  return memory.of(trx, () => {
    const assertUsable = (): void => {
      if (!trx.isCompleted()) return;
      throw invalidManager(
        'The Knex transaction given is over',
        'Await record() and claim() before it is committed or rolled back.',
      );
    };
    return {
      async query(sql, parameters) {
        return executorOfClient(await client.acquireConnection(), assertUsable).query(sql, parameters);
      },
    };
  });
}
