import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from 'aws-marketplace-simulator';
import { AgreementGateway } from '../../src/aws/agreement-gateway.js';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { CallPermission } from '../../src/aws/call-permission.js';
import { CustomerGateway } from '../../src/aws/customer-gateway.js';
import { EntitlementGateway } from '../../src/aws/entitlement-gateway.js';
import { PacedCalls } from '../../src/aws/paced-calls.js';
import { CallBudget } from '../../src/database/call-budget.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type Options } from '../../src/options/options.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { agreementKeyOf, digestOf, licenseIdOf } from '../../src/subscription/chain/aws-names.js';
import { type AskedBuyer, type KnownAgreement } from '../../src/subscription/reconciliation/asked-buyer.js';
import { findingsOf } from '../../src/subscription/reconciliation/buyer-answer.js';
import { type BuyerAnswered, BuyerQuestions } from '../../src/subscription/reconciliation/buyer-questions.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

const PRODUCT = 'larkspur';
const NOON = new Date('2026-11-18T12:00:00Z');
const HOUR_MS = 3_600_000;
/** AWS's published figures, with the lower one where its pages differ. */
const QUOTAS = {
  SearchAgreements: 5,
  DescribeAgreement: 5,
  GetAgreementTerms: 5,
  GetEntitlements: 20,
  ResolveCustomer: 10,
};

let postgres: TestDatabase;
let simulator: MarketplaceSimulator;
let isRunning = false;
const replicas: Replica[] = [];

/** What asks AWS, as one replica of an application has it. */
class Replica {
  readonly options: ReturnType<typeof resolveOptions>;
  readonly database: Promise<LedgerDatabase>;
  private readonly clients: AwsClients;

  constructor(given: Options = {}) {
    this.options = resolveOptions(
      {
        sellerAccount: `seller-${sellers}`,
        database: { url: postgres.url, poolSize: 4 },
        products: [{ productCode: PRODUCT, dimensions: ['requests', 'seats'], ...given.products?.[0] }],
        signUpUrl: 'https://app.example.com/sign-up',
        clock: simulator.clock,
        ...given,
        aws: {
          endpoint: simulator.url,
          credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
          ...given.aws,
        },
      },
      {},
    );
    this.clients = new AwsClients(this.options);
    this.database = createDataSource(this.options)
      .initialize()
      .then((dataSource) => new LedgerDatabase(dataSource));
    replicas.push(this);
  }

  async questions(): Promise<BuyerQuestions> {
    const database = await this.database;
    const calls = new PacedCalls(this.options, new CallBudget(this.options, database));
    const agreements = new AgreementGateway(this.clients, calls, new CallPermission(this.options, database));
    return new BuyerQuestions(this.options, agreements, new EntitlementGateway(this.clients, calls));
  }

  get customers(): CustomerGateway {
    return new CustomerGateway(this.clients, this.options);
  }

  async close(): Promise<void> {
    await this.clients.onApplicationShutdown();
    await (await this.database).dataSource.destroy();
  }
}

let sellers = 0;

async function start(given: SimulatorOptions = {}, identity: 'license' | 'legacy' = 'license'): Promise<void> {
  if (isRunning) await simulator.stop();
  isRunning = true;
  simulator = await MarketplaceSimulator.start({
    clock: new VirtualClock({ startAt: NOON, rate: 0 }),
    callsPerSecond: 0,
    ...given,
  });
  simulator.createProduct({
    productCode: PRODUCT,
    identity,
    dimensions: ['requests', { name: 'seats', type: 'Entitled' }],
  });
  simulator.createProduct({ productCode: 'another', dimensions: ['requests'] });
}

beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
});
beforeEach(async () => {
  sellers += 1;
  await start();
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
});
afterAll(async () => {
  await simulator.stop();
  await postgres.drop();
});

function buyerOf(
  agreement: Agreement,
  more: Partial<AskedBuyer> = {},
  agreements: readonly KnownAgreement[] = [],
): AskedBuyer {
  return {
    ...{ productCode: PRODUCT, customerAwsAccountId: agreement.accountId, customerIdentifier: null },
    productId: agreement.productId,
    subscriptions: [{ id: 's-1', customerId: 'c-1', state: 'active' }],
    agreements,
    awaited: [],
    ...more,
  };
}

