import { expect } from '@jest/globals';
import { MarketplaceAudit, RecordResolution } from '../../../src/index.js';
import { type RECORD_ALERTS } from '../../../src/events/record-alerts.js';
import { type Buyer } from '../../support/buyer.js';
import { LEGACY_CODE, type World } from '../../support/world.js';
import { audited, giveUp, loseTheAnswer, otherSystem } from '../audit-world.js';
import {
  type AlertStories,
  type AlertStory,
  inInstallation,
  inWorld,
  pastTheTriggers,
  recordIds,
  SIGNED,
} from './alert-story.js';

const HOUR_MS = 3_600_000;
const HOUR = '2026-11-11T10:00:00Z';

const resolution = (world: World): RecordResolution => world.app.get(RecordResolution);

/** Usage of the first hour, which is sealed and sent at a quarter past the next. */
async function usesFive(world: World): Promise<Buyer> {
  const buyer = await world.join('acme');
  await buyer.use(5);
  return buyer;
}

/** Usage that AWS cannot be told for so many hours. */
const untoldFor = (hours: number): AlertStory =>
  inWorld(async (world) => {
    await usesFive(world);
    const fault = world.simulator.faults.add({ kind: 'error500Before', operation: 'BatchMeterUsage' });
    await world.pass(hours, hours / 2);
    return async () => {
      fault.remove();
      await world.pass(2);
    };
  });

/** One change of a sum past the triggers; what it changed is put back, and the record requeued. */
const tampered = (statements: (by: number) => string[], find: (world: World) => Promise<void>): AlertStory =>
  inWorld(async (world) => {
    await usesFive(world);
    world.clock.advance(1.25 * HOUR_MS);
    await world.run('seal');
    await pastTheTriggers(world, ...statements(1000));
    await find(world);
    return async () => {
      await pastTheTriggers(world, ...statements(-1000));
      await world.prove();
      await world.run('submit');
      for (const id of await recordIds(world, `state <> 'closed'`))
        await resolution(world)
          .requeue(id, { by: 'ada' })
          .catch(() => undefined);
      await world.turn();
    };
  });

/** Not sent before its deadline: whether AWS has it is known or not, as the fault says. */
const tooLate = (kind: 'accessDenied' | 'resetBefore', settle: (world: World) => Promise<void>): AlertStory =>
  inWorld(
    async (world) => {
      await usesFive(world);
      const fault = world.simulator.faults.add({ kind, operation: 'BatchMeterUsage' });
      world.clock.advance(1.25 * HOUR_MS);
      await world.work(2);
      fault.remove();
      world.clock.advance(26 * HOUR_MS);
      await world.run('deadline');
      return async () => {
        await settle(world);
        await world.run('deadline');
      };
    },
    { options: { onExpired: 'hold' } },
  );

/** What CloudTrail shows and the ledger does not account for. */
const seenInTheLog = (abroad: boolean): AlertStory =>
  inWorld(async (world) => {
    const buyer = await usesFive(world);
    await world.pass(1.5);
    const usage = { ...buyer.agreement, hour: HOUR, quantity: 3, dimension: abroad ? 'requests' : 'storage' };
    await otherSystem(world, usage, abroad ? 'eu-west-1' : 'us-east-1');
    await world.pass(1);
    const range = { from: new Date('2026-11-11T09:00:00Z'), to: new Date('2026-11-11T13:00:00Z') };
    const look = () => world.app.get(MarketplaceAudit).compare({ ...range, regions: ['eu-west-1'] });
    await look();
    return look;
  }, audited());

