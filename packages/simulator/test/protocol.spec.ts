import { connect } from 'node:net';
import { BatchMeterUsageCommand, ResolveCustomerCommand } from '@aws-sdk/client-marketplace-metering';
import { GetEntitlementsCommand } from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MarketplaceSimulator, type ProductIdentity, type SimulatorOptions, VirtualClock } from '../src/index.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const amzDate = (time: number): string => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');

interface RawOptions {
  method?: string;
  service?: string;
  path?: string;
  target?: string;
  body?: string;
  date?: string;
  scope?: string;
  authorization?: string | undefined;
}

/** A request written by hand, signed in form only. */
async function post(url: string, options: RawOptions = {}) {
  const date = options.date ?? amzDate(Date.now());
  const scope = options.scope ?? `${date.slice(0, 8)}/us-east-1/${options.service ?? 'aws-marketplace'}/aws4_request`;
  const signed = `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=host;x-amz-date, Signature=00`;
  const authorization = 'authorization' in options ? options.authorization : signed;
  const response = await fetch(url + (options.path ?? '/'), {
    method: options.method ?? 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': options.target ?? 'AWSMPMeteringService.BatchMeterUsage',
      'x-amz-date': date,
      ...(authorization !== undefined && { authorization }),
    },
    ...(options.method !== 'GET' && { body: options.body ?? '{"UsageRecords":[]}' }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe('protocol', () => {
  it.each([
    ['GET', 'AWSMPMeteringService.BatchMeterUsage'],
    ['PUT', 'AWSMPMeteringService.BatchMeterUsage'],
  ])('answers UnknownOperationException to %s', async (method, target) => {
    const { sim } = await startMarketplace();
    expect(await post(sim.url, { method, target })).toMatchObject({
      status: 400,
      body: { __type: 'UnknownOperationException' },
    });
  });

  it.each([
    ['bare', 'InvalidTokenException', 'InvalidParameterException', 'InvalidMaxResultsException'],
    [
      'namespaced',
      'com.amazonaws.marketplacemetering#InvalidTokenException',
      'com.amazonaws.marketplaceentitlementservice#InvalidParameterException',
      'com.amazonaws.cloudtrail#InvalidMaxResultsException',
    ],
  ] as const)('names the type of an error by switch: %s', async (errorType, ...expected) => {
    const { sim, client } = await startMarketplace({ switches: { errorType } });
    const answers = [
      await post(sim.url, { target: 'AWSMPMeteringService.ResolveCustomer', body: '{"RegistrationToken":"x"}' }),
      await post(sim.url, { target: 'AWSMPEntitlementService.GetEntitlements', body: '{"ProductCode":"x"}' }),
      await post(sim.url, {
        target: 'CloudTrail_20131101.LookupEvents',
        body: '{"MaxResults":0}',
        service: 'cloudtrail',
      }),
    ];
    expect(answers.map(({ body }) => body.__type)).toEqual(expected);
    expect(await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })))).toBe(
      'InvalidTokenException',
    );
  });

  it.each([['CloudTrail_20131101'], ['com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101']])(
    'knows CloudTrail as %s',
    async (target) => {
      const { sim } = await startMarketplace();
      const answer = await post(sim.url, { target: `${target}.LookupEvents`, body: '{}', service: 'cloudtrail' });
      expect(answer).toMatchObject({ status: 200, body: { Events: [] } });
      expect(sim.calls({ operation: 'LookupEvents' })).toHaveLength(1);
    },
  );

  it('shows in CloudTrail a call whose time is none', async () => {
    const { sim } = await startMarketplace({ switches: { cloudTrailDelayMs: 0 } });
    await post(sim.url, { body: '{"UsageRecords":[{"Timestamp":1e300,"Dimension":"users"}]}' });
    const { body } = await post(sim.url, {
      target: 'CloudTrail_20131101.LookupEvents',
      body: '{}',
      service: 'cloudtrail',
    });
    const [event] = body.Events as { CloudTrailEvent: string }[];
    expect(JSON.parse(event?.CloudTrailEvent ?? '')).toMatchObject({
      requestParameters: { usageRecords: [{ timestamp: '1e+300' }] },
    });
  });

  it('answers at any path, in AWS JSON 1.1, with a request id that the log knows', async () => {
    const { sim } = await startMarketplace();
    const { status, headers, body } = await post(sim.url, { path: '/some/where?x=1' });
    expect({ status, body }).toEqual({ status: 200, body: { Results: [], UnprocessedRecords: [] } });
    expect(headers.get('content-type')).toBe('application/x-amz-json-1.1');
    expect(headers.get('x-amzn-requestid')).toBe(sim.calls()[0]?.requestId);
  });

  it('answers an error with its bare type and a message', async () => {
    const { sim } = await startMarketplace();
    const { status, headers, body } = await post(sim.url, {
      target: 'AWSMPMeteringService.ResolveCustomer',
      body: '{"RegistrationToken":"x"}',
    });
    expect({ status, body }).toEqual({
      status: 400,
      body: { __type: 'InvalidTokenException', message: 'Registration token is invalid.' },
    });
    expect(headers.get('x-amzn-requestid')).toEqual(expect.any(String));
  });

  it.each([
    ['AWSMPMeteringService.Nothing'],
    ['AWSMPEntitlementService.BatchMeterUsage'],
    ['AWSMPMeteringService.GetEntitlements'],
    ['BatchMeterUsage'],
    [''],
  ])('answers UnknownOperationException for the target "%s"', async (target) => {
    const { sim } = await startMarketplace();
    expect(await post(sim.url, { target })).toMatchObject({
      status: 400,
      body: { __type: 'UnknownOperationException' },
    });
    expect(sim.calls()).toMatchObject([{ operation: target, statusCode: 400 }]);
  });

  it.each([
    ['{'],
    ['[]'],
    ['null'],
    ['"text"'],
    [''],
    ['{"UsageRecords":{}}'],
    ['{"UsageRecords":[1]}'],
    ['{"UsageRecords":[],"ProductCode":1}'],
  ])('answers SerializationException for the body %s', async (body) => {
    const { sim } = await startMarketplace();
    expect(await post(sim.url, { body })).toMatchObject({ status: 400, body: { __type: 'SerializationException' } });
  });

  it.each([
    ['text', '"2026-11-18T11:00:00Z"'],
    ['out of range', '1e300'],
  ])('answers SerializationException for a timestamp that is %s', async (_, timestamp) => {
    const { sim } = await startMarketplace();
    const body = `{"ProductCode":"x","UsageRecords":[{"Timestamp":${timestamp},"Dimension":"users"}]}`;
    expect(await post(sim.url, { body })).toMatchObject({ body: { __type: 'SerializationException' } });
  });

  it('counts null as absent and ignores members it does not know', async () => {
    const { sim } = await startMarketplace();
    expect(await post(sim.url, { body: '{"UsageRecords":[],"ProductCode":null,"Novelty":1}' })).toMatchObject({
      status: 200,
    });
  });

  it('reads epoch seconds and answers them unchanged', async () => {
    const { sim, record, meter } = await startMetering();
    await meter(record({ Timestamp: new Date('2026-11-18T11:10:05.250Z') }));
    expect(sim.calls()[0]?.request).toMatchObject({
      UsageRecords: [{ Timestamp: Date.UTC(2026, 10, 18, 11, 10, 5, 250) / 1000 }],
    });
  });

  it('logs a call with its region, times, request and response', async () => {
    const { sim, record, meter } = await startMetering();
    await meter(record());
    const [call] = sim.calls({ operation: 'BatchMeterUsage', region: 'us-east-1' });
    expect(call).toMatchObject({
      at: noon,
      records: 1,
      outcome: 'answered',
      statusCode: 200,
      effective: true,
      faults: [],
    });
    expect(call?.response).toMatchObject({ Results: [{ Status: 'Success' }] });
    expect(Math.abs(Date.now() - (call?.wallAt.getTime() ?? 0))).toBeLessThan(10_000);
    expect(sim.calls({ operation: 'ResolveCustomer' })).toEqual([]);
    expect(sim.calls({ fault: 'throttle' })).toEqual([]);
  });

  it('remembers only as many calls as it is told', async () => {
    const { sim } = await startMarketplace({ callLogLimit: 2 });
    for (let call = 0; call < 6; call += 1) await post(sim.url, { target: `call ${call}` });
    expect(sim.calls().map((call) => call.operation)).toEqual(['call 4', 'call 5']);
  });
});

