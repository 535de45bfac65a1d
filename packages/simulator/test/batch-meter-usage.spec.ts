import { BatchMeterUsageCommand, type UsageAllocation, type UsageRecord } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Switches } from '../src/index.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { hourMs, noon, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const iso = (text: string): Date => new Date(`2026-${text}Z`);
const switched = (switches: Partial<Switches>) => startMetering({ switches });

describe('BatchMeterUsage: what is accepted', () => {
  it('bills a record, echoes it with its fraction of a second and gives it an id', async () => {
    const { sim, agreement, listing, record, meter } = await startMetering();
    const sent = record({ Timestamp: iso('11-18T11:10:05.250') });
    const { Results: results, UnprocessedRecords: unprocessed } = await meter(sent);
    expect(results).toEqual([{ UsageRecord: sent, MeteringRecordId: expect.any(String), Status: 'Success' }]);
    expect(unprocessed).toEqual([]);
    expect(sim.bill()).toEqual([
      {
        operation: 'BatchMeterUsage',
        productCode: listing.productCode,
        region: 'us-east-1',
        identity: 'license',
        agreementId: agreement.agreementId,
        licenseArn: agreement.licenseArn,
        customerAWSAccountId: agreement.accountId,
        dimension: 'users',
        hour: '2026-11-18T11:00:00.000Z',
        quantity: 5,
        meteringRecordId: results?.[0]?.MeteringRecordId,
      },
    ]);
  });

  it('bills a quantity of zero, and a missing one as zero, as real records', async () => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record({ Quantity: 0 }), record({ Quantity: undefined, Dimension: 'gigabytes' }))).toBe(
      'Success Success',
    );
    expect(sim.bill().map((line) => line.quantity)).toEqual([0, 0]);
    expect(await outcome(record({ Quantity: 9 }))).toBe('DuplicateRecord');
  });

  it('keeps two agreements of one account apart', async () => {
    const { sim, agreement, listing, record, outcome } = await startMetering();
    const second = sim.subscribe({
      productCode: listing.productCode,
      accountId: agreement.accountId,
      startsAt: agreement.startsAt,
    });
    expect(await outcome(record(), record({ Quantity: 7 }, second))).toBe('Success Success');
    expect(sim.bill({ agreementId: second.agreementId }).map((line) => line.quantity)).toEqual([7]);
  });

  it('takes an empty list and a full one', async () => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome()).toBe('');
    const hours = Array.from({ length: 23 }, (_, hour) =>
      record({ Timestamp: new Date(noon.getTime() - hour * hourMs) }),
    );
    expect(await outcome(...hours, record({ Dimension: 'gigabytes' }))).toBe(Array(24).fill('Success').join(' '));
    expect(sim.bill()).toHaveLength(24);
  });
});

