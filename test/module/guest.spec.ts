import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  type DynamicModule,
  Get,
  type INestApplication,
  Injectable,
  Module,
  VersioningType,
} from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { TypeOrmModule } from '@nestjs/typeorm';
import { getDataSourceToken } from '@nestjs/typeorm';
import { type DataSource } from 'typeorm';
import {
  getMarketplaceToken,
  InjectMarketplace,
  JobScheduler,
  MarketplaceMeteringModule,
  MeteringService,
  RequireEntitlement,
  type RootOptions,
  SubscriptionService,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { migrate } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';

// What a host does that has other things in it than this module.

let postgres: TestDatabase;
let app: INestApplication | undefined;
beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => postgres.drop());

const options = (over: RootOptions = {}): RootOptions => ({
  ...replicaOptions({ databaseUrl: postgres.url, awsEndpoint: 'http://127.0.0.1:9', clock: { now: () => new Date() } }),
  ...over,
});

async function boot(
  parts: Partial<DynamicModule>,
  platform: 'express' | 'fastify' = 'express',
): Promise<INestApplication> {
  @Module({})
  class Host {}
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  app = await NestFactory.create({ module: Host, ...parts }, adapter, { logger: false, abortOnError: false });
  return app;
}

describe('H14 LazyModuleLoader', () => {
  it('is refused at the load, by the module itself and behind a module of the host', async () => {
    const host = await (await boot({})).init();
    @Module({ imports: [MarketplaceMeteringModule.forRoot(options())] })
    class Feature {}
    for (const late of [MarketplaceMeteringModule.forRoot(options()), Feature]) {
      await expect(host.get(LazyModuleLoader).load(() => late)).rejects.toMatchObject({
        code: 'LOADED_LAZILY',
        message: expect.stringContaining('Import it in a module that is there when the application starts'),
      });
    }
  });

  it('shows the services to what is loaded later', async () => {
    const host = await (await boot({ imports: [MarketplaceMeteringModule.forRoot(options())] })).init();
    @Module({ providers: [{ provide: 'LATE', inject: [MeteringService], useFactory: (given: unknown) => given }] })
    class Feature {}
    const loaded = await host.get(LazyModuleLoader).load(() => Feature);
    expect(loaded.get('LATE')).toBe(host.get(MeteringService));
  });
});

describe('H19 the OpenAPI document of the host', () => {
  @Controller('orders')
  class OrdersController {
    @Get()
    list(): string {
      return 'none';
    }
  }
  const documented = async (over: RootOptions): Promise<Record<string, string[]>> => {
    const host = await boot({
      imports: [MarketplaceMeteringModule.forRoot(options(over))],
      controllers: [OrdersController],
    });
    host.setGlobalPrefix('api');
    host.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    await host.init();
    const { paths } = SwaggerModule.createDocument(host, new DocumentBuilder().build());
    return Object.fromEntries(Object.entries(paths).map(([path, item]) => [path, Object.keys(item)]));
  };

  it('has none of our routes', async () => {
    expect(await documented({})).toEqual({ '/api/v1/orders': ['get'] });
  });

  it('has them where the host asks for them, each where it answers', async () => {
    const paths = await documented({ openApi: true });
    expect(paths).toMatchObject({
      '/api/v1/orders': ['get'],
      '/api/marketplace/registration': ['get', 'post'],
      '/api/marketplace/notifications': ['post'],
      '/api/marketplace/admin/records': ['get'],
      '/api/marketplace/admin/subscriptions/{id}': ['get'],
    });
  });
});

describe('H5 a DataSource of the host that is called as ours once was', () => {
  it('works beside the module', async () => {
    const host = await boot({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: postgres.url, name: 'marketplace', autoLoadEntities: true }),
        MarketplaceMeteringModule.forRoot(options()),
      ],
    });
    await host.init();
    const hosts = host.get<DataSource>(getDataSourceToken('marketplace'));
    expect(await hosts.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await host.get(SubscriptionService).forTenant('nobody')).toEqual([]);
  });
});

