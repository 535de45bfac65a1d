import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { PRODUCT_CODE, World } from '../support/world.js';
import { ReplicaCrew } from './child-replica.js';

// K24 to K27 under kill -9: a replica dies while it seals usage of a contract, or takes AWS's answer; another goes on,
// and no unit is included twice, or billed though it is included.

/** What is sealed and included when the process has died there. */
const POINTS = {
  'seal.claimed': [],
  'seal.planned': [],
  'seal.written': [],
  'seal.committed': ['200 of 1200, 1000 included'],
} as const;

// Children load for as long as a busy machine takes.
jest.setTimeout(240_000);

let world: World;
const crew = new ReplicaCrew(Object.keys(POINTS).map((crashAt) => ({ crashAt })));

beforeAll(async () => {
  const includedUnits = [{ contractDimension: 'pack', covers: ['requests'] }];
  const product = { contractDimensions: ['pack'], includedUnits };
  world = await World.start({ lists: [PRODUCT_CODE], product });
});
afterAll(async () => {
  await crew.dismiss();
  await world.stop();
});

it.each(Object.entries(POINTS))('killed at %s, and every unit is included or billed once', async (point, sealed) => {
  const buyer = await world.join(`tenant at ${point}`, { entitlements: [{ dimension: 'pack', value: 1000 }] });
  await buyer.use(1200);
  world.clock.advance(2 * HOUR_MS);
  // The answer is asked for, and is there.
  await world.run('seal', 'entitlements');
  const child = crew.take({ crashAt: point });
  child.order(world, ['seal']);
  expect(await child.ended()).toEqual({ code: null, signal: 'SIGKILL' });
  const records = await world.records<{ quantity: string; event_sum: string; included: string }>(
    `subscription_id = '${buyer.subscriptionId}'`,
  );
  expect(records.map((record) => `${record.quantity} of ${record.event_sum}, ${record.included} included`)).toEqual(
    sealed,
  );

  await world.work();
  await buyer.use(50);
  await world.pass(2);
  const after = await world.records<{ quantity: string; included_total: string; state: string }>(
    `subscription_id = '${buyer.subscriptionId}'`,
  );
  expect(after.map(({ quantity, included_total: included, state }) => [quantity, included, state])).toEqual([
    ['200', '1000', 'metered'],
    ['50', '1000', 'metered'],
  ]);
  await world.expectConserved();
});
