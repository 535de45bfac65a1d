import { describe, expect, it, jest } from '@jest/globals';
import { PRODUCT_CODE } from '../support/world.js';
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
  it.each(['told', 'signed'] as const)(
    'is dated by the last change: the last hour is billed as far as the agreement went (endTime is %s)',
    async (cancelledEndTime) => {
      await withWorld({ ways: [], simulator: { switches: { cancelledEndTime } } }, async (world) => {
        const buyer = await world.join('acme', { productCode: PRODUCT_CODE });
        for (const turn of ['10:30', '11:31', '12:02']) await world.goTo(`2026-11-11T${turn}:00Z`);
        await buyer.use(3);
        world.clock.set(at('2026-11-11T12:05:00Z'));
        buyer.cancel();
        world.clock.set(at('2026-11-11T12:20:00Z'));
        await buyer.use(5);
        await world.goTo('2026-11-11T12:40:00Z');
        await world.pass(4, 0.25);
        expect((await world.expectConserved()).billed).toEqual({ 'l-1': 3 });
      });
    },
  );
});
