import { NestFactory } from '@nestjs/core';
import { VirtualClock } from 'aws-marketplace-simulator';
import { MarketplaceMeteringModule, type RootOptions } from '../../src/index.js';
import { QueueIntake } from '../../src/subscription/inbox/queue-intake.js';

// A replica in a process of its own, which takes in what its queue holds and may be killed over it.
const options = JSON.parse(process.argv[2] ?? '{}') as RootOptions;
const app = await NestFactory.createApplicationContext(
  MarketplaceMeteringModule.forRoot({
    ...options,
    clock: new VirtualClock({ startAt: new Date('2026-11-11T10:00:00Z'), rate: 0 }),
    jobs: { autoStart: false },
    aws: { credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }) },
  }),
  { logger: false, abortOnError: false },
);
await app.get(QueueIntake).receiveOnce();
await app.close();
