import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { promisify } from 'node:util';

/** How long the application may drain after its launcher died. */
const GRACE_MS = 30_000;
const LINUX_INTERVAL_MS = 500;
const OTHER_INTERVAL_MS = 5_000;
/** npm, its shell, and a wrapper or two. */
const MAX_LINKS = 4;

const run = promisify(execFile);
let watching = false;

interface Relation {
  readonly pid: number;
  readonly parent: number;
}

/**
 * Ends this process, by SIGTERM as a person would, when the npm that launched it has died.
 *
 * A killed `npm start` (or the shell that npm puts in between) leaves its application running without a terminal, and
 * the database with it. Only the links from here up to npm are watched: what started npm may go away, as a shell does
 * after `npm start &`.
 */
export function endWithLauncher(): void {
  if (watching || process.env.npm_lifecycle_event === undefined || process.platform === 'win32') {
    return;
  }
  watching = true;
  void watch();
}

async function watch(): Promise<void> {
  const chain = await linksUpToNpm();
  if (chain === 'orphaned') {
    process.kill(process.pid, 'SIGTERM');
    return;
  }
  if (chain.length === 0) {
    return;
  }
  const timer = setInterval(
    () => {
      void brokenLink(chain).then((broken) => {
        if (broken) {
          clearInterval(timer);
          setTimeout(() => {
            process.kill(process.pid, 'SIGKILL');
          }, GRACE_MS).unref();
          process.kill(process.pid, 'SIGTERM');
        }
      });
    },
    process.platform === 'linux' ? LINUX_INTERVAL_MS : OTHER_INTERVAL_MS,
  );
  timer.unref();
}

/**
 * The links from here up to npm; `orphaned` when npm died before this process looked, while the script was still
 * building, say.
 */
async function linksUpToNpm(): Promise<readonly Relation[] | 'orphaned'> {
  const script = process.env.npm_lifecycle_script ?? '';
  const chain: Relation[] = [];
  let pid = process.pid;
  let isBelowScript = false;
  while (chain.length < MAX_LINKS) {
    const parent = await parentOf(pid);
    if (parent === undefined || parent <= 1) {
      return isBelowScript ? 'orphaned' : [];
    }
    chain.push({ pid, parent });
    const command = await commandOf(parent);
    // The shell that runs the script may name npm, too; npm itself is right above it.
    const isScript = script !== '' && command.includes(` -c ${script}`);
    if (!isScript && /\b(npm|npx|pnpm|yarn|bun)\b/.test(command)) {
      return chain;
    }
    if (isBelowScript) {
      return 'orphaned';
    }
    isBelowScript = isScript;
    pid = parent;
  }
  // No npm above us: the variable was inherited by something that lives on its own.
  return [];
}

/** An orphan gets another parent at once, even while the dead one still waits to be collected. */
async function brokenLink(chain: readonly Relation[]): Promise<boolean> {
  for (const { pid, parent } of chain) {
    if ((await parentOf(pid)) !== parent) {
      return true;
    }
  }
  return false;
}

async function parentOf(pid: number): Promise<number | undefined> {
  if (pid === process.pid) {
    return process.ppid;
  }
  try {
    if (process.platform === 'linux') {
      // The name in parentheses may hold anything, blanks included.
      const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.trim().split(' ');
      return Number(fields?.[1]);
    }
    return Number((await run('ps', ['-o', 'ppid=', '-p', String(pid)])).stdout.trim());
  } catch {
    return undefined;
  }
}

async function commandOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    }
    return (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout;
  } catch {
    return '';
  }
}
