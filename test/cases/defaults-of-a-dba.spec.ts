import { describe, expect, it, jest } from '@jest/globals';
import { withClient } from '../../tools/postgres/connection.js';
import { type Buyer } from '../support/buyer.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { PRODUCT_CODE } from '../support/world.js';
import { withWorld } from './routes.js';

// G23, G24: what a DBA has set for every session of the database, under the load of all jobs.

jest.setTimeout(600_000);

async function databaseWith(setting: string): Promise<TestDatabase> {
  const database = await migratedDatabase(migrate);
  await withClient(database.url, (client) => client.query(`ALTER DATABASE "${database.name}" SET ${setting}`));
  return database;
}

describe('a default of the database', () => {
  it.each(['repeatable read', 'serializable'])(
    'G24 isolation %s: three replicas at once lose nothing, bill once, tell each event once, and none of their jobs fails',
    async (level) => {
      const database = await databaseWith(`default_transaction_isolation = '${level}'`);
      await withWorld({ lists: [PRODUCT_CODE], database }, async (world) => {
        await world.addReplica();
        await world.addReplica();
        const buyers: Buyer[] = [];
        for (let hour = 0; hour < 3; hour += 1) {
          buyers.push(await world.join(`one-${hour}`), await world.join(`other-${hour}`));
          const used = buyers.flatMap(({ tenantId }) => [1, 2, 3].map((quantity) => ({ tenantId, quantity })));
          await Promise.all(used.map((usage, index) => world.recordAll([usage], {}, world.apps[index % 3])));
          world.clock.advance(1.25 * 3_600_000);
          for (let round = 0; round < 3; round += 1)
            await Promise.all(
              world.apps.map((app) =>
                world.runOn(app, 'inbox', 'reconcile', 'seal', 'submit', 'recovery', 'deadline', 'deliver'),
              ),
            );
        }
        await world.pass(2, 1);
        await world.expectAllBilled();
        const told = world.heard.map(({ id }) => id);
        expect(told.toSorted()).toEqual([...new Set(told)].sort());
      });
    },
  );

  it('G23 a statement_timeout of 100 ms: 50,000 events of one hour are recorded, sealed and billed', async () => {
    const database = await databaseWith(`statement_timeout = '100ms'`);
    await withWorld({ lists: [PRODUCT_CODE], database }, async (world) => {
      await world.join('acme');
      const usages = Array.from({ length: 1000 }, () => ({ tenantId: 'acme', quantity: 1 }));
      for (let thousand = 0; thousand < 50; thousand += 1) await world.recordAll(usages);
      await world.pass(1.5);
      await world.expectAllBilled();
      expect(world.simulator.bill().map(({ quantity }) => quantity)).toEqual([50_000]);
    });
  });
});
