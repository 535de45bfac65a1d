import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { CONTAINER, InstalledWorld, type Pod } from '../support/installed-world.js';
import { ChildReplica } from './child-replica.js';
import { eventually } from '../support/processes.js';

// K7: SIGTERM to a real process with sixteen records unsent, each of whose calls takes a second, and SIGKILL thirty
// seconds later, as the platform has it. Siblings: `keep`, and giving up, in test/cases/metered-fleets.spec.ts.

const FOUR = ['calls', 'devices', 'gigabytes', 'units'];
const GRACE_MS = 30_000;

// Children load for as long as a busy machine takes.
jest.setTimeout(240_000);

let world: InstalledWorld;
let pod: Pod;
let child: ChildReplica;

beforeAll(async () => {
  world = await InstalledWorld.start({ product: { dimensions: FOUR, onShutdown: 'flush' } });
  child = new ChildReplica();
  pod = await world.pod();
});
afterAll(async () => {
  await child.kill();
  await world.stop();
});

it('ended hours go out in order, then the running one; each once, and it has ended before SIGKILL comes', async () => {
  for (const time of ['08:30', '09:30', '10:30', '11:15']) {
    world.clock.set(new Date(`2026-11-11T${time}:00Z`));
    for (const dimension of FOUR) await pod.record(1, { dimension });
  }
  world.clock.set(new Date('2026-11-11T11:20:00Z'));
  pod.kill({ resourceGoes: false });
  world.simulator.faults.add({ kind: 'latency', operation: 'MeterUsage', ms: 1000 });
  child.give({
    databaseUrl: world.postgres.url,
    awsEndpoint: world.simulator.url,
    now: world.clock.now().toISOString(),
    // Nothing is sealed yet, so nothing goes out; from here on it is the one that sends.
    jobs: ['submit'],
    options: {
      products: [{ productCode: CONTAINER, type: 'container', dimensions: FOUR, onShutdown: 'flush' }],
      submission: { concurrency: 1, requestTimeoutMs: 20_000, leaseMs: 60_000, shutdownGraceMs: GRACE_MS },
    },
    resource: pod.resource,
    staysUntilSigterm: true,
  });
  await eventually(
    'it is the one that sends',
    async () => (await world.database.query(`SELECT FROM marketplace.metering_sender`)).length === 1,
    60_000,
  );
  expect(world.simulator.calls({ operation: 'MeterUsage' })).toEqual([]);
  const killer = setTimeout(() => void child.kill(), GRACE_MS);
  child.terminate();
  const ended = await child.ended();
  clearTimeout(killer);
  expect(ended).toEqual({ code: null, signal: 'SIGTERM' });

  const sent = world.simulator
    .calls({ operation: 'MeterUsage' })
    .map(({ request }) => new Date(Number(request?.Timestamp) * 1000).toISOString().slice(11, 13));
  // A slow machine may send fewer, and none out of its order.
  const ordered = ['08', '09', '10', '11'].flatMap((hour) => FOUR.map(() => hour));
  expect(sent.length).toBeGreaterThan(4);
  expect(sent).toEqual(ordered.slice(0, sent.length));
  const successor = await world.process(pod.resource);
  await world.expireLeases();
  world.simulator.faults.clear();
  for (const time of ['12:10', '13:10']) await world.at(time);
  expect(successor.isAlive).toBe(true);
  expect(world.billed).toBe(16);
  await world.expectAllBilled();
});
