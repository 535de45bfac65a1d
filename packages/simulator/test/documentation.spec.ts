import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defaultSwitches } from '../src/index.js';
import { startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

/** First two cells of the rows of the first table of a page, code marks only. */
function table(page: string): { names: string[]; values: string[] }[] {
  const [text = ''] = readFileSync(new URL(`../docs/${page}`, import.meta.url), 'utf8').split('\n## ');
  const marks = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, mark = '']) => mark);
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => row.split('|')).map(([, names, values]) => ({ names: marks(names), values: marks(values) }));
}

describe('the docs', () => {
  it('list every switch with its default first', () => {
    const documented = table('switches.md').map(({ names, values }) => [names[0], values[0]]);
    expect(documented).toEqual(Object.entries(defaultSwitches).map(([name, value]) => [name, String(value)]));
  });

  it('list every kind of fault', async () => {
    const { sim } = await startMarketplace();
    const documented = table('faults.md').flatMap(({ names }) => names);
    expect(documented.sort()).toEqual(Object.keys(sim.faults.hits()).sort());
  });
});
