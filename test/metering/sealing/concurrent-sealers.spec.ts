import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { type HourSealer } from '../../../src/metering/sealing/hour-sealer.js';
import { brief, SealingLedger, type Usage } from './sealing-ledger.js';

let ledger: SealingLedger;

beforeEach(async () => {
  ledger = await SealingLedger.open();
});

afterEach(async () => {
  await ledger.expectConserved().finally(() => ledger.close());
});

const at = (clock: string): string => `2026-11-11T${clock}:00Z`;

describe.each([2, 4])('%s sealers at once', (count) => {
  it('share the work, and stamp every event once, while events arrive', async () => {
    const SUBSCRIPTIONS = 200;
    const ids = await ledger.subscribeMany(SUBSCRIPTIONS);
    const usages = (round: number): Usage[] => [
      { quantity: '0.7', at: at('09:10') },
      { quantity: `1.${round}`, at: at('10:10') },
      { quantity: 1, at: at('10:20'), dimension: 'storage' },
    ];
    for (const id of ids) await ledger.record(id, ...usages(0));
    const sealers: HourSealer[] = await Promise.all(Array.from({ length: count }, () => ledger.replica()));

    const sealing = new AbortController();
    let rounds = 0;
    const arrive = async (): Promise<void> => {
      while (!sealing.signal.aborted) {
        rounds += 1;
        for (let index = rounds % 5; index < ids.length; index += 5) await ledger.record(ids[index] ?? '', ...usages(rounds % 10));
      }
    };
    const arriving = Promise.all([arrive(), arrive()]);
    for (let pass = 0; pass < 3; pass += 1) await Promise.all(sealers.map((sealer) => sealer.run()));
    sealing.abort();
    await arriving;
    expect(rounds).toBeGreaterThan(0);
    await ledger.expectConserved();

    // What came late to both hours waits for the next one.
    ledger.at(at('12:15'));
    await Promise.all(sealers.map((sealer) => sealer.run()));
    await ledger.seal();
    expect(await ledger.unassigned()).toBe(0);
    const records = await ledger.records();
    expect(new Set(records.map((record) => record.subscription_id)).size).toBe(SUBSCRIPTIONS);
    expect(
      new Set(records.map(({ subscription_id, dimension, hour }) => `${subscription_id} ${dimension} ${hour.toISOString()}`)).size,
    ).toBe(records.length);
    expect(await ledger.alerts()).toEqual([]);
  });
});

describe.each<IsolationLevel>(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])('a host transaction at %s', (isolation) => {
  it('that is open across a seal neither stops it nor loses its usage', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:05') });
    const runner = ledger.database.dataSource.createQueryRunner();
    await runner.startTransaction(isolation);
    const insert = async (usage: Usage): Promise<void> => {
      const { sql, parameters } = ledger.insertUsage(id, [usage]);
      await runner.query(sql, parameters);
    };
    await insert({ quantity: 2, at: at('10:06') });
    await ledger.seal();
    expect((await ledger.records(id)).map(brief)).toEqual(['requests 11-11 10h: 1 of 1 event(s), carry 0, pending']);
    // The hour is sealed by now; the host knows nothing of it.
    await insert({ quantity: 4, at: at('10:07') });
    await ledger.seal();
    await runner.commitTransaction();
    await runner.release();
    expect(await ledger.unassigned(id)).toBe(2);
    await ledger.at(at('12:15')).seal();
    expect((await ledger.records(id)).map(brief)).toEqual([
      'requests 11-11 10h: 1 of 1 event(s), carry 0, pending',
      'requests 11-11 11h: 6 of 2 event(s), carry 0, pending',
    ]);
    expect(await ledger.expectConserved()).toBe('7');
  });

  it('that is rolled back leaves nothing', async () => {
    const id = await ledger.subscribe();
    const runner = ledger.database.dataSource.createQueryRunner();
    await runner.startTransaction(isolation);
    const { sql, parameters } = ledger.insertUsage(id, [{ quantity: 2, at: at('10:06') }]);
    await runner.query(sql, parameters);
    await ledger.seal();
    await runner.rollbackTransaction();
    await runner.release();
    await ledger.at(at('12:15')).seal();
    expect(await ledger.records()).toEqual([]);
  });
});

