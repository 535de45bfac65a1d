import { type SqlExecutor } from '../sql-executor.js';

const ofOneTransaction = new WeakSet<SqlExecutor>();

/** Whether an executor is over once its transaction is: what runs on its connection then is somebody else's. */
export function isOfOneTransaction(executor: SqlExecutor): boolean {
  return ofOneTransaction.has(executor);
}

/**
 * One executor per transaction of the host, however often its adapter is called: calls of ours over one executor take
 * turns.
 */
export class ExecutorMemory<T extends object> {
  private readonly executors = new WeakMap<T, SqlExecutor>();

  /** @param lasts whether what is given is one transaction, or a connection that may run one after the other. */
  constructor(private readonly lasts: 'forOneTransaction' | 'asConnection') {}

  of(transaction: T, make: () => SqlExecutor): SqlExecutor {
    const known = this.executors.get(transaction);
    if (known) return known;
    const executor = make();
    this.executors.set(transaction, executor);
    if (this.lasts === 'forOneTransaction') ofOneTransaction.add(executor);
    return executor;
  }
}
