import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Event, LookupEventsCommand, type LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import { type MeterUsageCommandInput, RegisterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type SimulatorOptions, type Switches, type TrailFile, type WorldSnapshot } from '../src/index.js';
import { startSoftware } from './buyer-software.js';
import { errorNameOf, trailClient } from './marketplace-client.js';
import { hourMs, noon, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

type TrailRecord = Record<string, unknown>;

async function startTrail(switches: Partial<Switches> = {}, options: SimulatorOptions = {}) {
  const metering = await startMetering({ ...options, switches: { cloudTrailDelayMs: 0, ...switches } });
  const trail = trailClient(metering.sim.url);
  const lookup = (input: LookupEventsCommandInput = {}) => trail.send(new LookupEventsCommand(input));
  const records = async () => ((await lookup()).Events ?? []).map(recordOf);
  return { ...metering, trail, lookup, records };
}

const recordOf = (event: Event | undefined) => JSON.parse(event?.CloudTrailEvent ?? '{}') as TrailRecord;
const idsOf = (events: Event[] | undefined) => (events ?? []).map(({ EventId }) => EventId);

describe('the spelling of a record, by switch', () => {
  const usageRecordOf = (record: TrailRecord | undefined) =>
    (record?.requestParameters as { usageRecords: TrailRecord[] }).usageRecords[0] ?? {};

  it.each(['customerAWSAccountId', 'customerAWSAccountID', 'absent'] as const)(
    'account: %s',
    async (cloudTrailAccountId) => {
      const { agreement, record, meter, records } = await startTrail({ cloudTrailAccountId });
      await meter(record());
      const [entry] = await records();
      const named = Object.entries(usageRecordOf(entry)).filter(([, value]) => value === agreement.accountId);
      expect(named.map(([name]) => name)).toEqual(cloudTrailAccountId === 'absent' ? [] : [cloudTrailAccountId]);
    },
  );

  it.each(['licenseArn', 'LicenseArn'] as const)('license: %s', async (cloudTrailLicenseArn) => {
    const { agreement, record, meter, records } = await startTrail({ cloudTrailLicenseArn });
    await meter(record());
    const [entry] = await records();
    expect(usageRecordOf(entry)).toHaveProperty(cloudTrailLicenseArn, agreement.licenseArn);
    expect(entry?.responseElements).toMatchObject({
      results: [{ usageRecord: { [cloudTrailLicenseArn]: agreement.licenseArn }, status: 'Success' }],
    });
  });

  it.each([
    ['english', 'Nov 18, 2026 12:07:05 AM'],
    ['narrowSpace', 'Nov 18, 2026 12:07:05\u202fAM'],
    ['comma', 'Nov 18, 2026, 12:07:05 AM'],
    ['iso', '2026-11-18T00:07:05Z'],
    ['epochSeconds', Date.UTC(2026, 10, 18, 0, 7, 5) / 1000],
  ] as [Switches['cloudTrailTimestamps'], unknown][])('timestamps: %s', async (cloudTrailTimestamps, expected) => {
    const { record, meter, records } = await startTrail({ cloudTrailTimestamps });
    await meter(record({ Timestamp: new Date('2026-11-18T00:07:05Z') }));
    expect(usageRecordOf((await records())[0]).timestamp).toBe(expected);
  });

  it.each([
    ['beside', { errorCode: 'InvalidUsageDimensionException', responseElements: null }],
    ['inside', { responseElements: { errorCode: 'InvalidUsageDimensionException', errorMessage: expect.any(String) } }],
  ] as [Switches['cloudTrailErrors'], object][])('errors: %s', async (cloudTrailErrors, expected) => {
    const { record, outcome, records } = await startTrail({ cloudTrailErrors });
    await outcome(record({ Dimension: 'unknown' }));
    const [entry] = await records();
    expect(entry).toMatchObject(expected);
    expect('errorCode' in (entry ?? {})).toBe(cloudTrailErrors === 'beside');
  });

  it('members that nobody knows', async () => {
    const { record, meter, records } = await startTrail({ cloudTrailUnknownMembers: 'added' });
    await meter(record());
    const [entry] = await records();
    expect(entry).toHaveProperty('additionalEventData');
    expect(usageRecordOf(entry)).toMatchObject({ quantity: 5, usageClass: expect.anything() });
  });
});

describe('the size of a record', () => {
  const Tags = [{ Key: 'team', Value: 'x'.repeat(200) }];
  const big = Array.from({ length: 400 }, (_, index) => ({
    AllocatedUsageQuantity: 1,
    Tags: [...Tags, { Key: 'n', Value: String(index) }],
  }));

  it.each([
    ['marker', { omitted: true, originalSize: expect.any(Number), reason: 'requestParameters too large' }],
    ['null', null],
  ] as [Switches['cloudTrailOmittedAs'], unknown][])(
    'over 100 kB its content is left out, whole: %s',
    async (cloudTrailOmittedAs, expected) => {
      const { record, meter, records } = await startTrail({ cloudTrailOmittedAs });
      const { $metadata: answer } = await meter(record({ Quantity: 400, UsageAllocations: big }));
      await meter(record({ Dimension: 'gigabytes' }));
      const [small, entry] = await records();
      expect(entry).toMatchObject({ requestParameters: expected, requestID: answer.requestId });
      expect(entry?.omitted).toBe(cloudTrailOmittedAs === 'null' ? true : undefined);
      expect(small).toMatchObject({ requestParameters: { usageRecords: [{ dimension: 'gigabytes' }] } });
    },
  );

  it('errorMessage and userAgent are cut at 1 kB', async () => {
    const { sim, record, outcome, records } = await startTrail();
    sim.faults.add({ kind: 'unknownError', name: 'LongException', message: 'm'.repeat(3000), count: 1 });
    await outcome(record());
    const [entry] = await records();
    expect(entry).toMatchObject({ errorCode: 'LongException', errorMessage: 'm'.repeat(1024) });
  });
});

describe('events of software in a buyer’s account', () => {
  const sessions = async (platform: 'ec2' | 'ecs' | 'eks', input: Partial<MeterUsageCommandInput> = {}) => {
    const software = await startSoftware(platform, { switches: { cloudTrailDelayMs: 0, dryRunAnswer: 'namedId' } });
    const { resource, client, listing, meter } = software;
    await meter(input);
    if (platform !== 'ec2')
      await client.send(
        new RegisterUsageCommand({ ProductCode: listing.productCode, PublicKeyVersion: 1, Nonce: 'n' }),
      );
    const trail = trailClient(software.sim.url, { credentials: resource.credentials });
    const { Events: events = [] } = await trail.send(new LookupEventsCommand({}));
    trail.destroy();
    return { ...software, events, records: events.map(recordOf).reverse() };
  };

  it.each([
    ['ec2', 'InstanceRole', (id: string) => id],
    ['ecs', 'TaskRole', (id: string) => id.split('/').at(-1)],
    ['eks', 'PodRole', () => 'aws-sdk-js-session'],
  ] as const)('on %s stand under the session of its role', async (platform, role, nameOf) => {
    const { events, records, resource } = await sessions(platform);
    const session = nameOf(resource.resourceId) ?? '';
    const { accountId } = resource;
    expect(records[0]).toMatchObject({
      userIdentity: {
        type: 'AssumedRole',
        principalId: expect.stringMatching(new RegExp(`^AROA.*:${session}$`)),
        arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${session}`,
        accountId,
        sessionContext: { sessionIssuer: { arn: `arn:aws:iam::${accountId}:role/${role}` } },
      },
      eventName: 'MeterUsage',
      recipientAccountId: accountId,
      requestParameters: { usageDimension: 'users', usageQuantity: 5, timestamp: 'Nov 18, 2026 12:30:00 PM' },
      responseElements: { meteringRecordId: expect.any(String) },
    });
    expect(events[0]?.Username).toBe(session);
  });

  it('show the signature that RegisterUsage answered, and a DryRun for what it is', async () => {
    const { records } = await sessions('ecs', { DryRun: true });
    expect(records).toMatchObject([
      { requestParameters: { dryRun: true }, responseElements: { meteringRecordId: 'DryRunOperation' } },
      { eventName: 'RegisterUsage', responseElements: { signature: expect.stringMatching(/^ey/) } },
    ]);
  });

  it('are not for a role without cloudtrail:LookupEvents', async () => {
    const { sim, launch } = await startSoftware('ecs');
    const { resource } = launch({ deniedOperations: ['LookupEvents'] });
    const trail = trailClient(sim.url, { credentials: resource.credentials });
    expect(await errorNameOf(trail.send(new LookupEventsCommand({})))).toBe('AccessDeniedException');
    trail.destroy();
  });
});

describe('what CloudTrail lacks, and what else it has', () => {
  const six = async (switches: Partial<Switches> = {}) => {
    const started = await startTrail(switches);
    for (let call = 0; call < 6; call += 1) {
      await started.meter(started.record({ Quantity: call }));
      started.sim.clock.advance(60_000);
    }
    return { ...started, all: idsOf((await started.lookup()).Events) };
  };
  const minute = (count: number): Date => new Date(noon.getTime() + count * 60_000);

  it('a gap of a region and a time never shows, in files neither', async () => {
    const { sim, lookup, all } = await six();
    sim.trail.lose({ region: 'us-east-1', from: minute(1), to: minute(3) });
    sim.trail.lose({ region: 'eu-west-1' });
    const left = [...all.slice(0, 3), all[5]];
    expect(idsOf((await lookup()).Events)).toEqual(left);
    sim.restore(JSON.parse(JSON.stringify(sim.snapshot())) as WorldSnapshot);
    expect(idsOf((await lookup()).Events)).toEqual(left);
    sim.clock.advance(hourMs);
    expect(sim.trail.files().flatMap(recordsOf)).toHaveLength(4);
    sim.trail.clear();
    expect(idsOf((await lookup()).Events)).toEqual(all);
  });

  it('late events come in behind what was read', async () => {
    const { sim, lookup, all } = await six();
    sim.trail.delay({ eventIds: [all[4] ?? ''] }, 10 * 60_000);
    const first = await lookup({ MaxResults: 3 });
    expect(idsOf(first.Events)).toEqual(all.slice(0, 3));
    const { NextToken } = first;
    expect(idsOf((await lookup({ NextToken })).Events)).toEqual([all[3], all[5]]);
    sim.clock.advance(10 * 60_000);
    expect(idsOf((await lookup({ NextToken })).Events)).toEqual(all.slice(3));
  });

  it('each event comes at its own time, by switch', async () => {
    const { sim, lookup, all } = await six({ cloudTrailDelaySpreadMs: hourMs });
    expect(all.length).toBeLessThan(6);
    // In the order of their arrival.
    const seen = new Set(all);
    for (let step = 0; step < 12; step += 1) {
      sim.clock.advance(5 * 60_000);
      for (const id of idsOf((await lookup()).Events)) seen.add(id);
    }
    expect(seen.size).toBe(6);
    expect([...seen]).not.toEqual(idsOf((await lookup()).Events).reverse());
  });

  it('pages are as small, and tokens as short-lived, as the switches say', async () => {
    const { sim, lookup } = await six({ cloudTrailPageMax: 4, cloudTrailTokenLifetimeMs: 60_000 });
    const { Events: events, NextToken } = await lookup({ MaxResults: 50 });
    expect(events).toHaveLength(4);
    sim.clock.advance(60_000);
    expect((await lookup({ NextToken })).Events).toHaveLength(2);
    sim.clock.advance(1);
    expect(await errorNameOf(lookup({ NextToken }))).toBe('InvalidNextTokenException');
    const fresh = await lookup();
    sim.trail.expireTokens();
    expect(await errorNameOf(lookup({ NextToken: fresh.NextToken }))).toBe('InvalidNextTokenException');
  });

  it('a page goes on where the one before ended, though its last event is lost by then', async () => {
    const { sim, lookup, all } = await six();
    const { NextToken } = await lookup({ MaxResults: 2 });
    sim.trail.lose({ eventIds: [all[1] ?? ''] });
    expect(idsOf((await lookup({ NextToken })).Events)).toEqual(all.slice(2));
  });

  it('foreign records stand among the others, as they were given', async () => {
    const { sim, lookup } = await six();
    const record = {
      eventID: 'e-1',
      eventName: 'RunInstances',
      eventSource: 'ec2.amazonaws.com',
      eventTime: '2026-11-18T12:32:30Z',
    };
    expect(sim.trail.insert({ record })).toBe('e-1');
    const broken = sim.trail.insert({ record: '{"eventVersion":', at: minute(2) });
    sim.trail.insert({ record, region: 'eu-west-1' });
    const { Events: events = [] } = await lookup();
    expect(events.map(({ EventId }) => EventId).indexOf('e-1')).toBe(3);
    expect(events.find(({ EventId }) => EventId === broken)?.CloudTrailEvent).toBe('{"eventVersion":');
    const LookupAttributes = [{ AttributeKey: 'EventSource' as const, AttributeValue: 'ec2.amazonaws.com' }];
    expect(idsOf((await lookup({ LookupAttributes })).Events)).toEqual(['e-1']);
  });
});

function recordsOf({ body }: TrailFile): TrailRecord[] {
  return (JSON.parse(gunzipSync(body).toString()) as { Records?: TrailRecord[] }).Records ?? [];
}

describe('the files of a trail', () => {
  async function startFiles() {
    const started = await startTrail();
    const { sim, record, meter, agreement } = started;
    for (const minutes of [0, 1, 7]) {
      sim.clock.set(new Date(noon.getTime() + minutes * 60_000));
      await meter(record({ Quantity: minutes }));
    }
    const ami = sim.createProduct({ dimensions: ['users'], type: 'ami' });
    sim.subscribe({ productCode: ami.productCode, accountId: agreement.accountId });
    sim.clock.advance(10 * 60_000);
    return { ...started, ids: sim.calls().map(({ eventId }) => eventId) };
  }

  it('hold each event once, by account, region and five minutes, in no order', async () => {
    const { sim, ids } = await startFiles();
    const files = sim.trail.files();
    expect(files.map(({ path: name }) => name)).toEqual([
      expect.stringMatching(
        /^AWSLogs\/123456789012\/CloudTrail\/us-east-1\/2026\/11\/18\/123456789012_CloudTrail_us-east-1_20261118T1235Z_\w{16}\.json\.gz$/,
      ),
      expect.stringMatching(/_20261118T1240Z_/),
    ]);
    expect(files.map((file) => recordsOf(file).map(({ eventID }) => eventID))).toEqual([[ids[1], ids[0]], [ids[2]]]);
    expect(sim.trail.files({ eventsPerFile: 1 })).toHaveLength(3);
    expect(sim.trail.files({ region: 'eu-west-1' })).toEqual([]);
    sim.clock.set(new Date(noon.getTime() + 6 * 60_000));
    expect(sim.trail.files()).toHaveLength(1);
  });

  it('hold each event twice where two trails write, and other accounts’ in that of an organisation', async () => {
    const { sim, ids } = await startFiles();
    const twice = sim.trail.files({ trails: 2 });
    expect(new Set(twice.map(({ path: name }) => name)).size).toBe(4);
    expect(twice.flatMap(recordsOf).map(({ eventID }) => eventID)).toEqual(expect.arrayContaining([...ids, ...ids]));
    sim.trail.insert({ record: { eventID: 'foreign' }, accountId: '999999999999', at: noon });
    const files = sim.trail.files({ organizationId: 'o-1', prefix: 'logs' });
    expect(files.map(({ path: name }) => name.split('/').slice(0, 4).join('/'))).toEqual(
      expect.arrayContaining(['logs/AWSLogs/o-1/999999999999', 'logs/AWSLogs/o-1/123456789012']),
    );
    expect(sim.trail.files()).toHaveLength(2);
  });

  it('lie among digests, Insights, other services and broken ones, in a folder', async () => {
    const { sim, ids } = await startFiles();
    const folder = mkdtempSync(path.join(tmpdir(), 'trail-'));
    const options = { digests: true, insights: true, foreignEventsPerFile: 3, cutOff: 1 };
    const paths = await sim.trail.deliver(folder, options);
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.gz'));
    expect(found.sort()).toEqual([...paths].sort());
    const kinds = (kind: string) => paths.filter((name) => name.includes(`/${kind}/`));
    expect([kinds('CloudTrail-Digest').length, kinds('CloudTrail-Insight').length]).toEqual([2, 2]);
    const [broken, whole] = kinds('CloudTrail').map((name) => ({
      path: name,
      body: readFileSync(path.join(folder, name)),
    }));
    expect(() => broken && recordsOf(broken)).toThrow('unexpected end of file');
    const records = whole ? recordsOf(whole) : [];
    expect(records.map(({ eventName }) => eventName).sort()).toEqual([
      ...Array<string>(3).fill('AssumeRole'),
      'BatchMeterUsage',
    ]);
    expect(records.map(({ eventID }) => eventID)).toContain(ids[2]);
    rmSync(folder, { recursive: true });
  });
});
