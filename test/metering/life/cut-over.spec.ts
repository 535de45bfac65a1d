import { afterEach, expect, it } from '@jest/globals';
import { type Switches } from 'aws-marketplace-simulator';
import { type Buyer, FOLLOWING, LifeLedger } from './life-ledger.js';

const LEGACY = 'larkspur-legacy';
let ledger: LifeLedger;
afterEach(() => ledger.stop());

async function legacyBuyer(switches: Partial<Switches> = {}): Promise<Buyer> {
  const products = [{ productCode: LEGACY, identity: 'legacy' as const, dimensions: ['requests'], zeroRecords: 'off' as const }];
  ledger = await LifeLedger.open({ options: { ...FOLLOWING, products }, simulator: { switches } });
  ledger.harness.simulator.createProduct({ productCode: LEGACY, identity: 'legacy', dimensions: ['requests'] });
  const buyer = await ledger.harness.subscribe(LEGACY);
  await ledger.harness.database.query(
    `UPDATE marketplace.subscription SET state = 'active', activated_at = registered_at, life_changed = true WHERE id = $1`,
    [buyer.id],
  );
  return buyer;
}

/** '10h legacy 5' */
const bill = (): string[] =>
  ledger.harness.simulator.bill().map(({ identity, hour, quantity }) => `${hour.slice(11, 13)}h ${identity} ${quantity}`);

const cutOver = (buyer: Buyer, hour: string): Promise<unknown> =>
  ledger.harness.database.query(`UPDATE marketplace.subscription SET license_from = $2 WHERE id = $1`, [buyer.id, hour]);

it('moves a subscription from ProductCode to license at an hour; none is billed under both, and late usage comes under the license', async () => {
  const buyer = await legacyBuyer();
  const { harness, usage } = ledger;
  await ledger.record(buyer, 1);
  await cutOver(buyer, '2026-11-11T12:00:00Z');
  harness.advance(1.2);
  await ledger.record(buyer, 2);
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1']);
  harness.advance(1);
  await ledger.record(buyer, 4);
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1', '11h legacy 2']);
  harness.advance(1);
  await ledger.record(buyer, 8, { occurredAt: new Date('2026-11-11T09:30:00Z') });
  await ledger.record(buyer, 16, { occurredAt: new Date('2026-11-11T11:30:00Z') });
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1', '11h legacy 2', '12h license 28']);
  await usage.expectAllMetered();
});

it('sends a record that was sealed under the old identity as it was sealed, also after the cut-over, and never beside one of the new', async () => {
  const buyer = await legacyBuyer({ identicalResend: 'duplicateRecord' });
  const { harness, usage } = ledger;
  await ledger.record(buyer, 1);
  await cutOver(buyer, '2026-11-11T11:00:00Z');
  harness.advance(1.2);
  harness.simulator.faults.add({ kind: 'resetAfter', count: 1 });
  await harness.run('seal', 'submit');
  await ledger.record(buyer, 2);
  harness.advance(1);
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1', '11h license 2']);
  await usage.expectAllMetered();
});

it('waits unsealed while the license of the new hours is not known', async () => {
  const buyer = await legacyBuyer({ legacyLicenseArn: 'absent' });
  const { harness, usage } = ledger;
  await ledger.record(buyer, 1);
  await cutOver(buyer, '2026-11-11T11:00:00Z');
  harness.advance(1.2);
  await ledger.record(buyer, 2);
  await harness.settle();
  harness.advance(1);
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1']);
  expect(await ledger.alerts('identityMissing')).toEqual([buyer.id]);
  await harness.database.query(`UPDATE marketplace.subscription SET license_arn = $2 WHERE id = $1`, [
    buyer.id,
    buyer.agreement.licenseArn,
  ]);
  await harness.settle();
  expect(bill()).toEqual(['10h legacy 1', '11h license 2']);
  expect(await ledger.alerts('identityMissing')).toEqual([]);
  await usage.expectAllMetered();
});
