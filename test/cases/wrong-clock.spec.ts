import { afterEach, expect, it, jest } from '@jest/globals';
import { JobScheduler, MarketplaceJobs, RegistrationService } from '../../src/index.js';
import { ClockGuard } from '../../src/database/clock-guard.js';
import { DatabaseClock } from '../../src/options/clock.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { browserOf } from '../support/browser.js';
import { FreezingProxy } from '../support/freezing-proxy.js';
import { LEGACY_CODE, PRODUCT_CODE, World } from '../support/world.js';

// G5: one replica whose clock is wrong, on real time: the module's own clock is what is under test.

jest.setTimeout(240_000);
let proxy: FreezingProxy | undefined;
afterEach(async () => {
  jest.restoreAllMocks();
  await proxy?.stop();
  proxy = undefined;
});

const real = Date.now.bind(Date);
/** What a bill follows from; alerts, events and what is recorded are told and taken. */
const DECIDED = [
  ...['metering_record', 'rollup', 'balance', 'period', 'seal_cursor', 'attempt', 'fact', 'agreement', 'subscription'],
  ...['entitlement_snapshot', 'product_mode', 'product_settings', 'quarantined_cause', 'proof_cursor'],
];

const decided = async (world: World): Promise<unknown> =>
  world.database.query(
    DECIDED.map(
      (table) =>
        `SELECT '${table}' AS name, md5(string_agg(t::text, ',' ORDER BY t::text)) AS content FROM marketplace.${table} t`,
    ).join(' UNION ALL '),
  );

