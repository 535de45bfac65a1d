import { GetAgreementTermsCommand } from '@aws-sdk/client-marketplace-agreement';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Agreement,
  type MarketplaceSimulator,
  type ProductIdentity,
  type SubscribeOptions,
  type Switches,
} from '../src/index.js';
import { agreementClient } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const dayMs = 24 * hourMs;
const after = (ms: number): Date => new Date(noon.getTime() + ms);

interface Trial {
  sim: MarketplaceSimulator;
  trial: Agreement;
  /** Kinds of the agreement's terms, the trial's with its duration. */
  terms: (of?: Agreement) => Promise<string[]>;
}

async function startTrial(
  switches: Partial<Switches> = {},
  options: Partial<SubscribeOptions> = {},
  identity: ProductIdentity = 'license',
): Promise<Trial> {
  const { sim } = await startMarketplace({ switches });
  const { productCode } = sim.createProduct({ dimensions: ['users'], identity });
  const trial = sim.subscribe({ productCode, freeTrial: true, ...options });
  const terms = async ({ agreementId }: Agreement = trial): Promise<string[]> => {
    const client = agreementClient(sim.url);
    const { acceptedTerms = [] } = await client.send(new GetAgreementTermsCommand({ agreementId }));
    client.destroy();
    return acceptedTerms.map((term) =>
      [Object.keys(term)[0], term.freeTrialPricingTerm?.duration ?? ''].join(' ').trim(),
    );
  };
  return { sim, trial, terms };
}

const [trialTerm, usage, validity] = ['freeTrialPricingTerm', 'usageBasedPricingTerm', 'validityTerm'];

describe('a free trial', () => {
  it('becomes paid by itself within its agreement', async () => {
    const { sim, trial, terms } = await startTrial({}, { trialEndsAt: after(14 * dayMs) });
    expect(await terms()).toEqual([`${trialTerm} P14D`, usage, validity]);
    sim.notifications.collect();
    sim.clock.set(after(14 * dayMs));
    expect(sim.agreement(trial)).toMatchObject({ status: 'ACTIVE', freeTrial: false, paidSince: after(14 * dayMs) });
    expect(sim.notifications.collect().map(({ type }) => type)).toEqual([
      'Purchase Agreement Amended',
      'License Updated',
    ]);
    expect(await terms()).toEqual([usage, validity]);
  });

  it('of hours has a duration of hours', async () => {
    const { terms } = await startTrial({}, { trialEndsAt: after(4 * hourMs) });
    expect(await terms()).toEqual([`${trialTerm} P0DT14400S`, usage, validity]);
  });

  it('trialTerms: alone, unless it becomes paid by itself', async () => {
    const alone = await startTrial({ trialTerms: 'alone' }, { endsAt: after(14 * dayMs) });
    expect(await alone.terms()).toEqual([`${trialTerm} P14D`, validity]);
    const paid = alone.sim.convertTrial(alone.trial);
    expect(await alone.terms(paid)).toEqual([usage, validity]);
    const within = await startTrial({ trialTerms: 'alone' }, { trialEndsAt: after(14 * dayMs) });
    expect(await within.terms()).toEqual([`${trialTerm} P14D`, usage, validity]);
  });

  it('convertedTrialTerm: kept, for as long as it lasted', async () => {
    const { sim, trial, terms } = await startTrial({ convertedTrialTerm: 'kept' }, { endsAt: after(14 * dayMs) });
    sim.clock.advance(5 * dayMs);
    sim.convertTrial(trial);
    expect(await terms()).toEqual([`${trialTerm} P5D`, usage, validity]);
  });

  it.each([
    ['signed', 'P14D'],
    ['shortened', 'P0DT18000S'],
  ] as const)('endedTerms: %s, once it is cancelled', async (endedTerms, duration) => {
    const { sim, trial, terms } = await startTrial({ endedTerms }, { endsAt: after(14 * dayMs) });
    sim.clock.advance(5 * hourMs);
    sim.cancel(trial);
    sim.clock.advance(2 * hourMs);
    expect(await terms()).toEqual([`${trialTerm} ${duration}`, usage, validity]);
  });

  it('is converted as this call has it, whatever the switch, at once or ahead', async () => {
    const { sim, trial } = await startTrial({}, { endsAt: after(14 * dayMs) });
    const paid = sim.convertTrial(trial, { as: 'newLicense', startsAt: after(10 * dayMs) });
    expect([paid.licenseArn === trial.licenseArn, paid.freeTrial, sim.agreement(trial).status]).toEqual([
      false,
      false,
      'ACTIVE',
    ]);
    sim.clock.set(after(10 * dayMs));
    expect(sim.agreement(trial).status).toBe('REPLACED');
    const other = await startTrial();
    expect(other.sim.convertTrial(other.trial, { as: 'sameLicense' }).licenseArn).toBe(other.trial.licenseArn);
    const third = await startTrial();
    expect(() => third.sim.convertTrial(third.trial, { as: 'sameAgreement', startsAt: after(dayMs) })).toThrow(
      'trialEndsAt',
    );
  });

  it('of a legacy customer says so in the topic until it is paid by another offer', async () => {
    const { sim, trial } = await startTrial({}, {}, 'legacy');
    sim.convertTrial(trial, { offerId: 'offer-paid' });
    const notices = sim.notifications.messages({ channel: 'subscriptionTopic' }).map(({ body }) => body);
    expect(notices).toMatchObject([
      { isFreeTrialTermPresent: 'true' },
      { isFreeTrialTermPresent: 'false', 'offer-identifier': 'offer-paid' },
    ]);
  });

  it('cannot become paid before it starts, nor without being one', async () => {
    const { sim, trial } = await startTrial();
    const { productCode } = trial;
    for (const options of [{ trialEndsAt: after(dayMs) }, { freeTrial: true, trialEndsAt: noon }]) {
      expect(() => sim.subscribe({ productCode, ...options })).toThrow('trialEndsAt');
    }
  });
});
