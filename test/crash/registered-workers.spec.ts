import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, nextLine, spawnTypescript, type TestProcess } from '../support/processes.js';
import { HOURLY, SoftwareWorld } from '../support/software.js';
import { type SoftwareOrder } from './software-process.js';

// RegisterUsage from processes of their own: workers of one cluster, one that dies with its call under way, and what a
// process ends with.

let world: SoftwareWorld;
const running: TestProcess[] = [];

beforeAll(async () => {
  world = await SoftwareWorld.start();
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  world.simulator.faults.clear();
});
afterAll(() => world.stop());

function start(workers = 0): TestProcess {
  const { clock, ...options } = world.options(world.hourly());
  const order: SoftwareOrder = { options, now: clock!.now().toISOString(), workers };
  const child = spawnTypescript('test/crash/software-process.ts', [JSON.stringify(order)]);
  running.push(child);
  return child;
}

async function moveToSubscribed(): Promise<string> {
  const agreement = world.simulator.agreements()[0] ?? world.subscribe(HOURLY);
  const resource = world.launch({ agreement, platform: 'ecs' });
  await world.moveTo(resource);
  return resource.resourceId;
}

describe('K21 workers of one task', () => {
  it('make one call between them; one that is started anew makes its own', async () => {
    await moveToSubscribed();
    const before = world.calls('RegisterUsage');
    const child = start(2);
    const lines = [await nextLine(child), await nextLine(child)];
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['ready', 'ready']);
    expect(world.calls('RegisterUsage') - before).toBe(1);

    process.kill(Number(lines[0]?.split(' ')[1]), 'SIGKILL');
    expect(await nextLine(child)).toBe('ended SIGKILL');
    expect(await nextLine(child)).toMatch(/^ready \d+$/);
    expect(world.calls('RegisterUsage') - before).toBe(2);
    // Three processes that read their sources: on a loaded machine that alone takes a while.
  }, 300_000);
});

describe('a process', () => {
  it('that is killed with its call under way registers anew, and AWS bills it once', async () => {
    const resourceId = await moveToSubscribed();
    const before = world.calls('RegisterUsage');
    world.simulator.faults.add({
      kind: 'latency',
      ms: 60_000,
      afterEffect: true,
      operation: 'RegisterUsage',
      count: 1,
    });
    const first = start();
    await eventually('the call is under way', () => world.calls('RegisterUsage') > before, 60_000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    expect(await nextLine(start())).toMatch(/^ready/);
    const lines = world.simulator.bill({ productCode: HOURLY }).filter((line) => line.resourceId === resourceId);
    expect(lines).toHaveLength(1);
  });

  it('without a subscription ends with the exit code of its class', async () => {
    await world.moveTo(world.launch({ accountId: '222233334444', platform: 'fargate' }));
    const child = start();
    expect(await once(child, 'exit')).toEqual([81, null]);
  });
});
