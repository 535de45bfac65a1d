import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { describe, expect, it } from '@jest/globals';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { repositoryRoot } from '../support/processes.js';
import { hostsFolder } from './host-folder.js';

const PACKAGES = [
  { name: 'nestjs-marketplace-metering', from: '.' },
  { name: 'aws-marketplace-simulator', from: 'packages/simulator' },
];
const tarballPath = (name: string): string => path.join(hostsFolder(), `${name}.tgz`);
const tar = (...args: string[]): string => execFileSync('tar', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });

/** Paths in a packed package, from its root. */
const contentsOf = (name: string): string[] =>
  tar('-tzf', tarballPath(name))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''));

const manifestOf = (from: string): Record<string, Record<string, string> | undefined> =>
  JSON.parse(readFileSync(path.join(repositoryRoot, from, 'package.json'), 'utf8')) as never;

describe('H1 what npm pack makes of a clone', () => {
  it('has both kinds of modules with their types, the migrations and the commands', () => {
    expect(contentsOf('nestjs-marketplace-metering')).toEqual(
      expect.arrayContaining([
        ...['dist/src/index.js', 'dist/src/index.d.ts', 'dist/migrations/index.js', 'dist/migrations/index.d.ts'],
        ...['dist/commonjs/src/index.js', 'dist/commonjs/src/index.d.ts', 'dist/commonjs/migrations/index.js'],
        ...['dist/src/testing/index.js', 'dist/src/testing/index.d.ts', 'dist/commonjs/src/testing/index.js'],
        ...['dist/commonjs/package.json', ...Object.values(manifestOf('.').bin ?? {}).map(bare)],
        ...['LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'package.json'],
      ]),
    );
  });

  it.each(PACKAGES)(
    'of $name has the declarations of every module, and in both kinds all that its entries lead to',
    ({ name, from }) => {
      const packed = new Set(contentsOf(name));
      const declared = (file: string): boolean => packed.has(file.replace(/\.js$/, '.d.ts'));
      const modules = [...packed].filter((file) => /^dist\/.*\.js$/.test(file));
      expect(modules.filter((file) => !file.startsWith('dist/commonjs/') && !declared(file))).toEqual([]);
      const unpacked = mkdtempSync(path.join(hostsFolder(), 'unpacked-'));
      tar('-xzf', tarballPath(name), '-C', unpacked);
      const led = new Set(typesOf(manifestOf(from).exports));
      for (const file of led) {
        const text = readFileSync(path.join(unpacked, 'package', file), 'utf8');
        for (const [, named] of text.matchAll(/['"](\.\.?\/[^'"]+)\.js['"]/g))
          led.add(path.posix.join(path.posix.dirname(file), `${named}.d.ts`));
      }
      const [commonjs, esm] = [true, false].map((is) =>
        [...led].filter((file) => file.startsWith('dist/commonjs/') === is),
      );
      expect(commonjs!.length).toBeGreaterThan(10);
      expect(commonjs!.map((file) => file.replace('/commonjs', '')).sort()).toEqual(esm!.sort());
    },
  );

  it.each(PACKAGES)('of $name holds no tests, no sources and nothing that a build keeps for itself', ({ name }) => {
    const foreign = contentsOf(name).filter(
      (file) =>
        /\.(pem|key|p12|pfx|map|tsbuildinfo)$|\.(spec|test)\.|(^|\/)(tests?|examples|bench|node_modules|\.[^/]+)\//.test(
          file,
        ) || /(?<!\.d)\.[cm]?ts$/.test(file),
    );
    expect(foreign).toEqual([]);
  });

  it.each(PACKAGES)('of $name holds no key material and no word of a source map', ({ name }) => {
    const text = tar('-xzOf', tarballPath(name));
    // The header with a body behind it; a pattern or a message that names the header is none.
    expect(text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n|\s)+[A-Za-z0-9+/=]{16}/g)).toBeNull();
    expect(text.match(/^\/\/# sourceMappingURL=.*$/gm)).toBeNull();
  });

  it.each([
    { name: 'nestjs-marketplace-metering', sourceOf: (file: string) => file.replace(/^dist\/(commonjs\/)?/, '') },
    {
      name: 'aws-marketplace-simulator',
      sourceOf: (file: string) => file.replace(/^dist\/(commonjs\/)?/, 'packages/simulator/src/'),
    },
  ])('of $name holds nothing whose source is gone', ({ name, sourceOf }) => {
    const built = contentsOf(name).filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file));
    const orphans = built.filter(
      (file) => !existsSync(path.join(repositoryRoot, sourceOf(file).replace(/\.(js|d\.ts)$/, '.ts'))),
    );
    expect(built).not.toEqual([]);
    expect(orphans).toEqual([]);
  });

  it.each(PACKAGES)(
    'of $name asks for none of the development dependencies, but for what is only for tests',
    ({ name, from }) => {
      const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = manifestOf(from);
      const allowed = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
      const asked = [
        ...tar('-xzOf', tarballPath(name), '--exclude=*/testing/*', '--wildcards', 'package/dist/*.js').matchAll(
          IMPORTS,
        ),
      ].map(([, specifier = '']) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
      expect(asked).not.toEqual([]);
      expect(asked.filter((dependency) => dependency in devDependencies && !allowed.has(dependency))).toEqual([]);
    },
  );

  it('is under a megabyte and a half, and the simulator under half of one', () => {
    const kilobytes = PACKAGES.map(({ name }) => statSync(tarballPath(name)).size / 1024);
    expect(kilobytes[0]).toBeLessThan(1536);
    expect(kilobytes[1]).toBeLessThan(512);
  });
});

describe('the packed packages under the checkers of others', () => {
  it.each(PACKAGES)('publint has nothing to say of $name', async ({ name }) => {
    const { messages, pkg } = await publint({ pack: { tarball: bytesOf(name) } });
    expect(messages.map((message) => formatMessage(message, pkg as Record<string, unknown>))).toEqual([]);
  });

  it.each(PACKAGES)('attw finds the types of $name right under every resolution', async ({ name }) => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(bytesOf(name))));
    expect(result).toMatchObject({ types: { kind: 'included' }, problems: [] });
  });
});

const IMPORTS = /\b(?:from|import|require)\s*\(?\s*['"]([^'".][^'"]*)['"]/g;

const bare = (file: string): string => file.replace(/^\.\//, '');

/** The declarations that a manifest's conditions name. */
function typesOf(exports: unknown): string[] {
  if (typeof exports === 'string') return exports.endsWith('.d.ts') ? [bare(exports)] : [];
  return Object.values(exports as object).flatMap(typesOf);
}

function bytesOf(name: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = readFileSync(tarballPath(name));
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
