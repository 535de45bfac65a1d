import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type PostgresBinaries, prepareBinaries, unprivilegedUser } from '../../tools/postgres/binaries.js';
import { eventually, repositoryRoot } from '../support/processes.js';

// K9: two Postgres servers on the files of one ledger, as a rolling update, a second task, or a debug shell would have
// them. Siblings: in one space of processes and in two, which is what two containers have; holders that were killed.

const user = unprivilegedUser();
/** A container's: process ids, and shared memory, of its own. */
const APART = ['unshare', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc'];
const canPartContainers =
  process.platform === 'linux' && spawnSync(APART[0]!, [...APART.slice(1), 'true']).status === 0;
const hasFlock = process.platform === 'linux' && spawnSync('flock', ['--version']).status === 0;
const itWithFlock = hasFlock ? it : it.skip;
const itApart = hasFlock && canPartContainers ? it : it.skip;

let scratch: string;
let script: string;
let binaries: PostgresBinaries;
let volume: string;
let volumes = 0;
const running: Opener[] = [];

/** A server that opens the volume, and what it says. */
class Opener {
  said = '';
  readonly ended: Promise<number | null>;

  constructor(readonly child: ChildProcess) {
    child.stderr!.on('data', (data: Buffer) => (this.said += data.toString()));
    this.ended = once(child, 'exit').then(([code]) => code as number | null);
    running.push(this);
  }

  async ready(): Promise<this> {
    const isReady = (): boolean => {
      if (this.child.exitCode !== null) throw new Error(`the server has ended: ${this.said}`);
      return this.said.includes('ready to accept connections');
    };
    await eventually('the server is ready', isReady, 60_000);
    return this;
  }

  /** Its whole group, as the end of a container ends it. */
  kill(): void {
    try {
      process.kill(-this.child.pid!, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'container-ledger-'));
  fs.chmodSync(scratch, 0o755);
  binaries = prepareBinaries(scratch, user);
  script = path.join(scratch, 'one-writer.sh');
  fs.copyFileSync(path.join(repositoryRoot, 'examples/container/ledger/one-writer.sh'), script);
  // What the image of Postgres calls so, without the making of a first cluster.
  const entry = path.join(scratch, 'docker-entrypoint.sh');
  fs.writeFileSync(entry, `#!/bin/sh\nshift\nexec '${binaries.postgres}' -D "$PGDATA" "$@"\n`, { mode: 0o755 });
});
afterEach(async () => {
  for (const opener of running.splice(0)) {
    opener.kill();
    await opener.ended;
  }
});
afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

function newVolume(): string {
  volume = path.join(scratch, `volume-${(volumes += 1)}`);
  // Sockets of two containers are apart, too.
  for (const folder of ['', 'here', 'apart']) {
    fs.mkdirSync(path.join(volume, folder), { recursive: true });
    if (user) fs.chownSync(path.join(volume, folder), user.uid, user.gid);
  }
  const made = spawnSync(binaries.initdb, [`--pgdata=${volume}/pgdata`, '--no-sync', '--auth=trust', '--locale=C'], {
    ...{ ...user, cwd: scratch, encoding: 'utf8', env: {} },
  });
  expect([made.status, made.stderr]).toEqual([0, expect.any(String)]);
  return volume;
}

/** @param how by Postgres alone, or by the example's script; in this space of processes, or as another container */
function open(how: 'alone' | 'guarded', where: 'here' | 'apart' = 'here'): Opener {
  const env = { PGDATA: `${volume}/pgdata`, PATH: `${scratch}:${process.env.PATH ?? ''}` };
  const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${volume}/${where}`, '-c', 'fsync=off'];
  const server = how === 'alone' ? [binaries.postgres, '-D', env.PGDATA, ...settings] : [script, ...settings];
  const asUser = user === undefined ? [] : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const [file = '', ...args] = [...(where === 'apart' ? APART : []), ...asUser, ...server];
  return new Opener(spawn(file, args, { cwd: scratch, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] }));
}

/** The kernel takes a moment to end the last process of a killed one: until then the volume is held. */
async function opensAgain(where: 'here' | 'apart'): Promise<void> {
  await eventually('it may be opened', async () => {
    const next = open('guarded', where);
    await Promise.race([next.ended, next.ready().catch(() => undefined)]);
    return next.said.includes('ready to accept connections');
  });
}

function childrenOf(pid: number): { pid: number; command: string }[] {
  const list = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' });
  return list.split('\n').map((line) => ({ pid: Number.parseInt(line, 10), command: line }));
}

describe('a second server on the files of a ledger', () => {
  itWithFlock('is refused by Postgres itself where it sees the first one’s process', async () => {
    newVolume();
    await open('alone').ready();
    const second = open('alone');
    expect(await second.ended).toBe(1);
    expect(second.said).toMatch(/lock file "postmaster.pid" already exists.*Is another postmaster \(PID \d+\)/s);
  });

  itApart('is not refused by Postgres in another container, which takes the first for dead', async () => {
    newVolume();
    const first = await open('alone', 'apart').ready();
    // From here on the two of them write one ledger.
    await open('alone', 'apart').ready();
    expect(first.child.exitCode).toBeNull();
  });

  itApart('is refused by the lock on the volume, in any container, and told who holds it', async () => {
    newVolume();
    const first = await open('guarded', 'apart').ready();
    for (const where of ['apart', 'here'] as const) {
      const second = open('guarded', where);
      expect(await second.ended).toBe(75);
      expect(second.said).toMatch(
        /^the ledger on \S+ is open: process \d+ of \S+, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/,
      );
    }
    expect(first.child.exitCode).toBeNull();
    // Killed with all that it was, it holds nothing any more, though its files say so.
    first.kill();
    await first.ended;
    expect(fs.existsSync(`${volume}/pgdata/postmaster.pid`)).toBe(true);
    await opensAgain('apart');
  });

  itWithFlock('opens only when the last process of a killed one is gone', async () => {
    newVolume();
    const first = await open('guarded').ready();
    const worker = childrenOf(first.child.pid!).find(({ command }) => command.includes('checkpointer'));
    process.kill(worker!.pid, 'SIGSTOP');
    process.kill(first.child.pid!, 'SIGKILL');
    await first.ended;
    const early = open('guarded');
    expect(await early.ended).toBe(75);
    process.kill(worker!.pid, 'SIGKILL');
    await opensAgain('here');
  });
});