describe('BatchMeterUsage: one record per grain', () => {
  it('lets the first write win: another quantity in the hour is a DuplicateRecord', async () => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record({ Timestamp: iso('11-18T11:00:00') }))).toBe('Success');
    expect(await outcome(record({ Timestamp: iso('11-18T11:59:59.999'), Quantity: 6 }))).toBe('DuplicateRecord');
    expect(await outcome(record({ Timestamp: iso('11-18T12:00:00'), Quantity: 6 }))).toBe('Success');
    expect(sim.bill().map((line) => line.quantity)).toEqual([5, 6]);
  });

  it('judges two records of one grain in one request like two requests', async () => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record(), record({ Quantity: 6 }), record())).toBe('Success DuplicateRecord Success');
    expect(sim.bill()).toHaveLength(1);
  });

  it('refuses two records of one grain in one request by switch, and bills neither', async () => {
    const { sim, record, outcome } = await switched({ duplicateInRequest: 'refused' });
    expect(await outcome(record(), record({ Dimension: 'gigabytes' }), record())).toBe('ValidationException');
    expect(sim.bill()).toEqual([]);
    expect(await outcome(record(), record({ Dimension: 'gigabytes' }))).toBe('Success Success');
    expect(await outcome(record())).toBe('Success');
  });

  it.each([
    ['success', 'Success'],
    ['duplicateRecord', 'DuplicateRecord'],
  ] as const)('answers an identical resend by switch: %s', async (identicalResend, status) => {
    const { sim, record, meter } = await switched({ identicalResend });
    const first = (await meter(record())).Results?.[0];
    const again = (await meter(record())).Results?.[0];
    expect(again?.Status).toBe(status);
    expect(again?.MeteringRecordId).toBe(status === 'Success' ? first?.MeteringRecordId : undefined);
    expect(sim.bill()).toHaveLength(1);
  });

  it('answers an identical resend under a new id by switch, and bills it once', async () => {
    const { sim, record, meter } = await switched({ resentMeteringRecordId: 'new' });
    const first = (await meter(record())).Results?.[0];
    const again = (await meter(record())).Results?.[0];
    expect(again).toMatchObject({ Status: 'Success', MeteringRecordId: expect.any(String) });
    expect(again?.MeteringRecordId).not.toBe(first?.MeteringRecordId);
    expect(sim.bill()).toHaveLength(1);
  });

  it('names the original record of a duplicate by switch', async () => {
    const { record, meter } = await switched({ duplicateMeteringRecordId: 'original' });
    const first = (await meter(record())).Results?.[0];
    const conflict = (await meter(record({ Quantity: 6 }))).Results?.[0];
    expect(conflict).toMatchObject({ Status: 'DuplicateRecord', MeteringRecordId: first?.MeteringRecordId });
  });

  it.each([
    ['identical', 'Success'],
    ['duplicateRecord', 'DuplicateRecord'],
  ] as const)('answers other allocations of the same quantity by switch: %s', async (otherAllocations, status) => {
    const { record, outcome } = await switched({ otherAllocations });
    const split = (first: number) => [
      { AllocatedUsageQuantity: first, Tags: [{ Key: 'team', Value: 'a' }] },
      { AllocatedUsageQuantity: 5 - first },
    ];
    expect(await outcome(record({ UsageAllocations: split(2) }))).toBe('Success');
    expect(await outcome(record({ UsageAllocations: split(2).reverse() }))).toBe('Success');
    expect(await outcome(record({ UsageAllocations: split(3) }))).toBe(status);
  });

  it('deduplicates per region: the same hour in two regions is billed twice', async () => {
    const { sim, record, outcome } = await startMetering();
    const ireland = meteringClient(sim.url, { region: 'eu-west-1' });
    expect(await outcome(record())).toBe('Success');
    await ireland.send(new BatchMeterUsageCommand({ UsageRecords: [record()] }));
    ireland.destroy();
    expect(sim.bill().map((line) => line.region)).toEqual(['us-east-1', 'eu-west-1']);
  });

  it.each([
    ['request', ['a', 'b', 'c']],
    ['reversed', ['c', 'b', 'a']],
  ] as const)('answers in the order of the switch: %s', async (resultOrder, expected) => {
    const { sim, listing, meter, record } = await switched({ resultOrder });
    const other = sim.createProduct({ dimensions: ['a', 'b', 'c'] });
    const agreement = sim.subscribe({ productCode: other.productCode, startsAt: new Date(0) });
    const { Results: results } = await meter(...['a', 'b', 'c'].map((Dimension) => record({ Dimension }, agreement)));
    expect(results?.map((result) => result.UsageRecord?.Dimension)).toEqual(expected);
    expect(listing.productCode).not.toBe(other.productCode);
  });

  it('shuffles by the seed, so that a run can be repeated', async () => {
    const orders = [];
    for (const seed of [1, 1, 2]) {
      const { meter, record } = await startMetering({ seed, switches: { resultOrder: 'shuffled' } });
      const hours = Array.from({ length: 20 }, (_, hour) =>
        record({ Timestamp: new Date(noon.getTime() - hour * hourMs) }),
      );
      const { Results: results } = await meter(...hours);
      orders.push(results?.map((result) => result.UsageRecord?.Timestamp?.toISOString()));
    }
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).not.toEqual(orders[0]);
    expect([...(orders[2] ?? [])].sort()).toEqual([...(orders[0] ?? [])].sort());
  });
});

