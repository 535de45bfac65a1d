import { describe, expect, it } from '@jest/globals';
import { type ApiCall } from 'aws-marketplace-simulator';
import { InstalledWorld, type Pod } from '../support/installed-world.js';
import { meterByHand } from '../support/metered-by-hand.js';

// K1 to K6: one resource after another meters an installation. EKS pods stand for ECS tasks, Fargate and EC2 instances
// alike (other platforms: metered-fleets.spec.ts); the order of deaths and restarts for any, for the ledger outlives
// its processes, and AWS tells resources apart.

const meterUsage = (world: InstalledWorld): ApiCall[] => world.simulator.calls({ operation: 'MeterUsage' });

interface Sent {
  at: string;
  quantity: unknown;
  token: unknown;
}

const sent = (world: InstalledWorld): Sent[] =>
  meterUsage(world).map(({ request }) => ({
    at: new Date(Number(request?.Timestamp) * 1000).toISOString().slice(11, 19),
    quantity: request?.UsageQuantity,
    token: request?.ClientToken,
  }));

/** The pod is gone, and another takes its place when nobody has heard of it for long enough. */
async function replaced(world: InstalledWorld, pod: Pod, at: string): Promise<Pod> {
  pod.kill();
  await world.at(at, { works: false });
  const successor = await world.pod();
  await world.expireLeases();
  return successor;
}

