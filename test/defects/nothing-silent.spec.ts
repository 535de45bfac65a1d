import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import { type Attributes, metrics } from '@opentelemetry/api';
import { type Agreement } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { HOUR_MS, hourOf, plusMs } from '../../src/runtime/clock.js';
import { LedgerHarness } from '../support/ledger-harness.js';

// Nothing is dropped or finalised without a reason in the ledger, a log line, a metric and an event; and no answer of AWS stops recording.

let harness: LedgerHarness;
let counted: string[] = [];
let logged: string[] = [];

const logger: LoggerService = {
  log: (message: string) => logged.push(message),
  warn: (message: string) => logged.push(message),
  error: (message: string) => logged.push(message),
};

beforeAll(async () => {
  const counter = (name: string) => ({
    add: (_amount: number, { state, reason }: Attributes = {}) => {
      if (name === 'marketplace.records.settled') counted.push(`${String(state)}: ${String(reason)}`);
    },
  });
  metrics.setGlobalMeterProvider({ getMeter: () => ({ createCounter: counter }) } as never);
  harness = await LedgerHarness.start();
  Logger.overrideLogger(logger);
});
afterAll(async () => {
  metrics.disable();
  Logger.overrideLogger(false);
  await harness.stop();
});

interface Buyer {
  id: string;
  agreement: Agreement;
}

const byHand = () => harness.app.get(RecordResolution);
const recordOf = async ({ id }: Buyer): Promise<string> => (await harness.records<{ id: string }>(`subscription_id = '${id}'`))[0]!.id;

async function blocked(): Promise<void> {
  harness.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred', count: 1 });
  await harness.settle();
}

async function withFault(kind: 'accessDenied' | 'resetBefore'): Promise<void> {
  const fault = harness.simulator.faults.add({ kind });
  await harness.settle(2);
  fault.remove();
  harness.advance(26);
  await harness.run('deadline');
}

describe('I4 an ending has its reason in the ledger, a log line, a metric, an event and an alert', () => {
  it.each<[ending: string, play: (buyer: Buyer) => Promise<unknown>, event: string]>([
    ['blocked: unrecognised', blocked, 'metering.blocked'],
    [
      'blocked: notSubscribed',
      async ({ agreement }) => {
        await harness.settle();
        await harness.metering.record({ subscriptionId: await subscriptionOf(agreement), dimension: 'requests', quantity: 1 });
        harness.advance(1);
        harness.simulator.suspend(agreement);
        await harness.settle();
      },
      'metering.blocked',
    ],
    ['closed: expired', () => withFault('accessDenied'), 'metering.expired'],
    ['unknown: expired', () => withFault('resetBefore'), 'metering.unknown'],
    [
      'closed: writtenOff',
      async (buyer) => {
        await blocked();
        await byHand().writeOff(await recordOf(buyer), { by: 'ada', reason: 'shown' });
      },
      'metering.closed',
    ],
    [
      'closed: ended',
      async ({ id }) => {
        await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: '0.5' });
        await harness.subscriptions.end(id);
        await harness.settle();
        harness.advance(2);
        await harness.run('seal');
      },
      'metering.closed',
    ],
  ])('%s', async (ending, play, event) => {
    harness.clock.set(plusMs(hourOf(harness.clock.now()), HOUR_MS));
    const buyer = await harness.subscribe();
    await harness.metering.record({ subscriptionId: buyer.id, dimension: 'requests', quantity: 4 });
    harness.advance(1.25);
    counted = [];
    logged = [];
    await play(buyer);

    const [state = '', reason = ''] = ending.split(': ');
    const [record] = await harness.records<{ id: string; reason_message: string }>(
      `subscription_id = '${buyer.id}' AND state = '${state}' AND reason = '${reason}'`,
    );
    expect(record?.reason_message).toMatch(/\w/);
    expect(counted).toContain(ending);
    expect(logged.filter((line) => /^(batch answered|records |record decided|ended: )/.test(line))).not.toEqual([]);
    const told = await harness.database.query(
      `SELECT type, payload ->> 'reason' AS reason FROM marketplace.outbox_event WHERE record_id = $1 AND type = $2`,
      [record!.id, event],
    );
    expect(told).toEqual([{ type: event, reason }]);
    const alerts = await harness.database.query(`SELECT 1 FROM marketplace.alert WHERE raise_count > 0 AND details::text LIKE $1`, [
      `%${record!.id}%`,
    ]);
    expect(alerts).toHaveLength(1);
    await harness.expectConserved();
  });
});

async function subscriptionOf({ licenseArn }: Agreement): Promise<string> {
  const [row] = await harness.database.query<{ id: string }>(`SELECT id FROM marketplace.subscription WHERE license_arn = $1`, [
    licenseArn,
  ]);
  return row!.id;
}

describe('I7 record() takes usage', () => {
  it.each(['accessDenied', 'error500Before', 'throttle', 'disabledApi', 'resetAfter'] as const)(
    'while AWS answers %s, and bills it afterwards',
    async (kind) => {
      harness.clock.set(plusMs(hourOf(harness.clock.now()), HOUR_MS));
      const { id, agreement } = await harness.subscribe();
      const fault = harness.simulator.faults.add({ kind });
      for (let hour = 0; hour < 2; hour += 1) {
        expect(await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 2 })).toMatchObject({
          outcome: 'recorded',
        });
        harness.advance(1.25);
        await harness.settle(2);
      }
      fault.remove();
      await harness.settle();
      expect(harness.simulator.bill({ licenseArn: agreement.licenseArn }).map((line) => line.quantity)).toEqual([2, 2]);
      await harness.expectConserved();
    },
  );

  it('of a buyer whom AWS calls not subscribed, and never cuts them off by itself', async () => {
    harness.clock.set(plusMs(hourOf(harness.clock.now()), HOUR_MS));
    const { id, agreement } = await harness.subscribe();
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 2 });
    harness.advance(1.25);
    await harness.settle();
    harness.simulator.suspend(agreement);
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 3 });
    harness.advance(1);
    await harness.settle();
    expect(await harness.subscriptions.get(id)).toMatchObject({ state: 'registered' });
    expect(await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 4 })).toMatchObject({
      outcome: 'recorded',
    });
    harness.simulator.reinstate(agreement);
    harness.advance(1);
    await harness.settle();
    expect(
      harness.simulator
        .bill({ licenseArn: agreement.licenseArn })
        .map((line) => line.quantity)
        .sort(),
    ).toEqual([2, 3, 4]);
    await harness.expectConserved();
  });
});
