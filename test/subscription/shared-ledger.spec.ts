import { afterAll, afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { noteListed } from '../../src/metering/sealing/listed-products.sql.js';
import { agreed, hear, licensed, said } from './heard.js';
import { rowsOf } from './chain-views.js';
import { dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from './rooms.js';

// Two services of one seller share a ledger, and each lists a product of its own: neither closes what the other must
// tell a person, as long as the other runs.

const product = (productCode: string): { productCode: string; dimensions: string[] } => ({
  productCode,
  dimensions: ['requests'],
});

let own: Rooms;
let other: Rooms;
beforeEach(async () => {
  own = await Rooms.open({ products: [product(LICENSE_PRODUCT)] });
  other = await own.replica({ products: [{ ...product(LEGACY_PRODUCT), identity: 'legacy' }] });
  await other.catalog.sync();
  await run();
});
afterEach(async () => {
  await other.close();
  await own.close();
});
afterAll(dropDatabaseOfSuite);

/** As their sealing does. */
async function run(services: readonly Rooms[] = [own, other]): Promise<void> {
  for (const { database, options, clock } of services) {
    const productCodes = options.products.map(({ productCode }) => productCode);
    await database.transaction((tx) => noteListed(tx, options.sellerAccount, { productCodes, now: clock.now() }));
  }
}

let looks = 0;
/** A minute of machine time after the look before a process looks again at what is listed. */
async function lookAgain(service: Rooms): Promise<void> {
  looks += 1;
  const later = performance.now() + looks * 61_000;
  const machine = jest.spyOn(performance, 'now').mockImplementation(() => later);
  await service.messages.run();
  machine.mockRestore();
}

const raised = async (): Promise<number> =>
  (
    await own.query(`SELECT FROM marketplace.outbox_event WHERE seller_account = $1 AND type = 'alert.raised'`, [
      own.options.sellerAccount,
    ])
  ).length;

it('a conflict of the one’s buyer stays open while the other starts, and follows time', async () => {
  await hear(own, said('license.updated', '10:00', licensed('1')), said('license.updated', '11:30', licensed('2')));
  for (const [index, { id }] of (await rowsOf(own)).entries())
    await own.subscriptions.handOver(id, { tenantId: `tenant ${index}`, from: new Date(0) });
  await hear(
    own,
    said('agreement.created', '11:30', agreed('2'), {
      ...{ intent: 'REPLACE', startTime: '2026-11-18T11:30:00Z', previousAgreementId: 'agmt-1' },
    }),
  );
  expect(await own.alertKinds()).toContain('chainConflict');
  const before = await own.alertKinds();
  await own.query(`UPDATE marketplace.subscription SET next_change_at = $2 WHERE seller_account = $1`, [
    own.options.sellerAccount,
    own.clock.now().toISOString(),
  ]);
  await other.messages.run();
  await lookAgain(other);
  expect(await own.alertKinds()).toEqual(before);
  // Where nobody lists the product for an hour, nobody is told of it any more.
  own.clock.advance(HOUR_MS + 1);
  await run([other]);
  await lookAgain(other);
  expect(await own.alertKinds()).toEqual([]);
});

it('what waits for the one’s buyers stands in one alert, which the other does not close', async () => {
  await hear(own, said('agreement.amended', '11:00', { productCode: LICENSE_PRODUCT, agreementId: 'agmt-unheard-of' }));
  own.clock.advance(HOUR_MS);
  await run();
  for (let round = 0; round < 3; round += 1) {
    await own.reconciliation.run();
    await other.reconciliation.run();
    expect(await own.alertKinds()).toEqual(['contradiction']);
  }
  expect(await raised()).toBe(1);
});

it('what AWS says against itself of the one’s subscription stays open when the other asks', async () => {
  await hear(own, said('license.updated', '11:00', licensed('1')));
  const [row] = await rowsOf(own);
  await own.alerts.raise(own.database, {
    ...{ kind: 'contradiction', subject: row!.id, severity: 'critical', message: 'ACTIVE, and refused' },
  });
  await other.reconciliation.run();
  expect(await own.alertKinds()).toEqual(['contradiction']);
});
