import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { RecordResolution } from '../../src/index.js';
import { Outbox } from '../../src/events/outbox.js';
import { HOUR_MS, hourOf, plusMs } from '../../src/runtime/clock.js';
import { LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { billOf, sentOf } from './wire.js';

// Defects of peer systems by which usage is never billed, and nobody hears of it, played through the whole module.

let harness: LedgerHarness;

beforeAll(async () => {
  harness = await LedgerHarness.start();
});
afterEach(() => {
  harness.simulator.faults.clear();
});
afterAll(() => harness.stop());

function nextHour(): Date {
  harness.clock.set(plusMs(hourOf(harness.clock.now()), HOUR_MS));
  return harness.clock.now();
}

it('D20 what is left of an hour below a whole unit is billed when later hours make it whole', async () => {
  nextHour();
  const { id, agreement } = await harness.subscribe();
  for (let hour = 0; hour < 4; hour += 1) {
    await harness.metering.record([
      { subscriptionId: id, dimension: 'requests', quantity: '0.75' },
      { subscriptionId: id, dimension: 'storage', quantity: 1.5 },
    ]);
    harness.advance(1.25);
    await harness.settle();
  }
  const billed: Record<string, number> = {};
  for (const { dimension, quantity } of harness.simulator.bill({ licenseArn: agreement.licenseArn }))
    billed[dimension] = (billed[dimension] ?? 0) + quantity;
  expect(billed).toEqual({ requests: 3, storage: 6 });
  await harness.expectConserved();
});

it('D22 a product that is no longer in the options is still sealed and sent; recording for it is refused aloud, not skipped', async () => {
  nextHour();
  const { id, agreement } = await harness.subscribe();
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
  harness.advance(1.25);
  const successor = await harness.replica({ options: { products: [{ productCode: 'another', dimensions: ['seats'] }] } });
  try {
    await successor.settle();
    expect(Object.values(billOf(harness, agreement))).toEqual([4]);
    await expect(successor.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 1 })).rejects.toMatchObject({
      code: 'DIMENSION_UNDECLARED',
    });
    const refused = await fetch(`${successor.url}/marketplace/registration`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams(harness.simulator.registrationForm(harness.simulator.subscribe({ productCode: PRODUCT_CODE }))),
    });
    expect([refused.status, await refused.json()]).toEqual([500, expect.objectContaining({ errorCode: 'PRODUCT_UNKNOWN' })]);
  } finally {
    await successor.stop();
  }
  await harness.expectConserved();
});

describe('D23 a job that did not run', () => {
  it('for five hours seals each of them by itself when it runs again', async () => {
    const start = nextHour();
    const { id, agreement } = await harness.subscribe();
    for (let hour = 0; hour < 5; hour += 1) {
      await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: hour + 1 });
      harness.advance(1);
    }
    harness.advance(0.25);
    await harness.settle();
    const expected = [1, 2, 3, 4, 5].map((units, hour) => [`requests ${plusMs(start, hour * HOUR_MS).toISOString()}`, units]);
    expect(billOf(harness, agreement)).toEqual(Object.fromEntries(expected));
    await harness.expectConserved();
  });

  it('for three days bills what AWS takes no more of with the newest hour, and says where it came from', async () => {
    const start = nextHour();
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    harness.advance(1);
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.advance(72);
    await harness.settle();
    expect(Object.values(billOf(harness, agreement))).toEqual([7]);
    const [record] = await harness.records<{ notes: unknown; state: string }>(`subscription_id = '${id}'`);
    expect(record?.state).toBe('metered');
    for (const origin of [start, plusMs(start, HOUR_MS)]) expect(JSON.stringify(record?.notes)).toContain(origin.toISOString());
    await harness.expectConserved();
  });
});

