import { describe, expect, it, jest } from '@jest/globals';
import { InstalledWorld, type Pod, UNITS } from '../support/installed-world.js';
import { meterByHand } from '../support/metered-by-hand.js';
import { eventually } from '../support/processes.js';

// Stories in which a unit of an installation could be billed twice, or be lost: a sender that loses its lease with its
// call under way, a resource that goes at a month's end, units bought in advance beside records that change hands.

jest.setTimeout(120_000);

const MODULE = {
  contractDimensions: ['pack'],
  included: 'module' as const,
  includedUnits: [{ contractDimension: 'pack', covers: [UNITS], units: 100 }],
};

async function replaced(world: InstalledWorld, pod: Pod, at: string): Promise<Pod> {
  pod.kill();
  await world.at(at, { works: false });
  const successor = await world.pod();
  await world.expireLeases();
  return successor;
}

describe('a sender that is overtaken while its call is under way', () => {
  it.each(['an answer', 'none'])('and gets %s: its resource alone goes on with it', async (ending) => {
    await using world = await InstalledWorld.start();
    const [first, second] = [await world.pod(), await world.pod()];
    await world.at('09:30');
    await first.record(5);
    await world.at('10:10', { works: false });
    await first.run('seal');
    world.simulator.faults.add({
      ...{ operation: 'MeterUsage', count: 1, afterEffect: true },
      ...(ending === 'an answer' ? { kind: 'latency', ms: 1500 } : { kind: 'hang' }),
    });
    const calling = first.run('submit');
    await eventually('the call is under way', () => world.simulator.calls({ operation: 'MeterUsage' }).length === 1);
    await world.expireLeases();
    await second.run('submit', 'recovery', 'deadline');
    await second.record(3);
    // What it has tried is bound to it: nothing of it went out from the other.
    expect(world.simulator.calls({ operation: 'MeterUsage' })).toHaveLength(1);
    await calling;
    await world.at('10:20');
    await world.at('11:10');
    await world.expireLeases();
    await first.run('submit');
    await world.at('12:10');
    expect(world.billed).toBe(8);
    await world.expectAllBilled();
  });
});

describe('what a resource leaves behind', () => {
  it('in conflict, with fewer units on file: the rest goes with the one that lives, once', async () => {
    await using world = await InstalledWorld.start();
    const first = await world.pod();
    await world.at('09:30');
    await first.record(9);
    await meterByHand(world, first.resource, { quantity: 5, at: '09:20:00' });
    await world.at('10:10');
    const [record] = await world.records<{ id: string }>(`state = 'blocked' AND reason = 'conflict'`);
    const second = await replaced(world, first, '10:41');
    for (const time of ['10:50', '11:10', '17:10']) await world.at(time);
    // Nobody has said yet what is on file: nothing of it goes out from another.
    expect(world.billed).toBe(5);
    expect(await world.records(`state = 'unknown'`)).toHaveLength(1);
    await second.resolution.settleConflict(record!.id, { quantityOnFile: 5 }, { by: 'ada' });
    await world.at('18:10');
    expect(world.billed).toBe(9);
    await world.expectAllBilled();
  });

  it('of the running hour, sent at its end: a correction of it is set off by its successor, and nothing goes below zero', async () => {
    await using world = await InstalledWorld.start({ product: { onShutdown: 'flush' } });
    const first = await world.pod();
    await world.at('10:20');
    await first.record(6);
    await world.at('10:30', { works: false });
    await first.stop();
    world.simulator.terminate(first.resource);
    expect(world.billByHour()).toEqual({ 10: 6 });
    await world.at('10:31', { works: false });
    const second = await world.pod();
    await second.record(-4, { reason: 'a report that failed' });
    await world.at('11:10');
    await second.record(3);
    await world.at('12:10');
    expect(world.billed).toBe(6);
    await second.record(5);
    await world.at('13:10');
    // Ten in all: six and three and five, less four.
    expect(world.billed).toBe(10);
    await world.expectAllBilled();
  });
});

