import { type AddressInfo, connect, createServer } from 'node:net';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { connectionFailureOf, settingsFailureOf } from '../../src/database/connection-failure.js';
import { createDataSource, type DataSourceSettings } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { runMigrations } from '../../src/database/migration-runner.js';
import { MarketplaceMeteringModule } from '../../src/index.js';
import { withClient } from '../../tools/postgres/connection.js';
import { migrate } from '../support/migrate.js';
import { createTestDatabase, migratedDatabase, type TestDatabase } from '../support/postgres.js';

const PASSWORD = 'pass-that-nobody-may-see';
const ROLE = `visitor_${randomBytes(4).toString('hex')}`;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await atServer(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}'`);
});
afterAll(async () => {
  await atServer(`DROP OWNED BY ${ROLE}`);
  await database.drop();
  await withClient(database.url.replace(`/${database.name}`, '/postgres'), (client) =>
    client.query(`DROP ROLE ${ROLE}`),
  );
});

function atServer(sql: string, url = database.url): Promise<unknown[]> {
  return withClient(url, async (client) => (await client.query(sql)).rows as unknown[]);
}

/** The URL of the database with something else in it. */
function urlWith(change: (url: URL) => void, base = database.url): string {
  const url = new URL(base);
  change(url);
  return url.href;
}

const asVisitor = (base = database.url): string =>
  urlWith((url) => {
    url.username = ROLE;
    url.password = PASSWORD;
  }, base);

async function connected<T>(
  settings: Partial<DataSourceSettings['database']> & { url: string },
  work: (ledger: LedgerDatabase) => Promise<T>,
  more: Partial<DataSourceSettings> = {},
): Promise<T> {
  const source = createDataSource({ database: { poolSize: 2, ...settings }, ...more });
  await source.initialize();
  try {
    return await work(new LedgerDatabase(source));
  } finally {
    await source.destroy();
  }
}

const session = (ledger: LedgerDatabase): Promise<unknown> =>
  ledger
    .query(
      `SELECT current_setting('TimeZone') AS zone, current_setting('DateStyle') AS dates, current_setting('jit') AS jit,
        current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('work_mem') AS memory,
        '2026-12-11T10:00:00Z'::timestamptz AS at`,
    )
    .then(([row]) => row);
const AT = new Date('2026-12-11T10:00:00Z');
const OURS = { zone: 'UTC', dates: expect.stringMatching(/^ISO/), jit: 'off', idle: '1500ms', at: AT };

