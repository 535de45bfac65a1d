import {
  type Event,
  LookupEventsCommand,
  type LookupEventsCommandInput,
  paginateLookupEvents,
} from '@aws-sdk/client-cloudtrail';
import { BatchMeterUsageCommand, ResolveCustomerCommand } from '@aws-sdk/client-marketplace-metering';
import { GetEntitlementsCommand } from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type SimulatorOptions } from '../src/index.js';
import { startSoftware } from './buyer-software.js';
import { errorNameOf, meteringClient, trailClient } from './marketplace-client.js';
import { hourMs, noon, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const quarter = 15 * 60_000;

async function startTrail(options: SimulatorOptions = {}) {
  const metering = await startMetering(options);
  const trail = trailClient(metering.sim.url);
  const lookup = (input: LookupEventsCommandInput = {}) => trail.send(new LookupEventsCommand(input));
  return { ...metering, trail, lookup };
}

const recordOf = (event: Event | undefined) => JSON.parse(event?.CloudTrailEvent ?? '{}') as Record<string, unknown>;
const namesOf = (events: Event[] | undefined) => events?.map((event) => event.EventName);

describe('CloudTrail', () => {
  it('shows a submission in the form of the metering service: lower camel case, times in English', async () => {
    const { sim, agreement, record, meter, lookup } = await startTrail();
    const UsageAllocations = [{ AllocatedUsageQuantity: 5, Tags: [{ Key: 'team', Value: 'a' }] }];
    const answer = await meter(record({ Timestamp: new Date('2026-11-18T00:07:05.250Z'), UsageAllocations }));
    sim.clock.advance(quarter);
    const { Events: events = [] } = await lookup();
    expect(events).toEqual([
      {
        EventId: expect.any(String),
        EventName: 'BatchMeterUsage',
        ReadOnly: 'false',
        AccessKeyId: 'AKIDEXAMPLE',
        EventTime: noon,
        EventSource: 'metering-marketplace.amazonaws.com',
        Username: 'simulator',
        Resources: [],
        CloudTrailEvent: expect.any(String),
      },
    ]);
    const usageRecord = {
      timestamp: 'Nov 18, 2026 12:07:05 AM',
      dimension: 'users',
      quantity: 5,
      customerAWSAccountId: agreement.accountId,
      licenseArn: agreement.licenseArn,
      usageAllocations: [{ allocatedUsageQuantity: 5, tags: [{ key: 'team', value: 'a' }] }],
    };
    expect(recordOf(events[0])).toEqual({
      eventVersion: '1.08',
      userIdentity: {
        type: 'IAMUser',
        principalId: 'AKIDEXAMPLE',
        arn: 'arn:aws:iam::123456789012:user/simulator',
        accountId: '123456789012',
        accessKeyId: 'AKIDEXAMPLE',
        userName: 'simulator',
      },
      eventTime: '2026-11-18T12:30:00Z',
      eventSource: 'metering-marketplace.amazonaws.com',
      eventName: 'BatchMeterUsage',
      awsRegion: 'us-east-1',
      sourceIPAddress: '127.0.0.1',
      userAgent: expect.stringContaining('aws-sdk-js'),
      requestParameters: { usageRecords: [usageRecord] },
      responseElements: {
        results: [{ usageRecord, meteringRecordId: answer.Results?.[0]?.MeteringRecordId, status: 'Success' }],
        unprocessedRecords: [],
      },
      requestID: answer.$metadata.requestId,
      eventID: events[0]?.EventId,
      readOnly: false,
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: '123456789012',
      eventCategory: 'Management',
    });
  });

  it('writes the hours of the afternoon with PM', async () => {
    const { sim, record, meter, lookup } = await startTrail({ switches: { cloudTrailDelayMs: 0 } });
    sim.clock.set(new Date('2026-11-18T23:59:59Z'));
    await meter(
      record({ Timestamp: new Date('2026-11-18T12:00:00Z') }),
      record({ Timestamp: new Date('2026-11-18T23:59:59Z') }),
    );
    const { requestParameters: parameters } = recordOf((await lookup()).Events?.[0]);
    const times = (parameters as { usageRecords: { timestamp: string }[] }).usageRecords.map(
      ({ timestamp }) => timestamp,
    );
    expect(times).toEqual(['Nov 18, 2026 12:00:00 PM', 'Nov 18, 2026 11:59:59 PM']);
  });

  it.each([
    ['metering-marketplace.amazonaws.com', 900_000],
    ['marketplacemetering.amazonaws.com', 0],
  ] as const)('is called %s and late by %d ms, by switch', async (cloudTrailEventSource, cloudTrailDelayMs) => {
    const { sim, record, meter, lookup } = await startTrail({ switches: { cloudTrailEventSource, cloudTrailDelayMs } });
    await meter(record());
    sim.clock.advance(Math.max(0, cloudTrailDelayMs - 1));
    expect((await lookup()).Events).toHaveLength(cloudTrailDelayMs === 0 ? 1 : 0);
    sim.clock.advance(1);
    const { Events: events } = await lookup({
      LookupAttributes: [{ AttributeKey: 'EventSource', AttributeValue: cloudTrailEventSource }],
    });
    expect(events).toMatchObject([{ EventSource: cloudTrailEventSource }]);
    expect(recordOf(events?.[0])).toMatchObject({ eventSource: cloudTrailEventSource });
  });

  it('names the error of a refused call, and keeps calls that never arrived, and other services, out', async () => {
    const { sim, client, entitlements, record, meter, lookup } = await startTrail({ sellerAccountId: '210987654321' });
    await errorNameOf(meter(record({ Dimension: 'unknown' })));
    sim.faults.add({ kind: 'throttle', count: 1 });
    await errorNameOf(meter(record()));
    sim.faults.add({ kind: 'resetBefore', count: 1 });
    await errorNameOf(meter(record()));
    sim.faults.add({ kind: 'resetAfter', count: 1 });
    await errorNameOf(meter(record()));
    sim.faults.add({ kind: 'error500After', count: 1 });
    await errorNameOf(meter(record()));
    await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })));
    await errorNameOf(entitlements.send(new GetEntitlementsCommand({ ProductCode: 'x' })));
    sim.clock.advance(quarter);
    const records = ((await lookup()).Events ?? []).map(recordOf).reverse();
    expect(
      records.map(({ eventName, errorCode, responseElements }) => [eventName, errorCode, responseElements !== null]),
    ).toEqual([
      ['BatchMeterUsage', 'InvalidUsageDimensionException', false],
      ['BatchMeterUsage', 'ThrottlingException', false],
      ['BatchMeterUsage', undefined, true],
      ['BatchMeterUsage', 'InternalServiceErrorException', false],
      ['ResolveCustomer', 'InvalidTokenException', false],
    ]);
    expect(records[0]).toMatchObject({
      recipientAccountId: '210987654321',
      errorMessage: expect.stringContaining('unknown'),
    });
  });

  it('keeps regions and accounts apart: what software meters stands in the trail of its buyer', async () => {
    const { sim, client, resource, meter } = await startSoftware('ec2', { switches: { cloudTrailDelayMs: 0 } });
    await meter();
    const ireland = meteringClient(sim.url, { region: 'eu-west-1' });
    await ireland.send(new BatchMeterUsageCommand({ UsageRecords: [] }));
    const seen = async (region: string, credentials?: typeof resource.credentials) => {
      const trail = trailClient(sim.url, { region, ...(credentials && { credentials }) });
      const { Events: events } = await trail.send(new LookupEventsCommand({}));
      trail.destroy();
      return namesOf(events);
    };
    expect(await seen('us-east-1')).toEqual([]);
    expect(await seen('eu-west-1')).toEqual(['BatchMeterUsage']);
    expect(await seen('us-east-1', resource.credentials)).toEqual(['MeterUsage']);
    ireland.destroy();
    client.destroy();
  });
});

