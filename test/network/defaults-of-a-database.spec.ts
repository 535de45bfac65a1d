import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { withClient } from '../../tools/postgres/connection.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

jest.setTimeout(120_000);

let postgres: TestDatabase;
let database: LedgerDatabase;

const connect = async (): Promise<LedgerDatabase> => {
  const { url } = postgres;
  const source = createDataSource({ database: { url, poolSize: 4, statementTimeoutMs: 60_000 } });
  return new LedgerDatabase(await source.initialize());
};

/** What a DBA sets for every session that begins from now on. */
const setDefault = (setting: string): Promise<unknown> =>
  withClient(postgres.url, (client) => client.query(`ALTER DATABASE ${postgres.name} SET ${setting}`));

beforeEach(async () => {
  postgres = await createTestDatabase();
  await withClient(postgres.url, (client) =>
    client.query('CREATE TABLE tally (id int PRIMARY KEY, count int NOT NULL); INSERT INTO tally VALUES (1, 0)'),
  );
});

afterEach(async () => {
  if (database.dataSource.isInitialized) await database.dataSource.destroy();
  await postgres.drop();
});

it.each(['repeatable read', 'serializable'])(
  'G24 with %s as its default nothing of ours fails for others',
  async (level) => {
    await setDefault(`default_transaction_isolation = '${level}'`);
    database = await connect();
    const shown = 'SELECT current_setting($1) AS level';
    expect(await database.query(shown, ['transaction_isolation'])).toEqual([{ level: 'read committed' }]);
    await database.transaction(async (tx) => {
      expect(await tx.query(shown, ['transaction_isolation'])).toEqual([{ level: 'read committed' }]);
    });
    // All of them wait for one row, and see what the one before has written.
    const bump = 'UPDATE tally SET count = count + 1 WHERE id = 1';
    await Promise.all([
      ...Array.from({ length: 20 }, () => database.query(bump)),
      ...Array.from({ length: 20 }, () => database.transaction((tx) => tx.query(bump))),
    ]);
    expect(await database.query('SELECT count FROM tally')).toEqual([{ count: 40 }]);
  },
);

it('G23 with a statement_timeout as its default our statements have the time that the option gives them', async () => {
  await setDefault(`statement_timeout = '200ms'`);
  database = await connect();
  const slow = 'SELECT pg_sleep(0.6)';
  expect(await database.query(slow)).toHaveLength(1);
  expect(await database.transaction((tx) => tx.query(slow))).toHaveLength(1);
});
