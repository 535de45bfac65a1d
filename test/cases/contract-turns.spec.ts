import { describe, expect, it, jest } from '@jest/globals';
import { type IncludedUnitsOptions } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, type World, type WorldOptions } from '../support/world.js';
import { at, withWorld } from './routes.js';

// Contracts at their turns: where an agreement begins, becomes paid, is amended with a later end, or gives way to
// another, under its own name or a new one. Siblings: renewals and replacements with more units and with fewer; trials
// whose units AWS says and whose units the options say; the agreement that AWS was never asked about in its time.
// Amendments, late usage and corrections within one term: contracts.spec.ts.

jest.setTimeout(120_000);

const bought = (value: number) => ({ entitlements: [{ dimension: 'pack', value }] });

function contract(units: Partial<IncludedUnitsOptions> = {}, product: WorldOptions['product'] = {}): WorldOptions {
  const includedUnits = [{ contractDimension: 'pack', covers: ['requests'], ...units }];
  return { lists: [PRODUCT_CODE], product: { contractDimensions: ['pack'], includedUnits, ...product } };
}

async function useInHour(world: World, buyer: Buyer, quantity: number): Promise<void> {
  await buyer.use(quantity);
  await world.pass(1.5);
}

describe('an agreement that gives way to another under its license', () => {
  it.each([2000, 500])('includes what it did, whatever the other includes (%i)', async (value) => {
    await withWorld(contract(), async (world) => {
      const buyer = await world.join('acme', bought(1000));
      await useInHour(world, buyer, 900);
      await world.goTo('2026-11-11T13:20:00Z');
      await buyer.use(300);
      await world.goTo('2026-11-11T13:30:00Z');
      buyer.replace({ as: 'sameLicense', ...bought(value) });
      await world.goTo('2026-11-11T13:40:00Z');
      await buyer.use(400);
      await world.pass(2);
      await buyer.use(50, { occurredAt: at('2026-11-11T13:10:00Z') });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 250 }, included: 1400 });
      expect(await world.alerts()).toEqual([]);
    });
  });
});

describe('an agreement that is replaced in its first hour', () => {
  const replaceAtHalf = async (world: World, buyer: Buyer): Promise<void> => {
    await buyer.use(800);
    await world.turn();
    await world.goTo('2026-11-11T10:30:00Z');
    buyer.replace({ as: 'newLicense' });
    await world.turn();
  };

  it('includes its units: AWS is asked while it lists them', async () => {
    await withWorld(contract(), async (world) => {
      await replaceAtHalf(world, await world.join('acme', bought(1000)));
      await world.pass(1, 1 / 6);
      await world.expectUnits({ included: 800 });
    });
  });

  it('is not billed where AWS could not be asked in its time: it lists nothing of it any more', async () => {
    await withWorld(contract(), async (world) => {
      const fault = world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });
      await replaceAtHalf(world, await world.join('acme', bought(1000)));
      fault.remove();
      await world.pass(1, 1 / 6);
      await world.expectUnits({ waiting: { awaitingEntitlement: 800 } });
      await world.pass(1.5);
      await world.expectUnits({ records: { 'held noHour': 800 } });
      expect(await world.alerts('usageHeld')).toHaveLength(1);
    });
  });
});

describe('an agreement that is amended with more units and a later end', () => {
  it('includes them at once, and has them anew from its old end', async () => {
    await withWorld(contract(), async (world) => {
      const buyer = await world.join('acme', { ...bought(1000), endsAt: at('2026-11-12T10:00:00Z') });
      await useInHour(world, buyer, 1000);
      world.simulator.amend(buyer.agreement, { ...bought(1500), endsAt: at('2027-06-11T10:00:00Z') });
      await world.pass(1);
      await useInHour(world, buyer, 400);
      await world.expectUnits({ included: 1400 });
      await world.goTo('2026-11-12T11:10:00Z');
      await useInHour(world, buyer, 1600);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 2900 });
    });
  });
});

describe('a trial that becomes paid within its agreement', () => {
  it.each([{}, { units: 1000 }])('before its end has units once, beside those of the trial (%j)', async (units) => {
    await withWorld(contract(units), async (world) => {
      const buyer = await world.join('acme', { ...bought(1000), freeTrial: true, endsAt: at('2026-11-12T10:00:00Z') });
      await useInHour(world, buyer, 700);
      await world.goTo('2026-11-11T13:30:00Z');
      buyer.convertTrial({ as: 'sameAgreement', endsAt: at('2027-11-11T13:30:00Z') });
      await world.goTo('2026-11-11T15:10:00Z');
      await useInHour(world, buyer, 900);
      await world.goTo('2026-11-12T12:10:00Z');
      await useInHour(world, buyer, 300);
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1700 });
    });
  });

  it.each([1000, 60])('has the units of its own price on either side of the minute (%i)', async (paid) => {
    await withWorld(contract(), async (world) => {
      const trialEndsAt = at('2026-11-11T12:30:00Z');
      const endsAt = at('2027-11-11T12:30:00Z');
      const buyer = await world.join('acme', { ...bought(100), freeTrial: true, trialEndsAt, endsAt });
      await useInHour(world, buyer, 90);
      await world.goTo('2026-11-11T12:10:00Z');
      await buyer.use(50);
      await world.goTo(trialEndsAt);
      world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'pack', value: paid }]);
      await world.goTo('2026-11-11T12:50:00Z');
      await buyer.use(paid + 5);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1 trial': 40, 'l-1': 5 }, included: 100 + paid });
    });
  });
});

describe('units that roll over to the next agreement', () => {
  const renewed = (play: (world: World, buyer: Buyer) => Promise<void>): Promise<void> =>
    withWorld(contract({ rollsOver: true, units: 1000 }), async (world) => {
      const buyer = await world.join('acme', { endsAt: at('2026-12-11T10:00:00Z') });
      await useInHour(world, buyer, 700);
      await world.goTo('2026-11-11T13:00:00Z');
      buyer.renew({ as: 'newLicense', endsAt: at('2027-11-11T10:00:00Z') });
      await world.goTo('2026-11-11T13:05:00Z');
      await play(world, buyer);
    });
  const after = { billed: { 'l-2': 300 }, included: 2000 };
  const usedBefore = { occurredAt: at('2026-11-11T12:35:00Z') };

  it('are those that its late usage leaves, sealed beside the first of the next', async () => {
    await renewed(async (world, buyer) => {
      await buyer.use(1400);
      await buyer.use(200, usedBefore);
      await world.goTo('2026-11-11T14:10:00Z');
      await world.pass(1);
      expect(await world.expectConserved()).toEqual(after);
    });
  });

  it('and later: what they are not any more is billed, though nothing is used again', async () => {
    await renewed(async (world, buyer) => {
      await buyer.use(1400);
      await world.goTo('2026-11-11T14:20:00Z');
      await world.expectUnits({ billed: { 'l-2': 100 }, included: 2000 });
      await buyer.use(200, usedBefore);
      await world.pass(2);
      expect(await world.expectConserved()).toEqual(after);
    });
  });
});

describe('records of zero units as soon as hours have settled', () => {
  it('leave the hour to usage that waits for AWS to say what is included', async () => {
    await withWorld(contract({}, { zeroRecords: 'atSeal' }), async (world) => {
      const buyer = await world.join('acme', bought(1000));
      await buyer.use(1200);
      await world.pass(2);
      expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 200 });
      await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000 });
    });
  });
});
