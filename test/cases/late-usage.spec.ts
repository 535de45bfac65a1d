import { describe, expect, it, jest } from '@jest/globals';
import { type World } from '../support/world.js';
import { at, renewingAt, withWorld } from './routes.js';

// M20–M25, T2, T3, T5, T6, T10, T18, T20–T22: usage and the time it belongs to. Siblings: before the start, in gaps,
// after the end, across a month, under a trial, under an agreement whose records AWS refused or was throttled over;
// facts that come after the hours they speak of were sealed; dry runs between.

jest.setTimeout(180_000);

const unitsIn = (part: Record<string, number> | undefined, name: RegExp): number =>
  Object.entries(part ?? {}).reduce((sum, [label, units]) => sum + (name.test(label) ? units : 0), 0);

describe('M20 usage of a month before the agreement started', () => {
  it('is not billed: it waits, then stands apart, with an alert; what occurred just before the start goes along with the first hour', async () => {
    await withWorld({ startAt: at('2026-11-03T10:05:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(1);
      await buyer.use(5, { occurredAt: at('2026-11-03T09:30:00Z') });
      await buyer.use(1000, { occurredAt: at('2026-10-14T12:00:00Z') });
      await world.pass(2);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1': 6 });
      expect(unitsIn(elsewhere.waiting, /beforeStart/) + unitsIn(elsewhere.records, /setApart/)).toBe(1000);
      await world.pass(30, 2);
      const later = await world.expectConserved();
      expect(later.billed).toEqual({ 'l-1': 6 });
      expect(unitsIn(later.waiting, /beforeStart/) + unitsIn(later.records, /setApart/)).toBe(1000);
      expect((await world.alerts()).map(({ message }) => message).join('\n')).toMatch(/1000|1,000/);
    });
  });
});

describe('M21 usage after a cancellation at 12:05', () => {
  it.each([
    ['recorded at once', 12.75],
    ['recorded hours later', 16],
  ])('is afterEnd, and the host hears of it: %s', async (_, hour) => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T12:01:00Z');
      await buyer.use(2);
      await world.goTo('2026-11-11T12:05:00Z');
      buyer.cancel();
      await world.goTo('2026-11-11T12:20:00Z');
      await world.goTo(new Date(Date.UTC(2026, 10, 11, 0, hour * 60)));
      await buyer.use(50, { occurredAt: at('2026-11-11T12:45:00Z') });
      await world.pass(30, 1);
      const where = await world.expectConserved();
      expect(where.billed).toEqual({ 'l-1': 2 });
      expect(unitsIn(where.waiting, /afterEnd/) + unitsIn(where.records, /setApart .*afterEnd/)).toBe(50);
      expect(
        world
          .told('alert.raised')
          .map(({ payload }) => JSON.stringify(payload))
          .join('\n'),
      ).toMatch(/50/);
    });
  });
});

describe('M22 usage of November that arrives on 1 December at 01:05', () => {
  it('is billed in November while AWS takes it', async () => {
    await withWorld({ startAt: at('2026-11-30T19:00:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-30T22:10:00Z');
      await buyer.use(3);
      await world.goTo('2026-12-01T00:10:00Z');
      await buyer.use(1);
      await world.goTo('2026-12-01T01:05:00Z');
      await buyer.use(70, { occurredAt: at('2026-11-30T22:40:00Z') });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 74 } });
      const november = world.simulator.bill().filter(({ hour }) => hour.startsWith('2026-11'));
      expect(november.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(73);
    });
  });
});

describe('M24 a correction that is owed when the product is put to dry run for a day', () => {
  it('still reduces the next bill', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(10);
      await world.goTo('2026-11-11T12:05:00Z');
      await buyer.use(-4, { reason: 'a report that failed' });
      await world.goTo('2026-11-11T13:30:00Z');
      await world.goTo('2026-11-11T14:00:00Z');
      await world.restart({ product: { mode: 'dry-run' } });
      await world.goTo('2026-11-11T15:10:00Z');
      await buyer.use(5);
      await world.pass(26, 2);
      await world.restart({ product: { mode: 'live', liveFrom: at('2026-11-12T18:00:00Z') } });
      await world.goTo('2026-11-12T18:10:00Z');
      await buyer.use(20);
      await world.pass(3);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1': 26 });
      expect(unitsIn(elsewhere.records, /dryRun/)).toBe(5);
      expect(elsewhere.carry ?? 0).toBe(0);
    });
  });
});

