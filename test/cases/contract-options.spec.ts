import { describe, expect, it, jest } from '@jest/globals';
import { type IncludedUnitsOptions } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { at, withWorld } from './routes.js';

// Options of a contract that change while agreements run: what was included stays so, what was billed too, and what
// they say now counts from then on. Siblings: how long units last, whether they roll over, who says how many there are
// (the options or AWS), under which name AWS lists them, several entries that become one. `units`, `factor`, `covers`
// and `excessDimension`: contracts-taken-out.spec.ts.

jest.setTimeout(120_000);

const contract = (units: Partial<IncludedUnitsOptions>, ...more: IncludedUnitsOptions[]) => {
  const includedUnits = [{ contractDimension: 'pack', covers: ['requests'], ...units }, ...more];
  return { contractDimensions: includedUnits.map(({ contractDimension }) => contractDimension), includedUnits };
};

async function useInHour(world: World, buyer: Buyer, quantity: number): Promise<void> {
  await buyer.use(quantity);
  await world.pass(1.5);
}

/** An agreement of 11 October 12:00, and 800 and 1,200 units in its first two months. */
function inSecondMonth(
  units: Partial<IncludedUnitsOptions>,
  play: (world: World, buyer: Buyer) => Promise<void>,
): Promise<void> {
  const options: WorldOptions = { lists: [PRODUCT_CODE], startAt: at('2026-10-12T09:00:00Z') };
  return withWorld({ ...options, product: contract({ units: 1000, ...units }) }, async (world) => {
    const dates = { startsAt: at('2026-10-11T12:00:00Z'), endsAt: at('2027-10-11T12:00:00Z') };
    const buyer = await world.join('acme', dates);
    await useInHour(world, buyer, 800);
    await world.goTo('2026-11-20T10:10:00Z');
    await useInHour(world, buyer, 1200);
    await play(world, buyer);
    expect(await world.alerts()).toEqual([]);
  });
}

describe('how long units last, changed in the middle of a term', () => {
  it('by the month instead of the term: from the next month on', async () => {
    await inSecondMonth({}, async (world, buyer) => {
      await world.restart({ product: contract({ units: 600, per: 'month' }) });
      await useInHour(world, buyer, 7);
      await world.expectUnits({ billed: { 'l-1': 1007 }, included: 1000 });
      await world.goTo('2026-12-11T13:10:00Z');
      await useInHour(world, buyer, 650);
      await world.expectUnits({ billed: { 'l-1': 1057 }, included: 1600 });
    });
  });

  it('by the term instead of the month: the month that runs is the last, and lasts as the term does', async () => {
    await inSecondMonth({ per: 'month' }, async (world, buyer) => {
      await world.restart({ product: contract({ units: 1000 }) });
      await useInHour(world, buyer, 7);
      await world.expectUnits({ billed: { 'l-1': 207 }, included: 1800 });
      await world.goTo('2026-12-11T13:10:00Z');
      await useInHour(world, buyer, 50);
      await world.expectUnits({ billed: { 'l-1': 257 }, included: 1800 });
    });
  });

  it('and changed back before the next month begins, as if it had not been', async () => {
    await inSecondMonth({}, async (world, buyer) => {
      await world.restart({ product: contract({ units: 600, per: 'month' }) });
      await useInHour(world, buyer, 7);
      await world.restart({ product: contract({ units: 1000 }), options: { settingsRevision: 1 } });
      await world.goTo('2026-12-11T13:10:00Z');
      await useInHour(world, buyer, 50);
      await world.expectUnits({ billed: { 'l-1': 1057 }, included: 1000 });
    });
  });
});

