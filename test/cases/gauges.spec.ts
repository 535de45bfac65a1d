import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import pg from 'pg';
import { pgExecutor } from '../../src/index.js';
import { PRODUCT_CODE, type Usage, World } from '../support/world.js';

// H23: what docs/gauges.md says of gauges, by three replicas at once, to the bill.

jest.setTimeout(120_000);

describe('H23 gauges that three replicas report', () => {
  const DIMENSIONS = ['users', 'seats', 'storage'];
  let world: World;
  let pool: pg.Pool;
  let replicas: INestApplication[];
  const hourOf = (at: Date): string => at.toISOString().slice(0, 13);

  beforeAll(async () => {
    world = await World.start({ lists: [PRODUCT_CODE], dimensions: DIMENSIONS });
    replicas = [world.app, await world.addReplica(), await world.addReplica()];
    await world.join('acme');
    pool = new pg.Pool({ connectionString: world.postgres.url, max: 6 });
    await pool.query(
      'CREATE TABLE peak (tenant_id text, hour text, value integer NOT NULL, PRIMARY KEY (tenant_id, hour))',
    );
    await pool.query('CREATE TABLE reading (tenant_id text, hour text, PRIMARY KEY (tenant_id, hour))');
  });
  afterAll(async () => {
    await pool.end();
    await world.stop();
  });

  /** In a transaction of the host, of whose usage nothing else knows whether it is recorded. */
  async function inTransaction(
    app: INestApplication,
    work: (client: pg.PoolClient, record: (usage: Usage) => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await work(client, (usage) => world.record(usage, { manager: pgExecutor(client) }, app));
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  it('distinct users in an hour are counted once each, whoever sees them', async () => {
    const hour = hourOf(world.clock.now());
    const see = (app: INestApplication, userId: string): Promise<unknown> =>
      world.record(
        { tenantId: 'acme', dimension: 'users', quantity: 1, idempotencyKey: `${hour}/users/${userId}` },
        {},
        app,
      );
    // Each of the three sees five of seven, and some of them twice.
    await Promise.all(replicas.flatMap((app, at) => [0, 1, 2, 3, 4, 4].map((user) => see(app, `u${(user + at) % 7}`))));
    expect(world.recorded).toBe(7);
  });

  it('a peak is recorded by its rises, in whatever order the values come', async () => {
    const hour = hourOf(world.clock.now());
    const report = (app: INestApplication, seats: number): Promise<void> =>
      inTransaction(app, async (client, record) => {
        await client.query('INSERT INTO peak VALUES ($1, $2, 0) ON CONFLICT DO NOTHING', ['acme', hour]);
        const { rows } = await client.query<{ value: number }>(
          'SELECT value FROM peak WHERE tenant_id = $1 AND hour = $2 FOR UPDATE',
          ['acme', hour],
        );
        const rise = seats - rows[0]!.value;
        if (rise <= 0) return;
        await client.query('UPDATE peak SET value = $3 WHERE tenant_id = $1 AND hour = $2', ['acme', hour, seats]);
        await record({
          tenantId: 'acme',
          dimension: 'seats',
          quantity: rise,
          idempotencyKey: `${hour}/seats/${seats}`,
        });
      });
    await Promise.all(replicas.flatMap((app, at) => [5, 3, 9, 4].map((seats) => report(app, seats + at))));
    expect(world.recorded).toBe(7 + 11);
  });

  it('one reading per hour is recorded by whoever is first', async () => {
    const hour = hourOf(world.clock.now());
    await Promise.all(
      replicas.map((app) =>
        inTransaction(app, async (client, record) => {
          const { rowCount } = await client.query('INSERT INTO reading VALUES ($1, $2) ON CONFLICT DO NOTHING', [
            'acme',
            hour,
          ]);
          if (rowCount !== 1) return;
          await record({ tenantId: 'acme', dimension: 'storage', quantity: 40, idempotencyKey: `${hour}/storage` });
        }),
      ),
    );
    expect(world.recorded).toBe(7 + 11 + 40);
  });

  it('are billed as the recipes say, and the ledger is conserved', async () => {
    await world.pass(2);
    await world.expectConserved();
    const billed = Object.fromEntries(
      DIMENSIONS.map((dimension) => [
        dimension,
        world.simulator
          .bill()
          .filter((line) => line.dimension === dimension)
          .reduce((sum, { quantity }) => sum + quantity, 0),
      ]),
    );
    expect(billed).toEqual({ users: 7, seats: 11, storage: 40 });
  });
});
