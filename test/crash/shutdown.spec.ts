import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { withClient } from '../../tools/postgres/connection.js';
import { JobScheduler, MeteringService } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { eventually } from '../support/processes.js';
import { PRODUCT_CODE, World } from '../support/world.js';

const REQUEST_TIMEOUT_MS = 1000;
const SUBMISSION = { submission: { requestTimeoutMs: REQUEST_TIMEOUT_MS, leaseMs: 60_000 } };
/** What a busy machine may need beside the call. */
const SLACK_MS = 2000;

let world: World;
let leaving: INestApplication;
let buyers: Buyer[];

beforeEach(async () => {
  world = await World.start({ options: SUBMISSION, lists: [PRODUCT_CODE] });
  leaving = await world.addReplica();
  buyers = [];
  for (const tenant of ['acme', 'globex', 'initech']) buyers.push(await world.join(tenant));
  for (const buyer of buyers) {
    await buyer.use(3);
    await buyer.use(4, { dimension: 'storage' });
  }
  world.clock.advance(2 * HOUR_MS);
});

afterEach(async () => {
  await world.stop();
});

/** The replica that is stopped; the world's own goes on. */
async function leave(): Promise<void> {
  world.apps.splice(world.apps.indexOf(leaving), 1);
  await leaving.close();
}

const statesOf = async (): Promise<string[]> =>
  [...new Set((await world.records<{ state: string }>()).map((record) => record.state))].sort();

/** Closes the application while a call of it is under way; resolves to how long that took. */
async function closedWhileCalling(): Promise<number> {
  await world.runOn(leaving, 'seal');
  const working = world.runOn(leaving, 'submit');
  await eventually('a call is under way', () => world.simulator.calls({ operation: 'BatchMeterUsage' }).length > 0);
  const start = performance.now();
  await leave();
  const elapsed = performance.now() - start;
  await working;
  return elapsed;
}

it('a call under way ends and is written down before the application has closed', async () => {
  world.simulator.faults.add({ kind: 'latency', operation: 'BatchMeterUsage', ms: 300, afterEffect: true });
  expect(await closedWhileCalling()).toBeLessThan(REQUEST_TIMEOUT_MS + SLACK_MS);
  expect(await world.records("state = 'sending'")).toEqual([]);
  expect(await statesOf()).toContain('metered');
  world.simulator.faults.clear();
  await world.work();
  await world.expectAllBilled();
});

it.each([false, true])(
  'a call that AWS never answers (after its effect: %s) holds the close no longer than its timeout, and another ' +
    'replica ends the work',
  async (afterEffect) => {
    world.simulator.faults.add({ kind: 'hang', operation: 'BatchMeterUsage', afterEffect });
    expect(await closedWhileCalling()).toBeLessThan(REQUEST_TIMEOUT_MS + SLACK_MS);
    expect(await statesOf()).toEqual(['pending']);
    world.simulator.faults.clear();
    await world.work();
    await world.expectAllBilled();
  },
);

it('a seal under way is whole or not at all, and no job starts any more', async () => {
  const sealing = world.runOn(leaving, 'seal');
  const scheduler = leaving.get(JobScheduler);
  await leave();
  await sealing;
  await expect(scheduler.runOnce('submit')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await world.work();
  await world.expectAllBilled();
});

it('usage that waits for the database when the application closes is recorded, and then the connections are closed', async () => {
  const event = (index: number) => ({ tenantId: buyers[0]!.tenantId, dimension: 'requests', quantity: index });
  const metering = leaving.get(MeteringService);
  const url = await leaving.getUrl();
  // What is known of a tenant is looked up once; from then on recording is one INSERT.
  await metering.record(event(1));
  const events = Array.from({ length: 50 }, (_, index) => event(index + 1));
  const start = performance.now();
  let recording: Promise<unknown>[] = [];
  let closing = Promise.resolve();
  await withClient(world.postgres.url, async (client) => {
    await client.query('BEGIN; LOCK TABLE marketplace.usage_event IN ACCESS EXCLUSIVE MODE');
    recording = events.map((one) => metering.record(one));
    closing = leave();
    await eventually('the HTTP server has closed', () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
    await client.query('COMMIT');
  });
  expect((await Promise.allSettled(recording)).filter(({ status }) => status === 'rejected')).toEqual([]);
  for (const { quantity } of [event(1), ...events]) world.count(quantity);
  await closing;
  expect(performance.now() - start).toBeLessThan(SLACK_MS);
  await expect(metering.record(event(1))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  world.clock.advance(2 * HOUR_MS);
  await world.work();
  await world.expectAllBilled();
});
