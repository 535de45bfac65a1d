import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  Global,
  Inject,
  Injectable,
  type INestApplication,
  Logger,
  Module,
  type NestInterceptor,
  Scope,
  SetMetadata,
  type Type,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { map, of } from 'rxjs';
import { MarketplaceMeteringModule, type Options, type StaticOptions } from '../../src/index.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { AdminLedger, TOKEN } from './admin-ledger.js';

@Injectable()
class StaffRoster {
  knows(name: unknown): boolean {
    return name === 'ada';
  }
}

@Injectable()
class StaffGuard implements CanActivate {
  constructor(@Inject(StaffRoster) private readonly roster: StaffRoster) {}

  canActivate(context: ExecutionContext): boolean {
    return this.roster.knows(
      context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers['x-staff'],
    );
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScopedGuard extends StaffGuard {
  override canActivate(context: ExecutionContext): never {
    return of(super.canActivate(context)) as never;
  }
}

@Injectable()
class HomelessGuard extends StaffGuard {}

@Module({ providers: [StaffRoster, StaffGuard, RequestScopedGuard] })
class StaffModule {}

@Global()
@Module({ providers: [StaffRoster], exports: [StaffRoster] })
class GlobalStaffModule {}

let ledger: AdminLedger;
const running: INestApplication[] = [];

beforeAll(async () => {
  ledger = await AdminLedger.open();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()));
});
afterAll(async () => {
  await ledger.close();
});

interface Host {
  imports?: Type<unknown>[];
  providers?: NonNullable<DynamicModule['providers']>;
  prepare?: (app: INestApplication) => void;
}

/** Starts an application with the module in it. */
async function start(
  platform: string,
  options: Options & StaticOptions,
  host: Host = {},
): Promise<(path: string, headers?: Record<string, string>) => Promise<Response>> {
  @Module({})
  class HostModule {}
  const root: DynamicModule = {
    module: HostModule,
    imports: [...(host.imports ?? []), MarketplaceMeteringModule.forRoot({ ...ledger.options(), ...options })],
    providers: host.providers ?? [],
  };
  const settings = {
    logger: false,
    abortOnError: false,
    routeConflictPolicy: { duplicate: 'error', shadow: 'error' },
  } as const;
  const app =
    platform === 'Fastify'
      ? await NestFactory.create(root, new FastifyAdapter(), settings)
      : await NestFactory.create(root, settings);
  running.push(app);
  host.prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return (path, headers = {}) => fetch(`${url}/${path}`, { headers });
}

