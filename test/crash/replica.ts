// A replica of the module in a process of its own, for a test to kill or stop: boots, says "ready", runs the jobs it was told to, says "done".
import { NestFactory } from '@nestjs/core';
import { JobScheduler, MarketplaceMeteringModule } from '../../src/index.js';
import { replicaOptions } from '../support/replica-options.js';
import { type ReplicaOrder } from './child-replica.js';

const { databaseUrl, awsEndpoint, now, jobs, options } = JSON.parse(process.argv[2] ?? '{}') as ReplicaOrder;
const instant = new Date(now);
const clock = { now: () => instant };
const app = await NestFactory.createApplicationContext(
  MarketplaceMeteringModule.forRoot(replicaOptions({ databaseUrl, awsEndpoint, clock }, options)),
  { logger: ['error'], abortOnError: false },
);
process.stdout.write('ready\n');
for (const job of jobs) await app.get(JobScheduler).runOnce(job);
process.stdout.write('done\n');
await app.close();
