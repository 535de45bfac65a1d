import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M14, M19, T4: free trials that become paid. Siblings: in the same agreement, in a new one under the same license,
// under a new license; license and legacy; told by Agreement Amended, License Updated, Created, or found by asking;
// usage of the trial that comes late, fractions, corrections; at an hour's first instant and in its middle.

jest.setTimeout(120_000);

const KINDS = ['sameAgreement', 'sameLicense', 'newLicense'] as const;

describe('M14 a free trial that becomes paid', () => {
  it.each([
    ...KINDS.map((kind) => ['license, EventBridge', PRODUCT_CODE, ['eventBridge'], kind] as const),
    ...KINDS.map((kind) => ['license, no way in', PRODUCT_CODE, [], kind] as const),
    ...KINDS.map((kind) => ['legacy, SNS', LEGACY_CODE, ['sns'], kind] as const),
    ...KINDS.map((kind) => ['legacy, EventBridge and SNS', LEGACY_CODE, ['eventBridge', 'sns'], kind] as const),
  ])('is told once, from the terms (%s: %s, %j, %s)', async (_, productCode, ways, as) => {
    await withWorld({ ways }, async (world) => {
      const buyer = await world.join('acme', { productCode, freeTrial: true });
      await world.pass(1);
      expect(await buyer.state()).toBe('trial');
      await buyer.use(3);
      await world.pass(1);
      buyer.convertTrial({ as });
      await world.pass(2);
      expect(await buyer.state()).toBe('active');
      expect(world.told('subscription.converted')).toHaveLength(1);
      expect(world.told('subscription.ended')).toEqual([]);
      await buyer.use(5);
      await world.pass(2);
      const paid = as === 'sameAgreement' ? 'l-1' : 'l-2';
      await world.expectUnits({ billed: { 'l-1 trial': 3, [paid]: 5 } });
    });
  });

  it.each([PRODUCT_CODE, LEGACY_CODE])(
    'is no trial because a buyer writes so in the form (%s)',
    async (productCode) => {
      await withWorld({}, async (world) => {
        const buyer = world.sign({ productCode });
        const form = {
          ...world.simulator.registrationForm(buyer.agreement),
          'x-amzn-marketplace-offer-type': 'free-trial',
        };
        expect((await world.post(form)).status).toBe(303);
        await buyer.arrive();
        await buyer.signUp('acme');
        await world.pass(1);
        expect(await buyer.state()).toBe('active');
        await buyer.use(2);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 2 } });
      });
    },
  );

  it('is one though the form says nothing', async () => {
    await withWorld({}, async (world) => {
      const buyer = world.sign({ freeTrial: true });
      const { 'x-amzn-marketplace-token': token } = world.simulator.registrationForm(buyer.agreement);
      expect((await world.post({ 'x-amzn-marketplace-token': token! })).status).toBe(303);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(1);
      expect(await buyer.state()).toBe('trial');
    });
  });
});

describe('M19 usage of the trial that comes when it is paid', () => {
  it.each(KINDS)(
    'is billed in the trial, else held; the trial’s fraction never becomes a paid unit (%s)',
    async (as) => {
      await withWorld({}, async (world) => {
        const buyer = await world.join('acme', { freeTrial: true });
        await world.goTo('2026-11-11T11:00:00Z');
        await buyer.use('0.9');
        await world.goTo('2026-11-11T14:00:00Z');
        buyer.convertTrial({ as });
        await world.pass(0.5);
        await buyer.use('1.2');
        await world.goTo('2026-11-11T15:00:00Z');
        await buyer.use(40, { occurredAt: at('2026-11-11T12:00:00Z') });
        await world.pass(3);
        const { billed = {}, ...elsewhere } = await world.expectConserved();
        const { 'l-1 trial': ofTrial = 0, ...paid } = billed;
        expect(paid).toEqual({ [as === 'sameAgreement' ? 'l-1' : 'l-2']: 1 });
        // A trial whose agreement has ended an hour ago: AWS takes nothing of it any more.
        if (as !== 'newLicense') expect(ofTrial).toBe(40);
        expect([0, 40]).toContain(ofTrial);
        if (ofTrial === 0)
          expect(Object.values(elsewhere.waiting ?? elsewhere.records ?? {})).toEqual(
            expect.arrayContaining([expect.any(Number)]),
          );
      });
    },
  );

  it('is billed in the trial where AWS still takes its last hour under a license of its own', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme', { freeTrial: true });
      await world.goTo('2026-11-11T14:00:00Z');
      buyer.convertTrial({ as: 'newLicense' });
      await world.goTo('2026-11-11T14:05:00Z');
      await buyer.use(2);
      await buyer.use(40, { occurredAt: at('2026-11-11T12:00:00Z') });
      await world.pass(0.5, 0.25);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1 trial': 40, 'l-2': 2 } });
    });
  });
});

describe('T4 a trial that is paid from 14:20 on, under one license', () => {
  it.each(['sameAgreement', 'sameLicense'] as const)(
    'has hour 14 with 6 in the trial, 9 in the first free paid hour (%s)',
    async (as) => {
      await withWorld({ startAt: at('2026-11-11T13:00:00Z') }, async (world) => {
        const buyer = await world.join('acme', { freeTrial: true });
        await world.goTo('2026-11-11T14:05:00Z');
        await buyer.use(6);
        await world.goTo('2026-11-11T14:20:00Z');
        buyer.convertTrial({ as });
        await world.goTo('2026-11-11T14:40:00Z');
        await buyer.use(9);
        await world.goTo('2026-11-11T15:00:00Z');
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1 trial': 6, [as === 'sameAgreement' ? 'l-1' : 'l-2']: 9 } });
        const hours = world.simulator.bill().map(({ hour, quantity }) => [hour.slice(11, 13), quantity]);
        expect(hours).toEqual([
          ['14', 6],
          ['15', 9],
        ]);
      });
    },
  );

  it('never turns a fraction of the trial into a paid unit', async () => {
    await withWorld({ startAt: at('2026-11-11T13:00:00Z') }, async (world) => {
      const buyer = await world.join('acme', { freeTrial: true });
      await world.goTo('2026-11-11T14:05:00Z');
      await buyer.use('6.6');
      await world.goTo('2026-11-11T14:20:00Z');
      buyer.convertTrial({ as: 'sameAgreement' });
      await world.goTo('2026-11-11T14:40:00Z');
      await buyer.use('9.6');
      await world.goTo('2026-11-11T15:00:00Z');
      await world.pass(2);
      const { billed, carry, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1 trial': 6, 'l-1': 9 }, elsewhere: {} });
      expect(carry).toBeCloseTo(1.2, 9);
    });
  });
});
