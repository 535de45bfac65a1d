import { afterEach, describe, expect, it } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import { type HarnessOptions } from '../../support/ledger-harness.js';
import { type Buyer, LifeLedger } from './life-ledger.js';

const operation = 'BatchMeterUsage';
let ledger: LifeLedger;
const open = async (given: HarnessOptions = {}): Promise<LifeLedger> => {
  ledger = await LifeLedger.open({ startAt: new Date('2026-11-11T10:10:00Z'), ...given });
  return ledger;
};
afterEach(() => ledger.stop());

async function ends({ agreement }: Buyer): Promise<void> {
  ledger.harness.simulator.end(agreement);
  await ledger.hear('license.deprovisioned', agreement);
}

it.each(['subscription.unsubscribePending', 'license.deprovisioned'] as const)(
  'D27 on %s the running hour is flushed: closed hours and the running one are billed at once',
  async (sign) => {
    const { harness, usage } = await open();
    const buyer = await ledger.activeBuyer();
    await ledger.record(buyer, 5);
    harness.advance(0.9);
    await ledger.record(buyer, 3);
    harness.simulator.end(buyer.agreement);
    await ledger.hear(sign, buyer.agreement);
    await harness.settle();
    expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 3']);
    await ledger.close();
    await ledger.expectState(buyer, 'ended');
    await usage.expectAllMetered();
  },
);

it('what ends goes out before all else', async () => {
  const { harness, usage } = await open({ options: { submission: { concurrency: 1 } } });
  const others = await Promise.all(Array.from({ length: 30 }, () => ledger.activeBuyer()));
  const buyer = await ledger.activeBuyer();
  for (const one of [...others, buyer]) await ledger.record(one, 2);
  const fault = harness.simulator.faults.add({ kind: 'accessDenied', operation });
  harness.advance(1.2);
  await harness.settle(1);
  await ends(buyer);
  await harness.run('seal');
  fault.remove();
  const before = harness.simulator.calls({ operation }).length;
  await harness.settle();
  const first = harness.simulator.calls({ operation })[before];
  expect(JSON.stringify(first)).toContain(buyer.agreement.licenseArn);
  await usage.expectAllMetered();
});

it('finalHour atHourEnd: the running hour is billed whole when it is over', async () => {
  const { harness, usage } = await open({ options: { finalHour: 'atHourEnd' } });
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.advance(1);
  await ledger.record(buyer, 3);
  await ends(buyer);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5']);
  await ledger.record(buyer, 4, { occurredAt: new Date('2026-11-11T11:05:00Z') });
  harness.clock.set(new Date('2026-11-11T12:00:00Z'));
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 7']);
  await usage.expectAllMetered();
});

const READINGS: Partial<Switches>[] = [
  { finalHour: 'accepted', usageAfterEnd: 'InvalidLicenseException', badLicense: 'wholeBatch' },
  { finalHour: 'accepted', usageAfterEnd: 'CustomerNotSubscribed', badLicense: 'perRecord' },
  { finalHour: 'refused', usageAfterEnd: 'InvalidLicenseException', badLicense: 'wholeBatch' },
  { finalHour: 'refused', usageAfterEnd: 'CustomerNotSubscribed', badLicense: 'perRecord' },
];

it.each(READINGS)('conserves every unit whatever AWS takes after the end: %j', async (switches) => {
  const { harness, usage } = await open({ simulator: { switches } });
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.advance(2);
  await harness.settle();
  await ledger.record(buyer, '3.5');
  await ends(buyer);
  await harness.settle(3);
  // The application tells of more: it takes a free hour.
  await ledger.record(buyer, 4, { occurredAt: new Date('2026-11-11T12:05:00Z') });
  await harness.settle(3);
  const taken = switches.finalHour === 'accepted';
  expect(ledger.bill(buyer)).toEqual(taken ? ['10h 5', '11h 4', '12h 3'] : ['10h 5']);
  if (!taken) expect(await ledger.fates(buyer)).toContain('12h 3 pending finalHour');
  await ledger.close();
  expect(await ledger.fates(buyer)).toContain('closing 0.5 ended held');
  expect(await usage.expectAllAccounted()).toEqual(taken ? { metered: 12, held: 0.5 } : { metered: 5, held: 7.5 });
});

