import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

// A newcomer reads the way of a unit of usage in a quarter of an hour. What needs more room has a page of its own.

const wordsOf = (page: string): number => readFileSync(page, 'utf8').split(/\s+/).filter(Boolean).length;

it.each([
  ['README.md', 1587],
  ['docs/SAFETY.md', 845],
  ['docs/lifecycle.md', 1283],
  ['docs/sealing.md', 1115],
  ['docs/license-migration.md', 344],
])('%s has at most %i words', (page, most) => {
  expect(wordsOf(page)).toBeLessThanOrEqual(most);
});

it('the pages of the way have at most 3,587 words together', () => {
  const pages = ['SAFETY', 'architecture', 'lifecycle', 'sealing', 'license-migration'];
  expect(pages.reduce((sum, page) => sum + wordsOf(`docs/${page}.md`), 0)).toBeLessThanOrEqual(3587);
});
