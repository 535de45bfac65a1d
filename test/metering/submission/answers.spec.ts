import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Fault, type Switches } from 'aws-marketplace-simulator';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { type BenchOptions, PRODUCT_CODE, START, SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
// One line of work: two that claim at the same instant share the records out, and a fault would hit either call.
const start = async ({ options, ...others }: BenchOptions = {}): Promise<void> => {
  bench = await SubmissionBench.start({ ...others, options: { submission: { concurrency: 1 }, ...options } });
};
afterEach(() => bench.stop());

/** For calls that get no answer. */
const IMPATIENT = { submission: { requestTimeoutMs: 500 } };

const duplicateReading = (identicalResend: Switches['identicalResend']): BenchOptions => ({
  simulator: { switches: { identicalResend } },
});

describe('every answer, through Postgres and the real SDK', () => {
  beforeEach(() => start());

  it('Success is billed', async () => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'metered', reason: null, confirmed_by_duplicate: false });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'billed', answer: 'Success' }]);
    expect(await bench.changed(subscription)).toBe(false);
    await bench.expectConserved();
  });

  it('CustomerNotSubscribed of a young agreement waits for its activation, and AWS is asked about it (D31, T7)', async () => {
    const subscription = await bench.subscribe({ startsAt: new Date(START.getTime() - 2 * HOUR_MS) });
    bench.simulator.suspend(subscription.agreement);
    const id = await bench.seal(subscription);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'notSubscribedYet' });
    expect(await bench.nextAsk(subscription)).toEqual(START);
    expect(await bench.alerts()).toEqual([]);
    bench.simulator.reinstate(subscription.agreement);
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it('CustomerNotSubscribed otherwise blocks and alerts, leaves the subscription alone, and heals with the next Success', async () => {
    const subscription = await bench.subscribe();
    bench.simulator.suspend(subscription.agreement);
    const [first, second] = bench.hours(2);
    const id = await bench.seal(subscription, { hour: first! });
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'notSubscribed' });
    expect(await bench.alerts()).toEqual(['notSubscribed']);
    expect(await bench.events()).toEqual(['metering.blocked']);
    const [row] = await bench.database.query(`SELECT state FROM marketplace.subscription WHERE id = $1`, [
      subscription.id,
    ]);
    expect(row!.state).toBe('active');
    expect(await bench.nextAsk(subscription)).toEqual(START);
    expect(await bench.changed(subscription)).toBe(true);
    bench.simulator.reinstate(subscription.agreement);
    await bench.seal(subscription, { hour: second! });
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual([]);
    await bench.expectConserved();
  });

  it('DuplicateRecord that no attempt of ours explains is a conflict, never known not billed, and never annulled (D12, T13)', async () => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription, { quantity: 5 });
    await bench.meterElsewhere(subscription, 4);
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'conflict', answer: 'DuplicateRecord' }]);
    expect(await bench.alerts()).toEqual(['conflict']);
    expect(await bench.events()).toEqual(['metering.conflict']);
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.explanation.run();
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'conflict', disposition: null });
    expect(await bench.alerts()).toEqual(['conflict', 'unknownOutcome']);
    await bench.expectConserved({ bill: false });
  });

  it('unprocessed records are sent again, and only those (D10)', async () => {
    const subscription = await bench.subscribe();
    const ids = [];
    for (const hour of bench.hours(5)) ids.push(await bench.seal(subscription, { hour }));
    bench.simulator.faults.add({ kind: 'unprocessed', subset: 2, count: 1 });
    await bench.settle();
    const attempts = await Promise.all(ids.map((id) => bench.attempts(id)));
    expect(
      attempts.filter((list) => list[0]!.evidence === 'uncertain' && list[0]!.answer === 'unprocessed').length,
    ).toBe(2);
    expect(attempts.map((list) => list.at(-1)!.evidence)).toEqual(ids.map(() => 'billed'));
    await bench.expectConserved();
  });

  it('all records unprocessed is not success (D10)', async () => {
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'unprocessed', count: 1 });
    await bench.first.submit();
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain', answer: 'unprocessed' }]);
    await bench.settle();
    await bench.expectConserved();
  });

  it('records missing from the answer are uncertain, not billed (D16)', async () => {
    const subscription = await bench.subscribe();
    for (const hour of bench.hours(5)) await bench.seal(subscription, { hour });
    const truncated = bench.simulator.faults.add({ kind: 'truncateResults', drop: 3, count: 1 });
    await bench.first.submit();
    expect(truncated.hits).toBe(1);
    const [row] = await bench.database.query(
      `SELECT count(*)::int AS n FROM marketplace.attempt_record WHERE evidence = 'uncertain' AND answer = 'missing'`,
    );
    expect(row!.n).toBe(3);
    await bench.settle();
    expect((await bench.records()).map((record) => record.state)).toEqual(Array(5).fill('metered'));
    await bench.expectConserved();
  });

  it('finds records in an answer whatever its order', async () => {
    bench.simulator.setSwitches({ resultOrder: 'shuffled' });
    const subscriptions = [await bench.subscribe(), await bench.subscribe()];
    bench.simulator.suspend(subscriptions[1]!.agreement);
    for (const subscription of subscriptions) {
      for (const hour of bench.hours(6))
        for (const dimension of ['requests', 'storage']) await bench.seal(subscription, { hour, dimension });
    }
    await bench.first.submit();
    const records = await bench.records();
    for (const record of records)
      expect(record.state).toBe(record.subscription_id === subscriptions[0]!.id ? 'metered' : 'blocked');
    await bench.expectConserved();
  });

  it('a status nobody knows blocks, uncertain, and keeps what was said (D11)', async () => {
    const subscription = await bench.subscribe();
    const [first, second] = bench.hours(2);
    const id = await bench.seal(subscription, { hour: first! });
    const other = await bench.seal(subscription, { hour: second! });
    bench.simulator.faults.add({
      kind: 'unknownStatus',
      status: 'Deferred',
      count: 1,
      subset: (record) => record.Timestamp * 1000 === first!.getTime(),
    });
    await bench.first.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'unrecognised' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain', answer: 'Deferred' }]);
    expect((await bench.record(other)).state).toBe('metered');
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'unrecognised' });
    await bench.expectConserved();
  });

  it('an error nobody knows is narrowed down to one record, which blocks, uncertain, with the raw answer kept', async () => {
    const subscription = await bench.subscribe();
    const hours = bench.hours(9);
    for (const hour of hours) await bench.seal(subscription, { hour });
    const struck = hours[4]!.getTime();
    bench.simulator.faults.add({
      kind: 'unknownError',
      name: 'BrandNewException',
      message: 'of account 123456789012',
      when: ({ records }) => records.some((record) => record.Timestamp * 1000 === struck),
    });
    await bench.settle();
    const blocked = await bench.records(`state = 'blocked'`);
    expect(blocked.map((record) => [record.hour.getTime(), record.reason])).toEqual([[struck, 'unrecognised']]);
    const [last] = (await bench.attempts(blocked[0]!.id)).slice(-1);
    expect(last).toMatchObject({ evidence: 'uncertain', answer: 'BrandNewException', detail: { httpStatus: 400 } });
    expect(JSON.stringify(last)).not.toContain('123456789012');
    expect(await bench.records(`state = 'metered'`)).toHaveLength(8);
    await bench.expectConserved();
  });

  const lost: [string, Fault, string][] = [
    ['a reset before the effect', { kind: 'resetBefore', count: 1 }, 'uncertain'],
    ['a reset after the effect', { kind: 'resetAfter', count: 1 }, 'uncertain'],
    ['a 500 before the effect', { kind: 'error500Before', count: 1 }, 'uncertain'],
    ['a 500 after the effect', { kind: 'error500After', count: 1 }, 'uncertain'],
    ['no answer at all', { kind: 'hang', count: 1 }, 'uncertain'],
    ['no answer, with the effect', { kind: 'hang', afterEffect: true, count: 1 }, 'uncertain'],
    ['throttling', { kind: 'throttle', count: 1 }, 'refused'],
    ['access denied', { kind: 'accessDenied', count: 1 }, 'refused'],
    ['expired credentials', { kind: 'expiredCredentials', count: 1 }, 'refused'],
    ['a disabled API', { kind: 'disabledApi', count: 1 }, 'refused'],
  ];
  it.each(lost)('%s costs a retry and not a unit (D3, D13, D18)', async (_name, fault, evidence) => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription);
    const handle = bench.simulator.faults.add(fault);
    const sender = fault.kind === 'hang' ? await bench.replica(IMPATIENT) : bench.first;
    await sender.submit();
    expect(handle.hits).toBe(1);
    await bench.settle();
    expect((await bench.attempts(id)).map((attempt) => attempt.evidence)).toEqual([evidence, 'billed']);
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it.each(['accessDenied', 'expiredCredentials', 'disabledApi'] as const)(
    '%s finalises nothing, bisects nothing, costs one call a run, and alerts until it is resolved (D15, D18, D24, D44)',
    async (kind) => {
      const subscription = await bench.subscribe();
      for (const dimension of ['requests', 'storage', 'seats'])
        for (const hour of bench.hours(20)) await bench.seal(subscription, { hour, dimension });
      const fault = bench.simulator.faults.add({ kind });
      await bench.first.submit();
      const untried = await bench.records(`attempt_count = 0`);
      await bench.first.submit();
      // The first run finds out with the calls it had in flight, the second asks once.
      expect(fault.hits).toBeLessThanOrEqual(4 + 1);
      expect(untried.every((record) => record.reason === null)).toBe(true);
      const records = await bench.records();
      expect(records.every((record) => record.state === 'pending' && record.probe_group === null)).toBe(true);
      expect(await bench.alerts()).toEqual(['setupError']);
      fault.remove();
      await bench.settle();
      expect(await bench.alerts()).toEqual([]);
      expect(await bench.records(`state = 'metered'`)).toHaveLength(60);
      await bench.expectConserved();
    },
  );
});

