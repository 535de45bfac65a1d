import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { AnswerReconciler } from '../../src/metering/settlement/answer-reconciler.js';
import { hourOf, plusMs } from '../../src/runtime/clock.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { billOf, sentOf } from './wire.js';

// Defects of peer systems by which a buyer pays twice, played through the whole module.

let harness: LedgerHarness;

beforeAll(async () => {
  harness = await LedgerHarness.start();
});
afterAll(() => harness.stop());

/** Business time goes on at the start of an hour, so that each test says which hour it speaks of. */
function nextHour(): string {
  harness.clock.set(plusMs(hourOf(harness.clock.now()), 3_600_000));
  return harness.clock.now().toISOString();
}

describe.each<Switches['identicalResend']>(['success', 'duplicateRecord'])(
  'where AWS answers %s to an identical resend',
  (identicalResend) => {
    beforeAll(() => {
      harness.simulator.setSwitches({ identicalResend });
    });

    it('D1 a retry after the turn of the hour goes out with the timestamp of its hour, and bills once', async () => {
      const hour = nextHour();
      const { id, agreement } = await harness.subscribe();
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 7 });
      harness.advance(1.25);
      harness.simulator.faults.add({ kind: 'resetAfter', count: 1 });
      await harness.run('seal', 'submit');
      harness.advance(3);
      await harness.settle();
      const sent = sentOf(harness, agreement);
      expect(sent).toHaveLength(2);
      expect(sent.map(({ Timestamp }) => new Date(Timestamp * 1000).toISOString())).toEqual([hour, hour]);
      expect(billOf(harness, agreement)).toEqual({ [`requests ${hour}`]: 7 });
      await harness.expectConserved();
    });

    it('D2 a retry is not made anew from what has changed since', async () => {
      const hour = nextHour();
      const { id, agreement } = await harness.subscribe();
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 7, tags: { team: 'blue' } });
      harness.advance(1.25);
      harness.simulator.faults.add({ kind: 'error500After', count: 1 });
      await harness.run('seal', 'submit');
      // More usage of the same hour, and a new version of the application with other options.
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 5, occurredAt: new Date(hour) });
      const successor = await harness.replica({ options: { settleDelayMs: 0, onExpired: 'hold' } });
      await successor.settle();
      await successor.stop();
      const [first, second, third] = sentOf(harness, agreement).map((record) => JSON.stringify(record));
      expect(second).toBe(first);
      expect(third).toBeUndefined();
      nextHour();
      harness.advance(0.25);
      await harness.settle();
      expect(Object.values(billOf(harness, agreement))).toEqual([7, 5]);
      await harness.expectConserved();
    });

    it('D3 an outcome that stays unknown is not billed again under another date; an audit settles it', async () => {
      const hour = nextHour();
      const { id, agreement } = await harness.subscribe();
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 7 });
      harness.advance(1.25);
      harness.simulator.faults.add({ kind: 'error500After', count: 1 });
      await harness.run('seal', 'submit');
      const outage = harness.simulator.faults.add({ kind: 'resetBefore' });
      await harness.settle(3);
      harness.advance(26);
      await harness.run('deadline');
      outage.remove();
      await harness.settle();
      harness.advance(2);
      await harness.settle();
      expect(billOf(harness, agreement)).toEqual({ [`requests ${hour}`]: 7 });
      const [record] = await harness.records<{ id: string; state: string; disposition: string | null }>(`subscription_id = '${id}'`);
      expect(record).toMatchObject({ state: 'unknown', disposition: null });
      expect((await harness.metering.balance({ subscriptionId: id }))[0]).toMatchObject({ byState: { unknown: '7' }, conserved: true });

      await harness.app.get(RecordResolution).settleUnknown(record!.id, { found: { meteringRecordId: 'seen' } }, { by: 'ada' });
      await harness.expectConserved();
    });

    it('D8 a crash after AWS has taken it and before the ledger knows resends the same record, no new one', async () => {
      nextHour();
      const { id, agreement } = await harness.subscribe();
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 7 });
      harness.advance(1.25);
      await harness.run('seal');
      const [before] = await harness.records<{ id: string }>(`subscription_id = '${id}'`);
      const crash = jest
        .spyOn(harness.app.get(AnswerReconciler), 'reconcile')
        .mockRejectedValueOnce(new TypeError('the process died here'));
      await expect(harness.run('submit')).rejects.toThrow('the process died here');
      crash.mockRestore();
      expect(Object.values(billOf(harness, agreement))).toEqual([7]);
      await harness.settle(1);
      expect(sentOf(harness, agreement)).toHaveLength(1);
      await harness.expireLeases();
      await harness.settle();
      expect(sentOf(harness, agreement)).toHaveLength(2);
      expect(await harness.records(`subscription_id = '${id}'`)).toMatchObject([{ id: before!.id, state: 'metered', attempt_count: 2 }]);
      expect(Object.values(billOf(harness, agreement))).toEqual([7]);
      await harness.expectConserved();
    });
  },
);

it('D5 usage that comes after its hour was sent is sent once, with the hour it came from on record', async () => {
  const hour = nextHour();
  const { id, agreement } = await harness.subscribe();
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 5 });
  harness.advance(1.25);
  await harness.settle();
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 2, occurredAt: plusMs(new Date(hour), 60_000) });
  harness.advance(1);
  // Whoever runs however often: what was sent is remembered.
  const replica = await harness.replica();
  for (const one of [harness, replica, harness]) await one.settle();
  await replica.stop();
  harness.advance(1);
  await harness.settle();
  const sent = sentOf(harness, agreement);
  expect(sent.map((record) => record.Quantity)).toEqual([5, 2]);
  const records = await harness.records<{ notes: unknown }>(`subscription_id = '${id}'`);
  expect(records).toHaveLength(2);
  expect(JSON.stringify(records[1]!.notes)).toContain(hour);
  await harness.expectConserved();
});

it('D6 hours are those of the clock on the wall, whenever the job happens to run', async () => {
  const start = new Date(nextHour());
  const { id, agreement } = await harness.subscribe();
  const at = (minutes: number, ms = 0): Date => plusMs(start, minutes * 60_000 + ms);
  const record = (quantity: number, occurredAt: Date) =>
    harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity, occurredAt });
  harness.clock.set(at(119));
  await record(1, at(0));
  await record(10, at(60, -1));
  await record(100, at(60));
  await record(1000, at(119));
  // Early, late, twice, and once for two hours together.
  for (const minute of [119, 125, 133, 133, 187, 250]) {
    harness.clock.set(at(minute));
    await harness.settle();
  }
  expect(billOf(harness, agreement)).toEqual({ [`requests ${at(0).toISOString()}`]: 11, [`requests ${at(60).toISOString()}`]: 1100 });
  await harness.expectConserved();
});

it('D7 a fraction in every hour is never rounded up: no hour bills more than was used by then', async () => {
  nextHour();
  const { id, agreement } = await harness.subscribe();
  const billed: number[] = [];
  for (let hour = 0; hour < 6; hour += 1) {
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: '0.4' });
    nextHour();
    harness.advance(0.25);
    await harness.settle();
    billed.push(Object.values(billOf(harness, agreement)).reduce((sum, units) => sum + units, 0));
  }
  expect(billed).toEqual([0, 0, 1, 1, 2, 2]);
  await harness.expectConserved();
});
