import { describe, expect, it } from '@jest/globals';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase, sqlStateOf } from '../../src/database/ledger-database.js';
import { runMigrations } from '../../src/database/migration-runner.js';
import { databaseUrl, withClient } from '../../tools/postgres/connection.js';
import { eventually } from '../support/processes.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { createTestDatabase, type TestDatabase, testServerUrl } from '../support/postgres.js';

/** Work on a new database, reached through the pooler. */
async function onNewDatabase(work: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  try {
    await work(database);
  } finally {
    await database.drop();
  }
}

/** As the server itself sees it, not through the pooler. */
function atServer<T>(database: TestDatabase, sql: string): Promise<T[]> {
  return withClient(databaseUrl(testServerUrl(), database.name), async (client) => {
    const { rows } = await client.query(sql);
    return rows as T[];
  });
}

async function withLedger(url: string, work: (ledger: LedgerDatabase) => Promise<void>): Promise<void> {
  const source = await createDataSource({
    database: { url, poolSize: 6 },
    submission: { leaseMs: 1500 },
  }).initialize();
  try {
    await work(new LedgerDatabase(source));
  } finally {
    await source.destroy();
  }
}

describe('PgBouncer in transaction mode', () => {
  it('stands between: it refuses a start-up parameter that Postgres takes', async () => {
    await onNewDatabase(async ({ url }) => {
      const refused = withClient(`${url}?options=-c%20jit%3Doff`, (client) => client.query('SELECT 1'));
      await expect(refused).rejects.toThrow(/startup parameter/);
    });
  });

  it('two replicas that start at once on an empty database migrate it once, and bill', async () => {
    const database = await createTestDatabase();
    const started = await Promise.all([LedgerHarness.start({ database }), LedgerHarness.start({ database })]);
    try {
      expect(await atServer(database, 'SELECT name FROM marketplace.migration')).toHaveLength(1);
      // Those two have different markets; what bills is one market, whose settings are in force.
      const inForce = { options: { settingsRevision: 1 } };
      const first = await LedgerHarness.start({ database, ...inForce });
      started.unshift(first);
      const second = await first.replica(inForce);
      started.unshift(second);
      const { id } = await first.subscribe();
      await first.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
      await second.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 });
      first.advance(2);
      await first.settle();
      await first.expectConserved();
      expect(first.simulator.bill()).toMatchObject([{ dimension: 'requests', quantity: 7 }]);
    } finally {
      for (const one of started) await one.stop();
    }
  });

  it('six that migrate at the same moment leave one migration and no lock behind', async () => {
    await onNewDatabase(async (database) => {
      const sources = await Promise.all(
        Array.from({ length: 6 }, () =>
          createDataSource({ database: { url: database.url, poolSize: 2 } }).initialize(),
        ),
      );
      const done = await Promise.all(sources.map((source) => runMigrations(source)));
      expect(done.filter(({ pending }) => pending.length > 0)).toHaveLength(1);
      for (const source of sources) await source.destroy();
      expect(await atServer(database, 'SELECT name FROM marketplace.migration')).toHaveLength(1);
      expect(
        await atServer(
          database,
          `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
            WHERE datname = current_database())`,
        ),
      ).toEqual([]);
    });
  });

  it('neither a transaction nor a question is answered by a server that takes no writes, though the pooler does not tell (G22)', async () => {
    await onNewDatabase(async (database) => {
      const reconnected = (setting: string): Promise<unknown> =>
        withClient(testServerUrl(), async (client) => {
          await client.query(`ALTER DATABASE "${database.name}" ${setting}`);
          await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [
            database.name,
          ]);
        });
      const settings = { url: database.url, poolSize: 2, statementTimeoutMs: 60_000 };
      const source = await createDataSource({ database: settings }).initialize();
      try {
        const ledger = new LedgerDatabase(source);
        const read = (): Promise<unknown[]> => ledger.transaction((tx) => tx.query('SELECT 1 AS one'));
        expect(await read()).toEqual([{ one: 1 }]);
        await reconnected('SET default_transaction_read_only = on');
        const errors = [];
        // The pooler finds out by a failure that its server has hung up.
        for (let times = 0; times < 3; times += 1)
          errors.push(await read().catch((error: unknown) => sqlStateOf(error)));
        expect(errors).not.toContainEqual([{ one: 1 }]);
        expect(errors.at(-1)).toBe('25006');
        const ask = (): Promise<unknown> =>
          ledger.query('SELECT 1 AS one').catch((error: unknown) => sqlStateOf(error));
        expect([await ask(), await ask()]).toEqual(['25006', '25006']);
        await reconnected('RESET default_transaction_read_only');
        await eventually('the new primary is found', () =>
          read()
            .then(() => true)
            .catch(() => false),
        );
      } finally {
        await source.destroy();
      }
    });
  });

  it('UTC and ISO dates hold in single statements and in transactions, jit and the idle lease in transactions', async () => {
    await onNewDatabase(async (database) => {
      await atServer(database, `ALTER DATABASE "${database.name}" SET timezone = 'Asia/Kolkata'`);
      await atServer(database, `ALTER DATABASE "${database.name}" SET datestyle = 'German'`);
      const settings = `SELECT current_setting('TimeZone') AS zone, current_setting('DateStyle') AS dates,
        current_setting('jit') AS jit, current_setting('idle_in_transaction_session_timeout') AS idle,
        '2026-11-12T10:00:00Z'::timestamptz AS at`;
      const at = new Date('2026-11-12T10:00:00Z');
      await withLedger(database.url, async (ledger) => {
        const inTransactions = Array.from({ length: 12 }, () =>
          ledger.transaction(async (tx) => (await tx.query(settings))[0]),
        );
        const alone = Array.from({ length: 12 }, async () => (await ledger.query(settings))[0]);
        for (const row of await Promise.all(inTransactions))
          expect(row).toEqual({ zone: 'UTC', dates: expect.stringMatching(/^ISO/), jit: 'off', idle: '1500ms', at });
        for (const row of await Promise.all(alone))
          expect(row).toMatchObject({ zone: 'UTC', dates: expect.stringMatching(/^ISO/), at });
      });
    });
  });

  it('a lock_timeout of the database does not end transactions of ours', async () => {
    await onNewDatabase(async (database) => {
      await atServer(database, `CREATE TABLE tally (count int NOT NULL)`);
      await atServer(database, `INSERT INTO tally VALUES (0)`);
      await atServer(database, `ALTER DATABASE "${database.name}" SET lock_timeout = '50ms'`);
      await withLedger(database.url, async (ledger) => {
        const bump = 'UPDATE tally SET count = count + 1 RETURNING pg_sleep(0.1)';
        await Promise.all(Array.from({ length: 4 }, () => ledger.transaction((tx) => tx.query(bump))));
        expect(await ledger.query('SELECT count FROM tally')).toEqual([{ count: 4 }]);
      });
    });
  });

  it.each(['transaction_timeout', 'statement_timeout', 'lock_timeout'])(
    'a %s of the database does not end a migration that waits for another one',
    async (name) => {
      await onNewDatabase(async (database) => {
        const [known] = await atServer(database, `SELECT FROM pg_settings WHERE name = '${name}'`);
        // Postgres has transaction_timeout since 17.
        if (known === undefined) return;
        const source = await createDataSource({ database: { url: database.url, poolSize: 2 } }).initialize();
        try {
          await atServer(database, `ALTER DATABASE "${database.name}" SET ${name} = '3s'`);
          // As with a pooler that has lent its connections before: the sessions at the server are new ones.
          await atServer(
            database,
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
          );
          const isConnected = () => source.query('SELECT 1').then(...([() => true, () => false] as const));
          await eventually('it is connected again', isConnected);
          await withClient(databaseUrl(testServerUrl(), database.name), async (other) => {
            await other.query(`SET ${name} = 0; BEGIN; SELECT pg_advisory_xact_lock(
              hashtext('nestjs-marketplace-metering'), hashtext('marketplace.migrations'))`);
            const migrated = runMigrations(source);
            migrated.catch(() => undefined);
            // Asked elsewhere: within a transaction that view stands still.
            const waitsLong = async (): Promise<boolean> => {
              const waiting = await atServer(
                database,
                `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
                 AND clock_timestamp() - xact_start > interval '4 s'`,
              );
              return waiting.length > 0;
            };
            await Promise.race([migrated, eventually('it waits for longer than that', waitsLong)]);
            await other.query('COMMIT');
            expect((await migrated).pending).toHaveLength(1);
          });
        } finally {
          await source.destroy();
        }
      });
    },
  );

  it('synchronous_commit off, which single statements would keep, is told at the start, with the fix', async () => {
    await onNewDatabase(async (database) => {
      await atServer(database, `ALTER DATABASE "${database.name}" SET synchronous_commit = off`);
      const source = createDataSource({ database: { url: database.url, poolSize: 2 } });
      await expect(source.initialize()).rejects.toMatchObject({
        code: 'DATABASE_UNSUITABLE',
        message: expect.stringMatching(/synchronous_commit is off.*ALTER ROLE "\w+" SET synchronous_commit = 'on'/),
      });
    });
  });

  it('a transaction that stands still is ended by the server', async () => {
    await onNewDatabase(async ({ url }) => {
      await withLedger(url, async (ledger) => {
        const idle = ledger.transaction(async (tx) => {
          for (;;) {
            await tx.query('SELECT 1');
            await new Promise((resolve) => setTimeout(resolve, 4000));
          }
        });
        await expect(idle).rejects.toThrow();
        expect(await ledger.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });
    });
  });

  it('`options` in the URL are told at the start, with the fix', async () => {
    await onNewDatabase(async ({ url }) => {
      const source = createDataSource({ database: { url: `${url}?options=-c%20jit%3Doff`, poolSize: 2 } });
      await expect(source.initialize()).rejects.toMatchObject({
        code: 'DATABASE_UNSUITABLE',
        message: expect.stringContaining('take `options` out of DATABASE_URL'),
      });
    });
  });
});
