import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../support/processes.js';

/** Where the run's tarballs and hosts are; made by the global setup, gone after the run. */
export const HOSTS_FOLDER_VARIABLE = 'MARKETPLACE_TEST_HOSTS';
export const isCore = process.env.MARKETPLACE_TEST_HOSTS_CORE === 'true';

export type ModuleKind = 'commonjs' | 'esm';

const run = promisify(execFile);

export function hostsFolder(): string {
  const folder = process.env[HOSTS_FOLDER_VARIABLE];
  if (folder === undefined) throw new Error('No packed package: run the tests with "npm run test:hosts".');
  return folder;
}

export const tarballOf = (name: string): string => `file:${path.join(hostsFolder(), `${name}.tgz`)}`;

/** The environment without what `npm run` has put into it: it would tell an npm of a host that it is in our folder. */
export function hostEnvironment(variables: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_(package|lifecycle|command|execpath|node_execpath)|^npm_config_(local_)?prefix$|^INIT_CWD$/i.test(name),
  );
  // A library of Swagger's reports its installation, and keeps a log in the temporary folder.
  return { ...Object.fromEntries(inherited), NODE_ENV: 'development', SCARF_ANALYTICS: 'false', ...variables };
}

/** Runs a program to its end; what it said is part of the error where it fails. */
export const runIn = (folder: string, file: string, ...args: string[]): Promise<string> =>
  runWith({}, folder, file, ...args);

/** The same, with variables of the host's. */
export async function runWith(
  variables: Record<string, string>,
  folder: string,
  file: string,
  ...args: string[]
): Promise<string> {
  try {
    const env = hostEnvironment(variables);
    // Below jest's own limit: what hangs must not stay behind.
    const { stdout, stderr } = await run(file, args, { cwd: folder, env, maxBuffer: 2 ** 26, timeout: 540_000 });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${path.basename(file)} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/**
 * A fresh folder in which `npm install` was run as a user runs it: without --force and --legacy-peer-deps, so that a peer
 * range which does not fit refuses it.
 */
export async function installHost(name: string, dependencies: Record<string, string>): Promise<string> {
  const folder = path.join(hostsFolder(), name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, private: true, dependencies }, null, 2));
  await runIn(folder, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts');
  return folder;
}

/** The application of the tests as a package of the given kind inside a host's folder, whose packages it uses. */
export function layApplication(host: string, kind: ModuleKind): string {
  const folder = path.join(host, kind);
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: kind, private: true, type: kind === 'esm' ? 'module' : 'commonjs' }),
  );
  cpSync(path.join(repositoryRoot, 'test/hosts/application'), path.join(folder, 'src'), { recursive: true });
  return folder;
}

/** Runs the TypeScript that the host installed under `alias`. */
export function compile(folder: string, alias: string, ...args: string[]): Promise<string> {
  const options = ['--target', 'es2022', '--lib', 'es2022', '--experimentalDecorators', '--emitDecoratorMetadata'];
  const strict = ['--strict', '--esModuleInterop', '--skipLibCheck', 'false', '--types', 'node'];
  const compiler = path.join(folder, '..', 'node_modules', alias, 'bin/tsc');
  return runIn(folder, process.execPath, compiler, ...options, ...strict, ...args);
}
