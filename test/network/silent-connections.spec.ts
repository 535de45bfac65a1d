import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { CommitUnknownError, isOutage, LedgerDatabase } from '../../src/database/ledger-database.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { eventually } from '../support/processes.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

/** Long for a busy machine, short for a network that has gone silent. */
const LIMIT_MS = 2000;

jest.setTimeout(120_000);

let postgres: TestDatabase;
let proxy: FreezingProxy;
let database: LedgerDatabase;

async function open(statementTimeoutMs = LIMIT_MS): Promise<void> {
  postgres = await createTestDatabase();
  proxy = await FreezingProxy.before(postgres.url);
  database = new LedgerDatabase(
    createDataSource({
      database: { url: proxy.through(postgres.url), poolSize: 4, statementTimeoutMs, connectTimeoutMs: 3 * LIMIT_MS },
    }),
  );
  await database.dataSource.initialize();
  await database.query('CREATE TABLE note (id int PRIMARY KEY)');
}

afterEach(async () => {
  if (database.dataSource.isInitialized) await database.dataSource.destroy();
  await proxy.stop();
  await postgres.drop();
});

const notes = (): Promise<{ id: number }[]> => database.query('SELECT id FROM note ORDER BY id');

/** As many connections as the pool has, all of them idle. */
const fillPool = (): Promise<unknown> =>
  Promise.all(Array.from({ length: 4 }, () => database.query('SELECT pg_sleep(0.05)')));

describe('a connection that carries nothing any more', () => {
  it('costs one statement, and none of its age is used again', async () => {
    await open();
    await fillPool();
    expect(proxy.connections).toBe(4);
    proxy.freeze();
    const error = await notes().catch((reason: unknown) => reason);
    expect(isOutage(error)).toBe(true);
    expect((error as Error).message).toContain('no answer');
    expect(await notes()).toEqual([]);
    expect(proxy.connections - proxy.frozenConnections).toBe(1);
    expect(database.connections.takeInterruptions()).toMatchObject([{ trouble: 'unanswered', times: 1 }]);
  });

  it('leaves it open whether a transaction was committed, where it fell silent at COMMIT', async () => {
    await open();
    const error = await database
      .transaction(async (tx) => {
        await tx.query('INSERT INTO note VALUES (1)');
        proxy.freeze();
      })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CommitUnknownError);
    expect(isOutage(error)).toBe(true);
    expect(await notes()).toEqual([]);
    // What was on its way arrives late, and takes effect.
    proxy.thaw();
    await eventually('the note is there', async () => (await notes()).length === 1);
  });

  it('is not waited for when the pool is closed, idle or at work', async () => {
    await open(600_000);
    await fillPool();
    const waiting = Promise.allSettled([notes(), database.transaction((tx) => tx.query('SELECT pg_sleep(600)'))]);
    await database.query('SELECT 1');
    proxy.freeze('silent');
    const lost = notes().catch((reason: unknown) => reason);
    database.connections.close();
    await database.dataSource.destroy();
    await waiting;
    expect(isOutage(await lost)).toBe(true);
  });

  it('fails a connection that is being made, too', async () => {
    await open();
    proxy.freeze('silent');
    await notes().catch(() => undefined);
    const error = await notes().catch((reason: unknown) => reason);
    expect(isOutage(error)).toBe(true);
    proxy.thaw();
    expect(await notes()).toEqual([]);
  });
});

it('a statement that takes too long is ended by the server, and its connection lives', async () => {
  await open();
  const [before] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const error = await database.query('SELECT pg_sleep(600)').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ driverError: { code: '57014' } });
  expect(isOutage(error)).toBe(false);
  expect(await database.query('SELECT pg_backend_pid() AS pid')).toEqual([before]);
});

it('what is known to take its time has a limit of its own', async () => {
  await open();
  const slow = (statementTimeoutMs?: number): Promise<unknown> =>
    database.transaction(
      (tx) => tx.query(`SELECT pg_sleep(${(LIMIT_MS * 3) / 1000})`),
      statementTimeoutMs === undefined ? {} : { statementTimeoutMs },
    );
  await expect(slow()).rejects.toMatchObject({ driverError: { code: '57014' } });
  await expect(slow(60_000)).resolves.toHaveLength(1);
});

it('a transaction in which a failed statement was passed over is not taken for a committed one', async () => {
  await open();
  const work = database.transaction(async (tx) => {
    await tx.query('INSERT INTO note VALUES (1)');
    await tx.query('SELECT 1 / 0').catch(() => undefined);
  });
  await expect(work).rejects.toThrow('ended by ROLLBACK');
  expect(await notes()).toEqual([]);
});
