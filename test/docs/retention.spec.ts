import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { KEPT } from '../../migrations/initial/guards.sql.js';
import { MIGRATIONS } from '../../migrations/index.js';
import { optionNames } from '../../tools/docs/option-rules.js';
import { repositoryRoot } from '../support/processes.js';

/** Rows of docs/retention.md, "Every table": each table with how long it is kept. */
function rowsOf(page: string): { tables: string[]; kept: string }[] {
  const [, section = ''] = /## Every table\n([^]*?)(?:\n## |$)/.exec(page) ?? [];
  return [...section.matchAll(/^\| (.+?) \| (.+?) \|/gm)]
    .map(([, names = '', kept = '']) => ({
      tables: [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
      kept,
    }))
    .filter(({ tables }) => tables.length > 0);
}

async function tablesOfSchema(): Promise<string[]> {
  const statements: string[] = [];
  const recorder = { query: (sql: string) => Promise.resolve(void statements.push(sql)) };
  for (const Migration of MIGRATIONS) await new Migration().up(recorder as never);
  return [...statements.join('\n').matchAll(/CREATE (?:UNLOGGED )?TABLE marketplace\.(\w+)/g)].map(
    ([, name = '']) => name,
  );
}

describe('how long everything is kept', () => {
  const page = readFileSync(path.join(repositoryRoot, 'docs/retention.md'), 'utf8');
  const rows = rowsOf(page);

  it('is said of every table of the ledger, once', async () => {
    expect(rows.flatMap(({ tables }) => tables).sort()).toEqual([...(await tablesOfSchema()), 'migration'].sort());
  });

  it('is for good where the database refuses to delete, and nowhere else', () => {
    const forGood = rows.filter(({ kept }) => kept.startsWith('for good')).flatMap(({ tables }) => tables);
    expect(forGood.sort()).toEqual([...KEPT, 'migration'].sort());
  });

  it('names every option of it, and no other', () => {
    const named = [...page.matchAll(/`(retention\.\w+)`/g)].map(([, name]) => name);
    expect([...new Set(named)].sort()).toEqual(
      optionNames()
        .filter((name) => name.startsWith('retention.'))
        .sort(),
    );
  });
});