function rowOf({ agreementId, licenseArn }: Agreement, more: Partial<KnownAgreement> = {}): KnownAgreement {
  return {
    ...{
      id: `row ${agreementId}`,
      subscriptionId: 's-1',
      agreementId,
      found: null,
      terms: null,
      lastFactAt: null,
      lastHeardAt: null,
      announcedEnds: [],
    },
    ...{ agreementDigests: [digestOf(agreementKeyOf(agreementId))], erasedLicenses: [] },
    ...{ licenseArns: [licenseArn], licenseDigests: [digestOf(licenseIdOf(licenseArn))] },
    ...more,
  };
}

async function ask(
  buyer: AskedBuyer,
  replica = new Replica(),
): Promise<Extract<BuyerAnswered, { kind: 'answered' }>['answer']> {
  const answered = await (await replica.questions()).ask(buyer, replica.options.products[0]!);
  if (answered.kind === 'failed')
    throw new Error(`AWS was not asked: ${answered.failure.code} ${answered.failure.message}`);
  return answered.answer;
}

const callsTo = (operation: keyof typeof QUOTAS): number => simulator.calls({ operation }).length;

describe('what AWS is asked about a buyer', () => {
  it('is all agreements at the listing, whatever became of them, with the terms of each; and none of another listing', async () => {
    const first = simulator.subscribe({ productCode: PRODUCT });
    simulator.subscribe({ productCode: 'another', accountId: first.accountId });
    simulator.setSwitches({ renewalLicense: 'newLicense' });
    const renewed = simulator.renew(first);
    const { agreements, terms, mayNotAsk } = await ask(buyerOf(first));
    expect(agreements.map(({ agreementId, status }) => [agreementId, status]).sort()).toEqual(
      [
        [first.agreementId, 'RENEWED'],
        [renewed.agreementId, 'ACTIVE'],
      ].sort(),
    );
    expect([...terms.keys()].sort()).toEqual([first.agreementId, renewed.agreementId].sort());
    expect(mayNotAsk).toBe(false);
    // What pages say nothing about may not be combined: never more than listing and buyer beside the two that are
    // required.
    const [call] = simulator.calls({ operation: 'SearchAgreements' });
    expect((call?.request?.filters as { name: string }[]).map(({ name }) => name)).toEqual([
      ...['PartyType', 'AgreementType', 'ResourceIdentifier', 'AcceptorAccountId'],
    ]);
  });

  it('pages through more agreements than one answer holds', async () => {
    const first = simulator.subscribe({ productCode: PRODUCT });
    for (let n = 0; n < 60; n += 1) simulator.subscribe({ productCode: PRODUCT, accountId: first.accountId });
    const { agreements } = await ask(
      buyerOf(first),
      new Replica({ aws: { callsPerSecond: { searchAgreements: 1000, getAgreementTerms: 1000 } } }),
    );
    expect(agreements).toHaveLength(61);
    expect(callsTo('SearchAgreements')).toBe(2);
  });

  it('M14: tells the trial by its terms: until when, or that there is none', async () => {
    const trial = simulator.subscribe({
      productCode: PRODUCT,
      freeTrial: true,
      endsAt: new Date(NOON.getTime() + 14 * 24 * HOUR_MS),
    });
    const paid = simulator.subscribe({ productCode: PRODUCT, accountId: trial.accountId });
    const { terms } = await ask(buyerOf(trial));
    expect(terms.get(trial.agreementId)).toEqual({
      trial: { until: new Date(NOON.getTime() + 14 * 24 * HOUR_MS).toISOString() },
    });
    expect(terms.get(paid.agreementId)).toEqual({ trial: null });
  });

  it('finds a buyer by a license where the account is not known, and the rest by the account', async () => {
    const first = simulator.subscribe({ productCode: PRODUCT });
    const second = simulator.subscribe({ productCode: PRODUCT, accountId: first.accountId });
    const { agreements } = await ask(
      buyerOf(first, { customerAwsAccountId: null }, [rowOf(first, { agreementId: null })]),
    );
    expect(agreements.map(({ agreementId }) => agreementId).sort()).toEqual(
      [first.agreementId, second.agreementId].sort(),
    );
  });

  it('goes on without the filter by license where AWS does not know it', async () => {
    const first = simulator.subscribe({ productCode: PRODUCT, entitlements: [{ dimension: 'seats', value: 2 }] });
    simulator.faults.add({ operation: 'SearchAgreements', kind: 'unknownError', name: 'ValidationException' });
    const answer = await ask(buyerOf(first, { customerAwsAccountId: null }, [rowOf(first, { agreementId: null })]));
    expect(answer.agreements).toEqual([]);
    expect(answer.entitlements).toMatchObject([{ licenseArn: first.licenseArn, dimension: 'seats' }]);
  });

  it('M15: asks GetEntitlements about a resold agreement, which AWS lists for its reseller only', async () => {
    const resold = simulator.subscribe({
      productCode: PRODUCT,
      resale: { partnerAccountId: '999988887777' },
      entitlements: [{ dimension: 'seats', value: 2 }],
    });
    const buyer = buyerOf(resold, {}, [rowOf(resold)]);
    const answer = await ask(buyer);
    expect([answer.agreements, answer.mayNotAsk]).toEqual([[], false]);
    expect(findingsOf(buyer, answer, 'license')).toMatchObject([
      {
        about: { agreementId: resold.agreementId, licenseArn: resold.licenseArn },
        details: { entitled: true, status: null },
      },
    ]);
    // Denied for this one agreement: others are asked about all the same.
    const direct = simulator.subscribe({ productCode: PRODUCT });
    expect((await ask(buyerOf(direct))).agreements).toHaveLength(1);
  });

  it('M15: finds license and agreement of a legacy customer who is known by account only, at a listing whose entity id nobody knows', async () => {
    await start({}, 'legacy');
    const agreement = simulator.subscribe({ productCode: PRODUCT, entitlements: [{ dimension: 'seats', value: 2 }] });
    simulator.subscribe({ productCode: 'another', accountId: agreement.accountId });
    const replica = new Replica({ products: [{ productCode: PRODUCT, dimensions: ['requests'], identity: 'legacy' }] });
    const buyer = buyerOf(agreement, { productId: null });
    const findings = findingsOf(buyer, await ask(buyer, replica), 'legacy');
    expect(findings).toMatchObject([
      {
        about: {
          agreementId: agreement.agreementId,
          licenseArn: agreement.licenseArn,
          customerAwsAccountId: agreement.accountId,
        },
        details: { status: 'ACTIVE' },
      },
    ]);
  });

  it('is not asked again about what AWS called over, and says nothing of what it does not know', async () => {
    const agreement = simulator.subscribe({ productCode: PRODUCT });
    const details = {
      ...{ status: 'CANCELLED', startTime: null, endTime: null, terms: { trial: null }, entitled: null },
      ...{ previousDigest: null, initialDigest: null, offerId: null, lastUpdateTime: null },
    };
    const named = { agreementId: 'agmt-gone', agreementDigests: [digestOf('gone')] };
    const gone = { ...rowOf(agreement), ...named, licenseArns: [], licenseDigests: [] };
    await ask(buyerOf(agreement, {}, [{ ...gone, found: { at: NOON, details } }]));
    expect(callsTo('DescribeAgreement')).toBe(0);
    const { agreements } = await ask(buyerOf(agreement, {}, [gone]));
    expect([callsTo('DescribeAgreement'), agreements.length]).toEqual([1, 1]);
  });
});

