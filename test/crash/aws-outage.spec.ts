import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Fault, type UsageRecord } from 'aws-marketplace-simulator';
import { type Options, RecordResolution, SubmissionHold } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { PRODUCT_CODE, START, World } from '../support/world.js';

const operation = 'BatchMeterUsage';

let world: World;

async function start(startAt = START, options: Options = {}): Promise<void> {
  world = await World.start({ startAt, options, lists: [PRODUCT_CODE] });
}

afterEach(async () => {
  await world.stop();
});

/** Two buyers who have used 7 and 2.5 units of two dimensions in the hour in which the clock stands. */
async function buyers(): Promise<void> {
  for (const tenant of ['acme', 'globex']) {
    const buyer = await world.join(tenant);
    await buyer.use(7);
    await buyer.use('2.5', { dimension: 'storage' });
  }
}

/** As the jobs do, a few times an hour, until `hours` have passed. */
async function live(hours: number, app = world.app): Promise<void> {
  for (let passed = 0; passed < hours; passed += 2) {
    world.clock.advance(2 * HOUR_MS);
    await world.runOn(app, 'seal', 'submit', 'recovery', 'deadline');
  }
}

const openAlerts = async (): Promise<string[]> => [...new Set((await world.alerts()).map(({ kind }) => kind))];

const settledAs = async (): Promise<string[]> => {
  const rows = await world.database.query<{ fate: string }>(
    `SELECT DISTINCT concat_ws(' ', state, reason, disposition) AS fate FROM marketplace.metering_record ORDER BY fate`,
  );
  return rows.map((row) => row.fate);
};

