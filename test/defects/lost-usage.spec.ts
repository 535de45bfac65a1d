import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { RecordResolution } from '../../src/index.js';
import { Outbox } from '../../src/events/outbox.js';
import { HOUR_MS, plusMs } from '../../src/runtime/clock.js';
import { LEGACY_CODE, PRODUCT_CODE, World } from '../support/world.js';
import { advance, billOf, buyerInNewHour, recordsOf, sentOf } from './wire.js';

// Defects of peer systems by which usage is never billed, and nobody hears of it, played through the whole module.

let world: World;

beforeAll(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
});
afterEach(() => {
  world.simulator.faults.clear();
});
afterAll(() => world.stop());

it('D20 what is left of an hour below a whole unit is billed when later hours make it whole', async () => {
  const { buyer } = await buyerInNewHour(world);
  for (let hour = 0; hour < 4; hour += 1) {
    await buyer.use('0.75');
    await buyer.use(1.5, { dimension: 'storage' });
    advance(world, 1.25);
    await world.work();
  }
  const billed: Record<string, number> = {};
  for (const { dimension, quantity } of world.simulator.bill({ licenseArn: buyer.agreement.licenseArn }))
    billed[dimension] = (billed[dimension] ?? 0) + quantity;
  expect(billed).toEqual({ requests: 3, storage: 6 });
  await world.expectConserved();
});

it('D22 a product that is no longer in the options: what is sealed is sent, what is not waits and says so, recording for it is refused aloud', async () => {
  const { buyer } = await buyerInNewHour(world);
  await buyer.use(4);
  advance(world, 1.25);
  await world.run('seal');
  await buyer.use(2);
  const { products } = world.options;
  await world.restart({
    options: { products: [{ productCode: LEGACY_CODE, dimensions: ['seats'], identity: 'legacy' }] },
  });
  try {
    advance(world, 1.25);
    await world.work();
    expect(Object.values(billOf(buyer))).toEqual([4]);
    expect((await world.expectConserved()).waiting).toEqual({ notListed: 2 });
    await expect(buyer.use(1)).rejects.toMatchObject({ code: 'DIMENSION_UNDECLARED' });
    const refused = await fetch(`${await world.app.getUrl()}/marketplace/registration`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams(world.simulator.registrationForm(world.sign().agreement)),
    });
    expect([refused.status, await refused.json()]).toEqual([
      500,
      expect.objectContaining({ errorCode: 'PRODUCT_UNKNOWN' }),
    ]);
  } finally {
    await world.restart({ options: { products: products ?? [] } });
  }
  advance(world, 1);
  await world.work();
  expect(Object.values(billOf(buyer))).toEqual([4, 2]);
  await world.expectConserved();
});

describe('D23 a job that did not run', () => {
  it('for five hours seals each of them by itself when it runs again', async () => {
    const { buyer, hour: start } = await buyerInNewHour(world);
    for (let hour = 0; hour < 5; hour += 1) {
      await buyer.use(hour + 1);
      advance(world, 1);
    }
    advance(world, 0.25);
    await world.work();
    const expected = [1, 2, 3, 4, 5].map((units, hour) => [
      `requests ${plusMs(start, hour * HOUR_MS).toISOString()}`,
      units,
    ]);
    expect(billOf(buyer)).toEqual(Object.fromEntries(expected));
    await world.expectConserved();
  });

  it('for three days bills what AWS takes no more of with the newest hour, and says where it came from', async () => {
    const { buyer, hour: start } = await buyerInNewHour(world);
    await buyer.use(3);
    advance(world, 1);
    await buyer.use(4);
    advance(world, 72);
    await world.work();
    expect(Object.values(billOf(buyer))).toEqual([7]);
    const [record] = await recordsOf<{ notes: unknown; state: string }>(buyer);
    expect(record?.state).toBe('metered');
    for (const origin of [start, plusMs(start, HOUR_MS)])
      expect(JSON.stringify(record?.notes)).toContain(origin.toISOString());
    await world.expectConserved();
  });
});

