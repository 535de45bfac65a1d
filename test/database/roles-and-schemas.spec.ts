import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { migrationsCommand } from '../../src/database/migrations.command.js';
import { withClient } from '../../tools/postgres/connection.js';
import { migrate } from '../support/migrate.js';
import { createTestDatabase, migratedDatabase, type TestDatabase, testServerUrl } from '../support/postgres.js';
import { PRODUCT_CODE, World } from '../support/world.js';

const lent = ({ name, url }: TestDatabase): TestDatabase => ({ name, url, drop: () => Promise.resolve() });

/** A buyer, usage of two hours, renewed in between: everything is billed. */
async function livesAndBills(world: World): Promise<void> {
  const { tenantId, agreement } = await world.join('tenant-1');
  await world.record({ tenantId, quantity: 3 });
  await world.pass(1);
  await world.record({ tenantId, quantity: '1.5' });
  await world.record({ tenantId, quantity: '0.5' });
  await world.pass(2);
  await world.expectAllBilled();
  expect(world.billByHour(agreement)).toEqual({ '2026-11-11T10': 3, '2026-11-11T11': 2 });
}

describe('a role that owns nothing', () => {
  it('runs the application with what `grants` prints, and may neither create, truncate nor delete evidence', async () => {
    const role = `application_${randomBytes(4).toString('hex')}`;
    const database = await migratedDatabase(migrate);
    const printed = await migrationsCommand(['grants', '--role', role], {});
    expect(printed).toMatchObject({ exitCode: 0, stderr: '' });
    await withClient(database.url, async (owner) => {
      await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'visitor'`);
      await owner.query(printed.stdout);
    });
    const url = new URL(database.url);
    url.username = role;
    url.password = 'visitor';
    const world = await World.start({
      lists: [PRODUCT_CODE],
      database: lent({ ...database, url: url.href }),
      options: { migrations: 'verify' },
    });
    try {
      await livesAndBills(world);
      for (const statement of [
        'CREATE TABLE marketplace.own (id int)',
        'TRUNCATE marketplace.alert',
        'DELETE FROM marketplace.metering_record',
        'DELETE FROM marketplace.migration',
        'ALTER TABLE marketplace.alert ADD COLUMN own int',
      ])
        await expect(world.database.query(statement)).rejects.toThrow(/permission denied|must be owner/);
    } finally {
      await world.stop();
      await database.drop();
      await withClient(testServerUrl(), (owner) => owner.query(`DROP ROLE ${role}`));
    }
  });

  it('is asked for by `grants`', async () => {
    expect(await migrationsCommand(['grants'], {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--role'),
    });
  });
});

describe('ledgers in two schemas of one database', () => {
  it('live beside each other, each with its own money', async () => {
    const database = await createTestDatabase();
    const first = await World.start({ lists: [PRODUCT_CODE], database: lent(database) });
    const second = await World.start({
      lists: [PRODUCT_CODE],
      database: lent(database),
      options: { database: { schema: 'billing_2' } },
    });
    try {
      await Promise.all([livesAndBills(first), livesAndBills(second)]);
      const schemas = await withClient(
        database.url,
        async (client) =>
          (
            await client.query(
              `SELECT s AS schema, (SELECT count(*)::int FROM pg_class WHERE relnamespace = s::regnamespace) AS things,
                (SELECT count(*)::int FROM pg_proc WHERE pronamespace = s::regnamespace) AS functions,
                (SELECT count(*)::int FROM pg_proc WHERE pronamespace = s::regnamespace AND prosrc LIKE '%marketplace.%'
                  AND s <> 'marketplace') AS strangers
               FROM unnest(ARRAY['billing_2', 'marketplace']) AS s`,
            )
          ).rows as { things: number; functions: number; strangers: number }[],
      );
      expect(schemas[0]).toMatchObject({ things: schemas[1]?.things, functions: schemas[1]?.functions, strangers: 0 });
    } finally {
      await second.stop();
      await first.stop();
      await database.drop();
    }
  });

  it('the command heeds MARKETPLACE_DATABASE_SCHEMA', async () => {
    const database = await createTestDatabase();
    const environment = { DATABASE_URL: database.url, MARKETPLACE_DATABASE_SCHEMA: 'billing_2' };
    expect(await migrationsCommand(['run'], environment)).toMatchObject({ exitCode: 0 });
    expect(await migrationsCommand(['status'], environment)).toMatchObject({ exitCode: 0 });
    expect(await migrationsCommand(['status'], { DATABASE_URL: database.url })).toMatchObject({ exitCode: 1 });
    expect(await migrationsCommand(['sql'], { MARKETPLACE_DATABASE_SCHEMA: 'Billing 2' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('MARKETPLACE_DATABASE_SCHEMA'),
    });
    expect((await migrationsCommand(['sql'], { MARKETPLACE_DATABASE_SCHEMA: 'billing_2' })).stdout).not.toMatch(
      /(?<![-'\w])marketplace\./,
    );
    await database.drop();
  });
});

describe('what a DBA does to the database', () => {
  it('a publication for all tables takes every change: each table has a replica identity', async () => {
    const database = await migratedDatabase(migrate);
    await withClient(database.url, (client) => client.query('CREATE PUBLICATION everything FOR ALL TABLES'));
    const world = await World.start({ lists: [PRODUCT_CODE], database });
    try {
      await livesAndBills(world);
      expect(
        await world.database.query(
          `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'marketplace'::regnamespace AND c.relkind = 'r'
            AND c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
              AND i.indisprimary)`,
        ),
      ).toEqual([]);
    } finally {
      await world.stop();
    }
  });

  it('the database gets another name: the application goes on under it', async () => {
    const database = await migratedDatabase(migrate);
    const renamed = `${database.name}_renamed`;
    const url = database.url.replace(`/${database.name}`, `/${renamed}`);
    await withClient(testServerUrl(), (client) =>
      client.query(`ALTER DATABASE "${database.name}" RENAME TO "${renamed}"`),
    );
    const world = await World.start({ lists: [PRODUCT_CODE], database: lent({ ...database, name: renamed, url }) });
    try {
      await livesAndBills(world);
      expect((await world.database.query('SELECT current_database()::text AS name'))[0]).toEqual({ name: renamed });
    } finally {
      await world.stop();
      await withClient(testServerUrl(), (client) => client.query(`DROP DATABASE "${renamed}" WITH (FORCE)`));
    }
  });
});
