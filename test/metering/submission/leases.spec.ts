import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import {
  type BatchMeterUsageCall,
  type GatewayAnswer,
  type MeteringGateway,
} from '../../../src/aws/metering-gateway.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { type Replica, SubmissionBench, type TestSubscription } from './submission-bench.js';

let bench: SubmissionBench;
let slow: Replica;
/** Lets the slow replica go on: with its call (`beforeCall`), or with the answer it already has (`afterCall`). */
let proceed: () => void;
let reached: Promise<void>;

/** Of a sender whose call never leaves. One that makes a call keeps the bench's: a busy machine takes its time over it. */
const SHORT = { requestTimeoutMs: 300, leaseMs: 1000 };

/** A replica that is stopped, as by SIGSTOP or a long pause of its machine, before or after its call. */
async function start(
  at: 'beforeCall' | 'afterCall',
  identicalResend: Switches['identicalResend'] = 'success',
): Promise<void> {
  bench = await SubmissionBench.start({ simulator: { switches: { identicalResend } } });
  const gate = new Promise<void>((resolve) => (proceed = resolve));
  let arrive: () => void = () => undefined;
  reached = new Promise<void>((resolve) => (arrive = resolve));
  const around = (gateway: MeteringGateway) => ({
    async batchMeterUsage(call: BatchMeterUsageCall): Promise<GatewayAnswer> {
      const answer = at === 'afterCall' ? await gateway.batchMeterUsage(call) : undefined;
      arrive();
      await gate;
      return answer ?? gateway.batchMeterUsage(call);
    },
  });
  slow = await bench.replica({ submission: { concurrency: 1, ...(at === 'beforeCall' && SHORT) } }, around);
}

/**
 * For a sender that already has its answer: what counts is that the ledger takes its records back, not how long that
 * takes.
 */
const endLease = async (): Promise<void> => {
  await bench.database.query(
    `UPDATE marketplace.metering_record SET lease_until = clock_timestamp() - interval '1 ms' WHERE state = 'sending'`,
  );
  await bench.first.recovery.run();
};

/** In earnest, on the sender's own watch as well. */
const expireLease = async (): Promise<void> => {
  await sleep(SHORT.leaseMs + 20);
  await bench.first.recovery.run();
};

afterEach(() => bench.stop());

describe('a sender that is late with its answer', () => {
  let id: string;
  let run: Promise<void>;
  const claimAndStop = async (): Promise<TestSubscription> => {
    const subscription = await bench.subscribe();
    id = await bench.seal(subscription);
    run = slow.submit();
    await reached;
    return subscription;
  };

  it('holds nothing: its lease expires, and its Success still counts when nobody else has sent', async () => {
    await start('afterCall');
    await claimAndStop();
    await bench.first.recovery.run();
    expect((await bench.record(id)).state).toBe('sending');
    await endLease();
    expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'leaseExpired', lease_token: null });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain', answer: null }]);
    proceed();
    await run;
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it.each(['success', 'duplicateRecord'] as const)(
    'comes after another who sent again (%s): billed once, both attempts proven',
    async (reading) => {
      await start('afterCall', reading);
      await claimAndStop();
      await endLease();
      await sleep(10);
      await bench.first.submit();
      expect(await bench.record(id)).toMatchObject({
        state: 'metered',
        confirmed_by_duplicate: reading === 'duplicateRecord',
      });
      proceed();
      await run;
      expect((await bench.attempts(id)).map((attempt) => attempt.evidence)).toEqual(['billed', 'billed']);
      expect(bench.simulator.bill()).toHaveLength(1);
      await bench.expectConserved();
    },
  );

  it('comes while another is sending: metered, and the other changes nothing', async () => {
    await start('afterCall');
    await claimAndStop();
    await endLease();
    await sleep(10);
    const underWay = bench.simulator.faults.add({ kind: 'latency', ms: 2000, count: 1 });
    const other = bench.first.submit();
    while (underWay.hits === 0) await sleep(5);
    expect((await bench.record(id)).state).toBe('sending');
    proceed();
    await run;
    expect((await bench.record(id)).state).toBe('metered');
    await other;
    expect((await bench.attempts(id)).map((attempt) => attempt.evidence)).toEqual(['billed', 'billed']);
    await bench.expectConserved();
  });

  it('comes after the deadline: unknown becomes metered, nothing was handed back (I5)', async () => {
    await start('afterCall');
    await claimAndStop();
    await endLease();
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    expect(await bench.record(id)).toMatchObject({ state: 'unknown', reason: 'expired' });
    expect(await bench.alerts()).toContain('unknownOutcome');
    proceed();
    await run;
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it('comes after it was annulled: stored, and an incident that names the units and where they went (T27)', async () => {
    await start('afterCall');
    const subscription = await claimAndStop();
    await endLease();
    bench.clock.advance(26 * HOUR_MS);
    await bench.first.watch.run();
    await bench.first.resolution.settleUnknown(id, { absentWithFullCoverage: true }, { by: 'ada' });
    expect(await bench.record(id)).toMatchObject({ state: 'closed', disposition: 'annulled', closed_by: 'ada' });
    const again = await bench.sealWaiting(subscription);
    proceed();
    await run;
    expect(await bench.record(id)).toMatchObject({ state: 'closed', disposition: 'annulled' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'billed', decided_by: 'ada' }]);
    expect(await bench.events()).toContain('metering.overBilled');
    const [incident] = await bench.database.query<{ message: string; details: object }>(
      `SELECT message, details FROM marketplace.alert WHERE kind = 'overBilled'`,
    );
    expect(incident!.message).toContain(`7 in record ${again}`);
    expect(incident!.details).toMatchObject({
      recordId: id,
      quantity: '7',
      whereabouts: [{ recordId: again, state: 'pending', units: '7', waitingReason: null }],
    });
    // The ledger is whole; it says itself that the bill is not.
    await bench.expectConserved({ bill: false });
  });

  it.each(['CustomerNotSubscribed', 'throttle'] as const)(
    'brings a "no" (%s) that counts for nothing',
    async (kind) => {
      await start('afterCall');
      const subscription = await bench.subscribe();
      id = await bench.seal(subscription);
      if (kind === 'throttle') bench.simulator.faults.add({ kind, count: 1 });
      else bench.simulator.suspend(subscription.agreement);
      run = slow.submit();
      await reached;
      await endLease();
      proceed();
      await run;
      expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'leaseExpired' });
      expect(await bench.attempts(id)).toMatchObject([{ evidence: 'uncertain', detail: { late: true } }]);
      await bench.expectConserved();
    },
  );
});

