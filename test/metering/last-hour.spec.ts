import { afterEach, expect, it, jest } from '@jest/globals';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// What AWS takes for one hour after an agreement has ended, and never again.

const operation = 'BatchMeterUsage';
const MINUTE_MS = 60_000;

jest.setTimeout(120_000);

let world: World;
const start = async (options: Parameters<typeof World.start>[0] = {}): Promise<void> => {
  world = await World.start({ startAt: new Date('2026-11-11T10:10:00Z'), lists: [PRODUCT_CODE], ...options });
};
afterEach(() => world.stop());

it.each(['License Deprovisioned', 'Purchase Agreement Ended'])(
  'D27 the running hour is sealed and billed at once where %s is the only word of the end, late usage of it in a ' +
    'free hour before',
  async (only) => {
    await start();
    const buyer = await world.join('acme');
    await buyer.use(5);
    await world.pass(2, 1);
    await buyer.use(3);
    world.clock.advance(24 * MINUTE_MS);
    const others = ['License Deprovisioned', 'Purchase Agreement Ended'].filter((type) => type !== only);
    for (const type of others) world.mailbox.lose({ type });
    buyer.cancel();
    await world.pass(0.25, 0.25);
    expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 5, '2026-11-11T12': 3 });
    // Usage that the application tells of only now: the hour of the end is taken, the one before is not.
    await buyer.use(4, { occurredAt: new Date('2026-11-11T12:20:00Z') });
    await world.pass(0.25, 0.25);
    expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 5, '2026-11-11T11': 4, '2026-11-11T12': 3 });
    await world.expectUnits({ billed: { 'l-1': 12 } });
    await world.pass(3, 1);
    expect(await buyer.state()).toBe('ended');
  },
);

it('finalHour atHourEnd: the running hour is billed whole when it is over', async () => {
  await start({ options: { finalHour: 'atHourEnd' } });
  const buyer = await world.join('acme');
  await buyer.use(5);
  await world.pass(1.25);
  await buyer.use(3);
  world.clock.advance(MINUTE_MS);
  buyer.cancel();
  await world.pass(0.25, 0.25);
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 5 });
  await world.goTo('2026-11-11T12:12:00Z');
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 5, '2026-11-11T11': 3 });
  await world.expectUnits({ billed: { 'l-1': 8 } });
});

it('what ends goes out before all else', async () => {
  await start({ options: { submission: { concurrency: 1 } } });
  const others = await Promise.all(Array.from({ length: 30 }, (_, index) => world.join(`tenant-${index}`)));
  const buyer = await world.join('leaving');
  for (const one of [...others, buyer]) await one.use(2);
  const fault = world.simulator.faults.add({ kind: 'accessDenied', operation });
  world.clock.advance(HOUR_MS + 10 * MINUTE_MS);
  await world.work(1);
  buyer.cancel();
  await world.hear();
  await world.run('seal');
  fault.remove();
  const before = world.simulator.calls({ operation }).length;
  await world.work();
  expect(JSON.stringify(world.simulator.calls({ operation })[before])).toContain(buyer.agreement.licenseArn);
  await world.expectAllBilled();
});

it('many end at once while AWS throttles, fails and loses answers: within the hour two replicas bill every unit once', async () => {
  await start({ simulator: { switches: { identicalResend: 'duplicateRecord' } } });
  const other = await world.addReplica();
  const buyers = await Promise.all(Array.from({ length: 20 }, (_, index) => world.join(`tenant-${index}`)));
  for (const buyer of buyers) {
    await buyer.use(2, { dimension: 'storage' });
    await buyer.use(5);
  }
  world.clock.advance(HOUR_MS);
  for (const buyer of buyers) await buyer.use(3);
  world.clock.advance(MINUTE_MS);
  world.simulator.faults.add({ kind: 'throttle', operation, probability: 0.2, count: 5 });
  world.simulator.faults.add({ kind: 'error500After', operation, probability: 0.3, count: 4 });
  world.simulator.faults.add({ kind: 'resetAfter', operation, probability: 0.3, count: 4 });
  world.simulator.faults.add({
    kind: 'unprocessed',
    operation,
    probability: 0.3,
    count: 4,
    subset: 2,
    afterEffect: false,
  });
  for (const buyer of buyers) buyer.cancel();
  await world.hear();
  world.clock.advance(12 * MINUTE_MS);
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([world.run('seal', 'submit', 'recovery'), world.runOn(other, 'seal', 'submit', 'recovery')]);
  }
  world.simulator.faults.clear();
  await world.work(50);
  await world.expectAllBilled();
  await world.pass(3, 1);
  for (const buyer of buyers) expect(await buyer.state()).toBe('ended');
  await world.expectAllBilled();
});
