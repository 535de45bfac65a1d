import { describe, expect, it, jest } from '@jest/globals';
import { type Fault } from 'aws-marketplace-simulator';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// G6: answers that nobody has seen, for one run or an hour, for one product or for all.

jest.setTimeout(600_000);

const BATCH = { operation: 'BatchMeterUsage' } as const;

/** What AWS, or something before it, answers. */
const KINDS: [string, Fault][] = [
  ['an HTTP 400 that no model lists', { kind: 'unknownError', name: 'NeverHeardOfException' }],
  ['a status that nobody knows, of one record', { kind: 'unknownStatus', status: 'Deferred', subset: 1 }],
  ['a 502', { kind: 'proxyPage' }],
];
const SPELLS: [string, number, 'one product' | 'all products'][] = [
  ['one run', 0, 'all products'],
  ['an hour', 1, 'one product'],
  ['an hour', 1, 'all products'],
];

const alertsOf = async (world: World): Promise<string[]> => (await world.alerts()).map(({ kind }) => kind);

describe('G6 an answer that nobody has seen', () => {
  it.each(KINDS)('%s, for one run and an hour, of one product and of all', async (_answer, fault) => {
    await withWorld({}, async (world) => {
      const buyers = [
        await world.join('acme', { productCode: PRODUCT_CODE }),
        await world.join('bolt', { productCode: PRODUCT_CODE }),
        await world.join('crux', { productCode: LEGACY_CODE }),
      ];
      for (const [spell, hours, scope] of SPELLS) {
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
        const billed = world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
        expect([spell, scope, billed]).toEqual([spell, scope, world.recorded]);
        expect([spell, scope, await alertsOf(world)]).toEqual([spell, scope, []]);
      }
    });
  });
});
