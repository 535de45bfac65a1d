import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RecordResolution } from '../../../src/index.js';
import { type Buyer, LifeLedger } from './life-ledger.js';

let ledger: LifeLedger;
afterEach(() => ledger.stop());

/** A buyer, and the subscription that takes over from theirs. */
async function lineage(): Promise<{ old: Buyer; next: Buyer }> {
  const [old, next] = [await ledger.activeBuyer(), await ledger.activeBuyer()];
  await ledger.link(next, old);
  return { old, next };
}

describe('the keys of a line of renewals', () => {
  beforeEach(async () => {
    ledger = await LifeLedger.open();
  });

  const event = ({ id }: { id: string }, idempotencyKey: string, quantity = 3) => ({
    subscriptionId: id,
    dimension: 'requests',
    quantity,
    idempotencyKey,
  });

  it('are shared by all of it, in whichever direction and however it is called', async () => {
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    const last = await ledger.activeBuyer();
    await ledger.link(last, next);
    const stranger = await ledger.activeBuyer();
    await usage.record(event(old, 'a'), event(next, 'b'), event(last, 'c'), event(stranger, 'a'));
    for (const key of ['a', 'b', 'c']) {
      for (const subscription of [old, next, last]) {
        expect(await harness.metering.record(event(subscription, key))).toMatchObject({ outcome: 'duplicate' });
        await expect(harness.metering.record(event(subscription, key, 4))).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
      }
    }
    const [first] = await harness.metering.record([event(last, 'a'), event(last, 'd')]);
    usage.add(event(last, 'd'));
    expect(first).toMatchObject({ outcome: 'duplicate' });
    const [original] = await harness.database.query<{ id: string }>(`SELECT id FROM marketplace.usage_event WHERE subscription_id = $1`, [
      old.id,
    ]);
    expect(first?.eventId).toBe(original?.id);
    await usage.expectAllRecorded();
  });

  it('hold what was recorded before the link was known', async () => {
    const { harness, usage } = ledger;
    const [old, next] = [await ledger.activeBuyer(), await ledger.activeBuyer()];
    await usage.record(event(old, 'a'));
    await ledger.link(next, old);
    expect(await harness.metering.record(event(next, 'a'))).toMatchObject({ outcome: 'duplicate' });
    await usage.expectAllRecorded();
  });

  it('are taken once by many who record at the same time under both', async () => {
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    const other = await harness.replica();
    try {
      const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
      const calls = keys.flatMap((key) => [harness.metering.record(event(old, key)), other.metering.record([event(next, key)])]);
      const outcomes = (await Promise.all(calls)).flat().map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'recorded')).toHaveLength(40);
      const rows = await harness.database.query<{ subscription_id: string }>(`SELECT subscription_id FROM marketplace.usage_event`);
      expect(rows).toHaveLength(40);
      for (const row of rows) usage.add({ subscriptionId: row.subscription_id, dimension: 'requests', quantity: 3 });
      await usage.expectAllRecorded();
    } finally {
      await other.stop();
    }
  });

  it('that a transaction of the host holds are waited for, also under the other id', async () => {
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    for (const end of ['commit', 'rollback'] as const) {
      const runner = harness.database.dataSource.createQueryRunner();
      await runner.startTransaction();
      await harness.metering.record(event(old, end), { manager: runner.manager });
      const waiting = harness.metering.record(event(next, end));
      const first = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 150, 'waits'))]);
      expect(first).toBe('waits');
      await (end === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
      await runner.release();
      expect(await waiting).toMatchObject({ outcome: end === 'commit' ? 'duplicate' : 'recorded' });
    }
    usage.add(event(old, 'commit'), event(next, 'rollback'));
    await usage.expectAllRecorded();
  });
});

