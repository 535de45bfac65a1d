import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Injectable,
  Logger,
  Module,
  type NestInterceptor,
  Post,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { map, mergeMap, type Observable, of, throwError } from 'rxjs';
import { MarketplaceMeteringModule, Metered, RegistrationService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { PLATFORMS, type Platform, startPlainHost } from '../module/plain-host.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';

type Headers = Record<string, string | undefined>;
const headersOf = (request: unknown): Headers => (request as { headers: Headers }).headers;
const owner = (request: unknown) => {
  const { 'x-tenant': tenantId, 'x-nobody': nobody } = headersOf(request);
  // As `request.user && { … }` says it.
  if (nobody !== undefined) return undefined as never;
  return tenantId === undefined ? null : { tenantId };
};

@Injectable()
class Closed implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}
@Injectable()
class Spoiling implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(mergeMap(() => throwError(() => new HttpException('spoilt', 502))));
  }
}
@Injectable()
class Envelope implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}
const replaced = (_: object, __: string, descriptor: PropertyDescriptor): PropertyDescriptor => ({
  ...descriptor,
  value: () => 'replaced',
});

@Controller('calls')
class CallsController {
  @Get('plain')
  @Metered('requests')
  @UseInterceptors(Envelope)
  async plain(): Promise<string> {
    return Promise.resolve('plain');
  }
  @Post('keyed')
  @Metered('requests', { idempotencyKey: 'Request-Id', quantity: () => '0.5' })
  keyed(): string {
    return 'keyed';
  }
  @Get('observable')
  @Metered('requests')
  observable(): Observable<string> {
    return of('one', 'two');
  }
  @Get('both')
  @Metered('requests', { quantity: (_, answer) => (answer as { units: number }).units, tags: () => ({ team: 'a' }) })
  @Metered('storage')
  both(): { units: number } {
    return { units: 3 };
  }
  @Get('file')
  @Metered('requests')
  file(): StreamableFile {
    return new StreamableFile(Buffer.from('file'));
  }
  @Sse('events')
  @Metered('requests')
  events(): Observable<{ data: string }> {
    return of({ data: 'one' }, { data: 'two' });
  }
  @Get('below')
  @replaced
  @Metered('requests')
  below(): string {
    return 'below';
  }

  @Get('throws')
  @Metered('requests')
  throws(): string {
    throw new HttpException('no', 418);
  }
  @Get('fails-late')
  @Metered('requests')
  failsLate(): Observable<string> {
    return of('one').pipe(mergeMap(() => throwError(() => new Error('late'))));
  }
  @Get('unwell')
  @Metered('requests')
  unwell(@Res({ passthrough: true }) response: { status(code: number): unknown }): string {
    response.status(404);
    return 'nothing here';
  }
  @Get('closed')
  @UseGuards(Closed)
  @Metered('requests')
  closed(): string {
    return 'never';
  }
  @Get('undeclared')
  @Metered('unheard-of')
  undeclared(): string {
    return 'done';
  }
  @Get('lenient')
  @Metered('unheard-of', { whenUnrecorded: 'answer' })
  lenient(): string {
    return 'done';
  }
}

// What stands below is further out: Spoiling sees the answer after it was counted.
@Controller('spoilt')
@Metered('requests')
@UseInterceptors(Spoiling)
class SpoiltController {
  @Get()
  @Metered('requests', { quantity: 5 })
  spoilt(): string {
    return 'fine';
  }
}

let simulator: MarketplaceSimulator;
let clock: VirtualClock;
let postgres: TestDatabase;
let app: INestApplication | undefined;
let origin: string;

beforeAll(async () => {
  clock = new VirtualClock({ startAt: START, rate: 0 });
  simulator = await MarketplaceSimulator.start({ callsPerSecond: 0, clock });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await postgres.drop();
});
afterAll(() => simulator.stop());

