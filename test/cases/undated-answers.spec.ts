import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M12, M14: AWS, asked, tells that something has happened, and not when: its last change dates it. Siblings, in the
// rules alone (agreement-terms.spec.ts and agreement-end.spec.ts in test/subscription/agreements): changes of before and
// of later, answers that knew of them, a conversion while AWS is asked.

jest.setTimeout(120_000);

describe('a conversion of which AWS’s terms tell before its lists do, or its lists before the terms', () => {
  it.each([
    [0, 0],
    [5000, 0],
    [540_000, 0],
    [0, 150_000],
    [0, 540_000],
    [540_000, 540_000],
  ])(
    'is dated by its lists: the hour after it is no trial’s (lists are %d ms behind, terms %d ms)',
    async (searchIndexDelayMs, agreementTermsDelayMs) => {
      const switches = { searchIndexDelayMs, agreementTermsDelayMs };
      await withWorld({ ways: [], simulator: { switches } }, async (world) => {
        const buyer = await world.join('acme', { productCode: PRODUCT_CODE, freeTrial: true });
        for (const turn of ['10:30', '11:31', '12:02']) await world.goTo(`2026-11-11T${turn}:00Z`);
        await buyer.use('0.9');
        world.clock.set(at('2026-11-11T12:59:58Z'));
        buyer.convertTrial({ as: 'sameAgreement' });
        await world.goTo('2026-11-11T13:02:00Z');
        await buyer.use('1.4', { occurredAt: at('2026-11-11T13:01:00Z') });
        await world.pass(3, 0.25);
        expect((await world.expectConserved()).billed).toEqual({ 'l-1': 1 });
      });
    },
  );
});

describe('a cancellation that AWS, asked, tells without its instant', () => {
  it.each([
    ['told', null],
    ['signed', null],
    ['signed', '2026-12-11T10:00:00Z'],
    // It has passed when AWS is asked: what was cancelled has ended before it, by AWS's own words.
    ['signed', '2026-11-11T12:30:00Z'],
  ] as const)(
    'is dated by the last change: the last hour is billed as far as the agreement went (endTime is %s, until %s)',
    async (cancelledEndTime, signedUntil) => {
      await withWorld({ ways: [], simulator: { switches: { cancelledEndTime } } }, async (world) => {
        const term = signedUntil === null ? {} : { endsAt: at(signedUntil) };
        const buyer = await world.join('acme', { productCode: PRODUCT_CODE, ...term });
        for (const turn of ['10:30', '11:31', '12:02']) await world.goTo(`2026-11-11T${turn}:00Z`);
        await buyer.use(3);
        world.clock.set(at('2026-11-11T12:05:00Z'));
        buyer.cancel();
        world.clock.set(at('2026-11-11T12:20:00Z'));
        await buyer.use(5);
        await world.goTo('2026-11-11T12:40:00Z');
        await world.pass(4, 0.25);
        // The last change may have been another one: what is not billed says so, and a person is told.
        await world.expectUnits({ billed: { 'l-1': 3 }, waiting: { afterEnd: 5 } });
        expect((await world.alerts()).map(({ kind, message }) => [kind, message])).toEqual([
          ['usageWaiting', expect.stringContaining('(afterEnd): 5 of requests')],
        ]);
      });
    },
  );
});

describe('a cancellation that AWS, asked, tells without its instant, and does not count as a change', () => {
  const switches = { cancelledEndTime: 'signed', endedUpdateTime: 'before' } as const;

  it('is dated by the question where no message tells of it: usage until then is sent, and AWS judges it', async () => {
    await withWorld({ ways: [], simulator: { switches } }, async (world) => {
      const buyer = await world.join('acme', { productCode: PRODUCT_CODE });
      for (const turn of ['10:30', '11:31', '12:02']) await world.goTo(`2026-11-11T${turn}:00Z`);
      await buyer.use(3);
      world.clock.set(at('2026-11-11T12:05:00Z'));
      buyer.cancel();
      world.clock.set(at('2026-11-11T12:20:00Z'));
      await buyer.use(5);
      await world.goTo('2026-11-11T12:40:00Z');
      await world.pass(4, 0.25);
      await world.expectUnits({ billed: { 'l-1': 8 } });
    });
  });

  it('is dated by its message, and by no amendment before it of which none came', async () => {
    await withWorld({ simulator: { switches } }, async (world) => {
      const endsAt = at('2026-12-11T10:00:00Z');
      const buyer = await world.join('acme', { productCode: LEGACY_CODE, endsAt });
      await world.pass(1);
      const quiet = world.simulator.notifications.disturb({ kind: 'drop' });
      world.simulator.amend(buyer.agreement, { endsAt: at('2026-12-12T10:00:00Z') });
      quiet.remove();
      await world.goTo('2026-11-11T12:20:00Z');
      await buyer.use(5);
      world.clock.set(at('2026-11-11T12:45:00Z'));
      buyer.cancel();
      await world.pass(4, 0.25);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });
});

describe('what was signed ahead and is called off before it begins, of which no message comes', () => {
  const signing = { futureCreated: 'signing', futureLicenseUpdated: 'signing' } as const;

  it.each(['replacement', 'renewal'] as const)(
    'has taken no time from the agreement before, however late AWS is asked (%s)',
    async (kind) => {
      const switches = { ...signing, cancelledEndTime: 'signed' } as const;
      await withWorld({ ways: ['eventBridge'], simulator: { switches } }, async (world) => {
        const buyer = await world.join('acme', { productCode: PRODUCT_CODE });
        await world.pass(0.5);
        const ahead = { startsAt: at('2026-11-11T14:00:00Z'), endsAt: at('2026-11-12T14:00:00Z') };
        if (kind === 'replacement') buyer.replace(ahead);
        else buyer.renew(ahead);
        await world.pass(1, 0.25);
        world.mailbox.lose();
        buyer.cancel();
        await world.goTo('2026-11-11T14:20:00Z');
        await buyer.use(5);
        await world.pass(8);
        await world.expectUnits({ billed: { 'l-1': 5 } });
        expect(await buyer.state()).toBe('active');
      });
    },
  );
});

describe('a legacy buyer who cancels, and returns soon after the end that was signed', () => {
  it.each(['told', 'signed'] as const)(
    'has a subscription of its own, which no late usage of the first one is billed to (endTime is %s)',
    async (cancelledEndTime) => {
      await withWorld({ simulator: { switches: { cancelledEndTime } } }, async (world) => {
        const endsAt = at('2026-11-11T18:10:00Z');
        const buyer = await world.join('acme', { productCode: LEGACY_CODE, endsAt });
        const first = buyer.subscriptionId;
        await buyer.use(3);
        await world.pass(4);
        buyer.cancel();
        await world.pass(4);
        await world.goTo('2026-11-11T18:32:00Z');
        buyer.return();
        await buyer.comeBack();
        await world.pass(1);
        expect(buyer.subscriptionId).not.toBe(first);
        await buyer.use(4);
        await world.record({
          subscriptionId: buyer.subscriptionId,
          quantity: 2,
          occurredAt: at('2026-11-11T11:00:00Z'),
        });
        await world.pass(3);
        const { billed, waiting } = await world.expectConserved();
        expect({ billed, waiting }).toEqual({ billed: { 'l-1': 3, 'l-2': 4 }, waiting: { beforeStart: 2 } });
      });
    },
  );
});
