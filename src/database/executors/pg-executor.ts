import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

/** As much of a `Client` or `PoolClient` of `pg` as is needed. */
export interface PgTransactionClient {
  query(statement: { text: string; values: unknown[] }): Promise<{ rows: object[] }>;
}

const memory = new ExecutorMemory<PgTransactionClient>('asConnection');
/** Text as the server sends it, whatever the host has made of its types. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

/**
 * A transaction on a client of `pg`, begun by the host with `BEGIN`.
 * @param client a `Client`, or what `pool.connect()` gives; never the pool, of which each statement may take another
 * connection.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function pgExecutor(client: PgTransactionClient): SqlExecutor {
  if (hasMethods(client, 'query', 'connect') && 'totalCount' in client)
    throw invalidManager(
      'pgExecutor() was given a pool, of which each statement may take another connection',
      'Give the client on which the transaction was begun: const client = await pool.connect().',
    );
  if (!hasMethods(client, 'query') || !('escapeIdentifier' in client))
    throw invalidManager(`pgExecutor() was given ${kindOf(client)}`, 'Give a Client or PoolClient of pg.');
  return memory.of(client, () => executorOfClient(client));
}

/** @param assertUsable throws where the transaction is over: its client may serve another by now. */
export function executorOfClient(client: PgTransactionClient, assertUsable: () => void = () => undefined): SqlExecutor {
  return {
    async query(sql, parameters) {
      assertUsable();
      const statement = { text: sql, values: [...parameters], types: AS_TEXT };
      const { rows } = await client.query(statement);
      return rows;
    },
  };
}
