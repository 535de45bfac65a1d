import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SubmissionBench } from './submission-bench.js';

describe('the plain way: claim, call, reconcile', () => {
  let bench: SubmissionBench;
  beforeAll(async () => {
    bench = await SubmissionBench.start({ options: { submission: { concurrency: 1 } } });
  });
  afterAll(() => bench.stop());

  it('bills 60 records in three calls, each once', async () => {
    for (let n = 0; n < 3; n += 1) {
      const subscription = await bench.subscribe();
      for (const hour of bench.hours(20)) await bench.seal(subscription, { hour, quantity: n + 1 });
    }
    await bench.first.submit();
    const records = await bench.records();
    expect(records.map((record) => record.state)).toEqual(records.map(() => 'metered'));
    expect(
      records.every(
        (record) => record.metering_record_id !== null && record.attempt_count === 1 && record.lease_token === null,
      ),
    ).toBe(true);
    expect(bench.calls()).toBe(3);
    await bench.expectConserved();
  });

  it('sends the earliest deadline first, and never more than 25 records a call (D32)', async () => {
    const subscription = await bench.subscribe();
    const hours = bench.hours(20);
    for (const dimension of ['requests', 'storage'])
      for (const hour of hours) await bench.seal(subscription, { hour, dimension });
    const before = bench.calls();
    await bench.first.submit();
    const calls = bench.simulator.calls({ operation: 'BatchMeterUsage' }).slice(before);
    expect(calls.map((call) => call.records)).toEqual([25, 15]);
    const sent = calls.map((call) =>
      (call.request as { UsageRecords: { Timestamp: number }[] }).UsageRecords.map((record) => record.Timestamp),
    );
    expect(Math.max(...sent[0]!)).toBeLessThanOrEqual(Math.min(...sent[1]!));
    await bench.expectConserved();
  });

  it('sends a retry byte for byte as it was, allocations in their stored order (D1, D2, D6)', async () => {
    const subscription = await bench.subscribe();
    const allocations = [
      {
        AllocatedUsageQuantity: 3,
        Tags: [
          { Key: 'team', Value: 'b' },
          { Key: 'app', Value: 'x' },
        ],
      },
      { AllocatedUsageQuantity: 4 },
    ];
    const id = await bench.seal(subscription, { dimension: 'seats', allocations });
    bench.simulator.faults.add({ kind: 'resetAfter', count: 2 });
    const before = bench.calls();
    await bench.first.submit();
    bench.clock.advance(3 * 3_600_000);
    await bench.settle();
    const bodies = bench.simulator
      .calls({ operation: 'BatchMeterUsage' })
      .slice(before)
      .map((call) => JSON.stringify(call.request));
    expect(bodies.length).toBe(3);
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('"Key":"team"');
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });
});
