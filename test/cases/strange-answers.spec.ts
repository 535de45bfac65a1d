import { describe, expect, it, jest } from '@jest/globals';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { STRANGE_ANSWERS, STRANGE_RESULTS } from '../support/strange-answers.js';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// G6: answers that nobody has seen, for one run, an hour or a day, for one product or for all.

jest.setTimeout(600_000);

const BATCH = { operation: 'BatchMeterUsage' } as const;
const KINDS = [...STRANGE_ANSWERS, ...STRANGE_RESULTS];
/** One for each way in which a call can end, as far as the ledger can tell them apart. */
const WAYS = KINDS.filter(([answer]) =>
  [
    'an HTTP 400 that no model lists',
    'a proxy’s 413',
    'a proxy’s 407',
    'an HTML page with 200, after the effect',
    'an HTML page with 502',
    'results without anything',
    'a status that nobody knows, of one record',
    'fewer records than asked',
  ].includes(answer),
);
/** In hours; 0: one run. */
const SPELLS: [number, 'one product' | 'all products'][] = [
  [0, 'all products'],
  [1, 'one product'],
  [1, 'all products'],
];
/** The first record of a spell is due a day after its hour began. */
const TOLD_WITHIN_HOURS = 3;

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
    expect(WAYS).toHaveLength(8);
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

  it.each(WAYS)(
    '%s, for 30 hours: told in time; what AWS no longer takes stands with its reason, the rest is billed',
    async (_, fault) => {
      expect(WAYS).toHaveLength(8);
      await withWorld({}, async (world) => {
        const buyers = await joined(world);
        const strange = world.simulator.faults.add({ ...BATCH, ...fault });
        for (let hour = 1; hour <= 30; hour += 1) {
          if (hour % 3 === 1) for (const buyer of buyers) await buyer.use(3);
          await world.pass(1, 1);
          if (hour < TOLD_WITHIN_HOURS) continue;
          const critical = (await world.alerts()).filter(({ severity }) => severity === 'critical');
          expect([hour, critical.length > 0]).toEqual([hour, true]);
        }
        strange.remove();
        const over = world.now();
        await world.pass(4, 1);
        await world.expectBalanced();
        const standing = await world.records<{ state: string; hour: Date; quantity: string }>(
          `state <> 'metered' AND disposition IS DISTINCT FROM 'annulled'`,
        );
        // Of the hours that AWS no longer takes nobody can know what became, where the answer did not tell.
        expect(new Set(standing.map(({ state }) => state))).toEqual(new Set(standing.length === 0 ? [] : ['unknown']));
        const oldest = over.getTime() - 24 * HOUR_MS;
        expect(standing.filter(({ hour }) => hour.getTime() > oldest)).toEqual([]);
        const unknown = standing.reduce((sum, { quantity }) => sum + Number(quantity), 0);
        const isBilledAll = 'afterEffect' in fault && fault.afterEffect === true;
        expect(billOf(world)).toBe(isBilledAll ? world.recorded : world.recorded - unknown);
        const open = new Set(await alertsOf(world));
        expect([...open].filter((kind) => kind !== 'unknownOutcome' && kind !== 'expired')).toEqual([]);
        expect(open.has('unknownOutcome')).toBe(unknown > 0);
      });
    },
  );
});
