import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Inject, type INestApplication, Post, Query, UseFilters } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { MarketplaceSimulator, VirtualClock } from 'aws-marketplace-simulator';
import fc from 'fast-check';
import { ClaimRefusedFilter, MeteringService, RegistrationService, SubscriptionService } from '../../src/index.js';
import { DIMENSIONS, migrate, PRODUCT_CODE, START } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { PLATFORMS, startPlainHost } from './plain-host.js';

const TOKEN = 'operators-only-0123456789abcdef';
const SECRET = 'a-secret-of-ours-0123456789abcdef';
const TOPIC = 'arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-abc';

/** A host that passes on whatever a browser sent, as most do. */
@Controller()
class TrustingController {
  constructor(@Inject(RegistrationService) private readonly registration: RegistrationService) {}

  @Get('plain/inspect')
  inspect(@Query('registrationCode') code: string): unknown {
    return this.registration.inspect(code);
  }

  @Post('plain/claim')
  claim(@Body() form: { code: string; tenantId: string } = {} as never): unknown {
    return this.registration.claim(form.code, { tenantId: form.tenantId });
  }

  @Get('filtered/inspect')
  @UseFilters(ClaimRefusedFilter)
  inspectFiltered(@Query('registrationCode') code: string): unknown {
    return this.inspect(code);
  }

  @Post('filtered/claim')
  @UseFilters(ClaimRefusedFilter)
  claimFiltered(@Body() form: { code: string; tenantId: string } = {} as never): unknown {
    return this.claim(form);
  }
}

const LISTS = [
  'records',
  'events',
  'waiting',
  'subscriptions',
  'balance',
  'messages',
  'deliveries',
  'alerts',
  'actions',
];
const VIEWS = [...LISTS, 'senders', 'audit', 'records/x', 'subscriptions/x'];

let postgres: TestDatabase;
let simulator: MarketplaceSimulator;
const clock = new VirtualClock({ startAt: START, rate: 0 });

beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0 });
  simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: DIMENSIONS });
});
afterAll(async () => {
  await simulator.stop();
  await postgres.drop();
});

/** What people and machines put where a value is expected. */
const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'null',
    'undefined',
    '[object Object]',
    '-1',
    '1e999',
    '%',
    '%00',
    '__proto__',
    '{',
    '"',
  ),
  fc.constantFrom('\ud800', '💥', "'; DROP TABLE x; --", '2026-02-30T00:00:00Z', 'a'.repeat(2000)),
  fc.uuid(),
);
const name = fc.oneof(
  fc.constantFrom('limit', 'cursor', 'state', 'tenantId', 'subscriptionId', 'recordId', 'hourFrom', 'from', 'to'),
  fc.constantFrom('registrationCode', 'code', 'format', 'open', 'conserved', 'unsealed', 'dimension', 'kind', 'reason'),
  fc.constantFrom('x-amzn-marketplace-token', 'x-amzn-marketplace-offer-type', 'x-amzn-marketplace-x', 'Type'),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'limit[]', 'registrationCode[a]', 'code[0]', ''),
  odd,
);
const pairs = fc.array(fc.tuple(name, odd), { maxLength: 6 });
const json = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.dictionary(name, fc.oneof(odd, fc.jsonValue({ maxDepth: 3 }))).map((value) => JSON.stringify(value)),
  fc.constantFrom('', '{', '[]', 'null', '{"__proto__":{"a":1}}', '['.repeat(5000), '{"a":'.repeat(3000)),
);
const contentType = fc.constantFrom(
  'application/x-www-form-urlencoded',
  'application/json',
  'application/json; charset=latin1',
  'text/plain; charset=UTF-8',
  'multipart/form-data; boundary=x',
  'nonsense',
  '',
);

const bodyOf = (type: string, form: [string, string][], text: string): string =>
  type.includes('urlencoded')
    ? new URLSearchParams(form.map(([a, b]): [string, string] => [wellFormed(a), wellFormed(b)])).toString()
    : text;
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
const queryOf = (given: [string, string][]): string =>
  given.map(([a, b]) => `${encodeURIComponent(wellFormed(a))}=${encodeURIComponent(wellFormed(b))}`).join('&');

