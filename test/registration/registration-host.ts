import { type DynamicModule, type INestApplication, Module, type NestApplicationOptions } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type Options } from '../../src/options/options.js';
import { registrationControllerOf } from '../../src/registration/registration.controller.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';
import { type Rooms, ROOMS_PROVIDERS } from '../subscription/rooms.js';

export type HttpAdapter = 'express' | 'fastify';
export const ADAPTERS: readonly HttpAdapter[] = ['express', 'fastify'];

@Module({ imports: [DiscoveryModule] })
class HostModule {}

export interface HostSettings {
  adapter: HttpAdapter;
  path?: string;
  decorators?: ClassDecorator[];
  options?: Options;
  nest?: NestApplicationOptions;
  module?: Partial<DynamicModule>;
  /** What a host does to its application before it listens. */
  configure?: (app: INestApplication) => unknown;
}

/** An application of a stranger, listening on a port of its own. */
export interface Host {
  app: INestApplication;
  /** URL of the landing page as the host's defaults place it. */
  url: string;
  close(): Promise<void>;
}

const running = new Set<Host>();

/** After each test: what a failed test left running would keep the process from ending. */
export async function closeHosts(): Promise<void> {
  for (const host of [...running]) await host.close();
}

export async function startHost(rooms: Rooms, settings: HostSettings): Promise<Host> {
  const {
    adapter,
    path = 'marketplace/registration',
    decorators = [],
    options = {},
    nest = {},
    module = {},
    configure,
  } = settings;
  const replica = await rooms.replica(options);
  const root: DynamicModule = {
    module: HostModule,
    ...module,
    controllers: [registrationControllerOf({ path, decorators }), ...(module.controllers ?? [])],
    providers: [
      {
        provide: RESOLVED_OPTIONS,
        useValue: { ...replica.options, jobs: { ...replica.options.jobs, autoStart: false } },
      },
      { provide: LedgerDatabase, useValue: replica.database },
      ...ROOMS_PROVIDERS,
      ...(module.providers ?? []),
    ],
  };
  const given = { logger: false, abortOnError: false, ...nest } as const;
  const app =
    adapter === 'express'
      ? await NestFactory.create(root, given)
      : await NestFactory.create(root, new FastifyAdapter(), given);
  await configure?.(app);
  await app.listen(0, '127.0.0.1');
  const host: Host = {
    app,
    url: `${await app.getUrl()}/${path}`,
    close: async () => {
      if (!running.delete(host)) return;
      await app.close();
      await replica.close();
    },
  };
  running.add(host);
  return host;
}

/** A form POST as a browser makes it; redirects are not followed. */
export function post(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return send(url, new URLSearchParams(form).toString(), {
    'Content-Type': 'application/x-www-form-urlencoded',
    ...headers,
  });
}

export function send(url: string, body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body,
    headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...headers },
    redirect: 'manual',
  });
}

export function codeIn(response: Response): string {
  const location = response.headers.get('location');
  return location === null ? '' : (new URL(location).searchParams.get('registrationCode') ?? '');
}
