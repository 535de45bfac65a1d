import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, nextLine, spawnTypescript, type TestProcess } from '../../support/processes.js';
import { SealingLedger } from './sealing-ledger.js';

/** More than one chunk of 50, so that something is left to do after the first commit. */
const SUBSCRIPTIONS = 60;

let ledger: SealingLedger;
let replica: TestProcess | undefined;

beforeEach(async () => {
  ledger = await SealingLedger.open();
  const ids = await ledger.subscribeMany(SUBSCRIPTIONS);
  for (const id of ids) {
    await ledger.record(
      id,
      { quantity: '1.5', at: '2026-11-11T09:05:00Z' },
      { quantity: 2, at: '2026-11-11T10:05:00Z' },
      { quantity: 3, at: '2026-11-11T10:05:00Z', dimension: 'storage' },
    );
  }
});

afterEach(async () => {
  replica?.kill('SIGKILL');
  await ledger.expectConserved().finally(() => ledger.close());
});

const start = (env: Record<string, string>): TestProcess =>
  (replica = spawnTypescript('test/metering/sealing/sealing-process.ts', [ledger.url, ledger.now.toISOString()], { env }));

async function expectAllSealedOnce(): Promise<void> {
  expect(await ledger.unassigned()).toBe(0);
  const records = await ledger.records();
  expect(records).toHaveLength(3 * SUBSCRIPTIONS);
  const quantities = records.map(({ dimension, hour, quantity }) => `${dimension} ${hour.getUTCHours()}h ${quantity}`);
  expect(new Set(quantities)).toEqual(new Set(['requests 9h 1', 'requests 10h 2', 'storage 10h 3']));
  expect(await ledger.expectConserved()).toBe(String(6.5 * SUBSCRIPTIONS));
}

describe('a sealer that is killed', () => {
  it.each([
    ['seal.claimed', 0],
    ['seal.stamped', 0],
    ['seal.written', 0],
    ['seal.committed', 50],
  ])('at %s leaves whole chunks (%s subscriptions), and the next one seals the rest', async (point, sealed) => {
    const child = start({ CRASH_AT: point });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    // Postgres ends the transaction of a client that is gone when it next looks at the connection.
    await eventually('the dead sealer holds no cursor', async () => {
      const free = await ledger.database.query(`SELECT 1 FROM marketplace.seal_cursor FOR UPDATE SKIP LOCKED`);
      return free.length === SUBSCRIPTIONS;
    });
    expect(new Set((await ledger.records()).map((record) => record.subscription_id)).size).toBe(sealed);
    await ledger.expectConserved();
    await ledger.seal();
    await expectAllSealedOnce();
  });
});

describe('a sealer that stands still in the midst of a chunk', () => {
  it('keeps what it holds, the others seal the rest, and it ends well when it goes on', async () => {
    const child = start({ PAUSE_AT: 'seal.stamped' });
    expect(await nextLine(child)).toBe('ready');
    await eventually('the sealer stands still', () =>
      execFileSync('ps', ['-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' }).startsWith('T'),
    );
    await ledger.seal();
    expect(new Set((await ledger.records()).map((record) => record.subscription_id)).size).toBe(SUBSCRIPTIONS - 50);
    child.kill('SIGCONT');
    expect(await nextLine(child)).toBe('sealed');
    await expectAllSealedOnce();
  });
});
