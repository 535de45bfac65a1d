import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { observeCrashPoints } from '../../../src/runtime/crash-point.js';
import { SubmissionBench, type TestSubscription } from './submission-bench.js';

// What the ledger remembers of usage that AWS refused until its record expired: it decides whether that is sealed again.

let bench: SubmissionBench;
let buyer: TestSubscription;
beforeEach(async () => {
  bench = await SubmissionBench.start({ options: { submission: { probeIntervalMs: 3_600_000, concurrency: 1 } } });
  buyer = await bench.subscribe();
});
afterEach(() => bench.stop());

const refusals = () =>
  bench.database.query<{ refusals: number | null; refused_for: string | null; hour: Date | null }>(
    `SELECT refusals, refused_for, to_timestamp(refused_hour * 3600.0) AS hour FROM marketplace.rollup ORDER BY id`,
  );
const causes = async () =>
  (
    await bench.database.query<{ cause: string }>(
      `SELECT scope || ' ' || key AS cause FROM marketplace.quarantined_cause ORDER BY 1`,
    )
  ).map(({ cause }) => cause);
const refusing = (name: string, { agreement }: TestSubscription) =>
  bench.simulator.faults.add({
    kind: 'unknownError',
    name,
    when: ({ records }) => records.some((record) => record.LicenseArn === agreement.licenseArn),
  });
async function expire(): Promise<void> {
  bench.clock.advance(26 * HOUR_MS);
  await bench.first.watch.run();
}
async function probe(): Promise<void> {
  await bench.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
  await bench.first.submit();
}
const NONE = { refusals: null, refused_for: null, hour: null };

