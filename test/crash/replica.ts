// A replica of the module in a process of its own, for a test to kill or stop: loads, waits for its order on standard
// input, runs the jobs named there, and leaves.
import { createInterface } from 'node:readline/promises';
import { NestFactory } from '@nestjs/core';
import { JobScheduler, MarketplaceMeteringModule } from '../../src/index.js';
import '../support/fate.js';
import { installedModule, installedOptions } from '../support/installed-module.js';
import { replicaOptions } from '../support/replica-options.js';
import { type ReplicaOrder } from './child-replica.js';

const input = createInterface({ input: process.stdin });
const line = (await input[Symbol.asyncIterator]().next()) as IteratorResult<string, undefined>;
input.close();
if (line.done !== true) {
  const { databaseUrl, awsEndpoint, now, jobs, options, resource, staysUntilSigterm } = JSON.parse(
    line.value,
  ) as ReplicaOrder;
  const instant = new Date(now);
  const clock = { now: () => instant };
  const place = { databaseUrl, awsEndpoint, clock };
  const module =
    resource === undefined
      ? MarketplaceMeteringModule.forRoot(replicaOptions(place, options))
      : installedModule(installedOptions(place, options.products?.[0] ?? {}, { submission: options.submission }), {
          ...resource,
          launchedAt: new Date(resource.launchedAt),
        });
  const app = await NestFactory.createApplicationContext(module, { logger: ['error'], abortOnError: false });
  if (staysUntilSigterm === true) app.enableShutdownHooks();
  for (const job of jobs) await app.get(JobScheduler).runOnce(job);
  // A host has a server or a timer that keeps it.
  if (staysUntilSigterm === true) setInterval(() => undefined, 60_000);
  else await app.close();
}
