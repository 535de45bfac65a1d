import { type SqlExecutor } from '../sql-executor.js';

/**
 * One executor per transaction of the host, however often its adapter is called: calls of ours over one executor take
 * turns.
 */
export class ExecutorMemory<T extends object> {
  private readonly executors = new WeakMap<T, SqlExecutor>();

  of(transaction: T, make: () => SqlExecutor): SqlExecutor {
    const known = this.executors.get(transaction);
    if (known) return known;
    const executor = make();
    this.executors.set(transaction, executor);
    return executor;
  }
}
