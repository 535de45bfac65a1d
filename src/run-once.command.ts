#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule } from './marketplace-metering.module.js';
import { MarketplaceJobs } from './metering/marketplace-jobs.service.js';

const USAGE = `usage: marketplace-run-once [--within <seconds>]

  Runs every job of the module once, with the options of the environment, and ends: for cron and for jobs of a platform.
  Handlers of your application are not in this process; it delivers no events.

  exit code 0: nothing is left that could be done now
            1: a job failed, or the start was refused
            2: the time was up (default 60 seconds, at most 900)
`;

async function main(): Promise<number> {
  let withinMs: number;
  try {
    const { values } = parseArgs({ options: { within: { type: 'string', default: '60' } } });
    withinMs = Math.round(Number(values.within) * 1000);
  } catch {
    process.stderr.write(USAGE);
    return 1;
  }
  const app = await NestFactory.createApplicationContext(
    MarketplaceMeteringModule.forRoot({
      jobs: { autoStart: false },
      registration: false,
      notifications: false,
      admin: false,
    }),
    { logger: ['warn', 'error', 'fatal'], abortOnError: false },
  );
  try {
    const report = await app.get(MarketplaceJobs).runOnce({ withinMs });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.exitCode;
  } finally {
    await app.close();
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  process.exitCode = await main().catch((error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  });
}
