import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import { type Attributes, metrics } from '@opentelemetry/api';
import { RecordResolution } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, World } from '../support/world.js';
import { advance, buyerInNewHour, recordsOf } from './wire.js';

// Nothing is dropped or finalised without a reason in the ledger, a log line, a metric and an event; and no answer of
// AWS stops recording.

let world: World;
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
  world = await World.start({ lists: [PRODUCT_CODE] });
  Logger.overrideLogger(logger);
});
afterAll(async () => {
  metrics.disable();
  Logger.overrideLogger(false);
  await world.stop();
});

const byHand = () => world.app.get(RecordResolution);
const recordOf = async (buyer: Buyer): Promise<string> => (await recordsOf<{ id: string }>(buyer))[0]!.id;

async function blocked(): Promise<void> {
  world.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred', count: 1 });
  await world.work();
}

async function withFault(kind: 'accessDenied' | 'resetBefore'): Promise<void> {
  const fault = world.simulator.faults.add({ kind });
  await world.work(2);
  fault.remove();
  advance(world, 26);
  await world.run('deadline');
}

describe('I4 an ending has its reason in the ledger, a log line, a metric, an event and an alert', () => {
  it.each<[ending: string, play: (buyer: Buyer) => Promise<unknown>, event: string]>([
    ['blocked: unrecognised', blocked, 'metering.blocked'],
    [
      'blocked: notSubscribed',
      async (buyer) => {
        await world.work();
        await buyer.use(1);
        advance(world, 1);
        world.simulator.suspend(buyer.agreement);
        await world.work();
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
      'closed: noHour',
      async (buyer) => {
        await buyer.use('0.5');
        advance(world, 0.1);
        buyer.cancel();
        await world.pass(3);
      },
      'metering.closed',
    ],
  ])('%s', async (ending, play, event) => {
    const { buyer } = await buyerInNewHour(world);
    await buyer.use(4);
    advance(world, 1.25);
    counted = [];
    logged = [];
    await play(buyer);

    const [state = '', reason = ''] = ending.split(': ');
    const [record] = await world.records<{ id: string; reason_message: string }>(
      `subscription_id = '${buyer.subscriptionId}' AND state = '${state}' AND reason = '${reason}'`,
    );
    expect(record?.reason_message).toMatch(/\w/);
    expect(counted).toContain(ending);
    expect(logged.filter((line) => /^(batch answered|records |record decided|ended: )/.test(line))).not.toEqual([]);
    const told = await world.database.query(
      `SELECT type, payload ->> 'reason' AS reason FROM marketplace.outbox_event WHERE record_id = $1 AND type = $2`,
      [record!.id, event],
    );
    expect(told).toEqual([{ type: event, reason }]);
    const alerts = await world.database.query(
      `SELECT 1 FROM marketplace.alert WHERE raise_count > 0 AND $1 IN (subject, substring(details::text FROM $1))`,
      [record!.id],
    );
    expect(alerts).toHaveLength(1);
    await world.expectConserved();
  });
});

describe('I7 record() takes usage', () => {
  it.each(['accessDenied', 'error500Before', 'throttle', 'disabledApi', 'resetAfter'] as const)(
    'while AWS answers %s, and bills it afterwards',
    async (kind) => {
      const { buyer } = await buyerInNewHour(world);
      const fault = world.simulator.faults.add({ kind });
      for (let hour = 0; hour < 2; hour += 1) {
        expect(await buyer.use(2)).toMatchObject({
          outcome: 'recorded',
        });
        advance(world, 1.25);
        await world.work(2);
      }
      fault.remove();
      await world.work();
      expect(world.simulator.bill({ licenseArn: buyer.agreement.licenseArn }).map((line) => line.quantity)).toEqual([
        2, 2,
      ]);
      await world.expectConserved();
    },
  );

  it('of a buyer whom AWS calls not subscribed, and never cuts them off by itself', async () => {
    const { buyer } = await buyerInNewHour(world);
    await buyer.use(2);
    advance(world, 1.25);
    await world.work();
    world.simulator.suspend(buyer.agreement);
    await buyer.use(3);
    advance(world, 1);
    await world.work();
    expect(await buyer.state()).toBe('active');
    expect(await buyer.use(4)).toMatchObject({
      outcome: 'recorded',
    });
    world.simulator.reinstate(buyer.agreement);
    advance(world, 1);
    await world.work();
    expect(
      world.simulator
        .bill({ licenseArn: buyer.agreement.licenseArn })
        .map((line) => line.quantity)
        .sort(),
    ).toEqual([2, 3, 4]);
    await world.expectConserved();
  });
});
