import {
  BatchMeterUsageCommand,
  MeterUsageCommand,
  ResolveCustomerCommand,
  type UsageAllocation,
} from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ComputePlatform, type Switches } from '../src/index.js';
import { startSoftware } from './buyer-software.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { hourMs, noon, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const platforms = ['ec2', 'ecs', 'eks', 'fargate', 'agentcore'] as const;
const hourly = platforms.filter((platform) => platform !== 'agentcore');
const at = (hours: number): Date => new Date(noon.getTime() + hours * hourMs);

const untagged = (quantity: number): UsageAllocation => ({ AllocatedUsageQuantity: quantity });

describe('MeterUsage', () => {
  it.each(platforms)('bills what software on %s meters, to the agreement of its buyer', async (platform) => {
    const { sim, listing, agreement, resource, meter } = await startSoftware(platform);
    const id = await meter();
    expect(id).toMatch(uuid);
    expect(sim.bill()).toEqual([
      {
        operation: 'MeterUsage',
        productCode: listing.productCode,
        region: 'us-east-1',
        identity: 'resource',
        agreementId: agreement.agreementId,
        customerAWSAccountId: agreement.accountId,
        resourceId: resource.resourceId,
        dimension: 'users',
        hour: '2026-11-18T12:00:00.000Z',
        quantity: 5,
        meteringRecordId: id,
      },
    ]);
  });

  it.each(hourly)('takes one record per dimension and hour of one resource on %s', async (platform) => {
    const { sim, meter, launch } = await startSoftware(platform);
    const [first, again] = [await meter(), await meter({ Timestamp: at(-0.4) })];
    expect(again).toBe(first);
    expect(await meter({ UsageQuantity: 6 })).toBe('DuplicateRequestException');
    expect(await meter({ UsageQuantity: 6, UsageDimension: 'gigabytes' })).toMatch(uuid);
    expect(await meter({ UsageQuantity: 6, Timestamp: at(-1) })).toMatch(uuid);
    const other = launch();
    expect(await other.meter({ UsageQuantity: 6 })).toMatch(uuid);
    expect(sim.bill().map(({ quantity }) => quantity)).toEqual([5, 6, 6, 6]);
    expect(sim.bill({ resourceId: other.resource.resourceId })).toHaveLength(1);
  });

  it('adds up what AgentCore sends in one hour, one record per token', async () => {
    const { sim, meter } = await startSoftware('agentcore');
    const ids = [
      await meter({ ClientToken: 'a' }),
      await meter({ ClientToken: 'b' }),
      await meter({ ClientToken: 'a' }),
    ];
    expect(ids[1]).not.toBe(ids[0]);
    expect(ids[2]).toBe(ids[0]);
    expect(sim.bill().map(({ quantity, hour }) => [quantity, hour])).toEqual([
      [5, '2026-11-18T12:00:00.000Z'],
      [5, '2026-11-18T12:00:00.000Z'],
    ]);
    // The SDK makes a new token where none is given: an application that tries again by itself is billed again.
    await meter();
    await meter();
    expect(sim.bill()).toHaveLength(4);
  });

  it.each([
    ['agentcore', 'ValidationException'],
    ['ecs', 'no error'],
  ] as const)('wants a ClientToken on AgentCore: without one, %s gets %s', async (platform, expected) => {
    const { client, listing } = await startSoftware(platform);
    client.middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as { body: Uint8Array; headers: Record<string, string> };
        const body = JSON.parse(new TextDecoder().decode(request.body)) as Record<string, unknown>;
        request.body = Buffer.from(JSON.stringify({ ...body, ClientToken: undefined }));
        request.headers['content-length'] = String(request.body.length);
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    const command = new MeterUsageCommand({
      ProductCode: listing.productCode,
      Timestamp: noon,
      UsageDimension: 'users',
    });
    expect(await errorNameOf(client.send(command))).toBe(expected);
  });

  it.each(['ec2', 'agentcore'] as const)(
    'refuses one ClientToken for two requests on %s, with HTTP 409',
    async (platform) => {
      const { sim, meter } = await startSoftware(platform);
      const id = await meter({ ClientToken: 'token', Timestamp: at(-5.9) });
      const others = [
        { UsageQuantity: 6 },
        { UsageDimension: 'gigabytes' },
        { Timestamp: at(-5.8) },
        { UsageAllocations: [untagged(5)] },
      ];
      for (const other of others) {
        expect(await meter({ ClientToken: 'token', Timestamp: at(-5.9), ...other })).toBe(
          'IdempotencyConflictException',
        );
      }
      expect(sim.calls({ error: 'IdempotencyConflictException' })).toMatchObject(Array(4).fill({ statusCode: 409 }));
      sim.clock.advance(hourMs);
      expect(await meter({ ClientToken: 'token', Timestamp: at(-5.9) })).toBe(id);
      expect(sim.bill()).toHaveLength(1);
    },
  );

  it('forgets the token of a request that was refused', async () => {
    const { meter } = await startSoftware('ec2');
    expect(await meter({ ClientToken: 'token', UsageDimension: 'unknown' })).toBe('InvalidUsageDimensionException');
    expect(await meter({ ClientToken: 'token' })).toMatch(uuid);
  });

  it('answers DryRun by errors, and bills nothing', async () => {
    const { sim, meter, launch } = await startSoftware('ec2');
    expect(await meter({ DryRun: true })).toBe('DryRunOperation');
    expect(await launch({ credentials: 'longTerm' }).meter({ DryRun: true })).toBe('UnauthorizedException');
    expect(sim.bill()).toEqual([]);
    expect(await meter({ DryRun: false })).toMatch(uuid);
  });

  it.each([
    [{}, -6, -6.001],
    [{ meterUsageWindowHours: 1 }, -1, -1.001],
    [{}, 300 / 3600, 301 / 3600],
    [{ futureSkewMs: 0 }, 0, 0.001],
  ] as [Partial<Switches>, number, number][])(
    'takes usage within its window (%j): %d h yes, %d h no',
    async (switches, inside, outside) => {
      const { meter } = await startSoftware('ec2', { switches });
      expect(await meter({ Timestamp: at(inside) })).toMatch(uuid);
      expect(await meter({ Timestamp: at(outside), UsageDimension: 'gigabytes' })).toBe(
        'TimestampOutOfBoundsException',
      );
    },
  );

  it('refuses usage from before the software started', async () => {
    const { launch } = await startSoftware('ec2');
    const { meter } = launch();
    expect(await meter({ Timestamp: new Date(noon.getTime() - 1) })).toBe('TimestampOutOfBoundsException');
    expect(await meter({ Timestamp: noon })).toMatch(uuid);
  });

  it('refuses dimensions and products that are not metered this way', async () => {
    const { sim, agreement, meter } = await startSoftware('ec2');
    expect(await meter({ UsageDimension: 'Users' })).toBe('InvalidUsageDimensionException');
    expect(await meter({ UsageDimension: 'seats' })).toBe('InvalidUsageDimensionException');
    expect(await meter({ ProductCode: 'unknown' })).toBe('InvalidProductCodeException');
    const { productCode } = sim.createProduct({ dimensions: ['users'] });
    expect(await meter({ ProductCode: productCode })).toBe('InvalidProductCodeException');
    const { productCode: container } = sim.createProduct({ dimensions: ['users'], type: 'container' });
    sim.subscribe({ productCode: container, accountId: agreement.accountId });
    expect(await meter({ ProductCode: container })).toBe('CustomerNotEntitledException');
  });

  it('is refused to BatchMeterUsage what is metered this way', async () => {
    const { sim, client, record } = await startMetering({}, 'legacy');
    const { productCode } = sim.createProduct({ dimensions: ['users'], type: 'ami' });
    const command = new BatchMeterUsageCommand({ ProductCode: productCode, UsageRecords: [record()] });
    expect(await errorNameOf(client.send(command))).toBe('InvalidProductCodeException');
  });

  const tagged = (quantity: number, value: string): UsageAllocation => ({
    ...untagged(quantity),
    Tags: [{ Key: 'team', Value: value }],
  });

  it('judges allocations and constraints as BatchMeterUsage does', async () => {
    const { sim, meter } = await startSoftware('ec2');
    expect(await meter({ UsageAllocations: [untagged(4)] })).toBe('InvalidUsageAllocationsException');
    expect(await meter({ UsageAllocations: [untagged(2), untagged(3)] })).toBe('InvalidUsageAllocationsException');
    expect(await meter({ UsageAllocations: [tagged(5, 'a?')] })).toBe('InvalidTagException');
    expect(await meter({ UsageQuantity: -1 })).toBe('ValidationException');
    expect(await meter({ UsageQuantity: 2_147_483_648 })).toBe('ValidationException');
    expect(await meter({ UsageDimension: 'x'.repeat(256) })).toBe('ValidationException');
    expect(await meter({ ProductCode: undefined })).toBe('ValidationException');
    expect(await meter({ Timestamp: undefined })).toBe('ValidationException');
    expect(await meter({ ClientToken: 'x'.repeat(65) })).toBe('ValidationException');
    expect(await meter({ DryRun: 'yes' as unknown as boolean })).toBe('SerializationException');
    expect(await meter({ UsageAllocations: [tagged(2, 'a'), untagged(3)] })).toMatch(uuid);
    expect(sim.bill()[0]?.usageAllocations).toEqual([tagged(2, 'a'), untagged(3)]);
  });

  it.each([
    ['identical', uuid],
    ['duplicateRecord', /^DuplicateRequestException$/],
  ] as const)('answers other allocations of one quantity by switch: %s', async (otherAllocations, expected) => {
    const { meter } = await startSoftware('ec2', { switches: { otherAllocations } });
    await meter({ UsageAllocations: [tagged(2, 'a'), untagged(3)] });
    expect(await meter({ UsageAllocations: [tagged(3, 'a'), untagged(2)] })).toMatch(expected);
  });

  it('counts a missing quantity as zero, and locks the hour', async () => {
    const { sim, meter } = await startSoftware('ec2');
    expect(await meter({ UsageQuantity: undefined })).toMatch(uuid);
    expect(await meter()).toBe('DuplicateRequestException');
    expect(sim.bill()[0]?.quantity).toBe(0);
  });
});

