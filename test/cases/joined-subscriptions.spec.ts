import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// M2, M9, M10, T8: several subscriptions of one tenant or buyer, and rows that turn out to be one. Siblings: concurrent
// agreements with and without a chosen payer, the choice before and hours after the usage; a legacy buyer entered by
// account and by identifier, joined before and after the hour was sealed, zeros at once and never; a third row of a
// chain, with keys that come again under each id.

jest.setTimeout(180_000);

describe('M2 two concurrent agreements of a tenant', () => {
  const REPORTS = 12;
  async function two(world: World): Promise<string> {
    const one = await world.join('acme');
    const other = await world.join('acme', { accountId: one.accountId, freeTrial: true });
    expect(other.subscriptionId).not.toBe(one.subscriptionId);
    return other.subscriptionId;
  }
  async function report(world: World): Promise<void> {
    for (let n = 1; n <= REPORTS; n += 1)
      await world.record({ tenantId: 'acme', quantity: 1, idempotencyKey: `report-${n}` });
    await world.pass(2);
  }

  it('12 reports are refused by nobody: they wait as ambiguous with an alert until the host chooses, hours later, and are billed once', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const subscriptionId = await two(world);
      await report(world);
      await world.expectUnits({ waiting: { ambiguous: REPORTS } });
      expect(await world.alerts()).toEqual(
        expect.arrayContaining([expect.objectContaining({ message: expect.stringMatching(/12/) })]),
      );
      await expect(world.subscriptions.current('acme')).rejects.toMatchObject({ code: 'SEVERAL_SUBSCRIPTIONS' });
      await world.pass(3, 1);
      await world.subscriptions.choosePayer({
        tenantId: 'acme',
        productCode: PRODUCT_CODE,
        subscriptionId,
        from: new Date('2026-11-11T10:00:00Z'),
      });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2 trial': REPORTS } });
      for (let n = 1; n <= REPORTS; n += 1)
        expect(await world.record({ tenantId: 'acme', quantity: 1, idempotencyKey: `report-${n}` })).toMatchObject({
          outcome: 'duplicate',
        });
    });
  });

  it('12 reports are paid by the paid one where the product says paidFirst', async () => {
    await withWorld({ lists: [PRODUCT_CODE], product: { onSeveral: 'paidFirst' } }, async (world) => {
      await two(world);
      await report(world);
      await world.expectUnits({ billed: { 'l-1': REPORTS } });
    });
  });

  it('12 reports that name the payer beside the tenant are billed to it, while others wait', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const subscriptionId = await two(world);
      await world.record({ tenantId: 'acme', quantity: 5 });
      for (let n = 1; n <= REPORTS; n += 1)
        await world.record({ tenantId: 'acme', subscriptionId, quantity: 1, idempotencyKey: `${n}` });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2 trial': REPORTS }, waiting: { ambiguous: 5 } });
    });
  });

  it('12 reports made after one has ended are billed to the other', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      await two(world);
      world.simulator.cancel(world.simulator.agreements()[1]!);
      await world.pass(2);
      await report(world);
      await world.expectUnits({ billed: { 'l-1': REPORTS } });
    });
  });
});

describe('a second agreement of a tenant whose buyer arrives before it starts', () => {
  const time = (text: string): Date => new Date(`2026-11-11T${text}:00Z`);
  it.each([
    ['license', PRODUCT_CODE],
    ['legacy', LEGACY_CODE],
  ])('%s: the time between is paid by the one that runs; named, by the newcomer', async (_, productCode) => {
    await withWorld({ lists: [productCode] }, async (world) => {
      const first = await world.join('acme', { productCode });
      await world.pass(2);
      const second = world.sign({ productCode, startsAt: time('12:40') });
      await second.arrive();
      await second.signUp('acme');
      await world.hear();
      expect(second.subscriptionId).not.toBe(first.subscriptionId);
      world.clock.set(time('12:20'));
      await world.record({ tenantId: 'acme', quantity: 3 });
      await world.record({ tenantId: 'acme', subscriptionId: second.subscriptionId, quantity: 5 });
      await world.record({ subscriptionId: second.subscriptionId, quantity: 7 });
      world.clock.set(time('12:45'));
      await world.turn();
      await world.pass(2);
      expect(world.billByHour(first.agreement)).toEqual({ '2026-11-11T12': 3 });
      expect(world.billByHour(second.agreement)).toEqual({ '2026-11-11T12': 12 });
      const { waiting = {}, records = {} } = await world.expectConserved();
      expect({ waiting, records }).toEqual({ waiting: {}, records: {} });
      expect(await world.alerts('usageWaiting')).toEqual([]);
    });
  });
});

