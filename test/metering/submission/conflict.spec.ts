import { afterEach, describe, expect, it } from '@jest/globals';
import { annulRecords } from '../../../src/metering/settlement/record-annulment.sql.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { type BenchOptions, START, SubmissionBench, type TestSubscription } from './submission-bench.js';

let bench: SubmissionBench;
const start = async (options: BenchOptions = {}): Promise<void> => {
  bench = await SubmissionBench.start(options);
};
afterEach(() => bench.stop());

describe('two names of one legacy buyer', () => {
  /**
   * One agreement of AWS, entered twice: by account id and by CustomerIdentifier, as messages did before anybody knew
   * that they are one.
   */
  const enterTwice = async (): Promise<{ byAccount: TestSubscription; byCustomer: TestSubscription }> => {
    await start({ identity: 'legacy' });
    const byAccount = await bench.subscribe({ by: 'account' });
    const byCustomer = await bench.enter(byAccount.agreement, START, { by: 'customerIdentifier' });
    return { byAccount, byCustomer };
  };

  it('that nobody knows to be one: the DuplicateRecord of the second is no proof, and nothing of it is billed twice (M9)', async () => {
    const { byAccount, byCustomer } = await enterTwice();
    await bench.seal(byAccount, { quantity: 7 });
    await bench.first.submit();
    const second = await bench.seal(byCustomer, { quantity: 5 });
    await bench.first.submit();
    expect(await bench.record(second)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    expect(await bench.attempts(second)).toMatchObject([{ evidence: 'conflict' }]);
    await bench.first.explanation.run();
    expect((await bench.record(second)).state).toBe('blocked');
    await bench.expectConserved();
  });

  it('that are known to be one: not even an uncertain attempt makes the DuplicateRecord a proof while the other record stands (M9)', async () => {
    const { byAccount, byCustomer } = await enterTwice();
    const first = await bench.seal(byAccount, { quantity: 7 });
    await bench.first.submit();
    expect((await bench.record(first)).state).toBe('metered');
    await bench.join(byCustomer, byAccount);
    const second = await bench.seal(byCustomer, { quantity: 5 });
    const fault = bench.simulator.faults.add({ kind: 'resetBefore', count: 1 });
    await bench.first.submit();
    expect(fault.hits).toBe(1);
    await bench.settle();
    expect((await bench.attempts(second)).map(({ evidence }) => evidence)).toEqual(['uncertain', 'conflict']);
    expect(await bench.record(second)).toMatchObject({
      state: 'blocked',
      reason: 'conflict',
      confirmed_by_duplicate: false,
    });
    // An attempt is uncertain: were AWS to tell the two names apart after all, it may have billed it.
    await bench.first.explanation.run();
    expect((await bench.record(second)).state).toBe('blocked');
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(second)).toMatchObject({ state: 'unknown', reason: 'conflict' });
    await bench.expectConserved();
  });

  it('that are known to be one: a record of ours explains the conflict, and its usage is planned anew and billed (M9)', async () => {
    const { byAccount, byCustomer } = await enterTwice();
    await bench.seal(byAccount, { quantity: 7 });
    await bench.first.submit();
    const second = await bench.seal(byCustomer, { quantity: 5 });
    await bench.first.submit();
    expect(await bench.record(second)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    await bench.join(byCustomer, byAccount);
    await bench.first.explanation.run();
    expect(await bench.record(second)).toMatchObject({ state: 'closed', disposition: 'annulled', reason: 'rewritten' });
    expect(await bench.changed(byCustomer)).toBe(true);
    await bench.first.watch.run();
    expect(await bench.alerts()).toEqual([]);
    bench.clock.advance(HOUR_MS);
    const again = await bench.sealWaiting(byCustomer);
    await bench.first.submit();
    expect(await bench.record(again)).toMatchObject({ state: 'metered', quantity: '5' });
    await bench.expectConserved();
  });

  it('do not make a conflict of an hour in which only one of them stands', async () => {
    const { byAccount, byCustomer } = await enterTwice();
    await bench.join(byCustomer, byAccount);
    const [newer, older] = bench.hours(2);
    await bench.seal(byAccount, { hour: older! });
    const id = await bench.seal(byCustomer, { hour: newer! });
    bench.simulator.faults.add({ kind: 'resetAfter', count: 2 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'metered' });
    expect(await bench.records(`state = 'metered'`)).toHaveLength(2);
    await bench.expectConserved();
  });
});

describe('two licenses of one buyer', () => {
  it('are two grains: a lost answer under the one is confirmed beside a record of the other', async () => {
    await start({ simulator: { switches: { identicalResend: 'duplicateRecord' } } });
    const first = await bench.subscribe();
    const second = await bench.subscribe({ accountId: first.agreement.accountId });
    await bench.join(second, first);
    await bench.seal(first);
    await bench.first.submit();
    const id = await bench.seal(second);
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'metered', confirmed_by_duplicate: true });
    await bench.expectConserved();
  });

  it('in the hour in which one follows the other: what was billed under the one explains no conflict of the other', async () => {
    await start();
    const first = await bench.subscribe();
    const second = await bench.subscribe({ accountId: first.agreement.accountId });
    await bench.join(second, first);
    await bench.seal(first, { quantity: 7 });
    await bench.first.submit();
    await bench.meterElsewhere(second, 30);
    const id = await bench.seal(second, { quantity: 5 });
    // A renewal: both licenses belong to one subscription.
    await bench.database.query(`UPDATE marketplace.agreement SET subscription_id = $1 WHERE subscription_id = $2`, [
      first.id,
      second.id,
    ]);
    await bench.database.query(`UPDATE marketplace.metering_record SET subscription_id = $1, customer_id = $2`, [
      first.id,
      first.customerId,
    ]);
    await bench.first.submit();
    expect(await bench.records()).toMatchObject([
      { subscription_id: first.id, state: 'metered' },
      { id, subscription_id: first.id, state: 'blocked', reason: 'conflict' },
    ]);
    await bench.first.explanation.run();
    await expect(bench.first.resolution.annul(id, { by: 'ada' })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    expect(
      await bench.database.transaction((tx) => annulRecords(tx, 'default', [id], 'rewritten', bench.clock.now())),
    ).toEqual([]);
    await expect(
      bench.database.query(
        `UPDATE marketplace.metering_record SET state = 'closed', disposition = 'annulled', reason = 'rewritten',
          closed_at = now() WHERE id = $1`,
        [id],
      ),
    ).rejects.toThrow(/may have been billed/);
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    await bench.first.resolution.settleConflict(id, { quantityOnFile: 30 }, { by: 'ada' });
    await bench.expectConserved();
  });
});

