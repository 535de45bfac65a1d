import { once } from 'node:events';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawnTypescript } from '../support/processes.js';

jest.setTimeout(75_000);

interface Account {
  subscriptions: number;
  events: number;
  records: number;
  metered: number;
  recordedUnits: number;
  billedUnits: number;
  accountedUnits: number;
  faults: Record<string, number>;
  conserved: boolean;
}

/** Runs the sources, so that no build can be stale. */
async function demoCheck(...args: string[]): Promise<{ code: number; account: Account }> {
  const child = spawnTypescript('examples/saas/demo-check.ts', args, { env: { DATABASE_URL: '' } });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, account: JSON.parse(text.trim().split('\n').at(-1) ?? '') as Account };
}

describe('npm run demo:check', () => {
  let honest: Promise<{ code: number; account: Account }>;
  let sabotaged: Promise<{ code: number; account: Account }>;

  // Side by side: each mostly waits for its hours to pass.
  beforeAll(() => {
    honest = demoCheck();
    sabotaged = demoCheck('--sabotage');
    // Each test awaits its own; the other's failure is not news before that.
    sabotaged.catch(() => undefined);
  });

  it('finds every recorded unit on the bill or accounted for, after each of its faults has struck', async () => {
    const { code, account } = await honest;
    const { recordedUnits, billedUnits, accountedUnits, faults } = account;
    expect(code).toBe(0);
    expect(account.conserved).toBe(true);
    expect(recordedUnits).toBe(billedUnits + accountedUnits);
    expect(Object.keys(faults).sort()).toEqual(['killedWorkers', 'lostAnswers', 'poisoned', 'throttled', 'unprocessed']);
    expect(Math.min(...Object.values(faults))).toBeGreaterThanOrEqual(1);
    expect(account.subscriptions).toBeGreaterThanOrEqual(2);
    expect(billedUnits).toBeGreaterThan(accountedUnits);
  });

  it('fails by one unit when one was dropped', async () => {
    const { code, account } = await sabotaged;
    expect(code).toBe(1);
    expect(account.conserved).toBe(false);
    expect(account.recordedUnits - account.billedUnits - account.accountedUnits).toBe(1);
  });
});
