import { describe, expect, it, jest } from '@jest/globals';
import { type IncludedUnitsOptions } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { InstalledWorld, UNITS as INSTALLED_UNITS } from '../support/installed-world.js';
import { LEGACY_CODE, PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M23, K24 to K28, K30: contracts with consumption. Siblings: usage that comes late, in any order, by fractions, and
// corrections; amendments up and down, told in time, late, twice, or found by asking; renewals under a new license, the
// same one, or in the same agreement; units per term and per month; GetEntitlements away for hours, or from the
// beginning; several dimensions, blocks, and a dimension that is not covered; license and legacy. K29, K32:
// test/entitlement. K31 at start: test/options/included-units.spec.ts; what it bills: below.

jest.setTimeout(120_000);

const UNITS: IncludedUnitsOptions = { contractDimension: 'pack', covers: ['requests'] };
const bought = (value: number) => ({ entitlements: [{ dimension: 'pack', value }] });

function contract(units: Partial<IncludedUnitsOptions> = {}, more: WorldOptions = {}): WorldOptions {
  const includedUnits = [{ ...UNITS, ...units }];
  return { lists: [PRODUCT_CODE], ...more, product: { contractDimensions: ['pack'], includedUnits, ...more.product } };
}

/** A world at 10:00 with a buyer of so many units. */
function withContract(
  value: number,
  play: (world: World, buyer: Buyer) => Promise<void>,
  units: Partial<IncludedUnitsOptions> = {},
  more: WorldOptions = {},
): Promise<void> {
  return withWorld(contract(units, more), async (world) => play(world, await world.join('acme', bought(value))));
}

/** Uses so much now, and lets its hour be sealed and sent. */
async function useInHour(world: World, buyer: Buyer, quantity: number, occurredAt?: Date): Promise<void> {
  await buyer.use(quantity, {
    ...(occurredAt && { occurredAt }),
    ...(quantity < 0 && { reason: 'a report that failed' }),
  });
  await world.pass(1);
}

/** Quantities of records in the order of their hours; what is never sent aside. */
const quantities = async (world: World): Promise<number[]> =>
  (await world.records<{ quantity: string }>(`kind = 'hour' AND disposition IS DISTINCT FROM 'annulled'`)).map(
    ({ quantity }) => Number(quantity),
  );

const stopAws = (world: World) => world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });

describe('M23 a contract with consumption: 1,000 units entitled', () => {
  it.each([
    [1200, 200],
    [900, 0],
  ])('of %i used, %i are billed', async (used, billed) => {
    await withContract(1000, async (world, buyer) => {
      await buyer.use(used);
      await world.pass(2);
      await world.expectUnits({ ...(billed > 0 && { billed: { 'l-1': billed } }), included: used - billed });
    });
  });

  it('of a legacy buyer too', async () => {
    await withWorld(contract({}, { lists: [LEGACY_CODE], ways: ['sns'] }), async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE, ...bought(1000) });
      await buyer.use('1200.5');
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000, carry: 0.5 });
    });
  });
});

describe('K24 hours of 600, 300, 250 and 50, and 100 of the first that come late', () => {
  it('are 0, 0, 150 and 50, then 100', async () => {
    await withContract(1000, async (world, buyer) => {
      for (const quantity of [600, 300, 250, 50]) await useInHour(world, buyer, quantity);
      await world.pass(0.5);
      await useInHour(world, buyer, 100, at('2026-11-11T10:10:00Z'));
      await world.pass(1);
      expect(await quantities(world)).toEqual([0, 0, 150, 50, 100]);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1000 });
    });
  });

  it('are the same bill in another order of arrival', async () => {
    await withContract(1000, async (world, buyer) => {
      for (const [quantity, hour] of [
        [50, '10:00'],
        [250, '10:20'],
        [100, '10:10'],
        [600, '10:05'],
        [300, '10:30'],
      ] as const)
        await useInHour(world, buyer, quantity, at(`2026-11-11T${hour}:00Z`));
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1000 });
    });
  });
});