describe('recording', () => {
  it('does not wait for a sealer in the midst of its transaction, and is sealed after it', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:05') });
    // Holds the sealer where it wants to write its record: a table lock that lets recording by and stops nobody else.
    const gate = ledger.database.dataSource.createQueryRunner();
    await gate.startTransaction();
    await gate.query(`LOCK TABLE marketplace.balance IN SHARE MODE`);
    const sealing = ledger.seal();
    await expectWaiting();
    await ledger.record(id, { quantity: 2, at: at('10:06') });
    const host = ledger.database.dataSource.createQueryRunner();
    await host.startTransaction('SERIALIZABLE');
    const { sql, parameters } = ledger.insertUsage(id, [{ quantity: 4, at: at('10:07') }]);
    await host.query(sql, parameters);
    await host.commitTransaction();
    await host.release();
    expect(await ledger.records()).toEqual([]);
    await gate.commitTransaction();
    await gate.release();
    await sealing;
    await ledger.at(at('12:15')).seal();
    expect((await ledger.records(id)).reduce((sum, { quantity }) => sum + Number(quantity), 0)).toBe(7);
  });

  it('does not keep a sealer from a subscription whose row is locked', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:05') });
    const host = ledger.database.dataSource.createQueryRunner();
    await host.startTransaction();
    // The strongest lock that any code of the module or a host takes on a subscription while it changes it.
    await host.query(`SELECT 1 FROM marketplace.subscription WHERE id = $1 FOR NO KEY UPDATE`, [id]);
    await ledger.seal();
    expect(await ledger.records()).toHaveLength(1);
    await host.rollbackTransaction();
    await host.release();
  });
});

describe('a sealer that meets another one', () => {
  it('goes on to what is free, and comes back on its next pass', async () => {
    const [held = '', free = ''] = await ledger.subscribeMany(2);
    for (const id of [held, free]) await ledger.record(id, { quantity: 1, at: at('10:05') });
    const other = ledger.database.dataSource.createQueryRunner();
    await other.startTransaction();
    await other.query(`SELECT 1 FROM marketplace.seal_cursor WHERE subscription_id = $1 FOR UPDATE`, [held]);
    await ledger.seal();
    expect((await ledger.records()).map((record) => record.subscription_id)).toEqual([free]);
    await other.rollbackTransaction();
    await other.release();
    await ledger.seal();
    expect((await ledger.records()).map((record) => record.subscription_id)).toEqual([free, held]);
  });

  it('finds nothing left of a candidate that the other has sealed meanwhile', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:05') });
    const gate = ledger.database.dataSource.createQueryRunner();
    await gate.startTransaction();
    await gate.query(`LOCK TABLE marketplace.seal_cursor IN ACCESS EXCLUSIVE MODE`);
    const both = Promise.all([ledger.seal(), ledger.seal()]);
    await gate.commitTransaction();
    await gate.release();
    await both;
    expect((await ledger.records()).map(brief)).toEqual(['requests 11-11 10h: 1 of 1 event(s), carry 0, pending']);
  });

  it('hands units back and seals in whatever order they come, without a circle', async () => {
    const ids = await ledger.subscribeMany(30);
    for (const id of ids) await ledger.record(id, { quantity: 5, at: at('09:05') }, { quantity: 7, at: at('09:05'), dimension: 'storage' });
    await ledger.at(at('10:15')).seal();
    for (const id of ids) await ledger.record(id, { quantity: 1, at: at('10:05') });
    for (const id of ids) await ledger.end(id, at('10:30'));
    ledger.at(at('11:15'));
    // What the deadline watch does, record by record, in the order that is worst for a sealer.
    const handBack = async (): Promise<void> => {
      for (const { id } of (await ledger.records()).reverse()) {
        await ledger.database.transaction(async (tx) => {
          await tx.query(
            `UPDATE marketplace.metering_record SET state = 'closed', reason = 'expired', disposition = 'carried', closed_at = sealed_at
             WHERE id = $1 AND state = 'pending'`,
            [id],
          );
        });
      }
    };
    await Promise.all([handBack(), ledger.seal(), ledger.seal()]);
    await ledger.seal();
    await ledger.expectConserved();
    const [row] = await ledger.database.query<{ sum: string }>(
      `SELECT sum(quantity)::text AS sum FROM marketplace.metering_record WHERE state = 'pending'`,
    );
    expect(row?.sum).toBe(String(30 * 13));
  });
});

/** Waits until a statement of the ledger's waits for a lock. */
async function expectWaiting(): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const rows = await ledger.database.query(
      `SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nothing waits for a lock');
}
