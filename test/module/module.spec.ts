import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  Post,
  SetMetadata,
  type Type,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { map, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import {
  getMarketplaceToken,
  JobScheduler,
  MarketplaceMeteringModule,
  type MarketplaceOptionsFactory,
  MeteringService,
  type Options,
  RegistrationService,
  SubscriptionService,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { browserOf } from '../support/browser.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START, testCredentials } from '../support/ledger-harness.js';
import { createTestDatabase, migratedDatabase, type TestDatabase } from '../support/postgres.js';

const ADMIN_TOKEN = 'operators-only-0123456789abcdef';
let clock: VirtualClock;
let simulator: MarketplaceSimulator;
let postgres: TestDatabase;
let app: INestApplication | undefined;

beforeAll(async () => {
  simulator = await MarketplaceSimulator.start({
    callsPerSecond: 0,
    clock: (clock = new VirtualClock({ startAt: START, rate: 0 })),
  });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  postgres = await migratedDatabase(migrate);
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await postgres.drop();
});

function options(): Options {
  return {
    database: { url: postgres.url },
    products: [{ productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off' }],
    signUpUrl: 'https://app.example.com/sign-up',
    adminToken: ADMIN_TOKEN,
    clock,
    jobs: { autoStart: false },
    aws: { endpoint: simulator.url, credentials: testCredentials },
  };
}

@Injectable()
class OptionsMaker implements MarketplaceOptionsFactory {
  createMarketplaceOptions(): Options {
    return options();
  }
}
@Module({
  providers: [OptionsMaker, { provide: 'SETTINGS', useFactory: () => options() }],
  exports: [OptionsMaker, 'SETTINGS'],
})
class SettingsModule {}

const WAYS: Record<string, () => DynamicModule> = {
  forRoot: () => MarketplaceMeteringModule.forRoot(options()),
  'forRootAsync useFactory': () =>
    MarketplaceMeteringModule.forRootAsync({
      imports: [SettingsModule],
      inject: ['SETTINGS'],
      useFactory: (given: Options) => given,
    }),
  'forRootAsync useClass': () => MarketplaceMeteringModule.forRootAsync({ useClass: OptionsMaker }),
  'forRootAsync useExisting': () =>
    MarketplaceMeteringModule.forRootAsync({ imports: [SettingsModule], useExisting: OptionsMaker }),
};
const ADAPTERS = {
  Express: (module: Type | DynamicModule): Promise<INestApplication> =>
    NestFactory.create(module, { logger: false, abortOnError: false }),
  Fastify: (module: Type | DynamicModule): Promise<INestApplication> =>
    NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false }),
};

async function listen(created: INestApplication): Promise<string> {
  app = created;
  await created.listen(0, '127.0.0.1');
  return created.getUrl();
}

/** The whole way of a unit of usage through the public face only. */
async function expectOneUnitMetered(host: INestApplication, url: string): Promise<void> {
  const agreement = simulator.subscribe({ productCode: PRODUCT_CODE });
  const arrival = await fetch(`${url}/marketplace/registration`, {
    method: 'POST',
    body: new URLSearchParams(simulator.registrationForm(agreement)),
    redirect: 'manual',
  });
  expect(arrival.status).toBe(303);
  const location = new URL(arrival.headers.get('location') ?? '');
  expect(location.origin + location.pathname).toBe('https://app.example.com/sign-up');
  const subscription = await host
    .get(RegistrationService)
    .claim(location.searchParams.get('registrationCode') ?? '', { tenantId: 'acme', browser: browserOf(arrival) });

  await host.get(MeteringService).record({ subscriptionId: subscription.id, dimension: 'requests', quantity: '3.5' });
  clock.advance(2 * 3_600_000);
  await host.get(JobScheduler).runOnce('seal');
  await host.get(JobScheduler).runOnce('submit');

  const bill = simulator.bill({ agreementId: agreement.agreementId });
  expect(bill.map((line) => [line.dimension, line.quantity])).toEqual([['requests', 3]]);
  const balance = (await (
    await fetch(`${url}/marketplace/admin/balance?tenantId=acme`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    })
  ).json()) as { items: unknown[] };
  expect(balance.items).toEqual([
    {
      customerId: expect.any(String),
      productCode: PRODUCT_CODE,
      dimension: 'requests',
      recorded: '3.5',
      unsealed: '0',
      waiting: {},
      setApart: '0',
      included: '0',
      carry: '0.5',
      byState: { metered: '3' },
      conserved: true,
      provenAt: null,
    },
  ]);
}

describe.each(Object.entries(ADAPTERS))('on %s', (_adapter, create) => {
  it.each(Object.keys(WAYS))('%s brings the whole way of a unit', async (way) => {
    const host = await create((WAYS[way] as () => DynamicModule)());
    await expectOneUnitMetered(host, await listen(host));
  });

  it('keeps its routes and shapes under a host with prefix, versioning, pipes and an envelope', async () => {
    @Injectable()
    class Envelope implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(map((data: unknown) => ({ data })));
      }
    }
    const host = await create(MarketplaceMeteringModule.forRoot(options()));
    host.setGlobalPrefix('api');
    host.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    host.useGlobalInterceptors(new Envelope());
    host.useGlobalPipes(new RefusingPipe());
    const url = await listen(host);
    await expectOneUnitMetered(host, `${url}/api`);
  });
});

