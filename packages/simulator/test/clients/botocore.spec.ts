import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startSoftware } from '../buyer-software.js';
import { hourMs, noon, startMetering, stopMarketplaces } from '../simulated-marketplace.js';
import { run } from './client-process.js';

const script = new URL('botocore_calls.py', import.meta.url).pathname;
const seller = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

interface Call {
  service: 'meteringmarketplace' | 'marketplace-entitlement' | 'cloudtrail';
  operation: string;
  parameters: object;
  region?: string;
  credentials?: object;
}

interface Made {
  answer?: Record<string, unknown>;
  status: number;
  requestId?: string;
  error?: string;
  message?: string;
}

async function python(given: object): Promise<unknown> {
  const { code, stdout, stderr } = await run('python3', [script], { input: JSON.stringify(given) });
  if (code !== 0)
    throw new Error(`python3 failed; with "No module named 'botocore'": apt-get install python3-botocore\n${stderr}`);
  return JSON.parse(stdout) as unknown;
}

/** One interpreter for all calls, in order. */
const botocore = (endpoint: string, ...calls: Call[]): Promise<Made[]> =>
  python({ calls: calls.map((call) => ({ endpoint, credentials: seller, ...call })) }) as Promise<Made[]>;

let knowsLicenses = false;
let knowsClientTokens = false;

beforeAll(async () => {
  knowsLicenses = (await python({ knows: ['meteringmarketplace', 'UsageRecord', 'LicenseArn'] })) as boolean;
  knowsClientTokens = (await python({ knows: ['meteringmarketplace', 'MeterUsageRequest', 'ClientToken'] })) as boolean;
});

afterEach(stopMarketplaces);

const metering = (operation: string, parameters: object, more: Partial<Call> = {}): Call => ({
  service: 'meteringmarketplace',
  operation,
  parameters,
  ...more,
});

