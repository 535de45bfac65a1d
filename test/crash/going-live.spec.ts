import { afterEach, expect, it } from '@jest/globals';
import { type Options } from '../../src/index.js';
import { DIMENSIONS, LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';

type Product = NonNullable<Options['products']>[number];

let harness: LedgerHarness;
let replicas: LedgerHarness[] = [];

afterEach(async () => {
  for (const replica of replicas.reverse()) await replica.stop();
  replicas = [];
  await harness.stop();
});

const inMode = (product: Pick<Product, 'mode' | 'liveFrom'>): Options => ({
  products: [{ productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off', ...product }],
});

/** The next release of the application, with other options. */
async function deployed(product: Pick<Product, 'mode' | 'liveFrom'>): Promise<LedgerHarness> {
  const replica = await harness.replica({ options: inMode(product) });
  replicas.push(replica);
  return replica;
}

it.each(['dry-run', 'off'] as const)(
  '%s, and then live from a named hour: from there on every unit is billed once, nothing of before',
  async (mode) => {
    harness = await LedgerHarness.start({ options: inMode({ mode }) });
    const usage = new RecordedUsage(harness);
    const { id } = await harness.subscribe();
    const record = (quantity: number | string) => usage.record({ subscriptionId: id, dimension: 'requests', quantity });
    const work = (replica: LedgerHarness) => replica.run('seal', 'submit', 'deadline', 'recovery');

    await record('5.75');
    harness.advance(2);
    await work(harness);
    harness.advance(26);
    await work(harness);
    expect(await harness.records()).toMatchObject([
      { mode, quantity: '5', state: 'closed', reason: mode === 'off' ? 'off' : 'dryRun', disposition: 'held' },
    ]);

    const liveFrom = new Date('2026-11-12T15:00:00Z');
    await expect(deployed({ mode: 'live' })).rejects.toMatchObject({ code: 'PRODUCT_LIVE_FROM_REQUIRED' });
    const live = await deployed({ mode: 'live', liveFrom });
    await record(3);
    harness.clock.set(new Date('2026-11-12T15:20:00Z'));
    await record('4.5');
    harness.advance(1);
    // Usage of before that the application tells of after it.
    await usage.record({ subscriptionId: id, dimension: 'requests', quantity: 2, occurredAt: new Date('2026-11-12T13:30:00Z') });
    await work(live);
    harness.advance(26);
    await work(live);
    await live.settle();
    expect(harness.simulator.bill().map(({ hour, quantity }) => [hour, quantity])).toEqual([['2026-11-12T15:00:00.000Z', 4]]);
    expect(await usage.expectAllAccounted()).toEqual({ metered: 4, held: 10.75 });
  },
);

it('live, and then dry-run: what was sealed live is still sent, what comes after is not', async () => {
  harness = await LedgerHarness.start();
  const usage = new RecordedUsage(harness);
  const { id } = await harness.subscribe();
  await usage.record({ subscriptionId: id, dimension: 'requests', quantity: 5 });
  harness.advance(2);
  await harness.run('seal');
  const dry = await deployed({ mode: 'dry-run' });
  await usage.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
  harness.advance(2);
  await dry.run('seal', 'submit', 'deadline');
  expect(harness.simulator.bill().map(({ quantity }) => quantity)).toEqual([5]);
  expect(await usage.expectAllAccounted()).toEqual({ metered: 5, held: 3 });
});
