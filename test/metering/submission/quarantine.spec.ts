import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench, type TestSubscription } from './submission-bench.js';

let bench: SubmissionBench;
beforeEach(async () => {
  // Nothing is probed but when a test says that the interval has passed.
  bench = await SubmissionBench.start({
    options: { submission: { probeIntervalMs: 3_600_000, concurrency: 1, requestTimeoutMs: 5000, leaseMs: 15_000 } },
  });
});
afterEach(() => bench.stop());

const causes = () =>
  bench.database.query<{ scope: string; key: string; probe_count: number }>(
    `SELECT scope, key, probe_count FROM marketplace.quarantined_cause ORDER BY scope, key`,
  );
const intervalPasses = () =>
  bench.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
const raised = async (kind: string): Promise<number> =>
  (
    await bench.database.query(
      `SELECT FROM marketplace.outbox_event WHERE type = 'alert.raised' AND payload->>'kind' = $1`,
      [kind],
    )
  ).length;
const refusing = (subscriptions: readonly TestSubscription[], name: string, dimension?: string) => {
  const licenses = new Set(subscriptions.map(({ agreement }) => agreement.licenseArn));
  return bench.simulator.faults.add({
    kind: 'unknownError',
    name,
    when: ({ records }) =>
      records.some(
        (record) => licenses.has(record.LicenseArn ?? '') && (dimension ?? record.Dimension) === record.Dimension,
      ),
  });
};
/** What lies before the start of the running agreement, under the same account. */
const refusingBefore = (startsAt: Date) =>
  bench.simulator.faults.add({
    kind: 'unknownError',
    name: 'InvalidLicenseException',
    when: ({ records }) => records.some((record) => record.Timestamp * 1000 < startsAt.getTime()),
  });

describe('what AWS refuses of some and takes of others', () => {
  it.each([
    ['InvalidUsageDimensionException', 'dimension'],
    ['InvalidProductCodeException', 'product'],
  ])('%s of five buyers holds a hundred others up for one probe, not for one in each round', async (name) => {
    const buyers = [];
    for (let buyer = 0; buyer < 105; buyer += 1) buyers.push(await bench.subscribe());
    const bad = buyers.slice(0, 5);
    for (const buyer of buyers) await bench.seal(buyer);
    refusing(bad, name, 'requests');
    const sent = [];
    for (let round = 0; round < 12; round += 1) {
      await bench.first.submit();
      sent.push((await bench.records(`state = 'metered'`)).length);
      await intervalPasses();
    }
    // The first that is due was at fault, the last was not.
    expect(sent).toEqual([0, 0, ...Array.from({ length: 10 }, () => 100)]);
    // From then on nobody waits for the five, and nobody is told of them anew.
    expect(await raised('quarantinedCause')).toBe(1);
    expect((await causes()).map(({ scope }) => scope)).toEqual(['reason']);
    await bench.expectConserved();
  });
});

describe('a buyer of whom AWS goes on refusing what it takes of others', () => {
  it('sets nothing aside again: whether it is the first of an interval or not', async () => {
    const [bad, good] = [await bench.subscribe(), await bench.subscribe()];
    refusing([bad], 'InvalidUsageDimensionException', 'requests');
    const metered: number[] = [];
    for (const hour of bench.hours(4).reverse()) {
      // Due in this order.
      await bench.seal(bad, { hour });
      await bench.seal(good, { hour });
      await bench.first.submit();
      metered.push((await bench.records(`state = 'metered'`)).length);
      // The one that set the others aside is told from them by a probe, the first time.
      await intervalPasses();
      await bench.first.submit();
      await bench.first.submit();
      await bench.database.query(`UPDATE marketplace.attempt SET answered_at = answered_at - interval '2 hours'`);
    }
    expect(metered.slice(1)).toEqual([2, 3, 4]);
    expect(await raised('quarantinedCause')).toBe(1);
    await bench.expectConserved();
  });
});