describe('botocore', () => {
  it('resolves, meters and is refused', async () => {
    const { sim, agreement } = await startMetering({}, 'legacy');
    const {
      productCode: ProductCode,
      customerIdentifier: CustomerIdentifier,
      accountId: CustomerAWSAccountId,
    } = agreement;
    const record = { Timestamp: '2026-11-18T11:10:05Z', Dimension: 'users', CustomerIdentifier, Quantity: 5 };
    const meter = (...records: object[]): Call => metering('BatchMeterUsage', { ProductCode, UsageRecords: records });
    const [resolved, taken, again, conflict, late, unknown, token] = await botocore(
      sim.url,
      metering('ResolveCustomer', { RegistrationToken: sim.registrationToken(agreement) }),
      meter(record),
      meter(record),
      meter({ ...record, Quantity: 6 }),
      meter({ ...record, Timestamp: '2026-11-17T11:00:00Z' }),
      meter({ ...record, Dimension: 'unknown' }),
      metering('ResolveCustomer', { RegistrationToken: 'x' }),
    );
    expect(resolved).toMatchObject({ status: 200, answer: { ProductCode, CustomerIdentifier, CustomerAWSAccountId } });
    const [line] = sim.bill();
    const MeteringRecordId = line?.meteringRecordId;
    const result = { UsageRecord: { Dimension: 'users', Quantity: 5 }, Status: 'Success', MeteringRecordId };
    expect(taken).toMatchObject({
      status: 200,
      answer: { Results: [result], UnprocessedRecords: [] },
      requestId: sim.calls()[1]?.requestId,
    });
    const [echo] = taken?.answer?.Results as { UsageRecord: { Timestamp: string } }[];
    expect(new Date(echo?.UsageRecord.Timestamp ?? '')).toEqual(new Date(record.Timestamp));
    expect(again).toMatchObject({ answer: { Results: [result] } });
    expect(conflict).toMatchObject({ answer: { Results: [{ Status: 'DuplicateRecord' }] } });
    expect([late, unknown, token].map((made) => [made?.error, made?.status])).toEqual([
      ['TimestampOutOfBoundsException', 400],
      ['InvalidUsageDimensionException', 400],
      ['InvalidTokenException', 400],
    ]);
    expect(sim.bill()).toMatchObject([{ quantity: 5, hour: '2026-11-18T11:00:00.000Z' }]);
  });

  it('meters by license, where its model has licenses', async () => {
    const { sim, agreement } = await startMetering();
    const { licenseArn: LicenseArn, accountId: CustomerAWSAccountId } = agreement;
    const record = {
      Timestamp: '2026-11-18T11:00:00Z',
      Dimension: 'users',
      Quantity: 5,
      CustomerAWSAccountId,
      LicenseArn,
    };
    const call = botocore(sim.url, metering('BatchMeterUsage', { UsageRecords: [record] }));
    const statuses = await call.then(
      ([made]) => (made?.answer?.Results as { Status: string }[]).map(({ Status }) => Status),
      (error: unknown) =>
        /Unknown parameter in UsageRecords\[0\]: "LicenseArn"/.exec(String(error))?.[0] && 'too old for LicenseArn',
    );
    expect(statuses).toEqual(knowsLicenses ? ['Success'] : 'too old for LicenseArn');
    expect(sim.bill()).toHaveLength(knowsLicenses ? 1 : 0);
  });

  it.each(['bare', 'namespaced'] as const)('understands errors and statuses (errorType %s)', async (errorType) => {
    const { sim } = await startMetering({ switches: { errorType } });
    const empty = metering('BatchMeterUsage', { UsageRecords: [], ProductCode: 'x' });
    sim.faults.add({ kind: 'throttle', count: 1 });
    sim.faults.add({ kind: 'error500Before', count: 1 });
    sim.faults.add({ kind: 'accessDenied', count: 1 });
    const [entitlements, ...made] = await botocore(
      sim.url,
      { service: 'marketplace-entitlement', operation: 'GetEntitlements', parameters: { ProductCode: 'x' } },
      empty,
      empty,
      empty,
      metering('BatchMeterUsage', { UsageRecords: [], ProductCode: 'x' }, { region: 'mars-1' }),
    );
    expect([entitlements?.error, ...made.map(({ error, status }) => `${error ?? ''} ${status}`)]).toEqual([
      'ThrottlingException',
      'InternalServiceErrorException 500',
      'AccessDeniedException 400',
      'InvalidProductCodeException 400',
      'InvalidSignatureException 400',
    ]);
  });

  it('pages through entitlements of each type, in the protocol of its choice', async () => {
    const { sim, agreement } = await startMetering();
    const expiresAt = new Date(noon.getTime() + hourMs + 250);
    sim.setEntitlements(
      agreement,
      [3, 2.25, true, 'gold'].map((value) => ({ dimension: 'seats', value, expiresAt })),
    );
    const get = (parameters: object): Call => ({
      service: 'marketplace-entitlement',
      operation: 'GetEntitlements',
      parameters: { ProductCode: agreement.productCode, ...parameters },
    });
    const [first] = await botocore(sim.url, get({ MaxResults: 3 }));
    const [second, refused] = await botocore(
      sim.url,
      get({ NextToken: first?.answer?.NextToken }),
      get({ NextToken: 'x' }),
    );
    const all = [first, second].flatMap(
      (made) => made?.answer?.Entitlements as { Value: object; ExpirationDate: string }[],
    );
    expect(all.map(({ Value }) => Value)).toEqual([
      { IntegerValue: 3 },
      { DoubleValue: 2.25 },
      { BooleanValue: true },
      { StringValue: 'gold' },
    ]);
    expect(new Date(all[0]?.ExpirationDate ?? '')).toEqual(expiresAt);
    expect(refused).toMatchObject({ error: 'InvalidParameterException', status: 400 });
  });

  it('meters and registers from software in a buyer account, and finds it in the trail of that account', async () => {
    const { sim, agreement, listing, resource } = await startSoftware('ecs', { switches: { cloudTrailDelayMs: 0 } });
    const ProductCode = listing.productCode;
    const credentials = resource.credentials;
    sim.rotatePublicKey(ProductCode);
    const usage = { ProductCode, Timestamp: noon, UsageDimension: 'users', UsageQuantity: 7 };
    const token = knowsClientTokens ? { ClientToken: 'token' } : {};
    const [metered, again, conflict, dryRun, registered, trail] = await botocore(
      sim.url,
      metering('MeterUsage', { ...usage, ...token }, { credentials }),
      metering('MeterUsage', { ...usage, ...token }, { credentials }),
      metering('MeterUsage', { ...usage, UsageQuantity: 8, ...token }, { credentials }),
      metering('MeterUsage', { ...usage, DryRun: true }, { credentials }),
      metering('RegisterUsage', { ProductCode, PublicKeyVersion: 1, Nonce: 'n' }, { credentials }),
      {
        service: 'cloudtrail',
        operation: 'LookupEvents',
        parameters: { LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'MeterUsage' }] },
        credentials,
      },
    );
    expect(metered?.answer?.MeteringRecordId).toBe(sim.bill()[0]?.meteringRecordId);
    expect(again?.answer).toEqual(metered?.answer);
    expect([conflict?.error, conflict?.status]).toEqual(
      knowsClientTokens ? ['IdempotencyConflictException', 409] : ['DuplicateRequestException', 400],
    );
    expect(dryRun?.error).toBe('DryRunOperation');
    expect(registered?.answer?.Signature).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(new Date(registered?.answer?.PublicKeyRotationTimestamp as string)).toEqual(noon);
    const events = trail?.answer?.Events as { EventName: string; CloudTrailEvent: string }[];
    expect(events.map(({ EventName }) => EventName)).toEqual(Array(4).fill('MeterUsage'));
    expect(events[0]?.CloudTrailEvent).toContain(`"recipientAccountId":"${agreement.accountId}"`);
  });
});