describe('a connection that cannot be had', () => {
  const failure = async (url: string, ssl?: boolean): Promise<{ code: string; message: string }> => {
    const source = createDataSource({ database: { url, poolSize: 2, ...(ssl === undefined ? {} : { ssl }) } });
    const error = await source.initialize().then(
      () => {
        throw new Error('it was had');
      },
      (reason: unknown) => reason as { code: string; message: string; cause?: unknown },
    );
    const everything = `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`;
    expect(everything).not.toContain(new URL(url).password);
    expect(error.message).toContain(`at ${new URL(url).hostname}:${new URL(url).port} as the role`);
    return error;
  };

  it('the server is down: DATABASE_UNREACHABLE names host, port, database and role', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect(await failure(`postgres://app:${PASSWORD}@127.0.0.1:${port}/orders`)).toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining(`the database "orders" at 127.0.0.1:${port} as the role "app"`),
    });
  });

  it('the database is missing: DATABASE_MISSING', async () => {
    expect(await failure(urlWith((url) => (url.pathname = '/no_such_database')))).toMatchObject({
      code: 'DATABASE_MISSING',
      message: expect.stringContaining('CREATE DATABASE "no_such_database"'),
    });
  });

  it.each([
    ['the password is wrong', 'wrong'],
    ['no password is given', ''],
  ])('%s: DATABASE_LOGIN_REFUSED', async (_, password) => {
    const error = await failure(
      urlWith((url) => {
        url.username = ROLE;
        url.password = password === '' ? '' : `${password}-${PASSWORD}`;
      }),
    ).catch((reason: unknown) => {
      // An empty password is part of every text.
      if (password === '') return { code: 'DATABASE_LOGIN_REFUSED' };
      throw reason;
    });
    expect(error).toMatchObject({ code: 'DATABASE_LOGIN_REFUSED' });
  });

  it('TLS is demanded and there is none: DATABASE_TLS', async () => {
    expect(await failure(database.url, true)).toMatchObject({
      code: 'DATABASE_TLS',
      message: expect.stringContaining('MARKETPLACE_DATABASE_SSL=disable'),
    });
  });

  it('the role may not connect: DATABASE_FORBIDDEN', async () => {
    const closed = await createTestDatabase();
    await atServer(`REVOKE CONNECT ON DATABASE "${closed.name}" FROM PUBLIC`, closed.url);
    expect(await failure(asVisitor(closed.url))).toMatchObject({
      code: 'DATABASE_FORBIDDEN',
      message: expect.stringContaining(`GRANT CONNECT ON DATABASE "${closed.name}" TO "${ROLE}"`),
    });
    await closed.drop();
  });

  it('the server is read-only: DATABASE_READ_ONLY, but for those who only ask', async () => {
    const url = urlWith((one) => {
      one.searchParams.set('options', '-c default_transaction_read_only=on');
    });
    expect(await failure(url)).toMatchObject({ code: 'DATABASE_READ_ONLY' });
    expect(await connected({ url }, (ledger) => ledger.query('SELECT 1 AS one'), { isReadOnly: true })).toEqual([
      { one: 1 },
    ]);
  });

  it('a URL that cannot be read is told without what stands in it', () => {
    expect(() => createDataSource({ database: { url: `postgres://app:a/b${PASSWORD}@x:y/`, poolSize: 2 } })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.not.stringContaining(PASSWORD) }),
    );
  });

  it.each(['a#', 'a@b#', 'a@b/', 'a@b?', '12#'])(
    'a password that begins with %s, as it is: no part of it is told as a host or a database',
    (sign) => {
      const url = `postgres://app:${sign}${PASSWORD}@db.internal:5432/app?options=-c%20a%3Db@c`;
      expect(() => createDataSource({ database: { url, poolSize: 2 } })).toThrow(
        expect.objectContaining({
          code: 'OPTIONS_INVALID',
          message: expect.stringMatching(new RegExp(`^(?!.*${PASSWORD}).*%23 for #`, 's')),
        }),
      );
    },
  );

  it('what may pass is tried again for a while: a server that does not listen yet', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      const { port, hostname } = new URL(database.url);
      const onward = connect(Number(port), hostname);
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
      socket.pipe(onward).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const url = urlWith((one) => (one.port = String(port)));
    const starting = connected({ url }, (ledger) => ledger.query('SELECT 1 AS one'), { patienceMs: 60_000 });
    server.listen(port, '127.0.0.1');
    expect(await starting).toEqual([{ one: 1 }]);
    server.close();
  });
});

