import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallBudget } from '../../src/database/call-budget.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

let postgres: TestDatabase;
let database: LedgerDatabase;
const budgetOf = (callsPerSecond: number): CallBudget =>
  new CallBudget(
    resolveOptions({
      database: { url: postgres.url },
      products: [{ productCode: 'larkspur', dimensions: ['requests'] }],
      signUpUrl: 'http://localhost/',
      submission: { callsPerSecond },
    }),
    database,
  );
const reserve = (budget: CallBudget, region = 'us-east-1') => budget.reserve(region, 'BatchMeterUsage');

/** Until when slots are taken, in milliseconds, by the database's own book: no stop-watch is in it. */
const bookedUntil = async (region = 'us-east-1'): Promise<number> => {
  const [row] = await database.query<{ at: number }>(
    `SELECT extract(epoch FROM theoretical_arrival_at)::float8 * 1000 AS at FROM marketplace.call_budget
     WHERE region = $1`,
    [region],
  );
  return row!.at;
};
/** The book runs ahead of every caller: what a slot adds to it is no matter of how long a statement took. */
const bookAhead = () =>
  database.query(`UPDATE marketplace.call_budget SET theoretical_arrival_at = clock_timestamp() + interval '5 min'`);

beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  database = new LedgerDatabase(await createDataSource({ database: { url: postgres.url, poolSize: 8 } }).initialize());
});
beforeEach(() => database.query(`DELETE FROM marketplace.call_budget`));
afterAll(async () => {
  await database.dataSource.destroy();
  await postgres.drop();
});

describe('the call budget', () => {
  it('hands out one slot after the other to all replicas together, a little under the quota', async () => {
    const replicas = [budgetOf(10), budgetOf(10), budgetOf(10)];
    expect(await reserve(replicas[0]!)).toBe(0);
    await bookAhead();
    const first = await bookedUntil();
    const waits: number[] = [];
    for (let round = 1; round <= 20; round += 1) {
      waits.push(...(await Promise.all(replicas.map((budget) => reserve(budget)))));
      // Three more slots of 1 / 9.8 s each, whoever asked.
      expect((await bookedUntil()) - first).toBeCloseTo((3 * round * 1000) / 9.8, 0);
    }
    expect(waits.filter((wait) => wait < 0)).toEqual([]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(300_000 + (60 * 1000) / 9.8);
  });

  it('gives an idle region its first slot at once, and each region its own', async () => {
    const budget = budgetOf(1);
    expect(await reserve(budget)).toBe(0);
    await bookAhead();
    const first = await bookedUntil();
    expect(await reserve(budget)).toBeGreaterThan(900);
    expect((await bookedUntil()) - first).toBeCloseTo(1000 / 0.98, 0);
    expect(await reserve(budget, 'eu-west-1')).toBe(0);
    expect((await bookedUntil()) - first).toBeCloseTo(1000 / 0.98, 0);
  });

  it('does not save up what was not used', async () => {
    const budget = budgetOf(20);
    await reserve(budget);
    await sleep(300);
    // Told by when the slot lies, not by how long is left of the wait: asking takes a busy machine its time.
    const began = performance.now();
    expect(await reserve(budget)).toBe(0);
    const wait = await reserve(budget);
    expect(performance.now() - began + wait).toBeGreaterThan(50);
  });

  /** Calls per second, by two slots of the book. */
  const rate = async (budget: CallBudget): Promise<number> => {
    await bookAhead();
    await reserve(budget);
    const first = await bookedUntil();
    await reserve(budget);
    return 1000 / ((await bookedUntil()) - first);
  };

  it('halves on throttling, once for calls that were throttled together, and grows back in a straight line', async () => {
    const budget = budgetOf(10);
    await reserve(budget);
    // Together is within a second. A machine that took longer for four statements has shown nothing.
    const now = async (): Promise<number> => {
      const [row] = await database.query<{ ms: number }>(
        'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
      );
      return row!.ms;
    };
    for (let tookMs = Number.POSITIVE_INFINITY; tookMs >= 1000;) {
      await database.query(`UPDATE marketplace.call_budget SET throttled_at = NULL, calls_per_second = 10`);
      const began = await now();
      await Promise.all([1, 2, 3, 4].map(() => budget.throttled('us-east-1', 'BatchMeterUsage')));
      tookMs = (await now()) - began;
    }
    await database.query(`UPDATE marketplace.call_budget SET throttled_at = clock_timestamp()`);
    expect(await rate(budget)).toBeGreaterThan(4.5);
    expect(await rate(budget)).toBeLessThan(5.6);
    await database.query(`UPDATE marketplace.call_budget SET throttled_at = throttled_at - interval '15 s'`);
    expect(await rate(budget)).toBeGreaterThan(7);
    expect(await rate(budget)).toBeLessThan(8.2);
    await database.query(`UPDATE marketplace.call_budget SET throttled_at = throttled_at - interval '60 s'`);
    expect(await rate(budget)).toBeGreaterThan(9);
    expect(await rate(budget)).toBeLessThan(10.5);
  });

  it('never falls below a fifth of a call per second, so that it can recover', async () => {
    const budget = budgetOf(1);
    await reserve(budget);
    for (let n = 0; n < 6; n += 1) {
      await budget.throttled('us-east-1', 'BatchMeterUsage');
      await database.query(`UPDATE marketplace.call_budget SET throttled_at = clock_timestamp() - interval '1001 ms'`);
    }
    const [row] = await database.query<{ calls_per_second: number }>(
      `SELECT calls_per_second FROM marketplace.call_budget`,
    );
    expect(row!.calls_per_second).toBeGreaterThanOrEqual(0.2);
    expect(row!.calls_per_second).toBeLessThan(0.3);
  });

  it('follows an option that has changed since the row was written', async () => {
    await reserve(budgetOf(1));
    expect(await rate(budgetOf(50))).toBeGreaterThan(30);
    expect(await rate(budgetOf(2))).toBeLessThan(2.1);
  });

  it('has a caller wait for the slot, and takes none for one who would not wait that long', async () => {
    const budget = budgetOf(5);
    const began = performance.now();
    for (let call = 0; call < 3; call += 1)
      expect(await budget.take('us-east-1', 'BatchMeterUsage', 10_000)).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(380);
    await bookAhead();
    const before = await bookedUntil();
    for (let call = 0; call < 5; call += 1) expect(await budget.take('us-east-1', 'BatchMeterUsage', 50)).toBe(false);
    expect(await bookedUntil()).toBe(before);
  });

  it('lets a caller go who is told to stop while he waits', async () => {
    const budget = budgetOf(0.2);
    await reserve(budget);
    const stop = new AbortController();
    const waiting = budget.take('us-east-1', 'BatchMeterUsage', 60_000, stop.signal);
    setTimeout(() => {
      stop.abort();
    }, 20);
    expect(await waiting).toBe(false);
  });

  it('holds each operation to the rate of its own, below what AWS publishes', async () => {
    const budget = budgetOf(10);
    for (const [operation, perSecond] of [
      ['GetEntitlements', 15],
      ['SearchAgreements', 4],
      ['DescribeAgreement', 4],
      ['GetAgreementTerms', 4],
    ] as const) {
      const since = performance.now();
      await budget.reserve('us-east-1', operation);
      const waitMs = await budget.reserve('us-east-1', operation);
      // What went by between the two is waited for already.
      const goneByMs = performance.now() - since;
      expect(waitMs).toBeLessThan(1000 / perSecond / 0.97);
      expect(waitMs).toBeGreaterThan(1000 / perSecond - goneByMs);
    }
  });
});