it.each([
  ['ahead', 48],
  ['behind', -48],
])(
  '48 hours %s: its jobs decide nothing and it tells; usage, messages and codes are dated by the database',
  async (_, hours) => {
    await using world = await World.start({
      startAt: new Date(real()),
      ways: ['eventBridge', 'sns'],
      options: { clock: new DatabaseClock() },
    });
    const startsAt = new Date(real() - 10 * HOUR_MS);
    const buyer = await world.join('acme', { startsAt });
    const used = { tenantId: 'acme', productCode: PRODUCT_CODE, quantity: 5 };
    await world.record({ ...used, occurredAt: new Date(real() - 2 * HOUR_MS) });
    const waits = world.sign({ startsAt });
    await waits.arrive();

    jest.spyOn(Date, 'now').mockImplementation(() => real() + hours * HOUR_MS);
    const wrong = await world.addReplica({ clock: new DatabaseClock() });
    const before = await decided(world);
    // The first is as wrong by now, and learns of it as each process does within a minute.
    await world.runOn(world.app, 'deadline');
    for (const job of wrong.get(JobScheduler).names) await world.runOn(wrong, job);
    expect(await decided(world)).toEqual(before);
    expect(world.simulator.calls({ operation: 'BatchMeterUsage' })).toEqual([]);
    // A cron host whose run does nothing is told so by its exit code, too.
    expect(await wrong.get(MarketplaceJobs).runOnce()).toMatchObject({
      ...{ outcome: 'failed', exitCode: 1, metered: 0 },
      failures: [{ job: 'clock', message: expect.stringContaining('too far apart') }],
    });
    expect(await decided(world)).toEqual(before);
    const [alert] = (await world.alerts()).filter(({ kind }) => kind === 'clockSkew');
    expect(alert).toMatchObject({ severity: 'critical', message: expect.stringContaining('decides nothing') });

    // A fresh code of a right replica, and one of its own.
    const { registrationCode, browser } = waits;
    await wrong.get(RegistrationService).claim(registrationCode, { tenantId: 'globex', browser });
    const url = await wrong.getUrl();
    const late = world.sign({ startsAt });
    const form = world.simulator.registrationForm(late.agreement);
    // AWS refuses a signature of another day; the SDK learns AWS's time from that answer, and the buyer's next try works.
    await world.post(form, url);
    const answer = await world.post(form, url);
    expect(answer.status).toBe(303);
    const code = new URL(answer.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    await world.record({ ...used, quantity: 2 }, {}, wrong);
    world.sign({ productCode: LEGACY_CODE, startsAt });
    await world.simulator.notifications.settled();
    jest.restoreAllMocks();

    const drift = await world.database.query<{ what: string; is_near: boolean }>(
      `SELECT what, abs(extract(epoch FROM at - clock_timestamp())) < 600 AS is_near FROM (
         SELECT 'event' AS what, occurred_at AS at FROM marketplace.usage_event WHERE quantity = 2
         UNION ALL SELECT 'message', received_at FROM marketplace.inbox_message) AS dated`,
    );
    expect(drift.length).toBeGreaterThan(2);
    expect(drift.filter(({ is_near: isNear }) => !isNear)).toEqual([]);
    expect(await world.database.query(`SELECT FROM marketplace.inbox_message WHERE origin = 'sns'`)).not.toEqual([]);
    expect(await world.registrations.inspect(code)).toMatchObject({ productCode: PRODUCT_CODE });

    // The clock is right again: what was left is done, and the alert closes by itself.
    await world.runOn(wrong, 'inbox', 'seal', 'submit');
    await world.runOn(world.app, 'seal', 'submit');
    expect(world.simulator.bill({ agreementId: buyer.agreement.agreementId })).toMatchObject([{ quantity: 5 }]);
    expect((await world.alerts()).filter(({ kind }) => kind === 'clockSkew')).toEqual([]);
  },
);

it.each([48, -48])(
  'the clock is set by %s hours between two comparisons: the next usage is dated right all the same',
  async (hours) => {
    await using world = await World.start({ startAt: new Date(real()), options: { clock: new DatabaseClock() } });
    const buyer = await world.join('acme', { startsAt: new Date(real() - 10 * HOUR_MS) });
    const used = { tenantId: 'acme', productCode: PRODUCT_CODE };
    await world.record({ ...used, quantity: 1 });
    jest.spyOn(Date, 'now').mockImplementation(() => real() + hours * HOUR_MS);
    await Promise.all([2, 3, 4].map((quantity) => world.record({ ...used, quantity })));
    await world.recordAll([{ ...used, quantity: 5 }]);
    jest.restoreAllMocks();
    await world.record({ ...used, quantity: 6 });

    const dated = await world.database.query<{ quantity: string }>(
      `SELECT quantity FROM marketplace.usage_event
       WHERE abs(extract(epoch FROM occurred_at - clock_timestamp())) < 600 ORDER BY quantity`,
    );
    expect(dated.map(({ quantity }) => Number(quantity))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(world.simulator.bill({ agreementId: buyer.agreement.agreementId })).toEqual([]);
  },
);

it.each([48, -48])(
  'the clock is set by %s hours before each of these: usage in a host transaction, a code, its claim, messages; all are dated right',
  async (hours) => {
    await using world = await World.start({ startAt: new Date(real()), options: { clock: new DatabaseClock() } });
    const startsAt = new Date(real() - 10 * HOUR_MS);
    await world.join('acme', { startsAt });
    const buyer = world.sign({ startsAt });
    await world.simulator.notifications.settled();
    /** Everybody's clock is right and compared; then it is set, and nobody has compared it since. */
    const afterJump = async <T>(work: () => Promise<T>): Promise<T> => {
      await world.run('deadline');
      const jump = jest.spyOn(Date, 'now').mockImplementation(() => real() + hours * HOUR_MS);
      try {
        return await work();
      } finally {
        jump.mockRestore();
      }
    };

    await afterJump(() =>
      world.database.dataSource.transaction((manager) =>
        world.record({ tenantId: 'acme', productCode: PRODUCT_CODE, quantity: 3 }, { manager }),
      ),
    );
    // To AWS a signature of another day is none: only what is ours is under test.
    const form = world.simulator.registrationForm(buyer.agreement);
    const answer = await afterJump(async () => {
      await world.post(form);
      return world.post(form);
    });
    expect(answer.status).toBe(303);
    const code = new URL(answer.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
    await afterJump(() => world.registrations.inspect(code));
    await afterJump(() => world.registrations.claim(code, { tenantId: 'globex', browser: browserOf(answer) }));
    await afterJump(async () => {
      world.sign({ productCode: LEGACY_CODE, startsAt });
      await world.simulator.notifications.settled();
    });
    expect(await world.database.query(`SELECT FROM marketplace.inbox_message WHERE origin = 'sns'`)).not.toEqual([]);
    const drift = await world.database.query<{ what: string; off: number }>(
      `SELECT what, extract(epoch FROM at - clock_timestamp())::float8 AS off FROM (
         SELECT 'event' AS what, occurred_at AS at FROM marketplace.usage_event WHERE quantity = 3
         UNION ALL SELECT 'code', created_at FROM marketplace.registration_code
         UNION ALL SELECT 'claim', claimed_at FROM marketplace.claim
         UNION ALL SELECT 'message', received_at FROM marketplace.inbox_message) AS dated`,
    );
    expect([...new Set(drift.map(({ what }) => what))].sort()).toEqual(['claim', 'code', 'event', 'message']);
    expect(drift.filter(({ off }) => Math.abs(off) > 600)).toEqual([]);
  },
);

it('the clock is set while the database is away: what is recorded waits for it, and is dated right', async () => {
  await using world = await World.start({ startAt: new Date(real()), options: { clock: new DatabaseClock() } });
  await world.join('acme', { startsAt: new Date(real() - 10 * HOUR_MS) });
  proxy = await FreezingProxy.before(world.postgres.url);
  const url = proxy.through(world.postgres.url);
  const replica = await world.addReplica({
    clock: new DatabaseClock(),
    database: { url, statementTimeoutMs: 1000, connectTimeoutMs: 1000 },
  });
  const used = { tenantId: 'acme', productCode: PRODUCT_CODE };
  await world.record({ ...used, quantity: 1 }, {}, replica);
  proxy.freeze('refused');
  jest.spyOn(Date, 'now').mockImplementation(() => real() - 48 * HOUR_MS);
  const recorded = world.record({ ...used, quantity: 2 }, {}, replica);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  proxy.thaw();
  await recorded;
  jest.restoreAllMocks();

  const dated = await world.database.query<{ quantity: string }>(
    `SELECT quantity FROM marketplace.usage_event
     WHERE abs(extract(epoch FROM occurred_at - clock_timestamp())) < 600 ORDER BY quantity`,
  );
  expect(dated.map(({ quantity }) => Number(quantity))).toEqual([1, 2]);
});

it.each([48, -48])(
  'the clock is set by %s hours while it is being compared: usage is dated right, before and after it is set back',
  async (hours) => {
    await using world = await World.start({ startAt: new Date(real()), options: { clock: new DatabaseClock() } });
    await world.join('acme', { startsAt: new Date(real() - 10 * HOUR_MS) });
    proxy = await FreezingProxy.before(world.postgres.url);
    const url = proxy.through(world.postgres.url);
    const replica = await world.addReplica({ clock: new DatabaseClock(), database: { url } });
    const used = { tenantId: 'acme', productCode: PRODUCT_CODE };
    await world.record({ ...used, quantity: 1 }, {}, replica);
    proxy.freeze('silent');
    const comparison = replica.get(ClockGuard).check();
    await new Promise((resolve) => setTimeout(resolve, 300));
    jest.spyOn(Date, 'now').mockImplementation(() => real() + hours * HOUR_MS);
    proxy.thaw();
    expect(Math.abs((await comparison).skewMs - hours * HOUR_MS)).toBeLessThan(600_000);
    await world.record({ ...used, quantity: 2 }, {}, replica);
    proxy.freeze('silent');
    const next = replica.get(ClockGuard).check();
    await new Promise((resolve) => setTimeout(resolve, 300));
    jest.restoreAllMocks();
    proxy.thaw();
    expect(Math.abs((await next).skewMs)).toBeLessThan(600_000);
    await world.record({ ...used, quantity: 3 }, {}, replica);

    const dated = await world.database.query<{ quantity: string }>(
      `SELECT quantity FROM marketplace.usage_event
       WHERE abs(extract(epoch FROM occurred_at - clock_timestamp())) < 600 ORDER BY quantity`,
    );
    expect(dated.map(({ quantity }) => Number(quantity))).toEqual([1, 2, 3]);
    await world.expectConserved();
  },
);
