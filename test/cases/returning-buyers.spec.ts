import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, type World } from '../support/world.js';
import { at, renewingAt, withWorld } from './routes.js';

// M6, M7, M8, M13, T11, T15: buyers who leave and return, and ends that are told late, twice, or falsely. Siblings:
// known by SNS alone, with EventBridge beside it, registered and not, before and after a registration; legacy and
// license; unsubscribe-success, Purchase Agreement Ended, License Deprovisioned and advisories as the word that comes
// late; subscribe-success at once or a day late; raw messages without a time.

jest.setTimeout(120_000);

/** Usage of whichever subscription the host was told to be active last. */
const latest = (world: World): string => world.told('subscription.activated').at(-1)?.subscriptionId ?? '';

describe('M6 a legacy buyer who left in May and returned in June', () => {
  it.each([
    ['known by SNS alone', ['sns'], false],
    ['who registered both times', ['sns'], true],
    ['whose messages come raw', ['rawQueue'], true],
  ] as const)('stays active and has 55 of 55 billed (%s)', async (_, ways, registers) => {
    await withWorld({ ways, startAt: at('2026-03-10T10:00:00Z') }, async (world) => {
      const buyer = registers
        ? await world.join('acme', { productCode: LEGACY_CODE })
        : world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const use = async (quantity: number): Promise<void> => {
        await world.record({
          ...(registers ? { tenantId: 'acme', productCode: LEGACY_CODE } : { subscriptionId: latest(world) }),
          quantity,
        });
        await world.pass(2);
      };
      await use(11);
      await world.goTo('2026-05-10T10:00:00Z');
      buyer.cancel();
      await world.pass(3);
      await world.goTo('2026-06-10T10:00:00Z');
      buyer.return();
      if (registers) await buyer.comeBack();
      await world.hear();
      await use(14);
      await use(15);
      await use(15);
      await world.expectUnits({ billed: { 'l-1': 11, 'l-2': 44 } });
      expect((await world.subscriptions.get(registers ? buyer.subscriptionId : latest(world)))?.state).toBe('active');
    });
  });

  it('and was renewed since, has 40 of 40 billed', async () => {
    await withWorld({ ways: ['sns'], startAt: at('2026-03-10T10:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await buyer.use(11);
      await world.pass(2);
      await world.goTo('2026-05-10T10:00:00Z');
      buyer.cancel();
      await world.pass(3);
      await world.goTo('2026-06-10T10:00:00Z');
      buyer.return(renewingAt('2026-07-10T10:00:00Z'));
      await buyer.comeBack();
      await buyer.use(14);
      await world.pass(2);
      await world.goTo('2026-07-10T10:30:00Z');
      await buyer.use(15);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 11, 'l-2': 14, 'l-3': 15 } });
      expect(await buyer.state()).toBe('active');
    });
  });
});

describe('M7 a late word about the first agreement', () => {
  it.each([
    ['License Deprovisioned weeks late', 'License Deprovisioned', false],
    ['Purchase Agreement Ended weeks late', 'Purchase Agreement Ended', false],
    ['License Deprovisioned that is dated after the return', 'License Deprovisioned', true],
  ] as const)('does not end the return: %s', async (_, type, isDatedAfter) => {
    await withWorld({ startAt: at('2026-03-10T10:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await buyer.use(10);
      await world.pass(2);
      await world.goTo('2026-05-10T10:00:00Z');
      if (isDatedAfter) world.mailbox.lose({ type });
      else world.mailbox.hold({ type });
      const first = buyer.cancel();
      await world.pass(3);
      await world.goTo('2026-06-10T10:00:00Z');
      buyer.return();
      await buyer.comeBack();
      await world.pass(1);
      if (isDatedAfter) world.simulator.spreadRumour(first, 'licenseDeprovisioned');
      await world.mailbox.release();
      await world.hear();
      expect(await buyer.state()).toBe('active');
      await buyer.use(20);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 10, 'l-2': 20 } });
      expect(await buyer.state()).toBe('active');
    });
  });
});