describe('BatchMeterUsage: who may be metered', () => {
  it('answers CustomerNotSubscribed while suspended, and Success after the reinstatement', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    sim.suspend(agreement);
    expect(await outcome(record())).toBe('CustomerNotSubscribed');
    expect(sim.bill()).toEqual([]);
    sim.reinstate(agreement.agreementId);
    expect(await outcome(record())).toBe('Success');
  });

  it('answers CustomerNotSubscribed for one record beside the Success of another', async () => {
    const { sim, listing, record, outcome } = await startMetering();
    const later = sim.subscribe({ productCode: listing.productCode, startsAt: new Date(noon.getTime() + hourMs) });
    expect(await outcome(record({}, later), record())).toBe('CustomerNotSubscribed Success');
    expect(sim.bill()).toHaveLength(1);
  });

  it.each([
    ['absent', 'undefined'],
    ['present', 'string'],
  ] as const)(
    'gives a record that is not subscribed an id by switch: %s',
    async (notSubscribedMeteringRecordId, type) => {
      const { sim, agreement, record, meter } = await switched({ notSubscribedMeteringRecordId });
      sim.suspend(agreement);
      const { Results: results } = await meter(record());
      expect(results?.map(({ Status, MeteringRecordId }) => [Status, typeof MeteringRecordId])).toEqual([
        ['CustomerNotSubscribed', type],
      ]);
      expect(sim.bill()).toEqual([]);
    },
  );

  it.each([
    ['accepted', 'Success'],
    ['refused', 'CustomerNotSubscribed'],
  ] as const)('takes final usage for an hour after the end by switch: %s', async (finalHour, status) => {
    const { sim, agreement, record, outcome } = await switched({ finalHour });
    sim.end(agreement, { at: new Date(noon.getTime() - hourMs + 1) });
    expect(await outcome(record())).toBe(status);
    sim.clock.advance(1);
    expect(await outcome(record({ Timestamp: iso('11-18T10:00:00') }))).toBe('CustomerNotSubscribed');
  });

  it.each([['InvalidLicenseException'], ['CustomerNotSubscribed']] as const)(
    'answers usage after the end, within the final hour, by switch: %s',
    async (usageAfterEnd) => {
      const { sim, agreement, record, outcome } = await switched({ usageAfterEnd });
      sim.end(agreement);
      sim.clock.advance(60_000);
      expect(await outcome(record({ Timestamp: noon }))).toBe(usageAfterEnd);
      expect(await outcome(record({ Timestamp: new Date(noon.getTime() - 1) }))).toBe('Success');
    },
  );

  it.each([
    ['TimestampOutOfBoundsException', 'TimestampOutOfBoundsException', 0],
    ['InvalidLicenseException', 'InvalidLicenseException', 0],
    ['CustomerNotSubscribed', 'CustomerNotSubscribed Success', 1],
  ] as const)('refuses usage before the start by switch: %s', async (usageBeforeStart, expected, lines) => {
    const { sim, listing, record, outcome } = await switched({ usageBeforeStart });
    const startsAt = iso('11-18T11:20:00');
    const young = sim.subscribe({ productCode: listing.productCode, startsAt });
    expect(await outcome(record({ Timestamp: iso('11-18T11:00:00') }, young), record())).toBe(expected);
    expect(sim.bill()).toHaveLength(lines);
    expect(await outcome(record({ Timestamp: startsAt }, young))).toBe('Success');
  });
});

