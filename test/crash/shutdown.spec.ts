import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { withClient } from '../../tools/postgres/postgres-server.js';
import { JobScheduler } from '../../src/index.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { eventually } from '../support/processes.js';
import { RecordedUsage } from '../support/recorded-usage.js';

const REQUEST_TIMEOUT_MS = 1000;
const SUBMISSION = { submission: { requestTimeoutMs: REQUEST_TIMEOUT_MS, leaseMs: 60_000 } };
/** What a busy machine may need beside the call. */
const SLACK_MS = 2000;

let harness: LedgerHarness;
let leaving: LedgerHarness;
let usage: RecordedUsage;

beforeEach(async () => {
  harness = await LedgerHarness.start({ options: SUBMISSION });
  usage = new RecordedUsage(harness);
  leaving = await harness.replica({ options: SUBMISSION });
  for (let buyer = 0; buyer < 3; buyer += 1) {
    const { id } = await harness.subscribe();
    await usage.record(
      { subscriptionId: id, dimension: 'requests', quantity: 3 },
      { subscriptionId: id, dimension: 'storage', quantity: 4 },
    );
  }
  harness.advance(2);
});

afterEach(async () => {
  await harness.stop();
});

const statesOf = async (): Promise<string[]> =>
  [...new Set((await harness.records<{ state: string }>()).map((record) => record.state))].sort();

/** Closes the application while a call of it is under way; resolves to how long that took. */
async function closedWhileCalling(): Promise<number> {
  await leaving.run('seal');
  const working = leaving.run('submit');
  await eventually('a call is under way', () => harness.simulator.calls({ operation: 'BatchMeterUsage' }).length > 0);
  const start = performance.now();
  await leaving.stop();
  const elapsed = performance.now() - start;
  await working;
  return elapsed;
}

it('a call under way ends and is written down before the application has closed', async () => {
  harness.simulator.faults.add({ kind: 'latency', operation: 'BatchMeterUsage', ms: 300, afterEffect: true });
  expect(await closedWhileCalling()).toBeLessThan(REQUEST_TIMEOUT_MS + SLACK_MS);
  expect(await harness.records("state = 'sending'")).toEqual([]);
  expect(await statesOf()).toContain('metered');
  harness.simulator.faults.clear();
  await harness.settle();
  await usage.expectAllMetered();
});

it.each([false, true])(
  'a call that AWS never answers (after its effect: %s) holds the close no longer than its timeout, and another replica ends the work',
  async (afterEffect) => {
    harness.simulator.faults.add({ kind: 'hang', operation: 'BatchMeterUsage', afterEffect });
    expect(await closedWhileCalling()).toBeLessThan(REQUEST_TIMEOUT_MS + SLACK_MS);
    expect(await statesOf()).toEqual(['pending']);
    harness.simulator.faults.clear();
    await harness.settle();
    await usage.expectAllMetered();
  },
);

it('a seal under way is whole or not at all, and no job starts any more', async () => {
  const sealing = leaving.run('seal');
  const scheduler = leaving.app.get(JobScheduler);
  await leaving.stop();
  await sealing;
  await expect(scheduler.runOnce('submit')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await harness.settle();
  await usage.expectAllMetered();
});

it('usage that waits for the database when the application closes is recorded, and then the connections are closed', async () => {
  const [{ id } = { id: '' }] = await harness.database.query<{ id: string }>(`SELECT id FROM marketplace.subscription LIMIT 1`);
  const event = (index: number) => ({ subscriptionId: id, dimension: 'requests', quantity: index });
  // What is known of a subscription is looked up once; from then on recording is one INSERT.
  await leaving.metering.record(event(0));
  const events = Array.from({ length: 50 }, (_, index) => event(index + 1));
  const start = performance.now();
  let recording: Promise<unknown>[] = [];
  let closing = Promise.resolve();
  await withClient(harness.postgres.url, async (client) => {
    await client.query('BEGIN; LOCK TABLE marketplace.usage_event IN ACCESS EXCLUSIVE MODE');
    recording = events.map((one) => leaving.metering.record(one));
    closing = leaving.stop();
    await eventually('the HTTP server has closed', () =>
      fetch(leaving.url).then(
        () => false,
        () => true,
      ),
    );
    await client.query('COMMIT');
  });
  expect((await Promise.allSettled(recording)).filter(({ status }) => status === 'rejected')).toEqual([]);
  usage.add(event(0), ...events);
  await closing;
  expect(performance.now() - start).toBeLessThan(SLACK_MS);
  await expect(leaving.metering.record(event(1))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  harness.advance(2);
  await harness.settle();
  await usage.expectAllMetered();
});
