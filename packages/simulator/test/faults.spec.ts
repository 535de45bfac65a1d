import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import {
  BatchMeterUsageCommand,
  MeterUsageCommand,
  RegisterUsageCommand,
  ResolveCustomerCommand,
} from '@aws-sdk/client-marketplace-metering';
import { GetEntitlementsCommand } from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Fault, type WorldSnapshot } from '../src/index.js';
import { eventually } from '../../../test/support/processes.js';
import { startSoftware } from './buyer-software.js';
import { errorNameOf, meteringClient, trailClient } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

/**
 * Under jest the socket's error is of another realm, which the SDK wraps; only the message then still says what it was.
 */
async function messageOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  return (error as Error).message;
}

describe('faults of a whole call', () => {
  it.each([
    ['resetBefore', 0],
    ['resetAfter', 1],
  ] as const)('%s resets the connection with %d lines on the bill', async (kind, lines) => {
    const { sim, record, meter } = await startMetering();
    const fault = sim.faults.add({ kind, count: 1 });
    expect(await messageOf(meter(record()))).toContain('ECONNRESET');
    expect(fault.hits).toBe(1);
    expect(sim.bill()).toHaveLength(lines);
    expect(sim.calls()).toMatchObject([{ outcome: 'reset', effective: lines === 1, faults: [kind] }]);
    expect((await meter(record())).Results).toMatchObject([{ Status: 'Success' }]);
    expect(sim.bill()).toHaveLength(1);
  });

  const errors: [Fault, string, number, number][] = [
    [{ kind: 'error500Before' }, 'InternalServiceErrorException', 500, 0],
    [{ kind: 'error500After' }, 'InternalServiceErrorException', 500, 1],
    [{ kind: 'throttle' }, 'ThrottlingException', 400, 0],
    [{ kind: 'accessDenied' }, 'AccessDeniedException', 400, 0],
    [{ kind: 'expiredCredentials' }, 'ExpiredTokenException', 400, 0],
    [{ kind: 'disabledApi' }, 'DisabledApiException', 400, 0],
    [{ kind: 'unknownError', name: 'BrandNewException' }, 'BrandNewException', 400, 0],
    [
      { kind: 'unknownError', name: 'BrandNewException', statusCode: 503, afterEffect: true },
      'BrandNewException',
      503,
      1,
    ],
  ];

  it.each(errors)('%j', async (fault, name, statusCode, lines) => {
    const { sim, record, meter } = await startMetering();
    sim.faults.add(fault);
    const error = await meter(record()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: statusCode } });
    expect(sim.bill()).toHaveLength(lines);
    expect(sim.calls({ error: name })).toMatchObject([{ statusCode, effective: lines === 1, faults: [fault.kind] }]);
  });

  it('lets calls pass first where told to, and ends at its moment', async () => {
    const { sim, agreement, record, outcome } = await startMetering();
    const until = new Date(noon.getTime() + 60_000);
    const when = { accountId: sim.sellerAccountId };
    const late = sim.faults.add({ kind: 'throttle', skip: 2, count: 2, until, when });
    sim.faults.add({ kind: 'disabledApi', when: { accountId: agreement.accountId } });
    const seen = [];
    for (let call = 0; call < 3; call += 1) seen.push(await outcome(record()));
    expect(seen).toEqual(['Success', 'Success', 'ThrottlingException']);
    // Kept as JSON, it goes on where it was.
    sim.restore(JSON.parse(JSON.stringify(sim.snapshot())) as WorldSnapshot);
    expect(sim.faults.list()[0]).toMatchObject({ passed: 2, hits: 1, fault: { until } });
    sim.clock.set(until);
    expect(await outcome(record())).toBe('Success');
    sim.clock.set(noon);
    expect([await outcome(record()), await outcome(record())]).toEqual(['ThrottlingException', 'Success']);
    expect(late.hits).toBe(1);
    expect(() => sim.faults.add({ kind: 'throttle', skip: -1 })).toThrow('skip');
  });

  const raw: [string, Extract<Fault, { kind: 'rawAnswer' }>, number, string, number][] = [
    ['of a proxy', { kind: 'rawAnswer', statusCode: 413, body: 'too large' }, 413, 'no error', 0],
    ['that says nothing', { kind: 'rawAnswer' }, 200, 'no error', 0],
    ['after the effect', { kind: 'rawAnswer', statusCode: 407, afterEffect: true }, 407, 'no error', 1],
    [
      'in the words of the API',
      {
        ...{ kind: 'rawAnswer', statusCode: 400, headers: { 'Content-Type': 'application/x-amz-json-1.1' } },
        body: '{"__type":"NeverHeardOfException","message":"?"}',
      },
      ...([400, 'NeverHeardOfException', 0] as const),
    ],
  ];
  it.each(raw)('rawAnswer %s arrives as it was given', async (_name, fault, statusCode, name, lines) => {
    const { sim, record, meter } = await startMetering();
    sim.faults.add({ ...fault, count: 1 });
    const error = await meter(record()).then(
      () => ({ name: 'no error' }),
      (reason: unknown) => reason as { name: string; $metadata?: { httpStatusCode?: number } },
    );
    if (name !== 'no error') expect(error).toMatchObject({ name, $metadata: { httpStatusCode: statusCode } });
    expect(sim.calls()).toMatchObject([{ outcome: 'answered', statusCode, faults: ['rawAnswer'] }]);
    expect(sim.bill()).toHaveLength(lines);
    expect((await meter(record())).Results).toMatchObject([{ Status: 'Success' }]);
  });

  it('strikes the calls of one product, by its code or by a license of it', async () => {
    const { sim, listing, record, outcome } = await startMetering();
    const other = sim.createProduct({ dimensions: ['users'] });
    const elsewhere = sim.subscribe({
      productCode: other.productCode,
      startsAt: new Date(noon.getTime() - 2 * hourMs),
    });
    sim.faults.add({ kind: 'throttle', when: { productCode: listing.productCode } });
    expect(await outcome(record())).toBe('ThrottlingException');
    expect(await outcome(record({}, elsewhere))).toBe('Success');
  });

  it.each([
    [false, 0],
    [true, 1],
  ] as const)('hang never answers (after the effect: %s)', async (afterEffect, lines) => {
    const { sim, client, record } = await startMetering();
    sim.faults.add({ kind: 'hang', afterEffect });
    const request = new BatchMeterUsageCommand({ UsageRecords: [record()] });
    const patience = new AbortController();
    const sent = errorNameOf(client.send(request, { abortSignal: patience.signal }));
    await eventually('the call hangs', () => sim.calls()[0]?.outcome === 'hung');
    expect(sim.bill()).toHaveLength(lines);
    patience.abort();
    expect(await sent).toBe('AbortError');
  });

  it('cutAnswer breaks off in the middle of the answer, after the effect', async () => {
    const { sim, record, meter } = await startMetering();
    sim.faults.add({ kind: 'cutAnswer', count: 1 });
    expect(await errorNameOf(meter(record()))).not.toBe('no error');
    expect(sim.calls()).toMatchObject([{ outcome: 'cut', statusCode: 200, effective: true, faults: ['cutAnswer'] }]);
    expect(sim.bill()).toHaveLength(1);
    expect((await meter(record())).Results).toMatchObject([{ Status: 'Success' }]);
  });

  it.each<Fault['kind']>([
    'resetAfter',
    'cutAnswer',
    'throttle',
    'error500Before',
    'accessDenied',
    'expiredCredentials',
    'disabledApi',
  ])('strikes every operation: %s', async (kind) => {
    const { sim, entitlements, listing, resource, client } = await startSoftware('ecs');
    const trail = trailClient(sim.url);
    const seller = meteringClient(sim.url);
    const { productCode: ProductCode } = listing;
    sim.faults.add({ kind } as Fault);
    const calls = [
      errorNameOf(
        seller.send(
          new ResolveCustomerCommand({ RegistrationToken: sim.registrationToken(sim.agreements()[0] ?? '') }),
        ),
      ),
      errorNameOf(seller.send(new BatchMeterUsageCommand({ UsageRecords: [] }))),
      errorNameOf(client.send(new MeterUsageCommand({ ProductCode, Timestamp: noon, UsageDimension: 'users' }))),
      errorNameOf(client.send(new RegisterUsageCommand({ ProductCode, PublicKeyVersion: 1 }))),
      errorNameOf(entitlements.send(new GetEntitlementsCommand({ ProductCode }))),
      errorNameOf(trail.send(new LookupEventsCommand({}))),
    ];
    expect(await Promise.all(calls)).not.toContain('no error');
    expect(
      sim
        .calls({ fault: kind })
        .map(({ operation }) => operation)
        .sort(),
    ).toEqual(['BatchMeterUsage', 'GetEntitlements', 'LookupEvents', 'MeterUsage', 'RegisterUsage', 'ResolveCustomer']);
    expect(sim.bill({ resourceId: resource.resourceId }).some(({ operation }) => operation === 'MeterUsage')).toBe(
      kind === 'resetAfter' || kind === 'cutAnswer',
    );
    trail.destroy();
    seller.destroy();
  });

  it('latency delays the answer; the effect comes even if the client has gone', async () => {
    const { sim, client, record, meter } = await startMetering();
    sim.faults.add({ kind: 'latency', ms: 80 });
    const started = performance.now();
    await meter(record());
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
    const request = new BatchMeterUsageCommand({ UsageRecords: [record({ Dimension: 'gigabytes' })] });
    expect(await errorNameOf(client.send(request, { abortSignal: AbortSignal.timeout(20) }))).toBe('AbortError');
    expect(sim.bill()).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(sim.bill()).toHaveLength(2);
  });

  it('latency after the effect leaves the usage billed at once', async () => {
    const { sim, record, meter } = await startMetering();
    sim.faults.add({ kind: 'latency', ms: 600_000, afterEffect: true });
    const call = errorNameOf(meter(record()));
    while (sim.bill().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sim.calls()).toMatchObject([{ outcome: 'inFlight', effective: true }]);
    await sim.stop();
    expect(await call).not.toBe('no error');
  });

  it('spends a single-use token although the answer was lost', async () => {
    const { sim, client } = await startMarketplace({ switches: { registrationTokenReuse: 'once' } });
    const token = sim.registrationToken(
      sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode }),
    );
    sim.faults.add({ kind: 'resetAfter', count: 1 });
    const resolve = () => client.send(new ResolveCustomerCommand({ RegistrationToken: token }));
    expect(await messageOf(resolve())).toContain('ECONNRESET');
    expect(await errorNameOf(resolve())).toBe('ExpiredTokenException');
  });

  it('strikes GetEntitlements too, and keeps the error of a refused call', async () => {
    const { sim, entitlements } = await startMarketplace();
    const after = sim.faults.add({ kind: 'error500After' });
    const get = () => entitlements.send(new GetEntitlementsCommand({ ProductCode: 'unknown' }));
    expect(await errorNameOf(get())).toBe('InvalidParameterException');
    expect(after.hits).toBe(0);
    sim.faults.add({ kind: 'throttle', operation: 'GetEntitlements' });
    expect(await errorNameOf(get())).toBe('ThrottlingException');
  });
});

