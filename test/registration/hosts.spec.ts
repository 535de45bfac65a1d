import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  SetMetadata,
  VersioningType,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { map } from 'rxjs';
import { registrationControllerOf } from '../../src/registration/registration.controller.js';
import { dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { ADAPTERS, closeHosts, codeIn, type HostSettings, post, send, startHost } from './registration-host.js';

let rooms: Rooms;
beforeAll(async () => {
  rooms = await Rooms.open();
});
afterEach(closeHosts);
afterAll(async () => {
  await rooms.close();
  await dropDatabaseOfSuite();
});

const form = (): Record<string, string> => ({
  ...rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT })),
  'x-amzn-marketplace-agreement-id': 'agmt-1',
});

/** Refuses every value, as a ValidationPipe with forbidNonWhitelisted does with fields it was not told of. */
class StrictPipe implements PipeTransform {
  transform(): never {
    throw new Error('property x-amzn-marketplace-token should not exist');
  }
}
class EnvelopeInterceptor implements NestInterceptor {
  intercept: NestInterceptor['intercept'] = (_, next) => next.handle().pipe(map((data: unknown) => ({ data })));
}
class TeapotFilter {
  catch(
    _: unknown,
    host: { switchToHttp(): { getResponse(): { status(code: number): { send(body: string): void } } } },
  ): void {
    host.switchToHttp().getResponse().status(418).send('the host has caught it');
  }
}
@Injectable()
class ClosedGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<boolean | undefined>('public', context.getClass()) === true;
  }
}

const enhancers: Partial<DynamicModule> = {
  providers: [
    { provide: APP_PIPE, useClass: StrictPipe },
    { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor },
    { provide: APP_FILTER, useClass: TeapotFilter },
  ],
};

describe.each(ADAPTERS)('a host on %s', (adapter) => {
  async function outcomeOf(
    settings: Omit<HostSettings, 'adapter'>,
    path = '/marketplace/registration',
  ): Promise<(number | string)[]> {
    const host = await startHost(rooms, { adapter, ...settings });
    const url = new URL(path, host.url).href;
    const registered = await post(url, form(), { Origin: 'https://aws.amazon.com' });
    const refused = await post(url, {});
    return [registered.status, codeIn(registered).length, refused.status, refused.headers.get('content-type') ?? ''];
  }
  const works = [303, 43, 400, 'text/html; charset=utf-8'];

  it('with strict pipes, an envelope and filters of its own changes nothing', async () => {
    expect(await outcomeOf({ module: enhancers })).toEqual(works);
  });

  it('with a global prefix finds the page under it', async () => {
    const configure = (app: INestApplication) => app.setGlobalPrefix('api');
    expect(await outcomeOf({ configure }, '/api/marketplace/registration')).toEqual(works);
  });

  it('with versioned URIs keeps one URL', async () => {
    const configure = (app: INestApplication) =>
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    expect(await outcomeOf({ configure })).toEqual(works);
  });

  it('places the page where it wants', async () => {
    expect(await outcomeOf({ path: 'aws/landing' }, '/aws/landing')).toEqual(works);
  });

  it('with a guard on everything opens the page by its own decorator', async () => {
    const module = { providers: [Reflector, { provide: APP_GUARD, useClass: ClosedGuard }] };
    expect((await outcomeOf({ module }))[0]).toBe(403);
    expect(await outcomeOf({ module, decorators: [SetMetadata('public', true)] })).toEqual(works);
  });

  it('with a list of CORS origins is still reached from AWS: a browser that follows a form needs no leave', async () => {
    const configure = (app: INestApplication) => {
      app.enableCors({ origin: ['https://app.example.com'] });
    };
    expect(await outcomeOf({ configure })).toEqual(works);
  });

  it('with rawBody changes nothing', async () => {
    expect(await outcomeOf({ nest: { rawBody: true } })).toEqual(works);
  });
});

describe('a host without body parsers', () => {
  it('on express leaves the form to the page, bounds included', async () => {
    const host = await startHost(rooms, { adapter: 'express', nest: { bodyParser: false } });
    expect((await post(host.url, form())).status).toBe(303);
    expect((await post(host.url, {})).status).toBe(400);
    expect((await post(host.url, { padding: 'x'.repeat(70_000) })).status).toBe(413);
    const chunked = await fetch(host.url, { method: 'POST', body: chunks(70), duplex: 'half' });
    expect(chunked.status).toBe(413);
    const multipart = await send(host.url, '--x--', { 'Content-Type': 'multipart/form-data; boundary=x' });
    expect(multipart.status).toBe(415);
    const json = await send(host.url, '{', { 'Content-Type': 'application/json' });
    expect(json.status).toBe(415);
  });

  it('on fastify has to bring a parser, of any kind', async () => {
    const without = await startHost(rooms, { adapter: 'fastify', nest: { bodyParser: false } });
    expect((await post(without.url, form())).status).toBe(415);
    for (const parseAs of ['string', 'buffer'] as const) {
      const host = await startHost(rooms, {
        adapter: 'fastify',
        nest: { bodyParser: false },
        configure: (app) => {
          const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
          fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs }, (_request, body, done) => {
            done(null, body);
          });
        },
      });
      expect((await post(host.url, form())).status).toBe(303);
    }
  });
});

it('makes a controller of its own for each instance', () => {
  const [first, second] = [
    registrationControllerOf({ path: 'a', decorators: [SetMetadata('public', true)] }),
    registrationControllerOf({ path: 'b' }),
  ];
  expect(first).not.toBe(second);
  expect(Reflect.getMetadata('public', first)).toBe(true);
  expect(Reflect.getMetadata('public', second)).toBeUndefined();
});

function chunks(kilobytes: number): ReadableStream<Uint8Array> {
  let left = kilobytes;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) controller.close();
      else controller.enqueue(new Uint8Array(1024).fill(120));
      left -= 1;
    },
  });
}
