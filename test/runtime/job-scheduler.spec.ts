import { afterEach, describe, expect, it } from '@jest/globals';
import { type DynamicModule, type INestApplicationContext, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { type ResolvedOptions } from '../../src/options/resolved-options.js';
import { Waker } from '../../src/runtime/waker.js';
import { INSTANCE_NAME, type Job, JobScheduler } from '../../src/runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../../src/runtime/tokens.js';

const INTERVAL_MS = 20;

class CountedJob implements Job {
  readonly name = 'seal';
  readonly intervalMs = INTERVAL_MS;
  runs = 0;
  inFlight = 0;
  mostInFlight = 0;
  work: () => Promise<void> = () => Promise.resolve();

  async run(): Promise<void> {
    this.runs += 1;
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await this.work().finally(() => (this.inFlight -= 1));
  }
}

let app: INestApplicationContext | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

function moduleOf(autoStart: boolean): DynamicModule {
  @Module({})
  class JobsModule {}
  return {
    module: JobsModule,
    providers: [
      Waker,
      JobScheduler,
      { provide: INSTANCE_NAME, useValue: undefined },
      { provide: RESOLVED_OPTIONS, useValue: { jobs: { autoStart } } as ResolvedOptions },
    ],
    exports: [JobScheduler, Waker],
  };
}

async function boot(
  autoStart: boolean,
  arrange: (jobs: DynamicModule) => (DynamicModule | Type)[] = (jobs) => [jobs],
  job = new CountedJob(),
) {
  const jobs = moduleOf(autoStart);
  @Module({ imports: arrange(jobs) })
  class AppModule {
    constructor(scheduler: JobScheduler) {
      scheduler.add(job);
    }
  }
  app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  return { app, job, scheduler: app.get(JobScheduler), waker: app.get(Waker, { strict: false }) };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('did not happen within 5 s');
    await pause(2);
  }
}

describe('JobScheduler', () => {
  it('runs a job on its interval and stops with the application', async () => {
    const { job } = await boot(true);
    await until(() => job.runs >= 3);
    await app?.close();
    const runs = job.runs;
    await pause(3 * INTERVAL_MS);
    expect(job.runs).toBe(runs);
    app = undefined;
  });

  it('starts nothing with autoStart false, not even on a ring', async () => {
    const { job, waker } = await boot(false);
    waker.wake('seal');
    await pause(3 * INTERVAL_MS);
    expect(job.runs).toBe(0);
  });

  it('never overlaps a job with itself, whatever asks for it', async () => {
    const { job, scheduler, waker } = await boot(true);
    job.work = () => pause(3 * INTERVAL_MS);
    for (let index = 0; index < 20; index += 1) {
      waker.wake('seal');
      void scheduler.runOnce('seal');
    }
    await scheduler.runOnce('seal');
    expect(job.mostInFlight).toBe(1);
  });

  it('runs again for a call that came while a run was under way', async () => {
    const { job, scheduler } = await boot(false);
    let release: () => void = () => undefined;
    job.work = () => new Promise((resolve) => (release = resolve));
    const first = scheduler.runOnce('seal');
    const second = scheduler.runOnce('seal');
    const third = scheduler.runOnce('seal');
    expect(job.runs).toBe(1);
    release();
    await first;
    await until(() => job.runs === 2);
    release();
    await Promise.all([second, third]);
    expect(job.runs).toBe(2);
  });

  it('goes on after a job has failed (D24)', async () => {
    const { job } = await boot(true);
    job.work = () => Promise.reject(new Error('the database is away'));
    const runs = job.runs;
    await until(() => job.runs >= runs + 3);
    expect(job.inFlight).toBe(0);
  });

  it('hands a failure to whoever asked for the run', async () => {
    const { job, scheduler } = await boot(false);
    job.work = () => Promise.reject(new Error('no'));
    await expect(scheduler.runOnce('seal')).rejects.toThrow('no');
    job.work = () => Promise.resolve();
    await scheduler.runOnce('seal');
    expect(job.runs).toBe(2);
  });

  it('lets a run finish before the application has closed', async () => {
    const { job, scheduler } = await boot(false);
    let finished = false;
    job.work = async () => {
      await pause(50);
      finished = true;
    };
    void scheduler.runOnce('seal');
    await app?.close();
    expect(finished).toBe(true);
    await expect(scheduler.runOnce('seal')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    app = undefined;
  });

  it('names the jobs when asked for one that does not exist', async () => {
    const { scheduler } = await boot(false);
    await expect(scheduler.runOnce('bill' as never)).rejects.toMatchObject({
      code: 'JOB_UNKNOWN',
      message: expect.stringContaining('seal'),
    });
  });
});

describe('JobScheduler beside the ScheduleModule of the host', () => {
  const ticks = { host: 0 };

  @Injectable()
  class HostJobs {
    @Interval('host-job', 100)
    tick(): void {
      ticks.host += 1;
    }
  }
  @Module({ providers: [HostJobs] })
  class HostModule {}

  it.each([
    ['before', (jobs: DynamicModule) => [ScheduleModule.forRoot(), HostModule, jobs]],
    ['after', (jobs: DynamicModule) => [jobs, HostModule, ScheduleModule.forRoot()]],
  ])('shows its jobs in the registry and doubles nothing when the host imports it %s us', async (_order, arrange) => {
    ticks.host = 0;
    const { app: host, job } = await boot(true, arrange);
    const registry = host.get(SchedulerRegistry);
    expect([...registry.getIntervals()].sort()).toEqual(['host-job', 'marketplace:seal']);
    const startedAt = Date.now();
    await until(() => ticks.host >= 5);
    // Ticks that come doubled come twice as fast.
    const elapsedMs = Date.now() - startedAt;
    expect(elapsedMs).toBeGreaterThan(350);
    expect(job.runs).toBeLessThanOrEqual(2 + (Date.now() - startedAt + 200) / INTERVAL_MS);
  });

  it('stops when the host deletes the job from its registry', async () => {
    const { app: host, job } = await boot(true, (jobs) => [ScheduleModule.forRoot(), jobs]);
    await until(() => job.runs >= 2);
    host.get(SchedulerRegistry).deleteInterval('marketplace:seal');
    await pause(2 * INTERVAL_MS);
    const runs = job.runs;
    await pause(3 * INTERVAL_MS);
    expect(job.runs).toBe(runs);
  });

  it('works without it', async () => {
    const { job } = await boot(true);
    await until(() => job.runs >= 2);
    expect(job.mostInFlight).toBe(1);
  });
});
