import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { AnswerReconciler } from '../../src/metering/submission/answer-reconciler.js';
import { plusMs } from '../../src/runtime/clock.js';
import { whereUnitsAre } from '../support/whereabouts.js';
import { PRODUCT_CODE, World } from '../support/world.js';
import { advance, billOf, buyerInNewHour, nextHour, recordsOf, sentOf } from './wire.js';

// Defects of peer systems by which a buyer pays twice, played through the whole module.

let world: World;

beforeAll(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
});
afterAll(() => world.stop());

describe.each<Switches['identicalResend']>(['success', 'duplicateRecord'])(
  'where AWS answers %s to an identical resend',
  (identicalResend) => {
    beforeAll(() => {
      world.simulator.setSwitches({ identicalResend });
    });

    it('D1 a retry after the turn of the hour goes out with the timestamp of its hour, and bills once', async () => {
      const { buyer, hour } = await buyerInNewHour(world);
      await buyer.use(7);
      advance(world, 1.25);
      world.simulator.faults.add({ kind: 'resetAfter', count: 1 });
      await world.run('seal', 'submit');
      advance(world, 3);
      await world.work();
      const sent = sentOf(buyer);
      expect(sent).toHaveLength(2);
      expect(sent.map(({ Timestamp }) => new Date(Timestamp * 1000).toISOString())).toEqual([
        hour.toISOString(),
        hour.toISOString(),
      ]);
      expect(billOf(buyer)).toEqual({ [`requests ${hour.toISOString()}`]: 7 });
      await world.expectConserved();
    });

    it('D2 a retry is not made anew from what has changed since', async () => {
      const { buyer, hour } = await buyerInNewHour(world);
      await buyer.use(7, { tags: { team: 'blue' } });
      advance(world, 1.25);
      world.simulator.faults.add({ kind: 'error500After', count: 1 });
      await world.run('seal', 'submit');
      // More usage of the same hour, and a new version of the application with other options.
      await buyer.use(5, { occurredAt: hour });
      const successor = await world.addReplica({ settleDelayMs: 0 });
      await sleep(15);
      await world.runOn(successor, 'seal', 'submit', 'recovery');
      const [first, second, third] = sentOf(buyer).map((record) => JSON.stringify(record));
      expect(second).toBe(first);
      expect(third).toBeUndefined();
      nextHour(world);
      advance(world, 0.25);
      await world.work();
      expect(Object.values(billOf(buyer))).toEqual([7, 5]);
      await world.expectConserved();
    });

    it('D3 an outcome that stays unknown is not billed again under another date; an audit settles it', async () => {
      const { buyer, hour } = await buyerInNewHour(world);
      await buyer.use(7);
      advance(world, 1.25);
      world.simulator.faults.add({ kind: 'error500After', count: 1 });
      await world.run('seal', 'submit');
      const outage = world.simulator.faults.add({ kind: 'resetBefore' });
      await world.work(3);
      advance(world, 26);
      await world.run('deadline');
      outage.remove();
      await world.work();
      advance(world, 2);
      await world.work();
      expect(billOf(buyer)).toEqual({ [`requests ${hour.toISOString()}`]: 7 });
      const [record] = await recordsOf<{ id: string; state: string; disposition: string | null }>(buyer);
      expect(record).toMatchObject({ state: 'unknown', disposition: null });
      await world.expectBalanced();
      expect((await whereUnitsAre(world.database, world.simulator)).records).toEqual({ 'unknown expired': 7 });

      await world.app
        .get(RecordResolution)
        .settleUnknown(record!.id, { found: { meteringRecordId: `seen ${record!.id}` } }, { by: 'ada' });
      await world.expectConserved();
    });

    it('D8 a crash after AWS has taken it and before the ledger knows resends the same record, no new one', async () => {
      const { buyer } = await buyerInNewHour(world);
      await buyer.use(7);
      advance(world, 1.25);
      await world.run('seal');
      const [before] = await recordsOf<{ id: string }>(buyer);
      const crash = jest
        .spyOn(world.app.get(AnswerReconciler), 'reconcile')
        .mockRejectedValueOnce(new TypeError('the process died here'));
      await expect(world.run('submit')).rejects.toThrow('the process died here');
      crash.mockRestore();
      expect(Object.values(billOf(buyer))).toEqual([7]);
      await world.work(1);
      expect(sentOf(buyer)).toHaveLength(1);
      await world.expireLeases();
      await world.work();
      expect(sentOf(buyer)).toHaveLength(2);
      expect(await recordsOf(buyer)).toMatchObject([{ id: before!.id, state: 'metered', attempt_count: 2 }]);
      expect(Object.values(billOf(buyer))).toEqual([7]);
      await world.expectConserved();
    });
  },
);

it('D5 usage that comes after its hour was sent is sent once, with the hour it came from on record', async () => {
  const { buyer, hour } = await buyerInNewHour(world);
  await buyer.use(5);
  advance(world, 1.25);
  await world.work();
  await buyer.use(2, { occurredAt: plusMs(hour, 60_000) });
  advance(world, 1);
  // Whoever runs however often: what was sent is remembered.
  const replica = await world.addReplica();
  for (const app of [world.app, replica, world.app]) await world.runOn(app, 'seal', 'submit', 'recovery');
  advance(world, 1);
  await world.work();
  const sent = sentOf(buyer);
  expect(sent.map((record) => record.Quantity)).toEqual([5, 2]);
  const records = await recordsOf<{ notes: unknown }>(buyer);
  expect(records).toHaveLength(2);
  expect(JSON.stringify(records[1]!.notes)).toContain(hour.toISOString());
  await world.expectConserved();
});

it('D6 hours are those of the clock on the wall, whenever the job happens to run', async () => {
  const { buyer, hour: start } = await buyerInNewHour(world);
  const at = (minutes: number, ms = 0): Date => plusMs(start, minutes * 60_000 + ms);
  const record = (quantity: number, occurredAt: Date) => buyer.use(quantity, { occurredAt });
  world.clock.set(at(119));
  await record(1, at(0));
  await record(10, at(60, -1));
  await record(100, at(60));
  await record(1000, at(119));
  // Early, late, twice, and once for two hours together.
  for (const minute of [119, 125, 133, 133, 187, 250]) {
    world.clock.set(at(minute));
    await world.work();
  }
  expect(billOf(buyer)).toEqual({
    [`requests ${at(0).toISOString()}`]: 11,
    [`requests ${at(60).toISOString()}`]: 1100,
  });
  await world.expectConserved();
});

it('D7 a fraction in every hour is never rounded up: no hour bills more than was used by then', async () => {
  const { buyer } = await buyerInNewHour(world);
  const billed: number[] = [];
  for (let hour = 0; hour < 6; hour += 1) {
    await buyer.use('0.4');
    nextHour(world);
    advance(world, 0.25);
    await world.work();
    billed.push(Object.values(billOf(buyer)).reduce((sum, units) => sum + units, 0));
  }
  expect(billed).toEqual([0, 0, 1, 1, 2, 2]);
  await world.expectConserved();
});