describe('D25 what happened and that it is told', () => {
  it('are one commit: an event that cannot be written takes its change back, and both come later', async () => {
    const { buyer } = await buyerInNewHour(world);
    await buyer.use(4);
    advance(world, 1.25);
    await world.run('seal');
    world.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred', count: 2 });
    const told = () =>
      world.database.query(
        `SELECT type FROM marketplace.outbox_event WHERE subscription_id = $1 AND type LIKE 'metering.%'`,
        [buyer.subscriptionId],
      );

    const outbox = world.app.get(Outbox);
    const append = outbox.append.bind(outbox);
    const spy = jest
      .spyOn(outbox, 'append')
      .mockImplementation((tx, events) =>
        events.length > 0 ? Promise.reject(new TypeError('no room')) : append(tx, events),
      );
    await expect(world.run('submit')).rejects.toThrow('no room');
    spy.mockRestore();
    expect(await recordsOf(buyer)).toMatchObject([{ state: 'sending' }]);
    expect(await told()).toEqual([]);

    await world.expireLeases();
    await world.work();
    const [record] = await recordsOf<{ id: string; state: string }>(buyer);
    expect(record?.state).toBe('blocked');
    expect(await told()).toEqual([{ type: 'metering.blocked' }]);
    await world.app.get(RecordResolution).writeOff(record!.id, { by: 'ada', reason: 'shown' });
    expect(await told()).toEqual([{ type: 'metering.blocked' }, { type: 'metering.closed' }]);
    await world.expectConserved();
  });

  it('a record that waits is never counted as billed', async () => {
    const { buyer } = await buyerInNewHour(world);
    await buyer.use(4);
    advance(world, 1.25);
    await world.run('seal');
    const { customer_id: customerId } = (await recordsOf<{ customer_id: string }>(buyer))[0]!;
    expect(await world.metering.balance({ customerId })).toMatchObject([
      { byState: { pending: '4' }, conserved: true },
    ]);
    await world.work();
    expect(await world.metering.balance({ customerId })).toMatchObject([
      { byState: { metered: '4' }, conserved: true },
    ]);
    await world.expectConserved();
  });
});

it('D28 usage that comes after its hour was sent is billed with the next one', async () => {
  const { buyer, hour: start } = await buyerInNewHour(world);
  await buyer.use(5);
  advance(world, 1.25);
  await world.work();
  await buyer.use(2, { occurredAt: plusMs(start, 1) });
  await buyer.use(10);
  advance(world, 1);
  await world.work();
  expect(billOf(buyer)).toEqual({
    [`requests ${start.toISOString()}`]: 5,
    [`requests ${plusMs(start, HOUR_MS).toISOString()}`]: 12,
  });
  await world.expectConserved();
});

describe('D33 the window', () => {
  it('is a day, not six hours: usage is billed in its own hour after 23 of them', async () => {
    const { buyer, hour: start } = await buyerInNewHour(world);
    await buyer.use(4);
    advance(world, 1.25);
    const outage = world.simulator.faults.add({ kind: 'accessDenied' });
    await world.work(2);
    advance(world, 22.25);
    outage.remove();
    await world.work();
    expect(billOf(buyer)).toEqual({ [`requests ${start.toISOString()}`]: 4 });
    await world.expectConserved();
  });

  it('is tried until its latest reading has passed: what AWS calls too old is billed with a later hour', async () => {
    const { buyer } = await buyerInNewHour(world);
    await buyer.use(4);
    advance(world, 1.25);
    const outage = world.simulator.faults.add({ kind: 'accessDenied' });
    await world.work(2);
    advance(world, 23);
    outage.remove();
    await world.work(2);
    expect(await recordsOf(buyer)).toMatchObject([{ state: 'blocked', reason: 'timestampOutOfBounds' }]);
    advance(world, 1);
    await world.run('deadline');
    await world.work();
    const records = await recordsOf(buyer);
    expect(records).toMatchObject([{ reason: 'expired', disposition: 'annulled' }, { state: 'metered' }]);
    expect(Object.values(billOf(buyer))).toEqual([4]);
    await world.expectConserved();
  });

  it('of the last evening of a month ends at 06:00 on the 1st; until then it is billed in its month', async () => {
    const { buyer } = await buyerInNewHour(world);
    world.clock.set(new Date('2026-11-30T23:00:00Z'));
    await buyer.use(4);
    world.clock.set(new Date('2026-12-01T05:30:00Z'));
    await world.work();
    expect(billOf(buyer)).toEqual({ 'requests 2026-11-30T23:00:00.000Z': 4 });
    await world.expectConserved();
  });

  it('that was missed at the end of a month sends nothing into the old month, and its units with the new one', async () => {
    const { buyer } = await buyerInNewHour(world);
    world.clock.set(new Date('2026-12-31T23:00:00Z'));
    await buyer.use(4);
    world.clock.set(new Date('2027-01-01T05:30:00Z'));
    const outage = world.simulator.faults.add({ kind: 'accessDenied' });
    await world.work(2);
    world.clock.set(new Date('2027-01-01T06:30:00Z'));
    outage.remove();
    const before = sentOf(buyer).length;
    await world.run('deadline');
    await world.work();
    expect(billOf(buyer)).toEqual({ 'requests 2027-01-01T05:00:00.000Z': 4 });
    expect(sentOf(buyer)).toHaveLength(before + 1);
    const records = await recordsOf(buyer);
    expect(records).toMatchObject([
      { state: 'closed', reason: 'expired', disposition: 'annulled' },
      { state: 'metered' },
    ]);
    await world.expectConserved();
  });
});
