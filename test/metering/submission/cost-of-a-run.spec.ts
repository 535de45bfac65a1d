import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DIMENSIONS, LedgerHarness, PRODUCT_CODE } from '../../support/ledger-harness.js';
import { SubmissionBench } from './submission-bench.js';

// Four lines of work may be under way, the default, on a budget of ten calls a second.

describe('a run of the submission', () => {
  let bench: SubmissionBench;
  beforeEach(async () => {
    bench = await SubmissionBench.start({
      options: { submission: { callsPerSecond: 10, backoffBaseMs: 60_000, backoffCapMs: 60_000 } },
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await bench.expectConserved();
    await bench.stop();
  });

  /** What a run asks and takes of what all lines share. */
  async function run(): Promise<{ questions: number; transactions: number; reserved: number; calls: number }> {
    const { database, budget } = bench.first;
    const query = jest.spyOn(database, 'query');
    const transaction = jest.spyOn(database, 'transaction');
    const reserve = jest.spyOn(budget, 'reserve');
    const before = bench.calls();
    await bench.first.submit();
    const cost = {
      questions: query.mock.calls.filter(([sql]) => sql.includes('metering_record')).length,
      transactions: transaction.mock.calls.length,
      reserved: reserve.mock.calls.length,
      calls: bench.calls() - before,
    };
    jest.restoreAllMocks();
    return cost;
  }
  const IDLE = { questions: 1, transactions: 0, reserved: 0, calls: 0 };

  it('that finds nothing asks one question', async () => {
    expect(await run()).toEqual(IDLE);
  });

  it('while all that waits is to be tried later asks one question', async () => {
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'throttle', count: 1 });
    // The pause is drawn: not a short one.
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'throttled' });
    expect(await run()).toEqual(IDLE);
  });

  it('that finds one batch reserves one call', async () => {
    const subscription = await bench.subscribe();
    for (const hour of bench.hours(20)) await bench.seal(subscription, { hour });
    // What waits and is taken, what is left meanwhile, and what is left in the end. To look, to claim, to write the answer.
    expect(await run()).toEqual({ questions: 3, transactions: 3, reserved: 1, calls: 1 });
    expect(await bench.records(`state = 'metered'`)).toHaveLength(20);
  });

  it('sends what waits though its first line has failed, and says so', async () => {
    const id = await bench.seal(await bench.subscribe());
    jest.spyOn(bench.first.budget, 'reserve').mockRejectedValueOnce(new Error('connection lost'));
    await expect(bench.first.submit()).rejects.toThrow('connection lost');
    expect((await bench.record(id)).state).toBe('metered');
  });
});

describe('usage of two regions', () => {
  it('does not wait for the other region’s budget', async () => {
    const products = [
      { productCode: PRODUCT_CODE, dimensions: DIMENSIONS },
      { productCode: 'european', dimensions: DIMENSIONS, region: 'eu-west-1' },
    ];
    const harness = await LedgerHarness.start({ options: { products } });
    try {
      const { simulator } = harness;
      simulator.createProduct({ productCode: 'european', dimensions: DIMENSIONS, regions: ['eu-west-1'] });
      // What is due first waits for a call.
      for (const code of [PRODUCT_CODE, 'european']) {
        const { id } = await harness.subscribe(code);
        await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
        harness.advance(1);
      }
      harness.advance(0.25);
      await harness.run('seal');
      await harness.database.query(
        `INSERT INTO marketplace.call_budget (seller_account, region, operation, calls_per_second,
           theoretical_arrival_at)
         VALUES ('default', 'us-east-1', 'BatchMeterUsage', 10, clock_timestamp() + interval '2 seconds')`,
      );
      await harness.run('submit');
      expect(simulator.bill().map(({ productCode }) => productCode)).toEqual(['european', PRODUCT_CODE]);
      await harness.expectConserved();
    } finally {
      await harness.stop();
    }
  });
});