describe('signature', () => {
  const today = (): string => amzDate(Date.now()).slice(0, 8);
  const cases: [string, () => RawOptions, string][] = [
    ['no Authorization', () => ({ authorization: undefined }), 'MissingAuthenticationTokenException'],
    ['another scheme', () => ({ authorization: 'Bearer x' }), 'IncompleteSignatureException'],
    [
      'no Signature',
      () => ({
        authorization: `AWS4-HMAC-SHA256 Credential=A/${today()}/us-east-1/aws-marketplace/aws4_request, SignedHeaders=host`,
      }),
      'IncompleteSignatureException',
    ],
    ['a short scope', () => ({ scope: `${today()}/us-east-1` }), 'IncompleteSignatureException'],
    [
      'another service',
      () => ({ scope: `${today()}/us-east-1/metering.marketplace/aws4_request` }),
      'InvalidSignatureException',
    ],
    [
      'the service of another API',
      () => ({ scope: `${today()}/us-east-1/cloudtrail/aws4_request` }),
      'InvalidSignatureException',
    ],
    [
      'the wrong service for CloudTrail',
      () => ({
        target: 'CloudTrail_20131101.LookupEvents',
        scope: `${today()}/us-east-1/aws-marketplace/aws4_request`,
      }),
      'InvalidSignatureException',
    ],
    [
      'a region that AWS does not have',
      () => ({ scope: `${today()}/mars-1/aws-marketplace/aws4_request` }),
      'InvalidSignatureException',
    ],
    [
      'no access key',
      () => ({ authorization: `AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=0` }),
      'IncompleteSignatureException',
    ],
    [
      'another day in the scope',
      () => ({ scope: '20200101/us-east-1/aws-marketplace/aws4_request' }),
      'InvalidSignatureException',
    ],
    ['no date', () => ({ date: '' }), 'IncompleteSignatureException'],
    ['a date six minutes ago', () => ({ date: amzDate(Date.now() - 360_000) }), 'InvalidSignatureException'],
    ['a date six minutes ahead', () => ({ date: amzDate(Date.now() + 360_000) }), 'InvalidSignatureException'],
    ['a date four minutes ago', () => ({ date: amzDate(Date.now() - 240_000) }), 'none'],
  ];

  it.each(cases)('is judged: %s', async (_, options, expected) => {
    const { sim } = await startMarketplace();
    const { status, body } = await post(sim.url, options());
    expect([status, body.__type ?? 'none']).toEqual([expected === 'none' ? 200 : 400, expected]);
  });

  it.each([
    ['metering.marketplace.us-east-1.amazonaws.com', 'eu-west-1', 'InvalidSignatureException'],
    ['metering.marketplace.eu-west-1.amazonaws.com:443', 'eu-west-1', 'no error'],
    ['metering-marketplace.eusc-de-east-1.amazonaws.eu', 'us-east-1', 'InvalidSignatureException'],
    ['metering.marketplace.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1', 'no error'],
  ])('must be for the region of the host: %s with %s is %s', async (host, region, expected) => {
    const { sim } = await startMarketplace();
    const client = meteringClient(sim.url, { region });
    // As where a proxy or a line in /etc/hosts leads AWS's own name to the simulator.
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers.host = host;
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    expect(await errorNameOf(client.send(new BatchMeterUsageCommand({ UsageRecords: [] })))).toBe(expected);
    client.destroy();
  });

  it('goes by wall time however the clock is set', async () => {
    const { sim, client } = await startMarketplace();
    sim.clock.set(new Date('2031-01-01T00:00:00Z'));
    const call = client.send(new ResolveCustomerCommand({ RegistrationToken: 'x' }));
    expect(await errorNameOf(call)).toBe('InvalidTokenException');
  });

  it('refuses an SDK whose clock is ten minutes off', async () => {
    const { sim } = await startMarketplace();
    const late = meteringClient(sim.url, { systemClockOffset: -600_000 });
    expect(await errorNameOf(late.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })))).toBe(
      'InvalidSignatureException',
    );
    late.destroy();
  });
});

