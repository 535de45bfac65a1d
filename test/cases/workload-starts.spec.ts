import { performance } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ComputePlatform, type CredentialSource, type EnvironmentOptions } from 'aws-marketplace-simulator';
import { MarketplaceReadiness, type ProductOptions } from '../../src/index.js';
import { METERING_RESOURCE, type MeteringResourceSource } from '../../src/metering/submission/metering-resource.js';
import { eventually } from '../support/processes.js';
import { HOURLY, IMAGE, METERED, SOFTWARE_START, SoftwareWorld, type StartOutcome } from '../support/software.js';

// K12 to K14: what software in a buyer's account finds out before its first call. Each case stands for its kind: other
// sources and orders by test/container/credential-rule.spec.ts, other answers of the platforms by
// test/container/metadata-client.spec.ts, regions by test/container/region-rule.spec.ts; what is answered once it runs: first-answers.spec.ts.

let world: SoftwareWorld;

beforeAll(async () => {
  world = await SoftwareWorld.start();
  for (const productCode of [HOURLY, METERED, IMAGE]) world.subscribe(productCode);
});
afterEach(() => world.rest());
afterAll(() => world.stop());

interface Place {
  credentials?: CredentialSource;
  environment?: EnvironmentOptions;
  region?: string;
  /** Set beside what the platform gives. */
  variables?: Record<string, string>;
  product?: ProductOptions;
}

/** A start on a platform, in an account that has subscribed, within ten seconds. */
async function startOn(platform: ComputePlatform, place: Place = {}): Promise<StartOutcome & { resourceId: string }> {
  const { credentials = 'workload', environment = {}, region = 'us-east-1', variables = {} } = place;
  const product = place.product ?? (platform === 'ec2' ? world.image() : world.metered());
  const agreement = world.simulator.agreements().find(({ productCode }) => productCode === product.productCode)!;
  const resource = world.launch({ agreement, platform, region, credentials });
  await world.moveTo(resource, environment);
  world.set(variables);
  const since = performance.now();
  const { app, ...outcome } = await world.run(product);
  expect(performance.now() - since).toBeLessThan(10_000);
  if (app) {
    const source = app.get<MeteringResourceSource>(METERING_RESOURCE, { strict: false });
    expect(await source()).toEqual({ id: resource.resourceId, region, startedAt: expect.any(Date) });
    const { startedAt } = await source();
    expect(startedAt).toEqual(SOFTWARE_START);
  }
  return { ...outcome, resourceId: resource.resourceId };
}