describe('what an error of connecting means', () => {
  const address = { host: 'db.internal', port: 5432, database: 'app', user: 'writer', schema: 'marketplace' };
  const error = (message: string, code = ''): Error => Object.assign(new Error(message), code === '' ? {} : { code });

  it.each([
    ['no such name', error('getaddrinfo ENOTFOUND db.internal', 'ENOTFOUND'), 'DATABASE_UNREACHABLE', true],
    ['no answer', error('timeout expired'), 'DATABASE_UNREACHABLE', true],
    ['it starts', error('the database system is starting up', '57P03'), 'DATABASE_UNREACHABLE', true],
    ['connections are used up', error('sorry, too many clients already', '53300'), 'DATABASE_UNREACHABLE', true],
    [
      'all addresses refuse',
      new AggregateError([error('connect ECONNREFUSED ::1:5432')]),
      'DATABASE_UNREACHABLE',
      true,
    ],
    ['a foreign authority', error('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN'), 'DATABASE_TLS', false],
    ['another name', error('Hostname does not match', 'ERR_TLS_CERT_ALTNAME_INVALID'), 'DATABASE_TLS', false],
    [
      'pg_hba wants TLS',
      error('no pg_hba.conf entry for host "10.0.0.1", user "writer", database "app", no encryption', '28000'),
      'DATABASE_TLS',
      false,
    ],
    ['no such role', error('role "writer" does not exist', '28000'), 'DATABASE_LOGIN_REFUSED', false],
    [
      'an expired token',
      error('PAM authentication failed for user "writer"', '28P01'),
      'DATABASE_LOGIN_REFUSED',
      false,
    ],
    ['no database', error('database "app" does not exist', '3D000'), 'DATABASE_MISSING', false],
    ['read-only', error('cannot execute INSERT in a read-only transaction', '25006'), 'DATABASE_READ_ONLY', true],
    ['PgBouncer', error('unsupported startup parameter: TimeZone', '08P01'), 'DATABASE_UNSUITABLE', false],
    [
      'RDS Proxy',
      error('Feature not supported: RDS Proxy currently doesn’t support command-line options.', '0A000'),
      'DATABASE_UNSUITABLE',
      false,
    ],
  ])('%s', (_, thrown, code, passes) => {
    expect(connectionFailureOf(thrown, address)).toMatchObject({
      code,
      passes,
      message: expect.stringContaining('"app" at db.internal:5432 as the role "writer"'),
    });
  });

  it.each([
    ['Postgres 13', { version: 130_014 }, /Postgres 13.*14 or newer/],
    ['another time zone', { time_zone: 'Europe/Berlin' }, /ALTER ROLE "writer" SET timezone = 'UTC'/],
    ['dates of another style', { date_style: 'German, DMY' }, /SET datestyle = 'ISO'/],
    ['another encoding', { encoding: 'LATIN1' }, /CREATE DATABASE … ENCODING 'UTF8'/],
  ])('unsuitable: %s', (_, settings, message) => {
    const suitable = {
      ...{ time_zone: 'UTC', date_style: 'ISO, MDY', version: 180_004, is_read_only: false, encoding: 'UTF8' },
      ...{ synchronous_commit: 'on', transaction_timeout: '0' },
    };
    expect(settingsFailureOf(suitable, address)).toBeNull();
    expect(settingsFailureOf({ ...suitable, ...settings }, address)).toMatchObject({
      code: 'DATABASE_UNSUITABLE',
      passes: false,
      message: expect.stringMatching(message),
    });
  });
});