describe('BatchMeterUsage: licenses', () => {
  const badLicenses: [string, (good: UsageRecord) => UsageRecord][] = [
    ['unknown', (good) => ({ ...good, LicenseArn: 'arn:aws:license-manager::111122223333:license:l-unknown' })],
    ['of another customer', (good) => ({ ...good, CustomerAWSAccountId: '999999999999' })],
  ];

  it.each(badLicenses)('sinks the whole batch when one license is %s', async (_, spoil) => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record(), spoil(record({ Dimension: 'gigabytes' })))).toBe('InvalidLicenseException');
    expect(sim.bill()).toEqual([]);
  });

  it.each(badLicenses)('refuses only the record whose license is %s, by switch', async (_, spoil) => {
    const { sim, record, outcome } = await switched({ badLicense: 'perRecord' });
    expect(await outcome(record(), spoil(record({ Dimension: 'gigabytes' })))).toBe('Success CustomerNotSubscribed');
    expect(sim.bill()).toHaveLength(1);
  });

  it.each([['wholeBatch'], ['perRecord']] as const)(
    'refuses licenses of two products in one call (badLicense %s)',
    async (badLicense) => {
      const { sim, record, outcome } = await switched({ badLicense });
      const other = sim.subscribe({
        productCode: sim.createProduct({ dimensions: ['users'] }).productCode,
        startsAt: new Date(0),
      });
      expect(await outcome(record(), record({}, other))).toBe('InvalidLicenseException');
      expect(sim.bill()).toEqual([]);
    },
  );

  it.each([
    ['required', 'ValidationException'],
    ['optional', 'Success'],
  ] as const)('wants the account beside the license by switch: %s', async (accountIdBesideLicenseArn, expected) => {
    const { record, outcome } = await switched({ accountIdBesideLicenseArn });
    expect(await outcome(record({ CustomerAWSAccountId: undefined }))).toBe(expected);
  });

  it('refuses the ways in which a license product is not metered', async () => {
    const { client, listing, agreement, record, outcome } = await startMetering();
    const byProductCode = { ...record({ LicenseArn: undefined }) };
    const send = (input: object) =>
      errorNameOf(client.send(new BatchMeterUsageCommand({ UsageRecords: [], ...input })));
    expect(await outcome(byProductCode)).toBe('ValidationException');
    expect(await send({ ProductCode: listing.productCode, UsageRecords: [byProductCode] })).toBe('ValidationException');
    expect(await send({ ProductCode: listing.productCode, UsageRecords: [record()] })).toBe('ValidationException');
    expect(await outcome(record({ CustomerIdentifier: 'x' }))).toBe('ValidationException');
    const eventForm = agreement.licenseArn.replace('arn:', '');
    expect(await outcome(record({ LicenseArn: eventForm }))).toBe('ValidationException');
  });

  it.each([['ValidationException'], ['InvalidParameterException']])(
    'names violations by the error of the switch: %s',
    async (constraintError) => {
      const { record, outcome } = await switched({ constraintError });
      expect(await outcome(record({ Dimension: '' }))).toBe(constraintError);
    },
  );
});

