import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { repositoryRoot, typescriptArgs } from '../support/processes.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The command as cron starts it. */
function runOnce(words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const command = [...typescriptArgs, path.join(repositoryRoot, 'src/run-once.command.ts'), ...words];
  const { PATH = '', TMPDIR = '' } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env: { PATH, TMPDIR, ...environment } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('the command marketplace-run-once', () => {
  it('runs what there is to do and reports it on one line', async () => {
    const { exitCode, stdout } = await runOnce(['--within', '60'], {
      DATABASE_URL: database.url,
      MARKETPLACE_PRODUCTS: '[{"productCode":"abc","dimensions":["requests"]}]',
      MARKETPLACE_SIGN_UP_URL: 'https://app.example.com/sign-up',
      // Nobody listens there, and there is nothing to ask.
      MARKETPLACE_AWS_ENDPOINT: 'http://127.0.0.1:1',
    });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { exitCode: 0, failures: [] }]);
  });

  it('says what is wrong with the options once', async () => {
    const { exitCode, stderr } = await runOnce([]);
    expect([exitCode, stderr.match(/products \(MARKETPLACE_PRODUCTS\)/g)]).toEqual([1, [expect.any(String)]]);
  });

  it.each([
    [['--within', 'soon'], '--within takes seconds, from 1 to 900'],
    [['--within', '901'], '--within takes seconds, from 1 to 900'],
    [['--wihtin', '5'], "Unknown option '--wihtin'"],
    [['now'], "Unexpected argument 'now'"],
  ])('starts nothing when given %j, and says why', async (words, why) => {
    const { exitCode, stdout, stderr } = await runOnce(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.slice(0, why.length)).toBe(why);
    expect(stderr).toMatch(/^[^\n]+\.\n\nusage: /);
  });

  it('explains itself when asked', async () => {
    expect(await runOnce(['--help'])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^usage: /) });
  });
});
