import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defaultSwitches } from '../src/index.js';
import { startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const page = readFileSync(new URL('../docs/reference.md', import.meta.url), 'utf8');

/** First two cells of the rows below a heading, code marks only. */
function table(heading: string): { names: string[]; values: string[] }[] {
  const section = page.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '';
  const marks = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, mark = '']) => mark);
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => row.split('|')).map(([, names, values]) => ({ names: marks(names), values: marks(values) }));
}

describe('docs/reference.md', () => {
  it('lists every switch with its default first', () => {
    const documented = table('Switches').map(({ names, values }) => [names[0], values[0]]);
    expect(documented).toEqual(Object.entries(defaultSwitches).map(([name, value]) => [name, String(value)]));
  });

  it('lists every kind of fault', async () => {
    const { sim } = await startMarketplace();
    const documented = table('Faults').flatMap(({ names }) => names);
    expect(documented.sort()).toEqual(Object.keys(sim.faults.hits()).sort());
  });
});
