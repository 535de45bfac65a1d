import { describe, expect, it } from '@jest/globals';
import { type ApiCall } from 'aws-marketplace-simulator';
import { LedgerViews } from '../../src/admin/ledger-views.js';
import { clientTokenOf } from '../../src/metering/submission/client-token.js';
import { InstalledWorld, type Pod, UNITS } from '../support/installed-world.js';
import { Egress, meterByHand } from '../support/metered-by-hand.js';

// K7 to K11, and what holds across the cases: many replicas with one ledger (of an AMI cluster in two regions, of a
// deployment, of workers in one task), their ends, quotas that others use up, tokens, and buyers who leave.

const calls = (world: InstalledWorld): ApiCall[] => world.simulator.calls({ operation: 'MeterUsage' });
const hourOfCall = ({ request }: ApiCall): string =>
  new Date(Number(request?.Timestamp) * 1000).toISOString().slice(11, 13);
const FOUR = ['calls', 'devices', 'gigabytes', UNITS];

describe('K7: the end of a process', () => {
  /** Three ended hours and the running one, unsent in four dimensions. */
  async function unsent(world: InstalledWorld, pod: Pod): Promise<void> {
    await pod.run('submit');
    for (const time of ['08:30', '09:30', '10:30', '11:15']) {
      await world.at(time, { works: false });
      for (const dimension of FOUR) await pod.record(1, { dimension });
    }
    await world.at('11:20', { works: false });
  }

  it('sends ended hours first, the earliest before all others, then the running one, each record once', async () => {
    await using world = await InstalledWorld.start({ product: { dimensions: FOUR, onShutdown: 'flush' } });
    const pod = await world.pod('us-east-1', { submission: { concurrency: 1, spreadMs: 0 } });
    await unsent(world, pod);
    await pod.stop();
    expect(calls(world).map(hourOfCall)).toEqual(['08', '09', '10', '11'].flatMap((hour) => FOUR.map(() => hour)));
    await world.pod();
    await world.expectAllBilled();
  });

  it('leaves the running hour to its successor with `keep`', async () => {
    await using world = await InstalledWorld.start({ product: { dimensions: FOUR } });
    const pod = await world.pod();
    await unsent(world, pod);
    await pod.stop();
    expect(world.billByHour()).toEqual({ '08': 4, '09': 4, 10: 4 });
    await world.pod();
    await world.at('12:10');
    expect(world.billByHour()).toEqual({ '08': 4, '09': 4, 10: 4, 11: 4 });
    await world.expectAllBilled();
  });

  it('gives up five seconds before the platform does, and what is left is in the ledger', async () => {
    await using world = await InstalledWorld.start({ product: { dimensions: FOUR, onShutdown: 'flush' } });
    const pod = await world.pod('us-east-1', {
      submission: { concurrency: 1, spreadMs: 0, shutdownGraceMs: 5600 },
    });
    await unsent(world, pod);
    world.simulator.faults.add({ kind: 'latency', operation: 'MeterUsage', ms: 250 });
    await pod.stop();
    const sentThen = calls(world).length;
    // In the 600 ms that are left, one after the other: the third begins after half a second.
    expect(sentThen).toBeLessThanOrEqual(3);
    world.simulator.faults.clear();
    const successor = await world.process(pod.resource);
    await world.expireLeases();
    for (const time of ['12:10', '12:11']) await world.at(time);
    expect(world.billed).toBe(16);
    await world.expectAllBilled();
    expect(successor.isAlive).toBe(true);
  });
});

describe('K8 and K9: many replicas, one ledger', () => {
  it('one sends, whoever records; who takes over resends nothing that the other has tried (D9)', async () => {
    await using world = await InstalledWorld.start({ platform: 'ec2', product: { type: 'ami' } });
    const [ohio, oregon] = [await world.pod('us-east-2'), await world.pod('us-west-2')];
    const nodes = [ohio, oregon];
    for (const region of ['us-east-2', 'us-east-2', 'us-west-2', 'us-west-2']) nodes.push(await world.pod(region));
    const workers = [ohio];
    while (workers.length < 4) workers.push(await world.process(ohio.resource));
    const report = async (hour: number): Promise<void> => {
      for (const [index, node] of nodes.entries()) {
        // A gauge needs a key: each node reports the same fleet.
        await node.record(index === 0 ? 100 : 0, { quantity: 100, idempotencyKey: `devices:${hour}` });
      }
    };
    await world.at('09:30');
    await report(9);
    await world.at('10:10');
    expect(world.billByHour()).toEqual({ '09': 100 });
    const { items } = await oregon.app.get(LedgerViews).senders();
    expect(items).toMatchObject([{ isHeld: true, region: 'us-east-2', resource: expect.stringMatching(/^…\S{4}$/) }]);
    // K9: who is second is told who holds it, and since when.
    expect(items[0]!.replica).toMatch(/^\S+:\d+:\S+$/);
    expect(Date.parse(items[0]!.since)).toBeLessThanOrEqual(Date.now());

    await world.at('10:30');
    await report(10);
    world.simulator.faults.add({ kind: 'resetAfter', operation: 'MeterUsage', count: 1 });
    await world.at('11:10', { works: false });
    await ohio.run('seal', 'submit');
    await world.expireLeases();
    await oregon.run('submit', 'recovery', 'deadline');
    await world.at('11:20', { works: false });
    await oregon.run('submit', 'recovery', 'deadline');
    expect(calls(world)).toHaveLength(2);
    // The first comes back: AWS answers its resend with the record.
    await world.expireLeases();
    await ohio.run('submit');
    await world.turn();
    expect(world.billByHour()).toEqual({ '09': 100, 10: 100 });
    expect(new Set(calls(world).map(({ region }) => region))).toEqual(new Set(['us-east-2']));

    // Workers of one instance are one record.
    await world.at('11:30');
    for (const node of workers) await node.record(10);
    await world.at('12:10');
    expect(world.billByHour()).toEqual({ '09': 100, 10: 100, 11: 40 });
    await world.expectAllBilled();
  });
});

