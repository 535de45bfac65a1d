import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// T7, T12, T17, T19, T27: what AWS refuses for a cause, in which order facts come, and what an idle ledger costs.
// Siblings: causes against an identity, a dimension and a product; refused for an hour and for days; seeds of shuffles.

jest.setTimeout(300_000);

describe('T7 CustomerNotSubscribed for a young license, InvalidLicense for a leftover of the one before', () => {
  it('the young record is tried again; the leftover’s cause quarantines the old license alone', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(4);
      await world.goTo('2026-11-11T10:59:00Z');
      const old = buyer.agreement;
      const young = buyer.replace();
      await world.goTo('2026-11-11T10:59:30Z');
      await buyer.use(3);
      const { faults } = world.simulator;
      const ofOld = { licenseArn: old.licenseArn };
      faults.add({ kind: 'unknownError', name: 'InvalidLicenseException', operation: 'BatchMeterUsage', when: ofOld });
      const tooYoung = faults.add({
        ...{ kind: 'unknownStatus', status: 'CustomerNotSubscribed', operation: 'BatchMeterUsage', count: 2 },
        subset: { licenseArn: young.licenseArn },
      });
      await world.pass(3);
      expect(tooYoung.hits).toBeGreaterThan(0);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect(billed).toEqual({ 'l-2': 3 });
      const left = [...Object.values(elsewhere.records ?? {}), ...Object.values(elsewhere.waiting ?? {})];
      expect(left.reduce((sum, units) => sum + units, 0)).toBe(4);
      await buyer.use(6);
      await world.pass(2);
      expect((await world.expectConserved()).billed).toEqual({ 'l-2': 9 });
    });
  });
});

describe('T12 facts in any order, while hours are sealed', () => {
  it.each([1, 2, 3, 4])('are never dead-lettered for what is sealed (seed %i)', async (seed) => {
    await withWorld({ simulator: { seed } }, async (world) => {
      world.mailbox.delay(0.2, {}, 2);
      world.mailbox.repeat(2, 3);
      const buyer = await world.join('acme', { freeTrial: true });
      for (const act of [
        () => buyer.convertTrial(),
        () => buyer.replace(),
        () => buyer.renew(),
        () => buyer.cancel(),
        async () => {
          buyer.return();
          await buyer.comeBack();
        },
      ]) {
        await buyer.use(2);
        await world.pass(1.5);
        await act();
        await world.pass(0.5);
      }
      await buyer.use(2);
      world.mailbox.calm();
      await world.simulator.notifications.flush();
      await world.pass(4);
      expect(await world.deadLetters()).toEqual([]);
      const { billed = {} } = await world.expectConserved();
      expect(Object.values(billed).reduce((sum, units) => sum + units, 0)).toBeGreaterThanOrEqual(8);
      expect(await world.subscriptions.current('acme', { productCode: PRODUCT_CODE })).toMatchObject({
        state: 'active',
      });
    });
  });
});

