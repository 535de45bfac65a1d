import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { JobScheduler, MeteringService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { expectTablesConserved } from '../support/conservation.js';
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

function start(workers = 0, { product = world.hourly(), crashAt = '' } = {}): TestProcess {
  const { clock, ...options } = world.options(product);
  const order: SoftwareOrder = { options, now: clock!.now().toISOString(), workers };
  const child = spawnTypescript('test/crash/software-process.ts', [JSON.stringify(order)], {
    env: { CRASH_AT: crashAt },
  });
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
    const child = start(4);
    const lines: string[] = [];
    while (lines.length < 4) lines.push(await nextLine(child));
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['ready', 'ready', 'ready', 'ready']);
    expect(world.calls('RegisterUsage') - before).toBe(1);

    process.kill(Number(lines[0]?.split(' ')[1]), 'SIGKILL');
    expect(await nextLine(child)).toBe('ended SIGKILL');
    expect(await nextLine(child)).toMatch(/^ready \d+$/);
    expect(world.calls('RegisterUsage') - before).toBe(2);
    // Five processes that read their sources: on a loaded machine that alone takes a while.
  }, 300_000);
});

describe('a process', () => {
  // Before its call, with the answer in hand, and with the answer proven: AWS bills its time once, and its successor on
  // that resource meters what is used.
  it.each([
    ['register.beforeCall', 0],
    ['register.afterCall', 1],
    ['register.verified', 1],
  ])(
    'that is killed at %s registers anew, AWS bills it once, and usage goes on',
    async (point, calls) => {
      world.simulator.changeProduct(HOURLY, { dimensions: ['requests'] });
      const both = world.hourly({ usageOperation: 'both', dimensions: ['requests'] });
      const resourceId = await moveToSubscribed();
      const before = world.calls('RegisterUsage');
      const child = start(0, { product: both, crashAt: point });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      expect(world.calls('RegisterUsage') - before).toBe(calls);

      const { app, exit } = await world.run(both, { submission: { spreadMs: 0 } });
      expect(exit).toBeNull();
      expect(world.calls('RegisterUsage') - before).toBe(calls + 1);
      await app!.get(MeteringService).record({ dimension: 'requests', quantity: 3 });
      world.clock.advance(3_600_000);
      for (const job of ['seal', 'submit'] as const) await app!.get(JobScheduler).runOnce(job);
      const lines = world.simulator.bill({ productCode: HOURLY }).filter((line) => line.resourceId === resourceId);
      const hours = lines.filter(({ operation }) => operation === 'RegisterUsage').map(({ hour }) => hour);
      expect([hours.length > 0, hours]).toEqual([true, [...new Set(hours)]]);
      const used = lines.filter(({ operation }) => operation === 'MeterUsage').map(({ quantity }) => quantity);
      expect(used).toEqual([3]);
      await expectTablesConserved(app!.get(LedgerDatabase, { strict: false }));
      await world.rest();
    },
    300_000,
  );

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