describe('H6 several instances', () => {
  const instance = (name: string, over: RootOptions = {}): DynamicModule =>
    MarketplaceMeteringModule.forRoot(options({ name, sellerAccount: name, ...over }));

  it('have paths of their own without being told', async () => {
    const host = await boot({ imports: [instance('east'), MarketplaceMeteringModule.forRoot(options())] });
    await host.listen(0, '127.0.0.1');
    const url = await host.getUrl();
    for (const path of ['marketplace/registration', 'marketplace/east/registration'])
      expect((await fetch(`${url}/${path}`)).status).toBe(200);
    expect((await fetch(`${url}/marketplace/east/admin/records`)).status).toBe(401);
  });

  it.each<[string, () => DynamicModule[], RegExp]>([
    ['a name', () => [instance('east'), instance('east')], /twice as "east".*its own `name`/],
    [
      'a path',
      () => [instance('east', { admin: { path: '/ops/' } }), instance('west', { admin: { path: 'ops' } })],
      /answers at \/ops twice.*its own path/,
    ],
    [
      'a seller account in one database',
      () => [instance('east', { sellerAccount: 'acme' }), instance('west', { sellerAccount: 'acme' })],
      /seller account "acme".*sellerAccount/,
    ],
  ])('that share %s are refused at the start', async (_, instances, message) => {
    const host = await boot({ imports: instances() });
    await expect(host.init()).rejects.toMatchObject({
      code: 'INSTANCE_DUPLICATE',
      message: expect.stringMatching(message),
    });
    app = undefined;
  });

  it('are never mistaken for each other: classes mean the unnamed one, tokens the others', async () => {
    @Injectable()
    class Both {
      constructor(
        readonly unnamed: MeteringService,
        @InjectMarketplace(MeteringService, 'east') readonly east: MeteringService,
        @InjectMarketplace(SubscriptionService, 'east') readonly subscriptions: SubscriptionService,
      ) {}
    }
    // The named one comes first: a search by class would find it.
    const imports = [instance('east'), instance('west'), MarketplaceMeteringModule.forRoot(options())];
    const host = await (await boot({ imports, providers: [Both] })).init();
    const { unnamed, east, subscriptions } = host.get(Both);
    expect(host.get(MeteringService)).toBe(unnamed);
    expect(host.get<MeteringService>(getMarketplaceToken(MeteringService, 'east'))).toBe(east);
    const services = [unnamed, east, host.get<MeteringService>(getMarketplaceToken(MeteringService, 'west'))];
    expect(new Set(services).size).toBe(3);
    expect(services.every((service) => service instanceof MeteringService)).toBe(true);
    await expect(subscriptions.forTenant('nobody')).resolves.toEqual([]);
    const ledgers = ['east', 'west', undefined].map((name) => host.get(getMarketplaceToken(LedgerDatabase, name)));
    expect(new Set(ledgers).size).toBe(3);
  });

  it('give nothing for a class where all have names', async () => {
    const host = await (await boot({ imports: [instance('east'), instance('west')] })).init();
    for (const service of [MeteringService, SubscriptionService, JobScheduler])
      expect(() => host.get(service)).toThrow(/could not find/);
    await app?.close();
    @Injectable()
    class Mistaken {
      constructor(readonly metering: MeteringService) {}
    }
    app = undefined;
    await expect(boot({ imports: [instance('east')], providers: [Mistaken] })).rejects.toThrow(/MeteringService/);
  });

  it('start each of their jobs once', async () => {
    let starts = 0;
    const { onApplicationBootstrap } = JobScheduler.prototype;
    JobScheduler.prototype.onApplicationBootstrap = () => void (starts += 1);
    try {
      const host = await (await boot({ imports: [instance('east')] })).init();
      expect(starts).toBe(1);
      const scheduler = host.get<JobScheduler>(getMarketplaceToken(JobScheduler, 'east'), { strict: false });
      expect(scheduler.names).toContain('seal');
    } finally {
      JobScheduler.prototype.onApplicationBootstrap = onApplicationBootstrap;
    }
  });
});

describe('several applications in one process', () => {
  it.each(['express', 'fastify'] as const)(
    'are built, closed and built again on %s, side by side too',
    async (platform) => {
      const module = MarketplaceMeteringModule.forRoot(options());
      const open: INestApplication[] = [];
      // Hot reload: the same module object, and the one before is gone or not.
      for (const closesFirst of [false, false, true]) {
        if (closesFirst) await open.shift()?.close();
        const host = await boot({ imports: [module] }, platform);
        await host.listen(0, '127.0.0.1');
        open.push(host);
      }
      for (const host of open) {
        expect((await fetch(`${await host.getUrl()}/marketplace/registration`)).status).toBe(200);
        expect(await host.get(SubscriptionService).forTenant('nobody')).toEqual([]);
      }
      expect(new Set(open.map((host) => host.get(LedgerDatabase))).size).toBe(2);
      for (const host of open) await host.close();
      app = undefined;
    },
  );
});

describe('H12 @RequireEntitlement below a decorator that replaces the method', () => {
  const replaced = (_target: object, _name: string, descriptor: PropertyDescriptor): PropertyDescriptor => ({
    ...descriptor,
    value: () => 'replaced',
  });

  it.each(['express', 'fastify'] as const)('keeps the door closed on %s', async (platform) => {
    @Controller('wrapped')
    class WrappedController {
      @Get('outside')
      @replaced
      @RequireEntitlement('seats')
      outside(): string {
        return 'open';
      }
      @RequireEntitlement('seats')
      @Get('inside')
      @replaced
      inside(): string {
        return 'open';
      }
    }
    const imports = [MarketplaceMeteringModule.forRoot(options({ entitlementOwner: () => null }))];
    const host = await boot({ imports, controllers: [WrappedController] }, platform);
    await host.listen(0, '127.0.0.1');
    for (const path of ['outside', 'inside']) {
      const response = await fetch(`${await host.getUrl()}/wrapped/${path}`);
      expect([path, response.status]).toEqual([path, 403]);
    }
  });

  it('is refused at the start where the guard was lost after the class was made', async () => {
    @Controller('patched')
    class PatchedController {
      @Get()
      @RequireEntitlement('seats')
      open(): string {
        return 'open';
      }
    }
    await Promise.resolve();
    const { open } = PatchedController.prototype;
    const patched = (): string => 'open';
    for (const key of ['path', 'method']) Reflect.defineMetadata(key, Reflect.getMetadata(key, open), patched);
    PatchedController.prototype.open = patched;
    const imports = [MarketplaceMeteringModule.forRoot(options())];
    const host = await boot({ imports, controllers: [PatchedController] });
    await expect(host.init()).rejects.toMatchObject({
      code: 'GUARD_LOST',
      message: expect.stringContaining('PatchedController.open'),
    });
    app = undefined;
  });
});
