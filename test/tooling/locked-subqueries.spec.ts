import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

/** Subqueries that lock rows, and that a plan may run again for each row beside them. */
function lockedSubqueriesOf(text: string): string[] {
  return [...text.matchAll(/\b(?:FROM|USING|IN|JOIN)\s*\((?=\s*SELECT\b)/g)].flatMap(({ index, 0: opening }) => {
    const subquery = textInParentheses(text, index + opening.length);
    return /\bFOR (?:NO KEY )?UPDATE\b/.test(subquery) ? [subquery.trim()] : [];
  });
}

function textInParentheses(text: string, begin: number): string {
  let depth = 1;
  for (let place = begin; place < text.length; place += 1) {
    if (text[place] === '(') depth += 1;
    if (text[place] === ')') depth -= 1;
    if (depth === 0) return text.slice(begin, place);
  }
  return text.slice(begin);
}

it.each([
  ['UPDATE t SET x = 1 FROM (SELECT id FROM t WHERE y < $1 LIMIT 1 FOR UPDATE SKIP LOCKED) due WHERE t.id = due.id', 1],
  ['DELETE FROM t USING ( SELECT id FROM t WHERE (a, b) = (1, f((2))) LIMIT 1 FOR NO KEY UPDATE) o', 1],
  ['DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 1 FOR UPDATE SKIP LOCKED)', 1],
  ['WITH due AS MATERIALIZED (SELECT id FROM t LIMIT 1 FOR UPDATE SKIP LOCKED) DELETE FROM t USING due', 0],
  ['DELETE FROM t WHERE id = ANY (ARRAY(SELECT id FROM t LIMIT 1 FOR UPDATE SKIP LOCKED))', 0],
  ['SELECT x FROM (SELECT x FROM t) AS a WHERE x IN (SELECT 1) FOR UPDATE', 0],
])('a locked subquery is told from other statements: %s', (sql, times) => {
  expect(lockedSubqueriesOf(sql)).toHaveLength(times);
});

// Run again, it passes by the row that the statement has just changed and finds the next: more rows are changed than its
// LIMIT says. A common table expression is run once.
it('no statement of the product locks in a subquery that may be run again', () => {
  const files = ['src', 'migrations'].flatMap((folder) =>
    fs
      .readdirSync(path.join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(200);
  const found = files.flatMap((file) =>
    lockedSubqueriesOf(fs.readFileSync(path.join(repositoryRoot, file), 'utf8')).map((sql) => `${file}: ${sql}`),
  );
  expect(found).toEqual([]);
});
