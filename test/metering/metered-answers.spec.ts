// Which requests are uses, by whatever way they are answered, and in what order answer and ledger come.
import { once } from 'node:events';
import { type IncomingMessage, request as send } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  All,
  Controller,
  Get,
  Head,
  HttpCode,
  type INestApplication,
  Injectable,
  Module,
  Post,
  Redirect,
  Res,
  Version,
  VersioningType,
} from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { MarketplaceMeteringModule, Metered, RegistrationService } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { UsageRecorder } from '../../src/metering/recording/usage-recorder.js';
import { PLATFORMS, type Platform, startPlainHost } from '../module/plain-host.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { eventually } from '../support/processes.js';
import { replicaOptions } from '../support/replica-options.js';

/** What happened, in its order. */
const seen: string[] = [];
let isWorking: () => void = () => undefined;
let goOn: Promise<void> = Promise.resolve();

/** Of Express, or of Fastify. */
interface Answer {
  raw?: NodeJS.WritableStream;
  on?: NodeJS.WritableStream['on'];
  send(body: unknown): unknown;
  status(code: number): Answer;
}
function rawOf(answer: Answer): NodeJS.WritableStream {
  const raw = answer.raw ?? (answer as unknown as NodeJS.WritableStream);
  raw.on('finish', () => seen.push('answered'));
  return raw;
}

@Controller('calls')
class CallsController {
  @Head('own-head')
  @Metered('requests')
  head(): void {
    seen.push('head');
  }
  @Get('plain')
  @Metered('requests')
  plain(): string {
    return 'plain';
  }
  @All('all')
  @Metered('requests')
  all(): string {
    return 'all';
  }
  @Post('nothing')
  @HttpCode(204)
  @Metered('requests')
  nothing(): void {
    seen.push('nothing');
  }
  @Get('elsewhere')
  @Redirect('/calls/plain', 302)
  @Metered('requests')
  elsewhere(): void {
    seen.push('elsewhere');
  }
  @Get('versioned')
  @Version('2')
  @Metered('requests')
  versioned(): string {
    return 'versioned';
  }
  @Post('slow')
  @Metered('requests')
  async slow(): Promise<string> {
    isWorking();
    await goOn;
    return 'slow';
  }

  @Get('sends')
  @Metered('requests')
  sends(@Res() answer: Answer): void {
    rawOf(answer);
    answer.send('sent');
  }
  @Get('sends-later')
  @Metered('requests')
  sendsLater(@Res() answer: Answer): void {
    rawOf(answer);
    setImmediate(() => answer.send('sent later'));
  }
  @Get('pipes')
  @Metered('requests')
  async pipes(@Res() answer: Answer): Promise<void> {
    // Ends only when the answer has.
    await pipeline(Readable.from(['pi', 'ped']), rawOf(answer));
  }
  @Get('sends-failure')
  @Metered('requests')
  sendsFailure(@Res() answer: Answer): void {
    answer.status(422).send('no');
  }
  @Get('sends-failure-later')
  @Metered('requests')
  sendsFailureLater(@Res() answer: Answer): void {
    setImmediate(() => answer.status(500).send('no'));
  }
  @Get('sends-and-fails')
  @Metered('requests')
  sendsAndFails(@Res() answer: Answer): void {
    answer.send('sent');
    throw new Error('after the answer');
  }
  @Get('sends-undeclared')
  @Metered('unheard-of')
  sendsUndeclared(@Res() answer: Answer): void {
    answer.send('for nothing');
  }
  @Get('pipes-undeclared')
  @Metered('unheard-of')
  async pipesUndeclared(@Res() answer: Answer): Promise<void> {
    await pipeline(Readable.from(['for ', 'nothing']), answer.raw ?? (answer as unknown as NodeJS.WritableStream));
  }
}

let simulator: MarketplaceSimulator;
let clock: VirtualClock;
let postgres: TestDatabase;
let app: INestApplication | undefined;
let origin: string;
const { record } = UsageRecorder.prototype;

