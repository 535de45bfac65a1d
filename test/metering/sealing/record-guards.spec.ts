import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { annulRecords } from '../../../src/metering/settlement/record-annulment.sql.js';
import { at, FreezingLedger, type FrozenCustomer, type LedgerRecord } from './freezing-ledger.js';

let ledger: FreezingLedger;
let customer: FrozenCustomer;
let record: LedgerRecord;
beforeEach(async () => {
  ledger = await FreezingLedger.open();
  customer = await ledger.tenant({ agreement: '1', from: '2026-10-05T08:20:00Z' });
  await ledger.record(customer, { quantity: '5.5', at: '10:10' });
  await ledger.seal('11:15');
  [record = record] = await ledger.records();
});
afterEach(async () => {
  await ledger.expectConserved();
  await ledger.close();
});

const expectRefused = async (
  sql: string,
  message: RegExp | string = /is refused|cannot|belongs|says|leaves|violates/,
): Promise<void> => {
  await expect(ledger.database.query(sql)).rejects.toThrow(message);
};
const annul = (reason: 'expired' | 'moved' | 'rewritten' = 'rewritten'): Promise<string[]> =>
  ledger.database.transaction((tx) => annulRecords(tx, 'seller', [record.id], reason, ledger.now));

describe('by hand, the database refuses [M26]', () => {
  it('to change what was sealed', async () => {
    for (const change of [
      `quantity = 6`,
      `event_sum = 6`,
      `event_count = 2`,
      `carry_out = 0`,
      `hour = hour - interval '1 hour'`,
      `"timestamp" = "timestamp" + interval '1 second'`,
      `dimension = 'storage'`,
      `identity_id = NULL`,
      `period_id = NULL`,
      `allocations = '[]'`,
      `mode = 'dry-run'`,
      `region = 'eu-west-1'`,
      `notes = '[]'`,
      `included = 1`,
      `included_total = 1`,
      `included_by = '{}'`,
      `block = 1000`,
    ]) {
      await expectRefused(`UPDATE marketplace.metering_record SET ${change}`, /is refused/);
    }
  });

  it('to write a balance, a period or an identity', async () => {
    await expectRefused(`UPDATE marketplace.balance SET event_sum = event_sum + 1000`, /written by its records alone/);
    await expectRefused(`UPDATE marketplace.balance SET quantity = quantity - 3`, /written by its records alone/);
    await expectRefused(
      `INSERT INTO marketplace.balance (seller_account, period_id, dimension, event_sum)
        SELECT 'seller', period_id, 'storage', 5 FROM marketplace.balance`,
      /written by its records alone/,
    );
    await expectRefused(
      `INSERT INTO marketplace.included_usage (seller_account, period_id, dimension, hour, used)
        SELECT 'seller', period_id, 'requests', 1, -1000 FROM marketplace.balance`,
      /written by records alone/,
    );
    await expectRefused(`DELETE FROM marketplace.balance`, /append-only/);
    await expectRefused(`UPDATE marketplace.period SET price = 'trial'`, /never changes/);
    await expectRefused(`UPDATE marketplace.metering_identity SET canonical = 'l-2'`, /frozen/);
    await expectRefused(`UPDATE marketplace.metering_identity SET digest = sha256('l-2')`, /frozen/);
    await ledger.database.query(
      `UPDATE marketplace.metering_identity SET canonical = NULL, license_arn = NULL, customer_aws_account_id = NULL`,
    );
  });

  it('a record that is not the sum of its rollups, or that bills more than its balance holds', async () => {
    const columns = `seller_account, id, kind, customer_id, subscription_id, period_id, identity_id, product_code, dimension, hour, "timestamp", operation, region, mode,
      sealed_at, state, due_at, cutoff_at`;
    const insert = (values: string, names: string): string =>
      `INSERT INTO marketplace.metering_record (${columns}, ${names})
       SELECT seller_account, '${uuidv7()}', kind, customer_id, subscription_id, period_id, identity_id, product_code,
         dimension, hour + interval '1 hour',
         "timestamp" + interval '1 hour', operation, region, mode, sealed_at, 'pending', due_at, cutoff_at, ${values}
           FROM marketplace.metering_record`;
    const names = 'quantity, event_sum, event_count, carry_in, carry_out';
    await expectRefused(insert(`1000, 1000, 1, 0.5, 0.5`, names), /says 1000/);
    await expectRefused(insert(`1000, 0, 0, 0.5, -999.5`, names), /metering_record_hour_quantity/);
    await expectRefused(
      insert(`0, 0, 0, 0.75, 0.75`, names),
      /leaves a carry of 0.75 and 0 included in all, but the balance says 0.5 and 0/,
    );
    await expectRefused(insert(`1000, 0, 0, 1000.5, 0.5`, names), /leaves a carry|balance/);
    const including = `${names}, included, included_total, included_by`;
    await expectRefused(insert(`0, 0, 0, 0.5, -0.5, 1, 1, NULL`, including), /metering_record_included/);
    await expectRefused(insert(`0, 0, 0, 0.5, -0.5, 1, 5, '{}'`, including), /5 included in all, but .* and 1/);
    await expectRefused(
      `INSERT INTO marketplace.metering_record (${columns}, ${names})
        SELECT seller_account, '${uuidv7()}', kind, customer_id, subscription_id, period_id, identity_id,
         product_code, dimension, hour + interval '1 hour', "timestamp" + interval '1 hour', operation, region, mode,
           sealed_at, 'metered', due_at, cutoff_at, 0, 0, 0, 0.5, 0.5
       FROM marketplace.metering_record`,
      /starts pending|metering_record_metered/,
    );
    // The same grain twice.
    await expectRefused(
      `INSERT INTO marketplace.metering_record (${columns}, ${names})
        SELECT seller_account, '${uuidv7()}', kind, customer_id, subscription_id, period_id, identity_id,
         product_code, dimension, hour, "timestamp", operation, region, mode, sealed_at, 'pending', due_at, cutoff_at,
           0, 0, 0, 0.5, 0.5
       FROM marketplace.metering_record`,
      /metering_record_grain/,
    );
  });

  it('to give a rollup another record, to take it away, or to add one to a record', async () => {
    await expectRefused(`UPDATE marketplace.rollup SET record_id = NULL`, /belongs to record/);
    await expectRefused(`UPDATE marketplace.rollup SET record_id = '${uuidv7()}'`, /belongs to record/);
    await expectRefused(`UPDATE marketplace.rollup SET event_sum = 7`, /never changes/);
    await expectRefused(`UPDATE marketplace.rollup SET is_split = true`, /split/);
    await ledger.record(customer, { quantity: 1, at: '10:20' });
    await ledger.seal('11:20');
    await expectRefused(
      `UPDATE marketplace.rollup SET record_id = '${record.id}' WHERE record_id IS NULL`,
      /its rollups sum to 6.5 of 2/,
    );
    await expectRefused(
      `UPDATE marketplace.rollup SET is_split = true WHERE record_id IS NULL`,
      /not the sum of its pieces/,
    );
  });

  it('transitions that are not drawn, and a bill without proof', async () => {
    await expectRefused(
      `UPDATE marketplace.metering_record SET state = 'metered', metered_at = now()`,
      /no attempt that proves/,
    );
    await ledger.answer(record.id, 'billed');
    await expectRefused(
      `UPDATE marketplace.metering_record SET state = 'pending', metered_at = NULL`,
      /stays as it is|cannot go/,
    );
    await expectRefused(
      `UPDATE marketplace.metering_record SET settled_quantity = 3`,
      /stays as it is|only as it becomes metered/,
    );
    await expectRefused(`DELETE FROM marketplace.metering_record`, /append-only/);
  });
});