describe('what an ended subscription could not bill', () => {
  /** Ends with 5 units that AWS refused until its cutoff, 2.5 that came too late, and 1 too much billed in storage. */
  async function endOf({ id, agreement }: Buyer): Promise<void> {
    const { harness } = ledger;
    await ledger.record({ id }, 4, { dimension: 'storage' });
    harness.advance(1.2);
    await harness.settle();
    await ledger.record({ id }, 5);
    harness.simulator.suspend(agreement);
    await ledger.hear('subscription.unsubscribePending', agreement);
    await harness.settle(2);
    harness.advance(1.2);
    await ledger.record({ id }, '2.5');
    await ledger.record({ id }, -1, { dimension: 'storage', reason: 'counted twice' });
    await harness.run('deadline', 'seal', 'deadline');
  }
  const FATES = ['10h 4 metered', '11h 5 expired', 'closing 2.5 ended', 'closing -1 ended'];
  const fatesAs = (...dispositions: string[]): string[] => FATES.map((fate, index) => `${fate} ${dispositions[index] ?? ''}`.trim()).sort();
  const fates = async (buyer: Buyer): Promise<string[]> => (await ledger.fates(buyer)).sort();
  const moved = (next: Buyer): void => {
    ledger.usage.add({ subscriptionId: next.id, dimension: 'requests', quantity: 7.5 });
    ledger.usage.add({ subscriptionId: next.id, dimension: 'storage', quantity: -1, reason: 'moved' });
  };

  it('goes to its successor with onEnded transfer, once, and is billed there', async () => {
    ledger = await LifeLedger.open({ options: { onEnded: 'transfer' } });
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    await ledger.record(next, 3, { dimension: 'storage' });
    await endOf(old);
    expect(await fates(old)).toEqual(fatesAs('', 'transferred', 'transferred', 'transferred'));
    expect([...(await ledger.alerts('ended')), ...(await ledger.alerts('owed'))]).toEqual([]);
    moved(next);
    await harness.run('deadline', 'deadline');
    await ledger.record(next, 2, { dimension: 'storage' });
    harness.advance(1.2);
    await harness.settle();
    const bill = harness.simulator.bill().filter(({ agreementId }) => agreementId === next.agreement.agreementId);
    expect(bill.map(({ dimension, quantity }) => `${dimension} ${quantity}`).sort()).toEqual(['requests 7', 'storage 1', 'storage 3']);
    expect(await usage.expectAllAccounted()).toMatchObject({ metered: 4 + 7 + 1 + 3, transferred: 5 + 2.5 - 1 });
    const reasons = await harness.database.query<{ reason: string }>(
      `SELECT reason FROM marketplace.usage_event WHERE subscription_id = $1 AND idempotency_key LIKE 'transfer:%'`,
      [next.id],
    );
    expect(reasons).toHaveLength(3);
    expect(reasons.every(({ reason }) => reason.includes(old.id))).toBe(true);
    const told = await harness.database.query(
      `SELECT count(*)::int AS told FROM marketplace.outbox_event WHERE type = 'metering.closed' AND payload ->> 'disposition' = 'transferred'`,
    );
    expect(told).toEqual([{ told: 3 }]);
  });

  it('goes to its successor also where AWS called the license out of its term, which the ledger heard of too late', async () => {
    ledger = await LifeLedger.open({ options: { onEnded: 'transfer' } });
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    harness.advance(1.1);
    // At AWS it ended within the hour before; until the message comes, usage is still recorded and sealed under it.
    harness.simulator.end(old.agreement, { at: new Date(harness.clock.now().getTime() - 10 * 60_000) });
    await ledger.record(old, 5);
    await ledger.hear('license.deprovisioned', old.agreement);
    await harness.settle(4);
    expect(await ledger.fates(old)).toEqual(['11h 5 blocked invalidLicense']);
    await ledger.close();
    expect(await ledger.fates(old)).toEqual(['11h 5 invalidLicense transferred']);
    usage.add({ subscriptionId: next.id, dimension: 'requests', quantity: 5 });
    harness.advance(1.2);
    await harness.settle();
    expect(ledger.bill(next).map((line) => line.split(' ')[1])).toEqual(['5']);
    expect(await usage.expectAllAccounted()).toMatchObject({ metered: 5, transferred: 5 });
  });

  it('waits for a successor that is known to be active, and goes on through one that has ended itself', async () => {
    ledger = await LifeLedger.open({ options: { onEnded: 'transfer' } });
    const { harness, usage } = ledger;
    const old = await ledger.activeBuyer();
    const next = await harness.subscribe();
    await endOf(old);
    expect(await fates(old)).toEqual(fatesAs('', 'held', 'held', 'owed'));
    await ledger.link(next, old);
    await harness.run('deadline');
    expect(await fates(old)).toEqual(fatesAs('', 'held', 'held', 'owed'));
    await harness.subscriptions.end(next.id);
    await harness.run('seal');
    await ledger.close();
    await harness.run('seal', 'deadline');
    expect(await fates(old)).toEqual(fatesAs('', 'transferred', 'transferred', 'transferred'));
    expect((await ledger.fates(next)).sort()).toEqual(['closing -1 ended owed', 'closing 7.5 ended held']);
    moved(next);
    const last = await ledger.activeBuyer();
    await ledger.link(last, next);
    await harness.run('deadline');
    harness.advance(1.2);
    await harness.settle();
    expect((await ledger.fates(next)).sort()).toEqual(['closing -1 ended transferred', 'closing 7.5 ended transferred']);
    expect(ledger.bill(last)).toContainEqual(expect.stringMatching(/h 7$/));
    moved(last);
    await usage.expectAllAccounted();
  });

  it('is moved once by replicas that are at it together', async () => {
    ledger = await LifeLedger.open({ options: { onEnded: 'transfer' } });
    const { harness, usage } = ledger;
    const [old, next] = [await ledger.activeBuyer(), await ledger.activeBuyer()];
    await endOf(old);
    const other = await harness.replica({ options: { onEnded: 'transfer' } });
    try {
      await ledger.link(next, old);
      await Promise.all([harness.run('deadline'), other.run('deadline'), harness.run('seal')]);
      await harness.run('deadline');
      expect(await fates(old)).toEqual(fatesAs('', 'transferred', 'transferred', 'transferred'));
      moved(next);
      await usage.expectAllAccounted();
    } finally {
      await other.stop();
    }
  });

  it('waits for a person with onEnded hold, who may move it, and nothing else', async () => {
    ledger = await LifeLedger.open();
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    const alone = await ledger.activeBuyer();
    await endOf(old);
    await harness.run('deadline');
    expect(await fates(old)).toEqual(fatesAs('', 'held', 'held', 'owed'));
    const byHand = harness.app.get(RecordResolution);
    const records = await ledger.records(old);
    const refusal = async (id: string): Promise<unknown> =>
      byHand.transfer(id, { by: 'ada' }).catch((error: unknown) => (error as Error).message);
    for (const record of records.filter(({ disposition }) => disposition !== null)) await byHand.transfer(record.id, { by: 'ada' });
    expect(await fates(old)).toEqual(fatesAs('', 'transferred', 'transferred', 'transferred'));
    moved(next);
    for (const { id } of records) expect(await refusal(id)).toMatch(/cannot be transferred: only a closed record/);

    await ledger.record(alone, '0.5');
    await harness.subscriptions.end(alone.id);
    await harness.settle();
    await ledger.close();
    const [rest] = (await ledger.records(alone)).filter(({ kind }) => kind === 'closing');
    expect(await refusal(rest?.id ?? '')).toMatch(/no subscription is linked/);
    await usage.expectAllAccounted();
  });

  it('never moves while AWS may have billed it, nor what a dry run left', async () => {
    ledger = await LifeLedger.open({ options: { onEnded: 'transfer' } });
    const { harness, usage } = ledger;
    const { old, next } = await lineage();
    await ledger.record(old, 5);
    const lost = harness.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage' });
    await ledger.hear('subscription.unsubscribePending', old.agreement);
    await harness.settle(1);
    lost.remove();
    const away = harness.simulator.faults.add({ kind: 'accessDenied', operation: 'BatchMeterUsage' });
    await ledger.close();
    away.remove();
    expect(await ledger.fates(old)).toEqual(['10h 5 unknown expired']);
    const [record] = await ledger.records(old);
    await expect(harness.app.get(RecordResolution).transfer(record?.id ?? '', { by: 'ada' })).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
    });
    await harness.app.get(RecordResolution).settleUnknown(record?.id ?? '', { found: { meteringRecordId: null } }, { by: 'ada' });

    const [dry, heir] = [await ledger.activeBuyer(), await ledger.activeBuyer()];
    await harness.database.query(`UPDATE marketplace.product SET mode = 'dry-run'`);
    await ledger.link(heir, dry);
    await ledger.record(dry, 2);
    await ledger.hear('subscription.unsubscribePending', dry.agreement);
    await harness.run('seal', 'deadline');
    await ledger.record(dry, 3);
    await ledger.close();
    await harness.database.query(
      `UPDATE marketplace.product SET mode = 'live', live_from = '2026-11-20T00:00:00Z', mode_before_live = 'dry-run'`,
    );
    await harness.run('deadline');
    expect(await ledger.fates(dry)).toContainEqual(expect.stringContaining('2 dryRun held'));
    expect((await ledger.fates(dry)).filter((fate) => fate.includes('transferred'))).toEqual([]);
    expect(await ledger.records(next)).toEqual([]);
    await usage.expectAllAccounted();
  });
});
