import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { World } from '../support/world.js';
import { ReplicaCrew } from './child-replica.js';

// K33, K37: killed in the middle of an audit, at each step of it, the next one goes on where it stopped, and every unit
// is billed once.

// Children load for as long as a busy machine takes.
jest.setTimeout(300_000);

const POINTS: Record<string, { state: string; events: number; covered: boolean }> = {
  'audit.stored': { state: 'unknown', events: 1, covered: false },
  'audit.settling': { state: 'unknown', events: 1, covered: false },
  'audit.taken': { state: 'metered', events: 1, covered: false },
  'audit.covered': { state: 'metered', events: 1, covered: true },
};

let world: World;
let tenants = 0;
const crew = new ReplicaCrew(Object.keys(POINTS).map((crashAt) => ({ crashAt })));

beforeAll(async () => {
  world = await World.start({
    ways: ['eventBridge'],
    options: {
      audit: { lookupEvents: 'saas' },
      aws: { callsPerSecond: { lookupEvents: 1000 } },
      submission: { leaseMs: 600_000 },
    },
  });
});

afterAll(async () => {
  await crew.dismiss();
  await world.stop();
});

describe('killed in the middle of an audit', () => {
  it.each(Object.entries(POINTS))('at %s', async (point, remains) => {
    const buyer = await world.join(`tenant-${(tenants += 1)}`);
    await buyer.use(5);
    const faults = [
      world.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 }),
      world.simulator.faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 }),
    ];
    world.clock.advance(2 * 3_600_000);
    await world.work(1);
    world.clock.advance(26 * 3_600_000);
    await world.run('deadline');
    for (const fault of faults) fault.remove();
    const count = async (sql: string): Promise<number> =>
      (await world.database.query<{ number: number }>(`SELECT count(*)::int AS number FROM ${sql}`))[0]?.number ?? -1;
    const [events, covered] = [await count('marketplace.trail_event'), await count('marketplace.trail_coverage')];
    const child = crew.take({ crashAt: point });
    child.order(world, ['audit']);
    expect(await child.ended()).toEqual({ code: null, signal: 'SIGKILL' });

    const states = await world.records<{ state: string }>(`subscription_id = '${buyer.subscriptionId}'`);
    expect(states.map(({ state }) => state)).toEqual([remains.state]);
    expect((await count('marketplace.trail_event')) - events).toBe(remains.events);
    expect((await count('marketplace.trail_coverage')) - covered > 0).toBe(remains.covered);
    await world.expectBalanced();

    // The lease of the dead holds nobody for longer than it lasts.
    const before = world.simulator.calls({ operation: 'LookupEvents' }).length;
    await world.run('audit');
    expect(world.simulator.calls({ operation: 'LookupEvents' })).toHaveLength(before);
    await world.database.query(`UPDATE marketplace.audit_lease SET lease_until = clock_timestamp()`);
    await world.run('audit');
    await world.work(1);
    expect((await count('marketplace.trail_event')) - events).toBe(1);
    await world.expectAllBilled();
  });
});
