import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  EntitlementService,
  type JobName,
  JobScheduler,
  type Options,
  RegistrationService,
  type StaticOptions,
} from '../../src/index.js';
import { TrailAudit } from '../../src/audit/trail-audit.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { EventDeliverer } from '../../src/events/event-deliverer.js';
import { AnswerReconciler } from '../../src/metering/submission/answer-reconciler.js';
import { BatchSubmitter } from '../../src/metering/submission/batch-submitter.js';
import { DeadlineWatch } from '../../src/metering/settlement/deadline-watch.js';
import { HourSealer } from '../../src/metering/sealing/hour-sealer.js';
import { LeaseRecovery } from '../../src/metering/submission/lease-recovery.js';
import { HOUR_MS, hourOf, plusMs } from '../../src/runtime/clock.js';
import { MessageProcessor } from '../../src/subscription/chain/message-processor.js';
import { Reconciliation } from '../../src/subscription/reconciliation/reconciliation.js';
import { DIMENSIONS, LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { createTestDatabase } from '../support/postgres.js';
import { eventually } from '../support/processes.js';

// What each option does, seen from outside. That it is parsed, documented and named in problems:
// test/module/options.spec.ts. The effects of the others are shown where their subject is: docs/acceptance.md lists
// them all.

let harness: LedgerHarness;
const open: LedgerHarness[] = [];
let sellers = 0;

beforeAll(async () => {
  harness = await LedgerHarness.start();
});
afterEach(async () => {
  harness.simulator.faults.clear();
  for (const replica of open.splice(0)) await replica.stop();
  await harness.expectConserved();
});
afterAll(() => harness.stop());

/**
 * An application with the given options; a seller of its own unless told otherwise, so that no ledger knows of another.
 */
async function application(options: Options & StaticOptions = {}): Promise<LedgerHarness> {
  harness.clock.set(plusMs(hourOf(harness.clock.now()), HOUR_MS));
  const replica = await harness.replica({ options: { sellerAccount: `seller-${(sellers += 1)}`, ...options } });
  open.push(replica);
  return replica;
}

const product = (over: Partial<NonNullable<Options['products']>[number]>): Options => ({
  products: [{ productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off', ...over }],
});

const statesOf = async (app: LedgerHarness, id: string): Promise<string[]> =>
  (await app.records<{ state: string; quantity: string; reason: string | null }>(`subscription_id = '${id}'`)).map(
    (record) => [record.quantity, record.state, record.reason].filter((part) => part !== null).join(' '),
  );

async function sealedAfter(app: LedgerHarness, minutes: number): Promise<number> {
  const { id } = await app.subscribe();
  await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
  app.advance(minutes / 60);
  await app.run('seal');
  return (await app.records(`subscription_id = '${id}'`)).length;
}

describe('database', () => {
  it('poolSize is how many connections there are at most', async () => {
    const app = await application({ database: { poolSize: 3 } });
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let begun = 0;
    const held = Array.from({ length: 6 }, () =>
      app.database.transaction(async () => {
        begun += 1;
        await released;
      }),
    );
    await eventually('three are at work', () => begun === 3);
    // A turn of the server for the others, who must not have got a connection.
    await harness.database.query('SELECT 1');
    expect(begun).toBe(3);
    release();
    await Promise.all(held);
    expect(begun).toBe(6);
  });

  it('ssl is demanded of the server', async () => {
    const database = { url: harness.postgres.url, poolSize: 2 };
    await expect(createDataSource({ database: { ...database, ssl: true } }).initialize()).rejects.toThrow('SSL');
    const plain = await createDataSource({ database: { ...database, ssl: false } }).initialize();
    await plain.destroy();
  });

  it('migrations off leaves an empty database as it is', async () => {
    const empty = await createTestDatabase();
    await expect(
      LedgerHarness.start({ options: { database: { url: empty.url }, migrations: 'off' }, beside: harness }),
    ).rejects.toThrow(/relation "marketplace\.\w+" does not exist/);
    await empty.drop();
  });
});

describe('products[]', () => {
  it('region is where the usage goes', async () => {
    harness.simulator.createProduct({ productCode: 'european', dimensions: DIMENSIONS, regions: ['eu-west-1'] });
    const app = await application(product({ productCode: 'european', region: 'eu-west-1' }));
    const { id } = await app.subscribe('european');
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    app.advance(1.25);
    await app.settle();
    expect(harness.simulator.bill({ productCode: 'european' })).toMatchObject([{ region: 'eu-west-1', quantity: 3 }]);
  });

  it('identity is how records name the buyer', async () => {
    harness.simulator.createProduct({ productCode: 'old', dimensions: DIMENSIONS, identity: 'legacy' });
    const app = await application(product({ productCode: 'old', identity: 'legacy' }));
    const { id } = await app.subscribe('old');
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    app.advance(1.25);
    await app.settle();
    const [call] = harness.simulator.calls({ operation: 'BatchMeterUsage' }).slice(-1);
    expect(call?.request).toMatchObject({
      ProductCode: 'old',
      UsageRecords: [expect.not.objectContaining({ LicenseArn: expect.anything() })],
    });
    expect(harness.simulator.bill({ productCode: 'old' })).toMatchObject([{ identity: 'legacy', quantity: 3 }]);
  });

  it('dimensions are what may be recorded', async () => {
    const app = await application(product({ dimensions: ['requests'] }));
    const { id } = await app.subscribe();
    expect(await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 0 })).toMatchObject({
      outcome: 'recorded',
    });
    await expect(app.metering.record({ subscriptionId: id, dimension: 'storage', quantity: 1 })).rejects.toMatchObject({
      code: 'DIMENSION_UNDECLARED',
    });
  });

  it.each([
    ['live', ['3 metered']],
    ['dry-run', ['3 closed dryRun']],
    ['off', ['3 waiting notLive']],
  ] as const)('mode %s leaves %j', async (mode, expected) => {
    const app = await application(product({ mode }));
    const { id, agreement } = await app.subscribe();
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    app.advance(1.25);
    await app.settle();
    await app.run('deadline');
    const [balance] = await app.metering.balance();
    const waiting = Object.entries(balance?.waiting ?? {}).map(([reason, units]) => `${units} waiting ${reason}`);
    expect([...(await statesOf(app, id)), ...waiting]).toEqual(expected);
    expect(harness.simulator.bill({ licenseArn: agreement.licenseArn })).toHaveLength(mode === 'live' ? 1 : 0);
  });

  it('liveFrom is the first hour that is billed; what was recorded before it waits for a person', async () => {
    const before = await application({ sellerAccount: 'goes-live', ...product({ mode: 'dry-run' }) });
    const { id, agreement } = await before.subscribe();
    await before.metering.record({ subscriptionId: id, dimension: 'requests', quantity: '3.5' });
    before.advance(1.25);
    await before.settle();
    const liveFrom = plusMs(hourOf(harness.clock.now()), HOUR_MS);
    const after = await application({ sellerAccount: 'goes-live', ...product({ liveFrom }) });
    await after.metering.record([
      { subscriptionId: id, dimension: 'requests', quantity: 5, occurredAt: liveFrom },
      { subscriptionId: id, dimension: 'requests', quantity: 100, occurredAt: plusMs(liveFrom, -1) },
    ]);
    after.advance(1.25);
    await after.settle();
    expect(harness.simulator.bill({ licenseArn: agreement.licenseArn })).toMatchObject([
      { hour: liveFrom.toISOString(), quantity: 5 },
    ]);
    await after.run('deadline');
    expect(await after.metering.balance()).toMatchObject([{ byState: { held: '103', metered: '5' }, carry: '0.5' }]);
  });

  it('zeroRecords decides whether and when an idle hour is reported', async () => {
    const idleAfter = async (zeroRecords: 'atWindowEdge' | 'atSeal' | 'off'): Promise<number[]> => {
      const app = await application(product({ zeroRecords, dimensions: ['requests'] }));
      const { id } = await app.subscribe();
      const counts = [];
      for (const hours of [1.25, 20]) {
        app.advance(hours);
        await app.run('seal');
        counts.push((await app.records(`subscription_id = '${id}' AND quantity = 0`)).length);
      }
      return counts;
    };
    expect(await idleAfter('off')).toEqual([0, 0]);
    expect(await idleAfter('atWindowEdge')).toEqual([0, 1]);
    expect(await idleAfter('atSeal')).toEqual([1, 21]);
  });

  it('zeroRecordLeadMs is how long before its deadline an idle hour gets its record', async () => {
    const idleAfter = async (zeroRecordLeadMs: number): Promise<number> => {
      const app = await application({
        zeroRecordLeadMs,
        ...product({ zeroRecords: 'atWindowEdge', dimensions: ['requests'] }),
      });
      const { id } = await app.subscribe();
      app.advance(14);
      await app.run('seal');
      return (await app.records(`subscription_id = '${id}'`)).length;
    };
    expect(await idleAfter(3 * HOUR_MS)).toBe(0);
    expect(await idleAfter(10 * HOUR_MS)).toBe(1);
  });
});

describe('registration', () => {
  it('codeTtlMs is the life of a code', async () => {
    const app = await application({ codeTtlMs: 60_000, codeBinding: 'none' });
    const codeOf = async (): Promise<string> => {
      const form = new URLSearchParams(
        harness.simulator.registrationForm(harness.simulator.subscribe({ productCode: PRODUCT_CODE })),
      );
      const arrival = await fetch(`${app.url}/marketplace/registration`, {
        method: 'POST',
        body: form,
        redirect: 'manual',
      });
      return new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    };
    const [first, second] = [await codeOf(), await codeOf()];
    const registrations = app.app.get(RegistrationService);
    harness.clock.advance(59_999);
    expect(await registrations.claim(first, { tenantId: 'acme' })).toMatchObject({ tenantId: 'acme' });
    harness.clock.advance(1);
    await expect(registrations.claim(second, { tenantId: 'acme' })).rejects.toMatchObject({ code: 'CODE_EXPIRED' });
  });

  it.each([
    [{ email: 'help@example.com' }, 'mailto:help@example.com'],
    [{ url: 'https://example.com/help' }, 'https://example.com/help'],
  ])('support %j is on the page', async (support, expected) => {
    const app = await application({ support });
    expect(await (await fetch(`${app.url}/marketplace/registration`)).text()).toContain(expected);
  });

  it('entitlementMaxAgeMs is how long an answer about entitlements is good', async () => {
    const asks = async (entitlementMaxAgeMs: number): Promise<number> => {
      const app = await application({ entitlementMaxAgeMs });
      const { id } = await app.subscribe();
      // An answer that lists nothing is asked for again by rules of its own.
      harness.simulator.setEntitlements(harness.simulator.agreements().at(-1)!, [{ dimension: 'requests', value: 2 }]);
      const before = harness.simulator.calls({ operation: 'GetEntitlements' }).length;
      await app.app.get(EntitlementService).get(id);
      harness.clock.advance(60_000);
      await app.app.get(EntitlementService).get(id);
      return harness.simulator.calls({ operation: 'GetEntitlements' }).length - before;
    };
    expect(await asks(60_000)).toBe(1);
    expect(await asks(59_999)).toBe(2);
  });
});

describe('sealing and deadlines', () => {
  it('settleDelayMs is how long after its end an hour is sealed', async () => {
    expect(await sealedAfter(await application({ settleDelayMs: 0 }), 60)).toBe(1);
    expect(await sealedAfter(await application({ settleDelayMs: 30 * 60_000 }), 89)).toBe(0);
    expect(await sealedAfter(await application({ settleDelayMs: 30 * 60_000 }), 90)).toBe(1);
  });

  it('onExpired decides what becomes of units that AWS would take no more', async () => {
    const fateOf = async (onExpired: 'carry' | 'hold'): Promise<unknown> => {
      const app = await application({ onExpired });
      const { id } = await app.subscribe();
      await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
      app.advance(1.25);
      await app.run('seal');
      app.advance(26);
      await app.run('deadline');
      await app.settle();
      return (await app.metering.balance())[0]?.byState;
    };
    expect(await fateOf('carry')).toEqual({ metered: '3' });
    expect(await fateOf('hold')).toEqual({ held: '3' });
  });

  it('deadlineAlertMs is how long before its deadline a record raises an alert', async () => {
    const alertsOf = async (deadlineAlertMs: number): Promise<number> => {
      const app = await application({ deadlineAlertMs });
      const { id } = await app.subscribe();
      await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
      app.advance(1.25);
      await app.run('seal');
      app.advance(20.75);
      await app.run('deadline');
      const events = await app.database.query(
        `SELECT 1 FROM marketplace.outbox_event WHERE subscription_id = $1 AND type = 'metering.deadlineNear'`,
        [id],
      );
      await app.settle();
      return events.length;
    };
    expect(await alertsOf(2 * HOUR_MS)).toBe(1);
    expect(await alertsOf(2 * HOUR_MS - 1)).toBe(0);
  });

  it('startIn hold seals and sends nothing', async () => {
    const app = await application({ startIn: 'hold' });
    const { id } = await app.subscribe();
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    app.advance(1.25);
    await app.settle(2);
    expect(await statesOf(app, id)).toEqual(['3 pending']);
    await app.hold.release('operator');
  });

  it('clock is the business time of everything', async () => {
    const app = await application();
    const { id } = await app.subscribe();
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    const [times] = await app.database.query<{ occurred_at: Date; registered_at: Date }>(
      `SELECT e.occurred_at, s.registered_at FROM marketplace.usage_event e
       JOIN marketplace.subject subject ON subject.id = e.subject JOIN marketplace.subscription s
         ON s.id = subject.subscription_id WHERE s.id = $1`,
      [id],
    );
    expect(times).toEqual({ occurred_at: harness.clock.now(), registered_at: harness.clock.now() });
  });
});

describe('recording', () => {
  it('futureSkewMs and idempotencyHorizonMs bound when usage may have happened', async () => {
    const app = await application({ recording: { futureSkewMs: 1000, idempotencyHorizonMs: 24 * HOUR_MS } });
    const { id } = await app.subscribe();
    const at = (ms: number) => ({
      subscriptionId: id,
      dimension: 'requests',
      quantity: 0,
      occurredAt: plusMs(harness.clock.now(), ms),
    });
    for (const ms of [1000, -24 * HOUR_MS])
      expect(await app.metering.record(at(ms))).toMatchObject({ outcome: 'recorded' });
    for (const ms of [1001, -24 * HOUR_MS - 1])
      await expect(app.metering.record(at(ms))).rejects.toMatchObject({ code: 'USAGE_INVALID' });
  });
});

describe('submission', () => {
  /** An application with one record that is ready to be sent. */
  async function ready(options: Options): Promise<{ app: LedgerHarness; id: string }> {
    const sellerAccount = `seller-${(sellers += 1)}`;
    // Registers in place of an application whose questions to AWS may be given less time than a busy machine takes.
    const registrar = await application({ sellerAccount });
    const app = await application({ ...options, sellerAccount });
    const { id } = await registrar.subscribe();
    await app.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 1 });
    app.advance(1.25);
    await app.run('seal');
    return { app, id };
  }

  it.each([1, 3])('concurrency %s is how many calls are in flight at most', async (concurrency) => {
    const many = Array.from({ length: 101 }, (_, n) => `d${n}`);
    const code = `many-${concurrency}`;
    harness.simulator.createProduct({ productCode: code, dimensions: many });
    const app = await application({
      ...product({ productCode: code, dimensions: many }),
      submission: { concurrency, requestTimeoutMs: 2000, leaseMs: 5000 },
    });
    const { id } = await app.subscribe(code);
    await app.metering.record(many.map((dimension) => ({ subscriptionId: id, dimension, quantity: 1 })));
    app.advance(1.25);
    await app.run('seal');
    const inFlight = () =>
      harness.simulator.calls({ operation: 'BatchMeterUsage' }).filter((call) => call.outcome === 'inFlight').length;
    let most = 0;
    harness.simulator.faults.add({
      kind: 'latency',
      // Long enough for all of them to be under way together, where there is more than one.
      ms: concurrency === 1 ? 50 : 500,
      when: () => {
        most = Math.max(most, inFlight());
        return true;
      },
    });
    await app.run('submit');
    expect(most).toBe(concurrency);
  });

  it('requestTimeoutMs ends a call, whose outcome is then uncertain', async () => {
    const { app, id } = await ready({ submission: { requestTimeoutMs: 100, leaseMs: 60_000 } });
    harness.simulator.faults.add({ kind: 'hang', count: 1 });
    const started = performance.now();
    await app.run('submit');
    const elapsed = performance.now() - started;
    expect(elapsed).toBeGreaterThanOrEqual(99);
    // The other applications here wait for two seconds.
    expect(elapsed).toBeLessThan(1900);
    const attempts = await app.database.query(
      `SELECT evidence FROM marketplace.attempt_record e JOIN marketplace.metering_record r ON r.id = e.record_id
        WHERE subscription_id = $1`,
      [id],
    );
    expect(attempts).toEqual([{ evidence: 'uncertain' }]);
  });

  it('leaseMs is how long a record is a sender’s', async () => {
    const { app, id } = await ready({ submission: { requestTimeoutMs: 2000, leaseMs: 123_000 } });
    let leaseMs = 0;
    const probe = jest.spyOn(app.app.get(AnswerReconciler), 'reconcile').mockImplementationOnce(async () => {
      const [row] = await app.database.query<{ lease: number }>(
        `SELECT (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::int AS lease
          FROM marketplace.metering_record WHERE subscription_id = $1`,
        [id],
      );
      leaseMs = row?.lease ?? 0;
    });
    await app.run('submit');
    probe.mockRestore();
    expect(leaseMs).toBeGreaterThan(100_000);
    expect(leaseMs).toBeLessThanOrEqual(123_000);
    await app.expireLeases();
    await app.settle();
  });

  it.each([
    ['backoffBaseMs', { backoffBaseMs: 1000, backoffCapMs: 3_600_000 }, 15_000, 30_000],
    ['backoffCapMs', { backoffBaseMs: 1000, backoffCapMs: 8000 }, 4000, 8000],
  ])('%s sets the pause after a failed call', async (_, submission, least, most) => {
    const { app, id } = await ready({ submission });
    harness.simulator.faults.add({ kind: 'accessDenied', count: 1 });
    await app.run('submit');
    const [row] = await app.database.query<{ since: number; pause: number }>(
      `SELECT (extract(epoch FROM next_attempt_at - a.answered_at) * 1000)::float8 AS pause
        FROM marketplace.metering_record r
       JOIN marketplace.attempt_record e ON e.record_id = r.id JOIN marketplace.attempt a ON a.id = e.attempt_id
         WHERE r.subscription_id = $1`,
      [id],
    );
    expect(row?.pause).toBeGreaterThan(least - 100);
    expect(row?.pause).toBeLessThan(most + 100);
  });
});

