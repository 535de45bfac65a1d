import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import { at, renewingAt, withWorld } from './routes.js';

// T14, T20: an identity that goes on under a new agreement. Siblings: legacy buyers and kept licenses; AWS down around
// the renewal; the first hour of a month.

jest.setTimeout(120_000);

describe('T14 a renewal at 00:00 that keeps the identity, while AWS is down from 23:30 to 02:00', () => {
  it.each([
    ['legacy', LEGACY_CODE, 'newLicense'],
    ['a kept license', PRODUCT_CODE, 'sameLicense'],
  ] as const)(
    'has the 500 units of hour 23 billed: its hour keeps its own deadline (%s)',
    async (_, productCode, renewalLicense) => {
      await withWorld(
        { startAt: at('2026-11-11T22:00:00Z'), simulator: { switches: { renewalLicense } } },
        async (world) => {
          const buyer = await world.join('acme', { productCode, ...renewingAt('2026-11-12T00:00:00Z') });
          await world.goTo('2026-11-11T23:05:00Z');
          await buyer.use(500);
          await world.goTo('2026-11-11T23:30:00Z');
          const fault = world.simulator.faults.add({ kind: 'error500Before' });
          await world.pass(2.5);
          fault.remove();
          await world.pass(2);
          await world.expectUnits({ billed: { 'l-1': 500 } });
        },
      );
    },
  );
});

describe('T20 a legacy renewal at the first instant of a month', () => {
  it.each([
    ['SNS', ['sns']],
    ['EventBridge and SNS', ['eventBridge', 'sns']],
    ['no way in', []],
  ] as const)('has the usage of hour 00 billed in hour 00 (%s)', async (_, ways) => {
    await withWorld({ ways, startAt: at('2026-11-30T22:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE, ...renewingAt('2026-12-01T00:00:00Z') });
      await world.goTo('2026-12-01T00:20:00Z');
      await buyer.use(4);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-2': 4 } });
      expect(world.simulator.bill().map(({ hour }) => hour)).toEqual(['2026-12-01T00:00:00.000Z']);
    });
  });
});