describe('usage of an installation', () => {
  it('K1: one record for an ended hour, whatever restarts; nothing at a start', async () => {
    await using world = await InstalledWorld.start();
    await world.at('10:17:30', { works: false });
    let pod = await world.pod();
    await world.at('10:25', { works: false });
    await pod.record(5);
    for (let restart = 0; restart < 3; restart += 1) {
      await world.at(`10:${30 + restart}`);
      pod.kill({ resourceGoes: false });
      await world.expireLeases();
      pod = await world.process(pod.resource);
      await world.at(`10:${30 + restart}:30`);
    }
    await world.at('10:55', { works: false });
    await pod.record(4);
    for (const minute of ['10:56', '10:59', '11:00', '11:05']) await world.at(minute);
    expect(meterUsage(world)).toEqual([]);
    await world.at('11:10');
    await world.at('11:11');
    expect(meterUsage(world)).toHaveLength(1);
    expect(world.billByHour()).toEqual({ 10: 9 });
    await world.expectAllBilled();
  });

  it.each(['a first attempt', 'an attempt whose answer was lost'])(
    'K2: another quantity on file is a conflict and never a bill, also after %s',
    async (after) => {
      await using world = await InstalledWorld.start();
      const pod = await world.pod();
      await world.at('10:30', { works: false });
      await pod.record(9);
      await world.at('11:05', { works: false });
      await meterByHand(world, pod.resource, { quantity: 5, at: '10:20:00' });
      if (after !== 'a first attempt')
        world.simulator.faults.add({ kind: 'error500Before', operation: 'MeterUsage', count: 1 });
      await world.at('11:10');
      for (const time of ['11:15', '12:05']) await world.at(time);
      const own = sent(world).slice(1);
      expect(own).toHaveLength(after === 'a first attempt' ? 1 : 2);
      expect(new Set(own.map(({ token, at }) => JSON.stringify([token, at]))).size).toBe(1);
      expect(await world.records(`state = 'blocked' AND reason = 'conflict'`)).toHaveLength(1);
      expect(await world.alerts()).toContain('conflict');
      const [record] = await world.records<{ id: string }>();
      if (after !== 'a first attempt') {
        // Nothing is handed back, by time or by hand, while nobody knows which record is on file.
        await expect(pod.resolution.annul(record!.id, { by: 'ada' })).rejects.toMatchObject({
          code: 'TRANSITION_REFUSED',
        });
        await world.at('17:05');
        expect(await world.records(`state = 'unknown'`)).toHaveLength(1);
      }
      await pod.resolution.settleConflict(record!.id, { quantityOnFile: 5 }, { by: 'ada' });
      await world.at(after === 'a first attempt' ? '12:10' : '18:10');
      expect(world.billed).toBe(9);
      await world.expectAllBilled();
    },
  );

  it.each(['launch', 'agreement'] as const)(
    'K3: a record is dated after the start of its pod, the same on every retry (start of the software: %s)',
    async (meterUsageFrom) => {
      await using world = await InstalledWorld.start({
        startAt: new Date('2026-11-11T10:15:00Z'),
        simulator: { switches: { meterUsageFrom } },
      });
      await world.at('10:17:30', { works: false });
      const pod = await world.pod();
      await world.at('10:20', { works: false });
      await pod.record(2);
      await world.at('10:50', { works: false });
      await pod.record(4);
      world.simulator.faults.add({ kind: 'error500Before', operation: 'MeterUsage', count: 2 });
      await world.at('11:10');
      await world.at('11:20');
      const calls = sent(world);
      expect(calls).toHaveLength(3);
      expect(new Set(calls.map(({ at, token }) => JSON.stringify([at, token]))).size).toBe(1);
      expect(calls[0]!.at >= '10:17:30' && calls[0]!.at < '11:00:00').toBe(true);
      expect(world.billByHour()).toEqual({ 10: 6 });
      await world.expectAllBilled();
    },
  );

  it.each(['was never tried', 'was throttled'])(
    'K4: what %s goes with the living pod, in one record dated after its start',
    async (fate) => {
      await using world = await InstalledWorld.start();
      const first = await world.pod();
      await first.run('submit');
      await world.at('09:30', { works: false });
      await first.record(5);
      await world.at('10:10', { works: false });
      if (fate === 'was never tried') await first.run('seal');
      else {
        world.simulator.faults.add({ kind: 'throttle', operation: 'MeterUsage' });
        await world.turn();
      }
      await world.at('10:30', { works: false });
      await first.record(7);
      const second = await replaced(world, first, '10:41');
      world.simulator.faults.clear();
      const before = meterUsage(world).length;
      await world.at('10:50');
      await second.record(4);
      await world.at('11:10');
      const calls = sent(world).slice(before);
      expect(calls).toMatchObject([{ quantity: 16 }]);
      expect(calls[0]!.at >= '10:41:00').toBe(true);
      const [record] = await world.records<{ notes: unknown }>(`state = 'metered'`);
      expect(record!.notes).toMatchObject({ late: [{ hour: '2026-11-11T09:00:00.000Z', quantity: '5' }] });
      expect(world.billByHour()).toEqual({ 10: 16 });
      await world.expectAllBilled();
    },
  );

  it.each(['AWS has it', 'AWS has it not'])(
    'K5: what was tried and not answered is sent from no other resource (%s)',
    async (truth) => {
      await using world = await InstalledWorld.start();
      const first = await world.pod();
      await world.at('09:30', { works: false });
      await first.record(5);
      world.simulator.faults.add({
        kind: truth === 'AWS has it' ? 'resetAfter' : 'resetBefore',
        operation: 'MeterUsage',
        count: 1,
      });
      await world.at('10:10', { works: false });
      await first.run('seal', 'submit');
      const second = await replaced(world, first, '10:20');
      await world.at('10:21');
      expect(await world.alerts()).toContain('triedElsewhere');
      const third = await replaced(world, second, '14:00');
      await world.at('14:01');
      const [record] = await world.records<{ id: string }>();
      const refused = {
        code: 'TRANSITION_REFUSED',
        message: expect.stringMatching(/tried from resource …\S{4}, which/),
      };
      await expect(third.resolution.requeue(record!.id, { by: 'ada' })).rejects.toMatchObject(refused);
      await world.at('17:01');
      expect(await world.records(`state = 'unknown'`)).toHaveLength(1);
      expect(await world.alerts()).toContain('unknownOutcome');
      await expect(third.resolution.requeue(record!.id, { by: 'ada' })).rejects.toMatchObject(refused);
      expect(meterUsage(world)).toHaveLength(1);
      const finding =
        truth === 'AWS has it' ? { found: { meteringRecordId: null } } : ({ absentWithFullCoverage: true } as const);
      await third.resolution.settleUnknown(record!.id, finding, { by: 'audit' });
      await world.at('18:10');
      expect(await world.alerts()).not.toContain('triedElsewhere');
      expect(world.billed).toBe(5);
      await world.expectAllBilled();
    },
  );

  it('K6: a resource that restarts is the same; what its end has sent of an hour stands, the rest rides in the next', async () => {
    await using world = await InstalledWorld.start({ product: { onShutdown: 'flush' } });
    const pod = await world.pod();
    await world.at('10:20');
    await pod.record(6);
    await world.at('10:30', { works: false });
    await pod.stop();
    expect(world.billByHour()).toEqual({ 10: 6 });
    const again = await world.process(pod.resource);
    await world.at('10:40');
    await again.record(8);
    await world.at('11:10');
    await world.at('12:10');
    expect(world.billByHour()).toEqual({ 10: 6, 11: 8 });
    expect(world.simulator.calls({ error: 'DuplicateRequestException' })).toEqual([]);
    await world.expectAllBilled();
  });

  it('K6: with a ledger that lasts the running hour is not sent at the end, and is one record', async () => {
    await using world = await InstalledWorld.start();
    const pod = await world.pod();
    await world.at('10:20');
    await pod.record(6);
    await world.at('10:30', { works: false });
    await pod.stop();
    const again = await world.process(pod.resource);
    await again.record(8);
    await world.at('11:10');
    expect(sent(world)).toMatchObject([{ quantity: 14 }]);
    await world.expectAllBilled();
  });
});
