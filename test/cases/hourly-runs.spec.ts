import { once } from 'node:events';
import { expect, it, jest } from '@jest/globals';
import { MarketplaceJobs, type Options } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { eventually, spawnTypescript } from '../support/processes.js';
import { PRODUCT_CODE, World, type WorldOptions } from '../support/world.js';

// A host that lives by cron alone: every hour one run of all jobs, and no process in between. Pauses after failures are
// as long as by default: shorter ones would be over before a run is.

jest.setTimeout(240_000);

const SUBMISSION: Options['submission'] = {
  ...{ backoffBaseMs: 1000, backoffCapMs: 300_000, requestTimeoutMs: 2000, leaseMs: 4000 },
};
const startWorld = (options: WorldOptions = {}): Promise<World> =>
  World.start({ lists: [PRODUCT_CODE], ...options, options: { submission: SUBMISSION } });
const run = (world: World, withinMs = 60_000) => world.app.get(MarketplaceJobs).runOnce({ withinMs });

/** Half an hour of usage, then the end; at the next run its last hour is due in a quarter of an hour. */
async function leave(world: World, buyer: Buyer, quantity: number): Promise<void> {
  world.clock.advance(0.25 * HOUR_MS);
  await buyer.use(quantity);
  world.clock.advance(0.25 * HOUR_MS);
  buyer.cancel();
  await world.hear();
  world.clock.advance(0.75 * HOUR_MS);
}

it.each(['throttle', 'error500Before', 'error500After', 'resetBefore', 'resetAfter'] as const)(
  'the last hour is tried again in its run where AWS fails once: %s; at the next it is too late',
  async (kind) => {
    await using world = await startWorld();
    await leave(world, await world.join('acme'), 7);
    world.simulator.faults.add({ kind, operation: 'BatchMeterUsage', count: 1 });
    expect(await run(world)).toMatchObject({ outcome: 'done', metered: 1, left: [] });
    world.clock.advance(HOUR_MS);
    await run(world);
    await world.expectUnits({ billed: { 'l-1': 7 } });
  },
);

it('the included units of a last hour are asked for again in its run where AWS fails once', async () => {
  const units = { contractDimension: 'pack', covers: ['requests'] };
  await using world = await startWorld({ product: { contractDimensions: ['pack'], includedUnits: [units] } });
  const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 1000 }] });
  world.clock.advance(0.25 * HOUR_MS);
  await buyer.use(600);
  world.clock.advance(HOUR_MS);
  await run(world);
  await leave(world, buyer, 600);
  world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements', count: 1 });
  expect(await run(world)).toMatchObject({ outcome: 'done', metered: 1, left: [] });
  world.clock.advance(HOUR_MS);
  await run(world);
  await world.expectUnits({ billed: { 'l-1': 200 }, included: 1000 });
});

it('what a killed run was at goes on in the next one when its lease is over; where that is too late, its end says so', async () => {
  await using world = await startWorld();
  await leave(world, await world.join('acme'), 7);
  world.simulator.faults.add({ kind: 'hang', operation: 'BatchMeterUsage', afterEffect: true });
  const order = {
    ...{ databaseUrl: world.postgres.url, awsEndpoint: world.simulator.url, now: world.now().toISOString() },
    options: world.options,
  };
  const killed = spawnTypescript('test/crash/worker.ts', [JSON.stringify(order), 'once', '60000']);
  const exited = once(killed, 'exit');
  await eventually('a call is under way', () => world.simulator.calls({ operation: 'BatchMeterUsage' }).length > 0);
  killed.kill('SIGKILL');
  await exited;
  world.simulator.faults.clear();
  expect(await run(world, 1000)).toMatchObject({ outcome: 'timeUp', exitCode: 2, metered: 0 });
  expect(await run(world)).toMatchObject({ outcome: 'done', metered: 1, left: [] });
  await world.expectUnits({ billed: { 'l-1': 7 } });
});

it('a run whose settings are not those in force says that it failed: nothing was sealed', async () => {
  await using world = await startWorld();
  const buyer = await world.join('acme');
  await buyer.use(7);
  await world.restart({ product: { zeroRecords: 'atWindowEdge' } });
  await world.restart({ product: { zeroRecords: 'off' } });
  world.clock.advance(2 * HOUR_MS);
  expect(await run(world)).toMatchObject({
    ...{ outcome: 'failed', exitCode: 1, metered: 0 },
    failures: [{ job: 'settings', message: expect.stringContaining('settingsDiffer') }],
    left: [{ units: '7' }],
  });
  await world.restart({ product: { zeroRecords: 'atWindowEdge' } });
  expect(await run(world)).toMatchObject({ outcome: 'done', failures: [], left: [] });
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 7 });
  await world.expectConserved();
});

it('a run that waits when the application closes is told so, and ends with it', async () => {
  await using world = await startWorld();
  const buyer = await world.join('acme');
  await buyer.use(7);
  world.clock.advance(2 * HOUR_MS);
  const closing = await world.addReplica({ submission: { ...SUBMISSION, backoffBaseMs: 60_000 } });
  world.simulator.faults.add({ kind: 'accessDenied', operation: 'BatchMeterUsage', count: 1 });
  const waiting = closing.get(MarketplaceJobs).runOnce({ withinMs: 600_000 });
  const ended = waiting.catch((error: unknown) => error);
  await eventually(
    'the call is refused',
    async () => (await world.records(`attempt_count = 1 AND state = 'pending'`)).length > 0,
  );
  await eventually(
    'it waits',
    async () =>
      (await world.database.query(`SELECT FROM marketplace.outbox_event WHERE type = 'alert.raised'`)).length > 0,
  );
  await closing.close();
  world.apps.pop();
  expect(await ended).toMatchObject({ code: 'SHUTTING_DOWN' });
  await world.expectConserved();
});
