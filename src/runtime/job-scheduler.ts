import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  Optional,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { hostIntervalsIn, type HostIntervals } from './host-intervals.js';
import { FaultLog } from './fault-log.js';
import { redactedText } from './redaction.js';
import { Waker } from './waker.js';
import { RESOLVED_OPTIONS } from './tokens.js';

/** The module's jobs. How often each runs by itself, the options `jobs.…IntervalMs` say. */
export type JobName =
  /** Usage of hours that have settled becomes metering records. */
  | 'seal'
  /** Records that are due go to AWS. */
  | 'submit'
  /** What is past its deadline ends; what nears it, or is not answered, is told. */
  | 'deadline'
  /** Rollups are compared with their events. */
  | 'proof'
  /** Leases of dead processes are given back, and what may be sent again is. */
  | 'recovery'
  /** AWS's messages become facts, and subscriptions go on by time. */
  | 'inbox'
  /** Events go to the host's handlers. */
  | 'deliver'
  /** AWS is asked about agreements. */
  | 'reconcile'
  /** AWS is asked what contracts include, where hours wait for it. */
  | 'entitlements'
  /** Calls are looked up in CloudTrail. */
  | 'audit'
  /** Alerts are told again, and those that have ended are told. */
  | 'alerts'
  /** What is old and no evidence is taken away. */
  | 'retention';

/** One piece of background work. `run` does all there is to do now, and returns early when `signal` aborts. */
export interface Job {
  readonly name: JobName;
  /** Milliseconds between two runs. */
  readonly intervalMs: number;
  run(signal: AbortSignal): Promise<void>;
}

interface Slot {
  job: Job;
  timer: NodeJS.Timeout | null;
  running: Promise<void> | null;
  /** One more run was asked for while this one was under way; what it must see may have come after it looked. */
  again: Promise<void> | null;
  unsubscribe: () => void;
}

/** Injection token of what tells an outage of the database, which all jobs share, from a failure of one job. */
export const IS_OUTAGE = Symbol('marketplace-metering:is-outage');
const OUTAGE = 'database';

/** Injection token for the name of the instance, undefined for the unnamed one. */
export const INSTANCE_NAME = Symbol('marketplace-metering:instance-name');

/**
 * Runs the module's jobs: on their interval, when they are woken, and on demand. A job never overlaps itself in one
 * process; between processes each job shares its work by row locks. Timers are ours: importing ScheduleModule here
 * would fire every job of the host twice. When the host has @nestjs/schedule's SchedulerRegistry the intervals are shown
 * in it as `marketplace:<job>`.
 */
@Injectable()
export class JobScheduler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('MarketplaceJobs');
  private readonly slots = new Map<JobName, Slot>();
  private readonly abort = new AbortController();
  private readonly faults = new FaultLog(this.logger, 'error');
  private registry: HostIntervals | undefined;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly waker: Waker,
    @Optional() @Inject(INSTANCE_NAME) private readonly instanceName?: string,
    @Optional() @Inject(ModulesContainer) private readonly modules?: ModulesContainer,
    @Optional() @Inject(IS_OUTAGE) private readonly isOutage: (error: unknown) => boolean = () => false,
  ) {}

  add(job: Job): void {
    const slot: Slot = { job, timer: null, running: null, again: null, unsubscribe: () => undefined };
    slot.unsubscribe = this.waker.onWake(job.name, () => {
      if (slot.timer !== null) void this.request(slot);
    });
    this.slots.set(job.name, slot);
  }

  /** The jobs of this process. */
  get names(): JobName[] {
    return [...this.slots.keys()];
  }

  onApplicationBootstrap(): void {
    if (!this.options.jobs.autoStart) return;
    this.registry = this.modules && hostIntervalsIn(this.modules);
    for (const slot of this.slots.values()) this.start(slot);
  }

  /** Stops the timers, lets what runs finish, and returns when it has. */
  async onModuleDestroy(): Promise<void> {
    this.abort.abort();
    for (const slot of this.slots.values()) {
      slot.unsubscribe();
      if (slot.timer === null) continue;
      clearInterval(slot.timer);
      slot.timer = null;
      const name = this.registryName(slot.job);
      if (this.registry?.doesExist('interval', name)) this.registry.deleteInterval(name);
    }
    await Promise.allSettled([...this.slots.values()].map((slot) => slot.again ?? slot.running ?? Promise.resolve()));
  }

  /**
   * Runs a job now and resolves when a run that began after this call has ended; rejects with what the run threw.
   * @param signal ends the run early, as the end of the application does: nothing more is begun, what is under way ends
   * @throws MarketplaceMeteringError `JOB_UNKNOWN`, `SHUTTING_DOWN`
   */
  async runOnce(name: JobName, signal?: AbortSignal): Promise<void> {
    const slot = this.slots.get(name);
    if (!slot)
      throw new MarketplaceMeteringError(
        'JOB_UNKNOWN',
        `There is no job "${name}"; the jobs are ${this.names.join(', ')}.`,
      );
    this.refuseWhileClosing();
    await this.enqueue(slot, signal);
  }

  /** @throws MarketplaceMeteringError `SHUTTING_DOWN` */
  refuseWhileClosing(): void {
    if (this.abort.signal.aborted)
      throw new MarketplaceMeteringError('SHUTTING_DOWN', 'The module is shutting down; no job starts any more.');
  }

  private start(slot: Slot): void {
    slot.timer = setInterval(() => {
      if (slot.running === null) void this.request(slot);
    }, slot.job.intervalMs);
    // The timers keep a process alive that serves nothing: jobs are wanted in it. Not one of tests, whose end is not
    // theirs to hold up.
    if (process.env.NODE_ENV === 'test') slot.timer.unref();
    const name = this.registryName(slot.job);
    if (this.registry && !this.registry.doesExist('interval', name)) this.registry.addInterval(name, slot.timer);
    void this.request(slot);
  }

  private registryName(job: Job): string {
    return this.instanceName === undefined ? `marketplace:${job.name}` : `marketplace:${this.instanceName}:${job.name}`;
  }

  /** A run that nobody waits for: what it throws is told, and the next tick tries again. */
  private async request(slot: Slot): Promise<void> {
    if (this.abort.signal.aborted) return;
    try {
      await this.enqueue(slot);
      this.faults.works(OUTAGE, 'the database answers again, and jobs run');
      this.faults.works(slot.job.name, `job ${slot.job.name} runs again`);
    } catch (error) {
      this.tell(slot.job.name, error);
    }
  }

  private tell(name: JobName, error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const isShared = this.isOutage(error);
    const why = isShared ? 'failed as the others do while the database is away' : 'failed and will run again';
    this.faults.failed(isShared ? OUTAGE : name, {
      line: `job ${name} ${why}: ${redactedText(message)}`,
      stack: stack === undefined ? undefined : redactedText(stack),
    });
  }

  private enqueue(slot: Slot, signal?: AbortSignal): Promise<void> {
    if (slot.again) return slot.again;
    if (slot.running) {
      const afterThis = slot.running
        .catch(() => undefined)
        .then(() => {
          slot.again = null;
          return this.run(slot, signal);
        });
      slot.again = afterThis;
      return afterThis;
    }
    return this.run(slot, signal);
  }

  private run(slot: Slot, signal?: AbortSignal): Promise<void> {
    const ends = signal ? AbortSignal.any([this.abort.signal, signal]) : this.abort.signal;
    const running = slot.job.run(ends).finally(() => {
      if (slot.running === running) slot.running = null;
    });
    slot.running = running;
    return running;
  }
}
