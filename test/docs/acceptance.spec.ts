import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import * as sdk from '@aws-sdk/client-marketplace-metering';
import { ERROR_CATALOGUE } from '../../src/errors/error-catalogue.js';
import { optionNames } from '../../tools/docs/option-rules.js';
import { repositoryRoot } from '../support/processes.js';
import { acceptanceProblems, parseAcceptance, type Requirements } from './acceptance-table.js';
import { hasTitle, testTitlesOf } from './test-titles.js';

const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const unique = (names: readonly string[]): string[] => [...new Set(names)];
const quoted = (text: string): string[] => [...text.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? '');
/** The first group of every match. */
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '');
const only = (text: string, pattern: RegExp): string => {
  const [found] = all(text, pattern);
  if (found === undefined)
    throw new Error(`nothing in the sources looks like ${String(pattern)}: this check has to learn where it went`);
  return found;
};

function sourceFiles(): string[] {
  return readdirSync(path.join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(`src/${file}`));
}

const ERRORS = read('src/aws/aws-error.ts');
const OUTCOMES = read('src/metering/settlement/record-outcome.ts');
const ANNULMENT = read('src/metering/settlement/record-annulment.sql.ts');
const RECORD_TABLE = only(
  read('migrations/initial/records.sql.ts'),
  /CREATE TABLE marketplace\.metering_record \(([^]*?)WITH \(fillfactor/g,
);
const TRANSITIONS = only(
  read('migrations/initial/record-state-guards.sql.ts'),
  /CREATE FUNCTION marketplace\.guard_metering_record([^]*?)\$\$`/g,
);
/** The literals of a union type of the sources. */
const union = (file: string, name: string): string[] =>
  unique(
    quoted(
      only(read(file).replaceAll(/\/\*\*[^]*?\*\/|\/\/.*$/gm, ''), new RegExp(`export type ${name} =([^;]*);`, 'g')),
    ),
  );

const DEFECTS = Array.from({ length: 45 }, (_, index) => `D${index + 1}`);

/** Lives of agreements and what must be billed (M), and traps of the model (T). */
const CASES = [
  ...Array.from({ length: 28 }, (_, index) => `M${index + 1}`),
  ...Array.from({ length: 27 }, (_, index) => `T${index + 1}`),
];

/** Software in its buyer's account, contracts with consumption, CloudTrail. */
const INSTALLED = Array.from({ length: 40 }, (_, index) => `K${index + 1}`);

/** docs/evidence.md, "One attempt". */
const EVIDENCE = [
  ...['Success', 'DuplicateRecord, nothing uncertain before', 'DuplicateRecord after an uncertain attempt'],
  ...[
    'DuplicateRecord after an uncertain attempt, identicalResend success',
    'CustomerNotSubscribed',
    'throttling',
    'error before the request left',
  ],
  ...[
    '5xx',
    'timeout',
    'connection loss',
    'unprocessed',
    'missing',
    'contradiction',
    'unknown status',
    'unknown error',
    'lease expired',
  ],
  ...[
    'late billed answer',
    'late billed answer on a closed record',
    'negative answer from a non-holder',
    'known not billed',
    'evidence is final',
  ],
];
const MODELLED = all(only(ERRORS, /const CULPRITS[^=]*= \{([^]*?)\};/g), /^ {2}(\w+):/gm).filter((name) => name in sdk);

/** docs/evidence.md, "One record". */
const ANSWERS = [
  ...[
    'Success, confirming duplicate',
    'CustomerNotSubscribed, young and never metered',
    'CustomerNotSubscribed otherwise',
    'DuplicateRecord unexplained',
  ],
  ...[
    'unknown status',
    'unprocessed, missing',
    'culprit',
    'throttling',
    '5xx, timeout, lost connection',
    'set-up error',
  ],
  ...['no limit of attempts', 'cutoff', 'quarantined causes', 'between due and cutoff'],
];

const REQUIRED: Requirements['ids'] = {
  Defects: DEFECTS,
  Cases: CASES,
  'Installed products, contracts, audit': INSTALLED,
  Evidence: [...EVIDENCE, ...MODELLED],
  Answers: ANSWERS,
  Culprits: union('src/aws/aws-error.ts', 'Culprit'),
  Failures: union('src/aws/aws-error.ts', 'FailureKind'),
  States: unique(quoted(only(RECORD_TABLE, /CHECK \(state IN \(([^)]*)\)/g))),
  Transitions: unique(all(TRANSITIONS, /'(\w+>\w+)'/g)).map((pair) => pair.replace('>', ' → ')),
  Dispositions: unique(quoted(only(RECORD_TABLE, /CHECK \(disposition IN \(([^)]*)\)/g))),
  Reasons: unique([
    ...quoted(only(OUTCOMES, /export type BlockedReason =([^;]*);/g)).map((reason) => `blocked: ${reason}`),
    ...union('src/aws/aws-error.ts', 'Culprit').map((reason) => `blocked: ${reason}`),
    ...all(OUTCOMES, /(?:later|retry)\('(\w+)'/g).map((reason) => `pending: ${reason}`),
    ...all(read('src/metering/submission/lease-recovery.ts'), /reason: '(\w+)'/g).map((reason) => `pending: ${reason}`),
    ...quoted(only(ANNULMENT, /export type AnnulReason =([^;]*);/g)).map((reason) => `closed: ${reason}`),
    ...all(
      only(read('src/metering/sealing/record-draft.ts'), /const CLOSED_MESSAGES[^=]*= \{([^]*?)\n\};/g),
      /^ {2}(\w+):/gm,
    ).map((reason) => `closed: ${reason}`),
    ...[
      ...['sealing/record-draft.ts', 'sealing/folded-take.ts', 'settlement/record-end.ts', 'settlement/unit-rebill.ts'],
      'settlement/record-resolution.service.ts',
    ].flatMap((file) =>
      all(read(`src/metering/${file}`), /(?:\breason: |closedAs\('void', )'(\w+)'/g).map(
        (reason) => `closed: ${reason}`,
      ),
    ),
  ]),
  'Waiting reasons': union('src/metering/sealing/waiting-reason.ts', 'WaitingReason'),
  'Subscription states': union('src/subscription/agreements/subscription-state.ts', 'SubscriptionState'),
  Errors: Object.keys(ERROR_CATALOGUE),
  Modes: unique(quoted(only(RECORD_TABLE, /CHECK \(mode IN \(([^)]*)\)/g))),
  'Crash points': unique(sourceFiles().flatMap((source) => all(source, /\bcrashPoint\('([^']+)'\)/g))),
  Options: optionNames(),
  'Static options': all(
    only(read('src/options/static-options.ts'), /export interface StaticOptions \{([^]*?)^\}/gm),
    /^ {2}(\w+)\?:/gm,
  ),
  Invariants: all(read('docs/SAFETY.md'), /^\*\*(I\d+) /gm),
  README: all(read('README.md'), /\*\*([^*]+)\*\*/g).map((claim) => claim.replaceAll(/\s+/g, ' ')),
};

const titles = new Map<string, ReadonlySet<string> | null>();
function titlesOf(file: string): ReadonlySet<string> | null {
  const known = titles.get(file);
  if (known !== undefined) return known;
  const found = existsSync(path.join(repositoryRoot, file)) ? testTitlesOf(read(file), file) : null;
  titles.set(file, found);
  return found;
}

describe('docs/acceptance.md', () => {
  const rows = parseAcceptance(read('docs/acceptance.md'));

  it('maps every promise to tests that there are', () => {
    const nameOf: Requirements['nameOf'] = ({ section, id }) =>
      ['Defects', 'Cases', 'Installed products, contracts, audit'].includes(section) ? new RegExp(`\\b${id}\\b`) : null;
    // What hosts and the ground bring is no list of the sources: each row that is there must have its tests.
    const found = Object.fromEntries(
      ['Ground', 'Guests'].map((name) => [name, rows.filter(({ section }) => section === name).map(({ id }) => id)]),
    );
    expect(acceptanceProblems(rows, { ids: { ...REQUIRED, ...found }, titlesOf, nameOf })).toEqual([]);
  });

  it('reads its lists off the sources', () => {
    for (const [section, ids] of Object.entries(REQUIRED)) expect([section, ids.length > 1]).toEqual([section, true]);
    expect(REQUIRED.Culprits).toContain('invalidDimension');
    expect(REQUIRED.Transitions).toEqual(expect.arrayContaining(['pending → sending', 'held → annulled']));
    expect(REQUIRED.Dispositions).toEqual(['annulled', 'held', 'owed', 'void']);
    expect(REQUIRED.Reasons).toEqual(
      expect.arrayContaining(['blocked: conflict', 'pending: leaseExpired', 'closed: moved', 'closed: noHour']),
    );
    expect(REQUIRED['Waiting reasons']).toEqual(expect.arrayContaining(['nextHour', 'unknownSubject']));
    expect(REQUIRED.Errors).toEqual(expect.arrayContaining(['OPTIONS_INVALID', 'TRANSITION_REFUSED']));
    expect(REQUIRED['Static options']).toEqual([
      'name',
      'isGlobal',
      'decorators',
      'openApi',
      'registration',
      'notifications',
      'admin',
    ]);
    expect(REQUIRED.Evidence).toContain('InvalidUsageAllocationsException');
    expect(REQUIRED.Invariants).toHaveLength(10);
  });
});

describe('the check', () => {
  const page = (...lines: string[]): string => ['## Defects', '', '| id | test |', '|---|---|', ...lines].join('\n');
  const requirements: Requirements = {
    ids: { Defects: ['D1', 'D2'] },
    titlesOf: (file) => (file === 'test/a.spec.ts' ? new Set(['outer › D1 is not so', 'D2 | neither']) : null),
    nameOf: ({ id }) => new RegExp(`\\b${id}\\b`),
  };
  const problems = (...lines: string[]): string[] => acceptanceProblems(parseAcceptance(page(...lines)), requirements);
  const first = '| D1 | `test/a.spec.ts` outer › D1 is not so |';
  const second = '| `D2` | what it is | `test/a.spec.ts` D2 \\| neither<br>`test/a.spec.ts` D1 is not so |';

  it('is content with a page that holds', () => {
    expect(problems(first, second)).toEqual([]);
  });

  it.each<[string, string[], string]>([
    ['a missing promise', [first], '"Defects" lacks D2'],
    [
      'a promise that nobody made',
      [first, second, '| D3 | `test/a.spec.ts` D1 is not so |'],
      '"Defects" names D3, which there is not',
    ],
    ['a promise made twice', [first, second, first], '"Defects" names D1 twice'],
    [
      'a file that does not exist',
      [second, '| D1 | `test/b.spec.ts` D1 is not so |'],
      'line 6, D1: there is no test/b.spec.ts',
    ],
    [
      'a test that does not exist',
      [second, '| D1 | `test/a.spec.ts` D1 is |'],
      'line 6, D1: test/a.spec.ts has no test "D1 is"',
    ],
    ['a promise without a test', [second, '| D1 | later |'], 'line 6, D1: "later" is no test'],
    [
      'a test that is not named after it',
      [second, '| D1 | `test/a.spec.ts` D2 \\| neither |'],
      'line 6, D1: none of its tests is named so',
    ],
    [
      'a section that nobody asked for',
      [first, second, '## Other', '| id | test |', '|---|---|', first],
      'D1 stands in "Other", which is no section of requirements',
    ],
  ])('finds %s', (_, lines, problem) => {
    expect(problems(...lines)).toContain(problem);
  });
});

describe('titles of tests', () => {
  const found = testTitlesOf(`
    const ROWS = [['x', 1], ['y', other]] as const;
    describe('outer', () => {
      it('plain', () => {});
      it.each(ROWS)('row %s of %s', () => {});
      it.each<string>(['a', ...['b']])('value %s', () => {});
      it.skip('skipped', () => {});
      it.todo('to do');
      for (const one of many) it(\`made by \${one}\`, () => {});
    });
    describe.each([['left'], ['right']])('on the %s', () => { test('inner', () => {}); });
    describe('a name of its own', () => { const ROWS = ['z']; it.each(ROWS)('row %s', () => {}); });
    describe.skip('not now', () => { it('lost', () => {}); });
    // it('in a comment', () => {});
  `);

  it('are read with what is around them, tables row by row', () => {
    expect([...found]).toEqual([
      'outer › plain',
      ...['outer › row %s of %s', 'outer › row x of 1', 'outer › row y of %s'],
      ...['outer › value %s', 'outer › value a', 'outer › value b'],
      ...['on the %s › inner', 'on the left › inner', 'on the right › inner'],
      ...['a name of its own › row %s', 'a name of its own › row z'],
    ]);
  });

  it('are found by their end, and by nothing less', () => {
    for (const title of ['plain', 'outer › plain', 'on the left › inner', 'row x of 1'])
      expect([title, hasTitle(found, title)]).toEqual([title, true]);
    for (const title of ['lain', 'skipped', 'lost', 'to do', 'in a comment', 'outer', ''])
      expect([title, hasTitle(found, title)]).toEqual([title, false]);
  });
});