describe('M8 a word of 1 October about a buyer who was unknown then', () => {
  it.each([
    ['unsubscribe-success', ['sns'], 'unsubscribe-success', 0],
    ['unsubscribe-success, and subscribe-success a day late', ['sns'], 'unsubscribe-success', 24],
    ['Purchase Agreement Ended', ['eventBridge', 'sns'], 'Purchase Agreement Ended', 0],
    ['an advisory', ['eventBridge', 'sns'], 'Purchase Agreement Advisory Issued', 0],
  ] as const)('does not touch the registration of 5 November: %s', async (_, ways, type, hoursLate) => {
    await withWorld({ ways, startAt: at('2026-09-20T10:00:00Z') }, async (world) => {
      world.mailbox.lose({ when: (message) => message.type !== type });
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.goTo('2026-10-01T10:00:00Z');
      if (type === 'Purchase Agreement Advisory Issued') world.simulator.issueAdvisory(buyer.agreement);
      buyer.cancel();
      await world.goTo('2026-10-01T13:00:00Z');
      world.mailbox.calm();
      await world.goTo('2026-11-05T10:00:00Z');
      if (hoursLate > 0) world.mailbox.delay(hoursLate);
      buyer.return();
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.hear();
      await buyer.use(5);
      await world.pass(2);
      await buyer.use(11);
      await world.pass(hoursLate + 2, hoursLate > 0 ? 1 : 0.5);
      expect(await buyer.state()).toBe('active');
      await world.expectUnits({ billed: { 'l-2': 16 } });
    });
  });
});

describe('M13 a false end', () => {
  it('is a raw unsubscribe-success redriven after the return: AWS is asked, and what AWS says stands', async () => {
    await withWorld({ ways: ['sns', 'queue'] }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await world.pass(1);
      buyer.cancel();
      await world.pass(3);
      buyer.return();
      await buyer.comeBack();
      await world.pass(0.5);
      const activations = world.told('subscription.activated').length;
      await world.mailbox.redrive(world.mailbox.sent({ type: 'unsubscribe-success' })[0]!);
      await world.pass(1);
      expect(await buyer.state()).toBe('active');
      await buyer.use(10);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2': 10 } });
      expect(world.told('subscription.activated')).toHaveLength(activations);
    });
  });

  it('or a false start, a raw subscribe-success of one who left, activates nobody', async () => {
    await withWorld({ ways: ['sns', 'queue'] }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await world.pass(1);
      buyer.cancel();
      await world.pass(3);
      const activations = world.told('subscription.activated').length;
      await world.mailbox.redrive(world.mailbox.sent({ type: 'subscribe-success' })[0]!);
      await world.pass(2);
      expect(await buyer.state()).toBe('ended');
      expect(world.told('subscription.activated')).toHaveLength(activations);
      await world.expectUnits({});
    });
  });

  it.each(['ended', 'licenseDeprovisioned'] as const)(
    'of a license (%s), which AWS contradicts, is voided from its own instant',
    async (kind) => {
      await withWorld({}, async (world) => {
        const buyer = await world.join('acme');
        await world.pass(1);
        await buyer.use(4);
        world.simulator.spreadRumour(buyer.agreement, kind, { status: 'CANCELLED' });
        await world.pass(3);
        expect(await buyer.state()).toBe('active');
        await buyer.use(6);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 10 } });
      });
    },
  );
});

describe('T11 a true end soon after a false one that asking has voided', () => {
  it('stands, though a stale index contradicts it: ten units between are billed', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T11:30:00Z');
      world.simulator.spreadRumour(buyer.agreement, 'ended', { status: 'CANCELLED' });
      await world.goTo('2026-11-11T12:00:00Z');
      await world.goTo('2026-11-11T12:20:00Z');
      expect(await buyer.state()).toBe('active');
      await buyer.use(10);
      // The end is told at 12:30:00, and AWS's index knows of it only at 12:34.
      await world.goTo('2026-11-11T12:30:00Z');
      world.simulator.spreadRumour(buyer.agreement, 'ended', { status: 'CANCELLED' });
      await world.goTo('2026-11-11T12:30:05Z');
      world.mailbox.lose();
      await world.goTo('2026-11-11T12:34:00Z');
      world.simulator.end(buyer.agreement, { at: at('2026-11-11T12:30:00Z') });
      await world.goTo('2026-11-11T12:42:00Z');
      await world.pass(3);
      expect(await buyer.state()).toBe('ended');
      await world.expectUnits({ billed: { 'l-1': 10 } });
    });
  });
});

describe('T15 a legacy buyer with an open agreement and a short one beside it, which nothing links', () => {
  it('is billed on 6 November: the open one still runs', async () => {
    await withWorld({ startAt: at('2026-05-10T10:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await world.goTo('2026-11-01T00:00:00Z');
      buyer.concurrent({ endsAt: at('2026-11-05T00:00:00Z') });
      await world.pass(1);
      await world.goTo('2026-11-05T02:00:00Z');
      await world.goTo('2026-11-06T10:00:00Z');
      expect(await buyer.state()).toBe('active');
      await buyer.use(9);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 9 } });
    });
  });
});
