import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type UnixUser } from './binaries.js';
import { keeperSource, type KeeperReply, type KeeperRequest } from './keeper.js';

/** The application's end of the channel to its keeper. */
export class KeeperChannel {
  private readonly exits = new Map<string, (reply: Extract<KeeperReply, { type: 'exited' }>) => void>();
  private readonly starts = new Map<string, (pid: number) => void>();
  private readonly pids = new Set<number>();
  private readonly gone: Promise<void>;
  private expected = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
  ) {
    child.on('message', (message) => {
      this.hear(message as KeeperReply);
    });
    this.gone = new Promise((resolve) => {
      child.once('exit', () => {
        if (!this.expected) {
          this.cleanUpAfterKeeper();
        }
        for (const [id, exited] of this.exits) {
          exited({ type: 'exited', id, code: null, signal: null, error: 'its keeper is gone' });
        }
        resolve();
      });
    });
  }

  static async start(folder: string, user: UnixUser | undefined): Promise<KeeperChannel> {
    const owner = user === undefined ? '' : `${user.uid}:${user.gid}`;
    const child = spawn(process.execPath, ['-e', keeperSource, folder, owner], {
      cwd: path.dirname(folder),
      // Loaders and inspectors of the application are none of the keeper's business.
      env: plainEnvironment(),
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const reply = await new Promise<KeeperReply>((resolve, reject) => {
      child.once('error', reject);
      child.once('message', (message) => {
        resolve(message as KeeperReply);
      });
      child.once('exit', (code) => {
        reject(new Error(`The keeper of the embedded Postgres ended with ${String(code)}.`));
      });
    });
    if (reply.type === 'ready' && reply.error !== undefined) {
      throw new Error(`The embedded Postgres has no temporary folder: ${reply.error}`);
    }
    return new KeeperChannel(child, folder);
  }

  /** From here on the keeper does not keep the application alive: after a forgotten stop() it cleans up by itself. */
  release(): void {
    this.child.unref();
    this.child.channel?.unref();
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Starts a program and returns its process id and the promise of its end. */
  async run(
    request: Omit<Extract<KeeperRequest, { type: 'run' }>, 'type'>,
  ): Promise<{ pid: number; exited: Promise<string> }> {
    const exited = new Promise<string>((resolve) => {
      this.exits.set(request.id, ({ code, signal, error }) => {
        resolve(error ?? signal ?? `exit code ${String(code)}`);
      });
    });
    const started = new Promise<number>((resolve) => {
      this.starts.set(request.id, resolve);
    });
    this.child.send({ type: 'run', ...request } satisfies KeeperRequest, (error) => {
      if (error !== null) {
        this.exits.get(request.id)?.({
          type: 'exited',
          id: request.id,
          code: null,
          signal: null,
          error: 'its keeper is gone',
        });
      }
    });
    const first = await Promise.race([started, exited]);
    if (typeof first === 'string') {
      throw new Error(`${path.basename(request.file)} did not start: ${first}`);
    }
    return { pid: first, exited };
  }

  async end(): Promise<void> {
    this.expected = true;
    if (this.child.connected) {
      this.child.ref();
      this.child.channel?.ref();
      this.child.send({ type: 'end' } satisfies KeeperRequest, () => undefined);
    }
    await this.gone;
  }

  private hear(reply: KeeperReply): void {
    if (reply.type === 'started') {
      this.pids.add(reply.pid);
      this.starts.get(reply.id)?.(reply.pid);
    } else if (reply.type === 'exited') {
      this.exits.get(reply.id)?.(reply);
    }
  }

  /** Should anybody kill the keeper, the application takes over its last duty. */
  private cleanUpAfterKeeper(): void {
    for (const pid of this.pids) {
      try {
        process.kill(pid, 'SIGQUIT');
      } catch {
        // already gone
      }
    }
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** What any program needs of the environment, and nothing that would change what it does. */
export function plainEnvironment(): Record<string, string> {
  const keep = ['PATH', 'TMPDIR', 'TMP', 'TEMP', 'SystemRoot', 'windir'];
  return Object.fromEntries(
    keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
