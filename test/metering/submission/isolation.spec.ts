import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
beforeEach(async () => {
  bench = await SubmissionBench.start();
});
afterEach(() => bench.stop());

/** A sealed hour that AWS would not take: too old for it, though the ledger believes there is time. */
const stale = () => new Date(bench.clock.now().getTime() - 30 * HOUR_MS);
const believed = () => ({
  dueAt: new Date(bench.clock.now().getTime() + HOUR_MS),
  cutoffAt: new Date(bench.clock.now().getTime() + 2 * HOUR_MS),
});

describe('one bad record among healthy ones (D14)', () => {
  it('is found in a few calls; its 24 neighbours are billed', async () => {
    // One line of work, so that all 25 set out in one call.
    await bench.stop();
    bench = await SubmissionBench.start({
      options: { submission: { concurrency: 1, requestTimeoutMs: 5000, leaseMs: 15_000 } },
    });
    const subscription = await bench.subscribe();
    const hours = bench.hours(8);
    for (const dimension of ['requests', 'storage', 'seats'])
      for (const hour of hours) await bench.seal(subscription, { hour, dimension });
    const poison = await bench.seal(subscription, { hour: stale(), ...believed() });
    await bench.settle();
    expect(await bench.record(poison)).toMatchObject({
      state: 'blocked',
      reason: 'timestampOutOfBounds',
      probe_group: null,
    });
    expect(await bench.records(`state = 'metered'`)).toHaveLength(24);
    // The batch, and two halves for each of the five halvings of 25.
    expect(bench.calls()).toBeLessThanOrEqual(11);
    expect(await bench.alerts()).toEqual(['blocked']);
    await bench.expectConserved();
  });

  it.each([
    ['a bad tag', { allocations: [{ AllocatedUsageQuantity: 7, Tags: [{ Key: 'a', Value: '~' }] }] }, 'invalidTag'],
    [
      'twice the same tags',
      { allocations: [{ AllocatedUsageQuantity: 3 }, { AllocatedUsageQuantity: 4 }] },
      'invalidAllocations',
    ],
    [
      'a quantity out of range',
      {
        allocations: [
          { AllocatedUsageQuantity: 2 ** 31, Tags: [{ Key: 'a', Value: 'b' }] },
          { AllocatedUsageQuantity: 7 - 2 ** 31 },
        ],
      },
      'invalidRequest',
    ],
  ])('%s blocks that record alone', async (_name, bad, reason) => {
    const subscription = await bench.subscribe();
    for (const hour of bench.hours(5)) await bench.seal(subscription, { hour });
    const poison = await bench.seal(subscription, { dimension: 'storage', ...bad });
    await bench.settle();
    expect(await bench.record(poison)).toMatchObject({ state: 'blocked', reason });
    expect(await bench.records(`state = 'metered'`)).toHaveLength(5);
    // It is tried alone, ever more rarely, and no other record is set aside for it.
    const causes = await bench.database.query(`SELECT scope, key FROM marketplace.quarantined_cause`);
    expect(causes).toEqual([{ scope: 'reason', key: reason }]);
    await bench.expectConserved();
  });

  it('a record that makes AWS fail with 500 holds nobody, and is never blocked for it (D17)', async () => {
    const subscription = await bench.subscribe();
    const hours = bench.hours(12);
    const ids = [];
    for (const hour of hours) ids.push(await bench.seal(subscription, { hour }));
    const struck = hours[6]!.getTime();
    const fault = bench.simulator.faults.add({
      kind: 'error500Before',
      when: ({ records }) => records.some((record) => record.Timestamp * 1000 === struck),
    });
    for (let round = 0; round < 60 && (await bench.records(`state = 'metered'`)).length < 11; round += 1) {
      await bench.first.submit();
      await sleep(6);
    }
    expect(await bench.records(`state = 'metered'`)).toHaveLength(11);
    expect(await bench.record(ids[6]!)).toMatchObject({ state: 'pending', reason: 'unavailable' });
    fault.remove();
    await bench.settle();
    await bench.expectConserved();
  });
});

