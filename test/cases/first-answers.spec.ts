import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { JobScheduler, MeteringService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type ResolvedOptions } from '../../src/options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { expectTablesConserved } from '../support/conservation.js';
import { METERED, SoftwareWorld } from '../support/software.js';

// K13, K14: what a start cannot find out, because DryRun asks for permission alone, the first records are answered.

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
