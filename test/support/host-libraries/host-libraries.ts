import { EntitySchema, IsolationLevel } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { type PgDatabase, type PgQueryResultHKT, pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import knexOf from 'knex';
import { CamelCasePlugin, Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import pg from 'pg';
import postgresJs from 'postgres';
import { DataTypes, type Model, type ModelStatic, Sequelize, type Transaction } from 'sequelize';
import { DataSource } from 'typeorm';
import {
  drizzleExecutor,
  knexExecutor,
  kyselyExecutor,
  mikroOrmExecutor,
  pgExecutor,
  prismaExecutor,
  sequelizeExecutor,
  typeOrmExecutor,
} from '../../../src/index.js';
import { type HostIsolation, type HostLibrary, type HostLibraryKind } from './host-library.js';
import { openPrisma } from './prisma-client.js';

const POOL_SIZE = 4;

/** Opened with the settings that change statements or rows the most, where a library has any. */
export const HOST_LIBRARIES: readonly HostLibraryKind[] = [
  { name: 'TypeORM’s EntityManager', open: openTypeOrmManager },
  { name: 'a QueryRunner of TypeORM', open: openQueryRunner },
  { name: 'a Client of pg', open: openPgClient },
  { name: 'a PoolClient of pg', open: openPgPool },
  { name: 'Knex', open: openKnex },
  { name: 'Kysely', open: openKysely },
  { name: 'Drizzle', open: openDrizzle },
  { name: 'Drizzle on postgres.js', open: openDrizzleOnPostgresJs },
  { name: 'Prisma', open: openPrismaClient },
  { name: 'MikroORM', open: openMikroOrm },
  { name: 'Sequelize', open: openSequelize },
];

async function openTypeOrmManager(url: string): Promise<HostLibrary> {
  const dataSource = await new DataSource({ type: 'postgres', url, poolSize: POOL_SIZE }).initialize();
  return {
    transaction: (work, isolation) => {
      const level = (isolation ?? 'read committed').toUpperCase() as 'SERIALIZABLE';
      return dataSource.transaction(level, (manager) =>
        work({
          executor: manager,
          placeOrder: (id) => manager.query('INSERT INTO public.orders VALUES ($1)', [id]),
          run: (text) => manager.query(text),
        }),
      );
    },
    mistakes: [
      ['the DataSource', () => dataSource, /DataSource that was given as manager is in no transaction/],
      ['the adapter of a manager without a transaction', () => typeOrmExecutor(dataSource.manager), /no transaction/],
    ],
    close: () => dataSource.destroy(),
  };
}

async function openQueryRunner(url: string): Promise<HostLibrary> {
  const dataSource = await new DataSource({ type: 'postgres', url, poolSize: POOL_SIZE }).initialize();
  const idle = dataSource.createQueryRunner();
  return {
    async transaction(work, isolation) {
      const runner = dataSource.createQueryRunner();
      try {
        await runner.startTransaction((isolation ?? 'read committed').toUpperCase() as 'SERIALIZABLE');
        const result = await work({
          executor: typeOrmExecutor(runner),
          placeOrder: (id) => runner.query('INSERT INTO public.orders VALUES ($1)', [id]),
          run: (text) => runner.query(text),
        });
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    },
    mistakes: [
      ['a QueryRunner that began nothing', () => idle, /no transaction/],
      ['the adapter of a QueryRunner that began nothing', () => typeOrmExecutor(idle), /no transaction/],
    ],
    async close() {
      await idle.release();
      await dataSource.destroy();
    },
  };
}

async function onClient<T>(
  client: pg.ClientBase,
  isolation: HostIsolation | undefined,
  work: Parameters<HostLibrary['transaction']>[0],
): Promise<T> {
  await client.query(`BEGIN ISOLATION LEVEL ${isolation ?? 'read committed'}`);
  try {
    const result = await work({
      executor: pgExecutor(client),
      placeOrder: (id) => client.query('INSERT INTO public.orders VALUES ($1)', [id]),
      run: (text) => client.query(text),
    });
    await client.query('COMMIT');
    return result as T;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function openPgClient(url: string): Promise<HostLibrary> {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  };
  const idle = await connect();
  return {
    async transaction(work, isolation) {
      const client = await connect();
      try {
        return await onClient(client, isolation, work);
      } finally {
        await client.end();
      }
    },
    mistakes: [
      ['the client itself', () => idle, /pgExecutor\(client\)/],
      ['a client outside of a transaction', () => pgExecutor(idle), /no transaction/],
    ],
    close: () => idle.end(),
  };
}

/** With a listener, as pg wants it: a database that is dropped right after `end` may still end an idle connection. */
function poolOf(url: string): pg.Pool {
  return new pg.Pool({ connectionString: url, max: POOL_SIZE }).on('error', () => undefined);
}

async function openPgPool(url: string): Promise<HostLibrary> {
  const pool = poolOf(url);
  return Promise.resolve({
    async transaction(work, isolation) {
      const client = await pool.connect();
      try {
        return await onClient(client, isolation, work);
      } finally {
        client.release();
      }
    },
    mistakes: [
      ['the pool', () => pgExecutor(pool), /a pool/],
      ['the pool itself', () => pool, /pgExecutor\(client\)/],
      [
        'a pool by hand',
        () => ({
          query: async (text: string, parameters: readonly (string | null)[]) =>
            (await pool.query<object>(text, [...parameters])).rows,
        }),
        /in no transaction/,
      ],
    ],
    close: () => pool.end(),
  });
}

async function openKnex(url: string): Promise<HostLibrary> {
  const shout = (name: string): string => name.toUpperCase();
  const knex = knexOf({
    client: 'pg',
    connection: url,
    pool: { min: 0, max: POOL_SIZE },
    // As knexSnakeCaseMappers() and its like do: what comes back is named otherwise.
    postProcessResponse: (result: { rows?: Record<string, unknown>[] }) => ({
      ...result,
      rows: result.rows?.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [shout(name), value])),
      ),
    }),
  });
  return Promise.resolve({
    transaction: (work, isolation) =>
      knex.transaction(
        (trx) =>
          work({
            executor: knexExecutor(trx),
            placeOrder: (id) => trx.raw('INSERT INTO public.orders VALUES (?)', [id]),
            run: (statement) => trx.raw(statement),
          }),
        { isolationLevel: isolation ?? 'read committed' },
      ),
    mistakes: [
      ['a Knex outside of a transaction', () => knexExecutor(knex as never), /no transaction/],
      ['the promise of a transaction', () => knexExecutor(Promise.resolve(knex) as never), /a promise/],
    ],
    close: () => knex.destroy(),
  });
}

async function openKysely(url: string): Promise<HostLibrary> {
  const db = new Kysely<{ orders: { id: string } }>({
    dialect: new PostgresDialect({ pool: poolOf(url) }),
    plugins: [new CamelCasePlugin()],
  });
  return Promise.resolve({
    transaction: (work, isolation) =>
      db
        .transaction()
        .setIsolationLevel(isolation ?? 'read committed')
        .execute((trx) =>
          work({
            executor: kyselyExecutor(trx),
            placeOrder: (id) => trx.insertInto('orders').values({ id }).execute(),
            run: (statement) => kyselySql.raw(statement).execute(trx),
          }),
        ),
    mistakes: [['a Kysely outside of a transaction', () => kyselyExecutor(db), /no transaction/]],
    close: () => db.destroy(),
  });
}

async function openDrizzle(url: string): Promise<HostLibrary> {
  const pool = poolOf(url);
  return Promise.resolve(drizzleOn(drizzle(pool, { casing: 'snake_case' }), () => pool.end()));
}

/** The driver asks Postgres for the type of each parameter, and has a serializer of its own for some. */
async function openDrizzleOnPostgresJs(url: string): Promise<HostLibrary> {
  const client = postgresJs(url, { max: POOL_SIZE, onnotice: () => undefined });
  return Promise.resolve(drizzleOn(drizzleOnPostgresJs(client, { casing: 'snake_case' }), () => client.end()));
}

function drizzleOn(db: PgDatabase<PgQueryResultHKT>, close: () => Promise<void>): HostLibrary {
  const orders = pgTable('orders', { id: text() });
  return {
    transaction: (work, isolation) =>
      db.transaction(
        (tx) =>
          work({
            executor: drizzleExecutor(tx),
            placeOrder: (id) => tx.insert(orders).values({ id }),
            run: (statement) => tx.execute(sql.raw(statement)),
          }),
        { isolationLevel: isolation ?? 'read committed' },
      ),
    mistakes: [['a database outside of a transaction', () => drizzleExecutor(db as never), /no transaction/]],
    close,
  };
}

async function openPrismaClient(url: string): Promise<HostLibrary> {
  const prisma = openPrisma(url);
  const levels = {
    'read committed': 'ReadCommitted',
    'repeatable read': 'RepeatableRead',
    serializable: 'Serializable',
  };
  return Promise.resolve({
    transaction: (work, isolation) =>
      prisma.$transaction(
        (tx) =>
          work({
            executor: prismaExecutor(tx),
            placeOrder: async (id) => tx.order.create({ data: { id } }),
            run: async (statement) => tx.$executeRawUnsafe(statement),
          }),
        { isolationLevel: levels[isolation ?? 'read committed'], maxWait: 60_000, timeout: 60_000 },
      ),
    mistakes: [['a client outside of $transaction', () => prismaExecutor(prisma), /no interactive transaction/]],
    close: () => prisma.$disconnect(),
  });
}

async function openMikroOrm(url: string): Promise<HostLibrary> {
  interface Order {
    id: string;
  }
  const entity = new EntitySchema<Order>({
    name: 'Order',
    tableName: 'orders',
    properties: { id: { type: 'text', primary: true } },
  });
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [entity],
    pool: { min: 0, max: POOL_SIZE },
    discovery: { warnWhenNoEntities: false, disableDynamicFileAccess: true },
  });
  const levels = {
    'read committed': IsolationLevel.READ_COMMITTED,
    'repeatable read': IsolationLevel.REPEATABLE_READ,
    serializable: IsolationLevel.SERIALIZABLE,
  };
  return {
    transaction: (work, isolation) =>
      orm.em.fork().transactional(
        (em) =>
          work({
            executor: mikroOrmExecutor(em),
            placeOrder: (id) => em.insert(entity, { id }),
            run: (statement) => em.execute(statement),
          }),
        { isolationLevel: levels[isolation ?? 'read committed'] },
      ),
    mistakes: [['an EntityManager outside of a transaction', () => mikroOrmExecutor(orm.em.fork()), /no transaction/]],
    close: () => orm.close(),
  };
}

async function openSequelize(url: string): Promise<HostLibrary> {
  const sequelize = new Sequelize(url, { dialect: 'postgres', logging: false, pool: { max: POOL_SIZE } });
  const orders: ModelStatic<Model> = sequelize.define(
    'Order',
    { id: { type: DataTypes.TEXT, primaryKey: true } },
    { tableName: 'orders', timestamps: false },
  );
  return Promise.resolve({
    transaction: (work, isolation) =>
      sequelize.transaction(
        { isolationLevel: (isolation ?? 'read committed').toUpperCase() as Transaction.ISOLATION_LEVELS },
        (transaction) =>
          work({
            executor: sequelizeExecutor(transaction),
            placeOrder: (id) => orders.create({ id }, { transaction }),
            run: (statement) => sequelize.query(statement, { transaction }),
          }),
      ),
    mistakes: [
      ['the Sequelize', () => sequelizeExecutor(sequelize as never), /no transaction/],
      ['the Sequelize itself', () => sequelize, /sequelizeExecutor\(t\)/],
    ],
    close: () => sequelize.close(),
  });
}
