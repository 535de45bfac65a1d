import pg from 'pg';
import { clearTimeout, monotonicMs, setTimeout } from '../runtime/real-time.js';
import { ConnectionWatch, type WatchedConnection } from './connection-watch.js';

/** SQLSTATE of a statement that would write where nothing may be written. */
const READ_ONLY = '25006';
/** What a server that is left is given to hang up by itself, so that a socket that nobody answers on ends, too. */
const GOODBYE_MS = 1000;
/** What the server tells of itself when a connection begins, and whenever it changes (since Postgres 14). */
const READ_ONLY_SIGNS = new Set(['in_hot_standby', 'default_transaction_read_only']);

/**
 * No answer came; the connection is gone, and whether the statement had its effect is unknown. Its code is
 * `connection_failure` of the standard.
 */
export class NoAnswerError extends Error {
  readonly code = '08006';

  constructor(limitMs: number) {
    super(`the database gave no answer within ${limitMs} ms; the connection was given up`);
  }
}

/** The server takes no writes: it is not the one that the ledger lives on. */
export class ReadOnlyServerError extends Error {
  readonly code = READ_ONLY;

  constructor() {
    super(
      'the database takes no writes: it is a standby or a primary that was demoted, or ' +
        'default_transaction_read_only is on. The connection was given up',
    );
  }
}

interface Limits extends pg.ClientConfig {
  watch?: ConnectionWatch;
}

/**
 * A connection whose statements end, whatever the network does: `query_timeout` of pg gives up the wait, and leaves the
 * connection to the next one as it is. Also listens to its own errors: pg-pool hands a new connection over, without a
 * listener, an instant before TypeORM listens to it, and a server that goes away in that instant would end the host's
 * process.
 */
export class LedgerClient extends pg.Client implements WatchedConnection {
  private readonly watch: ConnectionWatch;
  private readonly signs = new Set<string>();
  private timeoutMs: number | null | undefined;
  private waiting = 0;
  /** When something was last heard, or something to wait for began. Monotonic. */
  private since = 0;
  private timer: NodeJS.Timeout | undefined;
  private isConnected = false;
  private isRetired = false;
  private isReadOnly = false;
  /** A command that only asks may do so anywhere. */
  private readonly isWatched: boolean;