describe('attempts', () => {
  it('are put in order by what was committed first, not by the clock: no false conflict (M28)', async () => {
    await start({ simulator: { switches: { identicalResend: 'duplicateRecord' } } });
    const id = await bench.seal(await bench.subscribe());
    bench.simulator.faults.add({ kind: 'resetAfter', count: 1 });
    await bench.first.submit();
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain' }]);
    // The clock goes back: what was committed first seems to lie ahead of what follows.
    await bench.database.query(`UPDATE marketplace.attempt SET committed_at = clock_timestamp() + interval '1 hour'`);
    await bench.settle();
    expect((await bench.attempts(id)).map(({ evidence }) => evidence)).toEqual(['uncertain', 'billed']);
    expect(await bench.record(id)).toMatchObject({ state: 'metered', confirmed_by_duplicate: true });
    await bench.expectConserved();
  });
});

describe('a ledger that has forgotten what it sent', () => {
  it('never annuls what AWS says is on file: unknown with an alert, billed once (T13)', async () => {
    await start({ simulator: { switches: { identicalResend: 'duplicateRecord' } } });
    const subscription = await bench.subscribe();
    // Before the restore: the same hour, the same units.
    await bench.meterElsewhere(subscription, 30);
    const id = await bench.seal(subscription, { quantity: 30 });
    await bench.settle();
    expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    await expect(bench.first.resolution.annul(id, { by: 'ada' })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.explanation.run();
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', disposition: null });
    expect(await bench.alerts()).toEqual(['conflict', 'unknownOutcome']);
    expect(Object.values(bench.simulator.bill()).map((line) => line.quantity)).toEqual([30]);
    await bench.first.resolution.settleConflict(id, { quantityOnFile: 30 }, { by: 'ada' });
    await bench.expectConserved();
  });
});
