import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Fault, type UsageRecord } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { LedgerHarness, START } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';

const operation = 'BatchMeterUsage';

let harness: LedgerHarness;
let usage: RecordedUsage;

async function start(startAt = START, options: Parameters<typeof LedgerHarness.start>[0] = {}): Promise<void> {
  harness = await LedgerHarness.start({ ...options, startAt });
  usage = new RecordedUsage(harness);
}

afterEach(async () => {
  await harness.stop();
});

/** Two buyers who have used 7 and 2.5 units of two dimensions in the hour in which the clock stands. */
async function buyers(): Promise<string[]> {
  const ids = [(await harness.subscribe()).id, (await harness.subscribe()).id];
  for (const subscriptionId of ids) {
    await usage.record({ subscriptionId, dimension: 'requests', quantity: 7 }, { subscriptionId, dimension: 'storage', quantity: '2.5' });
  }
  return ids;
}

/** As the jobs do, a few times an hour, until `hours` have passed. */
async function live(hours: number, replica = harness): Promise<void> {
  for (let passed = 0; passed < hours; passed += 2) {
    harness.advance(2);
    await replica.run('seal', 'submit', 'recovery', 'deadline');
  }
}

const settledAs = async (): Promise<string[]> => {
  const rows = await harness.database.query<{ fate: string }>(
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
    const outage = harness.simulator.faults.add(fault);
    await live(22);
    expect(await settledAs()).not.toContainEqual(expect.stringContaining('closed'));
    expect(await harness.openAlerts()).toEqual(expect.arrayContaining(['deadlineNear']));
    if (fault.kind !== 'throttle') expect(await harness.openAlerts()).toContain('setupError');

    await live(4);
    expect(await settledAs()).toContain('closed expired carried');
    outage.remove();
    await live(2);
    await harness.settle();
    await usage.expectAllMetered();
    await harness.run('deadline');
    expect(await harness.openAlerts()).toEqual(['expired']);
  });

  it('nobody listens at the endpoint: the same', async () => {
    await buyers();
    const cutOff = await harness.replica({ options: { aws: { endpoint: await deadEndpoint() } } });
    await live(26, cutOff);
    await cutOff.stop();
    expect(await settledAs()).toContain('closed expired carried');
    expect(harness.simulator.calls({ operation })).toEqual([]);
    await live(2);
    await harness.settle();
    await usage.expectAllMetered();
  });

  it.each<{ fault: Fault; isBilled: boolean }>([
    { fault: { kind: 'error500Before', operation }, isBilled: false },
    { fault: { kind: 'error500After', operation, count: 1 }, isBilled: true },
    { fault: { kind: 'resetBefore', operation }, isBilled: false },
  ])(
    '$fault.kind: nobody knows, so nothing of it is ever sent again; an audit settles it (billed: $isBilled)',
    async ({ fault, isBilled }) => {
      await buyers();
      harness.advance(2);
      harness.simulator.faults.add(fault);
      await harness.run('seal', 'submit');
      harness.simulator.faults.clear();
      harness.simulator.faults.add({ kind: 'accessDenied', operation });
      await live(24);
      expect(await settledAs()).toContain('unknown expired');
      expect(await harness.openAlerts()).toContain('unknownOutcome');
      harness.simulator.faults.clear();

      const unknown = await harness.records<{ id: string; dimension: string; hour: Date; quantity: string; license_arn: string }>(
        "state = 'unknown'",
      );
      const calls = harness.simulator.calls({ operation }).length;
      const bill = harness.simulator.bill();
      await live(4);
      await harness.settle();
      expect((await harness.records("state = 'unknown'")).length).toBe(unknown.length);
      // What was never sent at all may have been carried and billed; no hour that is unknown is sent again.
      const sent = harness.simulator
        .calls({ operation })
        .slice(calls)
        .flatMap(({ request }) => request?.UsageRecords as UsageRecord[]);
      const hoursSent = new Set(sent.map(({ Timestamp }) => Timestamp * 1000));
      for (const record of unknown) expect(hoursSent).not.toContain(record.hour.getTime());
      await usage.expectAllRecorded();

      for (const record of unknown) {
        const line = bill.find(({ licenseArn, dimension }) => licenseArn === record.license_arn && dimension === record.dimension);
        expect(line !== undefined).toBe(isBilled);
        const finding = line ? { found: { meteringRecordId: line.meteringRecordId } } : { absentWithFullCoverage: true as const };
        await harness.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
      }
      await live(2);
      await harness.settle();
      await usage.expectAllMetered();
    },
  );
});

it("onExpired 'hold': the units wait for a person, and are billed once when that person carries them", async () => {
  await start(START, { options: { onExpired: 'hold' } });
  await buyers();
  const outage = harness.simulator.faults.add({ kind: 'accessDenied', operation });
  await live(26);
  outage.remove();
  expect(await settledAs()).toEqual(['closed expired held']);
  await live(2);
  await harness.settle();
  expect(harness.simulator.bill()).toEqual([]);
  expect(await usage.expectAllAccounted()).toEqual({ held: 18 });

  for (const { id } of await harness.records<{ id: string }>("disposition = 'held'")) {
    await harness.app.get(RecordResolution).carry(id, { by: 'operator' });
  }
  await live(2);
  await harness.settle();
  await usage.expectAllMetered();
});

describe('the month ends at 06:00 UTC on the 1st', () => {
  const LAST_HOUR = new Date('2026-11-30T23:10:00Z');

  it('AWS is mended at 05:50: the last hours of the month are billed in their month', async () => {
    await start(LAST_HOUR);
    await buyers();
    const outage = harness.simulator.faults.add({ kind: 'accessDenied', operation });
    await live(4);
    harness.clock.set(new Date('2026-12-01T05:50:00Z'));
    await harness.run('submit', 'deadline');
    expect(await harness.openAlerts()).toContain('deadlineNear');
    outage.remove();
    await harness.settle();
    await harness.run('deadline');
    await usage.expectAllMetered();
    expect([...new Set(harness.simulator.bill().map(({ hour }) => hour))]).toEqual(['2026-11-30T23:00:00.000Z']);
  });

  it('AWS is mended at 06:00: the units go out with an hour of the new month', async () => {
    await start(LAST_HOUR);
    await buyers();
    const outage = harness.simulator.faults.add({ kind: 'accessDenied', operation });
    await live(4);
    harness.clock.set(new Date('2026-12-01T06:00:00Z'));
    outage.remove();
    await harness.run('submit');
    expect(harness.simulator.bill()).toEqual([]);
    await harness.run('deadline');
    expect(await settledAs()).toEqual(['closed expired carried']);
    await live(2);
    await harness.settle();
    await usage.expectAllMetered();
    expect(harness.simulator.bill().every(({ hour }) => hour >= '2026-12-01')).toBe(true);
  });
});

it("startIn 'hold': hours are sealed, nothing is sent or given up until a person releases it", async () => {
  await start(START, { options: { startIn: 'hold' } });
  await buyers();
  await live(28);
  expect(await settledAs()).toEqual(['pending']);
  expect(harness.simulator.calls({ operation })).toEqual([]);
  harness.hold.release('operator');
  await live(4);
  await harness.settle();
  await usage.expectAllMetered();
});
