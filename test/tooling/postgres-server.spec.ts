import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  EmbeddedPostgresUnavailableError,
  findNativeFolder,
  prepareBinaries,
  unprivilegedUser,
} from '../../tools/postgres/binaries.js';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import {
  eventually,
  isOpenToOthers,
  isRunning,
  listProcesses,
  nextLine,
  repositoryRoot,
  spawnProcess,
  spawnTypescript,
  typescriptArgs,
  type SpawnOptions,
  type TestProcess,
} from '../support/processes.js';

const HOLDER = 'test/tooling/postgres-holder.ts';
const asRoot = process.getuid?.() === 0;
const itAsRoot = asRoot ? it : it.skip;
const nobody = unprivilegedUser();
const itWherePossible =
  nobody !== undefined && isOpenToOthers(path.join(repositoryRoot, 'package.json')) ? it : it.skip;

interface Held {
  readonly url: string;
  readonly pid: number;
  readonly keeperPid: number;
  readonly uid: number;
}

let temporary: string;
const children: TestProcess[] = [];

beforeEach(() => {
  temporary = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'postgres-server-spec-'));
  fs.chmodSync(temporary, 0o1777);
});

afterEach(() => {
  children.splice(0).forEach((child) => {
    try {
      // With everything that a launcher may have left.
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // gone, as it should be
    }
  });
  fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

function hold(args: readonly string[] = [], options: SpawnOptions = {}): TestProcess {
  const child = spawnTypescript(HOLDER, args, {
    ...options,
    detached: true,
    env: { TMPDIR: temporary, HOME: temporary, ...options.env },
  });
  children.push(child);
  return child;
}

async function held(child: TestProcess): Promise<Held> {
  let line = '';
  while (!line.startsWith('{')) {
    line = await nextLine(child);
  }
  return JSON.parse(line) as Held;
}

/**
 * Every process of the server names the folder in its command line, except for the server's own children, which end
 * with it.
 */
async function expectNothingLeft(who?: Held): Promise<void> {
  await eventually(
    'no process is left',
    () =>
      !listProcesses().some(
        ({ pid, command }) => command.includes(temporary) || pid === who?.pid || pid === who?.keeperPid,
      ),
  );
  await eventually('no folder is left', () => fs.readdirSync(temporary).length === 0);
}

describe('the embedded Postgres', () => {
  it('serves UTF-8 databases to its password only, on 127.0.0.1 only, and leaves nothing behind', async () => {
    const server = await PostgresServer.start({ settings: { fsync: false, work_mem: '5MB' } });
    try {
      const url = await server.createDatabase('shop "1"');
      const settings = await withClient(url, (client) =>
        client.query(
          "SELECT current_database(), current_setting('listen_addresses') AS listen, current_setting('server_encoding') AS encoding, current_setting('work_mem') AS work_mem, current_setting('unix_socket_directories') AS sockets",
        ),
      );
      expect(settings.rows).toStrictEqual([
        { current_database: 'shop "1"', listen: '127.0.0.1', encoding: 'UTF8', work_mem: '5MB', sockets: '' },
      ]);

      if (process.platform === 'linux')
        // Segments that a killed server would leave to nobody.
        expect(fs.readFileSync(`/proc/${server.pid}/maps`, 'utf8')).not.toMatch(/\/dev\/shm\/PostgreSQL\./);

      await withClient(url, (client) => client.query('CREATE TABLE kept (id int)'));
      const copy = await server.createDatabase('copy', { template: 'shop "1"' });
      expect((await withClient(copy, (client) => client.query('SELECT FROM kept'))).rowCount).toBe(0);

      const guessed = new URL(server.url);
      guessed.password = 'postgres';
      await expect(withClient(guessed.href, (client) => client.query('SELECT 1'))).rejects.toThrow(
        /password authentication failed/,
      );
    } finally {
      await server.stop();
    }
    await server.stop();
    expect([isRunning(server.pid), isRunning(server.keeperPid)]).toStrictEqual([false, false]);
  });

  it('keeps a data folder that it was given, with its password', async () => {
    const dataDir = path.join(temporary, 'kept');
    const first = await PostgresServer.start({ dataDir });
    await first.createDatabase('remembered').finally(() => first.stop());
    const second = await PostgresServer.start({ dataDir });
    try {
      const { rowCount } = await withClient(second.databaseUrl('remembered'), (client) => client.query('SELECT 1'));
      expect(rowCount).toBe(1);
    } finally {
      await second.stop();
    }
  });

  it('reports the words of Postgres when it cannot start', async () => {
    await expect(PostgresServer.start({ settings: { no_such_setting: 1 } })).rejects.toThrow(
      /unrecognized configuration parameter/,
    );
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('is gone with its folder after %s', async (signal) => {
    const child = hold();
    const who = await held(child);
    child.kill(signal);
    await expectNothingLeft(who);
    expect(child.signalCode).toBe(signal);
  });

  it('stays up while Ctrl-C reaches the whole process group and the application drains', async () => {
    const child = hold(['--drain']);
    const who = await held(child);
    process.kill(-child.pid!, 'SIGINT');
    await expect(nextLine(child)).resolves.toBe('drained');
    await expectNothingLeft(who);
  });

  it.each([0, 150, 400])('leaves nothing behind when killed %d ms into its start', async (delay) => {
    const child = hold();
    await nextLine(child);
    await sleep(delay);
    child.kill('SIGKILL');
    // A keeper that was only just started has no folder yet.
    await sleep(200);
    await expectNothingLeft();
    expect(child.killed).toBe(true);
  });

  it('is cleaned up by the application when its keeper is killed', async () => {
    const child = hold();
    const who = await held(child);
    process.kill(who.keeperPid, 'SIGKILL');
    await eventually('the server is gone', () => !isRunning(who.pid));
    await eventually('the folder is gone', () => fs.readdirSync(temporary).length === 0);
    expect(isRunning(child.pid!)).toBe(true);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is gone with the application after %s to the npm that launched both',
    async (signal) => {
      const project = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'postgres-server-spec-npm-'));
      try {
        // With a second command the shell stays in between, as with any start script that does two things.
        const start = `"${process.execPath}" ${typescriptArgs.join(' ')} "${path.join(repositoryRoot, HOLDER)}" && true`;
        fs.writeFileSync(
          path.join(project, 'package.json'),
          JSON.stringify({ name: 'launched', private: true, scripts: { start } }),
        );
        const npm = spawnProcess('npm', ['start', '--silent'], {
          cwd: project,
          detached: true,
          env: {
            TMPDIR: temporary,
            npm_config_cache: path.join(project, 'cache'),
            npm_config_update_notifier: 'false',
          },
        });
        children.push(npm);
        const who = await held(npm);
        npm.kill(signal);
        await expectNothingLeft(who);
        expect(
          listProcesses().filter(({ command }) => command.includes(HOLDER) && command.includes(project)),
        ).toStrictEqual([]);
      } finally {
        fs.rmSync(project, { recursive: true, force: true });
      }
    },
  );

  itWherePossible('runs for an unprivileged user (needs root, and a checkout that others can read)', async () => {
    const child = hold([], nobody);
    const who = await held(child);
    expect(who.uid).toBe(nobody!.uid);
    expect((await withClient(who.url, (client) => client.query('SELECT 1'))).rowCount).toBe(1);
    child.kill('SIGKILL');
    await expectNothingLeft(who);
  });

  itAsRoot('runs as an existing unprivileged user for root, and creates none (needs root)', async () => {
    const users = fs.readFileSync('/etc/passwd', 'utf8');
    const server = await PostgresServer.start();
    try {
      const owner = spawnSync('ps', ['-o', 'uid=', '-p', String(server.pid)], { encoding: 'utf8' }).stdout.trim();
      expect(owner).toBe(String(nobody!.uid));
    } finally {
      await server.stop();
    }
    expect(fs.readFileSync('/etc/passwd', 'utf8')).toBe(users);
  });
});

describe('its binaries', () => {
  let native: string;
  let scratch: string;

  beforeEach(() => {
    native = path.join(temporary, 'closed', 'native');
    scratch = path.join(temporary, 'scratch');
    fs.mkdirSync(scratch, { mode: 0o755 });
    // What a program needs to tell its version.
    const needed = (file: string): boolean => !/[\\/]share$|\.a$/.test(file);
    fs.cpSync(findNativeFolder(), native, { recursive: true, verbatimSymlinks: true, filter: needed });
    removeLinks(path.join(native, 'lib'));
  });

  function removeLinks(folder: string): void {
    fs.readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .forEach((entry) => {
        fs.rmSync(path.join(folder, entry.name));
      });
  }

  function versionOf(file: string): string {
    return spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout;
  }

  it('run where no install script has linked their libraries', () => {
    const binaries = prepareBinaries(scratch, nobody, native);
    expect(binaries.postgres).toBe(path.join(native, 'bin', 'postgres'));
    expect(versionOf(binaries.initdb)).toContain('PostgreSQL');
  });

  it('run from a copy where their folder cannot be used as it is', () => {
    // Root may write anywhere, and is stopped by what its unprivileged user cannot reach; anybody else by what cannot
    // be written.
    const folder = asRoot ? path.dirname(native) : path.join(native, 'lib');
    fs.chmodSync(folder, asRoot ? 0o700 : 0o555);
    try {
      const binaries = prepareBinaries(scratch, nobody, native);
      expect(binaries.postgres).toBe(path.join(scratch, 'native', 'bin', 'postgres'));
      expect(versionOf(binaries.initdb)).toContain('PostgreSQL');
    } finally {
      fs.chmodSync(folder, 0o755);
    }
  });

  it('that do not run on this system are reported with the way out', () => {
    // What a musl system makes of a glibc program: its interpreter does not exist.
    fs.writeFileSync(path.join(native, 'bin', 'postgres'), '#!/no/such/loader\n', { mode: 0o755 });
    expect(() => prepareBinaries(scratch, nobody, native)).toThrow(EmbeddedPostgresUnavailableError);
    expect(() => prepareBinaries(scratch, nobody, native)).toThrow(/DATABASE_URL/);
  });
});
