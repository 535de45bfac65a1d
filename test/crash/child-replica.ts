import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type JobName, type Options } from '../../src/index.js';
import { type LedgerHarness } from '../support/ledger-harness.js';
import { eventually, nextLine, spawnTypescript, type TestProcess } from '../support/processes.js';

/** What a child is told on its command line. */
export interface ReplicaOrder {
  databaseUrl: string;
  awsEndpoint: string;
  /** The instant at which business time stands still, in the child as in its parent. */
  now: string;
  jobs: JobName[];
  options: Options;
}

export interface ChildOptions {
  jobs: JobName[];
  /** Named point at which it gets SIGKILL. */
  crashAt?: string;
  /** Named point at which it gets SIGSTOP. */
  pauseAt?: string;
  options?: Options;
}

/** A replica beside the harness's own, on the same database and simulator, in a process that may die. */
export class ChildReplica {
  private readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(private readonly child: TestProcess) {
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
  }

  static start(harness: LedgerHarness, { jobs, crashAt = '', pauseAt = '', options = {} }: ChildOptions): ChildReplica {
    const order: ReplicaOrder = {
      databaseUrl: harness.postgres.url,
      awsEndpoint: harness.simulator.url,
      now: harness.clock.now().toISOString(),
      jobs,
      options,
    };
    const env = { MARKETPLACE_CRASH_POINT: crashAt, MARKETPLACE_PAUSE_POINT: pauseAt, NODE_NO_WARNINGS: '1' };
    return new ChildReplica(spawnTypescript('test/crash/replica.ts', [JSON.stringify(order)], { env }));
  }

  /** Resolves when it has booted and begins its jobs. */
  async ready(): Promise<void> {
    const line = await nextLine(this.child);
    if (line !== 'ready') throw new Error(`the child said ${line}`);
  }

  /** How it ended. Whatever it still had to say is passed over. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.child.stdout.resume();
    return this.exited;
  }

  /** Resolves when the kernel has stopped it. */
  async stopped(): Promise<void> {
    await eventually('the child is stopped', () => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error('the child ended instead of being stopped');
      return stateOf(this.child.pid).startsWith('T');
    });
  }

  stop(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** For clean-up: ends it in whatever state it is. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended();
  }
}

/** Letters that the kernel has for the state of a process. From /proc where there is one: a test that asks often must not start `ps` each time. */
function stateOf(pid = 0): string {
  const stat = `/proc/${pid}/stat`;
  if (existsSync(stat)) return /\) (\S)/.exec(readFileSync(stat, 'utf8'))?.[1] ?? '';
  return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
}
