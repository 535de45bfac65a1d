import { describe, expect, it, jest } from '@jest/globals';
import { PRODUCT_CODE, LEGACY_CODE } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M5, M9: an agreement's arrival at the landing page before, after, and at the same instant as the messages of its
// start, and the start of its successor. Siblings: a replacement and a renewal; license and legacy.

jest.setTimeout(120_000);

describe('the buyer of a successor arrives at the landing page', () => {
  it.each([
    ...(['replacement', 'renewal'] as const).flatMap((kind) =>
      (
        [
          'before the messages, at the instant of its start',
          'before the messages, minutes later',
          'after the messages',
        ] as const
      ).flatMap((when) => [PRODUCT_CODE, LEGACY_CODE].map((productCode) => [kind, when, productCode] as const)),
    ),
  ])('%s, %s (%s): one subscription, all its units billed', async (kind, when, productCode) => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme', { productCode });
      const { subscriptionId } = buyer;
      await buyer.use(5);
      await world.goTo('2026-11-11T11:20:00Z');
      world.mailbox.hold();
      world.asksAws = false;
      if (kind === 'replacement') buyer.replace();
      else buyer.renew();
      if (when === 'before the messages, minutes later') world.clock.set(at('2026-11-11T11:23:00Z'));
      if (when === 'after the messages') {
        await world.mailbox.release();
        await world.hear();
      }
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.mailbox.release();
      await world.hear();
      world.asksAws = true;
      await world.goTo('2026-11-11T11:40:00Z');
      await buyer.use(7);
      await world.pass(3);
      const { agreements, state } = (await world.subscriptions.get(subscriptionId))!;
      expect([agreements.length, state]).toEqual([2, 'active']);
      expect(await world.alerts()).toEqual([]);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
      expect(await world.subscriptions.forTenant('acme', { productCode })).toHaveLength(1);
    });
  });
});
