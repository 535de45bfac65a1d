import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { testServerUrl } from '../support/postgres.js';
import { isCore, type ModuleKind, runWith, tarballOf } from './host-folder.js';
import { installNest, type Nest } from './matrix.js';
import { layQuickstart } from './quickstart.js';

interface Runner {
  readonly name: string;
  readonly nest: Nest;
  readonly kind: ModuleKind;
  readonly packages: Record<string, string>;
  /** Of jest, as the runner's own documentation has it. */
  readonly jest: object;
  readonly files?: Record<string, object>;
  readonly nodeOptions?: readonly string[];
}

const TS_JEST = { 'ts-jest': '^29.2.5', typescript: '~5.9.0' };
const SWC = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2022',
  },
};

// Beside these, readme-path.spec.ts runs vitest and ts-jest as `nest new` brings them.
const RUNNERS: readonly Runner[] = [
  {
    name: 'jest 30 with @swc/jest',
    nest: '11',
    kind: 'commonjs',
    packages: { jest: '^30.0.0', '@types/jest': '^30.0.0', '@swc/core': '^1.10.0', '@swc/jest': '^0.2.39' },
    jest: { rootDir: 'src', transform: { '^.+\\.(t|j)s$': ['@swc/jest'] }, testEnvironment: 'node' },
    files: { '.swcrc': { ...SWC, module: { type: 'commonjs' } } },
  },
  {
    name: 'jest 30 with ts-jest',
    nest: '12',
    kind: 'esm',
    packages: { jest: '^30.0.0', '@types/jest': '^30.0.0', ...TS_JEST },
    jest: {
      rootDir: 'src',
      extensionsToTreatAsEsm: ['.ts'],
      transform: { '^.+\\.ts$': ['ts-jest', { useESM: true }] },
      moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
      testEnvironment: 'node',
    },
    nodeOptions: ['--experimental-vm-modules'],
  },
  {
    name: 'jest 29 with ts-jest',
    nest: '10',
    kind: 'commonjs',
    packages: { jest: '^29.7.0', '@types/jest': '^29.5.0', ...TS_JEST },
    jest: { rootDir: 'src', transform: { '^.+\\.(t|j)s$': 'ts-jest' }, testEnvironment: 'node' },
  },
];

describe('H3 the README’s test of a host runs from the packed package', () => {
  it.each(isCore ? RUNNERS.slice(0, 1) : RUNNERS)('under $name, Nest $nest, $kind', async (runner) => {
    const { nest, kind, packages, jest, files = {}, nodeOptions = [] } = runner;
    const host = await installNest(`runner-${nest}-${kind}`, nest, '0.3', {
      '@nestjs/testing': `^${nest}.0.0`,
      'aws-marketplace-simulator': tarballOf('aws-marketplace-simulator'),
      ...packages,
    });
    const compilerOptions = {
      ...{ module: 'nodenext', target: 'ES2022', experimentalDecorators: true, emitDecoratorMetadata: true },
      ...{ strict: true, esModuleInterop: true, isolatedModules: true, types: ['jest', 'node'] },
    };
    // The installation wrote its package.json; what kind of package it is stands there, too.
    writeFileSync(
      path.join(host, 'package.json'),
      JSON.stringify({ name: 'host', type: kind === 'esm' ? 'module' : 'commonjs' }),
    );
    writeFileSync(path.join(host, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    writeFileSync(path.join(host, 'jest.config.json'), JSON.stringify(jest));
    for (const [file, content] of Object.entries(files)) writeFileSync(path.join(host, file), JSON.stringify(content));
    layQuickstart(path.join(host, 'src'), kind);
    const variables = { TEST_DATABASE_URL: testServerUrl() };
    const said = await runWith(
      variables,
      host,
      process.execPath,
      ...nodeOptions,
      'node_modules/jest/bin/jest.js',
      '--verbose',
    );
    expect(said).toContain('bills a report once, however often it is told');
  });
});
