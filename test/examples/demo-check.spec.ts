import { once } from 'node:events';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot, spawnProcess, typescriptArgs } from '../support/processes.js';

interface Account {
  subscriptions: number;
  agreements: number;
  events: number;
  records: number;
  metered: number;
  recordedUnits: number;
  billedUnits: number;
  accountedUnits: number;
  faults: Record<string, number>;
  conserved: boolean;
}

interface Told {
  code: number;
  account: Account;
  /** What it said on the way. */
  story: string;
}

/** Runs the sources, so that no build can be stale. */
async function demoCheck(...args: string[]): Promise<Told> {
  const told = [process.execPath, ...typescriptArgs, path.join(repositoryRoot, 'examples/saas/demo-check.ts'), ...args];
  // Both of its streams in one: the story, and the account as its last line.
  const child = spawnProcess('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', ...told], { env: { DATABASE_URL: '' } });
  let story = '';
  child.stdout.on('data', (data: Buffer) => (story += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, account: JSON.parse(story.trim().split('\n').at(-1) ?? '') as Account, story };
}

describe('npm run demo:check', () => {
  let honest: Promise<Told>;
  let sabotaged: Promise<Told>;

  // Side by side: each mostly waits for its hours to pass.
  beforeAll(() => {
    honest = demoCheck();
    sabotaged = demoCheck('--sabotage');
    // Each test awaits its own; the other's failure is not news before that.
    sabotaged.catch(() => undefined);
  });

  it('finds every recorded unit on the bill or accounted for, after each of its faults has struck', async () => {
    const { code, account, story } = await honest;
    const { recordedUnits, billedUnits, accountedUnits, faults } = account;
    expect(code).toBe(0);
    expect(account.conserved).toBe(true);
    expect(recordedUnits).toBe(billedUnits + accountedUnits);
    expect(Object.keys(faults).sort()).toEqual([
      'killedWorkers',
      'lostAnswers',
      'poisoned',
      'throttled',
      'unprocessed',
    ]);
    expect(Math.min(...Object.values(faults))).toBeGreaterThanOrEqual(1);
    // Four first purchases, of which one renews early, one is replaced in the middle of an hour, one cancels and
    // returns, one goes from trial to paid.
    expect(account.agreements).toBe(7);
    for (const scene of [
      /signs the renewal/,
      /from the free trial to paid/,
      /in the middle of an hour/,
      /cancels/,
      /returns/,
    ])
      expect(story).toMatch(scene);
    expect(account.subscriptions).toBeGreaterThanOrEqual(4);
    expect(billedUnits).toBeGreaterThan(accountedUnits);
  });

  it('fails by one unit when one was dropped', async () => {
    const { code, account, story } = await sabotaged;
    expect(code).toBe(1);
    expect(story).toMatch(/✗ Birch & Co, renders: recorded .*: 1 missing/);
    expect(account.conserved).toBe(false);
    expect(account.recordedUnits - account.billedUnits - account.accountedUnits).toBe(1);
  });
});