/** As strict as a ValidationPipe with forbidNonWhitelisted: it refuses whatever carries metadata of a class. */
class RefusingPipe extends ValidationPipe {
  constructor() {
    super({ validatorPackage: {} as never, transformerPackage: {} as never });
  }
  override transform(value: unknown, metadata: { metatype?: unknown }): Promise<unknown> {
    if (metadata.metatype !== undefined && metadata.metatype !== Object && metadata.metatype !== String)
      throw new Error('a class stood in our way');
    return Promise.resolve(value);
  }
}

@Module({})
class GuardedHost {}

describe('forRoot', () => {
  it('works without arguments, from environment variables', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      DATABASE_URL: postgres.url,
      MARKETPLACE_PRODUCTS: JSON.stringify(options().products),
      MARKETPLACE_SIGN_UP_URL: 'https://app.example.com/sign-up',
      MARKETPLACE_JOBS_AUTO_START: 'false',
    });
    try {
      app = await ADAPTERS.Express(MarketplaceMeteringModule.forRoot());
      await app.init();
      expect(await app.get(SubscriptionService).forTenant('nobody')).toEqual([]);
    } finally {
      process.env = before;
    }
  });

  it('answers bad options when the application starts, all at once', async () => {
    await expect(
      ADAPTERS.Express(MarketplaceMeteringModule.forRoot({ ...options(), signUpUrl: 'nonsense', adminToken: 'short' })),
    ).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      problems: [expect.objectContaining({ option: 'signUpUrl' }), expect.objectContaining({ option: 'adminToken' })],
    });
  });

  it('migrates an empty database at the start, and refuses it under verify', async () => {
    const empty = await createTestDatabase();
    const given = { ...options(), database: { url: empty.url } };
    await expect(
      NestFactory.createApplicationContext(MarketplaceMeteringModule.forRoot({ ...given, migrations: 'verify' }), {
        logger: false,
        abortOnError: false,
      }),
    ).rejects.toMatchObject({
      code: 'MIGRATIONS_PENDING',
    });
    const context = await NestFactory.createApplicationContext(MarketplaceMeteringModule.forRoot(given), {
      logger: false,
      abortOnError: false,
    });
    await context.close();
    const verified = await NestFactory.createApplicationContext(
      MarketplaceMeteringModule.forRoot({ ...given, migrations: 'verify' }),
      {
        logger: false,
        abortOnError: false,
      },
    );
    await verified.close();
    await empty.drop();
  });

  it('refuses to be imported twice under one name, and keeps named instances apart', async () => {
    @Module({ imports: [MarketplaceMeteringModule.forRoot(options()), MarketplaceMeteringModule.forRoot(options())] })
    class Twice {}
    await expect(
      NestFactory.createApplicationContext(Twice, { logger: false, abortOnError: false }),
    ).rejects.toMatchObject({
      code: 'INSTANCE_DUPLICATE',
    });

    const instance = (name: string): DynamicModule =>
      MarketplaceMeteringModule.forRoot({
        ...options(),
        name,
        sellerAccount: name,
        registration: { path: `${name}/registration` },
        admin: { path: `${name}/admin` },
      });
    @Module({ imports: [instance('east'), instance('west'), ScheduleModule.forRoot()] })
    class Both {}
    const host = await ADAPTERS.Express(Both);
    const url = await listen(host);
    const agreement = simulator.subscribe({ productCode: PRODUCT_CODE });
    const arrival = await fetch(`${url}/east/registration`, {
      method: 'POST',
      body: new URLSearchParams(simulator.registrationForm(agreement)),
      redirect: 'manual',
    });
    const code = new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    const east = host.get<RegistrationService>(getMarketplaceToken(RegistrationService, 'east'), { strict: false });
    const west = host.get<RegistrationService>(getMarketplaceToken(RegistrationService, 'west'), { strict: false });
    await expect(west.inspect(code)).rejects.toMatchObject({ code: 'CODE_UNKNOWN' });
    const { subscriptionId } = await east.inspect(code);
    const record = { subscriptionId, dimension: 'requests', quantity: 1 };
    await expect(
      host.get<MeteringService>(getMarketplaceToken(MeteringService, 'west'), { strict: false }).record(record),
    ).rejects.toMatchObject({
      code: 'SUBSCRIPTION_UNKNOWN',
    });
    await host.get<MeteringService>(getMarketplaceToken(MeteringService, 'east'), { strict: false }).record(record);
    host.get<JobScheduler>(getMarketplaceToken(JobScheduler, 'east'), { strict: false });
    const jobs = host.get(SchedulerRegistry).getIntervals();
    expect(jobs).toEqual([]);
  });

  it('refuses two ways of making options at once', () => {
    expect(() =>
      MarketplaceMeteringModule.forRootAsync({ useClass: OptionsMaker, useFactory: () => options() }),
    ).toThrow('exactly one');
  });

  it('leaves routes out on request, and puts the decorators of the host on the rest', async () => {
    const Public = (): ClassDecorator => SetMetadata('isPublic', true);
    @Injectable()
    class LoginGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        return this.reflector.get<boolean | undefined>('isPublic', context.getClass()) === true;
      }
    }
    const host = (decorators: ClassDecorator[]): DynamicModule => ({
      module: GuardedHost,
      imports: [
        MarketplaceMeteringModule.forRoot({
          ...options(),
          decorators,
          registration: false,
          admin: { path: 'operators' },
        }),
      ],
      providers: [{ provide: APP_GUARD, useClass: LoginGuard }],
    });
    let url = await listen(await ADAPTERS.Express(host([])));
    expect((await fetch(`${url}/operators/balance`)).status).toBe(403);
    await app?.close();

    url = await listen(await ADAPTERS.Express(host([Public()])));
    expect((await fetch(`${url}/marketplace/registration`)).status).toBe(404);
    expect((await fetch(`${url}/operators/balance`)).status).toBe(401);
  });
});

