import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { JobScheduler, MarketplaceJobs, type Options, type RunReport } from '../../src/index.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { eventually, nextLine, spawnTypescript, type TestProcess } from '../support/processes.js';
import { PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(240_000);

let world: World;
const children: TestProcess[] = [];

beforeEach(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
  for (const tenant of ['acme', 'globex']) await (await world.join(tenant)).use(3);
  world.clock.advance(2 * HOUR_MS);
});

afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await world.stop();
});

function worker(mode: 'stay' | 'once', options: Options = {}, withinMs = 120_000): TestProcess {
  const order = {
    databaseUrl: world.postgres.url,
    awsEndpoint: world.simulator.url,
    now: world.now().toISOString(),
    options: { ...world.options, jobs: { autoStart: mode === 'stay', submitIntervalMs: 50 }, ...options },
  };
  const child = spawnTypescript('test/crash/worker.ts', [JSON.stringify(order), mode, String(withinMs)], {
    env: { NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
  });
  children.push(child);
  return child;
}

const calls = (): number => world.simulator.calls({ operation: 'BatchMeterUsage' }).length;
const isBilled = (): boolean => world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0) === 6;

describe('G4 a worker made by createApplicationContext', () => {
  it('stays and works though nothing else keeps the process alive', async () => {
    const child = worker('stay');
    expect(await nextLine(child)).toBe('started');
    await eventually('everything is billed', isBilled, 120_000);
    // Longer than idle connections of the pool live, which is what ended it.
    await sleep(12_000);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([null, 'SIGTERM']);
    await world.expectAllBilled();
  });

  it('ends in order at SIGTERM, without shutdown hooks: the call under way is answered and written down', async () => {
    world.simulator.faults.add({ kind: 'latency', operation: 'BatchMeterUsage', ms: 1000, afterEffect: true });
    const child = worker('stay', { submission: { requestTimeoutMs: 7000, leaseMs: 20_000 } });
    expect(await nextLine(child)).toBe('started');
    await eventually('a call is under way', () => calls() > 0, 120_000);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([null, 'SIGTERM']);
    expect(await world.records(`state = 'sending'`)).toEqual([]);
    expect(await world.records(`state = 'metered'`)).not.toEqual([]);
    expect(await world.database.query(`SELECT FROM marketplace.attempt WHERE answered_at IS NULL`)).toEqual([]);
    world.simulator.faults.clear();
    await world.work();
    await world.expectAllBilled();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('%s a second time ends it at once', async (signal) => {
    world.simulator.faults.add({ kind: 'hang', operation: 'BatchMeterUsage', afterEffect: false });
    const child = worker('stay', { submission: { requestTimeoutMs: 30_000, leaseMs: 60_000 } });
    expect(await nextLine(child)).toBe('started');
    await eventually('a call is under way', () => calls() > 0, 60_000);
    const exited = once(child, 'exit');
    child.kill(signal);
    await sleep(500);
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    world.simulator.faults.clear();
    await world.database.query(
      `UPDATE marketplace.metering_record SET lease_until = clock_timestamp() WHERE state = 'sending'`,
    );
    await world.work();
    await world.expectAllBilled();
  });
});

describe('one run of all jobs, as for cron or Lambda', () => {
  it('seals, sends and tells everything, and its process ends with 0', async () => {
    const child = worker('once');
    const exited = once(child, 'exit');
    const report = JSON.parse(await nextLine(child)) as RunReport;
    expect(report).toMatchObject({ outcome: 'done', exitCode: 0, metered: 2, failures: [], isHeld: false, left: [] });
    expect(report.waiting).toEqual({ records: 0, messages: 0, plans: 0, deliveries: expect.any(Number) });
    expect(await exited).toEqual([0, null]);
    await world.expectAllBilled();
  });

  it('is bounded: its process ends with 2 and says what is left, and the next one ends the work', async () => {
    world.simulator.faults.add({ kind: 'latency', operation: 'BatchMeterUsage', ms: 1500, afterEffect: false });
    const [first] = [worker('once', { submission: { concurrency: 1, requestTimeoutMs: 5000, leaseMs: 10_000 } }, 1000)];
    const exited = once(first, 'exit');
    const report = JSON.parse(await nextLine(first)) as RunReport;
    expect(report).toMatchObject({ outcome: 'timeUp', exitCode: 2 });
    expect(await exited).toEqual([2, null]);
    world.simulator.faults.clear();
    expect(await world.app.get(MarketplaceJobs).runOnce({ withinMs: 600_000 })).toMatchObject({
      exitCode: 0,
      left: [],
    });
    await world.expectAllBilled();
  });

  it('runs every job that there is, and so tells of alerts that have ended', async () => {
    const [scheduler, board] = [world.app.get(JobScheduler), world.app.get(AlertBoard)];
    const alert = { kind: 'setupError', subject: 'ResolveCustomer', severity: 'critical', message: 'no way' } as const;
    await board.raise(world.database, alert);
    await board.resolve(world.database, alert.kind, alert.subject);
    const run = jest.spyOn(scheduler, 'runOnce');
    expect(await world.app.get(MarketplaceJobs).runOnce({ withinMs: 600_000 })).toMatchObject({ outcome: 'done' });
    expect([...new Set(run.mock.calls.map(([name]) => name))].sort()).toEqual([...scheduler.names].sort());
    const told = await world.database.query(
      `SELECT payload->>'subject' AS subject FROM marketplace.outbox_event WHERE type = 'alert.resolved'`,
    );
    expect(told).toEqual([{ subject: alert.subject }]);
    await world.expectAllBilled();
  });

  it('asks AWS what a contract includes and bills its last hour in the same run: at the next it is too late', async () => {
    const units = { contractDimension: 'pack', covers: ['requests'] };
    const product = { contractDimensions: ['pack'], includedUnits: [units] };
    const contracts = await World.start({ lists: [PRODUCT_CODE], product });
    try {
      const buyer = await contracts.join('acme', { entitlements: [{ dimension: 'pack', value: 1000 }] });
      const hourly = async (afterMs: number): Promise<void> => {
        contracts.clock.advance(afterMs);
        const report = await contracts.app.get(MarketplaceJobs).runOnce({ withinMs: 600_000 });
        expect(report).toMatchObject({ outcome: 'done', left: [] });
      };
      contracts.clock.advance(0.25 * HOUR_MS);
      await buyer.use(600);
      await hourly(HOUR_MS);
      await buyer.use(600);
      contracts.clock.advance(0.25 * HOUR_MS);
      buyer.cancel();
      await contracts.hear();
      await hourly(0.75 * HOUR_MS);
      await contracts.expectUnits({ billed: { 'l-1': 200 }, included: 1000 });
    } finally {
      await contracts.stop();
    }
  });

  it('in a process that lives on: says which job failed, and refuses a time that is none', async () => {
    const jobs = world.app.get(MarketplaceJobs);
    for (const withinMs of [0, 999, 900_001, 1000.5, NaN])
      await expect(jobs.runOnce({ withinMs })).rejects.toMatchObject({ code: 'RUN_INVALID' });
    await world.database.query(`ALTER TABLE marketplace.metering_record RENAME TO elsewhere`);
    const failing = jobs.runOnce({ withinMs: 30_000 });
    await expect(failing).rejects.toThrow(/metering_record/);
    await world.database.query(`ALTER TABLE marketplace.elsewhere RENAME TO metering_record`);
    expect(await jobs.runOnce({ withinMs: 600_000 })).toMatchObject({ outcome: 'done', metered: 2 });
    expect(await jobs.runOnce({ withinMs: 600_000 })).toMatchObject({ outcome: 'done', metered: 0, passes: 1 });
    await world.expectAllBilled();
  });
});
