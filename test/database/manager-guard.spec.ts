import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DataSource, EntityManager } from 'typeorm';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type LedgerDataSource } from '../../src/database/ledger-data-source.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { HostTransaction } from '../../src/database/host-transaction.js';
import { createTestDatabase, migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { migrate } from '../support/migrate.js';
import { codeOf } from '../subscription/rooms.js';

let home: TestDatabase;
let ledger: LedgerDatabase;
const opened: DataSource[] = [];
const databases: TestDatabase[] = [];

const assertSameDatabase = (manager: EntityManager, of: LedgerDatabase): Promise<void> =>
  HostTransaction.use(manager, of, () => Promise.resolve());

async function connect(url: string): Promise<LedgerDataSource> {
  const dataSource = await createDataSource({ database: { url, poolSize: 2 } }).initialize();
  opened.push(dataSource);
  return dataSource;
}

async function ownDatabase(made: Promise<TestDatabase>): Promise<TestDatabase> {
  const database = await made;
  databases.push(database);
  return database;
}

beforeAll(async () => {
  home = await ownDatabase(migratedDatabase(migrate));
  ledger = new LedgerDatabase(await connect(home.url));
});
afterAll(async () => {
  for (const dataSource of opened) await dataSource.destroy();
  for (const database of databases) await database.drop();
});

describe('a manager of the host', () => {
  it('passes a manager of the same database, and asks it only once', async () => {
    const host = await connect(home.url);
    await assertSameDatabase(host.manager, ledger);
    await host.destroy();
    await expect(assertSameDatabase(host.manager, ledger)).resolves.toBeUndefined();
    opened.splice(opened.indexOf(host), 1);
  });

  it.each<[string, () => Promise<TestDatabase>, string]>([
    ['a database without a ledger', () => createTestDatabase(), 'no schema "marketplace"'],
    // A copy brings the installation's id along.
    ['a copy of the ledger', () => migratedDatabase(migrate), 'another ledger'],
  ])('refuses %s by name, and leaves its transaction usable', async (_, make, why) => {
    const other = await ownDatabase(make());
    const host = await connect(other.url);
    await host.transaction(async (manager) => {
      await expect(assertSameDatabase(manager, ledger)).rejects.toMatchObject({
        code: 'MANAGER_ELSEWHERE',
        message: expect.stringMatching(new RegExp(`"${other.name}".*${why}`)),
      });
      expect(await manager.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  it('refuses a role that may not use the schema, naming the rights', async () => {
    const role = `${home.name}_guest`;
    await ledger.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'guest'`);
    const url = new URL(home.url);
    url.username = role;
    url.password = 'guest';
    const host = await connect(url.href);
    await host.transaction(async (manager) => {
      await expect(assertSameDatabase(manager, ledger)).rejects.toMatchObject({
        message: expect.stringContaining('grant it USAGE'),
      });
      expect(await manager.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      // Granted since, it is asked again.
      await ledger.query(`GRANT USAGE ON SCHEMA marketplace TO "${role}"`);
      await ledger.query(`GRANT SELECT ON marketplace.installation TO "${role}"`);
      await assertSameDatabase(manager, ledger);
    });
    await host.destroy();
    opened.splice(opened.indexOf(host), 1);
    await ledger.query(`DROP OWNED BY "${role}"`);
    await ledger.query(`DROP ROLE "${role}"`);
  });

  it('refuses a DataSource of another kind before it asks anything', async () => {
    const manager = new EntityManager({ options: { type: 'mysql' } } as DataSource);
    expect(await codeOf(assertSameDatabase(manager, ledger))).toBe('MANAGER_ELSEWHERE');
  });
});
