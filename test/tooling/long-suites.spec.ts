import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

const sequencer = path.join(repositoryRoot, 'test/support/long-suites-first.mjs');
const suites = fs
  .readdirSync(path.join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `/test/${name.split(path.sep).join('/')}`)
  .filter((name) => name.endsWith('.spec.ts'));

describe('the order of suites', () => {
  it('names suites that exist', async () => {
    const { LONG } = (await import(sequencer)) as { LONG: readonly string[] };
    expect(LONG.length).toBeGreaterThan(0);
    expect(suites.length).toBeGreaterThan(200);
    expect(LONG.filter((part) => !suites.some((suite) => suite.includes(part)))).toStrictEqual([]);
  });
});
