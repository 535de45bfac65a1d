import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { JobScheduler, MarketplaceReadiness, MeteringService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type ResolvedOptions } from '../../src/options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { expectTablesConserved } from '../support/conservation.js';
import { eventually } from '../support/processes.js';
import { HOURLY, IMAGE, METERED, SoftwareWorld } from '../support/software.js';

// K13, K14: what a start cannot find out, because DryRun asks for permission alone, the first records are answered. K1,
// K17: many starts, one after the other and at once.

let world: SoftwareWorld;

beforeAll(async () => {
  world = await SoftwareWorld.start();
  world.subscribe(METERED);
});
afterEach(() => world.rest());
afterAll(() => world.stop());

/** A ledger of its own, and no waiting. */
const PACED = (sellerAccount: string) => ({
  ...{ sellerAccount, submission: { spreadMs: 0 } },
  aws: { callsPerSecond: { meterUsage: 1000 } },
});

/** So many minutes pass, and everything that runs does its work. */
async function work(app: INestApplication, minutes: number): Promise<void> {
  world.clock.advance(minutes * 60_000);
  for (let round = 0; round < 3; round += 1) {
    for (const job of ['seal', 'submit', 'recovery', 'deadline'] as const) await app.get(JobScheduler).runOnce(job);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const recordsIn = (app: INestApplication): Promise<Record<string, unknown>[]> =>
  app.get(LedgerDatabase, { strict: false }).query(
    `SELECT state, reason, disposition, quantity::text FROM marketplace.metering_record WHERE seller_account = $1
         AND disposition IS DISTINCT FROM 'annulled' ORDER BY hour`,
    [app.get<ResolvedOptions>(RESOLVED_OPTIONS, { strict: false }).sellerAccount],
  );

describe('K13 a region that turns out to be wrong', () => {
  it('is a fault of the set-up: nothing is final, and all is billed once it is corrected', async () => {
    const agreement = world.simulator.agreements().find(({ productCode }) => productCode === METERED)!;
    const resource = world.launch({ agreement, platform: 'ecs' });
    await world.moveTo(resource);
    // Permission is all that this DryRun asks for.
    const wrong = await world.run(world.metered({ region: 'eu-west-1' }), PACED('wrong-region'));
    expect([wrong.exit, wrong.readiness?.ready]).toEqual([null, true]);
    await wrong.app!.get(MeteringService).record({ dimension: 'requests', quantity: 6 });
    await work(wrong.app!, 60);
    for (let quarter = 0; quarter < 12; quarter += 1) await work(wrong.app!, 15);
    expect(world.simulator.calls({ error: 'InvalidEndpointRegionException' }).length).toBeGreaterThan(1);
    expect(await recordsIn(wrong.app!)).toMatchObject([{ state: 'pending', quantity: '6' }]);
    const database = wrong.app!.get(LedgerDatabase, { strict: false });
    const alerts = (): Promise<{ kind: string }[]> =>
      database.query(
        `SELECT kind FROM marketplace.alert WHERE seller_account = 'wrong-region' AND resolved_at IS NULL`,
      );
    expect(await alerts()).toContainEqual({ kind: 'setupError' });
    await world.rest();
    const right = await world.run(world.metered(), PACED('wrong-region'));
    await work(right.app!, 15);
    await work(right.app!, 60);
    const bill = world.simulator
      .bill({ productCode: METERED })
      .filter((line) => line.resourceId === resource.resourceId);
    expect(bill.map(({ quantity, hour, region }) => [quantity, hour.slice(11, 13), region])).toEqual([
      [6, '10', 'us-east-1'],
    ]);
    await expectTablesConserved(right.app!.get(LedgerDatabase, { strict: false }));
  });
});

describe('K14 a DryRun', () => {
  it('permits, and says nothing of a subscription: what the first record is answered then is told, and its units wait', async () => {
    const accountId = '333344445555';
    world.clock.set(new Date('2026-11-12T10:17:30Z'));
    await world.moveTo(world.launch({ accountId, platform: 'ecs' }));
    const product = world.metered();
    const { app, exit } = await world.run(product, PACED('not-subscribed'));
    expect(exit).toBeNull();
    await app!.get(MeteringService).record({ dimension: 'requests', quantity: 4 });
    await work(app!, 60);
    expect(await recordsIn(app!)).toMatchObject([{ state: 'blocked', reason: 'notSubscribed', quantity: '4' }]);
    const database = app!.get(LedgerDatabase, { strict: false });
    expect(
      await database.query(`SELECT evidence FROM marketplace.attempt_record WHERE seller_account = $1`, [
        'not-subscribed',
      ]),
    ).toEqual([{ evidence: 'refused' }]);
    const told = await database.query(
      `SELECT type FROM marketplace.outbox_event WHERE seller_account = 'not-subscribed' ORDER BY type`,
    );
    expect(told).toEqual(expect.arrayContaining([{ type: 'alert.raised' }, { type: 'metering.blocked' }]));
    // A replica that starts now is refused where AWS says so at the start; this one goes on.
    world.simulator.setSwitches({ dryRunChecks: 'everything' });
    const second = await world.run(product, PACED('not-subscribed'));
    expect(second.exit).toMatchObject({ code: 81, error: 'CUSTOMER_NOT_ENTITLED' });
    world.simulator.setSwitches({ dryRunChecks: 'permissions' });
    await work(app!, 9 * 60);
    expect(await recordsIn(app!)).toMatchObject([{ state: 'closed', disposition: 'held', reason: 'notSubscribed' }]);
    expect(
      world.simulator.bill({ productCode: METERED }).filter((line) => line.customerAWSAccountId === accountId),
    ).toEqual([]);
    await expectTablesConserved(database);
  });
});

describe('K1 an idle pod', () => {
  it('that is started twenty times within an hour asks for permission each time, and leaves an empty bill', async () => {
    world.clock.set(new Date('2026-11-14T10:00:00Z'));
    const agreement = world.simulator.agreements().find(({ productCode }) => productCode === METERED)!;
    const resource = world.launch({ agreement, platform: 'eks' });
    await world.moveTo(resource);
    const before = world.calls('MeterUsage');
    for (let start = 0; start < 20; start += 1) {
      const { app, exit } = await world.run(world.metered(), PACED('idle'));
      expect(exit).toBeNull();
      await work(app!, 2);
      await app!.close();
    }
    const { app } = await world.run(world.metered(), PACED('idle'));
    await work(app!, 60);
    const calls = world.simulator.calls({ operation: 'MeterUsage' }).slice(before);
    expect(calls.map(({ request }) => request?.DryRun)).toEqual(Array.from({ length: 21 }, () => true));
    const lines = world.simulator.bill({ productCode: METERED });
    expect(lines.filter(({ resourceId }) => resourceId === resource.resourceId)).toEqual([]);
    expect(await recordsIn(app!)).toEqual([]);
  });
});

describe('K17 a rollout against five calls a second, which all software in the account shares', () => {
  it('registers every process, each at its time; none ends for being throttled', async () => {
    const agreement = world.subscribe(HOURLY);
    await world.moveTo(world.launch({ agreement, platform: 'ecs' }));
    const throttled = () => world.simulator.calls({ operation: 'RegisterUsage', error: 'ThrottlingException' });
    // Others of the account have taken the first seconds: whoever starts meanwhile is throttled, however slowly he does.
    world.simulator.setCallsPerSecond({ RegisterUsage: 0.001 });
    const before = world.calls('RegisterUsage');
    const starting = Promise.all(
      Array.from({ length: 20 }, () => world.run(world.hourly(), { container: { listenAfterMs: 50 } })),
    );
    await eventually('software is throttled', () => throttled().length > 0);
    world.simulator.setCallsPerSecond({ RegisterUsage: 5 });
    const starts = await starting;
    expect(starts.map(({ exit }) => exit)).toEqual(starts.map(() => null));
    for (const { app } of starts) {
      expect((await fetch(await app!.getUrl())).status).toBe(404);
      const service = app!.get(MarketplaceReadiness, { strict: false });
      await eventually('it is ready', () => service.isReady, 60_000);
    }
    expect(world.calls('RegisterUsage') - before).toBeGreaterThan(20);
  });
});

describe('a private subnet', () => {
  it.each(['ecs', 'eks', 'ec2'] as const)(
    'on %s: nobody is called but AWS’s metering, the platform and the ledger',
    async (platform) => {
      world.clock.set(new Date(`2026-11-${15 + ['ecs', 'eks', 'ec2'].indexOf(platform)}T10:17:30Z`));
      const product = platform === 'ec2' ? world.image() : world.metered();
      if (platform === 'ec2') world.subscribe(IMAGE);
      const agreement = world.simulator.agreements().find(({ productCode }) => productCode === product.productCode)!;
      const resource = world.launch({ agreement, platform });
      await world.moveTo(resource);
      const before = world.simulator.calls().length;
      const given = Object.values(process.env).filter((value = '') => value.startsWith('http://127.0.0.1'));
      const called = new Set<string>();
      const note = (message: unknown): void => {
        const { socket } = message as { socket: Socket };
        socket.once('connect', () => called.add(`${socket.remotePort}`));
      };
      subscribe('net.client.socket', note);
      try {
        const { app, exit } = await world.run(product, PACED(`private-${platform}`));
        expect(exit).toBeNull();
        await app!.get(MeteringService).record({ dimension: 'requests', quantity: 2 });
        await work(app!, 60);
        for (const job of app!.get(JobScheduler).names) await app!.get(JobScheduler).runOnce(job);
      } finally {
        unsubscribe('net.client.socket', note);
      }
      const known = [world.simulator.url, world.postgres.url, ...given].map((url = '') => new URL(url).port);
      expect(called.size).toBeGreaterThan(1);
      expect([...called].filter((port) => !known.includes(port))).toEqual([]);
      const operations = world.simulator
        .calls()
        .slice(before)
        .map(({ operation }) => operation);
      expect(new Set(operations)).toEqual(new Set(['MeterUsage']));
    },
  );
});
