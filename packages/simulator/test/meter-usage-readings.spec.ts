import { MeterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Switches } from '../src/index.js';
import { startSoftware } from './buyer-software.js';
import { hourMs, noon, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const at = (hours: number): Date => new Date(noon.getTime() + hours * hourMs);

describe('DryRun', () => {
  it.each([
    ['DryRunOperation', /^DryRunOperation$/],
    ['namedId', /^DryRunOperation$/],
    ['otherId', uuid],
    ['noId', /^no error$/],
  ] as [Switches['dryRunAnswer'], RegExp][])('says yes by switch: %s', async (dryRunAnswer, expected) => {
    const { sim, meter } = await startSoftware('ecs', { switches: { dryRunAnswer } });
    expect(await meter({ DryRun: true })).toMatch(expected);
    const [call] = sim.calls();
    expect(call?.statusCode).toBe(dryRunAnswer === 'DryRunOperation' ? 400 : 200);
    expect(sim.bill()).toEqual([]);
    // Nothing of it is remembered: the hour is still free.
    expect(await meter({ UsageQuantity: 6 })).toMatch(uuid);
  });

  it.each(['UnauthorizedException', 'AccessDeniedException'] as const)(
    'says no by switch: %s',
    async (dryRunRefusal) => {
      const { meter, launch } = await startSoftware('ecs', { switches: { dryRunRefusal } });
      expect(await launch({ credentials: 'node' }).meter({ DryRun: true })).toBe(dryRunRefusal);
      expect(await launch({ deniedOperations: ['MeterUsage'] }).meter({ DryRun: true })).toBe(dryRunRefusal);
      expect(await meter({ DryRun: true })).toBe('DryRunOperation');
    },
  );

  it.each([
    ['permissions', 'DryRunOperation', 'DryRunOperation', 'DryRunOperation'],
    ['everything', 'InvalidUsageDimensionException', 'CustomerNotEntitledException', 'InvalidEndpointRegionException'],
  ] as const)('checks by switch: %s', async (dryRunChecks, ofDimension, ofBuyer, ofRegion) => {
    const { sim, meter, launch } = await startSoftware('ecs', { switches: { dryRunChecks } });
    expect(await meter({ DryRun: true, UsageDimension: 'unknown' })).toBe(ofDimension);
    const { meter: elsewhere } = launch({ region: 'eu-west-1' }, 'us-east-1');
    expect(await elsewhere({ DryRun: true })).toBe(ofRegion);
    const { meter: stranger } = launch({ accountId: '999999999999' });
    expect(await stranger({ DryRun: true })).toBe(ofBuyer);
    expect(await stranger()).toBe('CustomerNotEntitledException');
    expect(await meter({ DryRun: true })).toBe('DryRunOperation');
    expect(sim.bill()).toEqual([]);
  });
});

describe('the policy of a role', () => {
  it('denies operations one by one, naming the action', async () => {
    const { sim, launch, listing } = await startSoftware('ec2');
    const { client, resource } = launch({ deniedOperations: ['MeterUsage', 'LookupEvents'] });
    const command = new MeterUsageCommand({
      ProductCode: listing.productCode,
      Timestamp: noon,
      UsageDimension: 'users',
    });
    const { accountId, resourceId } = resource;
    await expect(client.send(command)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message:
        `User: arn:aws:sts::${accountId}:assumed-role/InstanceRole/${resourceId} is not authorized to perform: ` +
        'aws-marketplace:MeterUsage on resource: * ' +
        'because no identity-based policy allows the aws-marketplace:MeterUsage action',
    });
    expect(sim.bill()).toEqual([]);
  });
});

