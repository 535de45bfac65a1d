import { describe, expect, it, jest } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { STRANGE_ANSWERS, STRANGE_RESULTS } from '../support/strange-answers.js';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// G6: answers that nobody has seen, for one run or an hour, of one product or of all.

jest.setTimeout(600_000);

const BATCH = { operation: 'BatchMeterUsage' } as const;
const KINDS = [...STRANGE_ANSWERS, ...STRANGE_RESULTS];
/** In hours; 0: one run. */
const SPELLS: [number, 'one product' | 'all products'][] = [
  [0, 'all products'],
  [1, 'one product'],
  [1, 'all products'],
];
const alertsOf = async (world: World): Promise<string[]> => (await world.alerts()).map(({ kind }) => kind);
const billOf = (world: World): number => world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);

async function joined(world: World): Promise<Buyer[]> {
  return [
    await world.join('acme', { productCode: PRODUCT_CODE }),
    await world.join('bolt', { productCode: PRODUCT_CODE }),
    await world.join('crux', { productCode: LEGACY_CODE }),
  ];
}

describe('G6 an answer that nobody has seen', () => {
  it.each(KINDS)('%s, for one run and an hour, of one product and of all', async (_answer, fault) => {
    await withWorld({}, async (world) => {
      const buyers = await joined(world);
      for (const [hours, scope] of SPELLS) {
        for (const buyer of buyers) await buyer.use(3);
        // So that the hour is sealed and sent while it lasts.
        await world.pass(0.5);
        const strange = world.simulator.faults.add({
          ...BATCH,
          ...fault,
          ...(scope === 'one product' && { when: { productCode: PRODUCT_CODE } }),
          ...(hours === 0 && { count: 1 }),
        });
        if (hours > 0) await world.pass(hours);
        if (hours > 0) strange.remove();
        await world.pass(2);
        expect(strange.hits).toBeGreaterThan(0);
        await world.expectAllBilled();
        expect([hours, scope, billOf(world)]).toEqual([hours, scope, world.recorded]);
        expect([hours, scope, await alertsOf(world)]).toEqual([hours, scope, []]);
      }
    });
  });
});
