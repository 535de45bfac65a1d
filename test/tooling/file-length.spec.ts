import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

const LINES_MAX = 300;
/** Longer files, and why each is one noun all the same. */
const REASONS: Readonly<Record<string, string>> = {
  'packages/simulator/src/market/agreement-lifecycle.ts': 'what a buyer can do, one short method each',
};

function sourcesUnder(folder: string): string[] {
  return fs
    .readdirSync(path.join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')));
}

function lengthOf(file: string): number {
  return fs.readFileSync(path.join(repositoryRoot, file), 'utf8').split('\n').length - 1;
}

describe('a source file', () => {
  const sources = ['src', 'migrations', 'packages/simulator/src'].flatMap(sourcesUnder);

  it('is one noun, and ends within 300 lines, unless a reason is given here', () => {
    expect(sources.length).toBeGreaterThan(200);
    const long = sources.filter((file) => lengthOf(file) > LINES_MAX && REASONS[file] === undefined);
    expect(long).toStrictEqual([]);
  });

  it('has no reason that it needs no more', () => {
    const idle = Object.keys(REASONS).filter((file) => !sources.includes(file) || lengthOf(file) <= LINES_MAX);
    expect(idle).toStrictEqual([]);
  });
});
