import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { EntitlementService } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { at, withWorld } from './routes.js';

// M11: an answer that may be from before what was heard. A message tells no time (raw delivery), AWS is asked at once,
// and its lists do not know yet. Siblings, in the rules alone (test/subscription/agreements/told-late.property.spec.ts):
// a purchase that is not listed yet, a conversion, an amended end, each heard before, in and after the second of the
// question.

jest.setTimeout(120_000);

describe('an end of which AWS’s lists do not know when it is told', () => {
  it.each([0, 5000, 540_000])(
    'is found in time for its last hour (lists are %d ms behind)',
    async (searchIndexDelayMs) => {
      await withWorld({ ways: ['rawQueue'], simulator: { switches: { searchIndexDelayMs } } }, async (world) => {
        const buyer = await world.join('acme', { productCode: LEGACY_CODE });
        await world.goTo('2026-11-11T10:30:00Z');
        await world.goTo('2026-11-11T12:02:00Z');
        await buyer.use(5);
        await world.goTo('2026-11-11T12:05:00Z');
        buyer.cancel();
        await world.turn();
        expect(await buyer.state()).toBe(searchIndexDelayMs === 0 ? 'ending' : 'active');
        // Minute by minute: AWS takes nothing of it from 13:05 on, and the hour alone would be sealed at 13:10.
        await world.pass(0.5, 1 / 60);
        expect(await buyer.state()).toBe('ending');
        await buyer.use(9, { occurredAt: at('2026-11-11T12:20:00Z') });
        await world.pass(2);
        expect(await buyer.state()).toBe('ended');
        const { billed = {} } = await world.expectConserved();
        expect(billed).toEqual({ 'l-1': 5 });
      });
    },
  );
});

// K26: GetEntitlements lists an amendment up to ten minutes after its message. Siblings, in the rules alone
// (test/metering/sealing/included-quantity.spec.ts, included-pool.spec.ts): found by asking, several messages.
describe('an amendment that GetEntitlements does not list yet when AWS is asked about it', () => {
  const lags = [0, 5000, 540_000];

  function contract(entitlementChangesAfterMs: number): WorldOptions {
    const includedUnits = [{ contractDimension: 'pack', covers: ['requests'] }];
    return {
      lists: [PRODUCT_CODE],
      simulator: { switches: { entitlementChangesAfterMs } },
      product: { contractDimensions: ['pack'], includedUnits },
    };
  }

  async function play(lag: number, story: (world: World, buyer: Buyer) => Promise<void>): Promise<void> {
    await withWorld(contract(lag), async (world) => {
      const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 1000 }] });
      await world.goTo('2026-11-11T11:30:00Z');
      await story(world, buyer);
    });
  }

  const amend = (world: World, buyer: Buyer, value: number): void => {
    world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'pack', value }]);
  };

  it.each(lags)('upwards counts from the hour that AWS names (lists are %d ms behind)', async (lag) => {
    await play(lag, async (world, buyer) => {
      await buyer.use(1000);
      await world.goTo('2026-11-11T12:15:00Z');
      await buyer.use(400);
      await world.goTo('2026-11-11T12:58:00Z');
      amend(world, buyer, 1500);
      // The hour is over, and AWS has answered since: with what was held before.
      await world.goTo('2026-11-11T13:02:00Z');
      await world.goTo('2026-11-11T13:10:00Z');
      await world.pass(2);
      await world.expectUnits({ included: 1400 });
    });
  });

  it.each(lags)('upwards counts where the agreement ends minutes later (lists are %d ms behind)', async (lag) => {
    await play(lag, async (world, buyer) => {
      await buyer.use(1000);
      await world.goTo('2026-11-11T12:15:00Z');
      amend(world, buyer, 1500);
      await world.turn();
      await buyer.use(400);
      await world.goTo('2026-11-11T12:25:00Z');
      await world.goTo('2026-11-11T12:30:00Z');
      buyer.cancel();
      await world.turn();
      await world.pass(0.5, 1 / 60);
      await world.pass(2);
      await world.expectUnits({ included: 1400 });
    });
  });

  it.each(lags)('downwards counts from the next hour (lists are %d ms behind)', async (lag) => {
    await play(lag, async (world, buyer) => {
      await buyer.use(300);
      await world.goTo('2026-11-11T12:58:00Z');
      amend(world, buyer, 500);
      await world.goTo('2026-11-11T13:02:00Z');
      await buyer.use(400, { occurredAt: at('2026-11-11T13:01:00Z') });
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 500 });
    });
  });

  it.each(lags)('lets in ten minutes later (lists are %d ms behind)', async (lag) => {
    await play(lag, async (world, buyer) => {
      const entitlements = world.app.get(EntitlementService);
      const isEntitled = async () =>
        (await entitlements.check({ tenantId: 'acme' }, 'pack', { atLeast: 1200 })).isEntitled;
      expect(await isEntitled()).toBe(false);
      await world.goTo('2026-11-11T11:30:01Z');
      amend(world, buyer, 1500);
      await world.hear();
      expect(await isEntitled()).toBe(lag === 0);
      await world.goTo('2026-11-11T11:35:00Z');
      expect(await isEntitled()).toBe(lag < 300_000);
      await world.goTo('2026-11-11T11:40:00Z');
      await isEntitled();
      await world.goTo('2026-11-11T11:40:01Z');
      expect(await isEntitled()).toBe(true);
    });
  });
});

// M25. Siblings, in the rules alone (test/subscription/agreements/agreement-end.spec.ts): at the very instant of the
// start, ten minutes before it, of an agreement that was known.
describe('a renewal that the host had not heard of when it said that the subscription ends', () => {
  it.each([0, 5000, 540_000])('goes on, and is billed (lists are %d ms behind)', async (searchIndexDelayMs) => {
    await withWorld({ simulator: { switches: { searchIndexDelayMs } } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(2);
      await world.goTo('2026-11-11T11:30:00Z');
      await world.goTo('2026-11-11T12:00:10Z');
      world.mailbox.hold();
      buyer.renew();
      await world.goTo('2026-11-11T12:00:30Z');
      await world.subscriptions.end(buyer.subscriptionId);
      await world.pass(0.1, 1 / 60);
      await world.mailbox.release();
      await buyer.use(5);
      await world.pass(0.5, 1 / 60);
      expect(await buyer.state()).toBe('active');
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 2, 'l-2': 5 } });
    });
  });

  it('is found, and billed, where no message comes', async () => {
    await withWorld({ ways: [], simulator: { switches: { searchIndexDelayMs: 540_000 } } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(2);
      await world.goTo('2026-11-11T11:30:00Z');
      await world.goTo('2026-11-11T12:00:10Z');
      buyer.renew();
      await world.goTo('2026-11-11T12:00:30Z');
      await world.subscriptions.end(buyer.subscriptionId);
      await world.pass(0.1, 1 / 60);
      await buyer.use(5);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 2, 'l-2': 5 } });
    });
  });
});
