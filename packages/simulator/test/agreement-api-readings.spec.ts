import {
  DescribeAgreementCommand,
  type DescribeAgreementCommandOutput,
  GetAgreementTermsCommand,
  type MarketplaceAgreementClient,
  SearchAgreementsCommand,
} from '@aws-sdk/client-marketplace-agreement';
import {
  GetEntitlementsCommand,
  type MarketplaceEntitlementServiceClient,
} from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Agreement,
  type EventBridgeEvent,
  type Listing,
  type MarketplaceSimulator,
  type SimulatorOptions,
  type Switches,
} from '../src/index.js';
import { agreementClient, errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

const clients: MarketplaceAgreementClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await stopMarketplaces();
});

const after = (ms: number): Date => new Date(noon.getTime() + ms);

interface Readings {
  sim: MarketplaceSimulator;
  listing: Listing;
  client: MarketplaceAgreementClient;
  entitlements: MarketplaceEntitlementServiceClient;
  search: (filters?: Record<string, string>) => Promise<string[]>;
}

async function startReadings(options: SimulatorOptions = {}): Promise<Readings> {
  const { sim, entitlements } = await startMarketplace(options);
  const listing = sim.createProduct({ dimensions: ['users', { name: 'seats', type: 'Entitled' }] });
  const client = agreementClient(sim.url);
  clients.push(client);
  const search = async (filters: Record<string, string> = {}): Promise<string[]> => {
    const wanted = { PartyType: 'Proposer', AgreementType: 'PurchaseAgreement', ...filters };
    const list = Object.entries(wanted).map(([name, value]) => ({ name, values: [value] }));
    const { agreementViewSummaries = [] } = await client.send(new SearchAgreementsCommand({ filters: list }));
    return agreementViewSummaries.map(({ status = '' }) => status);
  };
  return { sim, listing, client, entitlements, search };
}

describe('searchIndexDelayMs', () => {
  it('lists a new agreement late, and an ended one ACTIVE for as long', async () => {
    const { sim, listing, client, search } = await startReadings({ switches: { searchIndexDelayMs: 5_000 } });
    const agreement = sim.subscribe({ productCode: listing.productCode });
    expect(await search()).toEqual([]);
    sim.clock.advance(5_000);
    expect(await search()).toEqual(['ACTIVE']);
    sim.cancel(agreement);
    sim.clock.advance(4_999);
    expect(await search({ Status: 'ACTIVE' })).toEqual(['ACTIVE']);
    const { status } = await client.send(new DescribeAgreementCommand({ agreementId: agreement.agreementId }));
    expect(status).toBe('CANCELLED');
    // What was is part of the state.
    sim.restore(sim.snapshot());
    expect(await search()).toEqual(['ACTIVE']);
    sim.clock.advance(1);
    expect(await search()).toEqual(['CANCELLED']);
  });

  it('shows each of several changes at its time', async () => {
    const { sim, listing, search } = await startReadings({ switches: { searchIndexDelayMs: 60_000 } });
    const agreement = sim.subscribe({ productCode: listing.productCode, startsAt: after(-hourMs) });
    sim.clock.advance(30_000);
    sim.amend(agreement, { endsAt: after(2 * hourMs) });
    sim.clock.advance(20_000);
    sim.cancel(agreement);
    const seen: string[] = [];
    for (let step = 0; step < 3; step += 1) {
      sim.clock.advance(step === 0 ? 10_000 : 30_000);
      seen.push([...(await search({ AfterEndTime: '2026-11-18T13:00:00Z' })), ...(await search())].join(' '));
    }
    expect(seen).toEqual(['ACTIVE', 'ACTIVE ACTIVE', 'CANCELLED']);
  });
});

describe('agreementTermsDelayMs', () => {
  it('tells the terms that an agreement began with at once, and others late', async () => {
    const { sim, listing, client, search } = await startReadings({ switches: { agreementTermsDelayMs: 60_000 } });
    const { agreementId } = sim.subscribe({ productCode: listing.productCode, freeTrial: true });
    const isTrial = async (): Promise<boolean> => {
      const { acceptedTerms = [] } = await client.send(new GetAgreementTermsCommand({ agreementId }));
      return acceptedTerms.some((term) => 'freeTrialPricingTerm' in term);
    };
    expect(await isTrial()).toBe(true);
    sim.clock.advance(30_000);
    sim.convertTrial(agreementId, { as: 'sameAgreement' });
    sim.clock.advance(59_999);
    expect(await isTrial()).toBe(true);
    expect(await search({ AfterLastUpdateTime: after(29_000).toISOString() })).toEqual(['ACTIVE']);
    sim.clock.advance(1);
    expect(await isTrial()).toBe(false);
  });
});