it('the last sign decides how long trying goes on: what AWS refuses after the first is billed after the next', async () => {
  const { harness, usage } = await open();
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.simulator.suspend(buyer.agreement);
  await ledger.hear('subscription.unsubscribePending', buyer.agreement);
  await harness.settle(2);
  expect(await ledger.fates(buyer)).toEqual(['10h 5 pending finalHour']);
  harness.advance(0.9);
  await ledger.hear('license.deprovisioned', buyer.agreement);
  await harness.run('seal', 'deadline');
  const [waiting] = await ledger.records(buyer);
  expect([waiting?.due_at, waiting?.cutoff_at]).toEqual([new Date('2026-11-11T11:10:00Z'), new Date('2026-11-11T12:04:00Z')]);
  harness.advance(0.5);
  await harness.run('deadline');
  harness.simulator.reinstate(buyer.agreement);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5']);
  await usage.expectAllMetered();
});

it.each([
  { finalHourOpenedBy: 'ended', deprovisioned: '11:20', billed: false },
  { finalHourOpenedBy: 'deprovisioned', deprovisioned: '11:20', billed: true },
  { finalHourOpenedBy: 'endedUntilDeprovisioned', deprovisioned: '12:10', billed: false },
] as const)(
  'whoever opens the hour ($finalHourOpenedBy): what AWS takes in it is billed, what it does not is set apart, and trying outlasts each',
  async ({ finalHourOpenedBy, deprovisioned, billed }) => {
    const switches = { finalHourOpenedBy, deprovisionedAfterMs: 10 * 60_000 };
    const { harness, usage } = await open({ simulator: { switches } });
    const buyer = await ledger.activeBuyer();
    await ledger.record(buyer, 5);
    harness.clock.set(new Date('2026-11-11T11:10:00Z'));
    await ledger.record(buyer, 3);
    harness.simulator.end(buyer.agreement);
    await ledger.hear('agreement.ended', buyer.agreement);
    harness.clock.set(new Date('2026-11-11T11:12:00Z'));
    // The closed hour goes out, the running one meets an AWS that is away for most of the hour.
    await harness.run('seal');
    await harness.database.query(`UPDATE marketplace.metering_record SET next_attempt_at = 'infinity' WHERE quantity = 3`);
    await harness.run('submit');
    expect(ledger.bill(buyer)).toEqual(['10h 5']);
    harness.clock.set(new Date(`2026-11-11T${deprovisioned}:00Z`));
    await ledger.hear('license.deprovisioned', buyer.agreement);
    await harness.run('seal');
    harness.clock.set(new Date('2026-11-11T12:15:00Z'));
    await harness.run('seal', 'deadline');
    await harness.database.query(`UPDATE marketplace.metering_record SET next_attempt_at = clock_timestamp() WHERE quantity = 3`);
    await harness.settle(3);
    expect(ledger.bill(buyer)).toEqual(billed ? ['10h 5', '11h 3'] : ['10h 5']);
    await ledger.close();
    await ledger.expectState(buyer, 'ended');
    expect(await usage.expectAllAccounted()).toEqual(billed ? { metered: 8 } : { metered: 5, held: 3 });
  },
);

