import { type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { type DataSource, type QueryRunner } from 'typeorm';
import { sleep } from '../runtime/real-time.js';
import { ConnectionWatch } from './connection-watch.js';
import { ConnectionFailedError, sqlStateOf } from './database-outage.js';
import { type LedgerClient } from './ledger-client.js';
import { type LedgerDataSource } from './ledger-data-source.js';

/** One connection, or a transaction on one: all that the SQL of a room needs. */
export interface LedgerSql {
  /** Rows of a statement, also those that `UPDATE … RETURNING` gives back. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Calls `work` once what was written so far is committed, and never if it is not. Missing where the host commits. */
  afterCommit?(work: () => void): void;
}

export { isOutage, sqlStateOf } from './database-outage.js';

export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ';

/** How a transaction of ours runs; the database's and the role's own defaults do not count. */
export interface TransactionSettings {
  /** Default: `READ COMMITTED`. */
  isolation?: Isolation;
  /**
   * After which the server ends a statement, in milliseconds. Default: `database.statementTimeoutMs`; more for what is
   * known to take its time. Either way a connection that stays silent beyond it is given up.
   */
  statementTimeoutMs?: number;
}

/**
 * `COMMIT` got no answer: whether the transaction took place is not known, and nobody may act as if it had not. Its code
 * is `transaction_resolution_unknown` of the standard.
 */
export class CommitUnknownError extends Error {
  readonly code = '08007';

  constructor(cause: unknown) {
    super(`whether the transaction was committed is not known: ${(cause as Error).message}`, { cause });
  }
}

const RETRIED_SQLSTATES = new Set(['40001', '40P01']);
/** `idle_in_transaction_session_timeout`. */
const IDLE_IN_TRANSACTION = '25P03';
const RETRIES = 5;
const RETRY_PAUSE_MS = 10;

/**
 * The module's own way to Postgres, apart from the host's DataSource: its entities, subscribers, naming strategy and
 * pool never meet ours.
 */
export class LedgerDatabase implements OnApplicationShutdown {
  readonly connections: ConnectionWatch;

  constructor(readonly dataSource: LedgerDataSource) {
    this.connections = ConnectionWatch.of(dataSource);
  }

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

  /**
   * One statement, a transaction of its own; repeated where it failed for another's sake, and so did nothing. Behind a
   * pooler, which does not tell that the server takes no writes any more, what only reads asks first: an old primary
   * speaks of the past. What writes is refused there by the server itself.
   */
  query<Row = Record<string, unknown>>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    if (this.dataSource.session.isPooled && !isWrite(sql))
      return this.transaction((tx) => tx.query<Row>(sql, parameters));
    return this.retried((runner) => executorOn(runner).query<Row>(sql, parameters));
  }

  /** Every statement of `query` is a transaction of its own. */
  afterCommit(work: () => void): void {
    work();
  }

  /**
   * Runs `work` in one transaction; rolls back when it throws. Serialization failures and deadlocks are retried, so
   * `work` must do nothing that a rollback does not undo.
   * @throws CommitUnknownError where `COMMIT` got no answer
   */
  transaction<T>(work: (tx: LedgerSql) => Promise<T>, settings: TransactionSettings = {}): Promise<T> {
    return this.retried((runner, client) => this.inTransaction(runner, client, work, settings));
  }

  /**
   * `work` on a connection of the pool, which goes back to it, unless it is no longer fit for anybody.
   * @internal Published types would need those of `pg`, which hosts need not have.
   */
  async onConnection<T>(work: (runner: QueryRunner, client: LedgerClient) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    let client: LedgerClient | null = null;
    try {
      client = await connected(runner);
      return await work(runner, client);
    } finally {
      client?.limitStatements(undefined);
      if (client?.isSpent === true) void client.end();
      await runner.release();
    }
  }

  private async retried<T>(work: (runner: QueryRunner, client: LedgerClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.onConnection(work);
      } catch (error) {
        if (attempt > RETRIES || !RETRIED_SQLSTATES.has(sqlStateOf(error) ?? '')) throw error;
        await sleep(Math.random() * RETRY_PAUSE_MS * attempt);
      }
    }
  }

  private async inTransaction<T>(
    runner: QueryRunner,
    client: LedgerClient,
    work: (tx: LedgerSql) => Promise<T>,
    settings: TransactionSettings,
  ): Promise<T> {
    const { isolation = 'READ COMMITTED', statementTimeoutMs } = settings;
    client.limitStatements(statementTimeoutMs);
    const committed: (() => void)[] = [];
    let result: T;
    try {
      // One way to the database and back, where TypeORM's own start takes two.
      await runner.query(this.dataSource.session.startOf(isolation, statementTimeoutMs));
      result = await work({ ...executorOn(runner), afterCommit: (then) => committed.push(then) });
    } catch (error) {
      // Also where the answer to the start got lost. A rollback on a connection that is gone fails too; what matters is
      // the first error.
      await runner.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    await commit(client);
    for (const then of committed) then();
    return result;
  }
}

/**
 * Whether a server that takes no writes refuses a statement, whatever it finds: it writes rows, locks them, or is no
 * query at all. In doubt it is none.
 */
export function isWrite(sql: string): boolean {
  const spoken = sql.replaceAll(/'(?:[^']|'')*'|--[^\n]*/g, "''");
  return /\b(?:INSERT INTO|DELETE FROM|UPDATE marketplace\.|FOR (?:NO KEY )?UPDATE|FOR (?:KEY )?SHARE)/.test(spoken);
}

async function connected(runner: QueryRunner): Promise<LedgerClient> {
  try {
    return (await runner.connect()) as LedgerClient;
  } catch (error) {
    throw sqlStateOf(error) === undefined ? new ConnectionFailedError(error) : error;
  }
}

async function commit(client: pg.Client): Promise<void> {
  const answer = await client.query('COMMIT').catch((error: unknown) => {
    // Only what the server says of this very statement tells that it was rolled back; or that it had ended the session
    // before, because the transaction stood still.
    const isRolledBack =
      error instanceof pg.DatabaseError && (error.severity === 'ERROR' || error.code === IDLE_IN_TRANSACTION);
    throw isRolledBack ? error : new CommitUnknownError(error);
  });
  // To a transaction in which a statement has failed the server answers so, and it is no error to it.
  if (answer.command !== 'COMMIT') throw new Error(`the transaction was not committed but ended by ${answer.command}`);
}

/**
 * Statements through a runner of ours. Structured results, because TypeORM's raw result of an UPDATE is
 * `[rows, count]`.
 */
export function executorOn(runner: QueryRunner): LedgerSql {
  return {
    async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
      const result = await runner.query(sql, [...parameters], true);
      return (result.records as Row[] | undefined) ?? [];
    },
  };
}

/** The host's DataSource, which TypeORM 0.3 calls the manager's connection. */
export function dataSourceOf(manager: { dataSource: DataSource } | { connection: DataSource }): DataSource {
  return 'dataSource' in manager ? manager.dataSource : manager.connection;
}