describe('jobs', () => {
  const SERVICES = {
    ...{ seal: HourSealer, submit: BatchSubmitter, deadline: DeadlineWatch, recovery: LeaseRecovery },
    ...{ inbox: MessageProcessor, deliver: EventDeliverer, reconcile: Reconciliation, audit: TrailAudit },
  };

  it.each<JobName>(['seal', 'submit', 'deadline', 'recovery', 'inbox', 'deliver', 'reconcile', 'audit'])(
    '%sIntervalMs is the pace of that job',
    async (name) => {
      const never = 3_600_000;
      const intervals = {
        ...{ sealIntervalMs: never, submitIntervalMs: never, deadlineIntervalMs: never, recoveryIntervalMs: never },
        ...{ inboxIntervalMs: never, deliverIntervalMs: never, reconcileIntervalMs: never, auditIntervalMs: never },
      };
      const app = await application({ jobs: { autoStart: true, ...intervals, [`${name}IntervalMs`]: 10 } });
      const runs = Object.entries(SERVICES).map(([job, service]) => ({
        job,
        spy: jest.spyOn(app.app.get<{ run(): Promise<void> }>(service), 'run'),
      }));
      const countOf = (job: string): number => runs.find((run) => run.job === job)?.spy.mock.calls.length ?? 0;
      await eventually('it has run thrice', () => countOf(name) >= 3);
      // Every job runs once at the start, which may be seen here or not.
      for (const { job, spy } of runs)
        if (job !== name) expect({ job, oftener: spy.mock.calls.length > 1 }).toEqual({ job, oftener: false });
    },
  );

  it('autoStart false runs nothing by itself', async () => {
    const app = await application({ jobs: { autoStart: false, sealIntervalMs: 10 } });
    const run = jest.spyOn(app.app.get(HourSealer), 'run');
    await app.run('recovery', 'deadline');
    expect(run).not.toHaveBeenCalled();
    await app.app.get(JobScheduler).runOnce('seal');
    expect(run).toHaveBeenCalledTimes(1);
  });
});