describe('BatchMeterUsage: legacy identity', () => {
  it('meters by ProductCode with either customer id, and takes both for one customer', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    const byIdentifier = record({ CustomerAWSAccountId: undefined, CustomerIdentifier: agreement.customerIdentifier });
    expect(await outcome(byIdentifier, record({ Quantity: 6 }))).toBe('Success DuplicateRecord');
    const { customerIdentifier, accountId } = agreement;
    expect(sim.bill()).toMatchObject([
      { identity: 'legacy', customerIdentifier, customerAWSAccountId: accountId, quantity: 5 },
    ]);
    expect(sim.bill()[0]).not.toHaveProperty('licenseArn');
  });

  it('refuses both customer ids, and neither', async () => {
    const { agreement, record, outcome } = await startMetering({}, 'legacy');
    expect(await outcome(record({ CustomerIdentifier: agreement.customerIdentifier }))).toBe('ValidationException');
    expect(await outcome(record({ CustomerAWSAccountId: undefined }))).toBe('ValidationException');
  });

  it.each([
    ['perRecord', 'CustomerNotSubscribed Success'],
    ['wholeBatch', 'InvalidCustomerIdentifierException'],
  ] as const)('answers an unknown CustomerIdentifier by switch: %s', async (unknownCustomerIdentifier, expected) => {
    const { record, outcome } = await startMetering({ switches: { unknownCustomerIdentifier } }, 'legacy');
    const unknown = record({ CustomerAWSAccountId: undefined, CustomerIdentifier: 'nobody' });
    expect(await outcome(unknown, record())).toBe(expected);
  });

  it('answers CustomerNotSubscribed for an unknown account, and after the end', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    expect(await outcome(record({ CustomerAWSAccountId: '999999999999' }))).toBe('CustomerNotSubscribed');
    sim.end(agreement, { at: noon });
    expect(await outcome(record({ Timestamp: noon }))).toBe('CustomerNotSubscribed');
    expect(await outcome(record())).toBe('Success');
    sim.clock.advance(hourMs);
    expect(await outcome(record({ Dimension: 'gigabytes' }))).toBe('CustomerNotSubscribed');
  });

  it('meters the agreement that runs when an older one of the account has ended', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    sim.end(agreement, { at: iso('11-18T11:31:00') });
    const second = sim.subscribe({ ...agreement, startsAt: iso('11-18T11:40:00') });
    expect(await outcome(record({ Timestamp: iso('11-18T12:00:00') }), record())).toBe('Success Success');
    expect(sim.bill().map((line) => line.agreementId)).toEqual([second.agreementId, agreement.agreementId]);
  });

  it('refuses an unknown product code', async () => {
    const { client, record } = await startMetering({}, 'legacy');
    const request = new BatchMeterUsageCommand({ ProductCode: 'prod-entityid', UsageRecords: [record()] });
    expect(await errorNameOf(client.send(request))).toBe('InvalidProductCodeException');
  });

  it('bills twice what is metered under both identities', async () => {
    const { sim, client, agreement, record, outcome } = await startMetering({}, 'legacy');
    expect(await outcome(record())).toBe('Success');
    await client.send(new BatchMeterUsageCommand({ UsageRecords: [record({ LicenseArn: agreement.licenseArn })] }));
    expect(sim.bill().map((line) => line.identity)).toEqual(['legacy', 'license']);
  });

  it.each([
    ['refused', 'ValidationException', 0],
    ['doubleBilled', 'Success', 2],
  ] as const)(
    'treats ProductCode together with LicenseArn by switch: %s',
    async (productCodeWithLicenseArn, expected, lines) => {
      const { sim, agreement, record, outcome } = await startMetering(
        { switches: { productCodeWithLicenseArn } },
        'legacy',
      );
      expect(await outcome(record({ LicenseArn: agreement.licenseArn }))).toBe(expected);
      expect(sim.bill()).toHaveLength(lines);
    },
  );
});