describe('K10: a quota that others share', () => {
  it('three replicas with ten dimensions make ten calls; throttled for 40 minutes none is final, each stays the same', async () => {
    const dimensions = Array.from({ length: 10 }, (_, index) => `dimension-${index}`);
    await using world = await InstalledWorld.start({ product: { dimensions } });
    const [first] = [await world.pod(), await world.pod(), await world.pod()];
    await world.at('10:20');
    for (const dimension of dimensions) await first.record(1, { dimension });
    await world.at('11:10');
    expect(calls(world)).toHaveLength(10);

    await world.at('11:30');
    for (const dimension of dimensions) await first.record(2, { dimension });
    world.simulator.faults.add({ kind: 'throttle', operation: 'MeterUsage' });
    for (const time of ['12:10', '12:30', '12:49']) await world.at(time);
    expect(await world.records(`state NOT IN ('metered', 'pending')`)).toEqual([]);
    world.simulator.faults.clear();
    await world.at('12:50');
    const tried = calls(world).slice(10);
    expect(tried.length).toBeGreaterThan(20);
    expect(new Set(tried.map(({ request }) => JSON.stringify(request))).size).toBe(10);
    expect(world.billByHour()).toEqual({ 10: 10, 11: 20 });
    await world.expectAllBilled();
  });
});

