import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
beforeEach(async () => {
  bench = await SubmissionBench.start();
});
afterEach(() => bench.stop());

/** As a superuser who has disabled the triggers, or a dump that is loaded so. */
async function behindTheTriggers(...statements: string[]): Promise<void> {
  await bench.database.transaction(async (tx) => {
    await tx.query(`SET LOCAL session_replication_role = replica`);
    for (const statement of statements) await tx.query(statement);
  });
}

const RECORD = `FROM marketplace.metering_record WHERE dimension = 'storage'`;
/** Each with its undoing. */
const TAMPERINGS: Readonly<Record<string, [string, string, string[]]>> = {
  'a record of more units': [
    `UPDATE marketplace.metering_record SET quantity = 1007, event_sum = 1007 WHERE dimension = 'storage'`,
    `UPDATE marketplace.metering_record SET quantity = 7, event_sum = 7 WHERE dimension = 'storage'`,
    ['event sum', 'balance'],
  ],
  'a record of more units and a carry to match': [
    `UPDATE marketplace.metering_record SET quantity = 1007, carry_in = 1000 WHERE dimension = 'storage'`,
    `UPDATE marketplace.metering_record SET quantity = 7, carry_in = 0 WHERE dimension = 'storage'`,
    ['balance', 'carry'],
  ],
  'a record of more units, a carry and a balance to match': [
    `WITH r AS (UPDATE marketplace.metering_record SET quantity = 1007, carry_in = 1000 WHERE dimension = 'storage')
     UPDATE marketplace.balance SET quantity = 1007 WHERE dimension = 'storage'`,
    `WITH r AS (UPDATE marketplace.metering_record SET quantity = 7, carry_in = 0 WHERE dimension = 'storage')
     UPDATE marketplace.balance SET quantity = 7 WHERE dimension = 'storage'`,
    ['carry'],
  ],
  'a record of more events': [
    `UPDATE marketplace.metering_record SET event_count = 2 WHERE dimension = 'storage'`,
    `UPDATE marketplace.metering_record SET event_count = 1 WHERE dimension = 'storage'`,
    ['event count'],
  ],
  'a rollup of more units': [
    `UPDATE marketplace.rollup SET event_sum = 1007 WHERE record_id = (SELECT id ${RECORD})`,
    `UPDATE marketplace.rollup SET event_sum = 7 WHERE record_id = (SELECT id ${RECORD})`,
    ['event sum'],
  ],
  'a rollup taken away': [
    `UPDATE marketplace.rollup SET record_id = NULL WHERE record_id = (SELECT id ${RECORD})`,
    `UPDATE marketplace.rollup SET record_id = (SELECT id ${RECORD}) WHERE record_id IS NULL`,
    ['event sum', 'event count'],
  ],
  'a rollup of another dimension': [
    `UPDATE marketplace.rollup SET dimension = (SELECT id FROM marketplace.dimension WHERE name = 'seats')
      WHERE record_id = (SELECT id ${RECORD})`,
    `UPDATE marketplace.rollup SET dimension = (SELECT id FROM marketplace.dimension WHERE name = 'storage')
      WHERE record_id = (SELECT id ${RECORD})`,
    ['rollups'],
  ],
  'allocations of more units': [
    `UPDATE marketplace.metering_record SET allocations = '[{"AllocatedUsageQuantity": 8}]'
      WHERE dimension = 'storage'`,
    `UPDATE marketplace.metering_record SET allocations = NULL WHERE dimension = 'storage'`,
    ['allocations'],
  ],
  'a balance of more events': [
    `UPDATE marketplace.balance SET event_sum = 1007 WHERE dimension = 'storage'`,
    `UPDATE marketplace.balance SET event_sum = 7 WHERE dimension = 'storage'`,
    ['balance'],
  ],
  'a balance that is gone': [
    `DELETE FROM marketplace.balance WHERE dimension = 'storage'`,
    `INSERT INTO marketplace.balance (seller_account, period_id, dimension, event_sum, quantity)
      SELECT seller_account, period_id, dimension, event_sum, quantity ${RECORD}`,
    ['balance'],
  ],
};

