import {
  GetEntitlementsCommand,
  type GetEntitlementsCommandInput,
  paginateGetEntitlements,
} from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ProductIdentity, type SimulatorOptions } from '../src/index.js';
import { entitlementClient, errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

async function startContract(options: SimulatorOptions = {}, identity: ProductIdentity = 'license') {
  const marketplace = await startMarketplace(options);
  const { sim, entitlements } = marketplace;
  const { productCode } = sim.createProduct({ dimensions: [{ name: 'seats', type: 'Entitled' }, 'users'], identity });
  const subscribe = (...held: [string, number | boolean | string][]) =>
    sim.subscribe({ productCode, entitlements: held.map(([dimension, value]) => ({ dimension, value })) });
  const get = async (input: Partial<GetEntitlementsCommandInput> = {}) =>
    entitlements.send(new GetEntitlementsCommand({ ProductCode: productCode, ...input }));
  return { ...marketplace, productCode, subscribe, get };
}

describe('GetEntitlements', () => {
  it('answers each type of value, with the license', async () => {
    const { sim, productCode, get } = await startContract();
    const expiresAt = new Date(noon.getTime() + hourMs + 500);
    const values: (number | boolean | string)[] = [3, 2.5, true, 'gold'];
    const { licenseArn, accountId } = sim.subscribe({
      productCode,
      endsAt: new Date(noon.getTime() + 2 * hourMs),
      entitlements: values.map((value, index) => ({ dimension: 'seats', value, ...(index === 0 && { expiresAt }) })),
    });
    const { Entitlements: all } = await get();
    const common = {
      ProductCode: productCode,
      Dimension: 'seats',
      CustomerAWSAccountId: accountId,
      LicenseArn: licenseArn,
    };
    const end = new Date(noon.getTime() + 2 * hourMs);
    expect(all).toEqual([
      { ...common, Value: { IntegerValue: 3 }, ExpirationDate: expiresAt },
      { ...common, Value: { DoubleValue: 2.5 }, ExpirationDate: end },
      { ...common, Value: { BooleanValue: true }, ExpirationDate: end },
      { ...common, Value: { StringValue: 'gold' }, ExpirationDate: end },
    ]);
  });

  it('lists nothing before the start, after the end, and what has expired', async () => {
    const { sim, productCode, get } = await startContract();
    const held = [
      { dimension: 'seats', value: 1 },
      { dimension: 'users', value: 1, expiresAt: new Date(noon.getTime() + 1.5 * hourMs) },
    ];
    const [startsAt, endsAt] = [new Date(noon.getTime() + hourMs), new Date(noon.getTime() + 2 * hourMs)];
    sim.subscribe({ productCode, startsAt, endsAt, entitlements: held });
    const seen = [];
    for (let step = 0; step < 5; step += 1) {
      seen.push((await get()).Entitlements?.map((entitlement) => entitlement.Dimension));
      sim.clock.advance(hourMs / 2);
    }
    expect(seen).toEqual([[], [], ['seats', 'users'], ['seats'], []]);
  });

  it('ors the values of one filter and ands the filters', async () => {
    const { subscribe, get } = await startContract();
    const [first, second] = [subscribe(['seats', 1], ['users', 2]), subscribe(['seats', 3])];
    const found = async (Filter: GetEntitlementsCommandInput['Filter']) =>
      (await get({ Filter })).Entitlements?.map((entitlement) => entitlement.Value?.IntegerValue);
    expect(await found({ DIMENSION: ['seats'] })).toEqual([1, 3]);
    expect(await found({ DIMENSION: ['seats', 'users'] })).toEqual([1, 2, 3]);
    expect(await found({ DIMENSION: ['seats'], CUSTOMER_AWS_ACCOUNT_ID: [second.accountId] })).toEqual([3]);
    expect(await found({ LICENSE_ARN: [first.licenseArn] })).toEqual([1, 2]);
    expect(await found({ CUSTOMER_IDENTIFIER: ['anyone'] })).toEqual([]);
  });

  it('names and filters by CustomerIdentifier for legacy products', async () => {
    const { subscribe, get } = await startContract({}, 'legacy');
    const { customerIdentifier } = subscribe(['seats', 1]);
    subscribe(['seats', 2]);
    const { Entitlements: found } = await get({ Filter: { CUSTOMER_IDENTIFIER: [customerIdentifier ?? ''] } });
    expect(found).toMatchObject([{ CustomerIdentifier: customerIdentifier, Value: { IntegerValue: 1 } }]);
  });

  it.each([
    ['none', [2, 2, 1]],
    ['before', [0, 2, 0, 2, 0, 1]],
  ] as const)('pages, with empty pages that carry a token by switch: %s', async (emptyEntitlementPages, sizes) => {
    const { productCode, entitlements, subscribe } = await startContract({ switches: { emptyEntitlementPages } });
    subscribe(...Array.from({ length: 5 }, (_, value): [string, number] => ['seats', value]));
    const pages = [];
    for await (const page of paginateGetEntitlements(
      { client: entitlements, pageSize: 2 },
      { ProductCode: productCode },
    )) {
      pages.push(page.Entitlements?.length);
    }
    expect(pages).toEqual(sizes);
  });

  it('answers 25 to a page unless told otherwise', async () => {
    const { subscribe, get } = await startContract();
    subscribe(...Array.from({ length: 26 }, (_, value): [string, number] => ['seats', value]));
    expect((await get()).Entitlements).toHaveLength(25);
  });

  it.each([
    [0, 1],
    [60_000, 0],
  ])('shows a new agreement after %d ms, by switch', async (entitlementsAfterMs, atOnce) => {
    const { sim, subscribe, get } = await startContract({ switches: { entitlementsAfterMs } });
    subscribe(['seats', 1]);
    expect((await get()).Entitlements).toHaveLength(atOnce);
    sim.clock.advance(entitlementsAfterMs);
    expect((await get()).Entitlements).toHaveLength(1);
  });

  it.each([
    [0, 9],
    [60_000, 1],
  ])('shows a change after %d ms, by switch', async (entitlementChangesAfterMs, atOnce) => {
    const { sim, subscribe, get } = await startContract({ switches: { entitlementChangesAfterMs } });
    const agreement = subscribe(['seats', 1]);
    sim.clock.advance(hourMs);
    sim.setEntitlements(agreement, [{ dimension: 'seats', value: 9 }]);
    expect((await get()).Entitlements).toMatchObject([{ Value: { IntegerValue: atOnce } }]);
    sim.clock.advance(entitlementChangesAfterMs);
    expect((await get()).Entitlements).toMatchObject([{ Value: { IntegerValue: 9 } }]);
  });

  it.each(['newLicense', 'sameLicense', 'sameAgreement'] as const)(
    'has no rows for minutes around a renewal, by switch (%s)',
    async (renewalLicense) => {
      const switches = { renewalLicense, entitlementsAwayAtRenewalMs: 180_000 };
      const { sim, productCode, get } = await startContract({ switches });
      const renewal = new Date(noon.getTime() + hourMs);
      const entitlements = [{ dimension: 'seats', value: 1 }];
      sim.subscribe({ productCode, endsAt: renewal, autoRenew: true, entitlements });
      const seen = [];
      for (const seconds of [-181, -180, 0, 179, 180]) {
        sim.clock.set(new Date(renewal.getTime() + seconds * 1000));
        seen.push((await get()).Entitlements?.length);
      }
      expect(seen).toEqual([1, 0, 0, 0, 1]);
      sim.subscribe({ productCode, endsAt: new Date(sim.clock.now().getTime() + 60_000), entitlements });
      expect((await get()).Entitlements).toHaveLength(2);
    },
  );

  it.each([
    ['emptyList', []],
    ['absent', undefined],
  ] as const)('answers without any, by switch: %s', async (emptyEntitlements, expected) => {
    const { sim, productCode, get } = await startContract({ switches: { emptyEntitlements } });
    expect((await get()).Entitlements).toEqual(expected);
    sim.subscribe({ productCode, entitlements: [{ dimension: 'seats', value: 1 }] });
    expect((await get()).Entitlements).toHaveLength(1);
  });

  it.each([
    ['present', new Date(noon.getTime() + hourMs)],
    ['absent', undefined],
  ] as const)('says when it expires, by switch: %s', async (entitlementExpiration, expected) => {
    const { sim, productCode, get } = await startContract({ switches: { entitlementExpiration } });
    const endsAt = new Date(noon.getTime() + hourMs);
    sim.subscribe({ productCode, endsAt, entitlements: [{ dimension: 'seats', value: 1 }] });
    expect((await get()).Entitlements?.map(({ ExpirationDate }) => ExpirationDate)).toEqual([expected]);
  });

  it('pages through 60 dimensions, and fails for hours', async () => {
    const { sim, productCode, entitlements, get } = await startContract();
    const held = Array.from({ length: 60 }, (_, index) => ({
      dimension: `d-${index}`,
      value: index % 2 === 0 ? 1.5 : true,
    }));
    sim.changeProduct(productCode, { dimensions: held.map(({ dimension: name }) => ({ name, type: 'Entitled' })) });
    sim.subscribe({ productCode, entitlements: held });
    const pages = [];
    const paginated = paginateGetEntitlements({ client: entitlements }, { ProductCode: productCode });
    for await (const { Entitlements: page } of paginated) pages.push(page?.length);
    expect(pages).toEqual([25, 25, 10]);
    const until = new Date(noon.getTime() + 10 * hourMs);
    sim.faults.add({ kind: 'error500Before', operation: 'GetEntitlements', until });
    sim.clock.advance(10 * hourMs - 1);
    expect(await errorNameOf(get())).toBe('InternalServiceErrorException');
    sim.clock.advance(1);
    expect((await get()).Entitlements).toHaveLength(25);
  });

  it('follows setEntitlements', async () => {
    const { sim, subscribe, get } = await startContract();
    const agreement = subscribe(['seats', 1]);
    sim.setEntitlements(agreement, [{ dimension: 'seats', value: 9 }]);
    expect((await get()).Entitlements).toMatchObject([{ Value: { IntegerValue: 9 } }]);
  });

  const refused: [string, object][] = [
    ['an unknown product', { ProductCode: 'unknown' }],
    ['no product', { ProductCode: undefined }],
    ['a page of 0', { MaxResults: 0 }],
    ['a page of 26', { MaxResults: 26 }],
    ['a foreign token', { NextToken: 'bm9uc2Vuc2U=' }],
    ['both customer filters', { Filter: { CUSTOMER_IDENTIFIER: ['a'], CUSTOMER_AWS_ACCOUNT_ID: ['1'] } }],
    ['an unknown filter', { Filter: { COLOUR: ['red'] } }],
    ['a filter without values', { Filter: { DIMENSION: [] } }],
  ];

  it.each(refused)('answers InvalidParameterException for %s', async (_, input) => {
    const { get } = await startContract();
    expect(await errorNameOf(get(input))).toBe('InvalidParameterException');
  });

  it('refuses a token of another query', async () => {
    const { subscribe, get } = await startContract();
    subscribe(['seats', 1], ['seats', 2]);
    const { NextToken } = await get({ MaxResults: 1 });
    expect(await errorNameOf(get({ NextToken, Filter: { DIMENSION: ['seats'] } }))).toBe('InvalidParameterException');
    expect((await get({ NextToken })).Entitlements).toMatchObject([{ Value: { IntegerValue: 2 } }]);
  });

  it('is served in us-east-1, not in the region where the SDK would also look', async () => {
    const { sim, productCode } = await startContract();
    const client = entitlementClient(sim.url, { region: 'eu-west-1' });
    expect(await errorNameOf(client.send(new GetEntitlementsCommand({ ProductCode: productCode })))).toBe(
      'InvalidSignatureException',
    );
    client.destroy();
  });
});
