import { RecordResolution } from '../../../src/index.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { type USAGE_ALERTS } from '../../../src/events/usage-alerts.js';
import { eventually } from '../../support/processes.js';
import { HOURLY, SoftwareWorld } from '../../support/software.js';
import { LEGACY_CODE, type World } from '../../support/world.js';
import { type AlertStories, type AlertStory, inWorld, recordIds, SIGNED } from './alert-story.js';

const WEEK_MS = 7 * 24 * 3_600_000;

async function writeOffAll(world: World, where: string): Promise<void> {
  for (const id of await recordIds(world, where)) await world.app.get(RecordResolution).writeOff(id, SIGNED);
  await world.run('deadline');
}

const usageUnregistered: AlertStory = async () => {
  const world = await SoftwareWorld.start();
  const stop = async (): Promise<void> => {
    await world.rest();
    await world.stop();
  };
  try {
    await world.moveTo(world.launch({ agreement: world.subscribe(HOURLY), platform: 'ecs' }));
    const outage = world.simulator.faults.add({ kind: 'error500Before', operation: 'RegisterUsage' });
    const product = world.hourly({ registerUsage: { publicKeys: world.keys(), failOpen: true } });
    const { app } = await world.run(product, { container: { startPatienceMs: 50 } });
    const isOpen = async (): Promise<boolean> => {
      const open = `SELECT FROM marketplace.alert WHERE kind = 'usageUnregistered' AND resolved_at IS NULL`;
      return (await app!.get(LedgerDatabase).query(open)).length > 0;
    };
    await eventually('it is told', isOpen);
    const end = async (): Promise<void> => {
      outage.remove();
      await eventually('it has registered', async () => !(await isOpen()));
    };
    return { app: () => app!, end, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

export const USAGE_STORIES: AlertStories<keyof typeof USAGE_ALERTS> = {
  // Of a tenant with two agreements, either of which could pay.
  usageWaiting: inWorld(async (world) => {
    const buyer = await world.join('acme');
    buyer.concurrent();
    await buyer.comeBack();
    await world.hear();
    await buyer.use(5);
    await world.pass(6, 1);
    return async () => {
      const { productCode, tenantId, subscriptionId } = buyer;
      const from = new Date('2026-11-11T10:00:00Z');
      await world.subscriptions.choosePayer({ productCode, tenantId, subscriptionId, from });
      await world.pass(1);
    };
  }),
  // Of a month before the agreement began.
  usageHeld: inWorld(async (world) => {
    const buyer = await world.join('acme');
    await buyer.use(1000, { occurredAt: new Date('2026-10-14T12:00:00Z') });
    await world.pass(32, 4);
    return () => writeOffAll(world, `disposition = 'held'`);
  }),
  usageUnregistered,
  owed: inWorld(async (world) => {
    const buyer = await world.join('acme');
    await buyer.use(10);
    await world.pass(1.5);
    await buyer.use(-4, { reason: 'a report that failed' });
    await world.pass(0.5);
    buyer.cancel();
    await world.pass(28, 2);
    return () => writeOffAll(world, `disposition = 'owed'`);
  }),
  sealSkipped: inWorld(async (world) => {
    await (await world.join('acme')).use(5);
    await world.database.query(
      `ALTER TABLE marketplace.metering_record ADD CONSTRAINT poison CHECK (quantity <> 5) NOT VALID`,
    );
    await world.pass(1.5);
    return async () => {
      await world.database.query(`ALTER TABLE marketplace.metering_record DROP CONSTRAINT poison`);
      await world.pass(0.5);
    };
  }),
  allocationsTrimmed: inWorld(async (world) => {
    const buyer = await world.join('acme');
    for (let key = 0; key < 6; key += 1) await buyer.use(1, { tags: { [`team-${key}`]: 'blue' } });
    await world.pass(1.5);
    return async () => {
      world.clock.advance(WEEK_MS);
      await world.run('alerts');
    };
  }),
  includedStale: inWorld(
    async (world) => {
      const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 1000 }] });
      await buyer.use(900);
      await world.pass(1.5);
      const fault = world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });
      await world.goTo('2026-11-11T12:05:00Z');
      await buyer.use(150);
      for (const time of ['14:00', '16:55', '17:01']) await world.goTo(`2026-11-11T${time}:00Z`);
      return async () => {
        fault.remove();
        await buyer.use(7);
        await world.pass(2);
      };
    },
    {
      product: {
        contractDimensions: ['pack'],
        includedUnits: [{ contractDimension: 'pack', covers: ['requests'] }],
      },
    },
  ),
  // Two names of one buyer, under each of which one key stands for something else.
  keyConflict: inWorld(
    async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      for (const [index, subscriptionId] of ids.entries())
        await world.record({ subscriptionId, quantity: 5 + index, idempotencyKey: 'one' });
      await buyer.arrive();
      await world.pass(3);
      return () => writeOffAll(world, `disposition = 'held'`);
    },
    { lists: [LEGACY_CODE] },
  ),
};