describe('endedUpdateTime', () => {
  it.each([
    ['end', 3 * hourMs],
    ['before', hourMs],
  ] as const)(
    '%s: the last change of what was cancelled; a renewal counts in any case',
    async (endedUpdateTime, ended) => {
      const { sim, listing, client } = await startReadings({ switches: { endedUpdateTime } });
      const changedAt = async ({ agreementId }: Agreement): Promise<Date | undefined> => {
        const found = await client.send(
          new SearchAgreementsCommand({
            catalog: 'AWSMarketplace',
            filters: [
              { name: 'PartyType', values: ['Proposer'] },
              { name: 'AgreementType', values: ['PurchaseAgreement'] },
            ],
          }),
        );
        return found.agreementViewSummaries?.find((one) => one.agreementId === agreementId)?.lastUpdateTime;
      };
      const agreement = sim.subscribe({ productCode: listing.productCode, endsAt: after(48 * hourMs) });
      const renewed = sim.subscribe({ productCode: listing.productCode, endsAt: after(48 * hourMs) });
      expect(await changedAt(agreement)).toEqual(after(0));
      sim.clock.advance(hourMs);
      sim.amend(agreement, { endsAt: after(72 * hourMs) });
      expect(await changedAt(agreement)).toEqual(after(hourMs));
      sim.clock.advance(2 * hourMs);
      sim.cancel(agreement);
      sim.renew(renewed, { startsAt: sim.clock.now() });
      expect(await changedAt(agreement)).toEqual(after(ended));
      expect(await changedAt(renewed)).toEqual(after(3 * hourMs));
    },
  );
});

describe('cancelledEndTime', () => {
  it.each([
    ['told', 0, [0, 0]],
    ['signed', 0, [undefined, 24 * hourMs]],
    ['signed', 25 * hourMs, [undefined, 24 * hourMs]],
  ] as const)('%s, cancelled after %d ms', async (cancelledEndTime, cancelledAfterMs, expected) => {
    const { sim, listing, client } = await startReadings({ switches: { cancelledEndTime } });
    const endings = [{}, { endsAt: after(24 * hourMs) }].map((terms) =>
      sim.subscribe({ productCode: listing.productCode, ...terms }),
    );
    sim.clock.advance(cancelledAfterMs);
    for (const agreement of endings) if (sim.agreement(agreement).status === 'ACTIVE') sim.cancel(agreement);
    const told = await Promise.all(
      endings.map(({ agreementId }) => client.send(new DescribeAgreementCommand({ agreementId }))),
    );
    expect(told.map(({ endTime }) => endTime)).toEqual(
      expected.map((ms) => (ms === undefined ? undefined : after(ms))),
    );
  });
});

describe('renewedFrom', () => {
  it.each<[Switches['renewedFrom'], ahead: string, after: string, told: [status: string, at: string]]>([
    ['start', 'ACTIVE', 'RENEWED', ['RENEWED', '2026-11-19T12:30:00Z']],
    ['signing', 'RENEWED', 'RENEWED', ['RENEWED', '2026-11-18T12:30:00Z']],
    ['never', 'ACTIVE', 'EXPIRED', ['EXPIRED', '2026-11-19T12:30:00Z']],
  ])(
    '%s: what a renewal follows, while that lies ahead and from its start on',
    async (renewedFrom, ahead, then, told) => {
      const { sim, listing, client, search } = await startReadings({ switches: { renewedFrom } });
      const first = sim.subscribe({ productCode: listing.productCode, endsAt: after(24 * hourMs) });
      const found = (): Promise<DescribeAgreementCommandOutput> =>
        client.send(new DescribeAgreementCommand({ agreementId: first.agreementId }));
      const calledOff = sim.renew(first, { startsAt: after(24 * hourMs) });
      expect(await search({ BeforeEndTime: after(25 * hourMs).toISOString() })).toEqual([ahead]);
      expect((await found()).endTimeBehavior?.type).toBe(ahead === 'ACTIVE' ? 'RENEW' : undefined);
      sim.cancel(calledOff);
      expect((await found()).status).toBe('ACTIVE');
      sim.notifications.collect();
      sim.renew(first, { startsAt: after(24 * hourMs) });
      sim.clock.set(after(24 * hourMs));
      expect((await found()).status).toBe(then);
      const ended = sim.notifications.collect().filter(({ type }) => type === 'Purchase Agreement Ended');
      expect(ended.map(({ body }) => body as EventBridgeEvent)).toEqual([
        expect.objectContaining({
          time: told[1],
          detail: expect.objectContaining({ agreement: { id: first.agreementId, status: told[0] } }),
        }),
      ]);
    },
  );
});