/** A port at which nobody listens. */
async function deadEndpoint(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('AWS takes nothing until the deadlines of the records have passed', () => {
  beforeEach(async () => {
    await start();
  });

  it.each<Fault>([
    { kind: 'accessDenied', operation },
    { kind: 'expiredCredentials', operation },
    { kind: 'throttle', operation },
  ])('$kind: known not to be billed, so the units go out with a later hour, once', async (fault) => {
    await buyers();
    const outage = world.simulator.faults.add(fault);
    await live(22);
    expect(await settledAs()).not.toContainEqual(expect.stringContaining('closed'));
    expect(await openAlerts()).toEqual(expect.arrayContaining(['deadlineNear']));
    if (fault.kind !== 'throttle') expect(await openAlerts()).toContain('setupError');

    await live(4);
    expect(await settledAs()).toContain('closed expired annulled');
    outage.remove();
    await live(2);
    await world.work();
    await world.expectAllBilled();
    await world.run('deadline');
    expect(await openAlerts()).toEqual(['expired']);
  });

  it('nobody listens at the endpoint: the same', async () => {
    await buyers();
    const cutOff = await world.addReplica({ aws: { endpoint: await deadEndpoint() } });
    await live(26, cutOff);
    expect(await settledAs()).toContain('closed expired annulled');
    expect(world.simulator.calls({ operation })).toEqual([]);
    // The settings of before come into force again by a person's word.
    await world.restart({ options: { settingsRevision: 1 } });
    await live(2);
    await world.work();
    await world.expectAllBilled();
  });

  it.each<{ fault: Fault; isBilled: boolean }>([
    { fault: { kind: 'error500Before', operation }, isBilled: false },
    { fault: { kind: 'error500After', operation, count: 1 }, isBilled: true },
    { fault: { kind: 'resetBefore', operation }, isBilled: false },
  ])(
    '$fault.kind: nobody knows, so nothing of it is ever sent again; an audit settles it (billed: $isBilled)',
    async ({ fault, isBilled }) => {
      await buyers();
      world.clock.advance(2 * HOUR_MS);
      world.simulator.faults.add(fault);
      await world.run('seal', 'submit');
      world.simulator.faults.clear();
      world.simulator.faults.add({ kind: 'accessDenied', operation });
      await live(24);
      expect(await settledAs()).toContain('unknown expired');
      expect(await openAlerts()).toContain('unknownOutcome');
      world.simulator.faults.clear();

      const unknown = await world.database.query<{ id: string; dimension: string; hour: Date; license_arn: string }>(
        `SELECT r.id, r.dimension, r.hour, i.license_arn FROM marketplace.metering_record r
          JOIN marketplace.metering_identity i ON i.id = r.identity_id
         WHERE r.state = 'unknown'`,
      );
      const calls = world.simulator.calls({ operation }).length;
      const bill = world.simulator.bill();
      await live(4);
      await world.work();
      expect((await world.records("state = 'unknown'")).length).toBe(unknown.length);
      // What was never sent at all may have been carried and billed; no hour that is unknown is sent again.
      const sent = world.simulator
        .calls({ operation })
        .slice(calls)
        .flatMap(({ request }) => request?.UsageRecords as UsageRecord[]);
      const hoursSent = new Set(sent.map(({ Timestamp }) => Timestamp * 1000));
      for (const record of unknown) expect(hoursSent).not.toContain(record.hour.getTime());
      await world.expectBalanced();

      for (const record of unknown) {
        const line = bill.find(
          ({ licenseArn, dimension }) => licenseArn === record.license_arn && dimension === record.dimension,
        );
        expect(line !== undefined).toBe(isBilled);
        const finding = line
          ? { found: { meteringRecordId: line.meteringRecordId } }
          : { absentWithFullCoverage: true as const };
        await world.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
      }
      await live(2);
      await world.work();
      await world.expectAllBilled();
    },
  );
});

it("onExpired 'hold': the units wait for a person, and are billed once when that person has them planned anew", async () => {
  await start(START, { onExpired: 'hold' });
  await buyers();
  const outage = world.simulator.faults.add({ kind: 'accessDenied', operation });
  await live(26);
  outage.remove();
  expect(await settledAs()).toEqual(['closed expired held']);
  await live(2);
  await world.work();
  expect(world.simulator.bill()).toEqual([]);
  await world.expectUnits({ records: { 'held expired': 18 }, carry: 1 });

  for (const { id } of await world.records<{ id: string }>("disposition = 'held'")) {
    await world.app.get(RecordResolution).annul(id, { by: 'operator' });
  }
  await live(2);
  await world.work();
  await world.expectAllBilled();
});

describe('the month ends at 06:00 UTC on the 1st', () => {
  const LAST_HOUR = new Date('2026-11-30T23:10:00Z');

  it('AWS is mended at 05:50: the last hours of the month are billed in their month', async () => {
    await start(LAST_HOUR);
    await buyers();
    const outage = world.simulator.faults.add({ kind: 'accessDenied', operation });
    await live(4);
    world.clock.set(new Date('2026-12-01T05:50:00Z'));
    await world.run('submit', 'deadline');
    expect(await openAlerts()).toContain('deadlineNear');
    outage.remove();
    await world.work();
    await world.run('deadline');
    await world.expectAllBilled();
    expect([...new Set(world.simulator.bill().map(({ hour }) => hour))]).toEqual(['2026-11-30T23:00:00.000Z']);
  });

  it('AWS is mended at 06:00: the units go out with an hour of the new month', async () => {
    await start(LAST_HOUR);
    await buyers();
    const outage = world.simulator.faults.add({ kind: 'accessDenied', operation });
    await live(4);
    world.clock.set(new Date('2026-12-01T06:00:00Z'));
    outage.remove();
    await world.run('submit');
    expect(world.simulator.bill()).toEqual([]);
    await world.run('deadline');
    expect(await settledAs()).toEqual(['closed expired annulled']);
    await live(2);
    await world.work();
    await world.expectAllBilled();
    expect(world.simulator.bill().every(({ hour }) => hour >= '2026-12-01')).toBe(true);
  });
});

it("startIn 'hold': hours are sealed, nothing is sent or given up until a person releases it", async () => {
  await start(START, { startIn: 'hold' });
  await buyers();
  await live(28);
  expect(await settledAs()).toEqual(['pending']);
  expect(world.simulator.calls({ operation })).toEqual([]);
  await world.app.get(SubmissionHold).release('operator');
  await live(4);
  await world.work();
  await world.expectAllBilled();
});
