import { once } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { observeCrashPoints } from '../../../src/runtime/crash-point.js';
import { LarkspurModule } from '../larkspur/larkspur.module.js';
import { larkspurOptionsOf, type LarkspurSettings } from '../larkspur-settings.js';

// A second process of the same application, without a web server: its jobs share the work with the others', until it comes by the point named on the
// command line. It runs what it is told over the channel to the process that started it, and ends with that.
const crashPoint = process.argv[2];
observeCrashPoints((name) => {
  if (name === crashPoint) process.kill(process.pid, 'SIGKILL');
});
process.once('disconnect', () => {
  process.exit(0);
});
const [settings] = (await once(process, 'message')) as [LarkspurSettings];
await NestFactory.createApplicationContext(LarkspurModule.forRoot(larkspurOptionsOf(settings)), { logger: false });
