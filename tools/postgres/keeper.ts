/*
 * The keeper: a small process of its own between the application and the Postgres it started.
 *
 * Postgres cannot simply be a child of the application. Ctrl-C reaches the whole process group, so the database would
 * be gone before the application has drained; and after a SIGKILL nobody would be left to stop it and to remove its
 * folder. The keeper lives in its own session, ignores the signals that end the application, and watches the one thing
 * that tells the truth: the channel to the application closes when that process is gone, however it went. Then it ends
 * what it started, removes the folder and leaves.
 */

/** What the application asks of its keeper. */
export type KeeperRequest =
  | {
      readonly type: 'run';
      /** Names the process in the replies. */
      readonly id: string;
      readonly file: string;
      readonly args: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      /** The unprivileged user to run as; absent when the application itself is unprivileged. */
      readonly user?: { readonly uid: number; readonly gid: number };
      /** Where standard output and error go. */
      readonly log: string;
      /** How to end it. A command that may be cut short is ended with its whole process group. */
      readonly end: 'fast' | 'immediate' | 'group';
    }
  | { readonly type: 'end' };

/** What the keeper answers. */
export type KeeperReply =
  | { readonly type: 'ready'; readonly error?: string }
  | { readonly type: 'started'; readonly id: string; readonly pid: number }
  | {
      readonly type: 'exited';
      readonly id: string;
      readonly code: number | null;
      readonly signal: string | null;
      readonly error?: string;
    };

/**
 * The keeper's program. It is handed to `node -e` as text, so it must not refer to anything outside itself: that way it
 * needs no file of its own and is the same whether this module runs compiled or under a test transform.
 */
/* istanbul ignore next -- runs in another process, where a coverage counter would not exist */
function keep(): void {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const fs = process.getBuiltinModule('node:fs');

  // Named, so that `ps` explains it and `killall node` spares it.
  process.title = 'postgres-keeper';
  const folder = process.argv[1] ?? '';
  const owner = process.argv[2] ?? '';
  const running = new Map<string, { pid: number; end: 'fast' | 'immediate' | 'group' }>();
  let ending = false;

  const tell = (reply: KeeperReply): void => {
    if (process.connected) {
      process.send?.(reply, undefined, undefined, () => undefined);
    }
  };
  const signal = (pid: number, name: NodeJS.Signals): void => {
    try {
      process.kill(pid, name);
    } catch {
      // already gone
    }
  };
  const leaveWhenIdle = (): void => {
    if (!ending || running.size > 0) {
      return;
    }
    try {
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    } finally {
      process.exit(0);
    }
  };
  const end = (): void => {
    if (ending) {
      return;
    }
    ending = true;
    const windows = process.platform === 'win32';
    for (const child of running.values()) {
      if (child.end === 'group') {
        signal(windows ? child.pid : -child.pid, 'SIGKILL');
      } else {
        signal(child.pid, child.end === 'fast' ? 'SIGINT' : 'SIGQUIT');
      }
    }
    // A data folder that is kept deserves its checkpoint; even so nothing may hang for ever.
    setTimeout(() => {
      running.forEach((child) => {
        signal(child.pid, 'SIGQUIT');
      });
    }, 20_000);
    setTimeout(() => {
      running.forEach((child) => {
        signal(child.pid, 'SIGKILL');
      });
    }, 30_000);
    leaveWhenIdle();
  };

  process.on('disconnect', end);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!process.connected) {
        end();
      }
    });
  }
  process.on('message', (message) => {
    const request = message as KeeperRequest;
    if (request.type === 'end') {
      end();
      return;
    }
    if (ending) {
      return;
    }
    const { id, file, args, cwd, env, user, log } = request;
    const output = fs.openSync(log, 'a');
    const child = spawn(file, args, {
      cwd,
      env,
      ...user,
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output, output],
    });
    fs.closeSync(output);
    if (child.pid !== undefined) {
      running.set(id, { pid: child.pid, end: request.end });
      tell({ type: 'started', id, pid: child.pid });
    }
    child.on('error', (error) => {
      if (child.pid === undefined) {
        tell({ type: 'exited', id, code: null, signal: null, error: error.message });
      }
    });
    child.on('exit', (code, exitSignal) => {
      running.delete(id);
      tell({ type: 'exited', id, code, signal: exitSignal });
      leaveWhenIdle();
    });
  });

  try {
    fs.mkdirSync(folder, { mode: 0o700 });
    if (owner !== '') {
      const [uid, gid] = owner.split(':');
      fs.chownSync(folder, Number(uid), Number(gid));
    }
    tell({ type: 'ready' });
  } catch (error) {
    tell({ type: 'ready', error: String(error) });
    process.exit(1);
  }
}

/** The keeper as text for `node -e`. */
export const keeperSource = `(${keep.toString()})()`;
