import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M14: trial or paid where AWS tells the terms late, not at all, or may not be asked for them. Siblings: a purchase, a
// renewal, a conversion in the same agreement; license and legacy; messages heard before AWS is asked; AWS out of order,
// its permission refused.

jest.setTimeout(120_000);

const TERMS = { operation: 'GetAgreementTerms' } as const;
const heardTrial = (world: World): unknown[] =>
  world.told('subscription.activated').map(({ payload }) => (payload as { isTrial: boolean }).isTrial);

describe('an agreement whose terms AWS has not told yet', () => {
  it.each([PRODUCT_CODE, LEGACY_CODE])(
    'is told to the host as the trial that it is, though its messages come before AWS is asked (%s)',
    async (productCode) => {
      await withWorld({}, async (world) => {
        world.asksAws = false;
        const buyer = await world.join('acme', { productCode, freeTrial: true });
        if (productCode === PRODUCT_CODE) {
          expect(await buyer.state()).toBe('registered');
          expect(world.told('subscription.activated')).toEqual([]);
        }
        world.asksAws = true;
        await world.hear();
        expect(await buyer.state()).toBe('trial');
        expect(heardTrial(world)).toEqual([true]);
      });
    },
  );

  it('is told as paid where AWS gives no answer within minutes, and recording never waits', async () => {
    await withWorld({}, async (world) => {
      world.simulator.faults.add({ ...TERMS, kind: 'error500Before' });
      const buyer = await world.join('acme');
      await buyer.use(2);
      expect(world.told('subscription.activated')).toEqual([]);
      await world.pass(5 / 60, 5 / 60);
      expect(await buyer.state()).toBe('active');
      expect(heardTrial(world)).toEqual([false]);
      world.simulator.faults.clear();
      await world.expireQuestions();
      await world.pass(2);
      expect(heardTrial(world)).toEqual([false]);
      await world.expectUnits({ billed: { 'l-1': 2 } });
    });
  });

  it.each([
    ['is a trial', true, 'l-1 trial'],
    ['is paid', false, 'l-1'],
  ] as const)('%s: its hours wait for the answer of an AWS that is out of order', async (_, freeTrial, where) => {
    await withWorld({}, async (world) => {
      world.simulator.faults.add({ ...TERMS, kind: 'error500Before' });
      const buyer = await world.join('acme', { freeTrial });
      await buyer.use(3);
      await world.pass(3);
      await buyer.use(4);
      await world.pass(1.5);
      await world.expectUnits({ waiting: { notSettled: 7 } });
      world.simulator.faults.clear();
      await world.expireQuestions();
      await world.pass(1);
      await world.expectUnits({ billed: { [where]: 7 } });
      const hours = world.simulator.bill().map(({ hour, quantity }) => [hour.slice(11, 13), quantity]);
      expect(hours.sort()).toEqual([
        ['10', 3],
        ['13', 4],
      ]);
    });
  });

  it('is billed as paid when its hours would be lost, where AWS never says it', async () => {
    await withWorld({}, async (world) => {
      world.simulator.faults.add({ ...TERMS, kind: 'error500Before' });
      const buyer = await world.join('acme');
      await buyer.use(3);
      await world.pass(19, 1);
      await world.expectUnits({ waiting: { notSettled: 3 } });
      await world.pass(4, 1);
      await world.expectUnits({ billed: { 'l-1': 3 } });
    });
  });

  it('is paid at once where AWS refuses to say it', async () => {
    await withWorld({}, async (world) => {
      world.simulator.faults.add({ ...TERMS, kind: 'accessDenied' });
      const buyer = await world.join('acme');
      expect(heardTrial(world)).toEqual([false]);
      await buyer.use(3);
      await world.pass(1.5);
      await world.expectUnits({ billed: { 'l-1': 3 } });
    });
  });

  it('is paid at once where it is resold, so that only its reseller may ask', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme', {
        resale: { partnerAccountId: '999988887777' },
        entitlements: [{ dimension: 'seats', value: 3 }],
      });
      expect(heardTrial(world)).toEqual([false]);
      await buyer.use(3);
      await world.pass(1.5);
      await world.expectUnits({ billed: { 'l-1': 3 } });
    });
  });
});

