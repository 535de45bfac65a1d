import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
/** The first cells of the rows of a page that bear names of code, one or several to a row. */
const namesIn = (page: string, heading: RegExp): string[] => {
  const section = read(page).split(heading)[1]?.split(/^## /m)[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''));
};
/** The literals of a union type, without what is said of them. */
const union = (file: string, name: string): string[] => {
  const declared =
    new RegExp(`export type ${name} =([^;]*);`).exec(read(file).replaceAll(/\/\*\*[^]*?\*\//g, ''))?.[1] ?? '';
  return [...declared.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
};

describe('docs/lifecycle.md', () => {
  it('names the states that the code has, each once', () => {
    const states = union('src/subscription/agreements/subscription-state.ts', 'SubscriptionState');
    expect(states).toContain('ending');
    expect(namesIn('docs/lifecycle.md', /^## States$/m).sort()).toEqual(states.sort());
  });

  it('speaks of the states that the database lets a subscription have, and of no others', () => {
    const [, drawn = ''] =
      /state text NOT NULL CHECK \(state IN \(([^)]*registered[^)]*)\)\)/.exec(
        read('migrations/initial/subscriptions.sql.ts'),
      ) ?? [];
    const states = [...drawn.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
    expect(namesIn('docs/lifecycle.md', /^## States$/m).sort()).toEqual(states.sort());
  });
});

describe('docs/sealing.md', () => {
  it('names the reasons for which usage waits, each once', () => {
    const reasons = union('src/metering/sealing/waiting-reason.ts', 'WaitingReason');
    expect(reasons).toContain('awaitingSuccessor');
    expect(namesIn('docs/sealing.md', /^## The planning rule$/m).sort()).toEqual(reasons.sort());
  });
});