export const RECORD_STORIES: AlertStories<keyof typeof RECORD_ALERTS> = {
  deadlineNear: untoldFor(23),
  unanswered: untoldFor(3),
  blocked: inWorld(async (world) => {
    await usesFive(world);
    world.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred', count: 1 });
    world.clock.advance(1.25 * HOUR_MS);
    await world.run('seal', 'submit');
    return async () => {
      await resolution(world).requeueAll({ reason: 'unrecognised' }, SIGNED);
      await world.work();
      await world.run('deadline');
    };
  }),
  notSubscribed: inWorld(async (world) => {
    const buyer = await usesFive(world);
    await world.pass(1.5);
    world.simulator.suspend(buyer.agreement);
    await buyer.use(1);
    await world.pass(1.5);
    return async () => {
      world.simulator.reinstate(buyer.agreement);
      await buyer.use(1);
      await world.pass(3);
    };
  }),
  quarantinedCause: inWorld(
    async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5, { dimension: 'storage' });
      await world.pass(1.5);
      return async () => {
        const [listing] = world.simulator.products();
        const storage = { name: 'storage', type: 'ExternallyMetered' };
        (listing!.dimensions as (typeof storage)[]).push(storage);
        await world.database.query(`UPDATE marketplace.quarantined_cause SET next_probe_at = clock_timestamp()`);
        await world.pass(1);
      };
    },
    { listed: ['requests'] },
  ),
  conflict: inWorld(async (world) => {
    const buyer = await usesFive(world);
    world.clock.advance(1.25 * HOUR_MS);
    await otherSystem(world, { ...buyer.agreement, hour: HOUR, quantity: 4 });
    await world.work();
    return async () => {
      const [id] = await recordIds(world, `reason = 'conflict'`);
      await resolution(world).settleConflict(id!, { quantityOnFile: 4 }, { by: 'ada' });
    };
  }),
  ledgerMismatch: tampered(
    (by) => [`UPDATE marketplace.balance SET event_sum = event_sum + ${by}`],
    (world) => world.run('submit'),
  ),
  rollupMismatch: tampered(
    (by) => [
      `UPDATE marketplace.rollup SET event_sum = event_sum + ${by} WHERE record_id IS NOT NULL`,
      `UPDATE marketplace.metering_record SET event_sum = event_sum + ${by}, quantity = quantity + ${by}`,
      `UPDATE marketplace.balance SET event_sum = event_sum + ${by}, quantity = quantity + ${by}`,
    ],
    (world) => world.prove(),
  ),
  expired: tooLate('accessDenied', async (world) => {
    for (const id of await recordIds(world, `disposition = 'held'`)) await resolution(world).writeOff(id, SIGNED);
  }),
  unknownOutcome: tooLate('resetBefore', async (world) => {
    for (const id of await recordIds(world, `state = 'unknown'`))
      await resolution(world).settleUnknown(id, { absentWithFullCoverage: true }, { by: 'ada' });
  }),
  // The resource that tried it is gone, another one has its place.
  triedElsewhere: inInstallation(async (world) => {
    const first = await world.pod();
    await world.at('09:30', { works: false });
    await first.record(5);
    world.simulator.faults.add({ kind: 'resetBefore', operation: 'MeterUsage', count: 1 });
    await world.at('10:10', { works: false });
    await first.run('seal', 'submit');
    first.kill();
    await world.at('10:20', { works: false });
    const second = await world.pod();
    await world.expireLeases();
    await world.at('10:21');
    return { asked: () => second, end: () => world.at('17:01') };
  }),
  sharedGrain: inWorld(
    async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      const deliveries = world.simulator.notifications.deliveries().map(({ type, outcome }) => `${type} ${outcome}`);
      expect({ ids, deliveries }).toMatchObject({ ids: [expect.any(String), expect.any(String)] });
      for (const subscriptionId of ids) await world.record({ subscriptionId, quantity: 15 });
      await world.pass(1.5);
      expect(await world.records()).toMatchObject([{ state: 'metered' }, { state: 'metered' }]);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(1);
      return async () => {
        world.clock.advance(32 * 24 * HOUR_MS);
        await world.run('deadline');
      };
    },
    { lists: [LEGACY_CODE], simulator: { switches: { resentMeteringRecordId: 'new' } } },
  ),
  // Billed under an agreement of which is heard too late that it was replaced.
  billedElsewhere: inWorld(async (world) => {
    const buyer = await world.join('acme');
    await world.goTo('2026-11-11T10:37:00Z');
    world.asksAws = false;
    world.mailbox.hold();
    buyer.replace();
    await world.goTo('2026-11-11T10:50:00Z');
    await buyer.use(7);
    await world.goTo('2026-11-11T11:15:00Z');
    world.asksAws = true;
    await world.mailbox.release();
    await world.pass(3);
    return () => world.pass(1);
  }),
  // By a person's word it was absent at AWS; the log shows it.
  overBilled: inWorld(
    async (world) => {
      world.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      const away = world.simulator.faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      await loseTheAnswer(world);
      await giveUp(world);
      const [id] = await recordIds(world, `state = 'unknown'`);
      await resolution(world).settleUnknown(id!, { absentWithFullCoverage: true }, { by: 'ada' });
      away.remove();
      await world.pass(2);
      const range = { from: new Date('2026-11-11T09:00:00Z'), to: new Date('2026-11-11T13:00:00Z') };
      const look = () => world.app.get(MarketplaceAudit).compare(range);
      await look();
      return look;
    },
    audited({ options: { onExpired: 'hold' } }),
  ),
  auditUnknownUsage: seenInTheLog(false),
  auditDoubleBill: seenInTheLog(true),
};
