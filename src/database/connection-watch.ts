import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';

/**
 * How a connection let us down. `unanswered`: it gave no answer in time. `readOnly`: what answers takes no writes, as a
 * primary does that was demoted.
 */
export type Trouble = 'unanswered' | 'readOnly';

/** What a spell of trouble was, for a person. */
export interface Interruption {
  trouble: Trouble;
  /** When it was first and last noticed, by this machine's clock. */
  since: Date;
  until: Date;
  /** How many statements, or attempts to connect, it cost. */
  times: number;
}

/** A connection, as far as the watch deals with it. */
export interface WatchedConnection {
  /** Has it closed as soon as nobody holds it. */
  retire(): void;
  /** What it waits for now is given up so many milliseconds from now, unless it ends before. */
  hasten(limitMs: number): void;
}

/**
 * Beyond the time after which the server itself ends a statement: as a rule the server is heard saying so, and the
 * connection lives.
 */
const MARGIN_MAX_MS = 5000;

/** What a statement may take once the application closes: whatever is not done by then another replica does. */
const CLOSING_LIMIT_MS = 3000;

/**
 * All connections of one pool. A network that swallows packets, a pooler that stands still, a primary that was demoted:
 * none of them says so, and each would hold a job, or the end of the process, for as long as it lasts.
 */
export class ConnectionWatch {
  /** Of the pool of a DataSource; one that knows no limit where it was made without. */
  static of(dataSource: DataSource): ConnectionWatch {
    const { watch } = (dataSource.options as { extra?: { watch?: ConnectionWatch } }).extra ?? {};
    return watch ?? new ConnectionWatch();
  }

  private readonly logger = new Logger('MarketplaceDatabase');
  private readonly connections = new Set<WatchedConnection>();
  private readonly interruptions = new Map<Trouble, Interruption>();
  private isClosing = false;
  private isUnhurried = false;

  /** @param statementTimeoutMs what a statement may take where nothing else is said; null: as long as it likes */
  constructor(readonly statementTimeoutMs: number | null = null) {}

  add(connection: WatchedConnection): void {
    this.connections.add(connection);
  }

  remove(connection: WatchedConnection): void {
    this.connections.delete(connection);
  }

  /**
   * How long an answer is waited for, in milliseconds.
   * @param timeoutMs after which the server ends the statement by itself
   */
  patienceMs(timeoutMs: number | null = this.statementTimeoutMs): number | null {
    const patience = timeoutMs === null || this.isUnhurried ? null : timeoutMs + Math.min(MARGIN_MAX_MS, timeoutMs / 2);
    return this.isClosing ? Math.min(patience ?? CLOSING_LIMIT_MS, CLOSING_LIMIT_MS) : patience;
  }

  /** While `work` runs nothing is given up for the time it takes: a migration may rewrite a table, or wait for one. */
  async unhurried<T>(work: () => Promise<T>): Promise<T> {
    this.isUnhurried = true;
    try {
      return await work();
    } finally {
      this.isUnhurried = false;
    }
  }

  /** From now on nobody waits longer than a few seconds, for what is under way or for what comes. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    for (const connection of this.connections) connection.hasten(CLOSING_LIMIT_MS);
  }

  /** One connection was given up: the others are of the same age, and to the same server. */
  gaveUp(trouble: Trouble, culprit: WatchedConnection): void {
    const now = new Date();
    const before = this.interruptions.get(trouble);
    if (before === undefined) this.logger.warn(TOLD[trouble]);
    this.interruptions.set(trouble, {
      trouble,
      since: before?.since ?? now,
      until: now,
      times: (before?.times ?? 0) + 1,
    });
    for (const connection of this.connections) if (connection !== culprit) connection.retire();
  }

  /** What has happened since it was last asked. */
  takeInterruptions(): Interruption[] {
    const taken = [...this.interruptions.values()];
    this.interruptions.clear();
    return taken;
  }

  /** For what could not be told after all. */
  putBack(interruptions: readonly Interruption[]): void {
    for (const one of interruptions) {
      const later = this.interruptions.get(one.trouble);
      this.interruptions.set(one.trouble, {
        ...one,
        until: later?.until ?? one.until,
        times: one.times + (later?.times ?? 0),
      });
    }
  }
}

const TOLD = {
  unanswered:
    'the database gave no answer in time; the connection is given up, idle ones with it, and new ones are made. What ' +
    'was under way begins again',
  readOnly:
    'the database takes no writes (a standby, a primary that was demoted, or default_transaction_read_only); all ' +
    'connections are made anew, so that a new primary is found',
} as const satisfies Record<Trouble, string>;
