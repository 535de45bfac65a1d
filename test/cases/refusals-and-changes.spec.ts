import { describe, expect, it, jest } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// T17 where it meets other rooms: what AWS refuses is named otherwise than what was used (a contract whose excess has a
// dimension of its own), belongs to a tenant who has handed the subscription over, or is of time that is not live.

jest.setTimeout(120_000);

const refuse = (world: World, name: string, when: object): { remove: () => void } =>
  world.simulator.faults.add({ kind: 'unknownError', name, operation: 'BatchMeterUsage', when });
const kinds = async (world: World): Promise<string[]> => (await world.alerts()).map(({ kind }) => kind);

describe('T17 excess of contracts, in a dimension of its own that AWS does not accept', () => {
  const dimensions = ['calls', 'lookups'];
  const packs = {
    contractDimension: 'pack',
    covers: dimensions,
    factor: 1000,
    excessDimension: 'overage',
    block: 1000,
  };
  const bought = { entitlements: [{ dimension: 'pack', value: 1 }] };

  it('is sealed at most twice, whichever dimension was used; excess that AWS takes sets it free', async () => {
    const product = { contractDimensions: ['pack'], includedUnits: [packs] };
    await withWorld({ lists: [PRODUCT_CODE], dimensions, listed: ['overage'], product }, async (world) => {
      const buyer = await world.join('acme', bought);
      const other = await world.join('other', bought);
      const fault = refuse(world, 'InvalidUsageDimensionException', { dimension: 'overage' });
      await buyer.use(4000, { dimension: 'calls' });
      await world.pass(96, 8);
      const [stamped] = await world.database.query<{ most: number }>(
        `SELECT max(n)::int AS most FROM (SELECT count(*) AS n FROM marketplace.annulled_rollup GROUP BY rollup_id) a`,
      );
      expect(stamped).toEqual({ most: 2 });
      expect(await world.expectConserved()).toEqual({ waiting: { refused: 4000 } });
      fault.remove();
      await other.use(3000, { dimension: 'lookups' });
      await world.pass(4, 1);
      await world.expectUnits({ billed: { 'l-1': 3000, 'l-2': 2000 }, included: 2000 });
      expect(await kinds(world)).toEqual(['expired']);
    });
  });
});

describe('a license that AWS refuses for a while, handed over to another tenant within the hour', () => {
  async function refusedAndHandedOver(world: World): Promise<{ buyer: Buyer; mend: () => void }> {
    const buyer = await world.join('before');
    await world.goTo('2026-11-11T10:00:00Z');
    await buyer.use(5);
    await world.goTo('2026-11-11T10:30:00Z');
    await world.subscriptions.handOver(buyer.subscriptionId, { tenantId: 'after', from: world.now() });
    await world.goTo('2026-11-11T10:40:00Z');
    await world.record({ tenantId: 'after', quantity: 7 });
    const { licenseArn } = buyer.agreement;
    const fault = refuse(world, 'InvalidLicenseException', { licenseArn });
    return {
      buyer,
      mend: () => {
        fault.remove();
      },
    };
  }
  const lateUse = (world: World) =>
    world.record({ tenantId: 'before', quantity: 9, occurredAt: at('2026-11-11T10:10:00Z') });

  it('is billed what the tenant before had used, too: that is planned as soon as AWS takes the license again', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T09:00:00Z') }, async (world) => {
      const { mend } = await refusedAndHandedOver(world);
      for (const time of ['11:16', '11:22']) await world.goTo(`2026-11-11T${time}:00Z`);
      await lateUse(world);
      for (const time of ['11:30', '11:40']) await world.goTo(`2026-11-11T${time}:00Z`);
      await world.expectUnits({ waiting: { refused: 9 }, records: { 'blocked invalidLicense': 12 } });
      mend();
      await world.goTo('2026-11-11T11:50:00Z');
      await world.expectUnits({ billed: { 'l-1': 12 }, waiting: { nextHour: 9 } });
      await world.goTo('2026-11-11T12:20:00Z');
      await world.expectUnits({ billed: { 'l-1': 21 } });
      expect(await kinds(world)).toEqual([]);
    });
  });

  it('and cancelled, is billed both in the hour that AWS leaves', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T09:00:00Z') }, async (world) => {
      const { buyer, mend } = await refusedAndHandedOver(world);
      await world.goTo('2026-11-11T11:15:00Z');
      buyer.cancel();
      for (const time of ['11:16', '11:22']) await world.goTo(`2026-11-11T${time}:00Z`);
      await lateUse(world);
      for (const time of ['11:30', '11:40']) await world.goTo(`2026-11-11T${time}:00Z`);
      await world.expectUnits({ records: { 'blocked invalidLicense': 21 } });
      mend();
      // AWS takes it until 12:15.
      for (const time of ['11:50', '12:20']) await world.goTo(`2026-11-11T${time}:00Z`);
      await world.expectUnits({ billed: { 'l-1': 21 } });
      expect(await kinds(world)).toEqual([]);
    });
  });
});

describe('a product that goes into dry run because AWS refuses its usage', () => {
  it('holds what is used late in the dry run, as all of it: nothing is refused that is never sent', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      refuse(world, 'InvalidUsageDimensionException', { dimension: 'requests' });
      await buyer.use(5);
      await world.goTo('2026-11-11T11:30:00Z');
      await world.restart({ product: { mode: 'dry-run' } });
      await buyer.use(6);
      await world.goTo('2026-11-11T12:30:00Z');
      await buyer.use(7, { occurredAt: at('2026-11-11T11:40:00Z') });
      await world.pass(2);
      await world.expectUnits({ records: { 'blocked invalidDimension': 5, 'held dryRun': 13 } });
      expect(await kinds(world)).toEqual(['blocked', 'quarantinedCause']);
    });
  });
});