describe('both readings of an identical resend', () => {
  it('AWS says DuplicateRecord: it confirms the lost answer', async () => {
    await start(duplicateReading('duplicateRecord'));
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'metered', confirmed_by_duplicate: true });
    await bench.expectConserved();
  });

  it('AWS says Success', async () => {
    await start(duplicateReading('success'));
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'metered', confirmed_by_duplicate: false });
    await bench.expectConserved();
  });

  it('the seller knows that AWS says Success, and it does', async () => {
    await start({ ...duplicateReading('success'), options: { aws: { identicalResend: 'success' } } });
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'error500After', count: 1 });
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it('the seller says so and AWS says DuplicateRecord: a conflict, never handed back while the first attempt is uncertain', async () => {
    await start({ ...duplicateReading('duplicateRecord'), options: { aws: { identicalResend: 'success' } } });
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'conflict', disposition: null });
    await bench.first.resolution.settleUnknown(id, { found: { meteringRecordId: 'from the audit' } }, { by: 'ada' });
    expect(await bench.record(id)).toMatchObject({ state: 'metered', metering_record_id: 'from the audit' });
    await bench.expectConserved();
  });
});

describe('set-up errors before the request leaves', () => {
  it('credentials that cannot be had are refusals of nobody: known not billed', async () => {
    await start();
    const replica = await bench.replica({ aws: { credentials: () => Promise.reject(new Error('no role')) } });
    const id = await bench.seal(await bench.subscribe());
    await replica.submit();
    expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'setupError' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused' }]);
    expect(bench.calls()).toBe(0);
    await bench.settle();
    await bench.expectConserved();
  });

  it('credentials that hang end with the request timeout, and the request never leaves afterwards', async () => {
    await start();
    let release: (value: { accessKeyId: string; secretAccessKey: string }) => void = () => undefined;
    const credentials = () =>
      new Promise<{ accessKeyId: string; secretAccessKey: string }>((resolve) => (release = resolve));
    const replica = await bench.replica({ ...IMPATIENT, aws: { credentials } });
    const id = await bench.seal(await bench.subscribe());
    await replica.submit();
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused' }]);
    release({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(bench.calls()).toBe(0);
    await bench.expectConserved();
  });

  it('an endpoint where nobody listens is known not to have billed', async () => {
    await start();
    const replica = await bench.replica({ aws: { endpoint: 'http://127.0.0.1:9' } });
    const id = await bench.seal(await bench.subscribe());
    await replica.submit();
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused', answer: 'ECONNREFUSED' }]);
    expect(await bench.alerts()).toEqual(['setupError']);
    await bench.settle();
    await bench.expectConserved();
  });
});

describe('identities', () => {
  it('a license goes without ProductCode, with its account (D4)', async () => {
    await start();
    await bench.seal(await bench.subscribe());
    await bench.first.submit();
    const [call] = bench.simulator.calls({ operation: 'BatchMeterUsage' });
    expect(call!.request).not.toHaveProperty('ProductCode');
    expect(call!.request).toMatchObject({
      UsageRecords: [{ CustomerAWSAccountId: expect.any(String), LicenseArn: expect.any(String) }],
    });
    await bench.expectConserved();
  });

  it('a legacy customer goes with ProductCode and one id, and the two kinds of id never in one call', async () => {
    await start({ identity: 'legacy' });
    const byAccount = await bench.subscribe();
    const byCustomer = await bench.subscribe({ by: 'customerIdentifier' });
    for (const hour of bench.hours(4))
      for (const subscription of [byAccount, byCustomer]) await bench.seal(subscription, { hour });
    await bench.settle();
    for (const call of bench.simulator.calls({ operation: 'BatchMeterUsage' })) {
      const { ProductCode, UsageRecords } = call.request as {
        ProductCode: string;
        UsageRecords: Record<string, unknown>[];
      };
      expect(ProductCode).toBe(PRODUCT_CODE);
      expect(UsageRecords.every((record) => !('LicenseArn' in record))).toBe(true);
      const kinds = UsageRecords.map((record) =>
        ['CustomerAWSAccountId', 'CustomerIdentifier'].filter((key) => key in record).join(),
      );
      expect(new Set(kinds).size).toBe(1);
    }
    expect(await bench.records(`state = 'metered'`)).toHaveLength(8);
    await bench.expectConserved();
  });
});
