import { afterEach, describe, expect, it } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import { SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
afterEach(() => bench.stop());

describe('four submitters on one ledger, with everything going wrong', () => {
  it.each<Switches['identicalResend']>(['success', 'duplicateRecord'])(
    'bill every record exactly once (identical resend: %s) (D8, D14, D29)',
    async (identicalResend) => {
      bench = await SubmissionBench.start({
        simulator: { switches: { identicalResend, resultOrder: 'shuffled' }, seed: 7 },
      });
      for (let n = 0; n < 3; n += 1) await bench.replica();
      for (let n = 0; n < 10; n += 1) {
        const subscription = await bench.subscribe();
        for (const hour of bench.hours(15)) {
          for (const dimension of ['requests', 'storage'])
            await bench.seal(subscription, { hour, dimension, quantity: n + 1 });
        }
      }
      const faults = [
        bench.simulator.faults.add({ kind: 'resetBefore', probability: 0.4, count: 3 }),
        bench.simulator.faults.add({ kind: 'resetAfter', probability: 0.4, count: 5 }),
        bench.simulator.faults.add({ kind: 'error500After', probability: 0.4, count: 3 }),
        bench.simulator.faults.add({ kind: 'throttle', probability: 0.4, count: 4 }),
        bench.simulator.faults.add({
          kind: 'unprocessed',
          probability: 0.5,
          count: 5,
          subset: 5,
          afterEffect: (record) => record.Timestamp % 7200 === 0,
        }),
        bench.simulator.faults.add({ kind: 'truncateResults', probability: 0.5, count: 5, drop: 3 }),
      ];
      await bench.settle();
      for (const fault of faults) expect(fault.hits).toBeGreaterThan(0);
      const records = await bench.records();
      expect(records.filter((record) => record.state !== 'metered')).toEqual([]);
      expect(bench.simulator.bill()).toHaveLength(300);
      await bench.expectConserved();
    },
    60_000,
  );

  it('never hold one record at the same time: without faults no record is sent twice', async () => {
    bench = await SubmissionBench.start();
    for (let n = 0; n < 3; n += 1) await bench.replica();
    const subscription = await bench.subscribe();
    for (const hour of bench.hours(20))
      for (const dimension of ['requests', 'storage', 'seats']) await bench.seal(subscription, { hour, dimension });
    await bench.settle();
    const records = await bench.records();
    expect(records.map((record) => [record.state, record.attempt_count])).toEqual(records.map(() => ['metered', 1]));
    await bench.expectConserved();
  });

  it('share one budget: two replicas together make no more calls than AWS allows, and lose none of them', async () => {
    bench = await SubmissionBench.start({
      simulator: { callsPerSecond: 20 },
      options: { submission: { callsPerSecond: 20 } },
    });
    const other = await bench.replica();
    const subscription = await bench.subscribe();
    const past = new Date(bench.clock.now().getTime() - 1);
    // Past due by the strict reading: each travels alone, which makes 40 calls.
    for (const hour of bench.hours(20))
      for (const dimension of ['requests', 'storage']) await bench.seal(subscription, { hour, dimension, dueAt: past });
    const began = performance.now();
    await Promise.all([bench.first.submit(), other.submit()]);
    const seconds = (performance.now() - began) / 1000;
    await bench.settle();
    expect(seconds).toBeGreaterThan(39 / 20);
    expect(bench.simulator.calls({ error: 'ThrottlingException' })).toEqual([]);
    const submitters = await bench.database.query<{ calls: number }>(
      `SELECT count(*)::int AS calls FROM marketplace.attempt GROUP BY submitter`,
    );
    expect(submitters.length).toBe(2);
    expect(bench.calls()).toBe(40);
    await bench.expectConserved();
  });

  it('slow down together when AWS throttles', async () => {
    bench = await SubmissionBench.start({
      simulator: { callsPerSecond: 5 },
      options: { submission: { callsPerSecond: 1000 } },
    });
    const other = await bench.replica();
    const subscription = await bench.subscribe();
    const past = new Date(bench.clock.now().getTime() - 1);
    for (const hour of bench.hours(12)) await bench.seal(subscription, { hour, dueAt: past });
    // A machine that is busy may not reach AWS's rate in twelve calls.
    bench.simulator.faults.add({ kind: 'throttle', count: 1 });
    await Promise.all([bench.first.submit(), other.submit()]);
    const [row] = await bench.database.query<{ calls_per_second: number }>(
      `SELECT calls_per_second FROM marketplace.call_budget`,
    );
    expect(row!.calls_per_second).toBeLessThanOrEqual(500);
    await bench.settle(2000);
    expect(await bench.records(`state = 'metered'`)).toHaveLength(12);
    await bench.expectConserved();
  });
});