describe('licenseArnFilter', () => {
  it('may be one that the reference lacks', async () => {
    const { sim, listing, search } = await startReadings();
    const { licenseArn } = sim.subscribe({ productCode: listing.productCode });
    expect(await search({ LicenseArn: licenseArn })).toEqual(['ACTIVE']);
    sim.setSwitches({ licenseArnFilter: 'refused' });
    expect(await errorNameOf(search({ LicenseArn: licenseArn }))).toBe('ValidationException');
  });
});

describe('a resold agreement', () => {
  it.each([
    ['AccessDeniedException', 'AccessDeniedException'],
    ['ResourceNotFoundException', 'ResourceNotFoundException'],
    ['answered', 'no error'],
  ] as const)(
    'resoldAgreement %s: the manufacturer’s search is empty, the entitlements know it',
    async (resoldAgreement, told) => {
      const { sim, listing, client, entitlements, search } = await startReadings({ switches: { resoldAgreement } });
      const agreement = sim.subscribe({
        productCode: listing.productCode,
        resale: { partnerAccountId: '999988887777' },
        entitlements: [{ dimension: 'seats', value: 3 }],
      });
      expect(await search()).toEqual([]);
      const { agreementId } = agreement;
      expect(await errorNameOf(client.send(new DescribeAgreementCommand({ agreementId })))).toBe(told);
      expect(await errorNameOf(client.send(new GetAgreementTermsCommand({ agreementId })))).toBe(told);
      const { Entitlements } = await entitlements.send(
        new GetEntitlementsCommand({ ProductCode: listing.productCode }),
      );
      expect(Entitlements).toMatchObject([
        { LicenseArn: agreement.licenseArn, CustomerAWSAccountId: agreement.accountId },
      ]);
    },
  );
});

describe('an agreement that is followed', () => {
  it('says what is signed already', async () => {
    const { sim, listing, client } = await startReadings();
    const { productCode } = listing;
    const behaviorOf = async (agreementId: string): Promise<unknown> =>
      (await client.send(new DescribeAgreementCommand({ agreementId }))).endTimeBehavior;
    const sold = { productCode, endsAt: after(hourMs) };
    const [renewed, replaced] = [sim.subscribe(sold), sim.subscribe(sold)];
    expect(await behaviorOf(renewed.agreementId)).toMatchObject({ type: 'EXPIRE', reasonCode: 'NO_RENEWAL_TERM' });
    sim.renew(renewed, { startsAt: after(hourMs) });
    sim.replace(replaced, { startsAt: after(hourMs) });
    expect(await behaviorOf(renewed.agreementId)).toEqual({
      type: 'RENEW',
      renewalSummary: { offerId: renewed.offerId },
    });
    expect(await behaviorOf(replaced.agreementId)).toEqual({ type: 'REPLACE' });
  });
});

describe('quotas', () => {
  const burst = async (call: () => Promise<unknown>, calls = 20): Promise<number> => {
    const names = await Promise.all(Array.from({ length: calls }, () => errorNameOf(call())));
    return names.filter((name) => name !== 'ThrottlingException').length;
  };

  it.each([
    ['SearchAgreements', 5, {}],
    ['DescribeAgreement', 5, {}],
    ['GetAgreementTerms', 5, {}],
    ['GetAgreementTerms', 10, { getAgreementTermsPerSecond: 10 }],
  ] as const)('%s: %i calls a second', async (operation, perSecond, switches) => {
    const { client } = await startReadings({ callsPerSecond: {}, switches });
    const commands = {
      SearchAgreements: () => client.send(new SearchAgreementsCommand({})),
      DescribeAgreement: () => client.send(new DescribeAgreementCommand({ agreementId: 'agmt-x' })),
      GetAgreementTerms: () => client.send(new GetAgreementTermsCommand({ agreementId: 'agmt-x' })),
    };
    const passed = await burst(commands[operation], 30);
    // And what a slow machine's bucket gets back in the meantime.
    expect(passed).toBeGreaterThanOrEqual(perSecond);
    expect(passed).toBeLessThan(perSecond * 2);
  });

  it('can be set while it runs', async () => {
    const { sim, search } = await startReadings();
    expect(await burst(search)).toBe(20);
    sim.setCallsPerSecond({ SearchAgreements: 0.001 });
    expect(await burst(search)).toBe(1);
    sim.setCallsPerSecond(0);
    expect(await burst(search)).toBe(20);
  });
});
