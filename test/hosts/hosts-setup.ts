import { execFileSync } from 'node:child_process';
import { mkdtempSync, chmodSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import startPostgres from '../support/global-setup.js';
import { repositoryRoot } from '../support/processes.js';
import { hostEnvironment, HOSTS_FOLDER_VARIABLE } from './host-folder.js';

/** Packs both packages as a release does, with a build before it. */
export default async function hostsSetup(): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'marketplace-hosts-'));
  chmodSync(folder, 0o755);
  process.env[HOSTS_FOLDER_VARIABLE] = folder;
  for (const from of ['.', 'packages/simulator']) {
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: path.join(repositoryRoot, from),
      env: hostEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // The build that `prepack` runs writes to the same output.
    const [{ name, filename }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [
      { name: string; filename: string },
    ];
    renameSync(path.join(folder, filename), path.join(folder, `${name}.tgz`));
  }
  await startPostgres();
}

export function hostsTeardown(): void {
  const folder = process.env[HOSTS_FOLDER_VARIABLE];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