describe('T17 a dimension that AWS never accepts', () => {
  const HOURS = 40;
  async function play(world: World): Promise<() => void> {
    const buyer = await world.join('acme');
    const other = await world.join('other');
    const fault = world.simulator.faults.add({
      ...{ kind: 'unknownError', name: 'InvalidUsageDimensionException', operation: 'BatchMeterUsage' },
      when: { dimension: 'storage' },
    });
    for (let hour = 0; hour < HOURS; hour += 1) {
      await world.recordAll(
        Array.from({ length: 10 }, () => ({ tenantId: 'acme', quantity: 1, dimension: 'storage' })),
      );
      await other.use(1);
      await buyer.use(1);
      await world.pass(1, 1);
    }
    return () => {
      fault.remove();
    };
  }

  it('is sealed once per rollup and cause; others are unaffected; once the listing is put right, all that AWS takes is billed', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const mend = await play(world);
      const before = await world.expectConserved();
      expect(Object.values(before.billed ?? {}).reduce((sum, units) => sum + units, 0)).toBeGreaterThanOrEqual(
        2 * (HOURS - 2),
      );
      const [stamped] = await world.database.query<{ most: number }>(
        `SELECT coalesce(max(n), 0)::int AS most FROM (SELECT count(*) AS n FROM marketplace.annulled_rollup
          GROUP BY rollup_id) a`,
      );
      expect(stamped?.most).toBeLessThanOrEqual(1);
      const [records] = await world.database.query<{ number: number }>(
        `SELECT count(*)::int AS number FROM marketplace.metering_record WHERE dimension = 'storage'`,
      );
      // One an hour, in which the cause is probed: nothing that was refused is sealed again and again.
      expect(records?.number).toBeLessThanOrEqual(HOURS);
      mend();
      await world.pass(6);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect(elsewhere).toEqual({});
      expect(Object.values(billed).reduce((sum, units) => sum + units, 0)).toBe(12 * HOURS);
    });
  });

  it('and of which nothing was used again: once its record has expired the cause ends, and the listing is put right, its usage is sent', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      const fault = world.simulator.faults.add({
        ...{ kind: 'unknownError', name: 'InvalidUsageDimensionException', operation: 'BatchMeterUsage' },
        when: { dimension: 'storage' },
      });
      await buyer.use(5, { dimension: 'storage' });
      for (let hour = 0; hour < HOURS; hour += 1) await world.pass(1, 1);
      expect((await world.expectConserved()).billed ?? {}).toEqual({});
      fault.remove();
      await world.pass(24, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 5 }, elsewhere: {} });
      // It tells what became of the record, until a person has read it.
      expect((await world.alerts()).map(({ kind }) => kind)).toEqual(['expired']);
    });
  });

  it('is stamped at most twice where nothing was used again for days; usage that AWS takes then sets it free', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      const other = await world.join('other');
      const fault = world.simulator.faults.add({
        ...{ kind: 'unknownError', name: 'InvalidUsageDimensionException', operation: 'BatchMeterUsage' },
        when: { dimension: 'storage' },
      });
      await buyer.use(5, { dimension: 'storage' });
      await world.pass(3, 1);
      await buyer.use(2, { dimension: 'storage', occurredAt: at('2026-11-11T10:10:00Z') });
      await world.pass(100, 4);
      const stampsOf = async (): Promise<number[]> =>
        (
          await world.database.query<{ stamps: number }>(
            `SELECT count(*)::int AS stamps FROM marketplace.annulled_rollup GROUP BY rollup_id ORDER BY 1`,
          )
        ).map(({ stamps }) => stamps);
      expect(await stampsOf()).toEqual([1, 2]);
      expect((await world.expectConserved()).waiting).toEqual({ refused: 7 });
      const told = (await world.alerts()).map(({ kind }) => kind);
      expect(told).toEqual(expect.arrayContaining(['quarantinedCause', 'usageWaiting']));
      fault.remove();
      await other.use(1, { dimension: 'storage' });
      await world.pass(6, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 7, 'l-2': 1 }, elsewhere: {} });
      expect((await world.alerts()).map(({ kind }) => kind)).toEqual(['expired']);
    });
  });

  it('and a buyer who is suspended for days leaves others alone, and is billed what AWS takes when reinstated', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      const other = await world.join('other');
      world.simulator.suspend(buyer.agreement);
      for (let hour = 0; hour < HOURS; hour += 1) {
        await buyer.use(1);
        await other.use(1);
        await world.pass(1, 1);
      }
      const [records] = await world.database.query<{ number: number }>(
        `SELECT count(*)::int AS number FROM marketplace.metering_record m JOIN marketplace.subscription s
          ON s.id = m.subscription_id
         WHERE s.id = $1`,
        [buyer.subscriptionId],
      );
      expect(records?.number).toBeLessThanOrEqual(HOURS);
      world.simulator.reinstate(buyer.agreement);
      await world.pass(8, 1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': HOURS, 'l-2': HOURS }, elsewhere: {} });
    });
  });
});

