import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type RecordResolution } from '../../../src/metering/settlement/record-resolution.service.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { SubmissionBench, type TestSubscription } from './submission-bench.js';

let bench: SubmissionBench;
let resolution: RecordResolution;
let subscription: TestSubscription;
beforeEach(async () => {
  bench = await SubmissionBench.start();
  resolution = bench.first.resolution;
  subscription = await bench.subscribe();
});
afterEach(async () => {
  await bench.expectConserved();
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
const expectRefused = (work: Promise<void>, why: RegExp) =>
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
    await expect(resolution.writeOff(randomUUID(), { by: 'ada', reason: 'r' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
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

  it('has its suspect cause probed at once', async () => {
    const other = await bench.subscribe({ unknownToAws: true });
    const id = await bench.seal(other);
    await bench.first.submit();
    await bench.database.query(`UPDATE marketplace.suspect SET next_probe_at = clock_timestamp() + interval '1 hour'`);
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

  it('brings back what a reinstated subscription was refused for', async () => {
    const id = await blocked();
    bench.simulator.reinstate(subscription.agreement);
    expect(await resolution.requeueNotSubscribed(subscription.id)).toBe(1);
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

  it('absent: its units go back to the balance', async () => {
    const id = await unknown();
    await resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'audit' });
    expect(await bench.record(id)).toMatchObject({ state: 'closed', reason: 'expired', disposition: 'carried' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused', decided_by: 'audit' }]);
    await expectRefused(
      resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'audit' }),
      /only a record whose outcome is unknown/,
    );
  });
});

describe('carrying what is held', () => {
  it('hands it back when it is known not billed, and only then', async () => {
    const replica = await bench.replica({ onExpired: 'hold' });
    const id = await bench.seal(subscription);
    bench.clock.advance(26 * HOUR_MS);
    await replica.watch.run();
    await resolution.carry(id, { by: 'ada' });
    expect(await bench.record(id)).toMatchObject({ disposition: 'carried', reason: 'expired', closed_by: 'ada' });
    await expectRefused(resolution.carry(id, { by: 'ada' }), /only a closed record/);
    const dry = await bench.seal(subscription, { mode: 'dry-run', dimension: 'storage' });
    await bench.first.watch.run();
    await expectRefused(resolution.carry(dry, { by: 'ada' }), /dry-run/);
  });
});