describe('M9 one legacy buyer, entered by account and by CustomerIdentifier', () => {
  it.each([
    ['registers before the hour is sealed', 0.5, 'off', 12],
    ['registers after both records were sent', 1.5, 'off', 12],
    ['registers after both records were sent, zeros written at once', 2.5, 'atSeal', 12],
  ] as const)('%s: one subscription, one record an hour, 30 of 30 billed', async (_, hours, zeroRecords, units) => {
    await expectEnteredTwiceIsOne(hours, zeroRecords, units);
  });

  // AWS answers Success to the second of two equal records under two names of one buyer, and bills one. The id of its
  // answer is the first one's: so the second was never billed.
  it('registers after both records were sent, with as many units: 30 of 30 billed', async () => {
    await expectEnteredTwiceIsOne(1.5, 'off', 15);
  });

  it('and never registers: what AWS took for the other record stands as a conflict, with an alert', async () => {
    await withWorld({}, async (world) => {
      world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      expect(ids).toHaveLength(2);
      for (const id of ids) await world.record({ subscriptionId: id, quantity: 15 });
      await world.pass(4);
      const { billed, records } = await world.expectConserved();
      expect({ billed, records }).toEqual({ billed: { 'l-1': 15 }, records: { 'blocked conflict': 15 } });
      expect(await world.alerts('conflict')).toMatchObject([{ severity: 'critical' }]);
    });
  });

  // Where AWS makes a new id for what it bills but once, nothing of its answers tells that from two bills. Only an audit
  // of what AWS has on file can.
  it('registers after both records were sent, answered under two ids: an alert names the hour and the units of what AWS may have billed twice', async () => {
    await withWorld({ simulator: { switches: { resentMeteringRecordId: 'new' } } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      for (const id of ids) await world.record({ subscriptionId: id, quantity: 15 });
      await world.pass(1.5);
      expect(await world.alerts('sharedGrain')).toEqual([]);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(1);
      const alerts = await world.alerts('sharedGrain');
      expect(alerts).toMatchObject([
        { severity: 'critical', message: expect.stringContaining('15 and 15 of requests (2026-11-11T10:00:00.000Z)') },
      ]);
      const ours = await world.records<{ id: string }>(`state = 'metered'`);
      expect((alerts[0]?.details.recordIds as string[]).sort()).toEqual(ours.map(({ id }) => id).sort());
    });
  });

  async function expectEnteredTwiceIsOne(hours: number, zeroRecords: 'off' | 'atSeal', units: number): Promise<void> {
    await withWorld({ product: { zeroRecords } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      await world.record({ subscriptionId: ids[0]!, quantity: units });
      await world.record({ subscriptionId: ids.at(-1)!, quantity: 30 - units });
      await world.pass(hours);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(4);
      const seen = await Promise.all(ids.map(async (id) => (await world.subscriptions.get(id))?.id));
      expect(new Set(seen)).toEqual(new Set([(await buyer.subscription()).id]));
      const { billed, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 30 }, elsewhere: {} });
      expect((await world.alerts()).filter(({ severity }) => severity === 'critical')).toEqual([]);
    });
  }
});

describe('M10 a third row that turns out to be the second agreement of a chain', () => {
  it.each([false, true])(
    'is joined: keys that come again bill nothing, a new key is answered (the chain has ended: %s)',
    async (hasEnded) => {
      await withWorld({}, async (world) => {
        const buyer = await world.join('acme');
        const chain = buyer.subscriptionId;
        await world.record({ subscriptionId: chain, quantity: 2, idempotencyKey: 'k-1' });
        await world.pass(1);
        // Created alone names agreement and predecessor; the license of the arrival is not among them yet.
        world.mailbox.hold({ type: 'License Updated' });
        buyer.renew();
        await world.hear();
        const third = await buyer.arrive();
        await world.hear();
        await world.record({ subscriptionId: third, quantity: 3, idempotencyKey: 'k-2' });
        await world.record({ subscriptionId: third, quantity: 2, idempotencyKey: 'k-1' });
        await world.mailbox.release();
        await world.pass(1.5);
        expect((await world.subscriptions.get(third))?.id).toBe((await world.subscriptions.get(chain))?.id);
        await world.record({ subscriptionId: chain, quantity: 3, idempotencyKey: 'k-2' });
        if (hasEnded) {
          buyer.cancel();
          await world.pass(0.1, 0.1);
        }
        const fresh = await world.record({ subscriptionId: chain, quantity: 1, idempotencyKey: 'k-3' });
        expect(fresh.outcome).toBe('recorded');
        await world.pass(2);
        const { billed = {}, ...elsewhere } = await world.expectConserved();
        const sum = Object.values(billed).reduce((one, other) => one + other, 0);
        // What was recorded under two ids and is the same stands apart, void.
        const apart = world.recorded - sum;
        expect({ sum, elsewhere }).toEqual({
          sum: hasEnded ? expect.any(Number) : 6,
          elsewhere: hasEnded || apart > 0 ? expect.any(Object) : {},
        });
        expect(sum).toBeGreaterThanOrEqual(5);
        expect(sum).toBeLessThanOrEqual(6);
        for (const name of Object.keys(elsewhere.records ?? {})) expect(name).toMatch(/duplicateKey|afterEnd/);
        if (!hasEnded) expect(await buyer.state()).toBe('active');
      });
    },
  );
});

describe('T8 a legacy buyer with two agreements side by side, known by both names', () => {
  it('has one subscription and one record an hour for two days; nothing starves', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      buyer.concurrent();
      await world.hear();
      for (let hour = 0; hour < 48; hour += 1) {
        await buyer.use(1);
        await world.pass(1, 1);
      }
      await world.pass(1);
      const { billed = {}, ...elsewhere } = await world.expectConserved();
      expect(elsewhere).toEqual({});
      expect(Object.values(billed).reduce((one, other) => one + other, 0)).toBe(48);
      expect(world.simulator.bill().filter(({ quantity }) => quantity === 1)).toHaveLength(48);
      expect(await world.subscriptions.forTenant('acme')).toHaveLength(1);
    });
  });
});
