import { Module, type NestApplicationOptions, type Provider, type Type } from '@nestjs/common';
import { type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type MarketplaceSimulator, type VirtualClock } from 'aws-marketplace-simulator';
import { MarketplaceMeteringModule, type RootOptions } from '../../src/index.js';
import { replicaOptions } from '../support/replica-options.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

@Module({})
class HostModule {}

export interface PlainHostSettings {
  platform: Platform;
  databaseUrl: string;
  simulator: MarketplaceSimulator;
  clock: VirtualClock;
  options?: RootOptions;
  nest?: NestApplicationOptions;
  /** Options of Fastify itself. */
  fastify?: ConstructorParameters<typeof FastifyAdapter>[0];
  controllers?: Type<unknown>[];
  providers?: Provider[];
  /** What a host does to its application before it listens. */
  configure?: (app: INestApplication) => unknown;
}

/** A stranger's application with the whole module in it, listening on a port of its own. */
export async function startPlainHost(settings: PlainHostSettings): Promise<{ app: INestApplication; origin: string }> {
  const { platform, databaseUrl, simulator, clock, options = {}, nest = {}, configure } = settings;
  const root = {
    module: HostModule,
    imports: [
      MarketplaceMeteringModule.forRoot(replicaOptions({ databaseUrl, awsEndpoint: simulator.url, clock }, options)),
    ],
    controllers: settings.controllers ?? [],
    providers: settings.providers ?? [],
  };
  const given = { logger: false, abortOnError: false, ...nest } as const;
  const app =
    platform === 'express'
      ? await NestFactory.create(root, given)
      : await NestFactory.create(root, new FastifyAdapter(settings.fastify), given);
  await configure?.(app);
  await app.listen(0, '127.0.0.1');
  return { app, origin: await app.getUrl() };
}
