import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** A process of the test's own, its output readable. */
export type TestProcess = ChildProcessByStdio<null, Readable, null>;

export const repositoryRoot = path.resolve(import.meta.dirname, '../..');

/** What `node` needs to run the project's TypeScript outside jest. */
export const typescriptArgs = [
  '--import',
  pathToFileURL(path.join(repositoryRoot, 'test/support/typescript.mjs')).href,
];

/** How to start a process of the test. */
export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** In a process group of its own, to be signalled as a terminal does with `process.kill(-pid, signal)`. */
  readonly detached?: boolean;
}

/** Runs a TypeScript file of the project (path from the root) in a Node process of its own, which a test may kill. */
export function spawnTypescript(file: string, args: readonly string[] = [], options: SpawnOptions = {}): TestProcess {
  return spawnProcess(process.execPath, [...typescriptArgs, path.join(repositoryRoot, file), ...args], options);
}

/** Runs any program; what it says on standard error is shown with the test's own output. */
export function spawnProcess(file: string, args: readonly string[], options: SpawnOptions = {}): TestProcess {
  const { env, ...rest } = options;
  return spawn(file, args, {
    cwd: repositoryRoot,
    ...rest,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The next line on standard output. Fails when the process ends without one. */
export async function nextLine(child: TestProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const onData = (data: Buffer): void => {
      text += data.toString();
      const end = text.indexOf('\n');
      if (end >= 0) {
        child.stdout.off('data', onData);
        // What comes while nobody listens would be lost.
        child.stdout.pause();
        const rest = text.slice(end + 1);
        if (rest !== '') {
          child.stdout.unshift(Buffer.from(rest));
        }
        resolve(text.slice(0, end));
      }
    };
    child.stdout.on('data', onData);
    child.stdout.resume();
    child.once('exit', (code, signal) => {
      // What it wrote last may still be on its way.
      setTimeout(() => {
        reject(new Error(`The process ended with ${String(signal ?? code)} before it said anything more: ${text}`));
      }, 100);
    });
    child.once('error', reject);
  });
}

/** Waits until `condition` holds, and fails with what it was if it does not in time. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) {
      throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`);
    }
    await sleep(25);
  }
}

/** Whether a process exists and runs; one that only waits to be collected by its parent does not. */
export function isRunning(pid: number): boolean {
  return listProcesses().some((process) => process.pid === pid);
}

/** Running processes, with their command lines. */
export function listProcesses(): { pid: number; command: string }[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,stat=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      return match?.[1] === undefined || match[2]?.startsWith('Z') === true
        ? []
        : [{ pid: Number(match[1]), command: match[3] ?? '' }];
    });
}

/** Whether the user with this id could read a file or folder, itself and every folder above it included. */
export function isOpenToOthers(file: string): boolean {
  const needed = fs.statSync(file).isDirectory() ? 0o005 : 0o004;
  const open = (fs.statSync(file).mode & needed) === needed;
  const parent = path.dirname(file);
  return open && (parent === file || isTraversable(parent));
}

function isTraversable(folder: string): boolean {
  return (
    (fs.statSync(folder).mode & 0o001) !== 0 && (path.dirname(folder) === folder || isTraversable(path.dirname(folder)))
  );
}
