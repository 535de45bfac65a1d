import { type EntityManager, type QueryRunner } from 'typeorm';
import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

const memory = new ExecutorMemory<QueryRunner>('asConnection');
const FIX = 'Give the manager of dataSource.transaction(async (manager) => …), or a QueryRunner that began one.';

/**
 * A transaction of TypeORM. Its EntityManager may be given as it is instead, too.
 * @param transaction the manager of `dataSource.transaction(async (manager) => …)`, or a QueryRunner.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function typeOrmExecutor(transaction: EntityManager | QueryRunner): SqlExecutor {
  if (isQueryRunner(transaction)) return executorOfRunner(transaction);
  if (!isEntityManager(transaction)) throw invalidManager(`typeOrmExecutor() was given ${kindOf(transaction)}`, FIX);
  if (!transaction.queryRunner)
    throw invalidManager('typeOrmExecutor() was given an EntityManager that is in no transaction', FIX);
  return executorOfRunner(transaction.queryRunner);
}

export function executorOfRunner(runner: QueryRunner): SqlExecutor {
  return memory.of(runner, () => ({
    async query(sql, parameters) {
      // Structured results: the raw one of an UPDATE is `[rows, count]`.
      const result = await runner.query(sql, [...parameters], true);
      return (result.records as object[] | undefined) ?? [];
    },
  }));
}

export function isEntityManager(value: unknown): value is EntityManager {
  return hasMethods(value, 'transaction', 'getRepository', 'save') && !hasMethods(value, 'createQueryRunner');
}

export function isQueryRunner(value: unknown): value is QueryRunner {
  return hasMethods(value, 'query', 'startTransaction', 'release') && 'manager' in value;
}
