// A tenant who has bought more than once, requests that name what is not there, and a database that is away.
import { describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Injectable, Module, Req } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import {
  type EntitlementCheck,
  EntitlementService,
  MarketplaceMeteringModule,
  RequireEntitlement,
} from '../../src/index.js';
import { PLATFORMS } from '../module/plain-host.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { replicaOptions } from '../support/replica-options.js';
import { PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(120_000);

@Controller()
class PacksController {
  @Get('seats')
  @RequireEntitlement('seats', { atLeast: 5 })
  seats(@Req() { marketplaceEntitlement }: { marketplaceEntitlement: EntitlementCheck }): EntitlementCheck {
    return marketplaceEntitlement;
  }
}

/** Of what Nest asks besides. */
const NOTHING = [undefined, undefined, undefined, undefined, undefined] as const;

const entitlementOwner = (request: unknown) => {
  const { url } = request as { url: string };
  const query = new URL(url, 'http://host').searchParams;
  const subscription = query.get('subscription');
  return subscription ?? { tenantId: query.get('tenant') ?? '' };
};

describe.each(PLATFORMS)('@RequireEntitlement on %s', (platform) => {
  it('lets in whom any subscription in force entitles, each for itself, and tells by which', async () => {
    const world = await World.start({
      lists: [PRODUCT_CODE],
      parts: { controllers: [PacksController], platform },
      options: { entitlementOwner },
    });
    try {
      const ask = async (query: string): Promise<[number, Record<string, unknown>]> => {
        const response = await fetch(`${await world.app.getUrl()}/seats?${query}`);
        return [response.status, (await response.json()) as Record<string, unknown>];
      };
      const entitlements = world.app.get(EntitlementService);
      const first = await world.join('acme', { entitlements: [{ dimension: 'seats', value: 3 }] });
      const second = await world.join('acme', { entitlements: [{ dimension: 'seats', value: 4 }] });
      expect(await ask('tenant=acme')).toMatchObject([
        403,
        { errorCode: 'ENTITLEMENT_REQUIRED', message: expect.stringContaining('too little is held') },
      ]);
      const third = await world.join('acme', { entitlements: [{ dimension: 'seats', value: 6 }] });
      expect(await ask('tenant=acme')).toMatchObject([
        200,
        { isEntitled: true, value: 6, subscriptionId: third.subscriptionId },
      ]);
      expect((await ask(`subscription=${third.subscriptionId}`))[0]).toBe(200);
      expect((await ask(`subscription=${second.subscriptionId}`))[0]).toBe(403);
      expect(await entitlements.isEntitled({ tenantId: 'acme' }, 'seats')).toBe(true);
      expect(await entitlements.isEntitled({ tenantId: 'acme' }, 'sso')).toBe(false);
      // What is held cannot be told in one.
      await expect(entitlements.get({ tenantId: 'acme' })).rejects.toMatchObject({ code: 'SEVERAL_SUBSCRIPTIONS' });

      // What is over does not count.
      await world.subscriptions.end(third.subscriptionId);
      await world.pass(2);
      expect((await ask('tenant=acme'))[0]).toBe(403);

      // Of one of them nothing is known: those that are say no, and that is no answer.
      world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });
      const fourth = await world.join('acme', { entitlements: [{ dimension: 'seats', value: 9 }] });
      expect(await entitlements.check({ tenantId: 'acme' }, 'seats', { atLeast: 5 })).toMatchObject({
        ...{ isEntitled: false, reason: 'unknown', subscriptionId: fourth.subscriptionId },
      });
      await expect(entitlements.isEntitled({ tenantId: 'acme' }, 'sso')).rejects.toMatchObject({
        code: 'ENTITLEMENT_UNKNOWN',
      });
      // What is known says yes of less.
      expect(await entitlements.check({ tenantId: 'acme' }, 'seats', { atLeast: 3 })).toMatchObject({
        isEntitled: true,
      });
      expect([first.subscriptionId, second.subscriptionId]).toContain(
        (await entitlements.check({ tenantId: 'acme' }, 'seats', { atLeast: 3 })).subscriptionId,
      );

      // Names out of a request that nobody has.
      for (const query of [
        'tenant=',
        'tenant=%00',
        'tenant=%ED%A0%80',
        'subscription=x',
        `subscription=${crypto.randomUUID()}`,
      ])
        expect([query, await ask(query)]).toMatchObject([query, [403, { errorCode: 'ENTITLEMENT_REQUIRED' }]]);
    } finally {
      await world.stop();
    }
  });

  it('asks to repeat where the database is away, and does not tell a buyer of it', async () => {
    const world = await World.start({ lists: [PRODUCT_CODE] });
    const network = await FreezingProxy.before(world.postgres.url);
    try {
      await world.join('acme', { entitlements: [{ dimension: 'seats', value: 6 }] });
      const host = await World.start({
        database: world.postgres,
        lists: [PRODUCT_CODE],
        parts: { controllers: [PacksController], platform },
        options: {
          entitlementOwner,
          jobs: { autoStart: false },
          database: { url: network.through(world.postgres.url), poolSize: 2 },
        },
      });
      const url = `${await host.app.getUrl()}/seats?tenant=acme`;
      expect((await fetch(url)).status).not.toBe(500);
      await network.stop();
      const answer = await fetch(url);
      const body = await answer.text();
      expect([answer.status, JSON.parse(body)]).toMatchObject([503, { errorCode: 'LEDGER_UNAVAILABLE' }]);
      expect(body).not.toMatch(/ECONN|127\.0\.0\.1|terminated/);
      await host.app.close();
      await host.simulator.stop();
    } finally {
      await network.stop();
      await world.stop();
    }
  });
});

describe('@RequireEntitlement where there is no HTTP request', () => {
  it('is refused at the start, and lets nobody in by what stands in the place of a request', async () => {
    const world = await World.start({ lists: [PRODUCT_CODE] });
    const place = { databaseUrl: world.postgres.url, awsEndpoint: world.simulator.url, clock: world.clock };
    const options = replicaOptions(place, { entitlementOwner: (request) => request as { tenantId: string } });
    try {
      await world.join('acme', { entitlements: [{ dimension: 'seats', value: 6 }] });
      @Injectable()
      class Resolver {
        @RequireEntitlement('seats')
        reports(): string {
          return 'reports';
        }
      }
      @Controller('mixed')
      @RequireEntitlement('seats')
      class Mixed {
        onMessage(): string {
          return 'done';
        }
      }
      @Module({})
      class Host {}
      const start = async (parts: object) => {
        const root = { module: Host, imports: [MarketplaceMeteringModule.forRoot(options)], ...parts };
        const host = await NestFactory.create(root, { logger: false, abortOnError: false });
        return { host, started: host.init() };
      };
      const { started } = await start({ providers: [Resolver] });
      await expect(started).rejects.toMatchObject({
        ...{ code: 'GUARD_MISPLACED', message: expect.stringContaining('Resolver.reports') },
      });
      const { host, started: whole } = await start({ controllers: [Mixed], providers: [Mixed] });
      await whole;
      const call = host
        .get(ExternalContextCreator)
        // As @nestjs/microservices makes its handlers: what comes first is what the sender wrote.
        .create(host.get(Mixed), Mixed.prototype.onMessage, 'onMessage', ...NOTHING, 'rpc');
      await expect(call({ tenantId: 'acme' })).rejects.toMatchObject({ code: 'GUARD_MISPLACED' });
      await host.close();
    } finally {
      await world.stop();
    }
  });
});