describe('D25 what happened and that it is told', () => {
  it('are one commit: an event that cannot be written takes its change back, and both come later', async () => {
    nextHour();
    const { id } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.advance(1.25);
    await harness.run('seal');
    harness.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred', count: 2 });
    const told = () =>
      harness.database.query(`SELECT type FROM marketplace.outbox_event WHERE subscription_id = $1 AND type LIKE 'metering.%'`, [id]);

    const outbox = jest.spyOn(harness.app.get(Outbox), 'append').mockRejectedValueOnce(new TypeError('no room'));
    await expect(harness.run('submit')).rejects.toThrow('no room');
    outbox.mockRestore();
    expect(await harness.records(`subscription_id = '${id}'`)).toMatchObject([{ state: 'sending' }]);
    expect(await told()).toEqual([]);

    await harness.expireLeases();
    await harness.settle();
    const [record] = await harness.records<{ id: string; state: string }>(`subscription_id = '${id}'`);
    expect(record?.state).toBe('blocked');
    expect(await told()).toEqual([{ type: 'metering.blocked' }]);
    await harness.app.get(RecordResolution).writeOff(record!.id, { by: 'ada', reason: 'shown' });
    expect(await told()).toEqual([{ type: 'metering.blocked' }, { type: 'metering.closed' }]);
    await harness.expectConserved();
  });

  it('a record that waits is never counted as billed', async () => {
    nextHour();
    const { id } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.advance(1.25);
    await harness.run('seal');
    expect(await harness.metering.balance({ subscriptionId: id })).toMatchObject([{ byState: { pending: '4' }, conserved: true }]);
    await harness.settle();
    expect(await harness.metering.balance({ subscriptionId: id })).toMatchObject([{ byState: { metered: '4' }, conserved: true }]);
    await harness.expectConserved();
  });
});

it('D28 usage that comes after its hour was sent is billed with the next one', async () => {
  const start = nextHour();
  const { id, agreement } = await harness.subscribe();
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 5 });
  harness.advance(1.25);
  await harness.settle();
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 2, occurredAt: plusMs(start, 1) });
  await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 10 });
  harness.advance(1);
  await harness.settle();
  expect(billOf(harness, agreement)).toEqual({
    [`requests ${start.toISOString()}`]: 5,
    [`requests ${plusMs(start, HOUR_MS).toISOString()}`]: 12,
  });
  await harness.expectConserved();
});

describe('D33 the window', () => {
  it('is a day, not six hours: usage is billed in its own hour after 23 of them', async () => {
    const start = nextHour();
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.advance(1.25);
    const outage = harness.simulator.faults.add({ kind: 'accessDenied' });
    await harness.settle(2);
    harness.advance(22.25);
    outage.remove();
    await harness.settle();
    expect(billOf(harness, agreement)).toEqual({ [`requests ${start.toISOString()}`]: 4 });
    await harness.expectConserved();
  });

  it('is tried until its latest reading has passed: what AWS calls too old is billed with a later hour', async () => {
    nextHour();
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.advance(1.25);
    const outage = harness.simulator.faults.add({ kind: 'accessDenied' });
    await harness.settle(2);
    harness.advance(23);
    outage.remove();
    await harness.settle(2);
    expect(await harness.records(`subscription_id = '${id}'`)).toMatchObject([{ state: 'blocked', reason: 'timestampOutOfBounds' }]);
    harness.advance(1);
    await harness.run('deadline');
    await harness.settle();
    const records = await harness.records(`subscription_id = '${id}'`);
    expect(records).toMatchObject([{ reason: 'timestampOutOfBounds', disposition: 'carried' }, { state: 'metered' }]);
    expect(Object.values(billOf(harness, agreement))).toEqual([4]);
    await harness.expectConserved();
  });

  it('of the last evening of a month ends at 06:00 on the 1st; until then it is billed in its month', async () => {
    harness.clock.set(new Date('2026-11-30T23:00:00Z'));
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.clock.set(new Date('2026-12-01T05:30:00Z'));
    await harness.settle();
    expect(billOf(harness, agreement)).toEqual({ 'requests 2026-11-30T23:00:00.000Z': 4 });
    await harness.expectConserved();
  });

  it('that was missed at the end of a month sends nothing into the old month, and its units with the new one', async () => {
    harness.clock.set(new Date('2026-12-31T23:00:00Z'));
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
    harness.clock.set(new Date('2027-01-01T05:30:00Z'));
    const outage = harness.simulator.faults.add({ kind: 'accessDenied' });
    await harness.settle(2);
    harness.clock.set(new Date('2027-01-01T06:30:00Z'));
    outage.remove();
    const before = sentOf(harness, agreement).length;
    await harness.run('deadline');
    await harness.settle();
    expect(billOf(harness, agreement)).toEqual({ 'requests 2027-01-01T05:00:00.000Z': 4 });
    expect(sentOf(harness, agreement)).toHaveLength(before + 1);
    const records = await harness.records(`subscription_id = '${id}'`);
    expect(records).toMatchObject([{ state: 'closed', reason: 'expired', disposition: 'carried' }, { state: 'metered' }]);
    await harness.expectConserved();
  });
});
