import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BatchMeterUsageCommand, type MarketplaceMeteringClient } from '@aws-sdk/client-marketplace-metering';
import { z } from 'zod';
import { controlRoutes } from '../src/control/routes.js';
import { type Agreement, MarketplaceSimulator, presets, switchValues, VirtualClock } from '../src/index.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { noon } from './simulated-marketplace.js';

let sim: MarketplaceSimulator;
let client: MarketplaceMeteringClient;

beforeAll(async () => {
  sim = await MarketplaceSimulator.start({ clock: new VirtualClock({ startAt: noon, rate: 0 }), callsPerSecond: 0 });
  client = meteringClient(sim.url);
});
beforeEach(() => {
  sim.reset();
});
afterAll(async () => {
  client.destroy();
  await sim.stop();
});

interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is what the tests look at
  body: any;
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${sim.url}/_simulator${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** A request with headers that fetch would not let through. */
function askRaw(method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${sim.url}/_simulator${path}`, { method, headers }, (response) => {
      response.resume().once('end', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    request.once('error', reject).end();
  });
}

async function subscribed(options: object = {}): Promise<Agreement> {
  await ask('POST', '/products', { productCode: 'maple', dimensions: ['users', 'gigabytes'] });
  return (await ask('POST', '/agreements', { productCode: 'maple', startsAt: '2026-11-01T00:00:00Z', ...options }))
    .body as Agreement;
}

function recordOf(agreement: Agreement, fields: object = {}) {
  const { licenseArn: LicenseArn, accountId: CustomerAWSAccountId } = agreement;
  return {
    Timestamp: new Date('2026-11-18T11:00:00Z'),
    Dimension: 'users',
    Quantity: 5,
    LicenseArn,
    CustomerAWSAccountId,
    ...fields,
  };
}

const meter = (...UsageRecords: ReturnType<typeof recordOf>[]) =>
  client.send(new BatchMeterUsageCommand({ UsageRecords }));

describe('what is sold', () => {
  it('a product is published, found, and not published twice', async () => {
    const created = await ask('POST', '/products', {
      productCode: 'a/b',
      identity: 'legacy',
      dimensions: ['users', { name: 'seats', type: 'Entitled' }],
    });
    expect(created).toMatchObject({
      status: 201,
      body: { productCode: 'a/b', identity: 'legacy', dimensions: [{ name: 'users' }, { type: 'Entitled' }] },
    });
    expect((await ask('GET', '/products/a%2Fb')).body).toEqual(created.body);
    expect((await ask('GET', '/products')).body).toEqual({ products: [created.body] });
    expect(await ask('POST', '/products', { productCode: 'a/b', dimensions: ['users'] })).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('exists already') } },
    });
  });

  it('a buyer subscribes, amends, renews, is suspended and reinstated, gets other entitlements, and cancels', async () => {
    const agreement = await subscribed({ accountId: '012345678901', endsAt: '2026-12-01T00:00:00Z', freeTrial: true });
    const path = `/agreements/${agreement.agreementId}`;
    expect(agreement).toMatchObject({
      accountId: '012345678901',
      startsAt: '2026-11-01T00:00:00.000Z',
      freeTrial: true,
      status: 'ACTIVE',
    });
    expect((await ask('GET', '/agreements?productCode=maple')).body.agreements).toEqual([agreement]);
    expect((await ask('GET', '/agreements?accountId=1')).body.agreements).toEqual([]);
    expect((await ask('POST', `${path}/amend`, { endsAt: '2026-12-24T00:00:00Z' })).body).toMatchObject({
      endsAt: '2026-12-24T00:00:00.000Z',
    });
    expect((await ask('POST', `${path}/convert-trial`)).body).toMatchObject({
      freeTrial: false,
      agreementId: agreement.agreementId,
    });
    expect((await ask('POST', `${path}/suspend`)).body).toMatchObject({ suspended: true });
    expect((await ask('POST', `${path}/reinstate`, {})).body).toMatchObject({ suspended: false });
    const entitlements = [{ dimension: 'users', value: 3, expiresAt: '2026-12-01T00:00:00.000Z' }];
    expect((await ask('PUT', `${path}/entitlements`, { entitlements })).body).toMatchObject({ entitlements });
    const successor = (await ask('POST', `${path}/renew`, {})).body as Agreement;
    expect(successor).toMatchObject({ intent: 'RENEW', previousAgreementId: agreement.agreementId });
    const replacement = (
      await ask('POST', `/agreements/${successor.agreementId}/replace`, { endsAt: '2027-06-01T00:00:00Z' })
    ).body as Agreement;
    expect(replacement).toMatchObject({ intent: 'REPLACE', endsAt: '2027-06-01T00:00:00.000Z' });
    const last = `/agreements/${replacement.agreementId}`;
    expect((await ask('POST', `${last}/cancellation-request`, { reason: 'TEST_AGREEMENT' })).body).toMatchObject({
      cancellationRequest: { status: 'PENDING_APPROVAL', reasonCode: 'TEST_AGREEMENT' },
    });
    expect((await ask('POST', `${last}/cancellation-answer`, { status: 'REJECTED' })).body).toMatchObject({
      status: 'ACTIVE',
    });
    expect((await ask('POST', `${last}/cancel`)).body).toMatchObject({
      status: 'CANCELLED',
      endsAt: noon.toISOString(),
    });
    expect((await ask('POST', `${last}/end`, { at: '2026-11-18T13:00:00+01:00' })).body).toMatchObject({
      endsAt: '2026-11-18T12:00:00.000Z',
    });
    expect(await ask('POST', `${last}/renew`, {})).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('CANCELLED') } },
    });
    expect((await ask('POST', '/failed-subscriptions', { productCode: 'maple' })).body).toMatchObject({
      status: 'ROLLED_BACK',
    });
  });

  it('software starts in a buyer’s account, verifies against the product’s keys, and ends', async () => {
    const agreement = await subscribed();
    const launched = (
      await ask('POST', '/resources', { agreementId: agreement.agreementId, platform: 'eks', region: 'eu-west-1' })
    ).body;
    expect(launched).toMatchObject({
      accountId: agreement.accountId,
      region: 'eu-west-1',
      credentials: { accessKeyId: expect.any(String) },
    });
    expect((await ask('GET', '/resources')).body.resources).toEqual([launched]);
    const environment = await ask('POST', `/resources/${String(launched.resourceId)}/environment`, {
      besides: ['node'],
    });
    expect(environment.body.variables).toMatchObject({ AWS_REGION: 'eu-west-1' });
    const ended = await ask('POST', `/resources/${String(launched.resourceId)}/terminate`);
    expect(ended.body).toMatchObject({ terminatedAt: noon.toISOString() });
    expect((await ask('POST', '/resources/none/terminate')).status).toBe(404);
    expect((await ask('POST', '/resources', { platform: 'ecs' })).status).toBe(400);
    expect((await ask('POST', '/products/maple/public-keys')).body.keys).toMatchObject([
      { version: 1 },
      { version: 2 },
    ]);
    expect((await ask('GET', '/products/maple/public-keys')).body.keys).toHaveLength(2);
    const retired = (await ask('POST', '/products/maple/public-keys/1/retire')).body.keys;
    expect(retired).toMatchObject([{ version: 1, retiredAt: noon.toISOString() }, { version: 2 }]);
    expect((await ask('POST', '/products/maple/public-keys/3/retire')).status).toBe(404);
  });

  it('AWS warns of a buyer, and takes it back', async () => {
    const { agreementId } = await subscribed();
    await ask('POST', `/agreements/${agreementId}/advisory`);
    await ask('POST', `/agreements/${agreementId}/advisory-resolved`);
    const types = sim.notifications.messages({ agreementId }).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['Purchase Agreement Advisory Issued', 'Purchase Agreement Advisory Resolved']),
    );
  });

  it('a registration form carries a token that resolves', async () => {
    const agreement = await subscribed({ freeTrial: true });
    const { fields } = (await ask('POST', `/agreements/${agreement.agreementId}/registration-form`)).body as {
      fields: Record<string, string>;
    };
    expect(fields).toEqual({
      'x-amzn-marketplace-token': expect.any(String),
      'x-amzn-marketplace-offer-type': 'free-trial',
    });
    const { ResolveCustomerCommand } = await import('@aws-sdk/client-marketplace-metering');
    const resolved = await client.send(
      new ResolveCustomerCommand({ RegistrationToken: fields['x-amzn-marketplace-token'] }),
    );
    expect(resolved.LicenseArn).toBe(agreement.licenseArn);
  });
});

describe('time', () => {
  it('is read, set, moved by a duration, and run at a rate', async () => {
    expect((await ask('GET', '/clock')).body).toEqual({ now: noon.toISOString(), rate: 0 });
    expect((await ask('PUT', '/clock', { at: '2026-12-01T05:59:00Z' })).body).toEqual({
      now: '2026-12-01T05:59:00.000Z',
      rate: 0,
    });
    expect((await ask('POST', '/clock/advance', { by: 'P1DT1H1M1.5S' })).body).toMatchObject({
      now: '2026-12-02T07:00:01.500Z',
    });
    expect((await ask('POST', '/clock/advance', { by: 500 })).body).toMatchObject({ now: '2026-12-02T07:00:02.000Z' });
    expect((await ask('PUT', '/clock', { rate: 60 })).body).toMatchObject({ rate: 60 });
    expect(sim.clock.rate).toBe(60);
  });

  it.each(['', 'P', 'PT', '1h', 'P1M', 'P1Y', -1, null])('a step of %p is refused', async (by) => {
    expect(await ask('POST', '/clock/advance', { by })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'by' }] } },
    });
    expect(sim.clock.now()).toEqual(noon);
  });
});

describe('readings', () => {
  it('are shown, changed one by one, and as presets', async () => {
    expect((await ask('GET', '/switches')).body).toEqual({ ...sim.switches });
    const changed = await ask('PUT', '/switches', {
      identicalResend: 'duplicateRecord',
      lateWindowHours: 7,
      constraintError: 'AnyException',
    });
    expect(changed.body).toMatchObject({
      identicalResend: 'duplicateRecord',
      lateWindowHours: 7,
      constraintError: 'AnyException',
      finalHour: 'accepted',
    });
    expect(sim.switches).toEqual(changed.body);
    expect((await ask('PUT', '/preset', { preset: 'chaos' })).body).toEqual(presets.chaos);
    expect((await ask('GET', '/presets')).body).toEqual({ presets });
  });

  it('take every value that a switch knows, and no other', async () => {
    for (const [name, values] of Object.entries(switchValues)) {
      for (const value of values)
        expect([name, value, (await ask('PUT', '/switches', { [name]: value })).status]).toEqual([name, value, 200]);
      const { status, body } = await ask('PUT', '/switches', { [name]: name === 'constraintError' ? 7 : 'nonsense' });
      expect([name, status, body.error.problems[0].path]).toEqual([name, 400, name]);
    }
    expect((await ask('PUT', '/switches', { nonsense: 1 })).body.error.problems[0].message).toContain('nonsense');
  });
});

describe('faults', () => {
  it('strike by matchers, are listed with their hits, and are taken away', async () => {
    const agreement = await subscribed();
    const other = (await ask('POST', '/agreements', { productCode: 'maple', startsAt: '2026-11-01T00:00:00Z' }))
      .body as Agreement;
    const added = await ask('POST', '/faults', {
      kind: 'throttle',
      operation: 'BatchMeterUsage',
      when: { licenseArn: agreement.licenseArn, dimension: 'users' },
    });
    expect(added).toMatchObject({ status: 201, body: { hits: 0, fault: { kind: 'throttle' } } });
    expect(await errorNameOf(meter(recordOf(other), recordOf(agreement)))).toBe('ThrottlingException');
    // The members must hold for one and the same record.
    expect(await errorNameOf(meter(recordOf(other), recordOf(agreement, { Dimension: 'gigabytes' })))).toBe('no error');
    expect((await ask('GET', '/faults')).body).toMatchObject({
      faults: [{ id: added.body.id, hits: 1 }],
      hits: { throttle: 1, hang: 0 },
    });
    expect((await ask('DELETE', `/faults/${added.body.id as string}`)).status).toBe(204);
    expect((await ask('DELETE', `/faults/${added.body.id as string}`)).status).toBe(404);
    expect(await errorNameOf(meter(recordOf(agreement)))).toBe('no error');
  });

  it('choose records by matchers', async () => {
    const agreement = await subscribed();
    await ask('POST', '/faults', {
      kind: 'unprocessed',
      count: 1,
      subset: { dimension: 'users' },
      afterEffect: { quantity: 6 },
    });
    const late = recordOf(agreement, { Quantity: 6, Timestamp: new Date('2026-11-18T10:00:00Z') });
    const answer = await meter(recordOf(agreement), late, recordOf(agreement, { Dimension: 'gigabytes' }));
    expect(answer.UnprocessedRecords?.map(({ Dimension }) => Dimension)).toEqual(['users', 'users']);
    expect(sim.bill().map(({ dimension, quantity }) => [dimension, quantity])).toEqual([
      ['users', 6],
      ['gigabytes', 5],
    ]);
    await ask('DELETE', '/faults');
    expect((await ask('GET', '/faults')).body.faults).toEqual([]);
  });

  it('by region and product code', async () => {
    const agreement = await subscribed();
    await ask('POST', '/faults', { kind: 'throttle', when: { region: 'eu-west-1' } });
    await ask('POST', '/faults', { kind: 'accessDenied', when: { productCode: 'elm' } });
    expect(await errorNameOf(meter(recordOf(agreement)))).toBe('no error');
    await ask('POST', '/faults', { kind: 'accessDenied', when: { productCode: 'maple' } });
    expect(await errorNameOf(meter(recordOf(agreement)))).toBe('AccessDeniedException');
    await ask('PUT', '/switches', { productCodeWithLicenseArn: 'doubleBilled' });
    const both = new BatchMeterUsageCommand({ ProductCode: 'maple', UsageRecords: [recordOf(agreement)] });
    expect(await errorNameOf(client.send(both))).toBe('AccessDeniedException');
  });

  it.each([
    [{ kind: 'explode' }, 'kind', 'resetBefore, resetAfter'],
    [{ kind: 'latency' }, 'ms', 'number'],
    [{ kind: 'throttle', probability: 2 }, 'probability', '1'],
    [{ kind: 'throttle', when: { dimensions: 'x' } }, 'when', 'dimensions'],
    [{ kind: 'throttle', ms: 5 }, '', 'ms'],
  ])('%j is refused with the field and what is expected there', async (fault, path, text) => {
    const { status, body } = await ask('POST', '/faults', fault);
    expect({ status, problems: body.error.problems }).toEqual({
      status: 400,
      problems: [{ path, message: expect.stringContaining(text) }],
    });
  });
});

describe('evidence', () => {
  it('calls come in pages, in either order, and filtered', async () => {
    const agreement = await subscribed();
    for (let hour = 1; hour <= 5; hour += 1)
      await meter(recordOf(agreement, { Timestamp: new Date(Date.UTC(2026, 10, 18, hour)) }));
    await errorNameOf(meter(recordOf(agreement, { Timestamp: new Date('2026-11-01T00:00:00Z') })));
    const all = sim.calls().map(({ requestId }) => requestId);
    for (const [order, expected] of [
      ['oldestFirst', all],
      ['newestFirst', all.toReversed()],
    ] as const) {
      const seen: string[] = [];
      for (let after = ''; ;) {
        const { body } = await ask('GET', `/calls?order=${order}&limit=4${after}`);
        seen.push(...(body.calls as { requestId: string }[]).map(({ requestId }) => requestId));
        if (body.next === undefined) break;
        after = `&after=${body.next as string}`;
      }
      expect(seen).toEqual(expected);
    }
    const { calls } = (await ask('GET', '/calls?error=TimestampOutOfBoundsException')).body;
    expect(calls).toMatchObject([
      {
        operation: 'BatchMeterUsage',
        statusCode: 400,
        effective: false,
        records: 1,
        request: { UsageRecords: [{ Dimension: 'users' }] },
      },
    ]);
    expect((await ask('GET', '/calls?operation=ResolveCustomer')).body).toEqual({ calls: [] });
    expect((await ask('GET', '/calls?after=nobody')).body.error.problems).toMatchObject([{ path: 'after' }]);
    expect((await ask('GET', '/calls?limit=0')).body.error.problems).toMatchObject([{ path: 'query.limit' }]);
    expect((await ask('GET', '/calls?page=2')).body.error.problems).toMatchObject([
      { message: expect.stringContaining('page') },
    ]);
  });

  it('the bill is what the simulator says it is', async () => {
    const agreement = await subscribed();
    await meter(recordOf(agreement), recordOf(agreement, { Dimension: 'gigabytes', Quantity: 2 }));
    expect((await ask('GET', '/bill')).body).toEqual({ lines: sim.bill() });
    expect((await ask('GET', '/bill?dimension=gigabytes')).body.lines).toMatchObject([{ quantity: 2 }]);
  });

  it('the state can be taken, everything reset, and the state put back', async () => {
    const agreement = await subscribed();
    await meter(recordOf(agreement));
    const state = (await ask('GET', '/state')).body;
    expect((await ask('POST', '/state/reset')).status).toBe(204);
    expect([sim.products(), sim.agreements(), sim.bill(), sim.calls()]).toEqual([[], [], [], []]);
    expect((await ask('PUT', '/state', state)).status).toBe(204);
    expect(sim.bill()).toMatchObject([{ licenseArn: agreement.licenseArn, quantity: 5 }]);
    const edited = { ...state, world: { ...state.world, switches: {} } };
    expect(await ask('PUT', '/state', edited)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('digest') } },
    });
    expect((await ask('PUT', '/state', { ...state, version: 0 })).body.error.message).toContain('version 0');
  });
});

describe('notifications', () => {
  it('go to a target, as disturbed, and are shown with what became of them', async () => {
    const got: string[] = [];
    const seller = http.createServer((request, response) => {
      let body = '';
      request
        .on('data', (chunk: Buffer) => (body += chunk.toString()))
        .on('end', () => {
          got.push(
            `${String(request.headers['x-secret'])} ${(JSON.parse(body) as { 'detail-type': string })['detail-type']}`,
          );
          response.end();
        });
    });
    await new Promise<void>((resolve) => seller.listen(0, '127.0.0.1', resolve));
    const { port } = seller.address() as { port: number };
    const target = await ask('POST', '/notifications/targets', {
      kind: 'apiDestination',
      url: `http://127.0.0.1:${port}/`,
      headers: { 'x-secret': 's' },
    });
    expect(target).toMatchObject({ status: 201, body: { confirmed: true } });
    expect((await ask('GET', '/notifications/targets')).body).toEqual({ targets: [target.body] });
    await ask('POST', '/notifications/disturbances', { kind: 'drop', type: 'License Updated' });
    await ask('POST', '/notifications/disturbances', { kind: 'hold', type: 'Purchase Agreement Ended' });
    const agreement = await subscribed();
    await ask('POST', `/agreements/${agreement.agreementId}/cancel`);
    await sim.notifications.settled();
    expect(got).toEqual(['s Purchase Agreement Created - Proposer']);
    await ask('POST', '/notifications/release', {});
    await sim.notifications.settled();
    expect(got).toEqual(['s Purchase Agreement Created - Proposer', 's Purchase Agreement Ended - Proposer']);
    expect((await ask('GET', '/notifications/messages')).body).toEqual(
      JSON.parse(JSON.stringify({ messages: sim.notifications.messages() })),
    );
    expect((await ask('GET', '/notifications/deliveries?outcome=dropped')).body.deliveries).toMatchObject([
      { type: 'License Updated', attempt: 0 },
    ]);
    expect((await ask('DELETE', '/notifications/disturbances')).status).toBe(204);
    expect((await ask('DELETE', `/notifications/targets/${target.body.id as string}`)).status).toBe(204);
    expect((await ask('DELETE', '/notifications/targets/nobody')).status).toBe(404);
    seller.close();
    seller.closeAllConnections();
  });
});

