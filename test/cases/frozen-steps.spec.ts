import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SeededRandom } from 'aws-marketplace-simulator';
import { JobScheduler } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { FreezingProxy, type Passing } from '../support/freezing-proxy.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase } from '../support/postgres.js';
import { eventually } from '../support/processes.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// G1: established connections carry nothing any more, from any step of any job on. A sample, drawn from a seed;
// FROZEN_STEPS=all: each step, which takes an hour.

jest.setTimeout(process.env.FROZEN_STEPS === 'all' ? 4 * 3_600_000 : 600_000);

const SAMPLE = 6;
const WAYS: Passing[] = ['requests', 'answers'];

describe('G1 connections that go silent', () => {
  let proxy: FreezingProxy;
  let world: World;
  let buyers: Buyer[];
  beforeAll(async () => {
    const postgres = await migratedDatabase(migrate);
    proxy = await FreezingProxy.before(postgres.url);
    const database = { ...postgres, url: proxy.through(postgres.url) };
    world = await World.start({
      database,
      lists: [PRODUCT_CODE],
      options: { database: { statementTimeoutMs: 2000, connectTimeoutMs: 5000 } },
    });
    buyers = [await world.join('acme'), await world.join('bolt')];
  });
  afterAll(async () => {
    await world.stop();
    await proxy.stop();
  });

  /** All jobs, whatever becomes of each, as their schedule has them run. */
  const runAll = async (app = world.app): Promise<void> => {
    for (const job of app.get(JobScheduler).names) await world.runOn(app, job).catch(() => undefined);
  };
  const billed = (): number => world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
  const useAnHour = async (): Promise<void> => {
    for (const buyer of buyers) await buyer.use(2);
    world.clock.advance(1.25 * 3_600_000);
  };
  const billsAll = (): Promise<void> =>
    eventually(
      'all is billed',
      async () => {
        await runAll();
        return billed() === world.recorded;
      },
      120_000,
    );
  /** Steps of all jobs in an hour in which nothing fails. */
  const stepsOf = async (way: Passing): Promise<number> => {
    await useAnHour();
    const before = proxy.count(way);
    await runAll();
    return proxy.count(way) - before;
  };

  it.each(WAYS)('to Postgres after any of its %s: the jobs go on, and all is billed once', async (way) => {
    const random = new SeededRandom(way.length);
    const steps = await stepsOf(way);
    await billsAll();
    expect(steps).toBeGreaterThan(40);
    const drawn = Array.from({ length: SAMPLE }, () => 1 + random.integer(steps - 1));
    const every = Array.from({ length: steps }, (_, index) => index + 1);
    for (const step of process.env.FROZEN_STEPS === 'all' ? every : drawn) {
      await useAnHour();
      proxy.freezeAfter(way, step);
      await runAll();
      proxy.disarm();
      await billsAll();
      // Of what was held back some arrives late after all.
      if (step % 2 === 0) proxy.thaw();
      expect([step, billed()]).toEqual([step, world.recorded]);
    }
    await world.pass(1, 1);
    await world.expectAllBilled();
    const told = await world.database.query<{ kind: string }>(
      `SELECT DISTINCT kind FROM marketplace.alert WHERE kind = 'databaseInterrupted'`,
    );
    expect(told).toHaveLength(1);
  });

  it('to AWS at any step of a call: what may have arrived is asked for again, and billed once; a close ends it', async () => {
    const aws = await FreezingProxy.before(world.simulator.url);
    const endpoint = aws.through(world.simulator.url);
    try {
      await world.restart({ options: { aws: { ...world.options.aws, endpoint }, settingsRevision: 1 } });
      for (const way of WAYS) {
        for (const step of [1, 2]) {
          await useAnHour();
          aws.freezeAfter(way, step);
          await runAll();
          aws.disarm();
          await billsAll();
        }
      }
      await world.pass(1, 1);
      await world.expectAllBilled();
      const other = await world.addReplica();
      world.apps.splice(world.apps.indexOf(other), 1);
      await useAnHour();
      aws.freeze('silent');
      const running = world.runOn(other, 'seal', 'submit').catch(() => undefined);
      await other.close();
      await running;
      aws.thaw();
      await billsAll();
      await world.expectAllBilled();
    } finally {
      await world.restart({
        options: { aws: { ...world.options.aws, endpoint: world.simulator.url }, settingsRevision: 2 },
      });
      await aws.stop();
    }
  });

  it('to Postgres while the application closes: it ends', async () => {
    const app = await world.addReplica();
    world.apps.splice(world.apps.indexOf(app), 1);
    await useAnHour();
    const running = runAll(app);
    proxy.freeze('silent');
    await app.close();
    await running;
    proxy.thaw();
    await billsAll();
    await world.expectAllBilled();
  });
});