describe('annulling', () => {
  it('gives back what the record added, and its rollups wait again', async () => {
    expect(await annul()).toEqual([record.id]);
    expect(await ledger.balance.read()).toMatchObject([
      { recorded: '5.5', waiting: { unplanned: '5.5' }, carry: '0', byState: {}, conserved: true },
    ]);
    expect(await ledger.database.query(`SELECT event_sum, included, quantity, carry FROM marketplace.balance`)).toEqual(
      [{ event_sum: '0.0', included: '0', quantity: '0', carry: '0.0' }],
    );
    expect(await ledger.database.query(`SELECT record_id FROM marketplace.annulled_rollup`)).toEqual([
      { record_id: record.id },
    ]);
    await ledger.seal('11:16');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 5, carry 0.5']);
    // It is final.
    await expectRefused(
      `UPDATE marketplace.metering_record SET disposition = 'held' WHERE id = '${record.id}'`,
      /cannot go/,
    );
    await expectRefused(`UPDATE marketplace.annulled_rollup SET record_id = record_id`, /evidence/);
  });

  it('is for what AWS is known not to have billed', async () => {
    await ledger.answer(record.id, 'refused');
    await ledger.answer(record.id, 'uncertain');
    expect(await annul()).toEqual([]);
    await expectRefused(
      `UPDATE marketplace.metering_record SET state = 'closed', disposition = 'annulled', reason = 'expired',
        closed_at = now()`,
      /may have been billed/,
    );
  });

  it('is never for a conflict, but one that a billed record of ours explains [T13]', async () => {
    await ledger.answer(record.id, 'conflict');
    expect(await annul('expired')).toEqual([]);
  });

  it('may not leave rollups behind', async () => {
    await expect(
      ledger.database.query(
        `UPDATE marketplace.metering_record SET state = 'closed', disposition = 'annulled', reason = 'expired',
          closed_at = now()`,
      ),
    ).rejects.toThrow(/keeps its rollups/);
  });

  it('leaves alone what is being sent', async () => {
    const runner = ledger.database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`SELECT 1 FROM marketplace.metering_record FOR UPDATE`);
    expect(await annul()).toEqual([]);
    await runner.rollbackTransaction();
    await runner.release();
    expect(await annul()).toEqual([record.id]);
  });
});