describe('a record under two causes', () => {
  it('proves nothing of the one by the other', async () => {
    const [good, bad] = [await bench.subscribe(), await bench.subscribe({ unknownToAws: true })];
    const [other] = [await bench.subscribe()];
    refusing([good, other], 'InvalidUsageDimensionException', 'seats');
    // bad: its license is unknown, whatever the dimension; due first.
    for (const hour of bench.hours(6)) {
      await bench.seal(bad, { hour, dimension: 'seats', dueAt: new Date(hour.getTime() + 18 * HOUR_MS) });
      for (const subscription of [good, other])
        for (const dimension of ['seats', 'requests']) await bench.seal(subscription, { hour, dimension });
    }
    for (let round = 0; round < 12; round += 1) {
      await bench.first.submit();
      expect((await causes()).map(({ scope }) => scope)).toEqual(['dimension', 'identity']);
      await intervalPasses();
    }
    // Neither ended and was found again meanwhile.
    expect(await raised('quarantinedCause')).toBe(2);
    await bench.expectConserved();
  });
});

describe('a cause of which nothing is left to try', () => {
  it('ends with its alert, and takes no turn from those that can be tried', async () => {
    const gone = [];
    for (let buyer = 0; buyer < 8; buyer += 1) gone.push(await bench.subscribe({ unknownToAws: true }));
    for (const buyer of gone) await bench.seal(buyer);
    await bench.first.submit();
    expect(await causes()).toHaveLength(8);
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    const late = await bench.subscribe({ unknownToAws: true });
    await bench.seal(late);
    await bench.first.submit();
    await intervalPasses();
    const before = bench.calls();
    await bench.first.submit();
    expect(bench.calls() - before).toBe(1);
    expect(await causes()).toEqual([{ scope: 'identity', key: late.identityId, probe_count: 1 }]);
    await bench.first.watch.run();
    expect((await bench.alerts()).filter((kind) => kind === 'quarantinedCause')).toHaveLength(1);
    await bench.expectConserved();
  });
});

describe('an account under which an earlier agreement is refused', () => {
  it('has what is due last tried too: usage of the running agreement does not wait for all that is refused', async () => {
    const buyer = await bench.subscribe();
    const startsAt = bench.hours(1)[0]!;
    refusingBefore(startsAt);
    for (const hour of bench.hours(20).slice(1)) await bench.seal(buyer, { hour });
    await bench.first.submit();
    expect(await causes()).toHaveLength(1);
    const running = await bench.seal(buyer, { hour: startsAt });
    for (let probe = 0; probe < 2; probe += 1) {
      await intervalPasses();
      await bench.first.submit();
    }
    expect(await bench.record(running)).toMatchObject({ state: 'metered' });
    await bench.expectConserved();
  });
});

describe('what is requeued', () => {
  it.each([
    ['because its cause is resolved', 19],
    ['by a person', 20],
  ])('%s sinks no batch of others, nor comes before them, where AWS refuses it again', async (why, requeued) => {
    await bench.stop();
    bench = await SubmissionBench.start({
      options: {
        submission: { concurrency: 1, backoffBaseMs: 1000, backoffCapMs: 300_000, probeIntervalMs: 3_600_000 },
      },
    });
    const [odd, good] = [await bench.subscribe(), await bench.subscribe()];
    let refuses = true;
    bench.simulator.faults.add({
      kind: 'unknownError',
      name: 'StrangeException',
      when: ({ records }) => refuses && records.some(({ LicenseArn }) => LicenseArn === odd.agreement.licenseArn),
    });
    // Between two of them something passes, or the breaker spares AWS the rest.
    for (const hour of bench.hours(20)) {
      await bench.seal(odd, { hour });
      await bench.seal(good, { hour });
      await bench.first.submit();
    }
    for (let run = 0; run < 5; run += 1) await bench.first.submit();
    expect(await bench.records(`state = 'blocked' AND reason = 'unrecognised'`)).toHaveLength(20);
    if (why === 'by a person') {
      await bench.first.resolution.requeueAll({ reason: 'unrecognised' }, { by: 'ada', reason: 'AWS says so' });
    } else {
      // One of them passes, by chance.
      refuses = false;
      await intervalPasses();
      await bench.first.submit();
      refuses = true;
    }
    expect(await bench.records(`subscription_id = '${odd.id}' AND state = 'pending'`)).toHaveLength(requeued);
    const healthy = [];
    for (const hour of bench.hours(3)) healthy.push(await bench.seal(good, { hour, dimension: 'storage' }));
    await bench.first.submit();
    for (const id of healthy) expect(await bench.record(id)).toMatchObject({ state: 'metered', attempt_count: 1 });
    await bench.expectConserved();
  });
});

