import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { prepareBinaries, unprivilegedUser, type PostgresBinaries, type UnixUser } from './binaries.js';
import { keeperSource, type KeeperReply, type KeeperRequest } from './keeper.js';
import { endWithLauncher } from './launcher-watch.js';

export { EmbeddedPostgresUnavailableError } from './binaries.js';

/** How to start a {@link PostgresServer}. Everything has a default. */
export interface PostgresServerOptions {
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * Where the cluster lives, created when empty and kept afterwards. Default: a temporary folder, removed with the
   * server.
   */
  readonly dataDir?: string;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** Names the file in a kept data folder that holds the superuser's password. */
const PASSWORD_FILE = 'superuser-password';
const START_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;

/**
 * A real Postgres from npm packages, for the demo and the tests: nothing to install, listening on 127.0.0.1 only, with
 * a random password.
 *
 * It ends with the process that started it, however that ends: a keeper process stops the server and removes its
 * folder. Until then it stays up, even while Ctrl-C goes through the process group, so that the application can still
 * drain into it.
 */
export class PostgresServer {
  /** URL of the superuser, in the database `postgres`. */
  readonly url: string;

  private constructor(
    private readonly keeper: Keeper,
    /** The TCP port on 127.0.0.1. */
    readonly port: number,
    password: string,
    /** The process id of the server. */
    readonly pid: number,
  ) {
    this.url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  }

  /**
   * Creates a cluster when there is none yet, and starts the server.
   *
   * @throws EmbeddedPostgresUnavailableError where the binaries do not exist or do not run.
   */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    endWithLauncher();
    const user = unprivilegedUser();
    const scratch = path.join(fs.realpathSync(os.tmpdir()), `embedded-postgres-${randomBytes(6).toString('hex')}`);
    const keeper = await Keeper.start(scratch, user);
    try {
      const binaries = prepareBinaries(scratch, user);
      const dataDir = options.dataDir === undefined ? path.join(scratch, 'data') : path.resolve(options.dataDir);
      const password = await ensureCluster(keeper, binaries, dataDir, options.dataDir !== undefined, user);
      for (let attempt = 1; ; attempt += 1) {
        const port = options.port ?? (await freePort());
        try {
          const pid = await startServer(keeper, binaries, dataDir, port, options, user, attempt);
          keeper.release();
          return new PostgresServer(keeper, port, password, pid);
        } catch (error) {
          // Between finding a free port and taking it somebody else may have.
          const taken = error instanceof Error && /could not bind|already in use/i.test(error.message);
          if (!taken || options.port !== undefined || attempt >= PORT_ATTEMPTS) {
            throw error;
          }
        }
      }
    } catch (error) {
      await keeper.end();
      throw error;
    }
  }

  /** URL of the superuser in the database `name`. */
  databaseUrl(name: string): string {
    return databaseUrl(this.url, name);
  }

  /** Creates the database `name`, empty or as a copy of `template`, and returns its URL. */
  async createDatabase(name: string, options: { readonly template?: string } = {}): Promise<string> {
    await withClient(this.url, async (client) => {
      await client.query(createDatabaseSql(name, options.template));
    });
    return this.databaseUrl(name);
  }

  /** The process id of the keeper, which outlives this process just long enough to clean up. */
  get keeperPid(): number {
    return this.keeper.pid;
  }

  /** Stops the server and removes its temporary folder. Harmless when repeated. */
  async stop(): Promise<void> {
    await this.keeper.end();
  }
}

/** The URL of another database on the same server. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/**
 * `CREATE DATABASE`, from `template0` unless another template is named (`template1` may be in use, and is anyone's to
 * change).
 */
