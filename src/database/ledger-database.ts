import { type OnApplicationShutdown } from '@nestjs/common';
import { type DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { type LedgerDataSource } from './ledger-data-source.js';
import { inSchema, LEDGER_SCHEMA } from './ledger-schema.js';

/** One connection, or a transaction on one: all that the SQL of a room needs. */
export interface SqlExecutor {
  /** Rows of a statement, also those that `UPDATE … RETURNING` gives back. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Calls `work` once what was written so far is committed, and never if it is not. Missing where the host commits. */
  afterCommit?(work: () => void): void;
}

export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ';

const RETRIED_SQLSTATES = new Set(['40001', '40P01']);
const RETRIES = 5;

/**
 * The module's own way to Postgres, apart from the host's DataSource: its entities, subscribers, naming strategy and
 * pool never meet ours.
 */
export class LedgerDatabase implements OnApplicationShutdown {
  constructor(readonly dataSource: LedgerDataSource) {}

  /** Name of the schema that holds the ledger. */
  get schema(): string {
    return this.dataSource.session.schema;
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /**
   * `work` ends before the connections are closed. They are closed in the same phase of the shutdown in which our
   * services end, and Nest puts no order between the providers of a module.
   */
  beforeClose(work: () => Promise<void>): void {
    const { dataSource } = this;
    const close = dataSource.destroy.bind(dataSource);
    dataSource.destroy = async () => {
      await work();
      await close();
    };
  }

  async query<Row = Record<string, unknown>>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return await executorOn(runner).query<Row>(sql, parameters);
    } finally {
      await runner.release();
    }
  }

  /** Every statement of `query` is a transaction of its own. */
  afterCommit(work: () => void): void {
    work();
  }

  /**
   * Runs `work` in one transaction; rolls back when it throws. Serialization failures and deadlocks are retried, so
   * `work` must do nothing that a rollback does not undo.
   */
  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>, isolation: Isolation = 'READ COMMITTED'): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const runner = this.dataSource.createQueryRunner();
      // Before the first answer: one that gets lost leaves a transaction open on a connection that others will be given.
      let isOpen = true;
      try {
        // One way to the database and back, where TypeORM's own start takes two.
        await runner.query(this.dataSource.session.startOf(isolation));
        const committed: (() => void)[] = [];
        const result = await work({ ...executorOn(runner), afterCommit: (then) => committed.push(then) });
        await runner.query('COMMIT');
        isOpen = false;
        for (const then of committed) then();
        return result;
      } catch (error) {
        // A rollback on a connection that is gone fails too; what matters is the first error.
        if (isOpen) await runner.query('ROLLBACK').catch(() => undefined);
        if (attempt > RETRIES || !RETRIED_SQLSTATES.has(sqlStateOf(error) ?? '')) throw error;
      } finally {
        await runner.release();
      }
    }
  }
}

/**
 * Statements through a runner of ours or of the host. Structured results, because TypeORM's raw result of an UPDATE is
 * `[rows, count]`.
 * @param schema of the ledger, on a connection of the host; ours know it
 */
export function executorOn(runner: QueryRunner, schema = LEDGER_SCHEMA): SqlExecutor {
  return {
    async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
      const result = await runner.query(inSchema(sql, schema), [...parameters], true);
      return (result.records as Row[] | undefined) ?? [];
    },
  };
}

/** The host's DataSource, which TypeORM 0.3 calls the manager's connection. */
export function dataSourceOf(manager: { dataSource: DataSource } | { connection: DataSource }): DataSource {
  return 'dataSource' in manager ? manager.dataSource : manager.connection;
}

/** Statements through the host's manager: inside its transaction when it has one. */
export function executorOfManager(manager: EntityManager, { schema }: LedgerDatabase): SqlExecutor {
  const runner = manager.queryRunner;
  if (runner) return executorOn(runner, schema);
  return {
    async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
      const ownRunner = dataSourceOf(manager).createQueryRunner();
      try {
        return await executorOn(ownRunner, schema).query<Row>(sql, parameters);
      } finally {
        await ownRunner.release();
      }
    },
  };
}

/** SQLSTATE of a database error, undefined for anything else. */
export function sqlStateOf(error: unknown): string | undefined {
  const code =
    (error as { code?: unknown; driverError?: { code?: unknown } } | null)?.code ??
    (error as { driverError?: { code?: unknown } } | null)?.driverError?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