beforeAll(async () => {
  clock = new VirtualClock({ startAt: START, rate: 0 });
  simulator = await MarketplaceSimulator.start({ callsPerSecond: 0, clock });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
  UsageRecorder.prototype.record = async function (this: UsageRecorder, usage: never): Promise<never> {
    const result = await record.call(this, usage);
    seen.push('recorded');
    return result as never;
  };
});
afterEach(async () => {
  seen.length = 0;
  await app?.close();
  app = undefined;
  await postgres.drop();
});
afterAll(async () => {
  UsageRecorder.prototype.record = record;
  await simulator.stop();
});

async function startHost(platform: Platform): Promise<void> {
  postgres = await migratedDatabase(migrate);
  ({ app, origin } = await startPlainHost({
    ...{ platform, simulator, clock, databaseUrl: postgres.url },
    options: { entitlementOwner: () => ({ tenantId: 'acme' }), codeBinding: 'none' },
    controllers: [CallsController],
    configure: (host) =>
      host.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
  }));
  const response = await fetch(`${origin}/api/marketplace/registration`, {
    ...{ method: 'POST', redirect: 'manual' },
    body: new URLSearchParams(simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }))),
  });
  const code = new URL(response.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
  await app.get(RegistrationService).claim(code, { tenantId: 'acme' });
}

async function ask(path: string, method = 'GET'): Promise<[number, string]> {
  const response = await fetch(`${origin}/api/v1/calls/${path}`, { method, redirect: 'manual' });
  return [response.status, await response.text()];
}

const fail = (): never => {
  throw new Error('no host is there');
};

/** Units of usage; corrections count against it. */
async function units(): Promise<number> {
  const ledger = (app ?? fail()).get(LedgerDatabase);
  const [row] = await ledger.query<{ units: string | null }>(
    `SELECT sum(quantity)::text AS units FROM marketplace.usage_event`,
  );
  return Number(row?.units ?? 0);
}

describe.each(PLATFORMS)('@Metered on %s', (platform) => {
  it('counts what was used: no HEAD of a route of GET, no OPTIONS, unless a route was made for them', async () => {
    await startHost(platform);
    expect(await ask('plain', 'HEAD')).toEqual([200, '']);
    expect((await ask('all', 'OPTIONS'))[0]).toBe(200);
    expect((await ask('all', 'HEAD'))[0]).toBe(200);
    expect(await units()).toBe(0);
    expect((await ask('own-head', 'HEAD'))[0]).toBe(200);
    expect([seen, await units()]).toEqual([['head', 'recorded'], 1]);
    expect((await ask('all', 'DELETE'))[0]).toBe(200);
    expect(await ask('plain')).toEqual([200, 'plain']);
    expect(await units()).toBe(3);
  });

  it('counts every success: no content, a redirect, what the client has already, any version and prefix', async () => {
    await startHost(platform);
    expect((await ask('nothing', 'POST'))[0]).toBe(204);
    expect((await ask('elsewhere'))[0]).toBe(302);
    expect(await units()).toBe(2);
    const versioned = await fetch(`${origin}/api/v2/calls/versioned`);
    expect([versioned.status, await units()]).toEqual([200, 3]);
    expect((await fetch(`${origin}/api/v3/calls/versioned`)).status).toBe(404);
    const known = await fetch(`${origin}/api/v1/calls/plain`);
    // Fastify names no version of an answer by itself.
    const etag = known.headers.get('etag') ?? '-';
    const again = send(`${origin}/api/v1/calls/plain`, { headers: { 'if-none-match': etag } }).end();
    const [answer] = (await once(again, 'response')) as [IncomingMessage];
    answer.resume();
    expect([answer.statusCode, await units()]).toEqual([platform === 'express' ? 304 : 200, 5]);
  });

  it('counts once what was done for a client that has gone away meanwhile', async () => {
    await startHost(platform);
    let release: () => void = () => undefined;
    const working = new Promise<void>((resolve) => (isWorking = resolve));
    goOn = new Promise<void>((resolve) => (release = resolve));
    const request = send(`${origin}/api/v1/calls/slow`, { method: 'POST' });
    request.on('error', () => undefined);
    request.end();
    await working;
    const closed = new Promise((resolve) => request.once('close', resolve));
    request.destroy();
    await closed;
    release();
    await eventually('the unit is recorded', async () => (await units()) > 0);
    expect(await units()).toBe(1);
    expect(seen).toEqual(['recorded']);
  });

  it.each([
    ['sends', 'sent'],
    ['sends-later', 'sent later'],
    ['pipes', 'piped'],
  ])('counts before the answer leaves where the handler answers by itself: %s', async (path, body) => {
    await startHost(platform);
    expect(await ask(path)).toEqual([200, body]);
    await eventually('the answer is out', () => seen.length > 1);
    expect(seen).toEqual(['recorded', 'answered']);
    expect(await units()).toBe(1);
  });

  it('counts no failure of a handler that answers by itself', async () => {
    await startHost(platform);
    expect(await ask('sends-failure')).toEqual([422, 'no']);
    expect(seen).toEqual([]);
    expect(await ask('sends-failure-later')).toEqual([500, 'no']);
    expect(await units()).toBe(0);
    // Of Express the answer is still here when the handler fails; that of Fastify has its head out, and stays one.
    const [status] = await ask('sends-and-fails');
    expect([status, await units()]).toEqual(platform === 'express' ? [500, 0] : [200, 1]);
  });

  it('refuses what a handler answers by itself where it cannot be recorded; what has begun is broken off', async () => {
    await startHost(platform);
    const refused = ask('sends-undeclared');
    if (platform === 'express') {
      const [status, body] = await refused;
      expect([status, JSON.parse(body)]).toMatchObject([503, { statusCode: 503, errorCode: 'DIMENSION_UNDECLARED' }]);
    } else await expect(refused).rejects.toThrow();
    await expect(ask('pipes-undeclared')).rejects.toThrow();
    expect(await units()).toBe(0);
    expect(await ask('sends')).toEqual([200, 'sent']);
  });
});

