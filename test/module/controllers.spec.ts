import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  type ExecutionContext,
  Get,
  Global,
  Headers,
  type INestApplication,
  Injectable,
  Module,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import {
  AdminController,
  type ArrivalRequest,
  type IncomingBody,
  MarketplaceMeteringModule,
  NotificationController,
  RegistrationController,
  type RootOptions,
} from '../../src/index.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { PLATFORMS, type Platform } from './plain-host.js';

// Controllers of the module that a host has made its own.

const TOKEN = 'operators-only-0123456789abcdef';
const SECRET = 'a-secret-of-ours-0123456789abcdef';

@Injectable()
class Journal {
  readonly lines: string[] = [];
}
@Global()
@Module({ providers: [Journal], exports: [Journal] })
class JournalModule {}

@Injectable()
class NoRobots implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return headers['user-agent'] !== 'robot';
  }
}

// None of them repeats a decorator of ours.
@UseGuards(NoRobots)
class HostRegistrationController extends RegistrationController {
  constructor(private readonly journal: Journal) {
    super();
  }
  override async arrive(request: ArrivalRequest, response: unknown): Promise<void> {
    await super.arrive(request, response);
    this.journal.lines.push('arrived');
  }
}
@Injectable()
class HostNotificationController extends NotificationController {
  constructor(private readonly journal: Journal) {
    super();
  }
  override async receive(request: IncomingBody, response: unknown): Promise<void> {
    this.journal.lines.push('told');
    await super.receive(request, response);
  }
}
class HostAdminController extends AdminController {
  @Get('greeting/of-ours')
  greeting(@Headers('x-operator') operator: string): object {
    return { operator };
  }
}

let postgres: TestDatabase;
let simulator: MarketplaceSimulator;
const clock = new VirtualClock({ startAt: START, rate: 0 });
const running: INestApplication[] = [];

beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0 });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
});
afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});
afterAll(async () => {
  await simulator.stop();
  await postgres.drop();
});

const CONTROLLERS = {
  registration: { controller: HostRegistrationController },
  notifications: { controller: HostNotificationController, eventBridgeSecrets: [SECRET] },
  admin: { controller: HostAdminController },
} as const satisfies RootOptions;

async function boot(platform: Platform, over: RootOptions): Promise<{ app: INestApplication; origin: string }> {
  const world = { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock };
  const options: RootOptions = { ...replicaOptions(world), adminToken: TOKEN, ...over };
  @Module({ imports: [JournalModule, MarketplaceMeteringModule.forRoot(options)] })
  class Host {}
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(Host, adapter, { logger: false, abortOnError: false });
  running.push(app);
  await app.listen(0, '127.0.0.1');
  return { app, origin: await app.getUrl() };
}

const bearer = { authorization: `Bearer ${TOKEN}` };
const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
const send = (url: string, body: string, headers: Record<string, string>): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers, redirect: 'manual' });

describe.each(PLATFORMS)('controllers of the host’s on %s', (platform) => {
  it.each([
    ['the unnamed instance', {}, 'marketplace'],
    ['a named instance', { name: 'east', sellerAccount: 'east' }, 'marketplace/east'],
  ])('of %s stand in the place of ours: routes, bounds and guards included', async (_, names, below) => {
    const { app, origin } = await boot(platform, { ...CONTROLLERS, ...names });
    const url = `${origin}/${below}`;
    const form = simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }));
    const arrive = (userAgent: string): Promise<Response> =>
      send(`${url}/registration`, new URLSearchParams(form).toString(), { ...asForm, 'user-agent': userAgent });
    expect((await arrive('robot')).status).toBe(403);
    expect((await arrive('browser')).status).toBe(303);
    expect((await fetch(`${url}/registration`)).status).toBe(200);
    expect((await send(`${url}/registration`, 'x'.repeat(70_000), asForm)).status).toBe(413);
    const wrong = await send(`${url}/notifications`, '{"a":1}', { 'x-marketplace-secret': 'wrong' });
    expect(wrong.status).toBe(403);
    expect(app.get(Journal).lines).toEqual(['arrived', 'arrived', 'told']);

    for (const path of ['records', 'greeting/of-ours'])
      expect([path, (await fetch(`${url}/admin/${path}`)).status]).toEqual([path, 401]);
    expect((await fetch(`${url}/admin/records`, { headers: bearer })).status).toBe(200);
    const greeting = await fetch(`${url}/admin/greeting/of-ours`, { headers: { ...bearer, 'x-operator': 'kim' } });
    expect(await greeting.json()).toEqual({ operator: 'kim' });
  });

  it.each(['registration', 'notifications', 'admin'] as const)('%s is switched off singly', async (off) => {
    const { origin } = await boot(platform, { ...CONTROLLERS, [off]: false });
    const statuses = {
      registration: (await fetch(`${origin}/marketplace/registration`)).status,
      notifications: (await send(`${origin}/marketplace/notifications`, '{}', { 'x-marketplace-secret': 'x' })).status,
      admin: (await fetch(`${origin}/marketplace/admin/records`, { headers: bearer })).status,
    };
    expect(statuses).toEqual({ registration: 200, notifications: 403, admin: 200, [off]: 404 });
  });
});

describe('a class that extends none of ours', () => {
  class Stranger {
    readonly isOfOurs = false;
  }
  it.each<[RootOptions, RegExp]>([
    [{ registration: { controller: Stranger } }, /^registration\.controller: give a class that extends RegistrationC/],
    [
      { notifications: { controller: AdminController as never } },
      /^notifications\.controller: .*NotificationController/,
    ],
    [{ admin: { controller: 'AdminController' as never } }, /^admin\.controller: give a class that extends AdminC/],
  ])('is refused at once: %j', (options, message) => {
    expect(() => MarketplaceMeteringModule.forRoot(options)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) }),
    );
  });
});
