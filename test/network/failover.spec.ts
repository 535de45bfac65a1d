import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase, sqlStateOf } from '../../src/database/ledger-database.js';
import { type Demotion, FailoverPair } from '../support/failover-pair.js';
import { migrate } from '../support/migrate.js';
import { createTestDatabase } from '../support/postgres.js';
import { World } from '../support/world.js';

jest.setTimeout(300_000);

const stateOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then((result) => result).catch((error: unknown) => sqlStateOf(error) ?? (error as Error).message);

describe('G22 a server that takes no writes any more', () => {
  it('is not believed: neither the answer that its news comes with, nor a transaction that only reads', async () => {
    const postgres = await createTestDatabase();
    const settings = { url: postgres.url, poolSize: 2, statementTimeoutMs: 60_000 };
    const database = new LedgerDatabase(await createDataSource({ database: settings }).initialize());
    // As a reload of the server's configuration does in each session.
    const demote = `SELECT set_config('default_transaction_read_only', 'on', false) AS now`;
    try {
      expect(await stateOf(database.query(demote))).toBe('25006');
      expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(await stateOf(database.transaction((tx) => tx.query(demote)))).toBe('25006');
      expect(await stateOf(database.onConnection((_, client) => client.query(demote) as Promise<unknown>))).toBe(
        '25006',
      );
      expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(database.connections.takeInterruptions()).toMatchObject([{ trouble: 'readOnly', times: 3 }]);
    } finally {
      await database.dataSource.destroy();
      await postgres.drop();
    }
  });
});

describe('G22 a standby takes over', () => {
  const pairs: FailoverPair[] = [];
  afterAll(async () => {
    for (const pair of pairs) await pair.stop();
  });

  it.each<Demotion>(['fenced', 'restarted as a standby'])(
    'the old primary, %s, is asked nothing; nothing becomes final; on the new one everything is billed',
    async (demotion) => {
      const pair = await FailoverPair.start(migrate);
      pairs.push(pair);
      const world = await World.start({ database: pair.database, options: { recording: { timeoutMs: 2000 } } });
      try {
        const buyers = [
          await world.join('acme', { productCode: 'larkspur' }),
          await world.join('bolt', { productCode: 'larkspur' }),
        ];
        for (const buyer of buyers) await buyer.use(3);
        await world.pass(1.5);
        for (const buyer of buyers) await buyer.use(5);
        const calls = (): number => world.simulator.calls({ operation: 'BatchMeterUsage' }).length;
        const before = calls();

        await pair.failOver(demotion);
        const late = { tenantId: 'acme', productCode: 'larkspur', quantity: 2, idempotencyKey: 'during-the-failover' };
        await expect(world.record(late)).rejects.toMatchObject({ code: 'RECORD_TIMEOUT' });
        world.clock.advance(1.5 * 3_600_000);
        for (const job of ['inbox', 'reconcile', 'seal', 'submit', 'recovery', 'deadline', 'deliver'] as const)
          await world.run(job).catch(() => undefined);
        // As often as there are connections: none of them is believed.
        for (let times = 0; times < 12; times += 1)
          expect(await stateOf(world.database.query('SELECT count(*) FROM marketplace.metering_record'))).toBe('25006');
        expect(calls()).toBe(before);

        pair.move();
        expect(await world.record(late)).toMatchObject({ outcome: 'recorded' });
        await world.pass(3);
        await world.expectAllBilled();
        expect(world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0)).toBe(2 * (3 + 5) + 2);
        expect(await world.records(`state <> 'metered'`)).toEqual([]);
        const told = await world.database.query<{ message: string }>(
          `SELECT message FROM marketplace.alert WHERE kind = 'databaseInterrupted'`,
        );
        expect(told).toMatchObject([{ message: expect.stringMatching(/takes no writes|read-only/) }]);
      } finally {
        await world.stop();
      }
    },
  );
});