describe('K25 a correction after 1,200 of 1,000 were used', () => {
  it('sends nothing until the term owes nothing any more', async () => {
    await withContract(1000, async (world, buyer) => {
      await useInHour(world, buyer, 1200);
      await useInHour(world, buyer, -300);
      await world.pass(0.5);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 900, carry: -200 });
      await useInHour(world, buyer, 250);
      await world.pass(0.5);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000, carry: -50 });
      await useInHour(world, buyer, 150);
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1000 });
    });
  });

  it('is set off in the next term of the same agreement: over all terms the bill is what exceeded each', async () => {
    await withWorld(contract({ per: 'month' }, { startAt: at('2026-11-11T09:00:00Z') }), async (world) => {
      const endsAt = at('2027-10-11T00:00:00Z');
      const buyer = await world.join('acme', { ...bought(1000), startsAt: at('2026-10-11T12:00:00Z'), endsAt });
      await useInHour(world, buyer, 1200);
      await useInHour(world, buyer, -300);
      await world.pass(0.5);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 900, carry: -200 });
      // The month's end: its units stay behind, what it owes does not.
      await world.goTo('2026-11-11T13:10:00Z');
      await useInHour(world, buyer, 1150);
      await world.pass(0.5);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1900, carry: -50 });
      await useInHour(world, buyer, 80);
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 230 }, included: 1900 });
      expect(await world.alerts('owed')).toEqual([]);
    });
  });

  it('is owed at the end of the term, with an alert', async () => {
    await withContract(1000, async (world, buyer) => {
      await useInHour(world, buyer, 1200);
      await useInHour(world, buyer, -300);
      await world.pass(0.5);
      buyer.cancel();
      await world.pass(28, 2);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 900, records: { 'owed remainder': -200 } });
      expect(await world.alerts('owed')).toHaveLength(1);
    });
  });
});

describe('K26 an amendment', () => {
  it.each(['told', 'found by asking'])(
    'upwards is free until 1,700, and changes nothing that was sent (%s)',
    async (how) => {
      const ways = how === 'told' ? (['eventBridge'] as const) : [];
      await withContract(
        1000,
        async (world, buyer) => {
          await useInHour(world, buyer, 1200);
          await world.pass(0.5);
          world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'pack', value: 1500 }]);
          await world.hear();
          await useInHour(world, buyer, 500);
          await world.pass(0.5);
          await world.expectUnits({ billed: { 'l-1': 200 }, included: 1500 });
          await useInHour(world, buyer, 100);
          await world.pass(1);
          await world.expectUnits({ billed: { 'l-1': 300 }, included: 1500 });
        },
        {},
        { ways },
      );
    },
  );

  it('upwards that is heard of late is owed where nothing is used any more', async () => {
    await withContract(1000, async (world, buyer) => {
      await useInHour(world, buyer, 900);
      await world.pass(0.5);
      world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'pack', value: 1500 }]);
      // AWS cannot be asked when the hour must be sealed.
      const fault = stopAws(world);
      await buyer.use(400);
      await world.pass(6);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 300 });
      expect(await world.alerts('includedStale')).toHaveLength(1);
      fault.remove();
      await useInHour(world, buyer, 100);
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1400, carry: -300 });
      expect(await world.alerts('includedStale')).toEqual([]);
      buyer.cancel();
      await world.pass(28, 2);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1400, records: { 'owed remainder': -300 } });
    });
  });

  it.each(['told', 'found by asking'])('downwards takes back nothing, and bills all from then on (%s)', async (how) => {
    const ways = how === 'told' ? (['eventBridge'] as const) : [];
    await withContract(
      1000,
      async (world, buyer) => {
        await useInHour(world, buyer, 800);
        await world.pass(1);
        world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'pack', value: 500 }]);
        await world.hear();
        await world.pass(2);
        await useInHour(world, buyer, 100);
        await world.pass(1);
        await useInHour(world, buyer, 50);
        await world.pass(1);
        // Found by asking it counts from the answer: nobody can say when it began.
        const included = how === 'told' ? 800 : 900;
        await world.expectUnits({ billed: { 'l-1': 950 - included }, included });
      },
      {},
      { ways },
    );
  });
});

