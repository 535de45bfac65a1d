import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Writable } from 'node:stream';
import { type ComputeResource } from 'aws-marketplace-simulator';
import { type JobName, type Options } from '../../src/index.js';
import { withClient } from '../../tools/postgres/connection.js';
import { eventually, repositoryRoot, typescriptArgs } from '../support/processes.js';
import { type World } from '../support/world.js';

/** What a child is told on its standard input. */
export interface ReplicaOrder {
  databaseUrl: string;
  awsEndpoint: string;
  /** The instant at which business time stands still, in the child as in its parent. */
  now: string;
  jobs: JobName[];
  options: Options;
  /** Of a product in its buyer's account: where it runs. */
  resource?: ComputeResource;
  /** Whether it goes on after its jobs, and ends as a host does that has Nest listen to signals. */
  staysUntilSigterm?: boolean;
}

/** Where a child ends or stops: the named point at which it gets SIGKILL (`crashAt`) or SIGSTOP (`pauseAt`). */
export interface Fate {
  crashAt?: string;
  pauseAt?: string;
}

/** A replica beside the world's own, on the same database and simulator, in a process that may die. */
export class ChildReplica {
  private readonly child: ChildProcessByStdio<Writable, null, null>;
  private readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  private databaseUrl: string | null = null;

  /** Starts to load the module; it does nothing before it has its order. */
  constructor(readonly fate: Fate = {}) {
    this.child = spawn(process.execPath, [...typescriptArgs, path.join(repositoryRoot, 'test/crash/replica.ts')], {
      cwd: repositoryRoot,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: {
        ...process.env,
        CRASH_AT: fate.crashAt ?? '',
        PAUSE_AT: fate.pauseAt ?? '',
        NODE_NO_WARNINGS: '1',
      },
    });
    this.exited = once(this.child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /**
   * Boots it beside the world's own replicas, at the world's instant, and lets it run the jobs. `options` win over the
   * world's.
   */
  order(world: World, jobs: JobName[], options: Options = {}): void {
    this.give({
      databaseUrl: world.postgres.url,
      awsEndpoint: world.simulator.url,
      now: world.now().toISOString(),
      jobs,
      options: { ...world.options, ...options },
    });
  }

  give(order: ReplicaOrder): void {
    this.databaseUrl = order.databaseUrl;
    this.child.stdin.end(`${JSON.stringify(order)}\n`);
  }

  /** And, of one that was killed, Postgres knows: until then its rows are locked, and others pass them by. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { databaseUrl } = this;
    const ended = await this.exited;
    if (ended.signal !== null && databaseUrl !== null)
      await eventually('Postgres has ended what the killed process had begun', () => isQuiet(databaseUrl));
    return ended;
  }

  /** Resolves when the kernel has stopped it. */
  async stopped(): Promise<void> {
    const isStopped = (): boolean => {
      if (this.isOver) throw new Error('the child ended instead of being stopped');
      return stateOf(this.child.pid).startsWith('T');
    };
    await eventually('the child is stopped', isStopped, 60_000);
  }

  terminate(): void {
    this.child.kill('SIGTERM');
  }

  stop(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** For clean-up: ends it in whatever state it is. */
  async kill(): Promise<void> {
    if (!this.isOver) this.child.kill('SIGKILL');
    await this.exited;
  }

  private get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

/** Whether the module has no transaction open, in any process. */
function isQuiet(databaseUrl: string): Promise<boolean> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ quiet: boolean }>(
      `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
         AND application_name = 'nestjs-marketplace-metering') AS quiet`,
    );
    return rows[0]?.quiet === true;
  });
}

const AHEAD = 2;

/**
 * Children for a suite, in the order in which it will ask for them: while one test runs the children of the next
 * already load, which is what they spend their time on.
 */
export class ReplicaCrew {
  private readonly all: ChildReplica[] = [];
  private readonly loading: ChildReplica[] = [];

  constructor(private readonly fates: Fate[]) {}

  take(fate: Fate): ChildReplica {
    const meets = (other: Fate): boolean => other.crashAt === fate.crashAt && other.pauseAt === fate.pauseAt;
    const place = this.loading.findIndex((child) => meets(child.fate));
    const [child = this.load(fate)] = place < 0 ? [] : this.loading.splice(place, 1);
    const planned = this.fates.findIndex(meets);
    if (planned >= 0 && place < 0) this.fates.splice(0, planned + 1);
    while (this.loading.length < AHEAD && this.fates.length > 0) this.loading.push(this.load(this.fates.shift() ?? {}));
    return child;
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.all.map((child) => child.kill()));
  }

  private load(fate: Fate): ChildReplica {
    const child = new ChildReplica(fate);
    this.all.push(child);
    return child;
  }
}

/**
 * Letters that the kernel has for the state of a process. From /proc where there is one: a test that asks often must
 * not start `ps` each time.
 */
function stateOf(pid = 0): string {
  const stat = `/proc/${pid}/stat`;
  if (existsSync(stat)) return /\) (\S)/.exec(readFileSync(stat, 'utf8'))?.[1] ?? '';
  return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
}
