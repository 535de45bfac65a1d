import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { PLATFORMS, type Platform, type PlainHostSettings, startPlainHost } from './plain-host.js';

const KB = 1024;
const CHUNK = 64 * KB;
const CHUNKS = 160;
/** The larger of our bounds, and what the kernel and Node have taken in before anybody could say no. */
const READ_MAX = 2 * KB * KB;
const SECRET = 'a-secret-of-ours-0123456789abcdef';

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

type Settings = Partial<Pick<PlainHostSettings, 'nest' | 'fastify' | 'configure' | 'options'>>;

async function start(platform: Platform, settings: Settings = {}): Promise<{ app: INestApplication; origin: string }> {
  const notifications = { eventBridgeSecrets: [SECRET] };
  const host = await startPlainHost({
    ...{ platform, databaseUrl: postgres.url, simulator, clock, ...settings },
    options: { notifications, registrationsPerMinute: 10_000, ...settings.options },
  });
  running.push(host.app);
  return host;
}

interface Outcome {
  status: number;
  bytesRead: number;
}

/**
 * Sends ten megabytes in chunks, as fast as the server takes them, until the server has closed the connection. What is
 * told is what the server did: a client that is cut off may miss the answer.
 */
function flood(app: INestApplication, path: string, contentType: string): Promise<Outcome> {
  const server = app.getHttpServer() as Server;
  const { port } = server.address() as { port: number };
  return new Promise((resolve) => {
    server.once('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      socket.once('close', () => {
        resolve({ status: response.statusCode, bytesRead: socket.bytesRead });
      });
    });
    const client = createConnection(port, '127.0.0.1');
    client.on('error', () => undefined).resume();
    client.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nx-marketplace-secret: ${SECRET}\r\n` +
        'Transfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `${CHUNK.toString(16)}\r\n${'a'.repeat(CHUNK)}\r\n`;
    let left = CHUNKS;
    const send = (): void => {
      while (left > 0 && !client.destroyed) {
        left -= 1;
        if (!client.write(chunk)) {
          client.once('drain', send);
          return;
        }
      }
      client.end('0\r\n\r\n');
    };
    send();
  });
}

const FORM = 'application/x-www-form-urlencoded';
const ROUTES = [
  ['the landing page', '/marketplace/registration', FORM],
  ['the landing page, as JSON', '/marketplace/registration', 'application/json'],
  ['SNS', '/marketplace/notifications', 'text/plain; charset=UTF-8'],
  ['an API destination of EventBridge', '/marketplace/notifications', 'application/json; charset=utf-8'],
  ['the landing page, under a trailing slash', '/marketplace/registration/', FORM],
] as const;

/** How a host may be built; each of them parses as it likes. */
const HOSTS: Record<Platform, [string, Settings][]> = {
  express: [
    ['as it comes', {}],
    ['without parsers', { nest: { bodyParser: false } }],
    ['that keeps raw bodies', { nest: { rawBody: true } }],
    [
      'that takes 50 MB everywhere',
      {
        configure: (app) => {
          for (const type of ['json', 'urlencoded', 'text'] as const)
            (app as NestExpressApplication).useBodyParser(type, { limit: '50mb' });
        },
      },
    ],
    ['under a prefix', { configure: (app) => app.setGlobalPrefix('api') }],
  ],
  fastify: [
    ['as it comes', {}],
    ['that keeps raw bodies', { nest: { rawBody: true } }],
    ['that takes 50 MB everywhere', { fastify: { bodyLimit: 50 * KB * KB } }],
    ['under a prefix', { configure: (app) => app.setGlobalPrefix('api') }],
  ],
};

interface Layer {
  name: string;
  match(path: string): boolean;
}
interface Ways {
  /** What a request passes on its way to a route of the host's, and to one of ours. */
  elsewhere: unknown;
  ours: unknown;
  withoutUs: unknown;
}

@Module({})
class Empty {}

/** Of Express: the layers that a request passes. Of Fastify: what is added to a route. */
const waysOf: Record<Platform, () => Promise<Ways>> = {
  express: async () => {
    const layersOf = (app: INestApplication, path: string): string[] => {
      const { router } = app.getHttpAdapter().getInstance() as { router: { stack: Layer[] } };
      return router.stack.filter((layer) => layer.match(path)).map(({ name }) => name);
    };
    const { app } = await start('express');
    const without = await NestFactory.create(Empty, { logger: false });
    running.push(without);
    await without.init();
    const ours = layersOf(app, '/marketplace/registration');
    return { elsewhere: layersOf(app, '/elsewhere'), ours, withoutUs: layersOf(without, '/elsewhere') };
  },
  fastify: async () => {
    const added = new Map<string, unknown>();
    const configure = (app: INestApplication): void => {
      const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
      fastify.addHook('onRoute', ({ method, url, bodyLimit, preParsing, onRequest, preValidation, preHandler }) => {
        if (method === 'POST') added.set(url, { bodyLimit, preParsing, onRequest, preValidation, preHandler });
      });
      fastify.post('/elsewhere', () => Promise.resolve('here'));
    };
    await start('fastify', { configure });
    return { elsewhere: added.get('/elsewhere'), ours: added.get('/marketplace/registration'), withoutUs: {} };
  },
};

describe.each(PLATFORMS)('ten megabytes in chunks (G15), on %s', (platform) => {
  it.each(HOSTS[platform])('are cut off after the bound with 413, in a host %s', async (name, settings) => {
    const { app } = await start(platform, settings);
    const prefix = name === 'under a prefix' ? '/api' : '';
    for (const [what, path, contentType] of ROUTES) {
      const { status, bytesRead } = await flood(app, `${prefix}${path}`, contentType);
      expect([what, status, bytesRead < READ_MAX]).toEqual([what, 413, true]);
    }
  });

  it('pass through our code at our routes alone: the host’s own go their way as without the module', async () => {
    const ways = await waysOf[platform]();
    expect(ways.elsewhere).toEqual(ways.withoutUs);
    expect(ways.ours).not.toEqual(ways.withoutUs);
  });

  it('leave what is the host’s own to the host', async () => {
    const { origin } = await start(platform);
    const small = await fetch(`${origin}/elsewhere`, { method: 'POST', body: '{"a":1}' });
    expect(small.status).toBe(404);
  });
});