describe('another system’s quantity', () => {
  it('leaves the difference in the period’s carry', async () => {
    await ledger.answer(record.id, 'conflict');
    await ledger.database.query(
      `UPDATE marketplace.metering_record SET state = 'metered', metered_at = now(), settled_quantity = 3, closed_by =
        'operator' WHERE id = '${record.id}'`,
    );
    expect(await ledger.balance.read()).toMatchObject([{ byState: { metered: '3' }, carry: '2.5', conserved: true }]);
    await ledger.seal('12:15');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 5, carry 0.5', 'l-1 11 11h: 2, carry 0.5']);
  });

  it('needs a conflict and a person', async () => {
    await ledger.answer(record.id, 'refused');
    await expectRefused(
      `UPDATE marketplace.metering_record SET state = 'metered', metered_at = now(), settled_quantity = 3, closed_by =
        'x'`,
      /no attempt|cannot go/,
    );
  });
});

describe('the ledger tells of what was done to it behind its back', () => {
  it('balances, records and rollups that do not agree are named', async () => {
    const behind = async (sql: string): Promise<void> => {
      await ledger.database.transaction(async (tx) => {
        await tx.query(`SET LOCAL session_replication_role = replica`);
        await tx.query(sql);
      });
    };
    await behind(`UPDATE marketplace.balance SET event_sum = event_sum + 1000`);
    expect(await ledger.balance.read({ conserved: false })).toHaveLength(1);
    await behind(`UPDATE marketplace.balance SET event_sum = event_sum - 1000`);
    await behind(`UPDATE marketplace.rollup SET event_sum = 7`);
    expect(await ledger.balance.read({ conserved: false })).toHaveLength(1);
    expect(await ledger.balance.deepProof()).toMatchObject([{ eventSum: '7', foundSum: '5.5' }]);
    expect(await ledger.balance.deepProof(at('09:00'))).toEqual([]);
    await behind(`UPDATE marketplace.rollup SET event_sum = 5.5`);
    await behind(`UPDATE marketplace.rollup SET record_id = NULL`);
    expect(await ledger.balance.read({ conserved: false })).toHaveLength(1);
    expect(await ledger.balance.total()).toMatchObject({ conserved: false, grains: 1, broken: 1, recorded: '5.5' });
    await behind(`UPDATE marketplace.rollup SET record_id = '${record.id}'`);
    expect(await ledger.balance.total()).toMatchObject({ conserved: true });
  });
});
