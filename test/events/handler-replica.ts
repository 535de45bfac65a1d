// A process of an application with one handler, for a test to kill: delivers what there is, says each event on standard
// output, and leaves.
import { writeSync } from 'node:fs';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobScheduler, MarketplaceMeteringModule, type MarketplaceEvent, OnMarketplaceEvent } from '../../src/index.js';
import '../support/fate.js';
import { replicaOptions } from '../support/replica-options.js';

const { databaseUrl, sellerAccount, dies } = JSON.parse(process.argv[2] ?? '{}') as {
  databaseUrl: string;
  sellerAccount: string;
  dies: boolean;
};

@Injectable()
class Listener {
  @OnMarketplaceEvent('subscription.converted', { id: 'listener' })
  listen(event: MarketplaceEvent<'subscription.converted'>): void {
    writeSync(1, `${event.payload.productCode}\n`);
    if (dies) process.kill(process.pid, 'SIGKILL');
  }
}

const clock = { now: () => new Date('2026-11-11T10:00:00Z') };
const options = replicaOptions({ databaseUrl, awsEndpoint: 'http://127.0.0.1:9', clock }, { sellerAccount });
@Module({ imports: [MarketplaceMeteringModule.forRoot(options)], providers: [Listener] })
class Host {}
const app = await NestFactory.createApplicationContext(Host, { logger: ['error'], abortOnError: false });
await app.get(JobScheduler).runOnce('deliver');
await app.close();
