import { Injectable } from '@nestjs/common';
import { jest } from '@jest/globals';
import { EventDeliveries, OnMarketplaceEvent, SubmissionHold } from '../../../src/index.js';
import { type OPERATION_ALERTS } from '../../../src/events/operation-alerts.js';
import { DatabaseClock } from '../../../src/options/clock.js';
import { FreezingProxy } from '../../support/freezing-proxy.js';
import { startHost } from '../../support/host.js';
import { migrate } from '../../support/migrate.js';
import { copyOf, migratedDatabase } from '../../support/postgres.js';
import { replicaOptions } from '../../support/replica-options.js';
import { PRODUCT_CODE, World } from '../../support/world.js';
import { type AlertStories, type AlertStory, inWorld } from './alert-story.js';

const WEEK_MS = 7 * 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** Frozen while Postgres does not answer; whatever it loses is machine time. */
const IMPATIENT = { statementTimeoutMs: 2000, connectTimeoutMs: 5000 };

@Injectable()
class Provisioning {
  static isBroken = false;

  @OnMarketplaceEvent('subscription.activated', { id: 'provisioning' })
  provision(): void {
    if (Provisioning.isBroken) throw new Error('out of order');
  }
}

const databaseInterrupted: AlertStory = async () => {
  const database = await migratedDatabase(migrate);
  const proxy = await FreezingProxy.before(database.url);
  const stop = async (world?: World): Promise<void> => {
    proxy.thaw();
    await world?.stop();
    await proxy.stop();
  };
  const through = { ...database, url: proxy.through(database.url) };
  const world = await World.start({ lists: [PRODUCT_CODE], database: through, options: { database: IMPATIENT } });
  try {
    await (await world.join('acme')).use(2);
    proxy.freeze('silent');
    await world.run('seal').catch(() => undefined);
    proxy.thaw();
    await world.run('alerts');
    const end = async (): Promise<void> => {
      world.clock.advance(WEEK_MS);
      await world.run('alerts');
    };
    return { app: () => world.app, end, stop: () => stop(world) };
  } catch (error) {
    await stop(world);
    throw error;
  }
};

const clockSkew: AlertStory = async () => {
  const real = Date.now.bind(Date);
  const world = await World.start({ startAt: new Date(real()), options: { clock: new DatabaseClock() } });
  const replica = await world.addReplica({ clock: new DatabaseClock() });
  const skewed = jest.spyOn(Date, 'now').mockImplementation(() => real() + 48 * HOUR_MS);
  try {
    await world.runOn(replica, 'seal');
  } finally {
    skewed.mockRestore();
  }
  return { app: () => world.app, end: () => world.runOn(replica, 'seal'), stop: () => world.stop() };
};

const ledgerMoved: AlertStory = async () => {
  const world = await World.start({ lists: [PRODUCT_CODE] });
  await (await world.join('acme')).use(5);
  for (const app of world.apps.splice(0)) await app.close();
  const copy = await copyOf(world.postgres);
  const place = { databaseUrl: copy.url, awsEndpoint: world.simulator.url, clock: world.clock };
  const inCopy = await startHost(replicaOptions(place, world.options), []);
  return {
    app: () => inCopy,
    end: () => inCopy.get(SubmissionHold).release('ada'),
    stop: async () => {
      await inCopy.close();
      await copy.drop();
      await world.stop();
    },
  };
};

export const OPERATION_STORIES: AlertStories<keyof typeof OPERATION_ALERTS> = {
  setupError: inWorld(async (world) => {
    await (await world.join('acme')).use(5);
    const fault = world.simulator.faults.add({ kind: 'accessDenied', operation: 'BatchMeterUsage' });
    await world.pass(1.5);
    return async () => {
      fault.remove();
      await world.pass(1);
    };
  }),
  databaseInterrupted,
  clockSkew,
  ledgerMoved,
  submissionHeld: inWorld(async (world) => {
    const hold = world.app.get(SubmissionHold);
    await hold.hold('ada', 'the bill looks wrong');
    return () => hold.release('ada');
  }),
  settingsDiffer: inWorld(async (world) => {
    const others = { aws: { endpoint: 'http://127.0.0.1:9' } };
    await world.addReplica(others);
    await (await world.join('acme')).use(5);
    world.clock.advance(1.25 * HOUR_MS);
    await world.runOn(world.app, 'seal', 'submit');
    return () => world.addReplica(others);
  }),
  handlerDeadLettered: inWorld(
    async (world) => {
      Provisioning.isBroken = true;
      await world.join('acme');
      await world.run('deliver');
      return async () => {
        Provisioning.isBroken = false;
        const deliveries = world.app.get(EventDeliveries);
        for (const { id } of await deliveries.list({ state: 'deadLettered' }))
          await deliveries.retry(id, { by: 'ada' });
        await world.run('deliver');
      };
    },
    {
      parts: { providers: [Provisioning] },
      options: { handlers: { backoffBaseMs: 1, backoffCapMs: 1, deadLetterAfterAttempts: 1 } },
    },
  ),
  handlerAway: inWorld(async (world) => {
    const place = { databaseUrl: world.postgres.url, awsEndpoint: world.simulator.url, clock: world.clock };
    const withIt = () => startHost(replicaOptions(place, world.options), [], { parts: { providers: [Provisioning] } });
    await (await withIt()).close();
    await world.join('acme');
    await world.database.query(
      `UPDATE marketplace.event_handler SET last_seen_at = last_seen_at - interval '2 hours' WHERE id = 'provisioning'`,
    );
    const watch = await world.addReplica();
    await world.runOn(watch, 'deliver');
    return async () => (await withIt()).close();
  }),
};
