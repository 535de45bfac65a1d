import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, type FaultHandle, type MarketplaceSimulator } from 'aws-marketplace-simulator';
import { type LarkspurSettings } from '../larkspur-settings.js';

const POLL_MS = 50;

/** Faults of AWS, one after the other. The names are those of the final account. */
const FAULTS: readonly { name: 'throttled' | 'unprocessed' | 'lostAnswers'; fault: Fault }[] = [
  { name: 'lostAnswers', fault: { kind: 'resetAfter', operation: 'BatchMeterUsage', count: 2 } },
  { name: 'unprocessed', fault: { kind: 'unprocessed', operation: 'BatchMeterUsage', subset: 1, count: 2 } },
  // The worse kind: AWS bills what it says it left unprocessed.
  {
    name: 'unprocessed',
    fault: { kind: 'unprocessed', operation: 'BatchMeterUsage', subset: 1, afterEffect: true, count: 1 },
  },
  { name: 'lostAnswers', fault: { kind: 'error500After', operation: 'BatchMeterUsage', count: 1 } },
  { name: 'lostAnswers', fault: { kind: 'hang', operation: 'BatchMeterUsage', afterEffect: true, count: 1 } },
  { name: 'throttled', fault: { kind: 'throttle', operation: 'BatchMeterUsage', count: 2 } },
];

/**
 * Where a second worker is killed: with the records written and nothing committed, and with AWS's answer in hand and
 * nowhere else.
 */
const CRASH_POINTS = ['seal.written', 'submit.afterCall'];

export interface MishapCounts {
  throttled: number;
  unprocessed: number;
  lostAnswers: number;
  killedWorkers: number;
}

/** Everything that goes wrong in the story, and how often it did. */
export class Mishaps {
  private readonly handles: { name: keyof MishapCounts; handle: FaultHandle }[] = [];
  private readonly workers: ChildProcess[] = [];
  private killed = 0;
  private failure: Error | null = null;

  constructor(private readonly say: (line: string) => void) {}

  /**
   * Starts other processes of the application, which get SIGKILL at the worst of moments. They wait until they are told
   * what to run.
   */
  startWorkers(): void {
    for (const crashPoint of CRASH_POINTS) {
      const file = path.join(import.meta.dirname, `doomed-replica${path.extname(import.meta.filename)}`);
      const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
      const worker = fork(file, [crashPoint], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      worker.once('exit', (code, signal) => {
        if (signal === 'SIGKILL') {
          this.killed += 1;
          this.say(`a worker was killed at ${crashPoint}`);
        } else {
          this.failure = new Error(
            `The worker for ${crashPoint} ended with ${String(signal ?? code)}; it should have been killed there`,
          );
        }
      });
      this.workers.push(worker);
    }
  }

  /** From here on the workers work. */
  instructWorkers(settings: LarkspurSettings): void {
    for (const worker of this.workers) worker.send(settings);
  }

  /** Lets each fault strike, and resolves when all have. */
  async strike(simulator: MarketplaceSimulator): Promise<void> {
    for (const { name, fault } of FAULTS) {
      const handle = simulator.faults.add(fault);
      this.handles.push({ name, handle });
      await this.until(() => handle.hits >= 1);
      this.say(`${name}: ${fault.kind}`);
    }
    await this.until(() => this.killed === CRASH_POINTS.length);
  }

  /** Ends what the story did not come to kill. */
  stop(): void {
    for (const worker of this.workers) {
      worker.removeAllListeners('exit');
      if (worker.exitCode === null && worker.signalCode === null) worker.kill('SIGKILL');
    }
  }

  get counts(): MishapCounts {
    const hits = (name: string): number =>
      this.handles.filter((entry) => entry.name === name).reduce((total, { handle }) => total + handle.hits, 0);
    return {
      throttled: hits('throttled'),
      unprocessed: hits('unprocessed'),
      lostAnswers: hits('lostAnswers'),
      killedWorkers: this.killed,
    };
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.failure) throw this.failure;
      await sleep(POLL_MS);
    }
  }
}
