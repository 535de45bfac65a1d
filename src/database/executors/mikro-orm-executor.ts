import { type SqlExecutor } from '../sql-executor.js';
import { knexExecutor, type KnexTransaction } from './knex-executor.js';
import { kyselyExecutor, type KyselyTransaction } from './kysely-executor.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

/** As much of a SQL `EntityManager` of MikroORM as is needed. */
export interface MikroOrmManager {
  getTransactionContext(): unknown;
}

/**
 * A transaction of MikroORM: the em of `em.transactional(async (em) => …)`, or after `em.begin()`. Entities that were
 * only persisted are written with the flush, as ever.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function mikroOrmExecutor(em: MikroOrmManager): SqlExecutor {
  if (!hasMethods(em, 'getTransactionContext')) throw invalidManager(`mikroOrmExecutor() was given ${kindOf(em)}`, FIX);
  const context = em.getTransactionContext();
  if (context === undefined || context === null)
    throw invalidManager('mikroOrmExecutor() was given an EntityManager that is in no transaction', FIX);
  // Up to version 6 the context is a transaction of Knex, from 7 on one of Kysely.
  return hasMethods(context, 'isCompleted', 'raw')
    ? knexExecutor(context as unknown as KnexTransaction)
    : kyselyExecutor(context as KyselyTransaction);
}

const FIX = 'Give the em of em.transactional(async (em) => …).';
