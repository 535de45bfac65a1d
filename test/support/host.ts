import { Inject, Injectable, type INestApplication, type LogLevel, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  MARKETPLACE_EVENT_TYPES,
  type MarketplaceEvent,
  MarketplaceMeteringModule,
  OnMarketplaceEvent,
  type RootOptions,
} from '../../src/index.js';

const HEARD = Symbol('heard');

/** Keeps what the module tells the host, in the order of its deliveries. */
@Injectable()
class Listener {
  constructor(@Inject(HEARD) private readonly heard: MarketplaceEvent[]) {}

  @OnMarketplaceEvent([...MARKETPLACE_EVENT_TYPES], { id: 'world' })
  hear(event: MarketplaceEvent): void {
    this.heard.push(event);
  }
}

@Module({})
class HostModule {}

/** What is the host's own: its controllers and services, and its HTTP server. */
export type HostParts = Pick<ModuleMetadata, 'controllers' | 'providers'> & {
  /** Default Express. */
  platform?: 'express' | 'fastify';
};

/**
 * A host application with the module in it, as a stranger would build one. `heard` grows with every event that it is
 * told.
 */
export async function startHost(
  options: RootOptions,
  heard: MarketplaceEvent[],
  { logger = false, port = 0, parts = {} }: { logger?: false | LogLevel[]; port?: number; parts?: HostParts } = {},
): Promise<INestApplication> {
  const root = {
    module: HostModule,
    imports: [MarketplaceMeteringModule.forRoot(options)],
    controllers: parts.controllers ?? [],
    providers: [Listener, { provide: HEARD, useValue: heard }, ...(parts.providers ?? [])],
  };
  const adapter = parts.platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = await NestFactory.create(root, adapter, { logger, abortOnError: false });
  await app.listen(port, '127.0.0.1');
  return app;
}