describe('@Metered where there is no HTTP request', () => {
  const imports = () => [
    MarketplaceMeteringModule.forRoot(
      replicaOptions(
        { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock },
        { entitlementOwner: () => null },
      ),
    ),
  ];
  @Module({})
  class Host {}

  it('is refused at the start on a resolver, a gateway, a handler of messages', async () => {
    postgres = await migratedDatabase(migrate);
    @Injectable()
    class Resolver {
      @Metered('requests')
      reports(): string {
        return 'reports';
      }
    }
    @Injectable()
    @Metered('requests')
    class Gateway {}
    @Controller()
    class Messages {
      @Metered('requests')
      onMessage(): string {
        return 'done';
      }
    }
    for (const [part, place] of [
      [{ providers: [Resolver] }, 'Resolver.reports'],
      [{ providers: [Gateway] }, 'Gateway'],
      [{ controllers: [Messages] }, 'Messages.onMessage'],
    ] as const) {
      const root = { module: Host, imports: imports(), ...part } as never;
      const host = await NestFactory.create(root, { logger: false, abortOnError: false });
      await expect(host.init()).rejects.toMatchObject({
        ...{ code: 'METERED_INVALID', message: expect.stringContaining(`@Metered on ${place}: it counts HTTP`) },
      });
    }
  });

  it('fails each call of another kind to a controller that bears it, before anything is done', async () => {
    postgres = await migratedDatabase(migrate);
    @Controller('mixed')
    @Metered('requests')
    class Mixed {
      @Get()
      get(): string {
        return 'get';
      }
      onMessage(): string {
        seen.push('done');
        return 'done';
      }
    }
    const root = { module: Host, imports: imports(), controllers: [Mixed], providers: [Mixed] };
    app = await NestFactory.create(root, { logger: false, abortOnError: false });
    await app.init();
    const mixed = app.get(Mixed);
    // As @nestjs/graphql and @nestjs/microservices make their handlers.
    const call = app
      .get(ExternalContextCreator)
      .create(
        mixed,
        Mixed.prototype.onMessage,
        'onMessage',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        'rpc',
      );
    await expect(call({ user: { tenantId: 'acme' } })).rejects.toMatchObject({ code: 'METERED_INVALID' });
    expect(seen).toEqual([]);
  });
});