describe('an end that is taken back', () => {
  it('within the hour: plain deadlines again, alerts armed anew, no unit lost or doubled', async () => {
    const { harness, usage } = await open();
    const buyer = await ledger.activeBuyer();
    await ledger.record(buyer, 5);
    harness.simulator.suspend(buyer.agreement);
    await ledger.hear('subscription.unsubscribePending', buyer.agreement);
    await harness.settle(2);
    await harness.run('deadline');
    const [near] = await ledger.records(buyer);
    expect(near?.deadline_alerted_at).not.toBeNull();
    expect(await ledger.alerts('deadlineNear')).toHaveLength(1);

    harness.advance(0.3);
    await ledger.hear('subscription.succeeded', buyer.agreement);
    await ledger.record(buyer, 3);
    await harness.run('seal', 'deadline');
    const [plain] = await ledger.records(buyer);
    expect(plain).toMatchObject({
      due_at: new Date('2026-11-12T10:00:00Z'),
      cutoff_at: new Date('2026-11-12T11:00:00Z'),
      deadline_alerted_at: null,
    });
    expect(await ledger.alerts('deadlineNear')).toEqual([]);
    await ledger.expectState(buyer, 'active');
    harness.simulator.reinstate(buyer.agreement);
    harness.advance(2);
    await ledger.record(buyer, 2);
    await harness.settle();
    harness.advance(1);
    await harness.settle();
    // What came after the flush of the running hour went with the next one.
    expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 3', '12h 2']);
    await usage.expectAllMetered();
  });

  it('while its closing is at hand: nothing is closed before the message is committed, and nothing after', async () => {
    const { harness, usage } = await open();
    const buyer = await ledger.activeBuyer();
    await ledger.record(buyer, '5.5');
    await ledger.hear('subscription.unsubscribePending', buyer.agreement);
    await harness.settle();
    harness.advance(1.1);
    const runner = harness.database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(
      `UPDATE marketplace.subscription SET state = 'active', ends_at = NULL, first_end_sign_at = NULL, last_end_sign_at = NULL, life_changed = true WHERE id = $1`,
      [buyer.id],
    );
    await harness.run('seal');
    expect(await ledger.fates(buyer)).toEqual(['10h 5 metered']);
    await runner.commitTransaction();
    await runner.release();
    await harness.run('seal');
    await ledger.expectState(buyer, 'active');
    await ledger.record(buyer, '0.5');
    harness.advance(2);
    await harness.settle();
    expect(await ledger.fates(buyer)).toEqual(['10h 5 metered', '11h 1 metered']);
    await usage.expectAllMetered();
  });
});

it('an end sets free what AWS had refused before: the last hour is the last chance', async () => {
  const { harness, usage } = await open();
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.advance(1.2);
  await harness.settle();
  harness.simulator.suspend(buyer.agreement);
  await ledger.record(buyer, 3);
  harness.advance(1);
  await harness.settle();
  expect(await ledger.fates(buyer)).toContain('11h 3 blocked notSubscribed');
  harness.simulator.reinstate(buyer.agreement);
  await ends(buyer);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 3']);
  await usage.expectAllMetered();
});

it('a record that somebody is at right now is passed by; the change stays noted until it has followed', async () => {
  const { harness, usage } = await open();
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.advance(1.2);
  await harness.run('seal');
  const runner = harness.database.dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`SELECT 1 FROM marketplace.metering_record FOR UPDATE`);
  await ends(buyer);
  await harness.run('seal');
  expect(await ledger.subscription(buyer)).toMatchObject({ state: 'ending', life_changed: true });
  await runner.rollbackTransaction();
  await runner.release();
  await harness.settle();
  await ledger.expectState(buyer, 'ending');
  const [record] = await ledger.records(buyer);
  expect(record?.cutoff_at).toEqual(new Date(Date.parse('2026-11-11T11:22:00Z') + 3_600_000));
  await usage.expectAllMetered();
});

it('many end at once while AWS throttles, fails and loses answers: within the hour two replicas bill every unit once', async () => {
  const { harness, usage } = await open({ simulator: { switches: { identicalResend: 'duplicateRecord' } } });
  const other = await harness.replica({ options: { notifications: { eventBridgeSecrets: ['shared-with-eventbridge-0123456789'] } } });
  try {
    const buyers = await Promise.all(Array.from({ length: 20 }, () => ledger.activeBuyer()));
    for (const buyer of buyers) {
      await ledger.record(buyer, 2, { dimension: 'storage' });
      await ledger.record(buyer, 5);
    }
    harness.advance(1);
    for (const buyer of buyers) await ledger.record(buyer, 3);
    harness.simulator.faults.add({ kind: 'throttle', operation, probability: 0.2, count: 5 });
    harness.simulator.faults.add({ kind: 'error500After', operation, probability: 0.3, count: 4 });
    harness.simulator.faults.add({ kind: 'resetAfter', operation, probability: 0.3, count: 4 });
    harness.simulator.faults.add({ kind: 'unprocessed', operation, probability: 0.3, count: 4, subset: 2, afterEffect: false });
    for (const buyer of buyers) await ends(buyer);
    await Promise.all([harness.run('seal'), other.run('seal')]);
    for (let round = 0; round < 5; round += 1) await Promise.all([harness.settle(3), other.settle(3)]);
    harness.simulator.faults.clear();
    await harness.settle(100);
    await usage.expectAllMetered();
    await ledger.close();
    for (const buyer of buyers) await ledger.expectState(buyer, 'ended');
    await usage.expectAllMetered();
  } finally {
    await other.stop();
  }
});
