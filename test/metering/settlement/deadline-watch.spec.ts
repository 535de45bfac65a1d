import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench } from '../submission/submission-bench.js';

let bench: SubmissionBench;
beforeEach(async () => {
  bench = await SubmissionBench.start();
});
afterEach(() => bench.stop());

const balance = async (): Promise<{ event_sum: string; quantity: string }> => {
  const [row] = await bench.database.query<{ event_sum: string; quantity: string }>(
    `SELECT sum(event_sum)::text AS event_sum, sum(quantity)::text AS quantity FROM marketplace.balance`,
  );
  return row!;
};
/** Units of rollups without a record. */
const waiting = async (): Promise<string> => {
  const [row] = await bench.database.query<{ units: string }>(
    `SELECT coalesce(sum(event_sum), 0)::text AS units FROM marketplace.rollup WHERE record_id IS NULL
      AND NOT is_split`,
  );
  return row!.units;
};

describe('before the due time', () => {
  it('tells of each record once, in one alert per product, dimension and reason, which ends when they are sent (D19)', async () => {
    const subscription = await bench.subscribe();
    const hours = bench.hours(2);
    for (const dimension of ['requests', 'storage'])
      for (const hour of hours) await bench.seal(subscription, { hour, dimension });
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
  it('annuls a record that was never tried: its usage waits again, nothing of it is left in the balance (D19, D23, T5)', async () => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription, { quantity: 9 });
    bench.clock.advance(23.5 * HOUR_MS);
    await bench.first.watch.run();
    expect((await bench.record(id)).state).toBe('pending');
    bench.clock.advance(HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'expired', disposition: 'annulled' });
    expect(await balance()).toEqual({ event_sum: '0', quantity: '0' });
    expect(await waiting()).toBe('9');
    expect(await bench.changed(subscription)).toBe(true);
    expect(await bench.events()).toContain('metering.expired');
    expect(await bench.alerts()).toEqual(['expired']);
    await bench.first.submit();
    expect(bench.calls()).toBe(0);
    await bench.expectConserved();
  });

  it('holds them with onExpired hold', async () => {
    const replica = await bench.replica({ onExpired: 'hold' });
    const id = await bench.seal(await bench.subscribe());
    bench.clock.advance(26 * HOUR_MS);
    await replica.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'expired', disposition: 'held' });
    expect(await waiting()).toBe('0');
    await bench.expectConserved();
  });

  it('leaves what may be billed unknown, with an alert, and hands nothing of it back', async () => {
    const id = await bench.seal(await bench.subscribe());
    const fault = bench.simulator.faults.add({ kind: 'resetBefore' });
    await bench.first.submit();
    fault.remove();
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'expired', disposition: null });
    expect(await bench.alerts()).toEqual(['unknownOutcome']);
    expect(await bench.events()).toEqual(['metering.unknown']);
    expect(await waiting()).toBe('0');
    await bench.expectConserved();
  });

  it('never touches a record that is being sent', async () => {
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'latency', ms: 200, afterEffect: true, count: 1 });
    const run = bench.first.submit();
    while (!bench.simulator.calls().some((call) => call.effective))
      await new Promise((resolve) => setTimeout(resolve, 5));
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
        for (const dimension of ['requests', 'storage', 'seats'])
          await bench.seal(subscription, { hour, dimension, quantity: 1 });
    bench.clock.advance(50 * HOUR_MS);
    await Promise.all([bench.first.watch.run(), other.watch.run(), bench.first.watch.run(), other.watch.run()]);
    await bench.first.watch.run();
    expect(await bench.records(`disposition = 'annulled'`)).toHaveLength(600);
    expect(await waiting()).toBe('600');
    expect((await bench.events()).filter((type) => type === 'metering.expired')).toHaveLength(600);
    await bench.expectConserved();
  }, 120_000);
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
    expect((await bench.alerts()).sort()).toEqual(['deadlineNear', 'submissionHeld']);
    await replica.hold.release('ada');
    await replica.watch.run();
    await replica.submit();
    expect([(await bench.record(id)).state, (await bench.record(late)).state]).toEqual(['metered', 'closed']);
    await bench.expectConserved();
  });
});