describe('K27 a term with 700 of 1,000 used that renews at midnight', () => {
  it.each(['newLicense', 'sameLicense', 'sameAgreement'] as const)(
    'counts late usage in the old term, and gives July units of its own (%s)',
    async (as) => {
      const startAt = at('2026-06-30T21:00:00Z');
      await withWorld(contract({}, { startAt }), async (world) => {
        const buyer = await world.join('acme', { ...bought(1000), endsAt: at('2026-07-01T00:00:00Z') });
        await buyer.use(700);
        await world.goTo('2026-06-30T22:30:00Z');
        buyer.renew({ as, startsAt: at('2026-07-01T00:00:00Z'), endsAt: at('2027-07-01T00:00:00Z') });
        await world.hear();
        await world.goTo('2026-06-30T23:45:00Z');
        await world.goTo('2026-07-01T00:20:00Z');
        await buyer.use(50, { occurredAt: at('2026-06-30T23:30:00Z') });
        await buyer.use(600);
        await world.pass(1);
        await buyer.use(500);
        await world.pass(3);
        const july = as === 'newLicense' || as === 'sameLicense' ? 'l-2' : 'l-1';
        await world.expectUnits({ billed: { [july]: 100 }, included: 1750 });
      });
    },
  );

  it.each(['newLicense', 'sameLicense', 'sameAgreement'] as const)(
    'gives July units of its own where the options say how many (%s)',
    async (as) => {
      const startAt = at('2026-06-30T21:00:00Z');
      await withWorld(contract({ units: 1000 }, { startAt }), async (world) => {
        const buyer = await world.join('acme', { endsAt: at('2026-07-01T00:00:00Z') });
        await buyer.use(700);
        await world.goTo('2026-06-30T22:30:00Z');
        buyer.renew({ as, startsAt: at('2026-07-01T00:00:00Z'), endsAt: at('2027-07-01T00:00:00Z') });
        await world.hear();
        await world.goTo('2026-06-30T23:45:00Z');
        await world.goTo('2026-07-01T00:20:00Z');
        await buyer.use(1100);
        await world.pass(3);
        await world.expectUnits({ billed: { [as === 'sameAgreement' ? 'l-1' : 'l-2']: 100 }, included: 1700 });
      });
    },
  );

  it('lets unused units roll over where the options say so', async () => {
    const startAt = at('2026-06-30T21:00:00Z');
    await withWorld(contract({ rollsOver: true }, { startAt }), async (world) => {
      const buyer = await world.join('acme', { ...bought(1000), endsAt: at('2026-07-01T00:00:00Z') });
      await buyer.use(700);
      await world.goTo('2026-06-30T22:30:00Z');
      buyer.renew({ as: 'newLicense', startsAt: at('2026-07-01T00:00:00Z'), endsAt: at('2027-07-01T00:00:00Z') });
      await world.hear();
      await world.goTo('2026-07-01T00:20:00Z');
      await world.pass(2);
      await useInHour(world, buyer, 1400);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2': 100 }, included: 2000 });
    });
  });

  it('begins each month anew where the offer has units each month', async () => {
    await withWorld(contract({ per: 'month' }, { startAt: at('2026-11-11T09:00:00Z') }), async (world) => {
      const endsAt = at('2027-10-11T00:00:00Z');
      const buyer = await world.join('acme', { ...bought(1000), startsAt: at('2026-10-11T12:00:00Z'), endsAt });
      await useInHour(world, buyer, 1100);
      await world.pass(1);
      await world.goTo('2026-11-11T12:10:00Z');
      await buyer.use(20, { occurredAt: at('2026-11-11T11:50:00Z') });
      await buyer.use(1030);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 150 }, included: 2000 });
    });
  });
});

describe('K28 GetEntitlements fails for ten hours', () => {
  it('after an answer: hours wait five hours from their start, and go with that answer, marked', async () => {
    await withContract(1000, async (world, buyer) => {
      await useInHour(world, buyer, 900);
      await world.pass(0.5);
      const fault = stopAws(world);
      await world.goTo('2026-11-11T12:05:00Z');
      await buyer.use(150);
      await world.goTo('2026-11-11T14:00:00Z');
      await world.goTo('2026-11-11T16:55:00Z');
      expect(await world.expectConserved()).toEqual({ included: 900, waiting: { awaitingEntitlement: 150 } });
      expect(await world.alerts('usageWaiting')).toHaveLength(1);
      await world.goTo('2026-11-11T17:01:00Z');
      await world.expectUnits({ billed: { 'l-1': 50 }, included: 1000 });
      const [marked] = await world.records<{ included_by: { isStale?: boolean } }>(`quantity = 50`);
      expect(marked?.included_by.isStale).toBe(true);
      expect(await world.alerts('includedStale')).toHaveLength(1);
      await world.goTo('2026-11-11T22:10:00Z');
      fault.remove();
      await useInHour(world, buyer, 7);
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 57 }, included: 1000 });
      expect([await world.alerts('includedStale'), await world.alerts('usageWaiting')]).toEqual([[], []]);
    });
  });

  it('without an answer ever: nothing is billed for want of one, and it is told before the deadline', async () => {
    await withWorld(contract(), async (world) => {
      const fault = stopAws(world);
      const buyer = await world.join('acme', bought(1000));
      await buyer.use(1200);
      await world.goTo('2026-11-11T11:30:00Z');
      await world.goTo('2026-11-11T15:00:00Z');
      expect(await world.alerts('usageWaiting')).toHaveLength(1);
      await world.goTo('2026-11-11T20:00:00Z');
      await world.expectUnits({ waiting: { awaitingEntitlement: 1200 } });
      fault.remove();
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000 });
      expect(await world.alerts('usageWaiting')).toEqual([]);
    });
  });

  it('holds what never was answered when its agreement is over', async () => {
    await withWorld(contract(), async (world) => {
      stopAws(world);
      const buyer = await world.join('acme', bought(1000));
      await buyer.use(1200);
      await world.pass(1);
      buyer.cancel();
      await world.pass(30, 2);
      const { records, ...others } = await world.expectConserved();
      expect([others, Object.values(records ?? {})]).toEqual([{}, [1200]]);
    });
  });
});

