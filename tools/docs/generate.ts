/** `npm run docs:generate`: writes the pages that are made of docstrings and catalogues. */
import { existsSync, writeFileSync } from 'node:fs';
import { pathOf, sourceOf } from './docstrings.js';
import { generatedPages } from './generated-pages.js';

const pages = generatedPages();
const problems = pages.flatMap((page) => page.problems.map((problem) => `${page.path}: ${problem}`));
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 1;
} else {
  for (const { path, text } of pages) {
    if (existsSync(pathOf(path)) && sourceOf(path) === text) continue;
    writeFileSync(pathOf(path), text);
    console.log(`${path} is written anew`);
  }
}