export function createDatabaseSql(name: string, template = 'template0'): string {
  return `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`;
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that goes away between two queries is reported by the next one; without a listener the process would die
  // of it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The application's end of the channel to its keeper. */
class Keeper {
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

  static async start(folder: string, user: UnixUser | undefined): Promise<Keeper> {
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
    return new Keeper(child, folder);
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

function plainEnvironment(): Record<string, string> {
  const keep = ['PATH', 'TMPDIR', 'TMP', 'TEMP', 'SystemRoot', 'windir'];
  return Object.fromEntries(
    keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/**
 * A fixed environment: neither PG* variables nor the locale or time zone of the machine may change what the server
 * does.
 */
function postgresEnvironment(): Record<string, string> {
  return { ...plainEnvironment(), LC_ALL: 'C', TZ: 'UTC' };
}

async function ensureCluster(
  keeper: Keeper,
  binaries: PostgresBinaries,
  dataDir: string,
  kept: boolean,
  user: UnixUser | undefined,
): Promise<string> {
  const passwordFile = path.join(dataDir, PASSWORD_FILE);
  if (fs.existsSync(path.join(dataDir, 'PG_VERSION'))) {
    return fs.readFileSync(passwordFile, 'utf8').trim();
  }
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (user !== undefined) {
    fs.chownSync(dataDir, user.uid, user.gid);
  }
  const password = randomBytes(24).toString('hex');
  const scratch = keeper.folder;
  const pwfile = path.join(scratch, PASSWORD_FILE);
  writeFor(user, pwfile, `${password}\n`);
  const log = path.join(scratch, 'initdb.log');
  const { exited } = await keeper.run({
    id: 'initdb',
    file: binaries.initdb,
    args: [
      `--pgdata=${dataDir}`,
      '--username=postgres',
      `--pwfile=${pwfile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // A cluster that is thrown away anyway need not survive a power cut.
      ...(kept ? [] : ['--no-sync']),
    ],
    cwd: scratch,
    env: postgresEnvironment(),
    ...(user === undefined ? {} : { user }),
    log,
    end: 'group',
  });
  const ended = await exited;
  if (ended !== 'exit code 0') {
    throw new Error(`initdb failed (${ended}):\n${tail(log)}`);
  }
  if (kept) {
    writeFor(user, passwordFile, `${password}\n`);
  }
  return password;
}

async function startServer(
  keeper: Keeper,
  binaries: PostgresBinaries,
  dataDir: string,
  port: number,
  options: PostgresServerOptions,
  user: UnixUser | undefined,
  attempt: number,
): Promise<number> {
  const log = path.join(keeper.folder, `postgres-${attempt}.log`);
  const settings: Record<string, string | number | boolean> = {
    // No Unix socket: its folder would be one more thing to leave behind, and its path one more limit.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
    listen_addresses: '127.0.0.1',
    port,
  };
  const { pid, exited } = await keeper.run({
    id: `postgres-${attempt}`,
    file: binaries.postgres,
    args: ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`])],
    cwd: keeper.folder,
    env: postgresEnvironment(),
    ...(user === undefined ? {} : { user }),
    log,
    // Only a cluster that somebody keeps is worth a last checkpoint.
    end: options.dataDir === undefined ? 'immediate' : 'fast',
  });
  let over: string | undefined;
  void exited.then((how) => {
    over = how;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!isReady(dataDir, pid)) {
    if (over !== undefined || Date.now() > deadline) {
      throw new Error(
        `Postgres did not start (${over ?? `not ready within ${START_TIMEOUT_MS / 1000} s`}):\n${tail(log)}`,
      );
    }
    await sleep(10);
  }
  return pid;
}

/**
 * Whether the server accepts connections: its lock file says so in the eighth line (what `pg_ctl start` waits for,
 * too).
 */
function isReady(dataDir: string, pid: number): boolean {
  const lockFile = path.join(dataDir, 'postmaster.pid');
  const lines = fs.existsSync(lockFile) ? fs.readFileSync(lockFile, 'utf8').split('\n') : [];
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

function writeFor(user: UnixUser | undefined, file: string, text: string): void {
  fs.writeFileSync(file, text, { mode: 0o600 });
  if (user !== undefined) {
    fs.chownSync(file, user.uid, user.gid);
  }
}

function tail(log: string): string {
  return fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n') : '';
}