describe('LookupEvents', () => {
  const twelve = async (options: SimulatorOptions = {}) => {
    const started = await startTrail({ ...options, switches: { cloudTrailDelayMs: 0 } });
    for (let call = 0; call < 12; call += 1) {
      await started.meter(started.record({ Quantity: call }));
      started.sim.clock.advance(1000);
    }
    return started;
  };

  it('answers newest first, in pages of a stable order while calls go on', async () => {
    const { trail, record, meter } = await twelve();
    const sizes = [];
    const quantities = [];
    for await (const { Events: events = [] } of paginateLookupEvents({ client: trail, pageSize: 5 }, {})) {
      sizes.push(events.length);
      for (const event of events) {
        const { requestParameters } = recordOf(event) as {
          requestParameters: { usageRecords: [{ quantity: number }] };
        };
        quantities.push(requestParameters.usageRecords[0].quantity);
      }
      await meter(record({ Quantity: 99 }));
    }
    expect(sizes).toEqual([5, 5, 2]);
    expect(quantities).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('answers 50 to a page unless told otherwise', async () => {
    const { record, meter, lookup } = await startTrail({ switches: { cloudTrailDelayMs: 0 } });
    for (let call = 0; call < 51; call += 1) await meter(record());
    const { Events: events, NextToken } = await lookup();
    expect(events).toHaveLength(50);
    expect((await lookup({ NextToken })).Events).toHaveLength(1);
  });

  it('finds by each attribute, and by time', async () => {
    const { client, lookup } = await twelve();
    await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })));
    const all = (await lookup()).Events ?? [];
    const found = async (AttributeKey: string, AttributeValue: string) =>
      (await lookup({ LookupAttributes: [{ AttributeKey: AttributeKey as 'EventId', AttributeValue }] })).Events
        ?.length;
    expect(await found('EventId', all[3]?.EventId ?? '')).toBe(1);
    expect(await found('EventName', 'ResolveCustomer')).toBe(1);
    expect(await found('EventSource', 'metering-marketplace.amazonaws.com')).toBe(13);
    expect(await found('EventSource', 'other.amazonaws.com')).toBe(0);
    expect(await found('AccessKeyId', 'AKIDEXAMPLE')).toBe(13);
    expect(await found('AccessKeyId', 'AKIDOTHER')).toBe(0);
    expect(await found('Username', 'simulator')).toBe(13);
    expect(await found('ReadOnly', 'true')).toBe(0);
    expect(await found('ReadOnly', 'false')).toBe(13);
    expect(await found('ResourceName', 'any')).toBe(0);
    const [StartTime, EndTime] = [new Date(noon.getTime() + 2000), new Date(noon.getTime() + 5000)];
    expect((await lookup({ StartTime, EndTime })).Events).toHaveLength(4);
  });

  it('keeps ninety days', async () => {
    const { sim, lookup } = await twelve();
    sim.clock.set(new Date(noon.getTime() + 90 * 24 * hourMs + 6000));
    expect((await lookup()).Events).toHaveLength(6);
  });

  it('binds a token to its parameters', async () => {
    const { lookup } = await twelve();
    const { NextToken } = await lookup({ MaxResults: 5 });
    const attribute = { LookupAttributes: [{ AttributeKey: 'EventName' as const, AttributeValue: 'BatchMeterUsage' }] };
    expect(await errorNameOf(lookup({ NextToken, ...attribute }))).toBe('InvalidNextTokenException');
    expect(await errorNameOf(lookup({ NextToken: 'bm9uc2Vuc2U=' }))).toBe('InvalidNextTokenException');
    expect((await lookup({ NextToken })).Events).toHaveLength(7);
    expect(await lookup({ MaxResults: 12 })).not.toHaveProperty('NextToken');
  });

  const name = { AttributeKey: 'EventName' as const, AttributeValue: 'x' };
  const refused: [string, LookupEventsCommandInput, string][] = [
    ['two attributes', { LookupAttributes: [name, name] }, 'InvalidLookupAttributesException'],
    [
      'an unknown attribute',
      { LookupAttributes: [{ ...name, AttributeKey: 'Colour' as 'EventName' }] },
      'InvalidLookupAttributesException',
    ],
    [
      'an attribute without value',
      { LookupAttributes: [{ ...name, AttributeValue: '' }] },
      'InvalidLookupAttributesException',
    ],
    ['a page of 0', { MaxResults: 0 }, 'InvalidMaxResultsException'],
    ['a page of 51', { MaxResults: 51 }, 'InvalidMaxResultsException'],
    ['an end before the start', { StartTime: noon, EndTime: new Date(0) }, 'InvalidTimeRangeException'],
    ['an unknown category', { EventCategory: 'weather' as 'insight' }, 'InvalidEventCategoryException'],
  ];

  it.each(refused)('refuses %s', async (_, input, expected) => {
    const { lookup } = await startTrail();
    expect(await errorNameOf(lookup(input))).toBe(expected);
  });

  it('has no insights', async () => {
    const { lookup } = await twelve();
    expect((await lookup({ EventCategory: 'insight' })).Events).toEqual([]);
  });

  it('is limited to two calls a second', async () => {
    const { lookup } = await startTrail({ callsPerSecond: {} });
    const names = await Promise.all(Array.from({ length: 30 }, () => errorNameOf(lookup())));
    expect(new Set(names)).toEqual(new Set(['no error', 'ThrottlingException']));
    expect(names.filter((name) => name === 'no error').length).toBeLessThan(10);
  });
});
