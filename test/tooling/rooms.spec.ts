import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** The design's order, left to right; siblings share a step. */
const ORDER =
  'errors < options < runtime < database < aws < events < subscription < registration metering entitlement < container audit < admin';
const STEPS = ORDER.split(' < ').map((step) => step.split(' '));
const ROOMS = STEPS.flat();

function stepOf(room: string): number {
  return STEPS.findIndex((step) => step.includes(room));
}

/** Deliberately bad imports: a file, what it imports, and the rule that must say so. */
const BAD: readonly (readonly [from: string, to: string, rule: string])[] = [
  ['src/admin/to-module.ts', '../marketplace-metering.module.js', 'nobody-knows-the-module'],
  ['src/runtime/to-index.ts', '../index.js', 'nobody-knows-the-module'],
  ['src/metering/to-simulator.ts', '../../packages/simulator/src/face.js', 'simulator-is-unknown'],
  ['src/metering/to-simulator-by-name.ts', 'aws-marketplace-simulator', 'simulator-is-unknown'],
  ['src/public-to-simulator.ts', '../packages/simulator/src/face.js', 'simulator-is-unknown'],
  ['migrations/to-simulator.ts', '../packages/simulator/src/face.js', 'simulator-is-unknown'],
  ['packages/simulator/src/to-aws.ts', '../../../src/aws/face.js', 'simulator-knows-nobody'],
  ['packages/simulator/src/to-options.ts', '../../../src/clean.options.js', 'simulator-knows-nobody'],
  ['packages/simulator/src/to-module-by-name.ts', 'nestjs-marketplace-metering', 'simulator-knows-nobody'],
  ['packages/simulator/src/to-sdk.ts', '@aws-sdk/client-marketplace-metering', 'aws-sdk-only-in-aws'],
  ['packages/simulator/src/market/to-sqs.ts', '@aws-sdk/client-sqs', 'aws-sdk-only-in-aws'],
  [
    'packages/simulator/src/notifications/to-sdk.ts',
    '@aws-sdk/client-marketplace-metering',
    'simulator-sends-to-queues-only',
  ],
  ['packages/simulator/src/market/to-test.ts', '../../test/helper.js', 'product-knows-no-workshop'],
  ['packages/simulator/src/market/to-module-dependency.ts', 'pg', 'no-development-dependencies'],
  ['src/metering/to-sdk.ts', '@aws-sdk/client-marketplace-metering', 'aws-sdk-only-in-aws'],
  ['src/metering/to-test.ts', '../../test/helper.js', 'product-knows-no-workshop'],
  ['src/metering/to-examples.ts', '../../examples/helper.js', 'product-knows-no-workshop'],
  ['src/metering/to-dev.ts', 'fast-check', 'no-development-dependencies'],
  ['src/metering/to-nowhere.ts', './missing.js', 'no-unresolvable'],
  ['src/cellar/to-runtime.ts', '../runtime/face.js', 'known-rooms'],
  ['src/admin/to-cellar.ts', '../cellar/face.js', 'known-rooms-as-target'],
  ['migrations/to-src.ts', '../src/errors/face.js', 'migrations-know-only-typeorm'],
  ['migrations/to-node.ts', 'node:crypto', 'migrations-know-only-typeorm'],
  ['src/runtime/cycle-a.ts', './cycle-b.js', 'no-cycles'],
];

/** Imports that must stay allowed. */
const GOOD: readonly (readonly [from: string, to: string])[] = [
  ['src/index.ts', './admin/face.js'],
  ['src/marketplace-metering.module.ts', './admin/face.js'],
  ['src/runtime/to-options.ts', '../clean.options.js'],
  ['src/aws/to-sdk.ts', '@aws-sdk/client-marketplace-metering'],
  ['packages/simulator/src/notifications/to-sqs.ts', '@aws-sdk/client-sqs'],
  ['packages/simulator/src/market/to-zod.ts', 'zod'],
  ['src/database/to-migrations.ts', '../../migrations/to-typeorm.js'],
  ['src/database/to-peer.ts', '@nestjs/common'],
  ['migrations/to-typeorm.ts', 'typeorm'],
  ['migrations/to-migration.ts', './to-typeorm.js'],
];

