import { observeCrashPoints } from '../../src/runtime/crash-point.js';

/**
 * How the process of a test ends: imported by child processes alone. `CRASH_AT`: the point at which it gets SIGKILL.
 * `PAUSE_AT`: the point at which it gets SIGSTOP, the first time it comes by.
 */
const { CRASH_AT: crashAt, PAUSE_AT } = process.env;
let pauseAt = PAUSE_AT;

observeCrashPoints((name) => {
  if (name === crashAt) process.kill(process.pid, 'SIGKILL');
  if (name === pauseAt) {
    pauseAt = undefined;
    process.kill(process.pid, 'SIGSTOP');
  }
});
