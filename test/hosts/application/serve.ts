import { type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Starts the host on the HTTP server that the environment names, and tells where it listens and how long that took. */
export async function serve(root: DynamicModule): Promise<void> {
  const adapter =
    process.env.ADAPTER === 'fastify'
      ? new (await import('@nestjs/platform-fastify')).FastifyAdapter()
      : new (await import('@nestjs/platform-express')).ExpressAdapter();
  const app = await NestFactory.create(root, adapter, { logger: ['error', 'warn'], abortOnError: false });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`listening on ${await app.getUrl()} after ${Math.round(process.uptime() * 1000)} ms`);
}