describe('K12 the role of the workload', () => {
  it.each(['ecs', 'fargate', 'eks', 'ec2'] as const)('is found on %s', async (platform) => {
    const { exit, readiness } = await startOn(platform);
    expect([exit, readiness?.checks]).toEqual([
      null,
      [expect.objectContaining({ call: 'MeterUsage', state: 'passed' })],
    ]);
  });

  it.each<[string, ComputePlatform, Place, number, string, RegExp]>([
    [
      'Pod Identity alone',
      'eks',
      { credentials: 'podIdentity' },
      72,
      'CREDENTIALS_UNSUPPORTED',
      /EKS Pod Identity.*IRSA alone: annotate the service account/,
    ],
    [
      'the role of a node alone',
      'eks',
      { credentials: 'node' },
      72,
      'CREDENTIALS_UNSUPPORTED',
      /the role of the node.*eks\.amazonaws\.com\/role-arn/,
    ],
    [
      'a token file that is not there',
      'eks',
      { environment: { tokenFile: 'missing' } },
      73,
      'CREDENTIALS_UNREADABLE',
      /is not there.*create the annotation/,
    ],
    [
      'keys of a user',
      'eks',
      { credentials: 'longTerm' },
      72,
      'CREDENTIALS_UNSUPPORTED',
      /keys in AWS_ACCESS_KEY_ID.*IRSA.*Remove AWS_ACCESS_KEY_ID/,
    ],
    [
      'keys of a user',
      'ec2',
      { credentials: 'longTerm' },
      72,
      'CREDENTIALS_UNSUPPORTED',
      /keys in AWS_ACCESS_KEY_ID.*the instance role/,
    ],
    [
      'the role of the instance below a task',
      'ecs',
      { credentials: 'node' },
      72,
      'CREDENTIALS_UNSUPPORTED',
      /the role of the container instance.*set taskRoleArn/,
    ],
    [
      'a role that does not trust the pod',
      'eks',
      { environment: { assumeRole: 'denied' } },
      74,
      'CREDENTIALS_REFUSED',
      /OIDC provider.*service account/,
    ],
  ])('%s on %s ends the start, with the fix', async (_, platform, place, code, error, message) => {
    const before = world.simulator.calls().length;
    const { exit } = await startOn(platform, place);
    expect(exit).toMatchObject({ code, error });
    expect(exit?.message).toMatch(message);
    expect(exit?.message).not.toMatch(/subscri/i);
    // Nothing was asked that could have been answered with "not subscribed".
    expect(world.simulator.calls()).toHaveLength(before);
  });

  it('of two the one that AWS takes is used, and the other is named', async () => {
    const { exit, said } = await startOn('eks', { environment: { besides: ['podIdentity', 'longTerm'] } });
    expect(exit).toBeNull();
    expect(said.join()).toContain('EKS Pod Identity is here too, and not used');
    expect(said.join()).toContain('keys in AWS_ACCESS_KEY_ID is here too, and not used');
  });

  it('a missing permission is named by its IAM action, and is no missing subscription', async () => {
    world.simulator.faults.add({ kind: 'accessDenied', operation: 'MeterUsage', count: 1 });
    const { exit } = await startOn('ecs');
    expect(exit).toMatchObject({ code: 87, error: 'CALL_NOT_PERMITTED' });
    expect(exit?.message).toMatch(/says nothing about the subscription.*aws-marketplace:MeterUsage/);
  });
});

describe('a listing', () => {
  it('a dimension that the listing lacks ends the start', async () => {
    world.simulator.setSwitches({ dryRunChecks: 'everything' });
    const { exit } = await startOn('ecs', { product: world.metered({ dimensions: ['colours'] }) });
    expect(exit).toMatchObject({ code: 91, error: 'DIMENSION_REFUSED' });
    world.simulator.setSwitches({ dryRunChecks: 'permissions' });
  });
});

describe('K13 the region', () => {
  it.each<[string, ComputePlatform, Place, RegExp | null]>([
    [
      'by the task’s ARN, without a zone',
      'ecs',
      { region: 'eu-west-1', environment: { availabilityZone: false, regionVariable: 'absent' } },
      null,
    ],
    ['by the token’s issuer', 'eks', { region: 'eu-central-1', environment: { regionVariable: 'absent' } }, null],
    ['by the instance', 'ec2', { region: 'ap-southeast-2' }, null],
    [
      'against a variable that an image was built with',
      'ecs',
      { region: 'eu-west-1', environment: { regionVariable: 'us-east-1' } },
      /the region is eu-west-1, by what the workload is, though AWS_REGION says us-east-1/,
    ],
    [
      'without the metadata of the node, behind its hop limit',
      'eks',
      { region: 'eu-west-2', environment: { instanceMetadata: 'hopLimit1' } },
      null,
    ],
  ])('is found %s (D43)', async (_, platform, place, note) => {
    const { exit, said } = await startOn(platform, place);
    expect(exit).toBeNull();
    expect(said.filter((line) => line.includes('region'))).toEqual(note ? [expect.stringMatching(note)] : []);
    const [last] = world.simulator.calls({ operation: 'MeterUsage' }).slice(-1);
    expect(last?.region).toBe(place.region);
  });

  it.each(['hopLimit1', 'off', 'unreachable'] as const)(
    'an instance whose metadata service is %s is told within seconds how to open it',
    async (instanceMetadata) => {
      const { exit } = await startOn('ec2', {
        environment: { instanceMetadata },
        variables: { AWS_REGION: 'us-east-1' },
      });
      expect(exit).toMatchObject({ code: 76, error: 'RESOURCE_UNKNOWN' });
      expect(exit?.message).toContain('--http-put-response-hop-limit 2');
    },
  );

  it('an option wins, and asks nobody', async () => {
    const product = world.hourly({ region: 'eu-west-3' });
    const { exit, said } = await startOn('fargate', {
      region: 'eu-west-3',
      product,
      environment: { regionVariable: 'us-east-1' },
    });
    expect(exit).toBeNull();
    expect(said.join()).toContain('the region is eu-west-3, by products[].region, though AWS_REGION says us-east-1');
  });

  it('a region that is on no list is a warning, and AWS’s answer decides', async () => {
    world.simulator.setSwitches({ dryRunChecks: 'everything' });
    const refused = await startOn('eks', { region: 'eu-south-1' });
    expect(refused.said.join()).toContain("eu-south-1 is not on AWS's list of regions for metering on eks");
    expect(refused.exit).toMatchObject({ code: 83, error: 'REGION_REFUSED' });
    world.simulator.setSwitches({ eksRegions: 'all' });
    const taken = await startOn('eks', { region: 'eu-south-1' });
    expect([taken.exit, taken.readiness?.ready]).toEqual([null, true]);
    world.simulator.setSwitches({ dryRunChecks: 'permissions', eksRegions: 'listed' });
  });
});