describe('K11: the token of a record', () => {
  it.each(['hourRule', 'anotherRecord'] as const)(
    'is the same on every retry and after a restart (a new one in a full hour: %s)',
    async (newClientToken) => {
      await using world = await InstalledWorld.start({ simulator: { switches: { newClientToken } } });
      const pod = await world.pod();
      await world.at('10:20');
      await pod.record(3);
      world.simulator.faults.add({ kind: 'cutAnswer', operation: 'MeterUsage', count: 1 });
      await world.at('11:10', { works: false });
      await pod.run('seal', 'submit');
      pod.kill({ resourceGoes: false });
      await world.expireLeases();
      // The clock is put back by whoever keeps the time of the node.
      world.clock.set(new Date('2026-11-11T11:09:00Z'));
      await world.process(pod.resource);
      await world.turn();
      expect(calls(world).length).toBeGreaterThan(1);
      expect(new Set(calls(world).map(({ request }) => JSON.stringify(request))).size).toBe(1);
      expect(world.billByHour()).toEqual({ 10: 3 });
      await world.expectAllBilled();
    },
  );

  it('is all that tells repeats apart on AgentCore, which takes no tags', async () => {
    await using world = await InstalledWorld.start({ platform: 'agentcore', product: { agentCore: true } });
    const pod = await world.pod();
    await world.at('10:20');
    await expect(pod.record(0, { quantity: 1, tags: { team: 'a' } })).rejects.toMatchObject({
      code: 'USAGE_INVALID',
      message: expect.stringContaining('AgentCore'),
    });
    await pod.record(3);
    world.simulator.faults.add({ kind: 'resetAfter', operation: 'MeterUsage', count: 2 });
    await world.at('11:10');
    await world.at('11:20');
    expect(calls(world)).toHaveLength(3);
    expect(world.billed).toBe(3);
    await world.expectAllBilled();
  });

  it('with other parameters is a fault of ours: blocked, uncertain, never sent under a fresh one', async () => {
    await using world = await InstalledWorld.start();
    const pod = await world.pod();
    await world.at('10:20');
    await pod.record(3);
    await world.at('11:10', { works: false });
    await pod.run('seal');
    const [record] = await world.records<{ id: string }>();
    const clientToken = clientTokenOf(record!.id, pod.resource.resourceId);
    await meterByHand(world, pod.resource, { quantity: 1, at: '09:30:00', clientToken });
    for (const time of ['11:11', '11:20', '12:10']) await world.at(time);
    expect(calls(world)).toHaveLength(2);
    expect(world.simulator.calls({ error: 'IdempotencyConflictException' })).toHaveLength(1);
    expect(await world.records(`state = 'blocked' AND reason = 'idempotencyConflict'`)).toHaveLength(1);
    expect(await world.alerts()).toContain('blocked');
    const evidence = await world.database.query(`SELECT evidence FROM marketplace.attempt_record`);
    expect(evidence).toEqual([{ evidence: 'uncertain' }]);
    await expect(pod.resolution.annul(record!.id, { by: 'ada' })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  });
});

describe('across these', () => {
  it.each(['firstCall', 'everyCall'] as const)(
    'a buyer who unsubscribes at 12:00 while the software runs (entitlement is checked at: %s)',
    async (entitlementCheck) => {
      await using world = await InstalledWorld.start({ simulator: { switches: { entitlementCheck } } });
      const pod = await world.pod();
      await pod.record(4);
      await world.at('09:10');
      await world.at('11:30');
      await pod.record(4);
      await world.at('12:00');
      world.simulator.cancel(world.agreement);
      for (const hour of ['12', '13', '14']) {
        await world.at(`${hour}:30`);
        await pod.record(4);
      }
      await world.at('15:10');
      if (entitlementCheck === 'firstCall') {
        expect(world.billed).toBe(20);
        await world.expectAllBilled();
        return;
      }
      expect(world.billed).toBe(4);
      expect(await world.alerts()).toContain('notSubscribed');
      const blocked = await world.records(`state = 'blocked' AND reason = 'notSubscribed'`);
      expect(blocked.length).toBeGreaterThan(0);
      // The buyer returns, within the window of the last three hours and after that of hour 11.
      await world.at('18:30');
      world.simulator.subscribe({ productCode: world.agreement.productCode, accountId: world.agreement.accountId });
      await new Promise((resolve) => setTimeout(resolve, 10));
      await world.at('18:31');
      await world.turn();
      const { records, billed } = await world.expectConserved();
      expect(records).toEqual({ 'held notSubscribed': 4 });
      expect(Object.values(billed ?? {}).reduce((sum, units) => sum + units, 0)).toBe(16);
    },
  );

  it('an outage of egress for nine hours where AWS counts prepaid units by the hour: what is too old is held', async () => {
    await using world = await InstalledWorld.start({ product: { contractDimensions: ['pack'], included: 'aws' } });
    const egress = new Egress(world.simulator.url);
    await egress.open();
    try {
      const pod = await world.pod('us-east-1', { aws: { endpoint: egress.url } });
      await world.at('09:30');
      await egress.shut();
      for (let hour = 9; hour < 18; hour += 1) {
        await world.at(`${String(hour).padStart(2, '0')}:45`);
        await pod.record(1);
      }
      await egress.open();
      for (const time of ['18:11', '19:10', '20:10']) await world.at(time);
      // AWS takes six hours, the running one beside them; no later hour pays for one of the others.
      expect(world.billByHour()).toEqual({ 12: 1, 13: 1, 14: 1, 15: 1, 16: 1, 17: 1 });
      const { records } = await world.expectConserved();
      expect(records).toEqual({ 'held expired': 3 });
      expect(await world.alerts()).toEqual(['expired']);
    } finally {
      await egress.shut();
    }
  });

  it.each([6, 1])('an outage of egress for nine hours, one unit an hour (window: %d h)', async (hours) => {
    await using world = await InstalledWorld.start({
      simulator: { switches: { meterUsageWindowHours: hours } },
    });
    const egress = new Egress(world.simulator.url);
    await egress.open();
    try {
      const pod = await world.pod('us-east-1', { aws: { endpoint: egress.url } });
      await world.at('09:30');
      await egress.shut();
      for (let hour = 9; hour < 18; hour += 1) {
        await world.at(`${String(hour).padStart(2, '0')}:45`);
        await pod.record(1);
      }
      await world.at('18:10');
      expect(calls(world)).toEqual([]);
      expect(await world.alerts()).toContain('setupError');
      await egress.open();
      await world.at('18:11');
      for (let hour = 19; hour < 24; hour += 1) await world.at(`${hour}:10`);
      for (let hour = 0; hour < 4; hour += 1) await world.at(`2026-11-12T0${hour}:10:00Z`);
      expect(world.billed).toBe(9);
      // What was too old rides in a newer hour, which names it.
      const carried = await world.records<{ notes: { late?: unknown[] } }>(`state = 'metered'`);
      expect(carried.some(({ notes }) => (notes.late ?? []).length > 0)).toBe(true);
      await world.expectAllBilled();
    } finally {
      await egress.shut();
    }
  });
});
