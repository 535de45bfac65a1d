import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M11: an answer that may be from before what was heard. A message tells no time (raw delivery), AWS is asked at once,
// and its lists do not know yet. Siblings, in the rules alone (test/subscription/agreements/told-late.property.spec.ts):
// a purchase that is not listed yet, a conversion, an amended end, each heard before, in and after the second of the
// question.

jest.setTimeout(120_000);

describe('an end of which AWS’s lists do not know when it is told', () => {
  it.each([0, 5000, 540_000])(
    'is found in time for its last hour (lists are %d ms behind)',
    async (searchIndexDelayMs) => {
      await withWorld({ ways: ['rawQueue'], simulator: { switches: { searchIndexDelayMs } } }, async (world) => {
        const buyer = await world.join('acme', { productCode: LEGACY_CODE });
        await world.goTo('2026-11-11T10:30:00Z');
        await world.goTo('2026-11-11T12:02:00Z');
        await buyer.use(5);
        await world.goTo('2026-11-11T12:05:00Z');
        buyer.cancel();
        await world.turn();
        expect(await buyer.state()).toBe(searchIndexDelayMs === 0 ? 'ending' : 'active');
        // Minute by minute: AWS takes nothing of it from 13:05 on, and the hour alone would be sealed at 13:10.
        await world.pass(0.5, 1 / 60);
        expect(await buyer.state()).toBe('ending');
        await buyer.use(9, { occurredAt: at('2026-11-11T12:20:00Z') });
        await world.pass(2);
        expect(await buyer.state()).toBe('ended');
        const { billed = {} } = await world.expectConserved();
        expect(billed).toEqual({ 'l-1': 5 });
      });
    },
  );
});