describe('MeterUsage, by switch', () => {
  it.each([
    ['launch', 'TimestampOutOfBoundsException'],
    ['agreement', uuid],
  ] as [Switches['meterUsageFrom'], string | RegExp][])(
    'counts the start of the software use from the %s',
    async (meterUsageFrom, expected) => {
      const { sim, launch, listing } = await startSoftware('eks', { switches: { meterUsageFrom } });
      expect(await launch().meter({ Timestamp: at(-1) })).toMatch(expected);
      const agreement = sim.subscribe({ productCode: listing.productCode, startsAt: at(-0.5) });
      const recent = launch({ agreement });
      expect(await recent.meter({ Timestamp: at(-0.51) })).toBe('TimestampOutOfBoundsException');
      const renewed = sim.renew(agreement);
      expect(await recent.meter({ Timestamp: at(-0.5) })).toMatch(expected);
      expect(sim.bill({ agreementId: renewed.agreementId })).toHaveLength(meterUsageFrom === 'agreement' ? 1 : 0);
    },
  );

  it.each([
    ['hourRule', [5]],
    ['anotherRecord', [5, 5, 6]],
  ] as [Switches['newClientToken'], number[]][])(
    'takes a new ClientToken in an hour that has a record for: %s',
    async (newClientToken, billed) => {
      const { sim, meter } = await startSoftware('ecs', { switches: { newClientToken } });
      const id = await meter({ ClientToken: 'a' });
      expect(await meter({ ClientToken: 'a' })).toBe(id);
      const again = await meter({ ClientToken: 'b' });
      expect(again === id).toBe(newClientToken === 'hourRule');
      const other = await meter({ ClientToken: 'c', UsageQuantity: 6 });
      expect(other).toMatch(newClientToken === 'hourRule' ? /^DuplicateRequestException$/ : uuid);
      expect(sim.bill().map(({ quantity }) => quantity)).toEqual(billed);
    },
  );

  it.each([
    ['InvalidTagException', /^InvalidTagException$/],
    ['ignored', uuid],
  ] as [Switches['agentCoreTags'], RegExp][])('knows no tags on AgentCore: %s', async (agentCoreTags, expected) => {
    const { sim, meter } = await startSoftware('agentcore', { switches: { agentCoreTags } });
    const UsageAllocations = [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'team', Value: 'a' }] }];
    expect(await meter({ UsageAllocations })).toMatch(expected);
    expect(await meter({ UsageAllocations: [{ AllocatedUsageQuantity: 5 }] })).toMatch(uuid);
    for (const line of sim.bill()) expect(line).not.toHaveProperty('usageAllocations');
  });

  it.each([
    ['listed', 'InvalidEndpointRegionException'],
    ['all', uuid],
  ] as [Switches['eksRegions'], string | RegExp][])('meters EKS in regions: %s', async (eksRegions, expected) => {
    const { meter, launch } = await startSoftware('eks', { switches: { eksRegions } }, 'eu-south-1');
    expect(await meter()).toMatch(expected);
    expect(await launch({ region: 'eu-west-1' }).meter()).toMatch(uuid);
    expect(await launch({ region: 'us-gov-west-1' }).meter()).toBe('InvalidEndpointRegionException');
  });
});

describe('the life of a subscription', () => {
  it('refuses while the buyer is away, and takes what is still within the window when they return', async () => {
    const { sim, agreement, listing, meter } = await startSoftware('ecs', {
      switches: { entitlementCheck: 'everyCall' },
    });
    expect(await meter()).toMatch(uuid);
    sim.cancel(agreement);
    sim.clock.advance(hourMs);
    expect(await meter()).toBe('CustomerNotEntitledException');
    sim.clock.advance(2 * hourMs);
    const again = sim.subscribe({ productCode: listing.productCode, accountId: agreement.accountId });
    expect(await meter({ Timestamp: at(1) })).toMatch(uuid);
    expect(sim.bill().map(({ agreementId }) => agreementId)).toEqual([agreement.agreementId, again.agreementId]);
  });
});

describe('the quota of an account', () => {
  it('is one for the software of all vendors in it, per region, and another for each account', async () => {
    const options = { callsPerSecond: { MeterUsage: 2 }, quotaTime: 'clock' as const };
    const { sim, agreement, meter, launch } = await startSoftware('ecs', options);
    const foreign = sim.createProduct({ dimensions: ['users'], type: 'ami' });
    const { accountId } = sim.subscribe({ productCode: foreign.productCode, accountId: agreement.accountId });
    const ami = launch({ accountId, platform: 'ec2' });
    expect(await ami.meter({ ProductCode: foreign.productCode })).toMatch(uuid);
    expect(await meter()).toMatch(uuid);
    expect(await meter()).toBe('ThrottlingException');
    expect(await launch({ region: 'eu-west-1' }).meter()).toMatch(uuid);
    const other = sim.subscribe({ productCode: foreign.productCode });
    expect(await launch({ agreement: other, platform: 'ec2' }).meter({ ProductCode: foreign.productCode })).toMatch(
      uuid,
    );
    // Played in the simulator's time: half a second is one more call.
    sim.clock.advance(499);
    expect(await meter()).toBe('ThrottlingException');
    sim.clock.advance(1);
    expect(await meter()).toMatch(uuid);
    expect(await meter()).toBe('ThrottlingException');
  });

  it('is used up by other software for forty minutes, in one account', async () => {
    const { sim, agreement, listing, meter, launch } = await startSoftware('ecs');
    const when = { accountId: agreement.accountId };
    sim.faults.add({ kind: 'throttle', operation: 'MeterUsage', when, until: at(2 / 3) });
    expect(await meter()).toBe('ThrottlingException');
    const other = launch({ agreement: sim.subscribe({ productCode: listing.productCode }) });
    expect(await other.meter()).toMatch(uuid);
    sim.clock.set(new Date(at(2 / 3).getTime() - 1));
    expect(await meter()).toBe('ThrottlingException');
    sim.clock.advance(1);
    expect(await meter({ Timestamp: noon })).toMatch(uuid);
  });
});