describe('faults of single records', () => {
  const hours = (count: number) => Array.from({ length: count }, (_, hour) => new Date(noon.getTime() - hour * hourMs));

  it('reports a subset as unprocessed, and takes the resend', async () => {
    const { sim, record, outcome, meter } = await startMetering();
    sim.faults.add({ kind: 'unprocessed', subset: 2, count: 1 });
    const records = hours(3).map((Timestamp) => record({ Timestamp }));
    const answer = await meter(...records);
    expect(answer.UnprocessedRecords).toEqual(records.slice(0, 2));
    expect(answer.Results?.map((result) => result.UsageRecord)).toEqual(records.slice(2));
    expect(sim.bill()).toHaveLength(1);
    expect(await outcome(...records)).toBe('Success Success Success');
    expect(sim.bill()).toHaveLength(3);
  });

  it('bills some of the records that it reports as unprocessed', async () => {
    const { sim, record, outcome } = await startMetering();
    const isUsers = ({ Dimension }: { Dimension: string }) => Dimension === 'users';
    sim.faults.add({ kind: 'unprocessed', afterEffect: isUsers });
    expect(await outcome(record(), record({ Dimension: 'gigabytes' }))).toBe('unprocessed unprocessed');
    expect(sim.bill().map((line) => line.dimension)).toEqual(['users']);
    expect(sim.calls()).toMatchObject([{ outcome: 'answered', statusCode: 200, records: 2, faults: ['unprocessed'] }]);
  });

  it.each([
    [undefined, 3],
    [false, 1],
  ])('truncates the answer (after the effect: %s)', async (afterEffect, lines) => {
    const { sim, record, outcome } = await startMetering();
    sim.faults.add({ kind: 'truncateResults', drop: 2, ...(afterEffect !== undefined && { afterEffect }) });
    expect(await outcome(...hours(3).map((Timestamp) => record({ Timestamp })))).toBe('Success');
    expect(sim.bill()).toHaveLength(lines);
  });

  it.each([
    [undefined, 1],
    [true, 2],
  ])('answers an unknown status (after the effect: %s)', async (afterEffect, lines) => {
    const { sim, record, outcome } = await startMetering();
    sim.faults.add({
      kind: 'unknownStatus',
      status: 'Deferred',
      subset: 1,
      ...(afterEffect !== undefined && { afterEffect }),
    });
    expect(await outcome(...hours(2).map((Timestamp) => record({ Timestamp })))).toBe('Deferred Success');
    expect(sim.bill()).toHaveLength(lines);
  });

  it('leaves a batch that is refused as a whole alone', async () => {
    const { sim, record, outcome } = await startMetering();
    const fault = sim.faults.add({ kind: 'unprocessed' });
    expect(await outcome(record({ Dimension: 'unknown' }))).toBe('InvalidUsageDimensionException');
    expect(await outcome()).toBe('');
    expect(fault.hits).toBe(0);
  });
});

