import { afterEach, describe, expect, it } from '@jest/globals';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const after = (ms: number): Date => new Date(noon.getTime() + ms);

describe('acceptedUsage', () => {
  it('has each record that took effect once: as sent, when it was taken, and by which price', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    sim.faults.add({ kind: 'resetAfter', count: 1 });
    await outcome(record());
    sim.clock.advance(60_000);
    expect(await outcome(record(), record({ Quantity: 9 }))).toBe('Success DuplicateRecord');
    const [line] = sim.bill();
    expect(sim.acceptedUsage()).toEqual([
      {
        ...line,
        ...{ timestamp: '2026-11-18T11:00:00.000Z', acceptedAt: noon.toISOString(), quantity: 5 },
        segment: {
          ...{ agreementId: agreement.agreementId, productCode: agreement.productCode, identity: 'license' },
          ...{
            licenseArn: agreement.licenseArn,
            accountId: agreement.accountId,
            terms: 'paid',
            from: agreement.startsAt,
          },
        },
      },
    ]);
    expect(sim.acceptedUsage({ dimension: 'gigabytes' })).toEqual([]);
  });

  it('tells trial from paid by the timestamp, also within one agreement, and after a snapshot', async () => {
    const { sim, listing, record, outcome } = await startMetering();
    const trial = sim.subscribe({ productCode: listing.productCode, freeTrial: true });
    sim.clock.set(after(hourMs));
    sim.convertTrial(trial);
    sim.clock.set(after(2 * hourMs));
    await outcome(record({ Timestamp: after(60_000) }, trial), record({ Timestamp: after(hourMs + 60_000) }, trial));
    const terms = (of: typeof sim): unknown[] => of.acceptedUsage().map(({ segment }) => segment?.terms);
    expect(terms(sim)).toEqual(['trial', 'paid']);
    const { sim: other } = await startMarketplace();
    other.restore(sim.snapshot());
    expect(terms(other)).toEqual(['trial', 'paid']);
  });

  it('has no price for what an end that was set back left without one', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    await outcome(record());
    sim.end(agreement, { at: after(-2 * hourMs) });
    expect(sim.acceptedUsage()[0]?.segment).toBeUndefined();
  });
});

describe('priceSegments', () => {
  it('has every stretch of every agreement that began or will', async () => {
    const { sim } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: ['users'], identity: 'legacy' });
    const trial = sim.subscribe({
      productCode,
      freeTrial: true,
      trialEndsAt: after(2 * hourMs),
      endsAt: after(5 * hourMs),
    });
    sim.cancel(sim.subscribe({ productCode, startsAt: after(hourMs) }));
    sim.failSubscription({ productCode });
    const next = sim.renew(trial, { startsAt: after(5 * hourMs) });
    const expected = [
      ['trial', trial.agreementId, noon, after(2 * hourMs)],
      ['paid', trial.agreementId, after(2 * hourMs), after(5 * hourMs)],
      ['paid', next.agreementId, after(5 * hourMs), undefined],
    ];
    const segments = (): unknown[] =>
      sim.priceSegments().map(({ terms, agreementId, from, until }) => [terms, agreementId, from, until]);
    expect(segments()).toEqual(expected);
    sim.clock.set(after(6 * hourMs));
    expect(segments()).toEqual(expected);
    expect(sim.priceSegments().map(({ customerIdentifier }) => customerIdentifier)).toEqual(
      Array(3).fill(trial.customerIdentifier),
    );
  });
});
