import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type HttpAdapterHost } from '@nestjs/core';
import { type StartCheckGateway } from '../../src/aws/start-check-gateway.js';
import { StartChecks } from '../../src/container/start-checks.js';
import { type UnregisteredWatch } from '../../src/container/unregistered-watch.js';
import { UsageRegistrar } from '../../src/container/usage-registrar.js';
import { WorkloadDiscovery } from '../../src/container/workload-discovery.js';
import { type ContainerOptions, type Options } from '../../src/index.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

// What the platforms tell is in test/cases/workload-starts.spec.ts; here is what happens where they tell nothing.

const VARIABLES = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'KUBERNETES_SERVICE_HOST', 'AWS_EC2_METADATA_DISABLED'];
const before = VARIABLES.map((name) => process.env[name]);

beforeEach(() => {
  for (const name of VARIABLES) Reflect.deleteProperty(process.env, name);
});
afterEach(() => {
  for (const [index, name] of VARIABLES.entries()) {
    Reflect.deleteProperty(process.env, name);
    if (before[index] !== undefined) process.env[name] = before[index];
  }
});

const credentials = () => Promise.resolve({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' });
const resource = { id: 'pod-1', region: 'eu-west-1', startedAt: new Date('2026-11-11T10:00:00Z') };

function resolved(container: ContainerOptions, over: Options = {}) {
  return resolveOptions({
    database: { url: 'postgres://localhost/app' },
    products: [{ productCode: 'abc', type: 'container', dimensions: ['requests'] }],
    aws: { credentials },
    container,
    ...over,
  });
}

describe('what this process runs on', () => {
  it('what the code says is asked nowhere else', async () => {
    const discovery = new WorkloadDiscovery(resolved({ resource }));
    expect(await discovery.resource()).toEqual(resource);
    expect(await discovery.find()).toMatchObject({
      region: 'eu-west-1',
      notes: [],
      says: 'what aws.credentials returns',
    });
  });

  it('a region that nothing tells ends the start', async () => {
    process.env.KUBERNETES_SERVICE_HOST = '10.0.0.1';
    const discovery = new WorkloadDiscovery(resolved({}));
    await expect(discovery.find()).rejects.toMatchObject({ code: 'REGION_UNKNOWN', exitCode: 75 });
    process.env.AWS_REGION = 'eu-west-2';
    // What was not found is looked for again.
    expect(await discovery.find()).toMatchObject({ region: 'eu-west-2' });
  });

  it('where nothing names it, each process is a resource of its own', async () => {
    process.env.KUBERNETES_SERVICE_HOST = '10.0.0.1';
    process.env.AWS_REGION = 'eu-west-2';
    const clock = { now: () => new Date('2026-11-11T10:00:00Z') };
    const own = await new WorkloadDiscovery(resolved({}, { clock })).resource();
    expect(own.id).toMatch(new RegExp(`^eks:.+:${process.pid}:2026-11-11T10:00:00\\.000Z$`));
    expect(own).toMatchObject({ region: 'eu-west-2', startedAt: clock.now() });
  });

  it('an instance whose metadata are switched off says so', async () => {
    process.env.AWS_EC2_METADATA_DISABLED = 'true';
    process.env.AWS_REGION = 'eu-west-2';
    await expect(new WorkloadDiscovery(resolved({})).find()).rejects.toThrow(
      'AWS_EC2_METADATA_DISABLED switches it off',
    );
  });
});

describe('the first call', () => {
  it.each([0, 400])('startJitterMs delays the first call: %d', async (startJitterMs) => {
    const options = resolved({ resource, startJitterMs });
    let calledAfterMs = -1;
    const since = performance.now();
    const gateway = {
      dryRun: () => {
        calledAfterMs = performance.now() - since;
        return Promise.resolve({ kind: 'permitted' });
      },
    } as unknown as StartCheckGateway;
    const discovery = new WorkloadDiscovery(options);
    const server = { httpAdapter: {} } as HttpAdapterHost;
    const checks = new StartChecks(
      options,
      discovery,
      new UsageRegistrar(options, gateway),
      gateway,
      {} as UnregisteredWatch,
      server,
    );
    const { random } = Math;
    Math.random = () => 0.5;
    try {
      await checks.onApplicationBootstrap();
    } finally {
      Math.random = random;
    }
    expect(checks.isReady).toBe(true);
    expect(calledAfterMs).toBeGreaterThanOrEqual(startJitterMs / 2 - 1);
  });
});
