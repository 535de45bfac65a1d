import { describe, expect, it, jest } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { at, withWorld } from './routes.js';

// A subscription that is handed over from one tenant to another: both use one license, of which AWS keeps one record an
// hour. Siblings: the hour of the hand-over, as the license's last and before; usage of the first tenant that comes
// late while the second uses every hour; fractions of both; a contract that both use up.

jest.setTimeout(120_000);

/** At 10:30 the subscription is handed over; 5.5 units were used before. */
function withHandOver(play: (world: World, buyer: Buyer) => Promise<void>, options: WorldOptions = {}): Promise<void> {
  return withWorld({ lists: [PRODUCT_CODE], ...options }, async (world) => {
    const buyer = await world.join('before', { entitlements: [{ dimension: 'pack', value: 10 }] });
    await buyer.use('5.5');
    world.clock.set(at('2026-11-11T10:30:00Z'));
    await world.subscriptions.handOver(buyer.subscriptionId, { tenantId: 'after', from: world.now() });
    await play(world, buyer);
    expect((await world.alerts()).filter(({ kind }) => kind !== 'usageHeld')).toEqual([]);
  });
}

const use = (world: World, tenantId: string, quantity: number | string, occurredAt?: Date) =>
  world.record({ tenantId, quantity, ...(occurredAt && { occurredAt }) });

describe('subscriptions that tenants hand on in a row', () => {
  it('are billed for all in their last hour, though who began the row is sealed among others', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const one = await world.join('first');
      await one.use(5);
      // More than are sealed in one transaction come between.
      await world.database.query(
        `WITH made AS (INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id)
           SELECT p.seller_account, idle.id, p.product_code, idle.id::text
           FROM marketplace.product p CROSS JOIN unnest($1::uuid[]) AS idle (id) RETURNING seller_account, id)
         INSERT INTO marketplace.customer_changed (seller_account, customer_id) SELECT seller_account, id FROM made`,
        [Array.from({ length: 250 }, () => uuidv7())],
      );
      const two = await world.join('second');
      await two.use(3);
      world.clock.set(at('2026-11-11T10:30:00Z'));
      await world.subscriptions.handOver(one.subscriptionId, { tenantId: 'second', from: world.now() });
      await world.subscriptions.handOver(two.subscriptionId, { tenantId: 'third', from: world.now() });
      world.clock.set(at('2026-11-11T10:40:00Z'));
      await use(world, 'second', 7);
      await use(world, 'third', 4);
      world.clock.set(at('2026-11-11T10:50:00Z'));
      for (const buyer of [one, two]) buyer.cancel();
      await world.hear();
      await world.goTo('2026-11-11T11:10:00Z');
      await world.expectUnits({ billed: { 'l-1': 12, 'l-2': 7 } });
    });
  });
});

describe('a subscription that two tenants have within an hour', () => {
  it('is billed for both in the last hour of its license', async () => {
    await withHandOver(async (world, buyer) => {
      world.clock.set(at('2026-11-11T10:40:00Z'));
      await use(world, 'after', '7.5');
      world.clock.set(at('2026-11-11T10:50:00Z'));
      buyer.cancel();
      await world.hear();
      await world.goTo('2026-11-11T11:10:00Z');
      await world.expectUnits({ billed: { 'l-1': 13 } });
      expect(await world.records()).toHaveLength(1);
    });
  });

  it('is billed for both however many replicas look at either at once', async () => {
    await withHandOver(async (world, buyer) => {
      await world.addReplica();
      world.clock.set(at('2026-11-11T10:40:00Z'));
      await use(world, 'after', '7.5');
      world.clock.set(at('2026-11-11T10:50:00Z'));
      buyer.cancel();
      await world.hear();
      world.clock.set(at('2026-11-11T11:10:00Z'));
      for (let round = 0; round < 4; round += 1) await Promise.all(world.apps.map((app) => world.runOn(app, 'seal')));
      await world.run('submit');
      await world.settle();
      await world.expectUnits({ billed: { 'l-1': 13 } });
    });
  });

  it('is billed for what the first used and what comes late of it, though the second uses every hour', async () => {
    await withHandOver(async (world, buyer) => {
      for (const hour of [11, 12, 13]) {
        await use(world, 'after', 1);
        await world.goTo(`2026-11-11T${hour}:10:00Z`);
        if (hour === 11) await use(world, 'before', '9.5', at('2026-11-11T10:10:00Z'));
      }
      await world.expectUnits({ billed: { 'l-1': 18 } });
      buyer.cancel();
      await use(world, 'before', 3, at('2026-11-11T10:20:00Z'));
      await world.goTo('2026-11-11T13:30:00Z');
      await world.expectUnits({ billed: { 'l-1': 21 } });
    });
  });

  it('uses up one contract with both', async () => {
    const product = {
      contractDimensions: ['pack'],
      includedUnits: [{ contractDimension: 'pack', covers: ['requests'] }],
    };
    await withHandOver(
      async (world, buyer) => {
        await use(world, 'after', '7.75');
        await world.pass(1.5);
        await world.expectUnits({ billed: { 'l-1': 3 }, included: 10, carry: 0.25 });
        await use(world, 'before', '0.5', at('2026-11-11T10:20:00Z'));
        await use(world, 'after', 1);
        await world.pass(1.5);
        await world.expectUnits({ billed: { 'l-1': 4 }, included: 10, carry: 0.75 });
        buyer.cancel();
        await world.pass(28, 2);
        await world.expectUnits({ billed: { 'l-1': 4 }, included: 10, records: { 'held noHour': 0.75 } });
      },
      { product },
    );
  });
});
