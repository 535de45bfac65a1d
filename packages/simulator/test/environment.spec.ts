import { existsSync, readFileSync, statSync } from 'node:fs';
import { MarketplaceMeteringClient, RegisterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type EnvironmentOptions, type EnvironmentVariables, type LaunchOptions } from '../src/index.js';
import { meteringBy, startSoftware } from './buyer-software.js';
import { noon, stopMarketplaces } from './simulated-marketplace.js';

const names = new Set<string>();
const before = { ...process.env };

afterEach(async () => {
  for (const name of names) process.env[name] = before[name];
  for (const name of names) if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
  names.clear();
  await stopMarketplaces();
});

function use(variables: EnvironmentVariables): void {
  for (const [name, value] of Object.entries(variables)) {
    names.add(name);
    process.env[name] = value;
  }
}

/** Software that runs since noon, and a client that finds its credentials as the SDK does by default. */
async function startIn(
  platform: LaunchOptions['platform'],
  options: EnvironmentOptions = {},
  launch: Partial<LaunchOptions> = {},
) {
  const software = await startSoftware(platform);
  const { sim, listing } = software;
  const { resource } = software.launch(launch);
  const variables = await sim.environmentOf(resource, options);
  use({ AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null', ...variables });
  const client = new MarketplaceMeteringClient({ endpoint: sim.url, region: resource.region, maxAttempts: 1 });
  const meter = meteringBy(client, listing.productCode, () => sim.clock.now());
  return { ...software, resource, variables, client, meter };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const json = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(url, { headers })).json() as Promise<Record<string, unknown>>;

describe('an unmodified client finds the credentials of its workload', () => {
  it.each(['ec2', 'ecs', 'eks', 'fargate', 'agentcore'] as const)('on %s', async (platform) => {
    const { sim, meter, resource, client } = await startIn(platform);
    expect(await meter()).toMatch(uuid);
    expect(sim.bill().map(({ resourceId }) => resourceId)).toEqual([resource.resourceId]);
    client.destroy();
  });

  it('under other names: of a node, of Pod Identity, of a user, which AWS does not take', async () => {
    for (const credentials of ['node', 'podIdentity', 'longTerm'] as const) {
      const { meter, sim } = await startIn('eks', {}, { credentials });
      expect(await meter()).toBe('CustomerNotEntitledException');
      expect(sim.bill()).toEqual([]);
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
  });
});

describe('a task of ECS', () => {
  it('learns its ARN, its zone and when it started', async () => {
    const { sim, variables, resource } = await startIn('fargate', {}, { region: 'eu-west-1' });
    expect(variables).toMatchObject({ AWS_REGION: 'eu-west-1', AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE' });
    const uri = variables.ECS_CONTAINER_METADATA_URI_V4 ?? '';
    const container = { StartedAt: noon.toISOString(), DesiredStatus: 'RUNNING' };
    expect(await json(`${uri}/task`)).toMatchObject({
      TaskARN: resource.resourceId,
      Cluster: `arn:aws:ecs:eu-west-1:${resource.accountId}:cluster/default`,
      AvailabilityZone: 'eu-west-1a',
      LaunchType: 'FARGATE',
      Containers: [container],
    });
    expect(await json(uri)).toMatchObject(container);
    const other = await sim.environmentOf(resource, { availabilityZone: false, regionVariable: 'us-east-1' });
    expect(other.AWS_REGION).toBe('us-east-1');
    expect(await json(`${other.ECS_CONTAINER_METADATA_URI_V4 ?? ''}/task`)).not.toHaveProperty('AvailabilityZone');
    expect(await sim.environmentOf(resource, { regionVariable: 'absent' })).not.toHaveProperty('AWS_REGION');
  });
});

describe('an instance', () => {
  const ask = async (url: string, path: string, token?: string, method = 'GET') => {
    const headers = {
      ...(token !== undefined && { 'x-aws-ec2-metadata-token': token }),
      ...(method === 'PUT' && { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }),
    };
    const answer = await fetch(url + path, { method, headers, signal: AbortSignal.timeout(500) });
    return { status: answer.status, text: await answer.text() };
  };

  it('tells its id, its region and when it started to those who have a token', async () => {
    const { variables, resource } = await startIn('ec2', {}, { region: 'eu-west-1' });
    expect(variables).not.toHaveProperty('AWS_REGION');
    const url = variables.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? '';
    expect((await ask(url, '/latest/meta-data/instance-id')).status).toBe(401);
    expect((await ask(url, '/latest/api/token')).status).toBe(405);
    const { text: token } = await ask(url, '/latest/api/token', undefined, 'PUT');
    const { resourceId: instanceId, accountId } = resource;
    expect(JSON.parse((await ask(url, '/latest/dynamic/instance-identity/document', token)).text)).toMatchObject({
      ...{ instanceId, accountId, region: 'eu-west-1', pendingTime: '2026-11-18T12:30:00Z' },
    });
    expect((await ask(url, '/latest/meta-data/instance-id', token)).text).toBe(instanceId);
    expect((await ask(url, '/latest/meta-data/placement/region', token)).text).toBe('eu-west-1');
    expect((await ask(url, '/latest/meta-data/other', token)).status).toBe(404);
  });

  it.each([
    ['hopLimit1', 'TimeoutError'],
    ['off', 403],
    ['unreachable', 'TypeError'],
  ] as const)('keeps its metadata: %s', async (instanceMetadata, expected) => {
    const { variables } = await startIn('ecs', { instanceMetadata });
    const url = variables.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? '';
    const seen = await ask(url, '/latest/api/token', undefined, 'PUT').then(
      ({ status }) => status,
      (error: unknown) => (error as Error).name,
    );
    expect(seen).toBe(expected);
  });
});

describe('a pod', () => {
  const claimsOf = (file = ''): Record<string, unknown> =>
    JSON.parse(Buffer.from(readFileSync(file, 'utf8').split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;

  it('has a token that names its UID and its region, and a session of its own name', async () => {
    const { variables, resource, meter, sim } = await startIn('eks', {}, { region: 'eu-west-1' });
    const claims = claimsOf(variables.AWS_WEB_IDENTITY_TOKEN_FILE);
    expect(claims).toMatchObject({
      iss: expect.stringMatching(/^https:\/\/oidc\.eks\.eu-west-1\.amazonaws\.com\/id\/[0-9A-F]{32}$/),
      'kubernetes.io': { pod: { name: variables.HOSTNAME, uid: resource.resourceId } },
      iat: noon.getTime() / 1000,
    });
    use({ AWS_ROLE_SESSION_NAME: 'the-pod' });
    sim.faults.add({ kind: 'accessDenied', count: 1 });
    expect(await meter()).toBe('AccessDeniedException');
    expect(sim.calls()[0]?.accessKeyId).not.toBe(resource.credentials.accessKeyId);
    expect(await meter()).toMatch(uuid);
  });

  it('keeps its token file until the simulator stops, if it has one', async () => {
    const { sim, variables, resource, meter } = await startIn('eks', { tokenFile: 'missing' });
    expect(existsSync(variables.AWS_WEB_IDENTITY_TOKEN_FILE ?? '')).toBe(false);
    expect(await meter()).toBe('Error');
    const unreadable = await sim.environmentOf(resource, { tokenFile: 'unreadable' });
    const file = unreadable.AWS_WEB_IDENTITY_TOKEN_FILE ?? '';
    expect(statSync(file).mode & 0o777).toBe(0);
    await stopMarketplaces();
    expect(existsSync(file)).toBe(false);
  });

  it('may not take its role where that does not trust it', async () => {
    const { meter, sim } = await startIn('eks', { assumeRole: 'denied' });
    expect(await meter()).toBe('AccessDenied');
    expect(sim.calls()).toEqual([]);
  });

  it('has Pod Identity beside IRSA, and the client takes one of them', async () => {
    const { variables, sim, client, listing } = await startIn('eks', { besides: ['podIdentity'] });
    expect(Object.keys(variables)).toEqual(
      expect.arrayContaining(['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']),
    );
    const url = variables.AWS_CONTAINER_CREDENTIALS_FULL_URI ?? '';
    expect((await fetch(url)).status).toBe(404);
    const authorization = readFileSync(variables.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? '', 'utf8');
    const { AccessKeyId } = await json(url, { authorization });
    await client.send(new RegisterUsageCommand({ ProductCode: listing.productCode, PublicKeyVersion: 1 }));
    expect(sim.calls()[0]?.accessKeyId).not.toBe(AccessKeyId);
  });
});
