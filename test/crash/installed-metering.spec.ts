import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ComputeResource } from 'aws-marketplace-simulator';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { CONTAINER, InstalledWorld, type Pod, UNITS } from '../support/installed-world.js';
import { ReplicaCrew } from './child-replica.js';

/**
 * The instructions of MeterUsage at which a process may die: how many calls AWS has seen of the record then, and
 * whether its outcome is known.
 */
const POINTS = {
  'submit.bound': { calls: 0, isUncertain: false },
  'submit.claimed': { calls: 0, isUncertain: true },
  'submit.beforeCall': { calls: 0, isUncertain: true },
  'submit.afterCall': { calls: 1, isUncertain: true },
  'submit.reconciling': { calls: 1, isUncertain: true },
  'submit.reconciled': { calls: 1, isUncertain: false },
} as const;
type Point = keyof typeof POINTS;

const SAME = Object.keys(POINTS) as Point[];
const OTHER: Point[] = ['submit.bound', 'submit.beforeCall', 'submit.afterCall'];

// Children load for as long as a busy machine takes.
jest.setTimeout(120_000);

let world: InstalledWorld;
let pod: Pod;
const crew = new ReplicaCrew([...SAME, ...OTHER, 'shutdown.sealed' as const].map((crashAt) => ({ crashAt })));

beforeAll(async () => {
  world = await InstalledWorld.start({ product: { onShutdown: 'flush' } });
  pod = await world.pod();
});
afterAll(async () => {
  await crew.dismiss();
  await world.stop();
});

/** One unit in the running hour; then it is over, and has settled. */
async function oneUnit(from: Pod): Promise<void> {
  world.clock.advance(HOUR_MS / 2);
  await from.record(1);
  world.clock.set(new Date(Math.ceil((world.clock.now().getTime() + 1) / HOUR_MS) * HOUR_MS + 10 * 60_000));
}

/** Another process of that resource seals and sends, and gets SIGKILL at the point. */
async function killedAt(crashAt: string, resource: ComputeResource): Promise<void> {
  await world.expireLeases();
  const child = crew.take({ crashAt });
  child.give({
    databaseUrl: world.postgres.url,
    awsEndpoint: world.simulator.url,
    now: world.clock.now().toISOString(),
    jobs: ['seal', 'submit'],
    options: {
      products: [{ productCode: CONTAINER, type: 'container', dimensions: [UNITS], onShutdown: 'flush' }],
      submission: { concurrency: 1, leaseMs: 600_000, requestTimeoutMs: 20_000 },
    },
    resource,
  });
  expect(await child.ended()).toEqual({ code: null, signal: 'SIGKILL' });
  await world.expireLeases();
}

const callsSince = (before: number): number => world.simulator.calls({ operation: 'MeterUsage' }).length - before;

describe('a process that dies while it meters', () => {
  it.each(SAME)('at %s: its resource goes on, and each unit is billed once', async (point) => {
    const billed = world.billed;
    const before = callsSince(0);
    await oneUnit(pod);
    await killedAt(point, pod.resource);
    expect(callsSince(before)).toBe(POINTS[point].calls);
    await world.turn();
    expect(world.billed).toBe(billed + 1);
    const tokens = world.simulator
      .calls({ operation: 'MeterUsage' })
      .slice(before)
      .map(({ request }) => request?.ClientToken);
    expect(new Set(tokens).size).toBe(1);
    await world.expectAllBilled();
  });

  it('between the last seal and the last call of its shutdown: the running hour is sent by who comes next', async () => {
    const billed = world.billed;
    world.clock.advance(HOUR_MS / 3);
    await pod.record(1);
    world.clock.advance(60_000);
    await killedAt('shutdown.sealed', pod.resource);
    await world.turn();
    expect(world.billed).toBe(billed + 1);
    await world.expectAllBilled();
  });

  it.each(OTHER)('at %s, and its resource with it: what was tried is sent from no other', async (point) => {
    const billed = world.billed;
    await oneUnit(pod);
    const before = callsSince(0);
    await killedAt(point, pod.resource);
    pod.kill();
    pod = await world.pod();
    await world.turn();
    const { isUncertain, calls } = POINTS[point];
    expect(callsSince(before)).toBe(calls);
    if (isUncertain) {
      expect(await world.alerts()).toContain('triedElsewhere');
      world.clock.advance(7 * HOUR_MS);
      await world.turn();
      const [unknown] = await world.records<{ id: string }>(`state = 'unknown'`);
      const finding = calls > 0 ? { found: { meteringRecordId: null } } : ({ absentWithFullCoverage: true } as const);
      await pod.resolution.settleUnknown(unknown!.id, finding, { by: 'audit' });
    }
    world.clock.advance(HOUR_MS);
    await world.turn();
    expect(world.billed).toBe(billed + 1);
    await world.expectAllBilled();
  });
});
