import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventIdOf } from '../../../src/metering/recording/event-id.js';
import { type RecordResolution } from '../../../src/metering/settlement/record-resolution.service.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench, type TestSubscription } from '../submission/submission-bench.js';

let bench: SubmissionBench;
let resolution: RecordResolution;
let subscription: TestSubscription;
beforeEach(async () => {
  bench = await SubmissionBench.start();
  resolution = bench.first.resolution;
  subscription = await bench.subscribe();
});
let billIsLedger: boolean;
beforeEach(() => {
  billIsLedger = true;
});
afterEach(async () => {
  await bench.expectConserved({ bill: billIsLedger });
  await bench.stop();
});

const blocked = async (): Promise<string> => {
  bench.simulator.suspend(subscription.agreement);
  const id = await bench.seal(subscription);
  await bench.first.submit();
  expect((await bench.record(id)).state).toBe('blocked');
  return id;
};
const expire = async (): Promise<void> => {
  bench.clock.advance(26 * HOUR_MS);
  await bench.first.watch.run();
};
/** Past its deadline with an attempt that nobody answered, and that had no effect. */
const unknown = async (): Promise<string> => {
  const id = await bench.seal(subscription);
  const fault = bench.simulator.faults.add({ kind: 'resetBefore' });
  await bench.first.submit();
  fault.remove();
  await expire();
  expect((await bench.record(id)).state).toBe('unknown');
  return id;
};
const expectRefused = (work: Promise<unknown>, why: RegExp) =>
  expect(work).rejects.toMatchObject({ code: 'TRANSITION_REFUSED', message: expect.stringMatching(why) });

