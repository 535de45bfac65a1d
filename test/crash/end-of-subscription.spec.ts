import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import { LedgerHarness } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';

const operation = 'BatchMeterUsage';

let harness: LedgerHarness;
let usage: RecordedUsage;
let id: string;
let agreement: Agreement;

beforeEach(async () => {
  harness = await LedgerHarness.start({ startAt: new Date('2026-11-11T10:10:00Z') });
  usage = new RecordedUsage(harness);
  ({ id, agreement } = await harness.subscribe());
});

afterEach(async () => {
  await harness.stop();
});

const record = (quantity: number | string, dimension = 'requests') => usage.record({ subscriptionId: id, dimension, quantity });

async function end(): Promise<void> {
  harness.simulator.end(agreement);
  await harness.subscriptions.end(id);
}

const lines = () => harness.simulator.bill().map(({ dimension, hour, quantity }) => `${dimension} ${hour.slice(11, 13)}h ${quantity}`);
const fates = async () =>
  (
    await harness.records<{
      kind: string;
      dimension: string;
      quantity: string;
      state: string;
      reason: string | null;
      disposition: string | null;
    }>()
  ).map((row) => [row.kind, row.dimension, row.quantity, row.state, row.reason, row.disposition].filter((part) => part !== null).join(' '));
const stateOf = async () => (await harness.subscriptions.get(id))?.state;

it('the running hour is sealed and billed at once, and late usage takes a free hour of the time before the end', async () => {
  await record(5);
  harness.advance(2);
  await harness.settle();
  await record(3);
  harness.advance(0.5);
  await end();
  await harness.settle();
  expect(lines()).toEqual(['requests 10h 5', 'requests 12h 3']);

  // Usage that the application tells of only now: the hour of the end is taken, 11h is not.
  await usage.record({ subscriptionId: id, dimension: 'requests', quantity: 4, occurredAt: new Date('2026-11-11T12:20:00Z') });
  harness.advance(0.25);
  await harness.settle();
  expect(lines()).toEqual(['requests 10h 5', 'requests 12h 3', 'requests 11h 4']);
  await usage.expectAllMetered();

  harness.advance(1);
  await harness.run('seal');
  expect(await stateOf()).toBe('ended');
  expect(await fates()).not.toContainEqual(expect.stringContaining('closing'));
  await usage.expectAllMetered();
});

it('what AWS no longer takes goes into closing records that say so: usage of after its hour of grace, and fractions', async () => {
  await record('5.5');
  harness.advance(0.25);
  await end();
  await harness.settle();
  harness.advance(1.5);
  await record(4, 'storage');
  await harness.settle();
  expect(lines()).toEqual(['requests 10h 5']);
  expect((await fates()).sort()).toEqual([
    'closing requests 0.5 closed ended held',
    'closing storage 4 closed ended held',
    'hour requests 5 metered',
  ]);
  expect(await harness.openAlerts()).toContain('ended');
  expect(await stateOf()).toBe('ended');

  // And later still.
  harness.advance(5);
  await record(2);
  await harness.settle();
  expect(await fates()).toContain('closing requests 2 closed ended held');
  expect(await usage.expectAllAccounted()).toEqual({ metered: 5, held: 6.5 });
});

it('a correction that comes after the last hour is owed to the buyer', async () => {
  await record(5);
  harness.advance(0.25);
  await end();
  await harness.settle();
  harness.advance(1.5);
  await usage.record({ subscriptionId: id, dimension: 'requests', quantity: -2, reason: 'counted twice' });
  await harness.settle();
  expect(await fates()).toContain('closing requests -2 closed ended owed');
  expect(await harness.openAlerts()).toContain('owed');
  expect(await usage.expectAllAccounted()).toEqual({ metered: 5, owed: -2 });
});

it('AWS is away in the hour after the end: what is known not to be billed is held, what is uncertain is unknown, neither is sent again', async () => {
  await record(5);
  harness.advance(2);
  await harness.run('seal');
  harness.simulator.faults.add({ kind: 'error500Before', operation });
  await harness.run('submit');
  harness.simulator.faults.clear();
  await record(3);
  await end();
  harness.simulator.faults.add({ kind: 'accessDenied', operation });
  await harness.run('seal', 'submit');
  // The end moves the deadline of what still waits to an hour after it.
  expect(await harness.openAlerts()).toContain('setupError');
  await harness.run('deadline');
  expect(await harness.openAlerts()).toContain('deadlineNear');
  harness.advance(1.1);
  harness.simulator.faults.clear();
  await harness.run('submit', 'deadline', 'seal');
  expect(await fates()).toEqual(['hour requests 5 unknown expired', 'hour requests 3 closed expired held']);
  expect(lines()).toEqual([]);
  expect(await usage.expectAllAccounted()).toEqual({ unknown: 5, held: 3 });
});

it('an end announced for later: usage until then is billed by the hour as ever, the rest at the end', async () => {
  const at = new Date('2026-11-11T12:30:00Z');
  harness.simulator.end(agreement, { at });
  await harness.subscriptions.end(id, at);
  await record(1);
  harness.advance(1.5);
  await harness.settle();
  expect(lines()).toEqual(['requests 10h 1']);
  await record(2);
  harness.clock.set(new Date('2026-11-11T12:20:00Z'));
  await record(3);
  harness.clock.set(at);
  await harness.settle();
  expect(lines()).toEqual(['requests 10h 1', 'requests 11h 2', 'requests 12h 3']);
  await usage.expectAllMetered();
});