describe('what was changed behind the triggers', () => {
  it.each(Object.entries(TAMPERINGS))(
    '%s: is not sent, is told, goes alone, and is sent once it is put back',
    async (_, [tampering, undoing, expected]) => {
      const [one, other] = [await bench.subscribe(), await bench.subscribe()];
      const wrong = await bench.seal(one, { dimension: 'storage' });
      const mates = [await bench.seal(one, { dimension: 'requests' }), await bench.seal(other, { dimension: 'seats' })];
      await behindTheTriggers(tampering);
      await bench.settle();
      expect(await bench.record(wrong)).toMatchObject({ state: 'blocked', reason: 'ledgerMismatch', attempt_count: 0 });
      for (const id of mates) expect(await bench.record(id)).toMatchObject({ state: 'metered' });
      expect(
        bench.simulator
          .bill()
          .map(({ dimension }) => dimension)
          .sort(),
      ).toEqual(['requests', 'seats']);
      const [alert] = await bench.database.query<{
        subject: string;
        message: string;
        severity: string;
        details: { mismatches: { what: string }[] };
      }>(`SELECT subject, message, severity, details FROM marketplace.alert WHERE kind = 'ledgerMismatch'`);
      expect(alert).toMatchObject({ subject: wrong, severity: 'critical' });
      expect(alert!.details.mismatches.map(({ what }) => what)).toEqual(expected);
      expect(alert!.message).toMatch(/storage for the hour .* was not sent: .*requeue the record/);
      expect(await bench.events()).toContain('metering.blocked');

      await behindTheTriggers(undoing);
      await bench.first.resolution.requeue(wrong, { by: 'operator' });
      await bench.settle();
      expect(await bench.record(wrong)).toMatchObject({ state: 'metered' });
      await bench.first.watch.run();
      expect(await bench.alerts()).toEqual([]);
      await bench.expectConserved();
    },
    60_000,
  );

  it('a requeue before it is put back sends nothing', async () => {
    const wrong = await bench.seal(await bench.subscribe(), { dimension: 'storage' });
    const [tampering, undoing] = TAMPERINGS['a rollup of more units']!;
    await behindTheTriggers(tampering);
    await bench.settle();
    await bench.first.resolution.requeue(wrong, { by: 'operator' });
    await bench.settle();
    expect(await bench.record(wrong)).toMatchObject({ state: 'blocked', reason: 'ledgerMismatch' });
    expect(bench.calls()).toBe(0);
    await behindTheTriggers(undoing);
    await bench.expectConserved();
  });

  it('more of it than one run would stop at holds nothing else up in that run', async () => {
    const one = await bench.subscribe();
    for (const hour of bench.hours(20))
      for (const dimension of ['storage', 'seats'])
        for (let n = 0; n < 3; n += 1) if (n === 0) await bench.seal(one, { hour, dimension });
    const others = [];
    for (let n = 0; n < 60; n += 1) others.push(await bench.subscribe());
    for (const other of others) await bench.seal(other, { hour: bench.hours(20).at(-1)!, dimension: 'storage' });
    const last = await bench.seal(await bench.subscribe());
    await behindTheTriggers(`UPDATE marketplace.rollup SET event_sum = event_sum + 1
      WHERE record_id IN (SELECT id FROM marketplace.metering_record WHERE dimension IN ('storage', 'seats'))`);
    await bench.first.submit();
    expect(await bench.record(last)).toMatchObject({ state: 'metered' });
    expect(await bench.records(`state = 'blocked' AND reason = 'ledgerMismatch'`)).toHaveLength(100);
    expect(bench.simulator.bill()).toHaveLength(1);
  });

  it('is held at its cutoff, not planned anew on a ledger that is wrong', async () => {
    const wrong = await bench.seal(await bench.subscribe(), { dimension: 'storage' });
    const [tampering, undoing] = TAMPERINGS['a balance of more events']!;
    await behindTheTriggers(tampering);
    await bench.settle();
    bench.clock.advance(30 * 3_600_000);
    await bench.first.watch.run();
    expect(await bench.record(wrong)).toMatchObject({ state: 'closed', disposition: 'held', reason: 'ledgerMismatch' });
    await behindTheTriggers(undoing);
    await bench.expectConserved();
  });
});