describe('usage that AWS refused until its record expired', () => {
  it('says how often, for what, and in which hour last', async () => {
    const [first] = bench.hours(1);
    refusing('InvalidTagException', buyer);
    await bench.seal(buyer, { hour: first! });
    await bench.first.submit();
    await expire();
    expect(await refusals()).toEqual([{ refusals: 1, refused_for: 'invalidTag', hour: first }]);
    const [second] = bench.hours(1);
    await bench.sealWaiting(buyer);
    await bench.first.submit();
    await expire();
    expect(await refusals()).toEqual([{ refusals: 2, refused_for: 'invalidTag', hour: second }]);
    await bench.expectConserved();
  });

  it('says nothing where it was not refused; what it was refused before stays said', async () => {
    await bench.seal(buyer);
    await expire();
    expect(await refusals()).toEqual([NONE]);
    const fault = refusing('InvalidTagException', buyer);
    await bench.sealWaiting(buyer);
    await bench.first.submit();
    fault.remove();
    await expire();
    const [once] = await refusals();
    expect(once).toMatchObject({ refusals: 1 });
    await bench.sealWaiting(buyer);
    await expire();
    expect(await refusals()).toEqual([once]);
    await bench.expectConserved();
  });

  it('says for what contents as long as AWS takes no other of them, whatever it says of it besides', async () => {
    const fault = refusing('InvalidTagException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    fault.remove();
    bench.simulator.suspend(buyer.agreement);
    await expire();
    for (let times = 2; times <= 3; times += 1) {
      expect(await causes()).toEqual(['reason invalidTag']);
      const [hour] = bench.hours(1);
      await bench.sealWaiting(buyer);
      await bench.first.submit();
      if (times === 3) await bench.database.query(`DELETE FROM marketplace.quarantined_cause`);
      await expire();
      const refused_for = times === 2 ? 'invalidTag' : 'notSubscribed';
      expect(await refusals()).toEqual([{ refusals: times, refused_for, hour }]);
    }
    await bench.expectConserved();
  });

  it('says nothing where AWS refuses all usage like it: its cause says so', async () => {
    refusing('InvalidUsageDimensionException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    expect(await causes()).toEqual(['dimension requests']);
    await expire();
    expect(await refusals()).toEqual([NONE]);
    await bench.expectConserved();
  });

  it('counts as never refused once a person has it planned anew', async () => {
    refusing('InvalidTagException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    await expire();
    await bench.sealWaiting(buyer);
    await bench.first.submit();
    const [again] = await bench.records(`state = 'blocked'`);
    await bench.first.resolution.annul(again!.id, { by: 'ada' });
    expect(await refusals()).toEqual([NONE]);
    await bench.expectConserved();
  });
});

describe('a person who says that a refusal is resolved', () => {
  it.each<[string, (other: TestSubscription) => Parameters<typeof bench.first.resolution.requeueAll>[0], boolean]>([
    ['for that reason', () => ({ reason: 'invalidTag' }), true],
    ['of that buyer', () => ({ subscriptionId: buyer.id }), true],
    ['of that dimension', () => ({ dimension: 'requests', productCode: 'larkspur' }), true],
    ['for another reason', () => ({ reason: 'invalidDimension' }), false],
    ['of another buyer', (other) => ({ subscriptionId: other.id }), false],
    ['of another dimension', () => ({ dimension: 'storage' }), false],
    ['of another product', () => ({ dimension: 'requests', productCode: 'other' }), false],
  ])('has what waits for it sealed anew: %s', async (_, selectionOf, isMeant) => {
    const other = await bench.subscribe();
    refusing('InvalidTagException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    await expire();
    await bench.database.query(`DELETE FROM marketplace.customer_changed`);
    const selection = selectionOf(other);
    await bench.first.resolution.requeueAll(selection, { by: 'ada', reason: 'AWS says so' });
    expect(await refusals()).toEqual([isMeant ? NONE : expect.objectContaining({ refusals: 1 })]);
    expect(await bench.database.query(`SELECT customer_id FROM marketplace.customer_changed`)).toEqual(
      isMeant ? [{ customer_id: buyer.customerId }] : [],
    );
    const trail = await bench.database.query(
      `SELECT target, result FROM marketplace.operator_action WHERE action = 'records.requeued'`,
    );
    const result = { records: 0, recordIds: [], waitingUnits: '7' };
    expect(trail).toEqual(isMeant ? [{ target: selection, result }] : []);
    await bench.expectConserved();
  });
});

describe('a cause of the contents of records', () => {
  it('stands as long as usage waits because of it, and marks whose that is when it ends', async () => {
    const other = await bench.subscribe();
    const faults = [buyer, other].map((one) => refusing('InvalidTagException', one));
    await bench.seal(buyer);
    await bench.first.submit();
    await expire();
    await probe();
    expect(await causes()).toEqual(['reason invalidTag']);
    await bench.seal(other);
    await bench.first.submit();
    faults[1]?.remove();
    await bench.database.query(`DELETE FROM marketplace.customer_changed`);
    await probe();
    expect(await causes()).toEqual([]);
    expect(
      await bench.database.query(`SELECT FROM marketplace.customer_changed WHERE customer_id = $1`, [buyer.customerId]),
    ).toHaveLength(1);
    await bench.expectConserved();
  });

  it('ends where none waits any more', async () => {
    refusing('InvalidTagException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    const [record] = await bench.records(`state = 'blocked'`);
    await bench.first.resolution.writeOff(record!.id, { by: 'ada', reason: 'a mistake' });
    await probe();
    expect(await causes()).toEqual([]);
    await bench.expectConserved();
  });
});

describe('a cause against all usage of a dimension', () => {
  it('is held by what expired twice, not by what moved', async () => {
    refusing('InvalidUsageDimensionException', buyer);
    await bench.seal(buyer);
    await bench.first.submit();
    await expire();
    const [record] = await bench.records();
    // As if the timeline had named another place for it, too.
    const moved = await bench.sealWaiting(buyer);
    const { annulRecords } = await import('../../../src/metering/settlement/record-annulment.sql.js');
    await bench.database.transaction((tx) => annulRecords(tx, 'default', [moved], 'moved', bench.clock.now()));
    expect(record).toMatchObject({ reason: 'expired' });
    await probe();
    expect(await causes()).toEqual([]);
    await bench.expectConserved();
  });
});

describe('a buyer whom AWS takes again', () => {
  it('has what it refused sent again, whatever becomes of the process that heard it', async () => {
    const suspended = bench.simulator.suspend(buyer.agreement);
    const [later, earlier] = bench.hours(2);
    await bench.seal(buyer, { hour: earlier! });
    await bench.first.submit();
    const [refused] = await bench.records();
    expect(refused).toMatchObject({ state: 'blocked', reason: 'notSubscribed' });
    bench.simulator.reinstate(suspended);
    await bench.seal(buyer, { hour: later! });
    // Killed by the time that the answer is written.
    observeCrashPoints((name) => {
      if (name === 'submit.answered') throw new Error('killed');
    });
    try {
      await expect(bench.first.submit()).rejects.toThrow('killed');
    } finally {
      observeCrashPoints(() => undefined);
    }
    await bench.first.recovery.run();
    await bench.first.submit();
    expect(await bench.records(`state <> 'metered'`)).toEqual([]);
    await bench.expectConserved();
  });
});