describe('which calls a fault strikes', () => {
  it('counts, removes and clears', async () => {
    const { sim, record, outcome } = await startMetering();
    const twice = sim.faults.add({ kind: 'throttle', count: 2 });
    const rest = sim.faults.add({ kind: 'accessDenied' });
    const seen = [];
    for (let call = 0; call < 3; call += 1) seen.push(await outcome(record()));
    expect(seen).toEqual(['ThrottlingException', 'ThrottlingException', 'AccessDeniedException']);
    rest.remove();
    expect(await outcome(record())).toBe('Success');
    sim.faults.add({ kind: 'disabledApi' });
    sim.faults.clear();
    expect(await outcome(record())).toBe('Success');
    expect([twice.hits, rest.hits]).toEqual([2, 1]);
    expect(sim.faults.hits()).toMatchObject({ throttle: 2, accessDenied: 1, disabledApi: 0, resetAfter: 0 });
  });

  it('looks at the request', async () => {
    const { sim, record, outcome } = await startMetering();
    sim.faults.add({
      kind: 'error500Before',
      operation: 'BatchMeterUsage',
      when: ({ region, records }) =>
        region === 'us-east-1' && records.some(({ Dimension }) => Dimension === 'gigabytes'),
    });
    expect(await outcome(record())).toBe('Success');
    expect(await outcome(record(), record({ Dimension: 'gigabytes' }))).toBe('InternalServiceErrorException');
  });

  it('says so when its condition throws', async () => {
    const { sim, record, outcome } = await startMetering();
    sim.faults.add({
      kind: 'throttle',
      when: () => {
        throw new Error('broken condition');
      },
    });
    expect(await outcome(record())).toBe('InternalFailure');
    expect(sim.calls()[0]?.error?.message).toContain('broken condition');
  });

  it('draws its probability from the seed', async () => {
    const runs: string[] = [];
    for (const seed of [7, 7, 8]) {
      const { sim, record, outcome } = await startMetering({ seed });
      sim.faults.add({ kind: 'throttle', probability: 0.5 });
      const seen = [];
      for (let call = 0; call < 20; call += 1) seen.push((await outcome(record())) === 'Success' ? 's' : 't');
      runs.push(seen.join(''));
    }
    expect(runs[1]).toBe(runs[0]);
    expect(runs[2]).not.toBe(runs[0]);
    expect(new Set(runs[0])).toEqual(new Set('st'));
  });

  it('refuses a probability and a count that make no sense', async () => {
    const { sim } = await startMarketplace();
    expect(() => sim.faults.add({ kind: 'throttle', probability: 2 })).toThrow('[0, 1]');
    expect(() => sim.faults.add({ kind: 'throttle', count: 0 })).toThrow('at least 1');
  });

  it('adds latency to whatever else strikes', async () => {
    const { sim, record, outcome } = await startMetering();
    sim.faults.add({ kind: 'latency', ms: 40 });
    sim.faults.add({ kind: 'throttle' });
    const started = performance.now();
    expect(await outcome(record())).toBe('ThrottlingException');
    expect(performance.now() - started).toBeGreaterThanOrEqual(35);
    expect(sim.calls()).toMatchObject([{ faults: ['latency', 'throttle'] }]);
  });
});
