import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { SUBSCRIPTIONS } from '../../migrations/initial/subscriptions.sql.js';

it('docs/lifecycle.md tells of every state that the database allows, and of no other', () => {
  const page = readFileSync(new URL('../../docs/lifecycle.md', import.meta.url), 'utf8');
  const table = /^\| state \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(page)?.[1] ?? '';
  const told = table.split('\n').flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1]));
  const allowed = /CREATE TABLE marketplace\.subscription \([^]*?state IN \(([^)]*)\)/.exec(SUBSCRIPTIONS.join('\n'))?.[1] ?? '';
  expect(told.toSorted()).toEqual(allowed.replaceAll("'", '').split(', ').toSorted());
  expect(told).toHaveLength(8);
});