describe('a sender that is stopped between claim and call', () => {
  beforeEach(() => start('beforeCall'));

  it('does not send once its lease would not outlive the call, and says so', async () => {
    const id = await bench.seal(await bench.subscribe());
    const run = slow.submit();
    await reached;
    await sleep(SHORT.leaseMs - SHORT.requestTimeoutMs + 10);
    proceed();
    await run;
    expect(bench.calls()).toBe(0);
    expect(await bench.record(id)).toMatchObject({ state: 'pending', reason: 'notSent' });
    expect(await bench.attempts(id)).toMatchObject([{ evidence: 'refused', answer: 'NotSent' }]);
    await bench.expectConserved();
  });

  it('does not send when another holds the record by then; its attempt stays uncertain', async () => {
    const id = await bench.seal(await bench.subscribe());
    const run = slow.submit();
    await reached;
    await expireLease();
    await sleep(10);
    await bench.first.submit();
    expect((await bench.record(id)).state).toBe('metered');
    const calls = bench.calls();
    proceed();
    await run;
    expect(bench.calls()).toBe(calls);
    expect((await bench.attempts(id)).map((attempt) => attempt.evidence)).toEqual(['uncertain', 'billed']);
    await bench.expectConserved();
  });
});

describe('shutdown', () => {
  it('claims nothing more, and the call in flight ends and is reconciled', async () => {
    await start('afterCall');
    const subscription = await bench.subscribe();
    const hours = bench.hours(20);
    for (const dimension of ['requests', 'storage'])
      for (const hour of hours) await bench.seal(subscription, { hour, dimension });
    const abort = new AbortController();
    const run = slow.submit(abort.signal);
    await reached;
    abort.abort();
    proceed();
    await run;
    expect(await bench.records(`state = 'metered'`)).toHaveLength(25);
    expect(await bench.records(`state = 'pending' AND attempt_count = 0`)).toHaveLength(15);
    await bench.expectConserved();
  });
});

describe('a database that is away when the answer comes', () => {
  it('is waited for', async () => {
    await start('afterCall');
    const id = await bench.seal(await bench.subscribe());
    const run = slow.submit();
    await reached;
    const own = slow.database.dataSource.driver as unknown as { master: { totalCount: number } };
    expect(own.master.totalCount).toBeGreaterThan(0);
    // Every connection of the slow replica dies; it has to find new ones.
    await bench.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND application_name = 'nestjs-marketplace-metering'`,
    );
    proceed();
    await run;
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });
});