describe('K29 an empty answer', () => {
  it('right after the purchase is not nothing bought', async () => {
    await withWorld(contract({}, { simulator: { switches: { entitlementsAfterMs: 600_000 } } }), async (world) => {
      await world.goTo('2026-11-11T10:55:00Z');
      const buyer = await world.join('acme', bought(1000));
      await buyer.use(1200);
      await world.pass(0.2, 0.05);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000 });
    });
  });
});

describe('K30 packs of 1,000 calls, two dimensions that share them, a third that is not covered', () => {
  const dimensions = ['calls', 'lookups', 'storage'];
  const listed = ['overage_pack', 'storage'];

  it('bills 2 blocks of 12,400 against 10 packs, and carries 400', async () => {
    const units = { covers: ['calls', 'lookups'], factor: 1000, excessDimension: 'overage_pack', block: 1000 };
    await withWorld(contract(units, { dimensions, listed }), async (world) => {
      const buyer = await world.join('acme', bought(10));
      await buyer.use(9000, { dimension: 'calls' });
      await buyer.use(400, { dimension: 'lookups' });
      await buyer.use(5, { dimension: 'storage' });
      await world.pass(1);
      await buyer.use(2000, { dimension: 'lookups' });
      await buyer.use(1000, { dimension: 'calls' });
      await world.pass(2);
      const bill = world.simulator.bill().map(({ dimension, quantity }) => [dimension, quantity]);
      expect(bill.filter(([, quantity]) => quantity !== 0).sort()).toEqual([
        ['overage_pack', 2],
        ['storage', 5],
      ]);
      const balances = await world.metering.balance();
      expect(balances).toMatchObject([
        { dimension: 'overage_pack', recorded: '12400', included: '10000', byState: { metered: '2000' }, carry: '400' },
        { dimension: 'storage', recorded: '5', included: '0', byState: { metered: '5' } },
      ]);
      await world.expectUnits({ billed: { 'l-1': 2005 }, included: 10_000, carry: 400 });
    });
  });

  it('uses units up in the order of hours where each dimension is billed by its own name', async () => {
    await withWorld(contract({ covers: ['calls', 'lookups'] }, { dimensions }), async (world) => {
      const buyer = await world.join('acme', bought(1000));
      await buyer.use(700, { dimension: 'calls' });
      await world.pass(1);
      await buyer.use(600, { dimension: 'lookups' });
      await world.pass(1);
      await buyer.use(50, { dimension: 'calls' });
      await world.pass(2);
      const bill = world.simulator.bill().map(({ dimension, quantity }) => [dimension, quantity]);
      expect(bill.filter(([, quantity]) => quantity !== 0)).toEqual([
        ['lookups', 300],
        ['calls', 50],
      ]);
      await world.expectUnits({ billed: { 'l-1': 350 }, included: 1000 });
    });
  });
});

describe('K31 a container with units bought in advance', () => {
  it.each([
    ['aws', {}, 150],
    ['module', { includedUnits: [{ contractDimension: 'pack', covers: [INSTALLED_UNITS], units: 100 }] }, 50],
  ] as const)('bills what is left where %s subtracts them', async (included, units, sent) => {
    const includedUnits =
      'includedUnits' in units ? units.includedUnits.map((one) => ({ ...one, covers: [...one.covers] })) : [];
    await using world = await InstalledWorld.start({
      product: { contractDimensions: ['pack'], included, includedUnits },
    });
    const pod = await world.pod();
    await world.at('10:30', { works: false });
    await pod.record(150);
    for (const time of ['11:10', '11:11', '11:40']) await world.at(time);
    expect(world.billByHour()).toEqual({ 10: sent });
    const { included: covered = 0 } = await world.expectConserved();
    expect(covered).toBe(150 - sent);
  });
});