describe('call quota', () => {
  const burst = async (options: SimulatorOptions, calls: number) => {
    const { sim, client, entitlements } = await startMarketplace(options);
    const resolve = (of = client) => errorNameOf(of.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })));
    const names = await Promise.all(Array.from({ length: calls }, () => resolve()));
    return { sim, resolve, entitlements, throttled: names.filter((name) => name === 'ThrottlingException').length };
  };

  it('throttles past 10 calls a second, per operation and region, and refills in wall time', async () => {
    const { sim, resolve, entitlements, throttled } = await burst({ callsPerSecond: 10 }, 60);
    // Fifty, less what a slow machine's bucket gets back in the meantime.
    expect(throttled).toBeGreaterThanOrEqual(20);
    expect(throttled).toBeLessThanOrEqual(50);
    const get = entitlements.send(new GetEntitlementsCommand({ ProductCode: 'x' }));
    expect(await errorNameOf(get)).toBe('InvalidParameterException');
    const ireland = meteringClient(sim.url, { region: 'eu-west-1' });
    expect(await resolve(ireland)).toBe('InvalidTokenException');
    ireland.destroy();
    sim.clock.advance(60_000);
    await new Promise((resolved) => setTimeout(resolved, 150));
    expect(await resolve()).toBe('InvalidTokenException');
  });

  it('can be set by operation, and lifted', async () => {
    expect((await burst({ callsPerSecond: { ResolveCustomer: 0.001 } }, 5)).throttled).toBe(4);
    expect((await burst({ callsPerSecond: 0 }, 40)).throttled).toBe(0);
  });

  it('lets the SDK get through by its own retries', async () => {
    const { sim } = await startMarketplace();
    const fault = sim.faults.add({ kind: 'throttle', count: 2 });
    const patient = meteringClient(sim.url, { maxAttempts: 3 });
    expect(await errorNameOf(patient.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })))).toBe(
      'InvalidTokenException',
    );
    patient.destroy();
    expect(fault.hits).toBe(2);
  });
});

