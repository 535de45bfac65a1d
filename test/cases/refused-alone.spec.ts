import { describe, expect, it, jest } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// T17, siblings: what AWS refuses of one buyer alone while it takes the same of others: a dimension, a tag, a buyer who
// is suspended. Each event is sealed twice at most, no record grows out of it, and nobody else's usage goes down with it.

jest.setTimeout(300_000);

/** How often the usage that was sealed most often was. */
async function mostSealed(world: World): Promise<number> {
  const [row] = await world.database.query<{ most: number }>(
    `SELECT coalesce(max(given.records), 0)::int AS most FROM marketplace.rollup r
     CROSS JOIN LATERAL (SELECT count(*) + (r.record_id IS NOT NULL)::int AS records FROM marketplace.annulled_rollup a
       WHERE a.rollup_id = r.id) AS given`,
  );
  return row?.most ?? 0;
}

async function recordsOf(world: World, { subscriptionId }: Buyer): Promise<number> {
  const [row] = await world.database.query<{ number: number }>(
    `SELECT count(*)::int AS number FROM marketplace.metering_record WHERE subscription_id = $1 AND kind = 'hour'`,
    [subscriptionId],
  );
  return row?.number ?? 0;
}

describe('T17 a dimension that AWS refuses of one buyer and takes of others', () => {
  it('is sealed twice while it is refused, and all of it is billed once AWS takes it of him', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      const other = await world.join('other');
      const fault = world.simulator.faults.add({
        ...{ kind: 'unknownError', name: 'InvalidUsageDimensionException', operation: 'BatchMeterUsage' },
        when: ({ records }) =>
          records.some((record) => record.LicenseArn === buyer.agreement.licenseArn && record.Dimension === 'storage'),
      });
      await buyer.use(5, { dimension: 'storage' });
      const turns = 32;
      for (let turn = 0; turn < turns; turn += 1) {
        await other.use(1, { dimension: 'storage' });
        await world.pass(3, 3);
      }
      expect({ sealed: await mostSealed(world), records: await recordsOf(world, buyer) }).toEqual({
        ...{ sealed: 2, records: 2 },
      });
      expect((await world.expectConserved()).waiting).toEqual({ refused: 5 });
      expect((await world.alerts()).map(({ kind }) => kind)).toContain('usageWaiting');
      fault.remove();
      await buyer.use(1, { dimension: 'storage' });
      await world.pass(6, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 6, 'l-2': turns }, elsewhere: {} });
    });
  });
});

describe('T17 a tag that AWS refuses', () => {
  it('takes no other usage of its buyer along: all but it is billed, and it too when AWS takes what it refused so', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const [buyer, other] = [await world.join('acme'), await world.join('other')];
      const fault = world.simulator.faults.add({
        ...{ kind: 'unknownError', name: 'InvalidTagException', operation: 'BatchMeterUsage' },
        when: ({ records }) =>
          records.some(({ UsageAllocations: parts }) =>
            parts?.some(({ Tags: tags }) => tags?.some(({ Value: value }) => value === 'odd')),
          ),
      });
      await buyer.use(7, { tags: { team: 'odd' } });
      await world.pass(1, 1);
      const turns = 14;
      for (let turn = 0; turn < turns; turn += 1) {
        // Of each hour that passes.
        const from = world.now().getTime();
        world.clock.advance(3 * 3_600_000);
        for (let hour = 0; hour < 4; hour += 1)
          await buyer.use(1, { tags: { team: 'red' }, occurredAt: new Date(from + hour * 3_600_000) });
        await world.pass(1, 1);
      }
      await world.pass(2, 1);
      const waiting = { billed: { 'l-1': 4 * turns }, waiting: { refused: 7 } };
      expect(await world.expectConserved()).toEqual(waiting);
      // Of another buyer, who has the same trouble later: that AWS takes it is heard by who waits.
      await other.use(1, { tags: { team: 'odd' } });
      await world.pass(2, 1);
      fault.remove();
      await world.pass(4, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 4 * turns + 7, 'l-2': 1 }, elsewhere: {} });
    });
  });
});

describe('T17 a buyer who is suspended', () => {
  /** @param turns of twelve hours */
  async function suspended(world: World, turns: number): Promise<Buyer> {
    const [buyer, other] = [await world.join('acme'), await world.join('other')];
    world.simulator.suspend(buyer.agreement);
    await buyer.use(5);
    for (let turn = 0; turn < turns; turn += 1) {
      await other.use(1);
      await world.pass(12, 12);
    }
    expect({ sealed: await mostSealed(world), records: await recordsOf(world, buyer) }).toEqual({
      ...{ sealed: 2, records: 2 },
    });
    world.simulator.reinstate(buyer.agreement);
    return buyer;
  }

  it('for three weeks has two records for an hour, and all is billed once he uses more', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-03T10:00:00Z') }, async (world) => {
      const buyer = await suspended(world, 42);
      await buyer.use(1);
      await world.pass(6, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 6, 'l-2': 42 }, elsewhere: {} });
    });
  });

  it('has it billed, too, once AWS takes another dimension of him', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await suspended(world, 8);
      await buyer.use(1, { dimension: 'storage' });
      await world.pass(6, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 6, 'l-2': 8 }, elsewhere: {} });
    });
  });

  it('and uses on in every hour has all billed that AWS takes, reinstated in the last hour of his agreement', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      world.simulator.suspend(buyer.agreement);
      for (let turn = 0; turn < 4; turn += 1) {
        const from = world.now().getTime();
        world.clock.advance(7 * 3_600_000);
        for (let hour = 0; hour < 8; hour += 1) await buyer.use(1, { occurredAt: new Date(from + hour * 3_600_000) });
        await world.pass(1, 1);
      }
      expect((await world.expectConserved()).waiting?.refused).toBeGreaterThan(0);
      world.simulator.reinstate(buyer.agreement);
      await buyer.use(1);
      world.clock.advance(20 * 60_000);
      buyer.cancel();
      await world.pass(1.5, 0.25);
      // Of one hour the day was over before he was taken again, and the record of the last hour written.
      expect(await world.expectConserved()).toEqual({ billed: { 'l-1': 32 }, records: { 'held noHour': 1 } });
    });
  });

  it('has what waits tried a last time when he leaves without using more', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await suspended(world, 8);
      await world.pass(1, 1);
      buyer.cancel();
      await world.pass(1, 0.25);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 5, 'l-2': 8 }, elsewhere: {} });
    });
  });
});