describe('what AWS does not permit', () => {
  it('is remembered for all replicas, and what can be learned without it is learned', async () => {
    simulator.faults.add({ operation: 'SearchAgreements', kind: 'accessDenied' });
    const contract = simulator.subscribe({ productCode: PRODUCT, entitlements: [{ dimension: 'seats', value: 2 }] });
    const buyer = buyerOf(contract, {}, [rowOf(contract, { agreementId: null })]);
    for (const replica of [new Replica(), new Replica()]) {
      const answer = await ask(buyer, replica);
      expect(answer.mayNotAsk).toBe(false);
      expect(findingsOf(buyer, answer, 'license')).toMatchObject([{ details: { entitled: true } }]);
    }
    expect(callsTo('SearchAgreements')).toBe(1);
  });

  it('is said to be so where nothing may be asked at all, which is an answer', async () => {
    simulator.faults.add({ operation: 'SearchAgreements', kind: 'accessDenied' });
    simulator.faults.add({ operation: 'GetEntitlements', kind: 'accessDenied' });
    const agreement = simulator.subscribe({ productCode: PRODUCT });
    expect(await ask(buyerOf(agreement))).toMatchObject({ mayNotAsk: true, agreements: [], entitlements: [] });
  });

  it('is asked for again after an hour of the database', async () => {
    simulator.faults.add({ operation: 'SearchAgreements', kind: 'accessDenied' });
    const agreement = simulator.subscribe({ productCode: PRODUCT });
    const replica = new Replica();
    await ask(buyerOf(agreement), replica);
    simulator.faults.clear();
    expect((await ask(buyerOf(agreement), replica)).agreements).toEqual([]);
    await (
      await replica.database
    ).query(`UPDATE marketplace.call_budget SET denied_at = denied_at - interval '61 minutes'`);
    expect((await ask(buyerOf(agreement), replica)).agreements).toHaveLength(1);
    expect(
      await (
        await replica.database
      ).query(
        `SELECT FROM marketplace.call_budget WHERE seller_account = 'seller-${sellers}' AND denied_at IS NOT NULL`,
      ),
    ).toEqual([]);
  });
});

