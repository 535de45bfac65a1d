import { describe, expect, it } from '@jest/globals';
import { type Fault, type SeededRandom } from 'aws-marketplace-simulator';
import { type UsageEvent } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { pick, seededRun } from '../support/seeded-run.js';
import { DIMENSIONS, PRODUCT_CODE, World } from '../support/world.js';

const BUYERS = 8;
const HOURS = 6;
const EVENTS_AN_HOUR = 60;
/** Covers the buyers' arrivals, too, which a busy machine must get done in it. */
const REQUEST_TIMEOUT_MS = 1500;
const SUBMISSION = { submission: { requestTimeoutMs: REQUEST_TIMEOUT_MS, leaseMs: 4000 } };

/** All that AWS and the network can do to a call, each now and then. */
function faultsOf(random: SeededRandom): Fault[] {
  const operation = 'BatchMeterUsage';
  const some = (): boolean => random.next() < 0.4;
  return [
    { kind: 'throttle', operation, probability: 0.1 },
    { kind: 'resetBefore', operation, probability: 0.08 },
    { kind: 'resetAfter', operation, probability: 0.08 },
    { kind: 'error500Before', operation, probability: 0.08 },
    { kind: 'error500After', operation, probability: 0.08 },
    { kind: 'latency', operation, probability: 0.05, ms: REQUEST_TIMEOUT_MS + 150 },
    { kind: 'latency', operation, probability: 0.05, ms: REQUEST_TIMEOUT_MS + 150, afterEffect: true },
    { kind: 'unprocessed', operation, probability: 0.15, subset: some, afterEffect: some },
    { kind: 'truncateResults', operation, probability: 0.08, drop: 2 },
    { kind: 'truncateResults', operation, probability: 0.08, drop: 2, afterEffect: false },
  ];
}

describe.each([
  { count: 2, identicalResend: 'success' },
  { count: 4, identicalResend: 'duplicateRecord' },
] as const)(
  '$count replicas on one ledger, AWS and the network failing in every way, $identicalResend for a resend',
  ({ count, identicalResend }) => {
    it('every unit recorded is metered exactly once', async () => {
      await seededRun(20_261_100 + count, async (random, seed) => {
        const world = await World.start({
          lists: [PRODUCT_CODE],
          simulator: { seed, switches: { resultOrder: 'shuffled', identicalResend } },
          options: SUBMISSION,
        });
        try {
          while (world.apps.length < count) await world.addReplica();
          await expectToSurviveStorm(world, random);
        } finally {
          await world.stop();
        }
      });
    });
  },
);

async function expectToSurviveStorm(world: World, random: SeededRandom): Promise<void> {
  const { apps } = world;
  const tenants: string[] = [];
  for (let buyer = 0; buyer < BUYERS; buyer += 1) tenants.push((await world.join(`tenant-${buyer}`)).tenantId);

  for (let hour = 0; hour < HOURS; hour += 1) {
    world.simulator.faults.clear();
    const faults = faultsOf(random);
    // Each of them for certain in one of the hours in which there is something to send (the first hour settles in the
    // third); then as chance has it.
    for (const [index, fault] of faults.entries()) {
      if (index % (HOURS - 2) === hour - 2) world.simulator.faults.add({ ...fault, probability: 1, count: 1 });
    }
    for (const fault of faults) world.simulator.faults.add(fault);
    let isOver = false;
    const work = apps.map(async (app) => {
      while (!isOver) await world.runOn(app, 'seal', 'submit', 'recovery');
    });
    const events = Array.from({ length: EVENTS_AN_HOUR }, (): UsageEvent => {
      const lateHours = random.next() < 0.3 ? random.integer(hour + 1) : 0;
      return {
        tenantId: pick(random, tenants),
        dimension: pick(random, DIMENSIONS),
        quantity: String(random.integer(3000) / 1000),
        occurredAt: new Date(world.now().getTime() - lateHours * HOUR_MS),
        ...(random.next() < 0.3 ? { tags: { team: pick(random, ['blue', 'green']) } } : {}),
      };
    });
    try {
      for (const [index, event] of events.entries()) {
        await world.record(event, {}, pick(random, apps));
        if (index % 20 === 0) await world.expectBalanced();
      }
      // As if senders had been frozen: their calls are still under way when others take the records over.
      await world.expireLeases();
      world.clock.advance(HOUR_MS);
    } finally {
      isOver = true;
      await Promise.all(work);
    }
    await world.expectBalanced();
  }

  world.simulator.faults.clear();
  await strikeWithTheRest(world, pick(random, tenants), faultsOf(random));
  world.simulator.faults.clear();
  world.clock.advance(HOUR_MS);
  await Promise.all(apps.map((app) => world.runOn(app, 'seal', 'submit', 'recovery')));
  await world.expireLeases();
  await world.work();
  await world.expectAllBilled();
  const hits = world.simulator.faults.hits();
  expect(faultsOf(random).filter(({ kind }) => hits[kind] === 0)).toEqual([]);
}

/** Whatever has not struck yet, because its hour saw too few calls, strikes a call of its own. */
async function strikeWithTheRest(world: World, tenantId: string, faults: Fault[]): Promise<void> {
  for (const fault of faults) {
    // A fault that picks among the records of a call may pick none.
    for (let tries = 0; tries < 10 && world.simulator.faults.hits()[fault.kind] === 0; tries += 1) {
      world.simulator.faults.add({ ...fault, probability: 1, count: 1 });
      await world.record({ tenantId, quantity: '5', occurredAt: world.now() });
      world.clock.advance(2 * HOUR_MS);
      await world.work();
    }
  }
}
