import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NOT_MUTATED, SPECS_BY_RULE } from '../../tools/mutation/rules.js';
import { repositoryRoot } from '../support/processes.js';

function filesUnder(folder: string, ending: string): string[] {
  return fs
    .readdirSync(path.join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
}

async function unitSpecs(): Promise<string[]> {
  const config = path.join(repositoryRoot, 'jest.unit.config.js');
  const { UNIT_SUITES } = (await import(config)) as { UNIT_SUITES: readonly string[] };
  const patterns = UNIT_SUITES.map((suite) => new RegExp(`^${suite}`));
  return filesUnder('test', '.spec.ts').filter((name) => patterns.some((pattern) => pattern.test(`test/${name}`)));
}

describe('test:mutation', () => {
  const rules = Object.keys(SPECS_BY_RULE);
  const specs = new Set(Object.values(SPECS_BY_RULE).flat());

  it('has a row for every file that is named a rule', () => {
    const named = filesUnder('src', '-rule.ts').map((name) => `${name}-rule`);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !rules.includes(name))).toEqual([]);
  });

  it('runs every unit suite against the rule that it shows, but for properties and for those with a reason', async () => {
    const units = await unitSpecs();
    expect(units.length).toBeGreaterThan(70);
    const idle = units.filter(
      (name) => !name.endsWith('.property') && !specs.has(name) && NOT_MUTATED[name] === undefined,
    );
    expect(idle).toEqual([]);
  });

  it('names rules and specs that there are', () => {
    const missing = (folder: string, ending: string, names: Iterable<string>): string[] =>
      [...names].filter((name) => !fs.existsSync(path.join(repositoryRoot, folder, `${name}${ending}`)));
    expect(missing('src', '.ts', rules)).toEqual([]);
    expect(missing('test', '.spec.ts', specs)).toEqual([]);
    expect(missing('test', '.spec.ts', Object.keys(NOT_MUTATED))).toEqual([]);
  });

  it('gives a reason only where no rule uses the suite', () => {
    expect(Object.keys(NOT_MUTATED).filter((name) => specs.has(name))).toEqual([]);
  });
});
