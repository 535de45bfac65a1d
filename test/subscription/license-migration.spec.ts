import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement, type SubscribeOptions } from 'aws-marketplace-simulator';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, NOON, Rooms } from './rooms.js';

const CUT_OVER = new Date(NOON.getTime() + 24 * HOUR_MS);

const UNHURRIED = {
  callsPerSecond: { getEntitlements: 1000, searchAgreements: 1000, describeAgreement: 1000, getAgreementTerms: 1000 },
};

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open({ aws: UNHURRIED, switches: { legacyLicenseArn: 'absent' } });
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

/** A contract: GetEntitlements tells its license, by which the entity id of the listing is learned, too. */
const CONTRACT = { entitlements: [{ dimension: 'seats', value: 3 }] };

async function legacyCustomer(
  options: Partial<SubscribeOptions> = CONTRACT,
): Promise<{ id: string; agreement: Agreement }> {
  const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT, ...options });
  return { id: (await rooms.registration.inspect(await rooms.arrive(agreement))).subscriptionId, agreement };
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
    const report = await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER, dryRun: true });
    expect(report).toMatchObject({ dryRun: true, complete: true, counts: { moved: 1 } });
    expect(await licenseFroms()).toEqual([null]);
  });

  it('takes up each subscription once; called again it moves those that came since, and keeps the hours that stand', async () => {
    await legacyCustomer();
    expect(await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })).toMatchObject({
      counts: { moved: 1 },
      complete: true,
    });
    await legacyCustomer();
    const later = new Date(CUT_OVER.getTime() + HOUR_MS);
    expect(await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: later })).toMatchObject({
      counts: { moved: 1, movedBefore: 1 },
    });
    expect(await licenseFroms()).toEqual([CUT_OVER, later]);
  });

  it('is resumed after a crash in the middle, by any replica', async () => {
    for (let buyer = 0; buyer < 5; buyer += 1) await legacyCustomer();
    const other = await rooms.replica();
    const reports = await Promise.all(
      [rooms, other].map((replica) => replica.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })),
    );
    expect(reports.reduce((sum, { counts }) => sum + counts.moved, 0)).toBe(5);
    expect(await licenseFroms()).toEqual(Array(5).fill(CUT_OVER));
    await other.close();
  });

  it('leaves a subscription whose license nobody tells, and says what is missing', async () => {
    for (const operation of ['SearchAgreements', 'GetEntitlements'] as const)
      rooms.simulator.faults.add({ operation, kind: 'accessDenied' });
    const { id } = await legacyCustomer();
    const report = await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER });
    expect(report).toMatchObject({ complete: false, open: [{ subscriptionId: id, outcome: 'licenseUnknown' }] });
    expect(await licenseFroms()).toEqual([null]);
  });

  it('says so where AWS gives no answer, and moves at the next call', async () => {
    await legacyCustomer();
    rooms.simulator.faults.add({ operation: 'SearchAgreements', kind: 'error500Before', count: 1 });
    expect(await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })).toMatchObject({
      counts: { awsUnavailable: 1 },
      complete: false,
    });
    expect(await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })).toMatchObject({
      counts: { moved: 1 },
      complete: true,
    });
  });

  it('M15: finds license and agreement through entitlements, and the agreements of a listing that sells usage alone by its entity id', async () => {
    const { id, agreement } = await legacyCustomer();
    rooms.simulator.subscribe({ productCode: 'not-listed-here', accountId: agreement.accountId });
    const usage = await legacyCustomer({});
    const report = await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER });
    expect(report).toMatchObject({ counts: { moved: 2 }, complete: true });
    expect((await rooms.subscriptions.get(id))?.current).toMatchObject({
      agreementId: agreement.agreementId,
      licenseArn: agreement.licenseArn,
    });
    expect((await rooms.subscriptions.get(usage.id))?.current?.licenseArn).toBe(usage.agreement.licenseArn);
  });

  it('refuses an hour that may have been metered', async () => {
    for (const cutOver of [NOON, new Date(NOON.getTime() + 90 * 60_000), new Date(Number.NaN)]) {
      expect(await codeOf(rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver }))).toBe('CUT_OVER_INVALID');
    }
    expect(await codeOf(rooms.migration.move('nothing', { by: 'ada', cutOver: CUT_OVER }))).toBe('PRODUCT_UNKNOWN');
  });

  it('stops where it is told to, and goes on at the next call', async () => {
    for (let n = 0; n < 3; n += 1) await legacyCustomer();
    const stop = new AbortController();
    const seen: number[] = [];
    const onProgress = (done: number): void => {
      seen.push(done);
      if (done === 2) stop.abort();
    };
    const first = await rooms.migration.move(LEGACY_PRODUCT, {
      by: 'ada',
      cutOver: CUT_OVER,
      onProgress,
      signal: stop.signal,
    });
    expect([seen, first.counts.moved, first.complete]).toEqual([[1, 2], 2, false]);
    expect(await rooms.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })).toMatchObject({
      counts: { moved: 1, movedBefore: 2 },
      complete: true,
    });
  });
});

describe('M16: subscriptions are moved within AWS’s quotas', () => {
  it('by two replicas at once, and none is given up', async () => {
    await rooms.close();
    const quotas = {
      SearchAgreements: 5,
      DescribeAgreement: 5,
      GetAgreementTerms: 5,
      GetEntitlements: 20,
      ResolveCustomer: 0,
    };
    rooms = await Rooms.open({ switches: { legacyLicenseArn: 'absent' }, simulator: { callsPerSecond: quotas } });
    for (let n = 0; n < 20; n += 1) await legacyCustomer();
    const other = await rooms.replica();
    const reports = await Promise.all(
      [rooms, other].map((replica) => replica.migration.move(LEGACY_PRODUCT, { by: 'ada', cutOver: CUT_OVER })),
    );
    expect(reports.map(({ complete }) => complete)).toEqual([true, true]);
    expect(reports.reduce((sum, { counts }) => sum + counts.moved, 0)).toBe(20);
    expect(await licenseFroms()).toEqual(Array(20).fill(CUT_OVER));
    await other.close();
  }, 180_000);
});
