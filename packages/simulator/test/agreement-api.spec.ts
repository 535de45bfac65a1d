import {
  DescribeAgreementCommand,
  GetAgreementTermsCommand,
  MarketplaceAgreementClient,
  paginateSearchAgreements,
  SearchAgreementsCommand,
  type SearchAgreementsCommandInput,
} from '@aws-sdk/client-marketplace-agreement';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Agreement, type Listing, type MarketplaceSimulator } from '../src/index.js';
import { errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

const dayMs = 24 * hourMs;
const days = (count: number): Date => new Date(noon.getTime() + count * dayMs);

let sim: MarketplaceSimulator;
let client: MarketplaceAgreementClient;
let buyer: MarketplaceAgreementClient;
let listing: Listing;
const held: Record<
  'open' | 'renewing' | 'optedOut' | 'cancelled' | 'renewed' | 'renewal' | 'resold' | 'trial',
  Agreement
> = {} as never;

const clientFor = (
  options: { credentials?: { accessKeyId: string; secretAccessKey: string }; region?: string } = {},
): MarketplaceAgreementClient =>
  new MarketplaceAgreementClient({
    ...{
      endpoint: sim.url,
      region: 'us-east-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    },
    ...options,
  });

beforeAll(async () => {
  ({ sim } = await startMarketplace());
  listing = sim.createProduct({ dimensions: ['users', { name: 'seats', type: 'Entitled' }] });
  const { productCode } = listing;
  const accountId = '000011112222';
  held.open = sim.subscribe({ productCode, accountId, startsAt: days(-10) });
  held.renewing = sim.subscribe({
    productCode,
    startsAt: days(-5),
    endsAt: days(200),
    autoRenew: true,
    lockoutDays: 30,
    offerId: 'offer-private',
  });
  held.optedOut = sim.subscribe({ productCode, startsAt: days(-4), endsAt: days(100), autoRenew: true });
  held.optedOut = sim.amend(held.optedOut, { autoRenew: false, renewalDisabledBy: 'PROPOSER' });
  held.cancelled = sim.cancel(sim.subscribe({ productCode, accountId, startsAt: days(-9) }));
  held.renewed = sim.subscribe({
    productCode,
    startsAt: days(-30),
    endsAt: days(1),
    entitlements: [{ dimension: 'seats', value: 5 }],
  });
  held.renewal = sim.renew(held.renewed);
  held.resold = sim.subscribe({ productCode, resale: { partnerAccountId: '999988887777' } });
  held.trial = sim.subscribe({ productCode, freeTrial: true, startsAt: days(-1), endsAt: days(13) });
  client = clientFor();
  buyer = clientFor({ credentials: sim.launch({ agreement: held.open, platform: 'ec2' }).credentials });
});

afterAll(async () => {
  client.destroy();
  buyer.destroy();
  await stopMarketplaces();
});

const filter = (values: Record<string, string>): SearchAgreementsCommandInput['filters'] =>
  Object.entries(values).map(([name, value]) => ({ name, values: [value] }));
const own = { PartyType: 'Proposer', AgreementType: 'PurchaseAgreement' };

/** Names of the agreements found, in the order of the answer. */
async function search(
  filters: Record<string, string>,
  input: SearchAgreementsCommandInput = {},
  as = client,
): Promise<string[]> {
  const answer = await as.send(new SearchAgreementsCommand({ filters: filter(filters), ...input }));
  const ids = answer.agreementViewSummaries?.map(({ agreementId }) => agreementId) ?? [];
  return ids.map((id) => Object.entries(held).find(([, { agreementId }]) => agreementId === id)?.[0] ?? 'unknown');
}

describe('SearchAgreements', () => {
  it('shows the seller their own offers, the latest end first', async () => {
    expect(await search(own)).toEqual(['open', 'renewing', 'optedOut', 'renewal', 'trial', 'cancelled', 'renewed']);
  });

  const cases: [string, () => Record<string, string>, string[]][] = [
    ['AcceptorAccountId', () => ({ AcceptorAccountId: held.open.accountId }), ['open', 'cancelled']],
    ['Status', () => ({ Status: 'RENEWED' }), ['renewed']],
    [
      'AcceptorAccountId and Status',
      () => ({ AcceptorAccountId: held.open.accountId, Status: 'CANCELLED' }),
      ['cancelled'],
    ],
    ['LicenseArn', () => ({ LicenseArn: held.trial.licenseArn }), ['trial']],
    ['InitialAgreementId', () => ({ InitialAgreementId: held.renewed.agreementId }), ['renewal', 'renewed']],
    ['OfferId', () => ({ OfferId: 'offer-private' }), ['renewing']],
    ['OfferSetId', () => ({ OfferSetId: 'offerset-x' }), []],
    ['ResourceIdentifier', () => ({ ResourceIdentifier: listing.productId, Status: 'RENEWED' }), ['renewed']],
    ['another ResourceIdentifier', () => ({ ResourceIdentifier: 'prod-other' }), []],
    ['ResourceType', () => ({ ResourceType: 'AmiProduct' }), []],
    ['EndTimeBehaviorType', () => ({ EndTimeBehaviorType: 'RENEW' }), ['renewing']],
    ['EndTimeBehaviorReasonCode', () => ({ EndTimeBehaviorReasonCode: 'PROPOSER_RENEW_OPTED_OUT' }), ['optedOut']],
    [
      'BeforeEndTime and AfterEndTime',
      () => ({ BeforeEndTime: days(150).toISOString(), AfterEndTime: days(50).toISOString() }),
      ['optedOut'],
    ],
    ['BeforeStartTime', () => ({ BeforeStartTime: days(-20).toISOString() }), ['renewed']],
    ['AfterStartTime', () => ({ AfterStartTime: days(-2).toISOString() }), ['renewal', 'trial']],
    ['AfterLastUpdateTime', () => ({ AfterLastUpdateTime: days(1).toISOString() }), []],
    [
      'BeforeLastUpdateTime',
      () => ({ BeforeLastUpdateTime: days(1).toISOString(), Status: 'CANCELLED' }),
      ['cancelled'],
    ],
  ];

  it.each(cases)('filters by %s', async (_, filters, expected) => {
    expect(await search({ ...own, ...filters() })).toEqual(expected);
  });

  it('sorts by start, end and last update, in both directions', async () => {
    const ascending = { sort: { sortBy: 'StartTime', sortOrder: 'ASCENDING' } as const };
    expect(await search(own, ascending)).toEqual([
      'renewed',
      'open',
      'cancelled',
      'renewing',
      'optedOut',
      'trial',
      'renewal',
    ]);
    expect(await search(own, { sort: { sortBy: 'StartTime' } })).toEqual([
      'renewal',
      'trial',
      'optedOut',
      'renewing',
      'cancelled',
      'open',
      'renewed',
    ]);
    expect((await search(own, { sort: { sortBy: 'EndTime', sortOrder: 'ASCENDING' } })).at(-1)).toBe('open');
    sim.clock.advance(1000);
    sim.reinstate(held.cancelled);
    expect((await search(own, { sort: { sortBy: 'LastUpdateTime' } }))[0]).toBe('cancelled');
  });

  it('pages by tokens of the same query', async () => {
    const pages = [];
    for await (const page of paginateSearchAgreements({ client, pageSize: 3 }, { filters: filter(own) })) {
      pages.push(page.agreementViewSummaries?.length);
    }
    expect(pages).toEqual([3, 3, 1]);
    const { nextToken } = await client.send(new SearchAgreementsCommand({ filters: filter(own), maxResults: 3 }));
    const other = filter({ ...own, Status: 'ACTIVE' });
    expect(await errorNameOf(client.send(new SearchAgreementsCommand({ filters: other, nextToken })))).toBe(
      'ValidationException',
    );
    expect(
      await errorNameOf(client.send(new SearchAgreementsCommand({ filters: filter(own), nextToken: 'bm9uZQ==' }))),
    ).toBe('ValidationException');
  });

  it('shows the buyer what they accepted, by their filters only', async () => {
    const accepted = { PartyType: 'Acceptor', AgreementType: 'PurchaseAgreement' };
    expect(await search(accepted, {}, buyer)).toEqual(['open', 'cancelled']);
    expect(await search({ ...accepted, Status: 'ACTIVE' }, {}, buyer)).toEqual(['open']);
    expect(await search(own, {}, buyer)).toEqual([]);
    const refused = [
      { filters: filter({ ...accepted, LicenseArn: 'x' }) },
      { filters: filter(accepted), sort: { sortBy: 'StartTime' } },
    ];
    for (const input of refused)
      expect(await errorNameOf(buyer.send(new SearchAgreementsCommand(input)))).toBe('ValidationException');
  });

  it.each([
    ['no PartyType', { AgreementType: 'PurchaseAgreement' }, {}],
    ['no AgreementType', { PartyType: 'Proposer' }, {}],
    ['an unknown filter', { ...own, Colour: 'red' }, {}],
    ['a date that is none', { ...own, BeforeEndTime: 'tomorrow' }, {}],
    ['an unknown sort key', own, { sort: { sortBy: 'Colour' } }],
    ['51 results', own, { maxResults: 51 }],
  ])('refuses %s', async (_, filters, input) => {
    expect(await errorNameOf(search(filters, input))).toBe('ValidationException');
  });

  it('describes each as a whole', async () => {
    const { agreementViewSummaries } = await client.send(
      new SearchAgreementsCommand({ filters: filter({ ...own, LicenseArn: held.optedOut.licenseArn }) }),
    );
    const { agreementId, accountId, licenseArn } = held.optedOut;
    expect(agreementViewSummaries).toEqual([
      {
        ...{ agreementId, agreementType: 'PurchaseAgreement', status: 'ACTIVE', initialAgreementId: agreementId },
        ...{ acceptor: { accountId }, proposer: { accountId: sim.sellerAccountId }, entitlements: [{ licenseArn }] },
        ...{ acceptanceTime: days(-4), startTime: days(-4), endTime: days(100), lastUpdateTime: noon },
        proposalSummary: {
          offerId: listing.publicOfferId,
          resources: [{ id: listing.productId, type: 'SaaSProduct' }],
        },
        endTimeBehaviorType: 'EXPIRE',
        endTimeBehaviorReasonCode: 'PROPOSER_RENEW_OPTED_OUT',
      },
    ]);
  });
});

describe('DescribeAgreement', () => {
  it('tells of chain, status and end', async () => {
    const answer = await client.send(new DescribeAgreementCommand({ agreementId: held.renewal.agreementId }));
    expect(answer).toMatchObject({ status: 'ACTIVE', initialAgreementId: held.renewed.agreementId, startTime: noon });
    expect(answer.endTimeBehavior).toEqual({ type: 'EXPIRE', reasonCode: 'NO_RENEWAL_TERM' });
    const open = await client.send(new DescribeAgreementCommand({ agreementId: held.open.agreementId }));
    expect([open.endTime, open.endTimeBehavior]).toEqual([undefined, undefined]);
    expect(await client.send(new DescribeAgreementCommand({ agreementId: held.renewing.agreementId }))).toMatchObject({
      endTimeBehavior: { type: 'RENEW' },
      estimatedCharges: { currencyCode: 'USD' },
    });
  });

  it('answers the parties only', async () => {
    const describe = (agreement: Agreement, as: MarketplaceAgreementClient): Promise<string> =>
      errorNameOf(as.send(new DescribeAgreementCommand({ agreementId: agreement.agreementId })));
    expect(await describe(held.open, buyer)).toBe('no error');
    expect(await describe(held.trial, buyer)).toBe('AccessDeniedException');
    // Sold by a channel partner: the manufacturer is no party.
    expect(await describe(held.resold, client)).toBe('AccessDeniedException');
    expect(await errorNameOf(client.send(new DescribeAgreementCommand({ agreementId: 'agmt-none' })))).toBe(
      'ResourceNotFoundException',
    );
    expect(await errorNameOf(client.send(new DescribeAgreementCommand({ agreementId: 'a b' })))).toBe(
      'ValidationException',
    );
  });

  it('is served in us-east-1 only, and fails when told to', async () => {
    const ireland = clientFor({ region: 'eu-west-1' });
    const call = new DescribeAgreementCommand({ agreementId: held.open.agreementId });
    expect(await errorNameOf(ireland.send(call))).toBe('InvalidSignatureException');
    ireland.destroy();
    sim.faults.add({ kind: 'accessDenied', operation: 'DescribeAgreement', count: 1 });
    expect(await errorNameOf(client.send(call))).toBe('AccessDeniedException');
    expect(await errorNameOf(client.send(call))).toBe('no error');
  });
});

describe('GetAgreementTerms', () => {
  const terms = async (agreement: Agreement): Promise<unknown[]> => {
    const { acceptedTerms = [] } = await client.send(
      new GetAgreementTermsCommand({ agreementId: agreement.agreementId }),
    );
    return acceptedTerms.map((term) => Object.keys(term)[0]);
  };

  it('shows whether it is a trial, what is granted, and whether it renews', async () => {
    expect(await terms(held.trial)).toEqual(['freeTrialPricingTerm', 'usageBasedPricingTerm', 'validityTerm']);
    expect(await terms(held.renewal)).toEqual(['usageBasedPricingTerm', 'fixedUpfrontPricingTerm', 'validityTerm']);
    expect(await terms(held.open)).toEqual(['usageBasedPricingTerm', 'validityTerm']);
    const { acceptedTerms = [] } = await client.send(
      new GetAgreementTermsCommand({ agreementId: held.renewing.agreementId }),
    );
    expect(acceptedTerms.map((term) => term.renewalTerm ?? term.validityTerm).slice(-2)).toMatchObject([
      { type: 'RenewalTerm', configuration: { enableAutoRenew: true }, lockoutPeriod: 'P30D' },
      { type: 'ValidityTerm', agreementDuration: 'P205D', agreementStartDate: days(-5), agreementEndDate: days(200) },
    ]);
    expect(acceptedTerms[0]?.usageBasedPricingTerm?.rateCards?.[0]?.rateCard?.[0]?.dimensionKey).toBe('users');
  });

  it('pages', async () => {
    const input = { agreementId: held.open.agreementId, maxResults: 1 };
    const first = await client.send(new GetAgreementTermsCommand(input));
    const second = await client.send(new GetAgreementTermsCommand({ ...input, nextToken: first.nextToken }));
    expect([first, second].map(({ acceptedTerms }) => acceptedTerms?.length)).toEqual([1, 1]);
    expect(second.acceptedTerms?.[0]?.validityTerm).toBeDefined();
    expect(second.nextToken).toBeUndefined();
  });
});
