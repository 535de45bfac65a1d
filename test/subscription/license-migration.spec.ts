import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sealRecord } from './sealed-record.js';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, NOON, Rooms } from './rooms.js';

const CUT_OVER = new Date(NOON.getTime() + 24 * HOUR_MS);

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open({ switches: { legacyLicenseArn: 'absent' } });
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

async function legacyCustomer(accountId?: string): Promise<string> {
  const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT, ...(accountId === undefined ? {} : { accountId }) });
  return (await rooms.registration.inspect(await rooms.arrive(agreement))).subscriptionId;
}

const licenseFroms = async (): Promise<(Date | null)[]> =>
  (
    await rooms.query<{ license_from: Date | null }>(
      `SELECT license_from FROM marketplace.subscription WHERE seller_account = $1 ORDER BY id`,
      [rooms.options.sellerAccount],
    )
  ).map((row) => row.license_from);

describe('moving a product to licenses', () => {
  it('reports in a dry run what it would do, and writes nothing', async () => {
    await legacyCustomer();
    const report = await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER, dryRun: true });
    expect(report).toMatchObject({ dryRun: true, complete: true, counts: { moved: 1 } });
    expect(await licenseFroms()).toEqual([null]);
  });

  it('takes up each subscription once; called again it moves those that came since, and keeps the hours that stand', async () => {
    await legacyCustomer();
    expect(await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER })).toMatchObject({ counts: { moved: 1 }, complete: true });
    await legacyCustomer();
    const later = new Date(CUT_OVER.getTime() + HOUR_MS);
    expect(await rooms.migration.move(LEGACY_PRODUCT, { cutOver: later })).toMatchObject({ counts: { moved: 1, movedBefore: 1 } });
    expect(await licenseFroms()).toEqual([CUT_OVER, later]);
  });

  it('is resumed after a crash in the middle, by any replica', async () => {
    for (let buyer = 0; buyer < 5; buyer += 1) await legacyCustomer();
    const other = await rooms.replica();
    const reports = await Promise.all([rooms, other].map((replica) => replica.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER })));
    expect(reports.reduce((sum, { counts }) => sum + counts.moved, 0)).toBe(5);
    expect(await licenseFroms()).toEqual(Array(5).fill(CUT_OVER));
    await other.close();
  });

  it('leaves a subscription whose license nobody tells, and says what is missing', async () => {
    rooms.simulator.faults.add({ operation: 'SearchAgreements', kind: 'accessDenied' });
    const id = await legacyCustomer();
    const report = await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER });
    expect(report).toMatchObject({ complete: false, open: [{ subscriptionId: id, outcome: 'licenseUnknown' }] });
    expect(await licenseFroms()).toEqual([null]);
  });

  it('decides nothing where the buyer has several agreements', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT, accountId: agreement.accountId });
    await rooms.arrive(agreement);
    expect(await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER })).toMatchObject({ counts: { licenseAmbiguous: 1 } });
  });

  it('refuses an hour that may have been metered, or that was', async () => {
    const id = await legacyCustomer();
    for (const cutOver of [NOON, new Date(NOON.getTime() + 90 * 60_000), new Date(Number.NaN)]) {
      expect(await codeOf(rooms.migration.move(LEGACY_PRODUCT, { cutOver }))).toBe('CUT_OVER_INVALID');
    }
    expect(await codeOf(rooms.migration.move('nothing', { cutOver: CUT_OVER }))).toBe('PRODUCT_UNKNOWN');
    await sealRecord(rooms, id, CUT_OVER);
    expect(await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER })).toMatchObject({ counts: { hourSealed: 1 } });
  });

  it('lets the product follow when all its subscriptions have moved, and not before', async () => {
    const id = await legacyCustomer();
    await sealRecord(rooms, id, NOON);
    const byLicense = [{ productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'license' as const }];
    const tooEarly = await rooms.replica({ products: byLicense });
    expect(await codeOf(tooEarly.catalog.sync())).toBe('PRODUCT_PINNED');
    await tooEarly.close();
    await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER });
    const moved = await rooms.replica({ products: byLicense });
    await moved.catalog.sync();
    await moved.close();
  });

  it('takes a second agreement of a customer who was moved for a subscription of its own, by license from its first hour', async () => {
    rooms.simulator.setSwitches({ legacyLicenseArn: 'present' });
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    await rooms.arrive(agreement);
    await rooms.migration.move(LEGACY_PRODUCT, { cutOver: CUT_OVER });
    await rooms.arrive(rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT, accountId: agreement.accountId }));
    expect(await licenseFroms()).toEqual([CUT_OVER, NOON]);
  });
});