describe('a request that does not fit', () => {
  it.each([
    ['GET', '/nowhere', undefined, 404, 'openapi.json'],
    ['GET', '/agreements/agmt-nobody', undefined, 404, 'GET /_simulator/agreements'],
    ['POST', '/agreements', { productCode: 'nobody' }, 404, 'POST /_simulator/products'],
    ['DELETE', '/products', undefined, 405, 'GET, POST'],
    ['POST', '/', undefined, 405, 'GET'],
    ['POST', '/products', '{', 400, 'not JSON'],
    ['GET', '/products/%', undefined, 400, 'encodeURIComponent'],
  ])('%s %s %j: %i', async (method, path, body, status, text) => {
    const answer = await ask(method, path, body);
    expect([answer.status, answer.body.error.message]).toEqual([status, expect.stringContaining(text)]);
    if (status === 405) expect(answer.headers.get('allow')).toBe(text);
  });

  it('names every field that does not fit', async () => {
    const { body } = await ask('POST', '/products', {
      productCode: 'ü',
      dimensions: ['', { name: 'x', type: 'Free' }],
      color: 'red',
    });
    expect((body.error.problems as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '',
      'dimensions[0]',
      'dimensions[1]',
      'productCode',
    ]);
  });

  it('is not JSON: a form of another site could send it', async () => {
    expect((await ask('POST', '/products', '{"dimensions":["x"]}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect(sim.products()).toEqual([]);
  });
});

describe('a browser that shows another page', () => {
  it.each([
    ['its origin', { origin: 'https://evil.example' }],
    ['the origin of another port', { origin: 'http://127.0.0.1:1' }],
    ['a name that a stranger can point at 127.0.0.1', { host: 'evil.example:4570' }],
    ['a cross-site image', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    [
      'another port of this machine',
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    ],
  ])('gets nothing: %s', async (_, headers) => {
    expect(await askRaw('GET', '/agreements', headers)).toBe(403);
    expect(await askRaw('POST', '/state/reset', headers)).toBe(403);
  });

  it.each([
    ['its own page', () => ({ origin: sim.url, 'sec-fetch-site': 'same-origin' })],
    ['a typed address', () => ({ 'sec-fetch-site': 'none' })],
    ['a container beside it', () => ({ host: 'simulator:4570' })],
    ['IPv6', () => ({ host: '[::1]:4570' })],
  ])('is welcome from %s', async (_, headers) => {
    expect(await askRaw('GET', '/agreements', headers())).toBe(200);
  });

  it('may follow a link to the page, and do nothing with it', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(await askRaw('GET', '/', link)).toBe(200);
    expect(await askRaw('POST', '/state/reset', link)).toBe(403);
  });
});

describe('the OpenAPI document', () => {
  interface OpenApi {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string }>>;
    components: { schemas: Record<string, object> };
  }
  let document: OpenApi;

  beforeAll(async () => {
    document = (await ask('GET', '/openapi.json')).body as OpenApi;
  });

  it('describes every route, and only references what it has', () => {
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => ({
        name: `${method.toUpperCase()} ${path}`,
        operationId,
      })),
    );
    const routes = controlRoutes(sim).map(({ method, path }) => `${method} /_simulator${path}`);
    expect(described.map(({ name }) => name).sort()).toEqual(routes.sort());
    expect(new Set(described.map(({ operationId }) => operationId)).size).toBe(routes.length);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      ([, reference = '']) => reference,
    );
    expect(references.length).toBeGreaterThan(20);
    for (const component of Object.values(document.components.schemas)) expect(component).not.toHaveProperty('$ref');
    for (const reference of references) {
      const found = reference
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([reference, typeof found]).toEqual([reference, 'object']);
    }
  });

  it('is kept: each path answers as described', async () => {
    const agreement = await subscribed({ freeTrial: true, endsAt: '2026-12-01T00:00:00Z' });
    const fault = sim.faults.add({ kind: 'latency', ms: 0 });
    await meter(recordOf(agreement));
    const { id: targetId } = sim.notifications.addTarget({
      kind: 'apiDestination',
      url: 'http://127.0.0.1:9/',
      detailTypes: ['none'],
    });
    const { resourceId } = sim.launch({ agreement, platform: 'ecs' });
    const state = (await ask('GET', '/state')).body;
    const params: Record<string, string> = {
      version: '1',
      agreementId: agreement.agreementId,
      productCode: 'maple',
      faultId: fault.id,
      targetId,
      resourceId,
    };
    const bodies: Record<string, unknown> = {
      'POST /products': { dimensions: ['users'] },
      'POST /agreements': { productCode: 'maple' },
      'POST /failed-subscriptions': { productCode: 'maple' },
      'PATCH /products/{productCode}': { dimensions: ['users', 'gigabytes'] },
      'POST /agreements/{agreementId}/rumour': { kind: 'ended', status: 'TERMINATED', at: '2026-11-18T12:00:00Z' },
      'PUT /quotas': { callsPerSecond: { SearchAgreements: 1 } },
      'POST /notifications/send': { ids: [sim.notifications.messages()[0]?.id], target: targetId },
      'POST /agreements/{agreementId}/cancellation-answer': { status: 'REJECTED' },
      'PUT /agreements/{agreementId}/entitlements': { entitlements: [{ dimension: 'users', value: 1 }] },
      'POST /resources': { agreementId: agreement.agreementId, platform: 'ecs' },
      'POST /resources/{resourceId}/environment': {},
      'POST /trail/losses': { region: 'eu-west-1' },
      'POST /trail/delays': { scope: {}, by: 'PT1H' },
      'POST /trail/records': { record: 'no JSON' },
      'POST /trail/files': { digests: true },
      'POST /trail/expire-tokens': {},
      'PUT /clock': { rate: 0 },
      'POST /clock/advance': { by: 'PT1S' },
      'PUT /switches': { identicalResend: 'duplicateRecord' },
      'PUT /preset': { preset: 'lenient' },
      'POST /faults': { kind: 'throttle', count: 1 },
      'POST /notifications/targets': { kind: 'apiDestination', url: 'http://127.0.0.1:9/' },
      'POST /notifications/disturbances': { kind: 'drop' },
      'PUT /state': state,
    };
    for (const route of controlRoutes(sim)) {
      await ask('PUT', '/state', state);
      const name = `${route.method} ${route.path}`;
      if (name.endsWith('cancellation-answer')) sim.requestCancellation(agreement);
      const path = route.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ''));
      const { status, body } = await ask(route.method, path, bodies[name]);
      expect([name, status]).toEqual([name, route.answer ? (route.status ?? 200) : 204]);
      if (route.answer) expect([name, z.safeParse(route.answer, body).error?.issues ?? []]).toEqual([name, []]);
      // A body that no operation takes is refused by its own schema.
      if (route.body && name !== 'PUT /state')
        expect([name, (await ask(route.method, path, { nonsense: true })).status]).toEqual([name, 400]);
    }
  });
});