describe('writing off', () => {
  it('gives up a blocked record, signed, and its units stay out of the balance', async () => {
    const id = await blocked();
    await resolution.writeOff(id, { by: 'ada', reason: 'goodwill' });
    expect(await bench.record(id)).toMatchObject({
      state: 'closed',
      disposition: 'void',
      reason: 'writtenOff',
      reason_message: 'goodwill',
      closed_by: 'ada',
    });
    expect(await bench.events()).toEqual(['metering.blocked', 'metering.closed']);
    await expectRefused(resolution.writeOff(id, { by: 'ada', reason: 'again' }), /has been done/);
  });

  it('gives up what is unknown, and what is held', async () => {
    const id = await unknown();
    await resolution.writeOff(id, { by: 'ada', reason: 'small' });
    const held = await bench.seal(subscription, { mode: 'dry-run', dimension: 'storage' });
    await bench.first.watch.run();
    await resolution.writeOff(held, { by: 'ada', reason: 'a trial run' });
    expect((await bench.records()).map((record) => record.disposition)).toEqual(['void', 'void']);
  });

  it('says why not', async () => {
    const pending = await bench.seal(subscription);
    await expectRefused(resolution.writeOff(pending, { by: 'ada', reason: 'r' }), /on its way to AWS/);
    await bench.first.submit();
    await expectRefused(resolution.writeOff(pending, { by: 'ada', reason: 'r' }), /AWS has billed it/);
    await expectRefused(resolution.writeOff(pending, { by: ' ', reason: 'r' }), /Give by/);
    await expect(resolution.writeOff(randomUUID(), { by: 'ada', reason: 'r' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(resolution.writeOff('x', { by: 'ada', reason: 'r' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('requeueing', () => {
  it('sends a blocked record again', async () => {
    const id = await blocked();
    bench.simulator.reinstate(subscription.agreement);
    await resolution.requeue(id, { by: 'ada' });
    expect((await bench.record(id)).state).toBe('pending');
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
    await expectRefused(resolution.requeue(id, { by: 'ada' }), /only a blocked record/);
  });

  it('has its quarantined cause probed at once', async () => {
    const other = await bench.subscribe({ unknownToAws: true });
    const id = await bench.seal(other);
    await bench.first.submit();
    await bench.database.query(
      `UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp() + interval '1 hour'`,
    );
    const calls = bench.calls();
    await resolution.requeue(id, { by: 'ada' });
    await bench.first.submit();
    expect(bench.calls()).toBe(calls + 1);
    expect((await bench.record(id)).state).toBe('blocked');
  });

  it('refuses after the cutoff', async () => {
    const id = await blocked();
    bench.clock.advance(26 * HOUR_MS);
    await expectRefused(resolution.requeue(id, { by: 'ada' }), /AWS takes nothing of its hour since/);
  });

  it('happens by itself when the subscription is activated after the refusal, and not before', async () => {
    const activate = () =>
      bench.database.query(
        `INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, occurred_at)
         VALUES ('default', gen_random_uuid(), 'subscription.activated', $1, $2)`,
        [subscription.id, bench.clock.now().toISOString()],
      );
    await activate();
    const id = await blocked();
    await bench.first.recovery.run();
    expect((await bench.record(id)).state).toBe('blocked');
    bench.simulator.reinstate(subscription.agreement);
    await activate();
    await bench.first.recovery.run();
    expect((await bench.record(id)).state).toBe('pending');
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
  });
});

describe('settling what is unknown', () => {
  it('found: proven by the name of who looked', async () => {
    const id = await bench.seal(subscription);
    const fault = bench.simulator.faults.add({ kind: 'resetAfter' });
    await bench.first.submit();
    fault.remove();
    await expire();
    await resolution.settleUnknown(id, { found: { meteringRecordId: 'm-9' } }, { by: 'audit' });
    expect(await bench.record(id)).toMatchObject({ state: 'metered', metering_record_id: 'm-9' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'billed', decided_by: 'audit' }]);
  });

  it('absent: it is annulled, and its usage planned anew', async () => {
    const id = await unknown();
    await resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'audit' });
    expect(await bench.record(id)).toMatchObject({
      state: 'closed',
      reason: 'rewritten',
      disposition: 'annulled',
      closed_by: 'audit',
    });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused', decided_by: 'audit' }]);
    expect(await bench.changed(subscription)).toBe(true);
    await expectRefused(
      resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'audit' }),
      /only a record whose outcome is unknown/,
    );
  });

  it.each([
    ['nothing', {}],
    ['no object', null],
    ['that it is not absent', { absentWithFullCoverage: false }],
    ['a member that nobody knows', { absent: true }],
    ['found, but nothing', { found: null }],
    ['found under an empty id', { found: { meteringRecordId: ' ' } }],
    ['both at once', { found: { meteringRecordId: null }, absentWithFullCoverage: true }],
  ])('what says %s is refused, and not taken for absent', async (_, finding) => {
    const id = await unknown();
    await expectRefused(resolution.settleUnknown(id, finding as never, { by: 'ada' }), /Give one finding/);
    expect(await bench.record(id)).toMatchObject({ state: 'unknown' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain' }]);
  });

  it('found under the id of another record of ours is refused: one id is one bill', async () => {
    const metered = await bench.seal(subscription, { dimension: 'storage' });
    await bench.first.submit();
    const { metering_record_id: taken } = await bench.record(metered);
    expect(taken).toEqual(expect.any(String));
    const id = await unknown();
    await expectRefused(
      resolution.settleUnknown(id, { found: { meteringRecordId: String(taken) } }, { by: 'ada' }),
      new RegExp(`MeteringRecordId ${String(taken)} is that of record ${metered}: one id is one bill`),
    );
    expect(await bench.record(id)).toMatchObject({ state: 'unknown' });
    await resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'ada' });
    // Its own, or none that is known, is taken.
    expect(await bench.record(id)).toMatchObject({ state: 'closed', disposition: 'annulled' });
  });

  it('absent contradicts a conflict, in which AWS has said itself that something is on file', async () => {
    billIsLedger = false;
    const id = await bench.seal(subscription);
    await bench.meterElsewhere(subscription, 4);
    await bench.first.submit();
    await expire();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'conflict' });
    await expectRefused(
      resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'audit' }),
      /settle the conflict/,
    );
  });
});

const held = async (): Promise<string> => {
  const replica = await bench.replica({ onExpired: 'hold' });
  const id = await bench.seal(subscription);
  bench.clock.advance(26 * HOUR_MS);
  await replica.watch.run();
  expect(await bench.record(id)).toMatchObject({ state: 'closed', disposition: 'held' });
  return id;
};

describe('annulling', () => {
  it('has the usage of a held record planned anew when it is known not billed, and only then', async () => {
    const id = await held();
    await resolution.annul(id, { by: 'ada' });
    expect(await bench.record(id)).toMatchObject({ disposition: 'annulled', reason: 'rewritten', closed_by: 'ada' });
    await expectRefused(resolution.annul(id, { by: 'ada' }), /only a held or a blocked record/);
    const dry = await bench.seal(subscription, { mode: 'dry-run', dimension: 'storage' });
    await bench.first.watch.run();
    await expectRefused(resolution.annul(dry, { by: 'ada' }), /dry-run/);
  });
});

describe('holding', () => {
  it('keeps the units of a blocked record out of its deadline', async () => {
    const id = await blocked();
    await resolution.hold(id, { by: 'ada', reason: 'the contract is being mended' });
    await expire();
    expect(await bench.record(id)).toMatchObject({
      state: 'closed',
      disposition: 'held',
      reason: 'notSubscribed',
      closed_by: 'ada',
    });
  });
});

describe('rebilling', () => {
  it('at no instant that is none, or that nobody will seal', async () => {
    const id = await held();
    for (const occurredAt of [new Date(Number.NaN), new Date('2062-11-11T00:00:00Z'), '2026-11-11' as never])
      await expectRefused(resolution.rebill(id, { by: 'ada', reason: 'r' }, { occurredAt }), /not lie in the future/);
    expect(await bench.record(id)).toMatchObject({ disposition: 'held' });
  });

  const events = () =>
    bench.database.query<{ id: string; quantity: string; key: string; subject: number; detail: { reason: string } }>(
      `SELECT id, quantity::text AS quantity, key, subject, detail FROM marketplace.usage_event WHERE key IS NOT NULL`,
    );

  it('makes the record void and its units one new event with a key of its own and the reason', async () => {
    const id = await held();
    const eventId = await resolution.rebill(id, { by: 'ada', reason: 'the next agreement pays' });
    expect(await bench.record(id)).toMatchObject({
      state: 'closed',
      disposition: 'void',
      reason: 'rebilled',
      closed_by: 'ada',
    });
    const scope = { kind: 'subscription' as const, name: subscription.id };
    expect(eventId).toBe(eventIdOf({ sellerAccount: 'default', scope, key: `rebill:${id}` }));
    expect(await events()).toEqual([
      {
        id: eventId,
        quantity: '7',
        key: `rebill:${id}`,
        subject: subscription.subject,
        detail: { reason: `rebilled by ada from record ${id}: the next agreement pays` },
      },
    ]);
    await expectRefused(resolution.rebill(id, { by: 'ada', reason: 'again' }), /only a held or a blocked record/);
    expect(await events()).toHaveLength(1);
  });

  it('moves the units to another subscription of the product (T21), and to none that is not', async () => {
    const id = await blocked();
    const other = await bench.subscribe();
    await expectRefused(
      resolution.rebill(id, { by: 'ada', reason: 'r' }, { subscriptionId: randomUUID() }),
      /no subscription of product/,
    );
    expect((await bench.record(id)).state).toBe('blocked');
    await resolution.rebill(id, { by: 'ada', reason: 'the running one pays' }, { subscriptionId: other.id });
    expect(await events()).toMatchObject([{ subject: other.subject, quantity: '7' }]);
  });

  it('refuses what AWS may have billed', async () => {
    const id = await unknown();
    await expectRefused(resolution.rebill(id, { by: 'ada', reason: 'r' }), /only a held or a blocked record/);
    expect(await events()).toEqual([]);
  });
});

describe('settling a conflict', () => {
  const conflict = async (): Promise<string> => {
    const id = await bench.seal(subscription);
    await bench.meterElsewhere(subscription, 4);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    return id;
  };

  it("counts it as metered at the quantity of another system's record; the difference stays in the carry of its period", async () => {
    billIsLedger = false;
    const id = await conflict();
    await expectRefused(resolution.settleConflict(id, { quantityOnFile: 1.5 }, { by: 'ada' }), /whole number/);
    for (const finding of [{}, { recordOfOurs: false }, { recordOfOurs: true, quantityOnFile: 4 }, { ours: true }])
      await expectRefused(
        resolution.settleConflict(id, finding as never, { by: 'ada' }),
        /Give (one finding|quantity)/,
      );
    await resolution.settleConflict(id, { quantityOnFile: 4 }, { by: 'ada' });
    expect(await bench.record(id)).toMatchObject({
      state: 'metered',
      settled_quantity: '4',
      quantity: '7',
      closed_by: 'ada',
    });
    const [row] = await bench.database.query(
      `SELECT event_sum::text, quantity::text, carry::text FROM marketplace.balance`,
    );
    expect(row).toEqual({ event_sum: '7', quantity: '4', carry: '3' });
    expect(await bench.alerts()).toEqual([]);
  });

  it('annuls it only where a record of ours that AWS has taken explains it', async () => {
    billIsLedger = false;
    const id = await conflict();
    await expectRefused(
      resolution.settleConflict(id, { recordOfOurs: true }, { by: 'ada' }),
      /no billed record of ours explains it/,
    );
    await expectRefused(resolution.annul(id, { by: 'ada' }), /settle the conflict first/);
    expect((await bench.record(id)).state).toBe('blocked');
  });
});