describe.each(PLATFORMS)('odd requests (G16), on %s', (platform) => {
  let app: INestApplication;
  let origin: string;

  beforeAll(async () => {
    const notifications = { eventBridgeSecrets: [SECRET], snsTopicArns: [TOPIC] };
    ({ app, origin } = await startPlainHost({
      ...{ platform, databaseUrl: postgres.url, simulator, clock, controllers: [TrustingController] },
      options: { notifications, adminToken: TOKEN, registrationsPerMinute: 10_000 },
      configure: (host) => {
        if (platform === 'express') (host as NestExpressApplication).set('query parser', 'extended');
      },
    }));
  });
  afterAll(async () => {
    await app.close();
  });

  const get = (path: string): Promise<Response> =>
    fetch(`${origin}/${path}`, { headers: { authorization: `Bearer ${TOKEN}` }, redirect: 'manual' });
  const post = (path: string, body: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${origin}/${path}`, { method: 'POST', body, headers, redirect: 'manual' });

  it('no list, no view and no page of ours answers what anybody makes up with 500', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...VIEWS), pairs, async (view, given) => {
        const response = await get(`marketplace/admin/${view}?${queryOf(given)}`);
        const text = await response.text();
        expect([response.status < 500, response.status, text]).toEqual([true, response.status, text]);
        if (response.status >= 400)
          expect(JSON.parse(text)).toEqual({
            statusCode: response.status,
            errorCode: expect.stringMatching(/^[A-Z_]+$/),
            message: expect.any(String),
          });
      }),
      { numRuns: 150 },
    );
  });

  it('no id of ours answers what anybody makes up with 500', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('records', 'subscriptions'), odd, async (list, id) => {
        const response = await get(`marketplace/admin/${list}/${encodeURIComponent(wellFormed(id))}`);
        expect(response.status).toBeLessThan(500);
        await response.text();
      }),
      { numRuns: 60 },
    );
  });

  it('the landing page and the notifications answer any body with 4xx and a code', async () => {
    const routes = fc.constantFrom('marketplace/registration', 'marketplace/notifications');
    await fc.assert(
      fc.asyncProperty(routes, contentType, pairs, json, fc.boolean(), async (route, type, form, text, isProven) => {
        const response = await post(route, bodyOf(type, form, text), {
          accept: 'application/json',
          ...(type === '' ? {} : { 'content-type': type }),
          ...(isProven ? { 'x-marketplace-secret': SECRET } : {}),
        });
        const answer = (await response.json()) as Record<string, unknown>;
        expect([response.status < 500, response.status, answer]).toEqual([true, response.status, answer]);
        if (response.status >= 400) expect(answer.statusCode ?? answer.status).toBe(response.status);
      }),
      { numRuns: 150 },
    );
  });

  it.each<[string, string, string]>([
    ['a missing', '', ''],
    ['a doubled', 'registrationCode=a&registrationCode=b', 'code=a&code=b&tenantId=x'],
    ['an object-valued', 'registrationCode[a]=b', 'code[a]=b&tenantId=x'],
    ['a deep', 'registrationCode[a][b][c]=d', 'code[a][b]=c&tenantId[a]=b'],
    ['a NUL', 'registrationCode=%00', 'code=%00&tenantId=%00'],
  ])(
    '%s code is a refusal with its status in the hands of a host that passes everything on',
    async (_, query, form) => {
      const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
      for (const host of ['plain', 'filtered']) {
        const inspected = await get(`${host}/inspect?${query}`);
        const claimed = await post(`${host}/claim`, form, asForm);
        expect([inspected.status, claimed.status === 404 || claimed.status === 400]).toEqual([404, true]);
        const code = host === 'filtered' ? { errorCode: 'CODE_UNKNOWN' } : {};
        expect(await inspected.json()).toMatchObject({
          statusCode: 404,
          message: expect.stringMatching(/registration code/),
          ...code,
        });
        expect(await claimed.json()).toMatchObject({ statusCode: claimed.status });
      }
    },
  );

  it('a trailing slash changes nothing (H13)', async () => {
    const form = simulator.registrationForm(simulator.subscribe({ productCode: PRODUCT_CODE }));
    const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
    const arrived = await post('marketplace/registration/', new URLSearchParams(form).toString(), asForm);
    expect(arrived.status).toBe(303);
    for (const path of ['marketplace/registration', 'marketplace/admin/records', 'marketplace/admin/records/x'])
      expect([path, (await get(`${path}/`)).status]).toEqual([path, (await get(path)).status]);
    const asEvent = { 'content-type': 'application/json', 'x-marketplace-secret': 'wrong' };
    expect((await post('marketplace/notifications/', '{"a":1}', asEvent)).status).toBe(403);
  });

  it('services answer whatever a host passes on with an error of ours', async () => {
    const [registration, subscriptions] = [app.get(RegistrationService), app.get(SubscriptionService)];
    const metering = app.get(MeteringService);
    const calls: ((value: never, other: never) => Promise<unknown>)[] = [
      (code) => registration.inspect(code),
      (code, tenantId) => registration.claim(code, { tenantId }),
      (code, browser) => registration.inspect(code, { browser }),
      (code, browser) => registration.claim(code, { tenantId: 'acme', browser }),
      (id) => subscriptions.get(id),
      (id) => subscriptions.forTenant(id),
      (id) => subscriptions.current(id),
      (tenantId, quantity) => metering.record({ tenantId, dimension: 'requests', quantity }),
      (event) => metering.record(event),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), fc.anything(), fc.anything(), async (call, value, other) => {
        const outcome = await call(value as never, other as never).then(
          () => 'answered',
          (error: unknown) => (error as { code?: unknown }).code,
        );
        expect(outcome).toEqual(expect.stringMatching(/^(answered|[A-Z_]{5,})$/));
      }),
      { numRuns: 300 },
    );
    // What has no text at all.
    expect(await subscriptions.forTenant(Object.create(null) as never)).toEqual([]);
    expect(await subscriptions.forTenant('a\0b', { productCode: 'c\0d' })).toEqual([]);
  });
});
