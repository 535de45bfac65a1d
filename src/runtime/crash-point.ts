/**
 * Named instructions at which a test kills or stops the process, to show that any of them may be its last. In production neither variable is set
 * and a point is one comparison.
 *
 * `MARKETPLACE_CRASH_POINT`: the point at which the process gets SIGKILL. `MARKETPLACE_PAUSE_POINT`: the point at which it gets SIGSTOP, the
 * first time it comes by.
 */
const crashAt = process.env.MARKETPLACE_CRASH_POINT;
let pauseAt = process.env.MARKETPLACE_PAUSE_POINT;

export function crashPoint(name: string): void {
  if (name === crashAt) process.kill(process.pid, 'SIGKILL');
  if (name === pauseAt) {
    pauseAt = undefined;
    process.kill(process.pid, 'SIGSTOP');
  }
}
