import { type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** What a host does to its application before it listens. */
export interface HostManners {
  rawBody?: boolean;
  /** Of all routes. */
  prefix?: string;
  configure?: (app: INestApplication) => unknown;
}

/** Starts the host on the HTTP server that the environment names, and tells where it listens and how long that took. */
export async function serve(
  root: DynamicModule,
  { rawBody = false, prefix, configure }: HostManners = {},
): Promise<void> {
  const adapter =
    process.env.ADAPTER === 'fastify'
      ? new (await import('@nestjs/platform-fastify')).FastifyAdapter()
      : new (await import('@nestjs/platform-express')).ExpressAdapter();
  const app = await NestFactory.create(root, adapter, { logger: ['error', 'warn'], abortOnError: false, rawBody });
  configure?.(app);
  if (prefix !== undefined) app.setGlobalPrefix(prefix);
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  const base = [await app.getUrl(), ...(prefix === undefined ? [] : [prefix])].join('/');
  console.log(`listening on ${base} after ${Math.round(process.uptime() * 1000)} ms`);
}