describe('BatchMeterUsage: dimensions and regions', () => {
  it.each([['unknown'], ['Users'], ['seats']])('refuses the dimension %s with the whole batch', async (Dimension) => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record(), record({ Dimension }))).toBe('InvalidUsageDimensionException');
    expect(sim.bill()).toEqual([]);
  });

  it('loses usage of an unknown dimension by switch: answered with Success, never billed', async () => {
    const { sim, record, meter } = await switched({ unknownDimension: 'dropped' });
    const { Results: results } = await meter(record({ Dimension: 'unknown' }), record());
    expect(results?.map(({ Status, MeteringRecordId }) => [Status, typeof MeteringRecordId])).toEqual([
      ['Success', 'string'],
      ['Success', 'string'],
    ]);
    expect(sim.bill().map(({ dimension }) => dimension)).toEqual(['users']);
  });

  it.each([
    ['all', 'no error'],
    ['us-east-1', 'DisabledApiException'],
  ] as const)('is on by default in the regions of the switch: %s', async (defaultRegions, expected) => {
    const { sim, record, outcome } = await switched({ defaultRegions });
    expect(await outcome(record())).toBe('Success');
    const ireland = meteringClient(sim.url, { region: 'eu-west-1' });
    expect(await errorNameOf(ireland.send(new BatchMeterUsageCommand({ UsageRecords: [record()] })))).toBe(expected);
    ireland.destroy();
  });

  it('answers DisabledApiException outside the regions of the product', async () => {
    const { sim, client } = await startMetering();
    const { productCode } = sim.createProduct({ dimensions: ['users'], regions: ['eu-west-1'] });
    const { licenseArn, accountId } = sim.subscribe({ productCode, startsAt: new Date(0) });
    const UsageRecords = [
      { Timestamp: noon, Dimension: 'users', LicenseArn: licenseArn, CustomerAWSAccountId: accountId },
    ];
    expect(await errorNameOf(client.send(new BatchMeterUsageCommand({ UsageRecords })))).toBe('DisabledApiException');
  });
});

describe('BatchMeterUsage: time', () => {
  it.each([
    ['24 h by default', {}, -24 * hourMs + 1, -24 * hourMs],
    ['6 h by switch', { lateWindowHours: 6 }, -6 * hourMs + 1, -6 * hourMs],
    ['back from the start of its hour by switch', { recordAge: 'hourStart' }, -23.5 * hourMs, -23.5 * hourMs - 1],
    ['from the start of the hour by switch', { lateWindowFrom: 'currentHour' }, -24.5 * hourMs, -24.5 * hourMs - 1],
    ['5 min into the future', {}, 300_000, 300_001],
    ['no skew by switch', { futureSkewMs: 0 }, 0, 1],
  ] as const)('takes usage up to its edge: %s', async (_, switches, inside, outside) => {
    const { sim, record, outcome } = await switched(switches);
    expect(await outcome(record({ Timestamp: new Date(noon.getTime() + inside) }))).toBe('Success');
    expect(await outcome(record(), record({ Timestamp: new Date(noon.getTime() + outside) }))).toBe(
      'TimestampOutOfBoundsException',
    );
    expect(sim.bill()).toHaveLength(1);
  });

  it.each([
    ['capOnly', '12-01T05:59:59.999', '11-30T23:00:00', 'Success'],
    ['capOnly', '12-01T06:00:00', '11-30T23:00:00', 'TimestampOutOfBoundsException'],
    ['capOnly', '12-01T06:00:00', '12-01T00:00:00', 'Success'],
    ['capOnly', '12-01T05:00:00', '11-30T04:00:00', 'TimestampOutOfBoundsException'],
    ['extends', '12-01T05:00:00', '11-30T04:00:00', 'Success'],
    ['extends', '12-01T06:00:00', '11-30T23:00:00', 'TimestampOutOfBoundsException'],
    ['extends', '12-02T05:00:00', '12-01T04:00:00', 'TimestampOutOfBoundsException'],
  ] as const)('closes the month (%s): at %s usage of %s is %s', async (monthEndGrace, now, timestamp, expected) => {
    const { sim, record, outcome } = await switched({ monthEndGrace });
    sim.clock.set(iso(now));
    expect(await outcome(record({ Timestamp: iso(timestamp) }))).toBe(expected);
  });
});