async function startHost(platform: Platform): Promise<void> {
  postgres = await migratedDatabase(migrate);
  ({ app, origin } = await startPlainHost({
    ...{ platform, simulator, clock, databaseUrl: postgres.url },
    options: { entitlementOwner: owner, codeBinding: 'none' },
    controllers: [CallsController, SpoiltController],
  }));
  const response = await fetch(`${origin}/marketplace/registration`, {
    ...{ method: 'POST', redirect: 'manual' },
    body: new URLSearchParams(simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }))),
  });
  const code = new URL(response.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
  await app.get(RegistrationService).claim(code, { tenantId: 'acme' });
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<[number, string]> {
  const response = await fetch(`${origin}/${path}`, { method, headers: { 'x-tenant': 'acme', ...headers } });
  return [response.status, await response.text()];
}

const fail = (): never => {
  throw new Error('no host is there');
};
const ledger = (): LedgerDatabase => (app ?? fail()).get(LedgerDatabase);

/** By dimension, what is recorded. */
async function recorded(): Promise<Record<string, string>> {
  const rows = await ledger().query<{ name: string; units: string }>(
    `SELECT d.name, trim_scale(sum(e.quantity))::text AS units FROM marketplace.usage_event e
     JOIN marketplace.dimension d ON d.id = e.dimension GROUP BY d.name`,
  );
  return Object.fromEntries(rows.map(({ name, units }) => [name, units]));
}

describe.each(PLATFORMS)('@Metered on %s', (platform) => {
  it('counts each successful request once, whatever its handler returns', async () => {
    await startHost(platform);
    expect(await ask('calls/plain')).toEqual([200, '{"data":"plain"}']);
    expect(await recorded()).toEqual({ requests: '1' });
    for (const key of ['r-1', 'r-1'])
      expect(await ask('calls/keyed', { 'request-id': key }, 'POST')).toEqual([201, 'keyed']);
    expect(await ask('calls/keyed', { 'request-id': `r-${'2'.repeat(500)}` }, 'POST')).toEqual([201, 'keyed']);
    expect(await recorded()).toEqual({ requests: '2' });
    expect(await ask('calls/observable')).toEqual([200, 'two']);
    expect(await ask('calls/file')).toEqual([200, 'file']);
    expect((await ask('calls/events'))[1]).toContain('data: two');
    expect(await ask('calls/below')).toEqual([200, 'replaced']);
    expect(await recorded()).toEqual({ requests: '6' });
    expect(await ask('calls/both')).toEqual([200, '{"units":3}']);
    expect(await recorded()).toEqual({ requests: '9', storage: '1' });
    // Nobody's.
    const nobodys = await fetch(`${origin}/calls/plain`);
    const nobodysEither = await fetch(`${origin}/calls/plain`, { headers: { 'x-nobody': 'yes' } });
    expect([nobodys.status, nobodysEither.status, await recorded()]).toEqual([
      200,
      200,
      { requests: '9', storage: '1' },
    ]);
  });

  it('does not count what fails, at the handler or around it', async () => {
    await startHost(platform);
    for (const [path, status] of [
      ['calls/throws', 418],
      ['calls/fails-late', 500],
      ['calls/unwell', 404],
      ['calls/closed', 403],
    ] as const)
      expect([path, (await ask(path))[0]]).toEqual([path, status]);
    expect(await recorded()).toEqual({});
    // Counted once though class and method bear it, and taken back before the failure of what stands around is told.
    expect((await ask('spoilt'))[0]).toBe(502);
    expect(await recorded()).toEqual({ requests: '0' });
    const events = await ledger().query<{ quantity: string; reason: string | null }>(
      `SELECT quantity, detail ->> 'reason' AS reason FROM marketplace.usage_event ORDER BY quantity DESC`,
    );
    expect(events.map(({ quantity, reason }) => [Number(quantity), reason])).toEqual([
      [5, null],
      [-5, 'the request was answered with 502'],
    ]);
  });

  it('refuses the answer where the usage cannot be recorded, or lets it out and says so: never in silence', async () => {
    await startHost(platform);
    const said: unknown[] = [];
    Logger.overrideLogger({ log: () => 0, warn: () => 0, error: (...line: unknown[]) => said.push(line) });
    const [status, body] = await ask('calls/undeclared');
    expect([status, JSON.parse(body)]).toEqual([
      503,
      {
        ...{ statusCode: 503, errorCode: 'DIMENSION_UNDECLARED' },
        message: expect.stringMatching(/could not be recorded.*Repeat it/),
      },
    ]);
    expect(await ask('calls/lenient')).toEqual([200, 'done']);
    expect(said.filter((line) => JSON.stringify(line).includes('not recorded'))).toHaveLength(2);
    expect(JSON.stringify(said)).toMatch(
      /"tenantId":"acme","dimension":"unheard-of","idempotencyKey":"[^"]+:unheard-of"/,
    );
    expect(await recorded()).toEqual({});
  });
});

describe('@Metered', () => {
  it('is refused at the start where another function has taken the place of its own', async () => {
    postgres = await migratedDatabase(migrate);
    @Controller('patched')
    class PatchedController {
      @Get()
      @Metered('requests')
      call(): string {
        return 'call';
      }
    }
    await Promise.resolve();
    const { call } = PatchedController.prototype;
    const patched = (): string => 'free';
    for (const key of ['path', 'method']) Reflect.defineMetadata(key, Reflect.getMetadata(key, call), patched);
    PatchedController.prototype.call = patched;
    const given = replicaOptions({ databaseUrl: postgres.url, awsEndpoint: simulator.url, clock });
    @Module({})
    class Host {}
    const root = {
      module: Host,
      imports: [MarketplaceMeteringModule.forRoot(given)],
      controllers: [PatchedController],
    };
    const host = await NestFactory.create(root, { logger: false, abortOnError: false });
    await expect(host.init()).rejects.toMatchObject({
      ...{ code: 'METERED_INVALID', message: expect.stringMatching(/PatchedController\.call counts nothing/) },
    });
  });
});