describe('M25 an end by the host’s own word', () => {
  it('stands, whatever AWS says of the entitlements, until AWS starts a new agreement', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(2);
      await world.goTo('2026-11-11T11:00:00Z');
      await world.subscriptions.end(buyer.subscriptionId, at('2026-11-11T11:00:00Z'));
      await world.pass(0.5);
      world.simulator.setEntitlements(buyer.agreement, [{ dimension: 'seats', value: 2 }]);
      await world.pass(3);
      expect(['ending', 'ended']).toContain(await buyer.state());
      await buyer.use(9);
      await world.pass(2);
      const { billed } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1': 2 });
      buyer.renew();
      await world.pass(0.5);
      expect(await buyer.state()).toBe('active');
      await buyer.use(3);
      await world.pass(2);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 2, 'l-2': 3 });
    });
  });
});

describe('T2 usage between an end and the renewal that is told three hours late', () => {
  it('is accepted, waits for the successor, and is billed under it in its own hour', async () => {
    await withWorld({ startAt: at('2026-11-10T22:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', renewingAt('2026-11-11T00:00:00Z'));
      const first = buyer.agreement.agreementId;
      world.asksAws = false;
      world.mailbox.hold({ when: (message) => message.agreementId !== first });
      await world.goTo('2026-11-11T00:00:00Z');
      await world.goTo('2026-11-11T00:30:00Z');
      await buyer.use(12);
      await world.pass(2);
      await world.expectUnits({ waiting: { awaitingSuccessor: 12 } });
      await world.goTo('2026-11-11T03:00:00Z');
      world.asksAws = true;
      await world.mailbox.release();
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-2': 12 } });
      expect(world.simulator.bill().map(({ hour }) => hour)).toEqual(['2026-11-11T00:00:00.000Z']);
      expect(world.told('subscription.ended')).toEqual([]);
    });
  });
});

describe('T3 a replacement at 10:37 of which Created arrives at 13:00', () => {
  it('has all that was used since billed under the new agreement', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      const first = buyer.agreement.agreementId;
      world.asksAws = false;
      world.mailbox.hold({ when: (message) => message.agreementId !== first });
      await world.goTo('2026-11-11T10:37:00Z');
      buyer.replace();
      for (const [time, units] of Object.entries({ '10:50': 5, '11:20': 7, '12:10': 8 })) {
        await world.goTo(`2026-11-11T${time}:00Z`);
        await buyer.use(units);
      }
      await world.goTo('2026-11-11T13:00:00Z');
      world.asksAws = true;
      await world.mailbox.release();
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2': 20 } });
    });
  });
});

describe('T5 an hour that was throttled to its cutoff', () => {
  it('of an agreement that was replaced since is never billed under the next one by itself', async () => {
    await withWorld({ startAt: at('2026-11-11T09:00:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(500);
      const fault = world.simulator.faults.add({ kind: 'throttle', operation: 'BatchMeterUsage' });
      await world.goTo('2026-11-11T10:30:00Z');
      buyer.replace();
      await world.goTo('2026-11-11T10:40:00Z');
      await buyer.use(7);
      await world.pass(2);
      fault.remove();
      await world.pass(3);
      const { billed, ...elsewhere } = await world.expectConserved();
      const left = unitsIn(elsewhere.waiting, /noHour/) + unitsIn(elsewhere.records, /held/);
      expect({ billed, left, elsewhere }).toEqual({ billed: { 'l-2': 7 }, left: 500, elsewhere: expect.anything() });
      expect(
        await world.database.query(
          `SELECT FROM marketplace.metering_record WHERE disposition = 'annulled' AND quantity = 500`,
        ),
      ).toHaveLength(1);
    });
  });

  it('of an agreement that still runs is billed in a free hour of it', async () => {
    await withWorld({ startAt: at('2026-11-11T09:00:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(500);
      const fault = world.simulator.faults.add({ kind: 'throttle', operation: 'BatchMeterUsage' });
      await world.goTo('2026-11-11T10:30:00Z');
      await world.goTo('2026-11-11T22:30:00Z');
      await world.goTo('2026-11-12T09:30:00Z');
      fault.remove();
      await world.goTo('2026-11-12T10:30:00Z');
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 500 } });
    });
  });
});