describe('BatchMeterUsage: constraints of the model', () => {
  const long = (length: number): string => 'x'.repeat(length);
  const refused: [string, { [K in keyof UsageRecord]?: unknown }, string][] = [
    ['no timestamp', { Timestamp: undefined }, 'ValidationException'],
    ['no dimension', { Dimension: undefined }, 'ValidationException'],
    ['an empty dimension', { Dimension: '' }, 'ValidationException'],
    ['a dimension of 256', { Dimension: long(256) }, 'ValidationException'],
    ['a negative quantity', { Quantity: -1 }, 'ValidationException'],
    ['a quantity of 2^31', { Quantity: 2_147_483_648 }, 'ValidationException'],
    ['a quantity with a fraction', { Quantity: 1.5 }, 'SerializationException'],
    ['an account with letters', { CustomerAWSAccountId: '12345678901x' }, 'ValidationException'],
    ['an empty account', { CustomerAWSAccountId: '' }, 'ValidationException'],
    ['an identifier of 256', { CustomerIdentifier: long(256) }, 'ValidationException'],
    ['an ARN in another form', { LicenseArn: 'l-123' }, 'ValidationException'],
    ['an empty list of allocations', { UsageAllocations: [] }, 'ValidationException'],
    [
      'an allocation without quantity',
      { UsageAllocations: [{ Tags: [{ Key: 'k', Value: 'v' }] }] },
      'ValidationException',
    ],
  ];

  it.each(refused)('refuses %s', async (_, fields, expected) => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record(), record(fields as Partial<UsageRecord>))).toBe(expected);
    expect(sim.bill()).toEqual([]);
  });

  it('refuses 26 records, a long product code and a missing list', async () => {
    const { client, record, outcome } = await startMetering();
    expect(await outcome(...Array.from({ length: 26 }, () => record()))).toBe('ValidationException');
    const send = (input: object) =>
      errorNameOf(client.send(new BatchMeterUsageCommand(input as { UsageRecords: UsageRecord[] })));
    expect(await send({ UsageRecords: [], ProductCode: long(256) })).toBe('ValidationException');
    expect(await send({ UsageRecords: [], ProductCode: 'a b' })).toBe('ValidationException');
    expect(await send({})).toBe('ValidationException');
  });

  it('takes the largest quantity and a dimension of 255', async () => {
    const { sim, record, meter } = await startMetering();
    const { productCode } = sim.createProduct({ dimensions: [long(255)] });
    const agreement = sim.subscribe({ productCode, startsAt: new Date(0) });
    await meter(record({ Dimension: long(255), Quantity: 2_147_483_647 }, agreement));
    expect(sim.bill()[0]?.quantity).toBe(2_147_483_647);
  });

  it('refuses a body of 1 MB, and takes one just below', async () => {
    const { sim, record, outcome } = await startMetering();
    const allocations = (count: number): UsageAllocation[] =>
      Array.from({ length: count }, (_, index) => ({
        AllocatedUsageQuantity: 1,
        Tags: [{ Key: 'k', Value: `${index}`.padEnd(256, 'v') }],
      }));
    const allocated = (count: number, Dimension: string): UsageRecord =>
      record({ Dimension, Quantity: count, UsageAllocations: allocations(count) });
    expect(await outcome(allocated(2500, 'users'), allocated(700, 'gigabytes'))).toBe('ValidationException');
    expect(await outcome(allocated(2500, 'users'), allocated(600, 'gigabytes'))).toBe('Success Success');
    sim.setSwitches({ bodyLimitBytes: 1_048_576, identicalResend: 'duplicateRecord' });
    const others = [allocated(2500, 'users'), allocated(700, 'gigabytes')];
    expect(await outcome(...others)).toBe('DuplicateRecord DuplicateRecord');
    expect(await outcome(...others, allocated(200, 'users'))).toBe('ValidationException');
  });
});