describe('quarantined causes', () => {
  it('a dimension that AWS does not know is set aside, probed alone, and sent once it is listed', async () => {
    await bench.stop();
    bench = await SubmissionBench.start({
      listed: ['requests', 'storage'],
      options: { submission: { probeIntervalMs: 60_000 } },
    });
    const subscriptions = [await bench.subscribe(), await bench.subscribe()];
    for (const subscription of subscriptions) {
      for (const hour of bench.hours(10))
        for (const dimension of ['requests', 'seats']) await bench.seal(subscription, { hour, dimension });
    }
    for (let round = 0; round < 10; round += 1) await bench.first.submit();
    expect(await bench.records(`state = 'metered'`)).toHaveLength(20);
    const seats = await bench.records(`dimension = 'seats'`);
    expect(seats.some((record) => record.state === 'blocked' && record.reason === 'invalidDimension')).toBe(true);
    expect(await bench.database.query(`SELECT scope, key FROM marketplace.quarantined_cause`)).toEqual([
      { scope: 'dimension', key: 'seats' },
    ]);
    expect(await bench.alerts()).toEqual(['blocked', 'quarantinedCause']);
    const before = bench.calls();
    await bench.first.submit();
    expect(bench.calls()).toBe(before);

    // Still unknown to AWS: a probe is one call with one record, and puts the next one off.
    await bench.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
    await bench.first.submit();
    expect(
      bench.simulator
        .calls({ operation: 'BatchMeterUsage' })
        .slice(before)
        .map((call) => call.records),
    ).toEqual([1]);
    expect(
      await bench.database.query(
        `SELECT probe_count FROM marketplace.quarantined_cause
          WHERE next_probe_at > clock_timestamp() + interval '90 s'`,
      ),
    ).toEqual([{ probe_count: 1 }]);

    (bench.simulator.products()[0]!.dimensions as { name: string; type: string }[]).push({
      name: 'seats',
      type: 'ExternallyMetered',
    });
    await bench.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
    await bench.settle();
    expect(await bench.records(`state = 'metered'`)).toHaveLength(40);
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual([]);
    await bench.expectConserved();
  });

  it.each([
    ['InvalidUsageDimensionException', 'invalidDimension', 'dimension'],
    ['InvalidLicenseException', 'invalidLicense', 'identity'],
    ['InvalidCustomerIdentifierException', 'invalidCustomer', 'identity'],
    ['InvalidProductCodeException', 'invalidProduct', 'product'],
  ])(
    '%s of one subscription: its culprit is blocked, the cause is quarantined, and all is sent once AWS takes it',
    async (name, reason, scope) => {
      const [good, bad] = [await bench.subscribe(), await bench.subscribe()];
      const hours = bench.hours(4);
      for (const hour of hours) await bench.seal(bad, { hour });
      const fault = bench.simulator.faults.add({
        kind: 'unknownError',
        name,
        when: ({ records }) => records.some((record) => record.LicenseArn === bad.agreement.licenseArn),
      });
      await bench.first.submit();
      expect((await bench.records(`state = 'blocked'`)).map((record) => record.reason)).toContain(reason);
      expect(await bench.database.query(`SELECT DISTINCT scope FROM marketplace.quarantined_cause`)).toEqual([
        { scope },
      ]);
      for (const hour of hours) await bench.seal(good, { hour });
      fault.remove();
      await bench.settle();
      expect(await bench.records(`state = 'metered'`)).toHaveLength(8);
      expect(await bench.database.query(`SELECT 1 FROM marketplace.quarantined_cause`)).toEqual([]);
      await bench.expectConserved();
    },
  );

  it('an unknown license quarantines its identity alone, and AWS is asked about its subscription (T7)', async () => {
    const good = await bench.subscribe();
    const bad = await bench.subscribe({ unknownToAws: true });
    for (const subscription of [good, bad])
      for (const hour of bench.hours(10)) await bench.seal(subscription, { hour });
    for (let round = 0; round < 12; round += 1) await bench.first.submit();
    expect(await bench.records(`state = 'metered'`)).toHaveLength(10);
    expect(await bench.records(`subscription_id = '${bad.id}' AND state = 'metered'`)).toEqual([]);
    expect(await bench.database.query(`SELECT scope, key FROM marketplace.quarantined_cause`)).toEqual([
      { scope: 'identity', key: bad.identityId },
    ]);
    expect(await bench.nextAsk(bad)).toEqual(bench.clock.now());
    expect(await bench.nextAsk(good)).toBeNull();
    // Its end is known: every attempt was refused.
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    const ends = await bench.records(`subscription_id = '${bad.id}'`);
    expect(new Set(ends.map((record) => `${record.state} ${record.disposition}`))).toEqual(
      new Set(['closed annulled']),
    );
    await bench.expectConserved();
  });

  it('causes whose time has come together are each probed, and none is put off for another', async () => {
    await bench.stop();
    bench = await SubmissionBench.start({
      options: { submission: { probeIntervalMs: 60_000, requestTimeoutMs: 5000, leaseMs: 15_000 } },
    });
    const unknown = [];
    for (let buyer = 0; buyer < 12; buyer += 1) unknown.push(await bench.subscribe({ unknownToAws: true }));
    for (const subscription of unknown) await bench.seal(subscription);
    await bench.first.submit();
    expect(await bench.records(`state = 'blocked' AND reason = 'invalidLicense'`)).toHaveLength(12);
    for (const round of [1, 2]) {
      await bench.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
      const before = bench.calls();
      // A run may end before all that is due, where others have taken what a line of work was after.
      for (let run = 0; run < 4; run += 1) await bench.first.submit();
      expect(
        bench.simulator
          .calls({ operation: 'BatchMeterUsage' })
          .slice(before)
          .map((call) => call.records),
      ).toEqual(Array.from({ length: 12 }, () => 1));
      const causes = await bench.database.query<{ key: string; probe_count: number }>(
        `SELECT key, probe_count FROM marketplace.quarantined_cause`,
      );
      expect(new Map(causes.map((cause) => [cause.key, cause.probe_count]))).toEqual(
        new Map(unknown.map(({ identityId }) => [identityId, round])),
      );
    }
    await bench.expectConserved();
  });

  it('a crash between the probe and the requeue leaves nothing behind: recovery finds what is blocked for a cause that is quarantined no more', async () => {
    const subscription = await bench.subscribe({ unknownToAws: true });
    const id = await bench.seal(subscription);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'invalidLicense' });
    await bench.database.query(`DELETE FROM marketplace.quarantined_cause`);
    await bench.first.recovery.run();
    expect((await bench.record(id)).state).toBe('pending');
    await bench.expectConserved();
  });
});

