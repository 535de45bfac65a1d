import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource, type QueryRunner } from 'typeorm';
import { SeededRandom } from 'aws-marketplace-simulator';
import { type UsageEvent } from '../../src/index.js';
import { HOUR_MS, hourOf } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, World } from '../support/world.js';

const LEVELS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const;

let world: World;
let host: DataSource;
let tenants = 0;

beforeAll(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
  host = await new DataSource({ type: 'postgres', url: world.postgres.url, poolSize: 20 }).initialize();
});

afterAll(async () => {
  await host.destroy();
  await world.stop();
});

async function hostTransaction(level: (typeof LEVELS)[number]): Promise<QueryRunner> {
  const runner = host.createQueryRunner();
  await runner.startTransaction(level);
  return runner;
}

interface HourRecord {
  hour: Date;
  quantity: string;
  state: string;
  notes: { late?: { hour: string; quantity: string }[] };
}

const recordsOf = ({ subscriptionId }: Buyer): Promise<HourRecord[]> =>
  world.records<HourRecord>(`subscription_id = '${subscriptionId}' AND dimension = 'requests'`);

function join(): Promise<Buyer> {
  tenants += 1;
  return world.join(`tenant-${tenants}`);
}

/** In a transaction of the host: counted when that commits. */
async function useIn(
  { manager }: QueryRunner,
  { tenantId }: Buyer,
  event: Pick<UsageEvent, 'dimension' | 'quantity'>,
): Promise<void> {
  await world.metering.record({ tenantId, ...event }, { manager });
}

describe.each(LEVELS)('a host transaction at %s that stays open across a seal', (level) => {
  it('committed later: billed late, once', async () => {
    const buyer = await join();
    const hour = hourOf(world.now());
    const open = await hostTransaction(level);
    await useIn(open, buyer, { dimension: 'requests', quantity: 5 });
    await buyer.use(3);
    world.clock.advance(2 * HOUR_MS);
    await world.work();
    expect(await recordsOf(buyer)).toMatchObject([{ quantity: '3', state: 'metered' }]);

    await open.commitTransaction();
    await open.release();
    world.count(5);
    world.clock.advance(HOUR_MS);
    await world.work();
    expect(await recordsOf(buyer)).toMatchObject([
      { quantity: '3', state: 'metered' },
      { quantity: '5', state: 'metered', notes: { late: [{ hour: hour.toISOString(), quantity: '5' }] } },
    ]);
    world.clock.advance(HOUR_MS);
    await world.work();
    await world.expectAllBilled();
  });

  it('rolled back: never billed', async () => {
    const buyer = await join();
    const open = await hostTransaction(level);
    await useIn(open, buyer, { dimension: 'requests', quantity: 100 });
    world.clock.advance(2 * HOUR_MS);
    await world.work();
    await open.rollbackTransaction();
    await open.release();
    world.clock.advance(HOUR_MS);
    await world.work();
    expect(await recordsOf(buyer)).toEqual([]);
    await world.expectAllBilled();
  });
});

it('host transactions of every level that end at any moment of sealing by two replicas: every committed unit once', async () => {
  const other = await world.addReplica();
  const random = new SeededRandom(4);
  const buyers = [await join(), await join()];
  for (let hour = 0; hour < 3; hour += 1) {
    const open: { runner: QueryRunner; quantity: number }[] = [];
    for (let index = 0; index < 15; index += 1) {
      const quantity = random.integer(1000) / 1000;
      const runner = await hostTransaction(LEVELS[index % 3] ?? 'SERIALIZABLE');
      await useIn(runner, buyers[index % 2]!, { dimension: 'storage', quantity });
      open.push({ runner, quantity });
    }
    world.clock.advance(1.5 * HOUR_MS);
    const end = async ({ runner, quantity }: { runner: QueryRunner; quantity: number }): Promise<void> => {
      if (random.next() < 0.3) {
        await runner.rollbackTransaction();
      } else {
        await runner.commitTransaction();
        world.count(quantity);
      }
      await runner.release();
    };
    const ends = (async () => {
      for (const transaction of open) await end(transaction);
    })();
    await Promise.all([
      ends,
      world.run('seal', 'submit', 'seal', 'submit'),
      world.runOn(other, 'seal', 'submit', 'seal', 'submit'),
    ]);
  }
  world.clock.advance(2 * HOUR_MS);
  await world.work();
  await world.expectAllBilled();
});