describe('a change of terms that AWS tells late', () => {
  it.each(['sameAgreement', 'sameLicense', 'newLicense'] as const)(
    'prices what was used before it in the trial, after it as paid (%s)',
    async (as) => {
      await withWorld({ startAt: at('2026-11-11T13:00:00Z') }, async (world) => {
        const buyer = await world.join('acme', { freeTrial: true });
        await world.goTo('2026-11-11T14:05:00Z');
        await buyer.use(6);
        world.simulator.faults.add({ ...TERMS, kind: 'error500Before' });
        await world.goTo('2026-11-11T14:20:00Z');
        buyer.convertTrial({ as });
        await world.goTo('2026-11-11T14:40:00Z');
        await buyer.use(9);
        await world.goTo('2026-11-11T15:30:00Z');
        await buyer.use(8);
        await world.pass(2.5);
        const { billed = {} } = await world.expectConserved();
        expect(Object.keys(billed).filter((where) => where !== 'l-1 trial')).toEqual([]);
        world.simulator.faults.clear();
        await world.expireQuestions();
        await world.pass(1.5);
        await world.expectUnits({ billed: { 'l-1 trial': 6, [as === 'sameAgreement' ? 'l-1' : 'l-2']: 17 } });
        expect(world.told('subscription.converted')).toHaveLength(1);
      });
    },
  );
});

describe('a trial that becomes paid while every message of it is lost', () => {
  it.each([PRODUCT_CODE, LEGACY_CODE])(
    'is paid from when AWS says that its agreement has changed, not from the question (%s)',
    async (productCode) => {
      await withWorld({ startAt: at('2026-11-11T13:00:00Z'), ways: [] }, async (world) => {
        const buyer = await world.join('acme', { productCode, freeTrial: true });
        await world.goTo('2026-11-11T14:05:00Z');
        await world.turn();
        await buyer.use(6);
        await world.goTo('2026-11-11T14:20:00Z');
        buyer.convertTrial({ as: 'sameAgreement' });
        await world.goTo('2026-11-11T14:40:00Z');
        await buyer.use(9);
        await world.pass(3);
        await world.expectUnits({ billed: { 'l-1 trial': 6, 'l-1': 9 } });
      });
    },
  );
});

// How AWS shows the terms of a trial that is over is nowhere written: each switch of the simulator that plays it.
describe('a trial of hours', () => {
  const shown = (['besidePaid', 'alone'] as const).flatMap((trialTerms) =>
    (['absent', 'kept'] as const).flatMap((convertedTrialTerm) =>
      (['signed', 'shortened'] as const).map((endedTerms) => ({ trialTerms, convertedTrialTerm, endedTerms })),
    ),
  );

  it.each(
    shown.flatMap((switches) =>
      [PRODUCT_CODE, LEGACY_CODE].map(
        (productCode) => [productCode, Object.values(switches).join(', '), switches] as const,
      ),
    ),
  )('stays a trial to its end, however often AWS is asked about it (%s: %s)', async (productCode, _, switches) => {
    await withWorld({ simulator: { switches } }, async (world) => {
      const cancelled = await world.join('acme', { productCode, freeTrial: true, endsAt: at('2026-11-25T10:00:00Z') });
      const converted = await world.join('globex', { productCode, freeTrial: true });
      await cancelled.use(3);
      await converted.use(4);
      await world.goTo('2026-11-11T12:20:00Z');
      converted.convertTrial({ as: 'sameAgreement' });
      cancelled.cancel();
      await world.pass(0.5);
      // AWS was asked about both once more; what is late belongs to the trials still.
      await cancelled.use(30, { occurredAt: at('2026-11-11T11:30:00Z') });
      await converted.use(40, { occurredAt: at('2026-11-11T11:30:00Z') });
      await converted.use(5);
      await world.pass(0.25, 0.25);
      await world.pass(3);
      const { billed = {} } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1 trial': 33, 'l-2 trial': 44, 'l-2': 5 });
    });
  });
});
