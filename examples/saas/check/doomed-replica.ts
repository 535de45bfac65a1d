import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { observeCrashPoints } from '../../../src/runtime/crash-point.js';
import { JobScheduler } from 'nestjs-marketplace-metering';
import { LarkspurModule } from '../larkspur/larkspur.module.js';
import { larkspurOptionsOf, type LarkspurSettings } from '../larkspur-settings.js';

// A second process of the same application, without a web server: it seals and submits beside the first one until it
// comes by the point named on the command line. It runs what it is told over the channel to the process that started
// it, and ends with that.
const PAUSE_MS = 50;

const crashPoint = process.argv[2];
observeCrashPoints((name) => {
  if (name === crashPoint) process.kill(process.pid, 'SIGKILL');
});
process.once('disconnect', () => {
  process.exit(0);
});
const [settings] = (await once(process, 'message')) as [LarkspurSettings];
const larkspur = larkspurOptionsOf({ ...settings, jobs: { ...settings.jobs, autoStart: false } });
const jobs = (await NestFactory.createApplicationContext(LarkspurModule.forRoot(larkspur), { logger: false })).get(
  JobScheduler,
);
for (;;) {
  await jobs.runOnce('seal');
  await jobs.runOnce('submit');
  await sleep(PAUSE_MS);
}
