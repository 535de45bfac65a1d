import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RecordResolution } from '../../../src/index.js';
import { executorOn } from '../../../src/database/ledger-database.js';
import { type Buyer } from '../../support/buyer.js';
import { PRODUCT_CODE, World } from '../../support/world.js';

let world: World;
let buyer: Buyer;
beforeEach(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
  buyer = await world.join('acme');
});
afterEach(() => world.stop());

async function behindTheTriggers(...statements: string[]): Promise<void> {
  await world.database.transaction(async (tx) => {
    await tx.query(`SET LOCAL session_replication_role = replica`);
    for (const statement of statements) await tx.query(statement);
  });
}

const provenAt = async (): Promise<Date | null> => (await world.metering.balance())[0]!.provenAt;

/** Rollup, record and balance alike: only the events still tell. */
const shift = (by: number): string[] => [
  `UPDATE marketplace.rollup SET event_sum = event_sum + ${by} WHERE record_id IS NOT NULL`,
  `UPDATE marketplace.metering_record SET event_sum = event_sum + ${by}, quantity = quantity + ${by}`,
  `UPDATE marketplace.balance SET event_sum = event_sum + ${by}, quantity = quantity + ${by}`,
];

describe('the deep proof', () => {
  it('is null until it ran; then says when every rollup was compared with its events', async () => {
    await buyer.use(3);
    world.clock.set(new Date('2026-11-11T11:15:00Z'));
    await world.run('seal');
    expect(await provenAt()).toBeNull();
    await world.prove();
    await world.settle();
    expect(await provenAt()).toEqual(world.now());
    await world.expectUnits({ billed: { 'l-1': 3 } });
  });

  it('finds what record and balance bear out, tells it, and nothing of it is sent until it is put back', async () => {
    await buyer.use(3);
    world.clock.set(new Date('2026-11-11T11:15:00Z'));
    await world.run('seal');
    await behindTheTriggers(...shift(1000));
    await world.prove();
    const [view] = await world.metering.balance();
    expect(view).toMatchObject({ conserved: false, provenAt: null });
    const [alert] = await world.database.query<{ message: string; severity: string }>(
      `SELECT message, severity FROM marketplace.alert WHERE kind = 'rollupMismatch' AND resolved_at IS NULL`,
    );
    expect(alert).toMatchObject({ severity: 'critical' });
    expect(alert!.message).toMatch(/requests, hour 2026-11-11T10:00:00.000Z\) says 1003, its events sum to 3/);
    await world.settle();
    expect(world.simulator.bill()).toEqual([]);
    const [record] = await world.records<{ id: string }>();
    expect(record).toMatchObject({ state: 'blocked', reason: 'ledgerMismatch' });

    await behindTheTriggers(...shift(-1000));
    await world.prove();
    expect(await world.metering.balance()).toMatchObject([{ conserved: true, provenAt: world.now() }]);
    await world.app.get(RecordResolution).requeue(record!.id, { by: 'operator' });
    await world.turn();
    expect(await world.alerts()).toEqual([]);
    await world.expectUnits({ billed: { 'l-1': 3 } });
  });

  it('does not pass by a rollup whose take commits later than a newer one', async () => {
    const birch = await world.join('birch');
    await buyer.use(3);
    await birch.use(4);
    const runner = world.database.dataSource.createQueryRunner();
    await runner.startTransaction();
    // As a take would, and then stands still.
    await executorOn(runner).query(`DELETE FROM marketplace.unsealed_usage WHERE quantity = 3`);
    await world.database.query(`DELETE FROM marketplace.unsealed_usage WHERE quantity = 4`);
    for (let run = 0; run < 3; run += 1) await world.run('proof');
    expect(await world.database.query(`SELECT proven_id::int AS id FROM marketplace.proof_cursor`)).toEqual([
      { id: 0 },
    ]);
    await runner.commitTransaction();
    await runner.release();
    await behindTheTriggers(`UPDATE marketplace.rollup SET event_sum = 1003 WHERE event_sum = 3`);
    await world.prove();
    expect(await world.database.query(`SELECT rollup_id::int AS id FROM marketplace.unproven_rollup`)).toHaveLength(1);
    await behindTheTriggers(`UPDATE marketplace.rollup SET event_sum = 3 WHERE event_sum = 1003`);
    await world.prove();
    await world.pass(2);
    expect(await world.alerts()).toEqual([]);
    await world.expectAllBilled();
  });

  it('is done by one of two replicas at a time, to the end', async () => {
    const other = await world.addReplica();
    for (let hour = 0; hour < 3; hour += 1) {
      await buyer.use(2);
      await world.pass(1);
    }
    await Promise.all([world.run('proof'), world.runOn(other, 'proof')]);
    await world.prove();
    expect(await world.database.query(`SELECT FROM marketplace.unproven_rollup`)).toEqual([]);
    expect(await provenAt()).toEqual(world.now());
    await world.pass(1);
    await world.expectAllBilled();
  });
});