describe('a resource that goes at the end of a month', () => {
  it('with usage never tried: its successor cannot date back, and what of October is left is named', async () => {
    await using world = await InstalledWorld.start({ startAt: new Date('2026-10-31T20:00:00Z') });
    const first = await world.pod();
    await first.run('submit');
    await world.at('2026-10-31T23:30:00Z', { works: false });
    await first.record(7);
    const second = await replaced(world, first, '2026-11-01T00:20:00Z');
    await second.record(4);
    for (const time of ['00:40', '01:10', '02:10']) await world.at(`2026-11-01T${time}:00Z`);
    expect(world.billByHour()).toEqual({ '00': 11 });
    const [record] = await world.records<{ notes: object }>(`state = 'metered'`);
    expect(record!.notes).toMatchObject({ late: [{ hour: '2026-10-31T23:00:00.000Z', quantity: '7' }] });
    await world.expectAllBilled();
  });

  it('with a call that was not answered, of usage that units bought in advance cover in part', async () => {
    await using world = await InstalledWorld.start({
      startAt: new Date('2026-10-31T20:00:00Z'),
      product: MODULE,
      options: { audit: { lookupEvents: 'all' }, aws: { callsPerSecond: { meterUsage: 1000, lookupEvents: 1000 } } },
    });
    const first = await world.pod();
    await world.at('2026-10-31T22:30:00Z');
    await first.record(150);
    world.simulator.faults.add({ kind: 'resetAfter', operation: 'MeterUsage', count: 1 });
    await world.at('2026-10-31T23:10:00Z', { works: false });
    await first.run('seal', 'submit');
    const second = await replaced(world, first, '2026-11-01T00:20:00Z');
    await second.record(30);
    await world.at('2026-11-01T01:10:00Z');
    // Its hour is past AWS's window, and nobody asks another month to pay for it.
    await world.at('2026-11-01T06:10:00Z');
    expect(await world.records(`state = 'unknown'`)).toMatchObject([{ quantity: '50', included: '100' }]);
    await second.run('audit');
    for (const time of ['07:10', '08:10']) await world.at(`2026-11-01T${time}:00Z`);
    expect(world.billByHour()).toEqual({ 22: 50, '00': 30 });
    expect(await world.expectConserved()).toMatchObject({ included: 100 });
  });
});

describe('units bought in advance', () => {
  it('are counted once where a record that counted them goes with another resource', async () => {
    await using world = await InstalledWorld.start({ product: MODULE });
    const first = await world.pod();
    await first.run('submit');
    await world.at('09:30', { works: false });
    await first.record(150);
    await world.at('10:10', { works: false });
    await first.run('seal');
    expect(await world.records()).toMatchObject([{ quantity: '50', included: '100' }]);
    const second = await replaced(world, first, '10:41');
    await world.at('10:50');
    await second.record(30);
    await world.at('11:10');
    expect(world.billByHour()).toEqual({ 10: 80 });
    expect((await world.expectConserved()).included).toBe(100);
  });

  it('stand beside a conflict in which AWS has more on file than the excess', async () => {
    await using world = await InstalledWorld.start({ product: MODULE });
    const pod = await world.pod();
    await world.at('09:30');
    await pod.record(109);
    await meterByHand(world, pod.resource, { quantity: 12, at: '09:20:00' });
    await world.at('10:10');
    const [record] = await world.records<{ id: string }>(`state = 'blocked' AND reason = 'conflict'`);
    await pod.resolution.settleConflict(record!.id, { quantityOnFile: 12 }, { by: 'ada' });
    await world.at('10:30');
    await pod.record(10);
    await world.at('11:10');
    expect(world.billed).toBe(19);
    await pod.record(-40, { reason: 'a report that failed' });
    await world.at('12:10');
    await pod.record(21);
    await world.at('13:10');
    expect(world.billed).toBe(19);
    await pod.record(25);
    await world.at('14:10');
    // 125 used in all, 100 included.
    expect(world.billed).toBe(25);
    expect((await world.expectConserved()).included).toBe(100);
  });

  it('are each month’s own where an hour of the last month comes late', async () => {
    await using world = await InstalledWorld.start({
      startAt: new Date('2026-10-01T00:00:00Z'),
      product: { ...MODULE, includedUnits: [{ ...MODULE.includedUnits[0]!, per: 'month' as const }] },
    });
    const pod = await world.pod();
    await world.turn();
    await world.at('2026-10-31T23:30:00Z');
    await pod.record(150);
    await world.at('2026-11-01T00:10:00Z');
    await pod.record(30, { occurredAt: new Date('2026-10-31T23:40:00Z') });
    await pod.record(120);
    for (const time of ['01:10', '02:10', '03:10']) await world.at(`2026-11-01T${time}:00Z`);
    const { included } = await world.expectConserved();
    expect([world.billed, included]).toEqual([100, 200]);
    // Thirty more than October's hundred and fifty are October's, wherever they ride.
    expect(world.billByHour()).toEqual({ 23: 50, 22: 30, '00': 20 });
  });
});
