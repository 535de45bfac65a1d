#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { type CommandResult, complaintOf, explained, misused } from './database/command.js';
import { MarketplaceMeteringModule } from './marketplace-metering.module.js';
import { MarketplaceJobs } from './metering/marketplace-jobs.service.js';

const USAGE = `usage: marketplace-run-once [--within <seconds>]

  Runs every job of the module once, with the options of the environment, and ends: for cron and for jobs of a platform.
  Handlers of your application are not in this process; it delivers no events.

  exit code 0: nothing is left that could be done now
            1: a job failed, the clock or the settings are wrong, or the start was refused
            2: the time was up (default 60 seconds, at most 900), or is too short for what is to be tried again
`;

const WITHIN_MAX_S = 900;

/** What the words ask for; how the command ends where they ask for nothing that there is. */
function callOf(args: string[]): { withinMs: number } | CommandResult {
  const refused = (complaint: string): CommandResult => ({ ...misused(complaint, USAGE), exitCode: 1 });
  try {
    const { values } = parseArgs({
      args,
      options: { within: { type: 'string', default: '60' }, help: { type: 'boolean', default: false } },
    });
    if (values.help) return explained(USAGE);
    const seconds = Number(values.within);
    return seconds >= 1 && seconds <= WITHIN_MAX_S
      ? { withinMs: Math.round(seconds * 1000) }
      : refused(`--within takes seconds, from 1 to ${WITHIN_MAX_S}, and was given "${values.within}".`);
  } catch (error) {
    return refused(complaintOf(error));
  }
}

async function main(args: string[]): Promise<number> {
  const call = callOf(args);
  if ('exitCode' in call) {
    process.stdout.write(call.stdout);
    process.stderr.write(call.stderr);
    return call.exitCode;
  }
  const app = await NestFactory.createApplicationContext(
    MarketplaceMeteringModule.forRoot({
      jobs: { autoStart: false },
      registration: false,
      notifications: false,
      admin: false,
    }),
    { logger: ['warn', 'error', 'fatal'], abortOnError: false },
  ).catch(() => null);
  // Nest has said why.
  if (app === null) return 1;
  try {
    const report = await app.get(MarketplaceJobs).runOnce(call);
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.exitCode;
  } finally {
    await app.close();
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  });
}