describe('whether units roll over, changed in the middle of a term', () => {
  it('no more: what rolled over stays, the next month has its own alone', async () => {
    await inSecondMonth({ per: 'month', rollsOver: true }, async (world, buyer) => {
      await world.restart({ product: contract({ units: 1000, per: 'month' }) });
      await useInHour(world, buyer, 7);
      await world.expectUnits({ billed: { 'l-1': 7 }, included: 2000 });
      await world.goTo('2026-12-11T13:10:00Z');
      await useInHour(world, buyer, 900);
      await world.goTo('2027-01-11T13:10:00Z');
      await useInHour(world, buyer, 1050);
      await world.expectUnits({ billed: { 'l-1': 57 }, included: 3900 });
    });
  });

  it('from now on: what was billed is not owed, and the next month has what this one leaves', async () => {
    await inSecondMonth({ per: 'month' }, async (world, buyer) => {
      await world.restart({ product: contract({ units: 1500, per: 'month', rollsOver: true }) });
      await useInHour(world, buyer, 100);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1900 });
      await world.goTo('2026-12-11T13:10:00Z');
      await useInHour(world, buyer, 1950);
      await world.expectUnits({ billed: { 'l-1': 250 }, included: 3800 });
    });
  });
});

describe('who says how many units there are, changed in the middle of a term', () => {
  const bought = { entitlements: [{ dimension: 'pack', value: 1000 }] };

  it('the options instead of AWS: from then on', async () => {
    await withWorld({ lists: [PRODUCT_CODE], product: contract({}) }, async (world) => {
      const buyer = await world.join('acme', bought);
      await useInHour(world, buyer, 800);
      await world.restart({ product: contract({ units: 500 }) });
      await world.pass(1);
      await useInHour(world, buyer, 100);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 800 });
      expect(await world.alerts()).toEqual([]);
    });
  });

  it('AWS instead of the options: from then on', async () => {
    await withWorld({ lists: [PRODUCT_CODE], product: contract({ units: 500 }) }, async (world) => {
      const buyer = await world.join('acme', bought);
      await useInHour(world, buyer, 800);
      await world.restart({ product: contract({}) });
      await useInHour(world, buyer, 300);
      await useInHour(world, buyer, 300);
      await world.expectUnits({ billed: { 'l-1': 400 }, included: 1000 });
      expect(await world.alerts()).toEqual([]);
    });
  });
});

describe('a contract under another name', () => {
  it('includes what AWS lists of either: agreements of before still have the old one', async () => {
    await withWorld({ lists: [PRODUCT_CODE], product: contract({ factor: 10 }) }, async (world) => {
      const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 100 }] });
      await useInHour(world, buyer, 800);
      await world.restart({ product: contract({ contractDimension: 'bundle', factor: 100 }) });
      await useInHour(world, buyer, 300);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 1000 });
      const next = await world.join('globex', { entitlements: [{ dimension: 'bundle', value: 5 }] });
      await useInHour(world, next, 520);
      await world.expectUnits({ billed: { 'l-1': 100, 'l-2': 20 }, included: 1500 });
      world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'bundle', value: 12 }]);
      await world.hear();
      await useInHour(world, buyer, 250);
      await world.expectUnits({ billed: { 'l-1': 150, 'l-2': 20 }, included: 1700 });
      expect(await world.alerts()).toEqual([]);
    });
  });

  it('includes what the options say from then on', async () => {
    await withWorld({ lists: [PRODUCT_CODE], product: contract({ units: 1000 }) }, async (world) => {
      const buyer = await world.join('acme');
      await useInHour(world, buyer, 800);
      await world.restart({ product: contract({ contractDimension: 'bundle', units: 500 }) });
      await world.pass(1);
      await useInHour(world, buyer, 100);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 800 });
      expect(await world.alerts()).toEqual([]);
    });
  });

  it('that takes the place of two includes what both did', async () => {
    const dimensions = ['requests', 'lookups'];
    const two = contract({ units: 500 }, { contractDimension: 'box', covers: ['lookups'], units: 300 });
    await withWorld({ lists: [PRODUCT_CODE], dimensions, product: two }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(700, { dimension: 'requests' });
      await buyer.use(400, { dimension: 'lookups' });
      await world.pass(1.5);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 800 });
      await world.restart({ product: contract({ contractDimension: 'bundle', covers: dimensions, units: 600 }) });
      await world.pass(1);
      await buyer.use(50, { dimension: 'requests' });
      await world.pass(1.5);
      await world.expectUnits({ billed: { 'l-1': 350 }, included: 800 });
      expect(await world.alerts()).toEqual([]);
    });
  });
});
