import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { QueueIntake } from '../subscription/inbox/queue-intake.js';
import { ShutdownFlush } from './shutdown-flush.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** What platforms give at the least is ten seconds; the rest of it is the host's. */
const PATIENCE_MS = 8000;

/** Of every instance in this process: they end together. */
const drains = new Set<(isEndedByOthers: boolean) => Promise<unknown>>();
let isEnding = false;

/**
 * A host need not call `enableShutdownHooks()`: at a signal no job begins any more, calls under way are answered and
 * written down, usage that waits is recorded, and then the process ends as it would have ended at once. Where the host,
 * or Nest, listens to the signal as well, ending is theirs.
 */
@Injectable()
export class TerminationDrain implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly scheduler: JobScheduler,
    private readonly queues: QueueIntake,
    private readonly flush: ShutdownFlush,
  ) {}

  onApplicationBootstrap(): void {
    // Test runners end their processes themselves, and count listeners.
    if (!this.options.jobs.autoStart || process.env.NODE_ENV === 'test') return;
    if (drains.size === 0) for (const signal of SIGNALS) process.on(signal, onSignal);
    drains.add(this.drain);
  }

  onModuleDestroy(): void {
    drains.delete(this.drain);
    if (drains.size === 0) stopListening();
  }

  private readonly drain = async (isEndedByOthers: boolean): Promise<void> => {
    await Promise.allSettled([this.scheduler.onModuleDestroy(), this.queues.onModuleDestroy()]);
    // A host that ends by itself still answers requests, which record their usage.
    if (!isEndedByOthers) await this.flush.onApplicationShutdown();
  };
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  if (isEnding) return;
  isEnding = true;
  // The same signal again ends the process at once, as if nobody had listened.
  stopListening();
  const isEndedByOthers = process.listenerCount(signal) > 0;
  void end(signal, isEndedByOthers);
}

async function end(signal: NodeJS.Signals, isEndedByOthers: boolean): Promise<void> {
  const giveUp = new AbortController();
  const patience = sleep(PATIENCE_MS, undefined, { signal: giveUp.signal, ref: false }).catch(() => undefined);
  try {
    await Promise.race([Promise.allSettled([...drains].map((drain) => drain(isEndedByOthers))), patience]);
  } catch (error) {
    new Logger('MarketplaceShutdown').error(`the end was not orderly: ${(error as Error).message}`);
  } finally {
    giveUp.abort();
    if (!isEndedByOthers) process.kill(process.pid, signal);
  }
}
