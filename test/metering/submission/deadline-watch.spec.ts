import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
beforeEach(async () => {
  bench = await SubmissionBench.start();
});
afterEach(() => bench.stop());

const carry = async (): Promise<string> => {
  const [row] = await bench.database.query<{ carry: string }>(`SELECT sum(carry)::text AS carry FROM marketplace.balance`);
  return row!.carry;
};

describe('before the due time', () => {
  it('tells of each record once, in one alert per product, dimension and reason, which ends when they are sent (D19)', async () => {
    const subscription = await bench.subscribe();
    const hours = bench.hours(2);
    for (const dimension of ['requests', 'storage']) for (const hour of hours) await bench.seal(subscription, { hour, dimension });
    bench.clock.advance(19 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual([]);
    bench.clock.advance(2 * HOUR_MS);
    await bench.first.watch.run();
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual(['deadlineNear', 'deadlineNear']);
    expect(await bench.events()).toEqual(Array(4).fill('metering.deadlineNear'));
    await bench.settle();
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual([]);
    await bench.expectConserved();
  });
});

describe('at the cutoff', () => {
  it('hands the units of a record that was never tried back to the balance (D19, D23)', async () => {
    const id = await bench.seal(await bench.subscribe(), { quantity: 9 });
    bench.clock.advance(23.5 * HOUR_MS);
    await bench.first.watch.run();
    expect((await bench.record(id)).state).toBe('pending');
    bench.clock.advance(HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'expired', disposition: 'carried' });
    expect(await carry()).toBe('9');
    expect(await bench.events()).toContain('metering.expired');
    expect(await bench.alerts()).toEqual(['expired']);
    await bench.first.submit();
    expect(bench.calls()).toBe(0);
    await bench.expectConserved();
  });

  it('holds them with onExpired hold, and for a subscription that has ended', async () => {
    const replica = await bench.replica({ onExpired: 'hold' });
    const [living, ended] = [await bench.subscribe(), await bench.subscribe()];
    const first = await bench.seal(living, { hour: bench.hours(1)[0]! });
    bench.clock.advance(26 * HOUR_MS);
    await replica.watch.run();
    expect(await bench.record(first)).toMatchObject({ state: 'closed', disposition: 'held' });
    const second = await bench.seal(ended, { hour: bench.hours(1)[0]! });
    await bench.database.query(
      `UPDATE marketplace.subscription SET state = 'ending', ends_at = $2, first_end_sign_at = $2, last_end_sign_at = $2 WHERE id = $1`,
      [ended.id, bench.clock.now().toISOString()],
    );
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(second)).toMatchObject({ state: 'closed', disposition: 'held' });
    await bench.expectConserved();
  });

  it('never touches a record that is being sent', async () => {
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'latency', ms: 200, afterEffect: true, count: 1 });
    const run = bench.first.submit();
    while (!bench.simulator.calls().some((call) => call.effective)) await new Promise((resolve) => setTimeout(resolve, 5));
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect((await bench.record(id)).state).toBe('sending');
    await run;
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it('closes hundreds of records in chunks, shared by watches that run at once', async () => {
    const other = await bench.replica();
    const subscriptions = [];
    for (let n = 0; n < 10; n += 1) subscriptions.push(await bench.subscribe());
    const hours = bench.hours(20);
    for (const subscription of subscriptions)
      for (const hour of hours)
        for (const dimension of ['requests', 'storage', 'seats']) await bench.seal(subscription, { hour, dimension, quantity: 1 });
    bench.clock.advance(50 * HOUR_MS);
    await Promise.all([bench.first.watch.run(), other.watch.run(), bench.first.watch.run(), other.watch.run()]);
    await bench.first.watch.run();
    expect(await bench.records(`disposition = 'carried'`)).toHaveLength(600);
    expect(await carry()).toBe('600');
    expect((await bench.events()).filter((type) => type === 'metering.expired')).toHaveLength(600);
    await bench.expectConserved();
  });
});

describe('modes', () => {
  it('dry-run closes at once, held, and nothing is sent (D15)', async () => {
    const id = await bench.seal(await bench.subscribe(), { mode: 'dry-run' });
    await bench.first.submit();
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'dryRun', disposition: 'held' });
    expect(bench.calls()).toBe(0);
    expect(await bench.alerts()).toEqual([]);
    await bench.expectConserved();
  });

  it('off waits for its cutoff and is held', async () => {
    const id = await bench.seal(await bench.subscribe(), { mode: 'off' });
    await bench.first.submit();
    await bench.first.watch.run();
    expect((await bench.record(id)).state).toBe('pending');
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'off', disposition: 'held' });
    expect(bench.calls()).toBe(0);
    await bench.expectConserved();
  });

  it('hold submits nothing and finalises nothing until it is released', async () => {
    const replica = await bench.replica({ startIn: 'hold' });
    const subscription = await bench.subscribe();
    const [newer, older] = bench.hours(2);
    const late = await bench.seal(subscription, { hour: older!, cutoffAt: new Date(older!.getTime() + 24 * HOUR_MS) });
    const id = await bench.seal(subscription, { hour: newer! });
    bench.clock.advance(22.5 * HOUR_MS);
    await replica.submit();
    await replica.watch.run();
    expect(bench.calls()).toBe(0);
    expect([(await bench.record(id)).state, (await bench.record(late)).state]).toEqual(['pending', 'pending']);
    expect(await bench.alerts()).toEqual(['deadlineNear']);
    replica.hold.release('ada');
    await replica.watch.run();
    await replica.submit();
    expect([(await bench.record(id)).state, (await bench.record(late)).state]).toEqual(['metered', 'closed']);
    await bench.expectConserved();
  });
});