  constructor(configuration: Limits = {}) {
    super(configuration);
    const { watch } = configuration;
    this.watch = watch ?? new ConnectionWatch();
    this.isWatched = watch !== undefined;
    this.watch.add(this);
    this.on('error', () => undefined);
    this.once('connect', () => {
      this.isConnected = true;
      clearTimeout(this.timer);
    });
    this.once('end', () => {
      clearTimeout(this.timer);
      this.watch.remove(this);
    });
    // pg leaves the server waiting for a password that it has found it does not have; to Postgres, which waits for a
    // minute, that is a session like any other, for which others wait.
    this.connection.on('error', () => {
      if (!this.isConnected) this.connection.stream.destroy();
    });
    if (watch === undefined) return;
    this.connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
      this.hear(status.parameterName, status.parameterValue);
    });
  }

  /** What statements may take from now on; `undefined`: what is usual. Milliseconds, of the server's own timeout. */
  limitStatements(timeoutMs: number | null | undefined): void {
    this.timeoutMs = timeoutMs;
  }

  /** To be closed rather than given to the next: retired, or in a transaction that nobody ends any more. */
  get isSpent(): boolean {
    const status = this.getTransactionStatus();
    return this.isRetired || (status !== null && status !== 'I');
  }

  /** As pg's; `never` only because its many forms have no common one. */
  override query(...call: unknown[]): never {
    if (this.waiting === 0) this.since = monotonicMs();
    this.waiting += 1;
    this.arm(this.watch.patienceMs(this.timeoutMs));
    const last = call.at(-1);
    if (typeof last === 'function') {
      call[call.length - 1] = (error: Error | null, result: unknown): void => {
        const failure = this.answered(error, result) ?? error;
        (last as (error: Error | null, result: unknown) => void)(failure, failure === null ? result : undefined);
      };
    }
    const answer = (super.query as (...call: unknown[]) => unknown).apply(this, call);
    if (!(answer instanceof Promise)) return answer as never;
    return answer.then(
      (result: unknown) => {
        const failure = this.answered(undefined, result);
        if (failure !== null) throw failure;
        return result;
      },
      (error: unknown) => {
        throw this.answered(error, undefined) ?? error;
      },
    ) as never;
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    this.isRetired = true;
    const goodbye = setTimeout(() => {
      this.connection.stream.destroy();
    }, GOODBYE_MS);
    // Nobody is kept by it; the socket, while it is open, keeps the process long enough.
    goodbye.unref();
    this.once('end', () => {
      clearTimeout(goodbye);
    });
    if (callback === undefined) return super.end();
    super.end(callback);
  }

  retire(): void {
    if (this.isRetired || !this.isConnected) return;
    this.isRetired = true;
    // Whoever is about to use it hears of it as of any connection that breaks; the pool lets go of an idle one.
    if (this.waiting === 0 && this.getTransactionStatus() === 'I')
      this.emit('error', new Error('the connection was given up, as others to the same server have failed'));
  }

  hasten(limitMs: number): void {
    if (this.waiting === 0 && this.isConnected) return;
    this.since = monotonicMs();
    this.arm(limitMs);
  }

  private arm(limitMs: number | null): void {
    clearTimeout(this.timer);
    if (limitMs === null) return;
    this.timer = setTimeout(
      () => {
        // Of several statements that were sent together one has been answered meanwhile.
        if (monotonicMs() - this.since < limitMs - 1) this.arm(limitMs);
        else this.giveUp(limitMs);
      },
      Math.max(0, this.since + limitMs - monotonicMs()),
    );
  }

  private giveUp(limitMs: number): void {
    this.isRetired = true;
    this.connection.stream.destroy(new NoAnswerError(Math.round(limitMs)));
    this.watch.gaveUp('unanswered', this);
  }

  /**
   * Why what a statement has brought is not believed, or null: a server that takes no writes speaks of the past, and a
   * new primary may know better.
   */
  private answered(error: unknown, result: unknown): ReadOnlyServerError | null {
    this.waiting -= 1;
    this.since = monotonicMs();
    if (this.waiting === 0) clearTimeout(this.timer);
    if ((error as { code?: unknown } | null | undefined)?.code === READ_ONLY) this.findReadOnly();
    if (!this.isWatched || !(this.isReadOnly || saysReadOnly(result))) return null;
    this.isReadOnly = true;
    this.findReadOnly();
    return new ReadOnlyServerError();
  }

  private hear(name: string, value: string): void {
    if (!READ_ONLY_SIGNS.has(name)) return;
    if (value === 'on') this.signs.add(name);
    else this.signs.delete(name);
    if (this.signs.size === 0) return;
    // It is told ahead of the end of the answer to whatever is under way.
    this.isReadOnly = true;
    if (this.isRetired) return;
    // Nothing is asked of a server that would answer from the past.
    if (this.isConnected) this.findReadOnly();
    else {
      this.isRetired = true;
      this.watch.gaveUp('readOnly', this);
      this.connection.stream.destroy(new ReadOnlyServerError());
    }
  }

  private findReadOnly(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    this.watch.gaveUp('readOnly', this);
  }
}

/** Behind a pooler the server's own signs are not heard, and a transaction begins by asking. */
function saysReadOnly(result: unknown): boolean {
  const last = (Array.isArray(result) ? result.at(-1) : result) as
    { command?: unknown; rows?: Record<string, unknown>[] } | null | undefined;
  return last?.command === 'SHOW' && last.rows?.[0]?.transaction_read_only === 'on';
}
