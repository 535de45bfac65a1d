import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import {
  getMarketplaceToken,
  MarketplaceMeteringModule,
  MeteringService,
  RegistrationService,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { JobScheduler } from '../../src/runtime/job-scheduler.js';
import { expectTablesConserved } from '../support/conservation.js';
import { migrate, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { SellerAccounts } from './seller-accounts.js';
import { StsServer } from './sts-server.js';

// Products of two seller accounts in one application: an instance and a role for each, one database and one endpoint.

const SELLERS = { eu: '444455556666', us: '777788889999' } as const;
type Seller = keyof typeof SELLERS;
const NAMES = Object.keys(SELLERS) as Seller[];
const roleOf = (seller: Seller): string => `arn:aws:iam::${SELLERS[seller]}:role/billing-${seller}`;

let postgres: TestDatabase;
let sts: StsServer;
let endpoint: SellerAccounts;
let markets: Record<Seller, MarketplaceSimulator>;
let clock: VirtualClock;
let app: INestApplication;
const before = process.env.AWS_ENDPOINT_URL_STS;

beforeEach(async () => {
  clock = new VirtualClock({ startAt: START, rate: 0 });
  postgres = await migratedDatabase(migrate);
  [sts, endpoint] = [await StsServer.start(), await SellerAccounts.start()];
  process.env.AWS_ENDPOINT_URL_STS = sts.url;
  const [eu, us] = await Promise.all(
    NAMES.map((seller, seed) =>
      MarketplaceSimulator.start({ clock, callsPerSecond: 0, sellerAccountId: SELLERS[seller], seed }),
    ),
  );
  markets = { eu: eu!, us: us! };
  for (const seller of NAMES) {
    markets[seller].createProduct({ productCode: `product-${seller}`, dimensions: ['requests'] });
    sts.trusts.set(roleOf(seller), { accessKeyIds: ['AKIAAPP'] });
    endpoint.accounts.set(`BILLING-${seller.toUpperCase()}`, markets[seller]);
  }
});
afterEach(async () => {
  await app.close();
  await Promise.all([endpoint.stop(), sts.stop(), ...Object.values(markets).map((market) => market.stop())]);
  await postgres.drop();
  if (before === undefined) Reflect.deleteProperty(process.env, 'AWS_ENDPOINT_URL_STS');
  else process.env.AWS_ENDPOINT_URL_STS = before;
});

function instance(seller: Seller): DynamicModule {
  const world = { databaseUrl: postgres.url, awsEndpoint: endpoint.url, clock };
  return MarketplaceMeteringModule.forRoot({
    ...replicaOptions(world, {
      products: [{ productCode: `product-${seller}`, dimensions: ['requests'], zeroRecords: 'off' }],
      codeBinding: 'none',
      aws: {
        assumeRole: { roleArn: roleOf(seller) },
        credentials: () => Promise.resolve({ accessKeyId: 'AKIAAPP', secretAccessKey: 'secret' }),
      },
    }),
    ...{ name: seller, sellerAccount: SELLERS[seller] },
  });
}

it('keeps the products of two seller accounts apart: tokens, usage, credentials, quotas and bills', async () => {
  @Module({ imports: NAMES.map(instance) })
  class Host {}
  app = await NestFactory.create(Host, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const arrive = (at: Seller, token: Record<string, string>): Promise<Response> =>
    fetch(`${url}/marketplace/${at}/registration`, {
      ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams(token) },
    });
  const of = <T>(service: new (...given: never[]) => T, seller: Seller): T =>
    app.get<T>(getMarketplaceToken(service as never, seller), { strict: false });

  for (const seller of NAMES) {
    const buy = (): Record<string, string> => {
      const agreement = markets[seller].subscribe({ productCode: `product-${seller}` });
      return { ...markets[seller].registrationForm(agreement) };
    };
    // AWS knows a token in the account of its product alone.
    const astray = await arrive(seller === 'eu' ? 'us' : 'eu', buy());
    expect([astray.status, astray.headers.get('location')]).toEqual([400, null]);
    const code = new URL((await arrive(seller, buy())).headers.get('location') ?? '').searchParams.get(
      'registrationCode',
    );
    await of(RegistrationService, seller).claim(code ?? '', { tenantId: 'acme' });
    const quantity = seller === 'eu' ? 2 : 3;
    await of(MeteringService, seller).record({
      tenantId: 'acme',
      dimension: 'requests',
      quantity,
      idempotencyKey: 'one',
    });
  }
  clock.advance(2 * 3_600_000);
  for (const seller of NAMES)
    for (const job of ['seal', 'submit'] as const) await of(JobScheduler, seller).runOnce(job);

  for (const seller of NAMES) {
    const quantity = seller === 'eu' ? 2 : 3;
    expect(markets[seller].bill()).toMatchObject([{ productCode: `product-${seller}`, quantity }]);
    const key = StsServer.keyOf(roleOf(seller), 1);
    expect([...new Set(markets[seller].calls({}).map(({ accessKeyId }) => accessKeyId))]).toEqual([key]);
    await expectTablesConserved(of(LedgerDatabase, seller));
  }
  expect(endpoint.refused).toEqual([]);
  const budgets = await of(LedgerDatabase, 'eu').query<{ seller_account: string }>(
    `SELECT seller_account FROM marketplace.call_budget WHERE operation = 'BatchMeterUsage' ORDER BY 1`,
  );
  expect(budgets.map(({ seller_account }) => seller_account)).toEqual(Object.values(SELLERS));
});