describe('between the two deadlines', () => {
  it('a record past its due time travels alone, never beside healthy ones', async () => {
    // Two lines of work that claim at one moment share the healthy ones between them.
    await bench.stop();
    bench = await SubmissionBench.start({
      options: { submission: { concurrency: 1, requestTimeoutMs: 5000, leaseMs: 15_000 } },
    });
    const subscription = await bench.subscribe();
    const [recent] = bench.hours(1);
    for (const dimension of ['requests', 'storage']) await bench.seal(subscription, { hour: recent!, dimension });
    for (const age of [26, 27]) {
      const now = bench.clock.now().getTime();
      const [dueAt, cutoffAt] = [new Date(now - HOUR_MS / 2), new Date(now + HOUR_MS / 2)];
      await bench.seal(subscription, { hour: new Date(now - age * HOUR_MS), dueAt, cutoffAt });
    }
    await bench.settle();
    expect(
      bench.simulator
        .calls({ operation: 'BatchMeterUsage' })
        .map((call) => call.records)
        .sort(),
    ).toEqual([1, 1, 2]);
    expect((await bench.records(`state = 'blocked'`)).map((record) => record.reason)).toEqual([
      'timestampOutOfBounds',
      'timestampOutOfBounds',
    ]);
    await bench.expectConserved();
  });
});
