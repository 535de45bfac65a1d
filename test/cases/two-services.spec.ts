import { describe, expect, it, jest } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// Two services of one seller share a ledger, and each lists a product of its own. Neither knows the other's options:
// it must leave the other's customers alone, as long as the other runs.

jest.setTimeout(120_000);

/** The world's own service lists `PRODUCT_CODE`, the other one the legacy product. */
function withServices(play: (world: World, buyer: Buyer, other: INestApplication) => Promise<void>): Promise<void> {
  return withWorld({}, async (world) => {
    const [own, legacy] = [PRODUCT_CODE, LEGACY_CODE].map((code) =>
      world.products().filter(({ productCode }) => productCode === code),
    );
    await world.restart({ options: { products: own! } });
    const other = await world.addReplica({ products: legacy! });
    await play(world, await world.join('acme'), other);
    expect(await world.alerts()).toEqual([]);
  });
}

describe('two services with a product each in one ledger', () => {
  it('seal the last hour of a buyer in time, whichever looks first', async () => {
    await withServices(async (world, buyer, other) => {
      await buyer.use(7);
      world.clock.set(at('2026-11-11T10:50:00Z'));
      buyer.cancel();
      await world.hear();
      // What is sealed only in the next hour is too late.
      world.clock.set(at('2026-11-11T11:10:00Z'));
      await world.runOn(other, 'seal');
      await world.runOn(other, 'seal');
      world.clock.set(at('2026-11-11T11:20:00Z'));
      await world.run('seal', 'submit');
      await world.expectUnits({ billed: { 'l-1': 7 } });
    });
  });

  it('bill what came while one of them was down once it is back, and say meanwhile that nobody lists the product', async () => {
    await withServices(async (world, buyer, other) => {
      await buyer.use(7);
      for (let hour = 0; hour < 3; hour += 1) {
        world.clock.advance(HOUR_MS);
        await world.runOn(other, 'seal');
      }
      await world.expectUnits({ waiting: { notListed: 7 } });
      expect((await world.alerts('usageWaiting')).map(({ message }) => message)).toEqual([
        expect.stringContaining('notListed'),
      ]);
      world.clock.set(at('2026-11-11T13:10:00Z'));
      await world.run('seal', 'submit');
      await world.expectUnits({ billed: { 'l-1': 7 } });
      await world.run('seal');
    });
  });
});