describe('T6 hours that were sealed under an agreement which turns out to be replaced at 10:37', () => {
  async function play(world: World): Promise<void> {
    const buyer = await world.join('acme');
    await world.goTo('2026-11-11T10:20:00Z');
    await buyer.use(5);
    await world.goTo('2026-11-11T10:37:00Z');
    world.asksAws = false;
    world.mailbox.hold();
    buyer.replace();
    await world.goTo('2026-11-11T10:50:00Z');
    await buyer.use(7);
    await world.goTo('2026-11-11T11:15:00Z');
    await buyer.use(9);
    await world.goTo('2026-11-11T12:20:00Z');
    world.asksAws = true;
    await world.mailbox.release();
    await world.pass(3);
  }

  it('and that AWS refused: annulled and sealed anew, each part where it belongs', async () => {
    await withWorld({ simulator: { switches: { finalHour: 'refused' } } }, async (world) => {
      await play(world);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect(billed).toEqual({ 'l-2': 16 });
      expect(world.billByHour(world.simulator.agreements()[1]!)).toEqual({ '2026-11-11T10': 7, '2026-11-11T11': 9 });
      expect(unitsIn(elsewhere.waiting, /noHour|refused/) + unitsIn(elsewhere.records, /held/)).toBe(5);
    });
  });

  it('and that AWS took: they stand, with a note and an alert', async () => {
    await withWorld({}, async (world) => {
      await play(world);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 12, 'l-2': 9 }, elsewhere: {} });
      expect(await world.alerts()).not.toEqual([]);
    });
  });
});

describe('T10 counters that are flushed at 10:40, after a replacement at 10:37', () => {
  it.each(['atSeal', 'atWindowEdge', 'off'] as const)(
    'have their units of 10:33 billed under the first agreement in hour 10 (zeros: %s)',
    async (zeroRecords) => {
      await withWorld({ product: { zeroRecords } }, async (world) => {
        const buyer = await world.join('acme');
        await world.goTo('2026-11-11T10:37:00Z');
        const first = buyer.agreement;
        buyer.replace();
        await world.goTo('2026-11-11T10:40:00Z');
        await buyer.use(12, { occurredAt: at('2026-11-11T10:33:00Z') });
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 12 } });
        expect(world.billByHour(first)).toEqual({ '2026-11-11T10': 12 });
      });
    },
  );
});

describe('T18 a period that ends with −30, and 50 units in a gap', () => {
  it('owes 30 and sets 50 apart: they never meet', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(10);
      await world.goTo('2026-11-11T11:30:00Z');
      await buyer.use(-30, { reason: 'reports that failed' });
      await world.goTo('2026-11-11T12:05:00Z');
      buyer.cancel();
      await world.goTo('2026-11-11T14:00:00Z');
      await buyer.use(50);
      await world.goTo('2026-11-11T18:00:00Z');
      buyer.return();
      await buyer.comeBack();
      await world.pass(40, 2);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1': 10 });
      expect(unitsIn(elsewhere.records, /^owed/)).toBe(-30);
      expect(unitsIn(elsewhere.records, /^setApart/)).toBe(50);
    });
  });
});

describe('T21 usage under the id of a subscription that has ended while its tenant has another', () => {
  it('is afterEnd, and the alert names the running one', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      const old = buyer.subscriptionId;
      await world.goTo('2026-11-11T11:05:00Z');
      buyer.cancel();
      await world.goTo('2026-11-11T15:00:00Z');
      buyer.return();
      await buyer.comeBack();
      expect(buyer.subscriptionId).not.toBe(old);
      await world.record({ subscriptionId: old, quantity: 6 });
      await world.pass(30, 1);
      const where = await world.expectConserved();
      expect(unitsIn(where.waiting, /afterEnd/) + unitsIn(where.records, /afterEnd/)).toBe(6);
      expect(JSON.stringify(await world.alerts())).toContain(buyer.subscriptionId);
    });
  });
});

describe('T22 usage of a live day that comes after a day of dry run', () => {
  it('is billed: its own instant was live', async () => {
    await withWorld({ startAt: at('2026-11-09T20:00:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-10T00:00:00Z');
      await world.restart({ product: { mode: 'dry-run' } });
      await world.goTo('2026-11-10T10:00:00Z');
      await world.goTo('2026-11-11T00:00:00Z');
      await world.restart({ product: { mode: 'live', liveFrom: at('2026-11-11T00:00:00Z') } });
      await world.goTo('2026-11-11T01:00:00Z');
      await buyer.use(8, { occurredAt: at('2026-11-09T23:50:00Z') });
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 8 } });
    });
  });
});