describe('what AWS does not answer', () => {
  it.each(['error500Before', 'resetAfter', 'expiredCredentials'] as const)(
    '%s: concludes nothing from the rest',
    async (kind) => {
      simulator.faults.add({ operation: 'GetAgreementTerms', kind });
      const agreement = simulator.subscribe({ productCode: PRODUCT });
      const replica = new Replica();
      const answered = await (await replica.questions()).ask(buyerOf(agreement), replica.options.products[0]!);
      expect(answered).toMatchObject({ kind: 'failed' });
    },
  );
});

describe('M16: the quotas of AWS', () => {
  const SIXTY = Array.from({ length: 60 }, (_, n) => n);

  it('hold up 60 questions on two replicas, and refuse none', async () => {
    await start({ callsPerSecond: QUOTAS });
    const agreements = SIXTY.map(() => simulator.subscribe({ productCode: PRODUCT }));
    const both = [new Replica(), new Replica()];
    const began = performance.now();
    const perReplica = both.map(async (replica, n) => {
      const found: number[] = [];
      for (const agreement of agreements.filter((_, index) => index % 2 === n))
        found.push((await ask(buyerOf(agreement), replica)).agreements.length);
      return found;
    });
    expect((await Promise.all(perReplica)).flat()).toEqual(SIXTY.map(() => 1));
    expect(performance.now() - began).toBeGreaterThan(14_000);
    expect(simulator.calls().filter(({ statusCode }) => statusCode === 400)).toEqual([]);
  });

  it('are found out where they are smaller than AWS publishes: slower, and none refused', async () => {
    await start({ callsPerSecond: { ...QUOTAS, SearchAgreements: 1 } });
    const agreements = SIXTY.slice(0, 5).map(() => simulator.subscribe({ productCode: PRODUCT }));
    const replica = new Replica();
    const found = await Promise.all(
      agreements.map(async (agreement) => (await ask(buyerOf(agreement), replica)).agreements.length),
    );
    expect(found).toEqual(agreements.map(() => 1));
    const [row] = await (
      await replica.database
    ).query<{ calls_per_second: number }>(
      `SELECT calls_per_second FROM marketplace.call_budget WHERE seller_account = $1
        AND operation = 'SearchAgreements'`,
      [replica.options.sellerAccount],
    );
    expect(row!.calls_per_second).toBeLessThan(3);
  });

  it('let each of 60 buyers who arrive in one moment in', async () => {
    await start({ callsPerSecond: QUOTAS });
    const both = [new Replica(), new Replica()];
    const answers = await Promise.all(
      SIXTY.map((n) =>
        both[n % 2]!.customers.resolve(simulator.registrationToken(simulator.subscribe({ productCode: PRODUCT }))),
      ),
    );
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['resolved']));
  });

  it('end the patience of a buyer only while AWS throttles without end', async () => {
    simulator.faults.add({ operation: 'ResolveCustomer', kind: 'throttle' });
    const replica = new Replica({ resolvePatienceMs: 1000 });
    const began = performance.now();
    const answer = await replica.customers.resolve(
      simulator.registrationToken(simulator.subscribe({ productCode: PRODUCT })),
    );
    expect(answer).toMatchObject({ kind: 'failed', failure: { kind: 'throttled' } });
    expect(performance.now() - began).toBeLessThan(3000);
    expect(callsTo('ResolveCustomer')).toBeGreaterThan(1);
  });
});
