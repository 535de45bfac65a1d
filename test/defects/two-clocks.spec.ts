import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { repositoryRoot } from '../support/processes.js';

// Business time comes from the injected clock and enters SQL as a parameter; machine time is the database's
// `clock_timestamp()`. What would mix the two cannot be seen from outside while both clocks agree, so the sources are
// read.

const SOURCES = readdirSync(path.join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const saying = (pattern: RegExp): string[] =>
  SOURCES.filter((file) => pattern.test(readFileSync(path.join(repositoryRoot, 'src', file), 'utf8'))).sort();

it('I8 no statement reads the time at which its transaction began: it is neither of the two clocks', () => {
  expect(SOURCES.length).toBeGreaterThan(50);
  expect(
    saying(
      /\b(?:current_timestamp|localtimestamp|transaction_timestamp|statement_timestamp)\b|(?<![.\w])now\(\)(?!:)/i,
    ),
  ).toEqual([]);
});

it('I8 the wall clock of the process is read where it is the business clock by default, compared with the database, or guards a lease', () => {
  expect(saying(/\bDate\.now\(|\bnew Date\(\)/)).toEqual([
    // Sessions of AWS's end by AWS's time.
    'aws/role-credentials.ts',
    'database/clock-guard.ts',
    'database/connection-watch.ts',
    'metering/submission/lease-watch.ts',
    'options/clock.ts',
    'runtime/clock.ts',
    // Certificates are AWS's, and hold by AWS's calendar.
    'subscription/inbox/sns-certificates.ts',
  ]);
});
