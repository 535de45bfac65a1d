import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { type ApiCall, type ComputePlatform } from 'aws-marketplace-simulator';
import { MarketplaceMeteringClient, MeterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { JobScheduler, MarketplaceAudit, MeteringService, type Options, type StaticOptions } from '../../src/index.js';
import { WorkloadDiscovery } from '../../src/container/workload-discovery.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { expectTablesConserved } from '../support/conservation.js';
import { InstalledWorld, type Pod } from '../support/installed-world.js';
import { meterByHand } from '../support/metered-by-hand.js';
import { eventually } from '../support/processes.js';
import { isEveryCallLogged } from '../support/logged-calls.js';
import { IMAGE, METERED, SOFTWARE_START, SoftwareWorld } from '../support/software.js';

// K40: CloudTrail of the buyer's account, where the calls of MeterUsage stand. Siblings: by the attempt, by the session
// of each platform's role, by a refusal; not allowed, not asked, and the calls of other installations beside.

jest.setTimeout(120_000);

const AUDITED: Options & StaticOptions = {
  audit: { lookupEvents: 'all' },
  aws: { callsPerSecond: { meterUsage: 1000, lookupEvents: 1000 } },
};
const lookups = (world: InstalledWorld | SoftwareWorld): ApiCall[] =>
  world.simulator.calls({ operation: 'LookupEvents' });

/** Five units of hour 09 are sent from a pod whose answer never comes, and which is gone then. */
async function unanswered(
  world: InstalledWorld,
  fault: { kind: 'resetAfter' | 'throttle' } = { kind: 'resetAfter' },
): Promise<Pod> {
  const first = await world.pod();
  await world.at('09:30', { works: false });
  await first.record(5);
  world.simulator.faults.add({ ...fault, operation: 'MeterUsage', count: 1 });
  await world.at('10:10', { works: false });
  await first.run('seal', 'submit');
  if (fault.kind === 'throttle')
    await eventually('AWS has refused it', () => isEveryCallLogged(world.simulator, 'MeterUsage'));
  first.kill();
  await world.at('10:12', { works: false });
  const second = await world.pod();
  await world.expireLeases();
  await world.turn();
  expect(await world.alerts()).toContain('triedElsewhere');
  return second;
}

const audited = async (world: InstalledWorld, pod: Pod, ...times: string[]): Promise<void> => {
  for (const time of times) {
    await world.at(time);
    await pod.run('audit');
  }
};

describe('K40 an audit in the buyer’s account', () => {
  it('settles what a resource that is gone had sent, by the attempt in the user agent', async () => {
    await using world = await InstalledWorld.start({ options: AUDITED });
    const second = await unanswered(world);
    // Not shown yet; then it is, but the record still waits for its resource; then its time is over.
    await audited(world, second, '10:20', '10:40');
    await audited(world, second, '17:01', '17:02');
    const [record] = await world.records();
    expect(record).toMatchObject({ state: 'metered', closed_by: 'audit' });
    expect(record!.metering_record_id).toBe(world.simulator.bill()[0]!.meteringRecordId);
    expect(world.simulator.calls({ operation: 'MeterUsage' })).toHaveLength(1);
    await world.at('18:10');
    expect(await world.alerts()).toEqual([]);
    expect(world.billed).toBe(5);
    await world.expectAllBilled();
  });

  it('lets what AWS had refused, unheard, go with the resource that lives', async () => {
    await using world = await InstalledWorld.start({
      options: { ...AUDITED, submission: { requestTimeoutMs: 3000, leaseMs: 9000 } },
      simulator: { switches: { cloudTrailErrors: 'inside' } },
    });
    // Refused later than anybody waits for.
    world.simulator.faults.add({ kind: 'latency', ms: 4500, operation: 'MeterUsage', count: 1 });
    const second = await unanswered(world, { kind: 'throttle' });
    await audited(world, second, '10:40', '17:01', '17:02');
    expect(await world.records(`disposition = 'annulled'`)).toMatchObject([{ closed_by: 'audit' }]);
    await world.at('18:10');
    expect(world.billByHour()).toEqual({ 15: 5 });
    const [record] = await world.records<{ notes: object }>(`state = 'metered'`);
    expect(record!.notes).toMatchObject({ late: [{ hour: '2026-11-11T09:00:00.000Z', quantity: '5' }] });
    await world.expectAllBilled();
  });

  it('is off by default: nothing is asked, and records stay unknown', async () => {
    await using world = await InstalledWorld.start({ options: { audit: { lookupEvents: undefined } } });
    const second = await unanswered(world);
    await audited(world, second, '10:40', '17:01', '18:10');
    expect(lookups(world)).toEqual([]);
    expect(await world.records(`state = 'unknown'`)).toHaveLength(1);
    await second.resolution.settleUnknown(
      (await world.records<{ id: string }>())[0]!.id,
      { found: { meteringRecordId: null } },
      { by: 'ada' },
    );
    await world.expectAllBilled();
  });

  it('says once that it may not look there: no storm of calls, none of alerts', async () => {
    await using world = await InstalledWorld.start({ options: AUDITED });
    world.simulator.faults.add({ kind: 'accessDenied', operation: 'LookupEvents' });
    const second = await unanswered(world);
    await world.at('17:01');
    const before = await world.alerts();
    for (let tick = 0; tick < 20; tick += 1) {
      world.clock.advance(600_000);
      await second.run('audit');
    }
    expect(lookups(world)).toHaveLength(1);
    expect(await world.alerts()).toEqual(before);
    const report = await second.app
      .get(MarketplaceAudit)
      .report({ from: new Date('2026-11-11T09:00:00Z'), to: new Date('2026-11-11T12:00:00Z') });
    expect(report.coverage).toMatchObject([{ operation: 'MeterUsage', isDenied: true, settled: [], early: [] }]);
    expect(report.open).toMatchObject([{ isAbsent: false }]);
    expect(await world.records(`state = 'unknown'`)).toHaveLength(1);
    await expectTablesConserved(world.database);
  });

  it('sets other installations in the account apart, and tells of other software on its own resources', async () => {
    // A task's session has its id, which tells installations apart.
    await using world = await InstalledWorld.start({ platform: 'ecs', options: AUDITED });
    const pod = await world.pod();
    await world.at('09:30');
    await pod.record(5);
    await world.at('10:10');
    const hours = { from: new Date('2026-11-11T09:00:00Z'), to: new Date('2026-11-11T12:00:00Z') };
    const other = world.simulator.launch({ agreement: world.agreement, platform: 'ecs' });
    await meterByHand(world, other, { quantity: 40, at: '10:10:00' });
    await world.at('11:30');
    const audit = pod.app.get(MarketplaceAudit);
    const apart = await audit.compare(hours);
    expect(apart).toMatchObject({ incidents: [], elsewhere: 1, totals: [{ awsUnits: '5', ledgerUnits: '5' }] });
    expect(apart.coverage.map(({ region, gaps }) => [region, gaps])).toEqual([['us-east-1', []]]);
    expect(await world.alerts()).toEqual([]);

    await meterByHand(world, pod.resource, { quantity: 7, at: '10:20:00' });
    await world.at('13:30');
    const { incidents, elsewhere } = await audit.compare(hours);
    expect(incidents).toMatchObject([{ kind: 'unknownUsage', taken: [{ units: '7' }] }]);
    expect(elsewhere).toBe(1);
    expect(await world.alerts()).toEqual(['auditUnknownUsage']);
    await expectTablesConserved(world.database);
  });
});

describe('K40 a conflict is settled by what stands under the session of the role', () => {
  let world: SoftwareWorld;
  let app: INestApplication;

  beforeAll(async () => {
    world = await SoftwareWorld.start();
    for (const productCode of [METERED, IMAGE]) world.subscribe(productCode);
  });
  afterEach(() => world.rest());
  afterAll(() => world.stop());

  const run = async (...jobs: Parameters<JobScheduler['runOnce']>[0][]): Promise<void> => {
    for (const job of jobs) await app.get(JobScheduler).runOnce(job);
  };

  it.each<ComputePlatform>(['ec2', 'ecs', 'fargate', 'eks'])('on %s', async (platform) => {
    const product = platform === 'ec2' ? world.image() : world.metered();
    const { productCode } = product;
    const start = new Date(SOFTWARE_START.getTime() + ['ec2', 'ecs', 'fargate', 'eks'].indexOf(platform) * 86_400_000);
    world.clock.set(start);
    const agreement = world.simulator.agreements().find((one) => one.productCode === productCode)!;
    const resource = world.launch({ agreement, platform });
    await world.moveTo(resource);
    const outcome = await world.run(product, {
      ...AUDITED,
      submission: { spreadMs: 0 },
      sellerAccount: `on-${platform}`,
    });
    expect(outcome.exit).toBeNull();
    app = outcome.app!;
    await app.get(MeteringService).record({ dimension: 'requests', quantity: 9 });
    const at = (hours: number): Date => new Date(start.getTime() - 17.5 * 60_000 + hours * 3_600_000);
    world.clock.set(at(1.1));
    // An old cron job of the same pod has sent five.
    const workload = await app.get(WorkloadDiscovery, { strict: false }).find();
    const client = new MarketplaceMeteringClient({
      ...{ region: 'us-east-1', endpoint: world.simulator.url, maxAttempts: 1 },
      credentials: workload.credentials,
    });
    await client.send(
      new MeterUsageCommand({
        ProductCode: productCode,
        Timestamp: start,
        UsageDimension: 'requests',
        UsageQuantity: 5,
      }),
    );
    client.destroy();
    world.clock.set(at(1.2));
    await run('seal', 'submit');
    const database = app.get(LedgerDatabase, { strict: false });
    const records = () =>
      database.query(
        `SELECT state, reason, quantity::text, settled_quantity::text, closed_by FROM marketplace.metering_record
         WHERE product_code = $1 AND seller_account = $2 ORDER BY hour`,
        [productCode, `on-${platform}`],
      );
    expect(await records()).toMatchObject([{ state: 'blocked', reason: 'conflict' }]);
    world.clock.set(at(2.2));
    await run('audit');
    expect(await records()).toMatchObject([{ state: 'metered', settled_quantity: '5', closed_by: 'audit' }]);
    await run('seal', 'submit');
    world.clock.set(at(3.2));
    await run('seal', 'submit');
    expect(await records()).toMatchObject([{ state: 'metered' }, { state: 'metered', quantity: '4' }]);
    const bill = world.simulator.bill({ productCode }).filter(({ resourceId }) => resourceId === resource.resourceId);
    expect(bill.map(({ quantity }) => quantity)).toEqual([5, 4]);
    await expectTablesConserved(database);
  });
});
