import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

/** As much of a transaction of Drizzle (`PgTransaction`) as is needed. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
  rollback(): never;
}

/** What Drizzle's dialect asks of an `SQL`: the statement and its parameters, ready as they are. */
interface ReadyStatement {
  getSQL(): { toQuery(): { sql: string; params: (string | null)[] } };
}

const memory = new ExecutorMemory<DrizzleTransaction>('forOneTransaction');

/**
 * A transaction of Drizzle on Postgres: the tx of `db.transaction(async (tx) => …)`. Tested with node-postgres and postgres.js.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function drizzleExecutor(tx: DrizzleTransaction): SqlExecutor {
  if (!hasMethods(tx, 'execute', 'rollback'))
    throw invalidManager(
      hasMethods(tx, 'execute', 'transaction')
        ? 'drizzleExecutor() was given a database that is in no transaction'
        : `drizzleExecutor() was given ${kindOf(tx)}`,
      'Give the tx of db.transaction(async (tx) => …).',
    );
  return memory.of(tx, () => ({
    async query(sql, parameters) {
      const statement: ReadyStatement = { getSQL: () => ({ toQuery: () => ({ sql, params: [...parameters] }) }) };
      // The result is the driver's own: node-postgres, Neon and PGlite have `rows`, postgres.js is the rows.
      const result = await (tx as { execute(query: ReadyStatement): PromiseLike<unknown> }).execute(statement);
      return Array.isArray(result) ? (result as object[]) : (result as { rows: object[] }).rows;
    },
  }));
}