describe('what a session is told', () => {
  it.each([
    ['nothing', ''],
    ['German dates and another time zone', '-c datestyle=German -c timezone=Europe/Berlin -c work_mem=5MB'],
    ['an endless lease and jit', '-c jit=on -c idle_in_transaction_session_timeout=0 -c work_mem=5MB'],
  ])('stands over `options` in the URL, which stay otherwise: %s', async (_, options) => {
    const url = urlWith((one) => {
      if (options !== '') one.searchParams.set('options', options);
    });
    const found = await connected({ url }, session, { submission: { leaseMs: 1500 } });
    expect(found).toEqual({ ...OURS, memory: options === '' ? '4MB' : '5MB' });
  });

  it('stands over what the role and the database are set to', async () => {
    const own = await createTestDatabase();
    for (const setting of [
      `timezone = 'Asia/Kolkata'`,
      `datestyle = 'German'`,
      `intervalstyle = 'iso_8601'`,
      `extra_float_digits = -10`,
      `bytea_output = 'escape'`,
      `standard_conforming_strings = off`,
    ])
      await atServer(`ALTER DATABASE "${own.name}" SET ${setting}`, own.url);
    expect(await connected({ url: own.url }, session, { submission: { leaseMs: 1500 } })).toMatchObject(OURS);
    expect(await atServer('SHOW datestyle', own.url)).toEqual([{ DateStyle: 'German, DMY' }]);
    await own.drop();
  });

  it('an instant in another style is refused, not read wrongly', async () => {
    await connected({ url: database.url }, async (ledger) => {
      await ledger.transaction(async (tx) => {
        await tx.query(`SET LOCAL datestyle = 'German'`);
        await expect(tx.query(`SELECT '2026-12-11T10:00:00Z'::timestamptz AS at`)).rejects.toThrow('DateStyle ISO');
      });
    });
  });

  it('database.password is asked for each connection, and stands over the URL', async () => {
    let asked = 0;
    const url = urlWith((one) => {
      one.username = ROLE;
      one.password = 'an-older-token';
    });
    const password = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(PASSWORD);
    };
    await connected({ url, password, poolSize: 3 }, async (ledger) => {
      expect(await ledger.query('SELECT current_user::text AS role')).toEqual([{ role: ROLE }]);
      const before = asked;
      await Promise.all([1, 2, 3].map(() => ledger.query('SELECT pg_sleep(0.2)')));
      expect(asked).toBeGreaterThan(before);
    });
    await expect(
      connected({ url, password: () => Promise.reject(new Error('no token to be had')) }, session),
    ).rejects.toMatchObject({ message: expect.stringContaining('no token to be had') });
  });
});

describe('a schema of others', () => {
  it('SCHEMA_FOREIGN: a table `product` that is not ours is told before anything is created; another name works', async () => {
    const own = await createTestDatabase();
    await atServer('CREATE SCHEMA marketplace', own.url);
    await atServer('CREATE TABLE marketplace.product (id int PRIMARY KEY)', own.url);
    const tables = `SELECT relname FROM pg_class WHERE relnamespace = 'marketplace'::regnamespace AND relkind = 'r'`;
    for (const migrations of ['run', 'verify'] as const)
      await expect(
        NestFactory.createApplicationContext(
          MarketplaceMeteringModule.forRoot({
            database: { url: own.url },
            products: [{ productCode: 'product-1', dimensions: ['requests'] }],
            signUpUrl: 'https://app.example.com/sign-up',
            migrations,
            jobs: { autoStart: false },
          }),
          { logger: false, abortOnError: false },
        ),
      ).rejects.toMatchObject({
        code: 'SCHEMA_FOREIGN',
        message: expect.stringMatching(/product.*MARKETPLACE_DATABASE_SCHEMA/),
      });
    expect(await atServer(tables, own.url)).toEqual([{ relname: 'product' }]);

    await connected({ url: own.url, schema: 'marketplace_billing' }, async (ledger) => {
      await runMigrations(ledger.dataSource);
      expect(await ledger.query('SELECT count(*)::int AS count FROM marketplace.product')).toEqual([{ count: 0 }]);
    });
    expect(await atServer(tables, own.url)).toEqual([{ relname: 'product' }]);
    await own.drop();
  });

  it('DATABASE_FORBIDDEN: a role that may not create it, or may not read it, is told which role and what to run', async () => {
    await expect(connected({ url: asVisitor() }, (ledger) => runMigrations(ledger.dataSource))).rejects.toMatchObject({
      code: 'DATABASE_FORBIDDEN',
      message: expect.stringContaining(`grants --role ${ROLE}`),
    });
    const migrated = await migratedDatabase(migrate);
    await expect(
      connected({ url: asVisitor(migrated.url) }, (ledger) => runMigrations(ledger.dataSource)),
    ).rejects.toMatchObject({
      code: 'DATABASE_FORBIDDEN',
      message: expect.stringContaining(`The role "${ROLE}" may not use the ledger in the schema "marketplace"`),
    });
    await migrated.drop();
  });
});