describe('as a guest of the host', () => {
  it('shows its jobs in the registry of the host', async () => {
    @Module({ imports: [ScheduleModule.forRoot(), MarketplaceMeteringModule.forRoot({ ...options(), jobs: {} })] })
    class Host {}
    app = await ADAPTERS.Express(Host);
    await app.init();
    expect([...app.get(SchedulerRegistry).getIntervals()].sort()).toEqual([
      'marketplace:alerts',
      'marketplace:audit',
      'marketplace:deadline',
      'marketplace:deliver',
      'marketplace:entitlements',
      'marketplace:inbox',
      'marketplace:proof',
      'marketplace:reconcile',
      'marketplace:recovery',
      'marketplace:retention',
      'marketplace:seal',
      'marketplace:submit',
    ]);
  });

  it('survives a DataSource of the host that synchronizes, with a naming strategy and type parsers of its own', async () => {
    const original = pg.types.getTypeParser(1700);
    pg.types.setTypeParser(1700, (text) => Number(text));
    pg.types.setTypeParser(1184, (text) => text);
    try {
      @Module({
        imports: [
          TypeOrmModule.forRoot({
            type: 'postgres',
            url: postgres.url,
            synchronize: true,
            autoLoadEntities: true,
            entityPrefix: 'app_',
          }),
          MarketplaceMeteringModule.forRoot(options()),
        ],
      })
      class Host {}
      const host = await ADAPTERS.Express(Host);
      await expectOneUnitMetered(host, await listen(host));
      const ours = host.get(LedgerDatabase, { strict: false }).dataSource;
      expect(ours.entityMetadatas).toEqual([]);
      const hosts = host.get(DataSource);
      const [row] = await hosts.query<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM marketplace.usage_event`,
      );
      expect(row?.count).toBe(1);
    } finally {
      pg.types.setTypeParser(1700, original);
      pg.types.setTypeParser(1184, (text) => new Date(text));
    }
  });

  it('records the usage of a request that was being served when the application began to close', async () => {
    let arrived: () => void = () => undefined;
    let proceed: () => void = () => undefined;
    const isServing = new Promise<void>((resolve) => (arrived = resolve));
    const mayRecord = new Promise<void>((resolve) => (proceed = resolve));
    @Controller('reports')
    class ReportsController {
      constructor(private readonly metering: MeteringService) {}
      @Post(':subscriptionId')
      async report(@Param('subscriptionId') subscriptionId: string) {
        arrived();
        await mayRecord;
        return this.metering.record({ subscriptionId, dimension: 'requests', quantity: 1 });
      }
    }
    @Module({ imports: [MarketplaceMeteringModule.forRoot(options())], controllers: [ReportsController] })
    class Host {}
    const host = await ADAPTERS.Express(Host);
    const url = await listen(host);
    const agreement = simulator.subscribe({ productCode: PRODUCT_CODE });
    await fetch(`${url}/marketplace/registration`, {
      method: 'POST',
      body: new URLSearchParams(simulator.registrationForm(agreement)),
      redirect: 'manual',
    });
    const [row] = await host
      .get(LedgerDatabase, { strict: false })
      .query<{ id: string }>(`SELECT id FROM marketplace.subscription`);
    const response = fetch(`${url}/reports/${row?.id ?? ''}`, { method: 'POST', headers: { connection: 'close' } });
    await isServing;
    const closed = host.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    proceed();
    expect((await response).status).toBe(201);
    await closed;
    app = undefined;
  });

  it('records in the transaction of the host, or not at all', async () => {
    @Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: postgres.url }),
        MarketplaceMeteringModule.forRoot(options()),
      ],
    })
    class Host {}
    const host = await ADAPTERS.Express(Host);
    const url = await listen(host);
    const agreement = simulator.subscribe({ productCode: PRODUCT_CODE });
    const arrival = await fetch(`${url}/marketplace/registration`, {
      method: 'POST',
      body: new URLSearchParams(simulator.registrationForm(agreement)),
      redirect: 'manual',
    });
    const code = new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    const dataSource = host.get(DataSource);
    const metering = host.get(MeteringService);
    await dataSource.query(`CREATE TABLE report (id int PRIMARY KEY)`);
    const subscription = await dataSource.transaction((manager) =>
      host.get(RegistrationService).claim(code, { tenantId: 'acme', manager, browser: browserOf(arrival) }),
    );
    const event = { subscriptionId: subscription.id, dimension: 'requests', quantity: 1 };

    await dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO report VALUES (1)`);
      await metering.record(event, { manager });
    });
    await expect(
      dataSource.transaction(async (manager) => {
        await metering.record(event, { manager });
        await manager.query(`INSERT INTO report VALUES (1)`);
      }),
    ).rejects.toThrow('duplicate key');
    await host.get(JobScheduler).runOnce('inbox');
    expect(await metering.balance()).toMatchObject([{ recorded: '1', unsealed: '1', conserved: true }]);
  });
});
