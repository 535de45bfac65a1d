import cluster from 'node:cluster';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule, MarketplaceReadiness, type Options, type StaticOptions } from '../../src/index.js';
import '../support/fate.js';
import { VirtualClock } from '../support/market.js';
import { eventually } from '../support/processes.js';

/** What a process of the software is told, as JSON in its first argument. */
export interface SoftwareOrder {
  options: Options & StaticOptions;
  /** The instant at which business time stands still. */
  now: string;
  /** Workers of a cluster; 0 for a process alone. */
  workers: number;
}

@Module({})
class SoftwareModule {}

/** Says what happens, a line each: `ready <pid>`, and of a cluster `ended <code or signal>`. */
async function serve({ options, now }: SoftwareOrder): Promise<void> {
  const clock = new VirtualClock({ startAt: new Date(now), rate: 0 });
  const root = { module: SoftwareModule, imports: [MarketplaceMeteringModule.forRoot({ ...options, clock })] };
  const app = await NestFactory.create(root, { logger: ['error'], abortOnError: false });
  if (cluster.isWorker) await together();
  await app.listen(0, '127.0.0.1');
  const readiness = app.get(MarketplaceReadiness, { strict: false });
  await eventually('it is ready', () => readiness.isReady, 60_000);
  process.stdout.write(`ready ${process.pid}\n`);
}

/** Workers start within moments of each other, however slowly a loaded machine has read their sources. */
async function together(): Promise<void> {
  process.send?.('loaded');
  await once(process, 'message');
}

const order = JSON.parse(process.argv[2] ?? '{}') as SoftwareOrder;
if (order.workers > 0 && cluster.isPrimary) {
  let loaded = 0;
  cluster.on('message', (worker) => {
    loaded += 1;
    // One that comes later goes at once.
    if (loaded > order.workers) worker.send('go');
    if (loaded === order.workers) for (const one of Object.values(cluster.workers ?? {})) one?.send('go');
  });
  cluster.on('exit', (_, code, signal) => {
    // Null where it ended by itself, whatever its type says.
    process.stdout.write(`ended ${(signal as string | null) ?? code}\n`);
    // As a host does that keeps its number of workers.
    if ((signal as string | null) === 'SIGKILL') cluster.fork();
  });
  for (let worker = 0; worker < order.workers; worker += 1) cluster.fork();
} else {
  await serve(order);
}
