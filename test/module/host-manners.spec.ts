import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication, Module, RequestMethod, VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { Column, type DataSource, DefaultNamingStrategy, Entity, PrimaryColumn } from 'typeorm';
import { MarketplaceMeteringModule, MeteringService, RegistrationService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { PLATFORMS, startPlainHost } from './plain-host.js';

// Hosts that shape what lies around the module: where routes answer, and what tables are called.

const TOKEN = 'operators-only-0123456789abcdef';
const SECRET = 'a-secret-of-ours-0123456789abcdef';

let postgres: TestDatabase;
let simulator: MarketplaceSimulator;
const clock = new VirtualClock({ startAt: START, rate: 0 });
let app: INestApplication | undefined;

beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0 });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(async () => {
  await simulator.stop();
  await postgres.drop();
});

/** What a host does, and below which path our routes then lie: the landing page, the notifications, the admin API. */
const SHAPES: [string, (host: INestApplication) => unknown, [string, string, string]][] = [
  ['a prefix', (host) => host.setGlobalPrefix('api'), ['/api', '/api', '/api']],
  [
    'a prefix with exceptions',
    (host) =>
      host.setGlobalPrefix('api', {
        exclude: ['marketplace/registration', { path: 'marketplace/notifications', method: RequestMethod.POST }],
      }),
    ['', '', '/api'],
  ],
  [
    'versions in the URI',
    (host) => host.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    ['', '', ''],
  ],
  [
    'versions in a header',
    (host) => host.enableVersioning({ type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' }),
    ['', '', ''],
  ],
  [
    'versions in the media type',
    (host) => host.enableVersioning({ type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '1' }),
    ['', '', ''],
  ],
  [
    'versions of its own, and a prefix',
    (host) =>
      host
        .enableVersioning({ type: VersioningType.CUSTOM, extractor: () => ['7'], defaultVersion: '1' })
        .setGlobalPrefix('v/api'),
    ['/v/api', '/v/api', '/v/api'],
  ],
];

describe.each(PLATFORMS)('a host on %s', (platform) => {
  it.each(SHAPES)(
    'with %s has each route at one place, bounds included',
    async (shape, configure, [page, word, admin]) => {
      const host = await startPlainHost({
        ...{ platform, databaseUrl: postgres.url, simulator, clock, configure },
        nest: { rawBody: true },
        options: { adminToken: TOKEN, notifications: { eventBridgeSecrets: [SECRET] } },
      });
      app = host.app;
      const post = (path: string, body: string, headers: Record<string, string>): Promise<Response> =>
        fetch(`${host.origin}${path}`, { method: 'POST', body, headers, redirect: 'manual' });
      const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
      const form = simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }));
      const landing = `${page}/marketplace/registration`;
      expect((await post(landing, new URLSearchParams(form).toString(), asForm)).status).toBe(303);
      expect((await post(landing, 'x'.repeat(70_000), asForm)).status).toBe(413);
      const asEvent = { 'content-type': 'application/json', 'x-marketplace-secret': SECRET };
      const event = {
        id: `${shape} on ${platform}`,
        source: 'aws.agreement-marketplace',
        'detail-type': 'Unheard Of',
      };
      const told = await post(`${word}/marketplace/notifications`, JSON.stringify({ ...event, detail: {} }), asEvent);
      expect(told.status).not.toBe(404);
      expect(told.status).toBeLessThan(500);
      expect((await post(`${word}/marketplace/notifications`, 'x'.repeat(300_000), asEvent)).status).toBe(413);
      const views = await fetch(`${host.origin}${admin}/marketplace/admin/records`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      expect(views.status).toBe(200);
    },
  );
});

describe('a host with names by a strategy of its own', () => {
  class Prefixed extends DefaultNamingStrategy {
    override tableName(className: string, customName: string | undefined): string {
      return `shop_${super.tableName(className, customName)}`;
    }
    override columnName(propertyName: string, customName: string | undefined, embedded: string[]): string {
      return `its_${super.columnName(propertyName, customName ?? '', embedded)}`;
    }
  }
  @Entity()
  class Order {
    @PrimaryColumn({ type: 'text' })
    id!: string;
    @Column({ type: 'text' })
    tenant!: string;
  }

  it('has its usage with its own rows, and its synchronize leaves the ledger alone', async () => {
    const ledger = (): Promise<unknown> =>
      app!.get(LedgerDatabase).query(
        `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'marketplace'
         ORDER BY table_name, ordinal_position`,
      );
    const world = { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock };
    const own = { synchronize: true, namingStrategy: new Prefixed(), entityPrefix: 'eu_', autoLoadEntities: true };
    @Module({
      imports: [
        MarketplaceMeteringModule.forRoot(replicaOptions(world, { codeBinding: 'none' })),
        TypeOrmModule.forRoot({ type: 'postgres', url: postgres.url, ...own }),
        TypeOrmModule.forFeature([Order]),
      ],
    })
    class Host {}
    app = await NestFactory.create(Host, { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    const before = await ledger();
    expect(before).not.toEqual([]);
    const form = simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }));
    const arrival = await fetch(`${await app.getUrl()}/marketplace/registration`, {
      ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams(form) },
    });
    const code = new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    await app.get(RegistrationService).claim(code, { tenantId: 'acme' });
    const hosts = app.get<DataSource>(getDataSourceToken());
    const metering = app.get(MeteringService);
    const order = (id: string, fails: boolean): Promise<unknown> =>
      hosts
        .transaction(async (manager) => {
          await manager.insert(Order, { id, tenant: 'acme' });
          const usage = {
            tenantId: 'acme',
            dimension: DIMENSIONS[0] ?? '',
            quantity: 1,
            idempotencyKey: `order:${id}`,
          };
          await metering.record(usage, { manager });
          if (fails) throw new Error('the order failed');
        })
        .catch((error: unknown) => (error as Error).message);
    expect(await order('a', true)).toBe('the order failed');
    expect(await order('b', false)).toBeUndefined();
    const [rows] = await hosts.query<{ orders: string; events: string }[]>(
      `SELECT (SELECT string_agg(its_id || its_tenant, ',') FROM eu_shop_order) AS orders,
         (SELECT count(*)::text FROM marketplace.usage_event) AS events`,
    );
    expect(rows).toEqual({ orders: 'bacme', events: '1' });
    await hosts.synchronize();
    expect(await ledger()).toEqual(before);
  });
});
