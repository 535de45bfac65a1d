// A worker without HTTP, in a process of its own: an application context as a host would make it, which neither enables
// shutdown hooks nor does anything else. `once` runs the jobs once and ends with the exit code of the report.
import { NestFactory } from '@nestjs/core';
import { MarketplaceJobs, MarketplaceMeteringModule } from '../../src/index.js';
import { replicaOptions } from '../support/replica-options.js';
import { type ReplicaOrder } from './child-replica.js';

const { databaseUrl, awsEndpoint, now, options } = JSON.parse(process.argv[2] ?? '{}') as ReplicaOrder;
const [mode, withinMs] = [process.argv[3], Number(process.argv[4])];
const clock = { now: () => new Date(now) };
const app = await NestFactory.createApplicationContext(
  MarketplaceMeteringModule.forRoot(replicaOptions({ databaseUrl, awsEndpoint, clock }, options)),
  { logger: ['error'], abortOnError: false },
);
if (mode === 'once') {
  const report = await app.get(MarketplaceJobs).runOnce({ withinMs });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  await app.close();
  process.exitCode = report.exitCode;
} else process.stdout.write('started\n');
