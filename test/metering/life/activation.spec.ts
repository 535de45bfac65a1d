import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { PRODUCT_CODE } from '../../support/ledger-harness.js';
import { LifeLedger } from './life-ledger.js';

let ledger: LifeLedger;
beforeEach(async () => {
  ledger = await LifeLedger.open();
});
afterEach(() => ledger.stop());

it('usage recorded before the activation waits, and is billed with the first billable hour', async () => {
  const { harness, usage } = ledger;
  const agreement = harness.simulator.subscribe({ productCode: PRODUCT_CODE, startsAt: new Date('2026-11-11T12:00:00Z') });
  const buyer = { id: await harness.register(agreement), agreement };
  await ledger.record(buyer, 5);
  harness.advance(1.5);
  await harness.settle();
  expect(await ledger.records(buyer)).toEqual([]);
  harness.clock.set(new Date('2026-11-11T12:05:00Z'));
  await ledger.hear('license.updated', agreement);
  await ledger.record(buyer, 2);
  harness.advance(1.2);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['12h 7']);
  expect(await ledger.alerts('notActivated')).toEqual([]);
  await ledger.expectState(buyer, 'active');
  await usage.expectAllMetered();
});

it('an activation that nobody tells of: what would be lost is sent at the last moment, with an alert, and AWS decides', async () => {
  const { harness, usage } = ledger;
  const buyer = await harness.subscribe();
  await ledger.record(buyer, 5);
  harness.advance(1);
  await ledger.record(buyer, 3);
  harness.advance(19.9);
  await harness.settle();
  expect(await ledger.records(buyer)).toEqual([]);
  harness.advance(0.2);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5']);
  expect(await ledger.alerts('notActivated')).toEqual([buyer.id]);
  // That AWS takes usage is the word that it is active: nothing waits any more.
  await harness.run('inbox');
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 3']);
  expect(await ledger.alerts('notActivated')).toEqual([]);
  await ledger.expectState(buyer, 'active');
  await usage.expectAllMetered();
});

it('a purchase that fails has nothing sealed, a person is told once, and a later purchase bills it all', async () => {
  const { harness, usage } = ledger;
  const buyer = await harness.subscribe();
  await ledger.record(buyer, 5);
  await ledger.hear('subscription.failed', buyer.agreement);
  harness.advance(2);
  await harness.settle();
  expect(await ledger.alerts('notActivated')).toEqual([]);
  harness.advance(30);
  await harness.settle();
  await harness.settle();
  expect(await ledger.alerts('notActivated')).toEqual([buyer.id]);
  expect(await ledger.records(buyer)).toEqual([]);
  expect(await harness.database.query(`SELECT count(*)::int AS told FROM marketplace.outbox_event WHERE type = 'alert.raised'`)).toEqual([
    { told: 1 },
  ]);
  await harness.expectConserved();

  await ledger.hear('subscription.succeeded', buyer.agreement);
  harness.advance(1.5);
  await harness.settle();
  expect(await ledger.alerts('notActivated')).toEqual([]);
  await usage.expectAllMetered();
});

it('an end that comes after a failed purchase has its usage tried once more, and set apart', async () => {
  const { harness } = ledger;
  const buyer = await harness.subscribe();
  await ledger.record(buyer, 5);
  await ledger.hear('subscription.failed', buyer.agreement);
  harness.simulator.suspend(buyer.agreement);
  harness.advance(30);
  await harness.subscriptions.end(buyer.id);
  await harness.settle(2);
  expect(await ledger.fates(buyer)).toEqual(['15h 5 pending finalHour']);
  await ledger.close();
  expect(await ledger.fates(buyer)).toEqual(['15h 5 expired held']);
  await ledger.expectState(buyer, 'ended');
});

it('refused usage of a suspended buyer is sent again when AWS takes the suspicion back, also by a life that is told late', async () => {
  const { harness, usage } = ledger;
  const buyer = await ledger.activeBuyer();
  await ledger.record(buyer, 5);
  harness.advance(1.2);
  await harness.settle();
  harness.simulator.suspend(buyer.agreement);
  await ledger.hear('advisory.issued', buyer.agreement);
  await ledger.record(buyer, 3);
  harness.advance(1);
  await harness.settle();
  expect(await ledger.fates(buyer)).toEqual(['10h 5 metered', '11h 3 blocked notSubscribed']);
  await ledger.expectState(buyer, 'suspended');
  harness.simulator.reinstate(buyer.agreement);
  await ledger.hear('advisory.resolved', buyer.agreement);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['10h 5', '11h 3']);
  await usage.expectAllMetered();
});

it('the patience with a subscription that AWS does not know yet counts from its activation', async () => {
  const { harness } = ledger;
  const buyer = await harness.subscribe();
  harness.simulator.suspend(buyer.agreement);
  harness.advance(40);
  await ledger.hear('license.updated', buyer.agreement);
  await ledger.record(buyer, 4);
  harness.advance(2);
  await harness.settle(2);
  expect(await ledger.fates(buyer)).toEqual(['02h 4 pending notSubscribedYet']);
  harness.simulator.reinstate(buyer.agreement);
  await harness.settle();
  expect(ledger.bill(buyer)).toEqual(['02h 4']);
});