describe('T17 what AWS refuses of an agreement that is over, under an account that goes on', () => {
  it('keeps no usage of the agreement after it waiting: AWS takes that', async () => {
    const simulator = { switches: { usageBeforeStart: 'InvalidLicenseException' as const } };
    await withWorld({ lists: [LEGACY_CODE], simulator }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await world.goTo('2026-11-11T11:20:00Z');
      await buyer.use(1);
      await world.goTo('2026-11-11T12:10:00Z');
      buyer.cancel();
      await world.goTo('2026-11-11T12:40:00Z');
      buyer.return();
      await buyer.comeBack();
      await world.pass(1, 0.5);
      await buyer.use(2);
      await world.pass(3, 0.5);
      // An interval in which AWS judged nothing of the buyer.
      await world.database.query(`UPDATE marketplace.attempt SET answered_at = answered_at - interval '2 hours'`);
      await buyer.use(4, { dimension: 'storage', occurredAt: at('2026-11-11T11:30:00Z') });
      await world.pass(1, 0.5);
      expect((await world.expectConserved()).records).toEqual({ 'blocked invalidLicense': 4 });
      // Its own hour is billed already.
      await buyer.use(8, { occurredAt: at('2026-11-11T13:50:00Z') });
      await world.pass(2, 0.5);
      const { billed, records, waiting = {} } = await world.expectConserved();
      expect({ billed, records, waiting }).toEqual({
        ...{ billed: { 'l-1': 1, 'l-2': 10 }, records: { 'blocked invalidLicense': 4 }, waiting: {} },
      });
      expect((await world.alerts()).map(({ kind }) => kind)).not.toContain('quarantinedCause');
    });
  });
});

describe('T17 a cause that stands for another buyer’s sake, and usage of an agreement that is over', () => {
  it('is tried before AWS takes nothing of the agreement any more, and frees what else waits', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const [buyer, other, third] = [await world.join('acme'), await world.join('other'), await world.join('third')];
      for (const one of [buyer, third]) await one.use(1, { dimension: 'storage' });
      await world.pass(1.5, 0.5);
      const ofOther = { licenseArn: other.agreement.licenseArn };
      const name = 'InvalidUsageDimensionException';
      world.simulator.faults.add({ kind: 'unknownError', name, operation: 'BatchMeterUsage', when: ofOther });
      await world.database.query(`UPDATE marketplace.attempt SET answered_at = answered_at - interval '2 hours'`);
      await other.use(2, { dimension: 'storage' });
      await world.pass(1, 0.5);
      expect((await world.expectConserved()).records).toEqual({ 'blocked invalidDimension': 2 });
      buyer.cancel();
      await world.pass(0.2, 0.1);
      // Their own hour is billed already.
      const occurredAt = at('2026-11-11T10:10:00Z');
      await third.use(4, { dimension: 'storage', occurredAt });
      await world.pass(0.1, 0.1);
      expect((await world.expectConserved()).waiting).toEqual({ refused: 4 });
      await buyer.use(8, { dimension: 'storage', occurredAt });
      await world.pass(3, 0.25);
      expect(await world.expectConserved()).toMatchObject({
        ...{ billed: { 'l-1': 9, 'l-3': 5 }, records: { 'blocked invalidDimension': 2 } },
      });
    });
  });
});

describe('T19 tenants with one running and three past subscriptions', () => {
  it('cost an idle pass no reading of past usage, and raise no alarm', async () => {
    await withWorld({ startAt: at('2026-11-09T10:00:00Z') }, async (world) => {
      for (const tenant of ['one', 'two', 'three']) {
        const buyer = await world.join(tenant);
        for (let past = 0; past < 3; past += 1) {
          await buyer.use(3);
          await world.pass(1);
          buyer.cancel();
          // Half an hour of the last hour that AWS takes.
          await world.pass(0.5);
          await world.pass(2, 1);
          buyer.return();
          await buyer.comeBack();
          await world.hear();
        }
        await buyer.use(1);
        await world.pass(2);
      }
      await world.pass(30, 3);
      expect(Object.keys((await world.expectConserved()).billed ?? {})).toHaveLength(12);
      expect(await world.alerts()).toEqual([]);
      // A session tells what it has read a second later, one that is idle ten seconds later, and one that ends at once.
      const reads = async (): Promise<number> => {
        await world.restart();
        const [row] = await world.database.query<{ reads: string }>(
          `SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::text AS reads FROM pg_stat_user_tables
            WHERE relname IN ('usage_event', 'rollup_event')`,
        );
        return Number(row?.reads);
      };
      const before = await reads();
      await world.pass(2, 1);
      expect((await reads()) - before).toBe(0);
    });
  });
});
