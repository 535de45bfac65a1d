import { afterEach, describe, expect, it } from '@jest/globals';
import { withClient } from '../../tools/postgres/connection.js';
import { createTestDatabase, migratedDatabase, type TestDatabase } from '../support/postgres.js';

const databases: TestDatabase[] = [];

async function tracked(database: Promise<TestDatabase>): Promise<TestDatabase> {
  databases.push(await database);
  return database;
}

afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.drop()));
});

describe('databases for suites', () => {
  it('are empty, and apart from each other', async () => {
    const [one, other] = await Promise.all([tracked(createTestDatabase()), tracked(createTestDatabase())]);
    await withClient(one.url, (client) => client.query('CREATE TABLE seen (id int)'));
    const { rowCount } = await withClient(other.url, (client) =>
      client.query("SELECT FROM pg_tables WHERE tablename = 'seen'"),
    );
    expect(rowCount).toBe(0);
  });

  it('are migrated once for many copies, even when asked for at the same time', async () => {
    let migrations = 0;
    const migrate = async (url: string): Promise<void> => {
      migrations += 1;
      await withClient(url, (client) => client.query('CREATE TABLE migrated (id int)'));
    };
    const copies = await Promise.all([1, 2, 3].map(() => tracked(migratedDatabase(migrate, 'tooling'))));
    for (const copy of copies) {
      await withClient(copy.url, (client) => client.query('INSERT INTO migrated VALUES (1)'));
    }
    expect(migrations).toBe(1);
  });

  it('a failed migration is reported, and tried again by the next suite', async () => {
    await expect(migratedDatabase(() => Promise.reject(new Error('broken')), 'broken')).rejects.toThrow('broken');
    const repaired = await tracked(migratedDatabase(() => Promise.resolve(), 'broken'));
    expect(repaired.url).toContain(repaired.name);
  });

  it('can be dropped under open connections', async () => {
    const database = await createTestDatabase();
    await withClient(database.url, async () => {
      await expect(database.drop()).resolves.toBeUndefined();
    }).catch(() => undefined);
    await database.drop();
  });
});
