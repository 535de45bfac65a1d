import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { databaseUrl, withClient } from '../../tools/postgres/connection.js';
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

it('G23 with a lock_timeout as its default nothing of ours fails because it waits for others', async () => {
  await setDefault(`lock_timeout = '50ms'`);
  database = await connect();
  const slowBump = 'UPDATE tally SET count = count + 1 WHERE id = 1 RETURNING pg_sleep(0.1)';
  await Promise.all([
    ...Array.from({ length: 4 }, () => database.query(slowBump)),
    ...Array.from({ length: 4 }, () => database.transaction((tx) => tx.query(slowBump))),
  ]);
  expect(await database.query('SELECT count FROM tally')).toEqual([{ count: 8 }]);
});

it('G23 with a transaction_timeout as its default (Postgres 17) ours have the time that they take', async () => {
  const [known] = await withClient(postgres.url, async (client) => {
    const { rows } = await client.query<{ known: boolean }>(
      `SELECT current_setting('transaction_timeout', true) IS NOT NULL AS known`,
    );
    return rows;
  });
  if (known?.known === true) await setDefault(`transaction_timeout = '200ms'`);
  database = await connect();
  const slow = 'SELECT pg_sleep(0.3)';
  expect(await database.query(slow)).toHaveLength(1);
  const twice = await database.transaction(async (tx) => [...(await tx.query(slow)), ...(await tx.query(slow))]);
  expect(twice).toHaveLength(2);
});

it.each([
  ['off', 'on'],
  ['local', 'local'],
  ['remote_apply', 'remote_apply'],
])('with synchronous_commit %s as its default what is answered is on the disk: %s', async (set, said) => {
  await setDefault(`synchronous_commit = ${set}`);
  database = await connect();
  const shown = `SELECT current_setting('synchronous_commit') AS level`;
  expect(await database.query(shown)).toEqual([{ level: said }]);
  expect(await database.transaction((tx) => tx.query(shown))).toEqual([{ level: said }]);
});

it('DATABASE_UNSUITABLE: an encoding that cannot hold every name is told at the start, with the fix', async () => {
  database = await connect();
  const name = `${postgres.name}_latin1`;
  await withClient(postgres.url, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`),
  );
  const source = createDataSource({ database: { url: databaseUrl(postgres.url, name), poolSize: 2 } });
  await expect(source.initialize()).rejects.toMatchObject({
    code: 'DATABASE_UNSUITABLE',
    message: expect.stringMatching(/encoding is LATIN1.*ENCODING 'UTF8'/),
  });
  await withClient(postgres.url, (client) => client.query(`DROP DATABASE ${name}`));
});