describe('the hour after a cancellation, with the default interval', () => {
  it.each([
    ['the first that is due', 10],
    ['the last that is due', 9],
  ])('a cause that is probed rarely by now, next with %s, is probed often enough', async (_end, probed) => {
    await bench.stop();
    bench = await SubmissionBench.start({ options: { submission: { probeIntervalMs: 300_000 } } });
    const buyer = await bench.subscribe();
    const startsAt = bench.hours(1)[0]!;
    refusingBefore(startsAt);
    // Of what is refused some is due before it, and some after it.
    for (const hour of bench.hours(20).slice(1)) await bench.seal(buyer, { hour });
    const soon = new Date(bench.clock.now().getTime() + 50 * 60_000);
    for (const hour of bench.hours(22).slice(20)) await bench.seal(buyer, { hour, dueAt: soon });
    await bench.first.submit();
    await bench.database.query(
      `UPDATE marketplace.quarantined_cause
       SET probe_count = $1, next_probe_at = clock_timestamp() + interval '35 minutes'`,
      [probed],
    );
    const windowClosesAt = new Date(bench.clock.now().getTime() + HOUR_MS);
    let last = '';
    for (let minute = 0; minute < 60; minute += 1) {
      if (minute === 10)
        last = await bench.seal(buyer, { hour: startsAt, dueAt: windowClosesAt, cutoffAt: windowClosesAt });
      await bench.first.submit();
      bench.clock.advance(60_000);
      await bench.database.query(
        `UPDATE marketplace.quarantined_cause SET next_probe_at = next_probe_at - interval '1 minute'`,
      );
    }
    expect(await bench.record(last)).toMatchObject({ state: 'metered' });
    await bench.expectConserved();
  });
});

describe('three replicas, and refusals of every kind at once', () => {
  it('send all that AWS takes, and the rest once it is taken', async () => {
    await bench.stop();
    bench = await SubmissionBench.start({ options: { submission: { probeIntervalMs: 20 } } });
    for (let more = 0; more < 2; more += 1) await bench.replica();
    const buyers: TestSubscription[] = [];
    for (let buyer = 0; buyer < 30; buyer += 1) buyers.push(await bench.subscribe());
    for (const buyer of buyers)
      for (const hour of bench.hours(4))
        for (const dimension of ['requests', 'storage']) await bench.seal(buyer, { hour, dimension });
    const names = ['License', 'UsageDimension', 'ProductCode', 'Tag', 'CustomerIdentifier'];
    const faults = [...names.map((name) => `Invalid${name}Exception`), 'StrangeException'].map((name, index) =>
      refusing([buyers[index]!, buyers[index + 6]!], name),
    );
    const healthy = `subscription_id = ANY ('{${buyers
      .slice(12)
      .map(({ id }) => id)
      .join()}}')`;
    const settle = async (where: string): Promise<void> => {
      for (
        let round = 0;
        round < 300 && (await bench.records(`${where} AND state <> 'metered'`)).length > 0;
        round += 1
      ) {
        await bench.settle(1);
        await sleep(20);
      }
      expect(await bench.records(`${where} AND state <> 'metered'`)).toEqual([]);
    };
    await settle(healthy);
    for (const fault of faults) fault.remove();
    await settle('true');
    // Causes of which nothing is left end with their next probe.
    for (let round = 0; round < 300 && (await causes()).length > 0; round += 1) {
      await bench.first.submit();
      await sleep(20);
    }
    await bench.first.watch.run();
    expect({ causes: await causes(), alerts: await bench.alerts() }).toEqual({ causes: [], alerts: [] });
    await bench.expectConserved();
  }, 120_000);
});
