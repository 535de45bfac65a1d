import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

/** Words that the code once coined, each with the word of the field that stands in its place: see docs/glossary.md. */
const GONE: readonly [pattern: RegExp, instead: string][] = [
  [/\bdoorbells?\b/i, 'waker'],
  [/\b(?:rings?|ringing)\b/i, 'wake'],
  [/\blife[ -]?writer|followLives|SubscriptionLife\b/i, 'projection, agreement state'],
  [/\bSTANDINGS\b|\bstandings\b|\bStanding\b(?! record)/, 'state policy; the phase of an agreement'],
  [/\bkin\b|\bkinship\b|\bheirs?\b|\blineages?\b|\beldest\b/i, 'previous agreement'],
  [/\b(?:predecessor|successor) subscriptions?\b/i, 'an agreement of the same subscription'],
  [/[`'"](?:carried|transferred)[`'"]|\bcarry_not_live\b|\bonEnded\b|\btransferUnits\b/, 'annulled, held; rebill'],
  [/\bmerged_into\b|\bmergedInto\b|\bmerged (?:row|subscription)s?\b/i, 'folded into, alias of'],
  [/\bwinner|\bloser/i, 'folded into, alias of'],
  [/\btwins?\b|refuseTwins|isTwin/i, 'duplicate'],
  [/\bparked\b|\bparkAfter/i, 'dead-lettered'],
  [/(?<!AWS )\bsuspects?\b/i, 'quarantined cause'],
  [/\bmended\b/i, 'resolved'],
  [/\bfilings?\b|\bfileMessage/i, 'message processor'],
  [/subscription\.succeeded/, 'legacy.subscribeSucceeded; subscription.renewed'],
  [/\bbackstage\b/i, 'control panel'],
  [/\btakeSilent|\btellNot[A-Z]/, 'selectStale…, notify…'],
  [/\bunassigned\b/i, 'waiting, set apart'],
];

/** Every use of a word that is gone: where, which, and what to say instead. */
function leftovers(file: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      GONE.flatMap(([pattern, instead]) =>
        pattern.test(line) ? [`${file}:${index + 1} ${pattern.exec(line)?.[0] ?? ''}: say ${instead}`] : [],
      ),
    );
}

const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(path.join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file.replaceAll(path.sep, '/')}`);

describe('words that are gone', () => {
  // Decisions tell of what was before them.
  const pages = [...filesIn('docs', '.md').filter((file) => !file.startsWith('docs/adr/')), 'README.md'];

  it.each([
    ['src', filesIn('src', '.ts')],
    ['migrations', filesIn('migrations', '.ts')],
    ['docs', pages],
  ])('do not come back in %s', (_, files) => {
    expect(files.length).toBeGreaterThan(5);
    expect(files.flatMap((file) => leftovers(file, read(file)))).toEqual([]);
  });

  it.each([
    ['the doorbell rings', ['doorbell: say waker', 'rings: say wake']],
    ['const lifeWriter = followLives();', ['lifeWriter: say projection, agreement state']],
    ['import { STANDINGS }', ['STANDINGS: say state policy; the phase of an agreement']],
    ['the eldest of its lineage', ['eldest: say previous agreement']],
    ["disposition = 'carried'", ["'carried': say annulled, held; rebill"]],
    ['merged_into uuid', ['merged_into: say folded into, alias of']],
    ['its twin waits', ['twin: say duplicate']],
    ['parkAfterAttempts', ['parkAfter: say dead-lettered']],
    ['a suspect dimension', ['suspect: say quarantined cause']],
    ['until that is mended', ['mended: say resolved']],
    ['fileMessage(tx)', ['fileMessage: say message processor']],
    ['unassigned units', ['unassigned: say waiting, set apart']],
  ])('are found: %s', (line, found) => {
    expect(leftovers('a.ts', `\n${line}`)).toEqual(found.map((what) => `a.ts:2 ${what}`));
  });

  it.each([
    'a carried fraction completes a unit',
    'agreement.amended',
    'AWS suspects closure of the account',
    'a standing record',
    'Purchase Agreement Amended',
    'a string, during a hearing',
  ])('leave alone: %s', (line) => {
    expect(leftovers('a.ts', line)).toEqual([]);
  });
});

describe('the glossary', () => {
  const words = [...read('docs/glossary.md').matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)]
    .map((match) => match[1] ?? '')
    .filter((cell) => cell !== 'word' && !/^-+$/.test(cell))
    .flatMap((cell) => cell.split(', '));

  it('has each word once', () => {
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
    expect(words).toEqual(expect.arrayContaining(['agreement', 'subscription', 'rollup', 'annul', 'waker']));
  });

  it('has the states of a closed record as the database has them', () => {
    const drawn = /CHECK \(disposition IN \(([^)]*)\)/.exec(read('migrations/initial/records.sql.ts'))?.[1] ?? '';
    const said = /^\| disposition \| ([^|]*) \|$/m.exec(read('docs/glossary.md'))?.[1] ?? '';
    expect([...said.matchAll(/`(\w+)`/g)].map((match) => match[1])).toEqual(
      [...drawn.matchAll(/'(\w+)'/g)].map((match) => match[1]),
    );
  });
});