describe('starting and stopping', () => {
  it('starts in under 100 ms', async () => {
    const took: number[] = [];
    // The quickest of several: one alone may meet whatever else the machine is at.
    for (let time = 0; time < 5; time += 1) {
      const started = performance.now();
      const sim = await MarketplaceSimulator.start();
      took.push(performance.now() - started);
      expect(sim.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(Math.abs(sim.clock.now().getTime() - Date.now())).toBeLessThan(1000);
      await sim.stop();
    }
    expect(Math.min(...took)).toBeLessThan(100);
  });

  it('stops at once with calls hung and delayed, frees the port, and may be stopped again', async () => {
    const { sim, record, meter } = await startMetering();
    sim.faults.add({ kind: 'hang', count: 1 });
    sim.faults.add({ kind: 'latency', ms: 60_000 });
    const calls = [errorNameOf(meter(record())), errorNameOf(meter(record()))];
    await new Promise((resolve) => setTimeout(resolve, 50));
    await sim.stop();
    expect(await Promise.all(calls)).not.toContain('no error');
    await sim.stop();
    const port = Number(new URL(sim.url).port);
    const refused = await new Promise((resolve) => {
      connect(port, '127.0.0.1').on('error', resolve);
    });
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    const again = await MarketplaceSimulator.start({ port });
    expect(again.url).toBe(sim.url);
    await expect(MarketplaceSimulator.start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await again.stop();
  });

  it('gives the same names and ids for the same seed, others for another', async () => {
    const names = [];
    for (const seed of [5, 5, 6]) {
      const { sim, agreement, record, meter } = await startMetering({ seed });
      await meter(record());
      const token = sim.registrationToken(agreement);
      names.push([
        agreement.agreementId,
        agreement.licenseArn,
        agreement.accountId,
        token,
        sim.bill()[0]?.meteringRecordId,
      ]);
    }
    expect(names[1]).toEqual(names[0]);
    for (const [index, name] of (names[2] ?? []).entries()) expect(name).not.toBe(names[0]?.[index]);
  });

  it('gives no id of a record twice, whatever marketplaces of one seed there are: of sellers, buyers, hours', async () => {
    const ids: (string | undefined)[] = [];
    for (const [sellerAccountId, identity, startAt] of [
      ['111122223333', 'license', '2026-11-11T10:20:00Z'],
      ['444455556666', 'license', '2026-11-11T10:20:00Z'],
      ['111122223333', 'legacy', '2026-11-11T10:20:00Z'],
      ['111122223333', 'license', '2026-11-11T11:20:00Z'],
    ] satisfies [string, ProductIdentity, string][]) {
      const clock = new VirtualClock({ startAt: new Date(startAt), rate: 0 });
      const { sim, record, meter } = await startMetering({ sellerAccountId, clock }, identity);
      await meter(record());
      ids.push(sim.bill()[0]?.meteringRecordId);
    }
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('control', () => {
  it('refuses what cannot be sold', async () => {
    const { sim } = await startMarketplace();
    const { productCode } = sim.createProduct({ productCode: 'p', dimensions: ['users'] });
    expect(() => sim.createProduct({ productCode, dimensions: [] })).toThrow('exists already');
    expect(() => sim.createProduct({ productCode: 'a b', dimensions: [] })).toThrow('product code');
    expect(() => sim.createProduct({ dimensions: [''] })).toThrow('1 to 255');
    expect(() => sim.subscribe({ productCode: 'q' })).toThrow('No product q');
    expect(() => sim.subscribe({ productCode, accountId: 'x' })).toThrow('digits only');
    expect(() => sim.subscribe({ productCode, endsAt: new Date(0) })).toThrow('cannot end before');
    expect(() => sim.end('agmt-unknown')).toThrow('No agreement');
  });

  it('shows products and agreements as they stand', async () => {
    const { sim } = await startMarketplace();
    const listing = sim.createProduct({ dimensions: ['users'] });
    const agreement = sim.subscribe({ productCode: listing.productCode });
    expect(sim.products()).toEqual([listing]);
    expect(sim.agreements()).toEqual([agreement]);
    sim.end(agreement);
    sim.suspend(agreement);
    expect(sim.agreement(agreement.agreementId)).toMatchObject({ endsAt: noon, suspended: true });
  });
});