describe('MeterUsage: who may meter', () => {
  it('refuses buyers without a subscription, and bills the seller nothing for a preview', async () => {
    const { sim, listing, launch } = await startSoftware('ec2');
    const { meter } = launch({ accountId: '999999999999' });
    expect(await meter()).toBe('CustomerNotEntitledException');
    sim.subscribe({ productCode: listing.productCode, accountId: '999999999999', startsAt: at(1) });
    expect(await meter()).toBe('CustomerNotEntitledException');
    expect(await launch({ accountId: sim.sellerAccountId }).meter()).toMatch(uuid);
    expect(sim.bill()).toEqual([]);
  });

  it('takes an agreement only while it runs', async () => {
    const { sim, agreement, meter } = await startSoftware('ec2');
    sim.suspend(agreement);
    expect(await meter()).toBe('CustomerNotEntitledException');
    sim.reinstate(agreement);
    expect(await meter()).toMatch(uuid);
    sim.end(agreement);
    expect(await meter({ UsageDimension: 'gigabytes' })).toBe('CustomerNotEntitledException');
  });

  it.each([
    ['ecs', 'firstCall', uuid],
    ['ecs', 'everyCall', /^CustomerNotEntitledException$/],
    ['ec2', 'firstCall', /^CustomerNotEntitledException$/],
  ] as const)('after the end, software on %s (entitlementCheck %s)', async (platform, entitlementCheck, expected) => {
    const { sim, agreement, meter, launch } = await startSoftware(platform, { switches: { entitlementCheck } });
    expect(await meter()).toMatch(uuid);
    sim.end(agreement);
    expect(await meter({ UsageDimension: 'gigabytes' })).toMatch(expected);
    expect(await launch().meter()).toBe('CustomerNotEntitledException');
  });

  it.each([
    ['longTerm', 'CustomerNotEntitledException'],
    ['node', 'CustomerNotEntitledException'],
    ['podIdentity', 'AccessDeniedException'],
  ] as const)(
    'takes no credentials but those of the workload: %s is %s by switch',
    async (credentials, unsupportedCredentials) => {
      const { launch } = await startSoftware('eks', { switches: { unsupportedCredentials } });
      expect(await launch({ credentials }).meter()).toBe(unsupportedCredentials);
    },
  );

  it('takes nothing signed by the seller', async () => {
    const { client } = await startMetering();
    const command = new MeterUsageCommand({ ProductCode: 'x', Timestamp: noon, UsageDimension: 'users' });
    expect(await errorNameOf(client.send(command))).toBe('CustomerNotEntitledException');
  });

  it('wants the session token, and takes none after the software has ended', async () => {
    const { sim, resource, listing, meter } = await startSoftware('ec2');
    const { accessKeyId, secretAccessKey } = resource.credentials;
    const client = meteringClient(sim.url, { credentials: { accessKeyId, secretAccessKey } });
    const command = new MeterUsageCommand({
      ProductCode: listing.productCode,
      Timestamp: noon,
      UsageDimension: 'users',
    });
    expect(await errorNameOf(client.send(command))).toBe('UnrecognizedClientException');
    client.destroy();
    sim.terminate(resource);
    expect(await meter()).toBe('ExpiredTokenException');
    expect(sim.resources()[0]).toMatchObject({ resourceId: resource.resourceId, terminatedAt: noon });
  });

  it.each([
    ['ec2', 'us-gov-west-1', uuid],
    ['ecs', 'us-gov-west-1', /^InvalidEndpointRegionException$/],
    ['ecs', 'af-south-1', uuid],
    ['eks', 'sa-east-1', uuid],
    ['eks', 'af-south-1', /^InvalidEndpointRegionException$/],
  ] as [ComputePlatform, string, RegExp][])('on %s in %s', async (platform, region, expected) => {
    const { meter } = await startSoftware(platform, {}, region);
    expect(await meter()).toMatch(expected);
  });

  it('wants the endpoint of the region in which the software runs', async () => {
    const { launch } = await startSoftware('ec2');
    expect(await launch({ region: 'eu-west-1' }, 'us-east-1').meter()).toBe('InvalidEndpointRegionException');
    expect(await launch({ region: 'eu-west-1' }).meter({ Timestamp: noon })).toMatch(uuid);
  });

  it('does not let a buyer call what is for the seller', async () => {
    const { sim, agreement, client } = await startSoftware('ec2');
    expect(await errorNameOf(client.send(new BatchMeterUsageCommand({ UsageRecords: [] })))).toBe(
      'AccessDeniedException',
    );
    const resolve = new ResolveCustomerCommand({ RegistrationToken: sim.registrationToken(agreement) });
    expect(await errorNameOf(client.send(resolve))).toBe('InvalidTokenException');
  });

  it('has its quota per account', async () => {
    const { meter, launch } = await startSoftware('ec2', { callsPerSecond: { MeterUsage: 0.001 } });
    expect(await meter()).toMatch(uuid);
    expect(await launch().meter()).toBe('ThrottlingException');
    expect(await launch({ accountId: '999999999999' }).meter()).toBe('CustomerNotEntitledException');
  });

  it('refuses to launch for nobody', async () => {
    const { sim } = await startSoftware('ec2');
    expect(() => sim.launch({ platform: 'ec2' })).toThrow('an agreement or an accountId');
    expect(() => sim.terminate('i-unknown')).toThrow('No resource');
  });
});