describe('K14 DryRun', () => {
  it.each(['DryRunOperation', 'namedId', 'otherId', 'noId'] as const)('permits by %s', async (dryRunAnswer) => {
    world.simulator.setSwitches({ dryRunAnswer });
    const { exit, readiness } = await startOn('ecs');
    expect([exit, readiness?.ready]).toEqual([null, true]);
    expect(world.simulator.bill({ productCode: METERED })).toEqual([]);
    world.simulator.setSwitches({ dryRunAnswer: 'DryRunOperation' });
  });

  it.each(['UnauthorizedException', 'AccessDeniedException'] as const)(
    'refuses by %s, and the IAM action is named',
    async (dryRunRefusal) => {
      world.simulator.setSwitches({ dryRunRefusal });
      // Temporary credentials that AWS does not take, as a provider in the code may return them.
      const { credentials } = world.launch({ accountId: '222233334444', platform: 'eks', credentials: 'podIdentity' });
      const { sessionToken = '', ...keys } = credentials;
      const agreement = world.simulator.agreements().find(({ productCode }) => productCode === METERED)!;
      await world.moveTo(world.launch({ agreement, platform: 'ecs' }));
      const { exit } = await world.run(world.metered(), {
        aws: { credentials: () => Promise.resolve({ ...keys, sessionToken }) },
      });
      expect(exit).toMatchObject({ code: 87, error: 'CALL_NOT_PERMITTED' });
      expect(exit?.message).toContain('aws-marketplace:MeterUsage');
      world.simulator.setSwitches({ dryRunRefusal: 'UnauthorizedException' });
    },
  );

  it.each(['throttle', 'error500Before', 'resetBefore'] as const)(
    'is tried again after %s, alive and not ready meanwhile',
    async (kind) => {
      const agreement = world.simulator.agreements().find(({ productCode }) => productCode === METERED)!;
      await world.moveTo(world.launch({ agreement, platform: 'ecs' }));
      const fault = world.simulator.faults.add({ kind, operation: 'MeterUsage' });
      const { app, exit, readiness } = await world.run(world.metered(), { container: { listenAfterMs: 50 } });
      expect([exit, readiness?.ready]).toEqual([null, false]);
      expect((await fetch(await (app as unknown as { getUrl(): Promise<string> }).getUrl())).status).toBe(404);
      fault.remove();
      const service = app!.get(MarketplaceReadiness, { strict: false });
      await eventually('it is ready', () => service.isReady);
    },
  );

  it('is not asked in a job, and not for what is not live', async () => {
    const before = world.calls('MeterUsage');
    const agreement = world.simulator.agreements().find(({ productCode }) => productCode === METERED)!;
    await world.moveTo(world.launch({ agreement, platform: 'ecs' }));
    await world.context(world.metered());
    expect(world.calls('MeterUsage')).toBe(before);
  });
});