const LISTS = [
  'records',
  'records/x',
  'events?unsealed=true',
  'waiting',
  'subscriptions',
  'subscriptions/x',
  'balance',
  'messages',
  'deliveries',
  'senders',
  'alerts',
  'actions',
];
const ROUTES = LISTS.map((route) => `marketplace/admin/${route}`);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe.each(['Express', 'Fastify'])('the admin API on %s', (platform) => {
  it('without guard and token is closed on every route, and says how to open it', async () => {
    const get = await start(platform, {});
    for (const route of ROUTES) {
      const response = await get(route, bearer(TOKEN));
      expect(response.status).toBe(403);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual({
        statusCode: 403,
        errorCode: 'ADMIN_CLOSED',
        message: expect.stringMatching(/MARKETPLACE_ADMIN_TOKEN.*admin\.guard/),
      });
    }
  });

  it('with a token lets in only who shows it', async () => {
    const get = await start(platform, { adminToken: TOKEN });
    for (const route of ROUTES) {
      for (const headers of [
        {},
        bearer(`${TOKEN}x`),
        bearer(TOKEN.slice(0, -1)),
        bearer(''),
        { authorization: `Basic ${TOKEN}` },
        { authorization: TOKEN },
      ]) {
        const response = await get(route, headers);
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="marketplace-admin"/);
        expect(await response.json()).toEqual({
          statusCode: 401,
          errorCode: 'ADMIN_UNAUTHORIZED',
          message: expect.stringContaining('admin token'),
        });
      }
      expect((await get(route, bearer(TOKEN))).status).toBe(route.endsWith('/x') ? 404 : 200);
      expect((await get(route, { authorization: `bearer  ${TOKEN}` })).status).toBe(route.endsWith('/x') ? 404 : 200);
    }
    // The token belongs in the header alone: URLs end up in logs.
    expect((await get(`marketplace/admin/records?adminToken=${TOKEN}`)).status).toBe(401);
  });

  it.each([
    ['of a module of the host, with what that module injects', StaffGuard, [StaffModule]],
    ['made for each request', RequestScopedGuard, [StaffModule]],
    ['in no module, made from what is global', HomelessGuard, [GlobalStaffModule]],
  ] as const)('leaves the decision to a guard %s', async (_, guard, imports) => {
    const get = await start(platform, { admin: { guard } }, { imports: [...imports] });
    for (const route of ROUTES) {
      expect((await get(route)).status).toBe(403);
      expect((await get(route, { 'x-staff': 'ada' })).status).toBe(route.endsWith('/x') ? 404 : 200);
    }
  });

  it('asks the guard alone when there is a token as well, and says so at the start', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    const get = await start(platform, { adminToken: TOKEN, admin: { guard: StaffGuard } }, { imports: [StaffModule] });
    expect((await get('marketplace/admin/records', bearer(TOKEN))).status).toBe(403);
    expect((await get('marketplace/admin/records', { 'x-staff': 'ada' })).status).toBe(200);
    expect(warn.mock.calls.filter(([line]) => String(line).includes('adminToken is not asked for'))).toHaveLength(1);
    warn.mockRestore();
  });

  it('does not start with a guard that cannot be made', async () => {
    await expect(start(platform, { admin: { guard: HomelessGuard } })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/admin\.guard: HomelessGuard .*providers/),
    });
  });

  it('has no routes when switched off', async () => {
    const get = await start(platform, { adminToken: TOKEN, admin: false });
    for (const route of ROUTES) expect((await get(route, bearer(TOKEN))).status).toBe(404);
    expect((await get('marketplace/admin/records', bearer(TOKEN))).headers.get('cache-control')).toBeNull();
  });

  it('keeps its shape under prefix, versions, envelopes, pipes and query parsers of the host', async () => {
    const envelope: NestInterceptor = {
      intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
    };
    const get = await start(
      platform,
      { adminToken: TOKEN, admin: { path: 'ops/marketplace' } },
      {
        prepare: (app) => {
          app.setGlobalPrefix('api');
          app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
          app.useGlobalInterceptors(envelope);
          app.useGlobalPipes({
            transform: () => {
              throw new BadRequestException('pipe of the host');
            },
          });
          if (platform === 'Express')
            (app.getHttpAdapter().getInstance() as { set: (name: string, value: unknown) => void }).set(
              'query parser',
              false,
            );
        },
      },
    );
    const records = await get('api/ops/marketplace/records?limit=3', bearer(TOKEN));
    expect(records.status).toBe(200);
    expect(records.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(records.headers.get('cache-control')).toBe('no-store');
    expect(await records.json()).toEqual({ items: [], nextCursor: null });

    const refused = await get('api/ops/marketplace/records?limit=3&limit=4', bearer(TOKEN));
    expect(refused.status).toBe(400);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect(await refused.json()).toEqual({
      statusCode: 400,
      errorCode: 'FILTER_INVALID',
      message: 'limit: give it once',
    });

    const missing = await get('api/ops/marketplace/subscriptions/019a7f00-0000-7000-8000-0000000000ab', bearer(TOKEN));
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({
      statusCode: 404,
      errorCode: 'NOT_FOUND',
      message: expect.stringContaining('subscription'),
    });
    expect((await get('marketplace/admin/records', bearer(TOKEN))).status).toBe(404);
  });

  it('is told that the database is away, and what of a decision is not known', async () => {
    const network = await FreezingProxy.before(ledger.postgres.url);
    const url = network.through(ledger.postgres.url);
    const get = await start(platform, { database: { url, poolSize: 4 }, adminToken: TOKEN });
    expect((await get('marketplace/admin/balance', bearer(TOKEN))).status).toBe(200);
    await network.stop();
    const answer = await get('marketplace/admin/balance', bearer(TOKEN));
    expect([answer.status, await answer.json()]).toEqual([
      503,
      {
        statusCode: 503,
        errorCode: 'LEDGER_UNAVAILABLE',
        message: expect.stringMatching(/^The database of the ledger cannot be used now \(.+\)\. Look at it.*actions/),
      },
    ]);
  });

  it("carries the host's decorators, by which a global guard of the host knows it", async () => {
    const Public = Reflector.createDecorator<boolean>();
    const closed: CanActivate = {
      canActivate: (context: ExecutionContext) => new Reflector().get(Public, context.getClass()),
    };
    const host = { providers: [{ provide: APP_GUARD, useValue: closed }] };
    const without = await start(platform, { adminToken: TOKEN }, host);
    expect((await without('marketplace/admin/records', bearer(TOKEN))).status).toBe(403);
    const decorated = await start(
      platform,
      { adminToken: TOKEN, decorators: [Public(true), SetMetadata('other', 1)] },
      host,
    );
    expect((await decorated('marketplace/admin/records', bearer(TOKEN))).status).toBe(200);
    expect((await decorated('marketplace/admin/records')).status).toBe(401);
  });
});