let tree: string;

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
  fs.writeFileSync(path.join(tree, file), text);
}

function writeImport(file: string, specifier: string): void {
  // A type import of an unused name leaves no trace in compiled code, so it is the one that a weaker check would miss.
  write(file, `import type { Thing } from '${specifier}';\nexport type Seen = Thing;\n`);
}

function cruise(cwd: string): readonly Violation[] {
  const cli = path.join(repositoryRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = path.join(repositoryRoot, '.dependency-cruiser.cjs');
  const args = [cli, '--config', config, '--output-type', 'json', 'src', 'migrations', 'packages/simulator/src'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (!stdout.startsWith('{')) {
    throw new Error(stderr + stdout);
  }
  return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
}

describe('the rooms rule', () => {
  let violations: readonly Violation[];

  beforeAll(() => {
    tree = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'rooms-spec-'));
    fs.symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(tree, 'node_modules'));
    for (const file of ['package.json', 'tsconfig.json', 'packages/simulator/package.json']) {
      fs.mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      fs.copyFileSync(path.join(repositoryRoot, file), path.join(tree, file));
    }
    for (const room of [...ROOMS.map((name) => `src/${name}`), 'src/cellar', 'packages/simulator/src']) {
      write(`${room}/face.ts`, 'export interface Thing { readonly id: string }\n');
    }
    for (const file of [
      'src/clean.options.ts',
      'test/helper.ts',
      'examples/helper.ts',
      'packages/simulator/src/index.ts',
      'packages/simulator/test/helper.ts',
    ]) {
      write(file, 'export interface Thing { readonly id: string }\n');
    }
    for (const from of ROOMS) {
      for (const to of ROOMS.filter((room) => room !== from)) {
        writeImport(`src/${from}/knows-${to}.ts`, `../${to}/face.js`);
      }
    }
    for (const [from, to] of [...BAD, ...GOOD]) {
      writeImport(from, to);
    }
    writeImport('src/runtime/cycle-b.ts', './cycle-a.js');
    // No two files know each other, but their folders do.
    for (const folder of ['upper', 'lower'])
      write(`src/events/${folder}/face.ts`, 'export interface Thing { id: string }\n');
    writeImport('src/events/upper/to-lower.ts', '../lower/face.js');
    writeImport('src/events/lower/to-upper.ts', '../upper/face.js');
    violations = cruise(tree);
  });

  afterAll(() => {
    fs.rmSync(tree, { recursive: true, force: true });
  });

  const pairs = ROOMS.flatMap((from) => ROOMS.filter((room) => room !== from).map((to) => [from, to] as const));

  it.each(pairs)('from %s to %s is reported exactly when it points right or to a sibling', (from, to) => {
    const reported = violations.some(
      (one) => one.from === `src/${from}/knows-${to}.ts` && one.to === `src/${to}/face.ts`,
    );
    expect(reported).toBe(stepOf(to) >= stepOf(from));
  });

  it.each(BAD)('reports %s importing %s as %s', (from, _to, rule) => {
    expect(violations.filter((one) => one.from === from).map((one) => one.rule.name)).toContain(rule);
  });

  it.each(GOOD)('lets %s import %s', (from) => {
    expect(violations.filter((one) => one.from === from)).toStrictEqual([]);
  });

  it('reports folders that know each other', () => {
    const circles = violations.filter(({ rule }) => rule.name === 'no-circles-of-folders');
    expect(circles.map(({ from, to }) => [from, to])).toContainEqual(['src/events/upper', 'src/events/lower']);
  });

  it('holds in the sources', () => {
    const found = cruise(repositoryRoot).map(({ from, to, rule }) => `${rule.name}: ${from} -> ${to}`);
    expect(found).toStrictEqual([]);
  });
});
