import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresBinaries, type UnixUser } from './binaries.js';
import { type KeeperChannel, plainEnvironment } from './keeper-channel.js';

/** Names the file in a kept data folder that holds the superuser's password. */
const PASSWORD_FILE = 'superuser-password';
const START_TIMEOUT_MS = 60_000;

/** The files of a Postgres, and the server on them. */
export class Cluster {
  constructor(
    private readonly keeper: KeeperChannel,
    private readonly binaries: PostgresBinaries,
    private readonly dataDir: string,
    /** A cluster that somebody keeps outlasts its server. */
    private readonly ownership: { isKept: boolean; user: UnixUser | undefined },
  ) {}

  /**
   * Creates what is not there yet.
   * @returns the superuser's password
   */
  async ensure(): Promise<string> {
    const { keeper, binaries, dataDir } = this;
    const { isKept, user } = this.ownership;
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
        ...(isKept ? [] : ['--no-sync']),
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
    if (isKept) {
      writeFor(user, passwordFile, `${password}\n`);
    }
    return password;
  }

  /**
   * Starts the server, and waits until it accepts connections.
   * @returns its process id
   */
  async serve(
    port: number,
    settings: Readonly<Record<string, string | number | boolean>>,
    attempt: number,
  ): Promise<number> {
    const { keeper, binaries, dataDir } = this;
    const { isKept, user } = this.ownership;
    const log = path.join(keeper.folder, `postgres-${attempt}.log`);
    const inForce: Record<string, string | number | boolean> = {
      // No Unix socket: its folder would be one more thing to leave behind, and its path one more limit.
      unix_socket_directories: '',
      timezone: 'UTC',
      log_timezone: 'UTC',
      // What is ended at once, or killed, leaves its segments behind, and nobody starts it again to clear them away: in
      // its own folder they go along with it.
      ...(!isKept && { dynamic_shared_memory_type: 'mmap' }),
      ...settings,
      listen_addresses: '127.0.0.1',
      port,
    };
    const { pid, exited } = await keeper.run({
      id: `postgres-${attempt}`,
      file: binaries.postgres,
      args: ['-D', dataDir, ...Object.entries(inForce).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`])],
      cwd: keeper.folder,
      env: postgresEnvironment(),
      ...(user === undefined ? {} : { user }),
      log,
      // Only a cluster that somebody keeps is worth a last checkpoint.
      end: isKept ? 'fast' : 'immediate',
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
}

/**
 * A fixed environment: neither PG* variables nor the locale or time zone of the machine may change what the server
 * does.
 */
function postgresEnvironment(): Record<string, string> {
  return { ...plainEnvironment(), LC_ALL: 'C', TZ: 'UTC' };
}

/** `standby`: it takes questions only. */
const ACCEPTING = new Set(['ready', 'standby']);

/**
 * Whether the server accepts connections: its lock file says so in the eighth line (what `pg_ctl start` waits for,
 * too).
 */
function isReady(dataDir: string, pid: number): boolean {
  const lockFile = path.join(dataDir, 'postmaster.pid');
  const lines = fs.existsSync(lockFile) ? fs.readFileSync(lockFile, 'utf8').split('\n') : [];
  return lines[0] === String(pid) && ACCEPTING.has(lines[7]?.trim() ?? '');
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