describe('BatchMeterUsage: allocations', () => {
  const tags = (...keys: string[]) => keys.map((Key) => ({ Key, Value: 'v' }));
  const invalid: [string, UsageAllocation[], string][] = [
    ['a sum below the quantity', [{ AllocatedUsageQuantity: 4 }], 'InvalidUsageAllocationsException'],
    ['a sum above the quantity', [{ AllocatedUsageQuantity: 6 }], 'InvalidUsageAllocationsException'],
    [
      'two untagged ones',
      [{ AllocatedUsageQuantity: 2 }, { AllocatedUsageQuantity: 3 }],
      'InvalidUsageAllocationsException',
    ],
    [
      'one tag set twice in another order',
      [
        { AllocatedUsageQuantity: 2, Tags: tags('a', 'b') },
        { AllocatedUsageQuantity: 3, Tags: tags('b', 'a') },
      ],
      'InvalidUsageAllocationsException',
    ],
    ['no tags in a list', [{ AllocatedUsageQuantity: 5, Tags: [] }], 'InvalidTagException'],
    ['six tags', [{ AllocatedUsageQuantity: 5, Tags: tags('a', 'b', 'c', 'd', 'e', 'f') }], 'InvalidTagException'],
    ['a key twice', [{ AllocatedUsageQuantity: 5, Tags: tags('a', 'a') }], 'InvalidTagException'],
    ['an empty key', [{ AllocatedUsageQuantity: 5, Tags: tags('') }], 'InvalidTagException'],
    ['a key of 101', [{ AllocatedUsageQuantity: 5, Tags: tags('k'.repeat(101)) }], 'InvalidTagException'],
    ['a key outside the pattern', [{ AllocatedUsageQuantity: 5, Tags: tags('käse') }], 'InvalidTagException'],
    ['an empty value', [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'k', Value: '' }] }], 'InvalidTagException'],
    [
      'a value of 257',
      [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'k', Value: 'v'.repeat(257) }] }],
      'InvalidTagException',
    ],
    [
      'a value outside the pattern',
      [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'k', Value: 'a?' }] }],
      'InvalidTagException',
    ],
    [
      '2501 allocations',
      Array.from({ length: 2501 }, () => ({ AllocatedUsageQuantity: 0 })),
      'InvalidUsageAllocationsException',
    ],
  ];

  it.each(invalid)('refuses %s', async (_, UsageAllocations, expected) => {
    const { sim, record, outcome } = await startMetering();
    expect(await outcome(record(), record({ Dimension: 'gigabytes', UsageAllocations }))).toBe(expected);
    expect(sim.bill()).toEqual([]);
  });

  it('takes five tags, one untagged bucket and zero quantities, and shows them on the bill', async () => {
    const { sim, record, outcome } = await startMetering();
    const UsageAllocations = [
      { AllocatedUsageQuantity: 5, Tags: tags('a', 'b', 'c', 'd', 'team + - = . _ : / @') },
      { AllocatedUsageQuantity: 0 },
    ];
    expect(await outcome(record({ UsageAllocations }))).toBe('Success');
    expect(sim.bill()[0]?.usageAllocations).toEqual(UsageAllocations);
  });

  it.each([
    ['emptyTagValue', 'refused', '', 'InvalidTagException'],
    ['emptyTagValue', 'accepted', '', 'Success'],
    ['tagCharacters', 'range', 'a,b', 'Success'],
    ['tagCharacters', 'literal', 'a,b', 'InvalidTagException'],
    ['tagCharacters', 'literal', 'a - b', 'Success'],
  ] as const)('judges tag values by switch: %s %s', async (name, value, Value, expected) => {
    const { record, outcome } = await switched({ [name]: value });
    expect(
      await outcome(record({ UsageAllocations: [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'k', Value }] }] })),
    ).toBe(expected);
  });

  it.each([
    ['perRecord', 'InvalidTagException'],
    ['perAllocation', 'Success'],
  ] as const)('counts tag keys by switch: %s', async (tagLimit, expected) => {
    const { record, outcome } = await switched({ tagLimit });
    const UsageAllocations = [
      { AllocatedUsageQuantity: 2, Tags: tags('a', 'b', 'c') },
      { AllocatedUsageQuantity: 3, Tags: tags('d', 'e', 'f') },
    ];
    expect(await outcome(record({ UsageAllocations }))).toBe(expected);
  });
});
