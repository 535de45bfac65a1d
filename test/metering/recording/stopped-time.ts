import { mock } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule, MeteringService, type RootOptions } from '../../../src/index.js';

/** What an application is told whose tests stop time. */
export interface StoppedTimeOrder {
  options: RootOptions;
  tenantId: string;
}

@Module({})
class HostModule {}

/**
 * An application with defaults whose tests stop time once it runs: records alone, beside others, one key twice and
 * many at once, and closes, all while time stands still.
 * @returns the outcomes, in that order
 */
export async function recordInStoppedTime(
  { options, tenantId }: StoppedTimeOrder,
  stop: () => void,
): Promise<string[]> {
  const imports = [
    MarketplaceMeteringModule.forRoot({
      ...options,
      aws: { ...options.aws, credentials: () => Promise.resolve({ accessKeyId: 'none', secretAccessKey: 'none' }) },
    }),
  ];
  const app = await NestFactory.createApplicationContext(
    { module: HostModule, imports },
    { logger: false, abortOnError: false },
  );
  const metering = app.get(MeteringService);
  const event = (idempotencyKey: string) => ({ tenantId, dimension: 'requests', quantity: 1, idempotencyKey });
  stop();
  const results = [
    await metering.record(event('alone')),
    ...(await Promise.all(['a', 'b', 'c', 'c'].map((key) => metering.record(event(key))))),
    ...(await metering.record([event('many-1'), event('many-2')])),
  ];
  await app.close();
  return results.map(({ outcome }) => outcome);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const order = JSON.parse(process.argv[2] ?? '{}') as StoppedTimeOrder;
  const outcomes = await recordInStoppedTime(order, () => {
    mock.timers.enable();
  });
  process.stdout.write(`${outcomes.join(' ')}\n`);
}
