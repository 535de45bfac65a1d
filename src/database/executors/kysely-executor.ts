import { type SqlExecutor } from '../sql-executor.js';
import { ExecutorMemory } from './executor-memory.js';
import { hasMethods, invalidManager, kindOf } from './manager-refusal.js';

/** A statement as Kysely takes it when it is compiled already. */
export interface KyselyStatement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly query: { readonly kind: 'RawNode'; readonly sqlFragments: readonly string[]; readonly parameters: never[] };
  readonly queryId: { readonly queryId: string };
}

/** As much of a `Transaction` of Kysely as is needed. */
export interface KyselyTransaction {
  readonly isTransaction: boolean;
  withoutPlugins(): { executeQuery(statement: KyselyStatement): Promise<{ rows: unknown[] }> };
}

const memory = new ExecutorMemory<KyselyTransaction>('forOneTransaction');

/**
 * A transaction of Kysely: what `db.transaction().execute(async (trx) => …)` or `db.startTransaction()` gives. Plugins,
 * which may rename columns, do not see the statements; its log does.
 * @throws MarketplaceMeteringError `MANAGER_INVALID`
 */
export function kyselyExecutor(trx: KyselyTransaction): SqlExecutor {
  if (!hasMethods(trx, 'withoutPlugins', 'executeQuery') || !(trx as unknown as KyselyTransaction).isTransaction)
    throw invalidManager(
      hasMethods(trx, 'withoutPlugins', 'selectFrom')
        ? 'kyselyExecutor() was given a Kysely that is in no transaction'
        : `kyselyExecutor() was given ${kindOf(trx)}`,
      'Give the trx of db.transaction().execute(async (trx) => …).',
    );
  return memory.of(trx, () => {
    const plain = (trx as unknown as KyselyTransaction).withoutPlugins();
    return {
      async query(sql, parameters) {
        const { rows } = await plain.executeQuery({
          sql,
          parameters,
          query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
          queryId: { queryId: 'marketplace' },
        });
        return rows as object[];
      },
    };
  });
}
