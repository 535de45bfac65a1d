import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Fault } from 'aws-marketplace-simulator';
import { RedirectPolicy } from '../../src/registration/redirect-policy.js';
import { dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { ADAPTERS, closeHosts, codeIn, type Host, post, send, startHost } from './registration-host.js';

afterAll(dropDatabaseOfSuite);

describe.each(ADAPTERS)('the landing page on %s', (adapter) => {
  let rooms: Rooms;
  let host: Host;

  beforeAll(async () => {
    rooms = await Rooms.open();
    host = await startHost(rooms, { adapter, options: { registrationsPerMinute: 10_000, resolvePatienceMs: 2000 } });
  });
  afterEach(() => {
    rooms.simulator.faults.clear();
    rooms.simulator.setSwitches({ registrationTokenReuse: 'untilExpiry', legacyLicenseArn: 'present' });
  });
  afterAll(async () => {
    await closeHosts();
    await rooms.close();
  });

  const arriving = (fault?: Fault) => {
    if (fault) rooms.simulator.faults.add({ operation: 'ResolveCustomer', ...fault });
    return rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
  };

  it('sends a buyer to the sign-up page with a code that can be claimed', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT, freeTrial: true });
    const response = await post(host.url, rooms.simulator.registrationForm(agreement));
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(
      /^https:\/\/app\.example\.com\/sign-up\?plan=marketplace&registrationCode=[\w-]{43}$/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('set-cookie')).toBeNull();
    const inspected = await rooms.registration.inspect(codeIn(response));
    expect(inspected).toEqual({
      ...{
        subscriptionId: inspected.subscriptionId,
        productCode: LICENSE_PRODUCT,
        offerType: 'free-trial',
        tenantId: null,
      },
    });
    const claimed = await rooms.registration.claim(codeIn(response), { tenantId: 'tenant' });
    expect(claimed).toMatchObject({ tenantId: 'tenant', agreements: [{ licenseArn: agreement.licenseArn }] });
  });

  it('keeps further fields of the form, but never the token', async () => {
    const form = arriving();
    const token = form['x-amzn-marketplace-token']!;
    const response = await post(host.url, {
      ...form,
      ...{
        'x-amzn-marketplace-agreement-id': 'agmt-1',
        'X-Amzn-Marketplace-Product-Id': 'prod-1',
        'x-amzn-marketplace-copy': `a ${token}`,
      },
      ...{ unrelated: 'x', 'x-amzn-marketplace-nul': 'a\0b', 'x-amzn-marketplace-long': 'x'.repeat(1001) },
    });
    expect(response.status).toBe(303);
    const { subscriptionId } = await rooms.registration.inspect(codeIn(response));
    const [row] = await rooms.query('SELECT registration_fields FROM marketplace.subscription WHERE id = $1', [
      subscriptionId,
    ]);
    expect(row).toEqual({
      registration_fields: { 'x-amzn-marketplace-agreement-id': 'agmt-1', 'x-amzn-marketplace-product-id': 'prod-1' },
    });
  });

  it('gives every POST of one token its own code and the same subscription', async () => {
    const form = arriving();
    const codes = [codeIn(await post(host.url, form)), codeIn(await post(host.url, form))];
    const inspected = await Promise.all(codes.map((code) => rooms.registration.inspect(code)));
    expect(new Set(codes).size).toBe(2);
    expect(inspected[0]).toEqual(inspected[1]);
  });

  it('finds the buyer again where AWS takes a token only once', async () => {
    rooms.simulator.setSwitches({ registrationTokenReuse: 'once' });
    const form = arriving();
    rooms.simulator.faults.add({ kind: 'latency', ms: 200, operation: 'ResolveCustomer', count: 1 });
    const asked = rooms.simulator.calls({ operation: 'ResolveCustomer' }).length;
    const together = await Promise.all([post(host.url, form), post(host.url, form)]);
    expect(rooms.simulator.calls({ operation: 'ResolveCustomer' })).toHaveLength(asked + 1);
    const responses = [...together, await post(host.url, form)];
    expect(responses.map(({ status }) => status)).toEqual([303, 303, 303]);
    const inspected = await Promise.all(responses.map((response) => rooms.registration.inspect(codeIn(response))));
    expect(new Set(inspected.map(({ subscriptionId }) => subscriptionId)).size).toBe(1);
  });

  it('makes one subscription of twenty simultaneous POSTs of one buyer', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const before = await rooms.count('subscription');
    const forms = Array.from({ length: 20 }, () => rooms.simulator.registrationForm(agreement));
    const responses = await Promise.all(forms.map((form) => post(host.url, form)));
    expect(responses.map(({ status }) => status)).toEqual(forms.map(() => 303));
    expect(await rooms.count('subscription')).toBe(before + 1);
  });

  it('registers a legacy buyer as legacy although AWS names a LicenseArn too, and without one', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    const first = await rooms.registration.inspect(
      codeIn(await post(host.url, rooms.simulator.registrationForm(agreement))),
    );
    rooms.simulator.setSwitches({ legacyLicenseArn: 'absent' });
    const second = await rooms.registration.inspect(
      codeIn(await post(host.url, rooms.simulator.registrationForm(agreement))),
    );
    expect(second.subscriptionId).toBe(first.subscriptionId);
    const subscription = await rooms.subscriptions.get(first.subscriptionId);
    expect(subscription?.agreements).toMatchObject([
      { licenseArn: agreement.licenseArn, customerIdentifier: agreement.customerIdentifier },
    ]);
  });

  it('answers GET and HEAD with a short page', async () => {
    const page = await fetch(host.url);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Set up your account');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fetch(host.url, { method: 'HEAD' })).status).toBe(200);
  });

  it('M16: has a buyer wait while AWS throttles, and shows no page for it', async () => {
    rooms.simulator.faults.add({ operation: 'ResolveCustomer', kind: 'throttle', count: 2 });
    expect((await post(host.url, arriving())).status).toBe(303);
  });

  describe('D40: tells what to do, each with its own status:', () => {
    const unknownToken = { 'x-amzn-marketplace-token': 'no such token' };
    const expired = () => {
      const form = arriving();
      rooms.clock.advance(5 * HOUR_MS);
      return form;
    };
    const unlisted = () =>
      rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: 'not-listed-here' }));

    it.each<[string, () => Record<string, string>, number, string]>([
      ['no token', () => ({}), 400, 'TOKEN_MISSING'],
      ['an empty token', () => ({ 'x-amzn-marketplace-token': ' ' }), 400, 'TOKEN_MISSING'],
      ['an invalid token', () => unknownToken, 400, 'TOKEN_INVALID'],
      ['an expired token', expired, 410, 'TOKEN_EXPIRED'],
      ['throttling', () => arriving({ kind: 'throttle' }), 503, 'AWS_THROTTLED'],
      ['a failure of AWS', () => arriving({ kind: 'error500Before' }), 502, 'AWS_UNAVAILABLE'],
      ['a lost connection', () => arriving({ kind: 'resetBefore' }), 503, 'AWS_UNAVAILABLE'],
      [
        'an error nobody knows',
        () => arriving({ kind: 'unknownError', name: 'BrandNewException' }),
        502,
        'AWS_UNAVAILABLE',
      ],
      ['missing permission', () => arriving({ kind: 'accessDenied' }), 500, 'AWS_SETUP'],
      ['a disabled API', () => arriving({ kind: 'disabledApi' }), 500, 'AWS_SETUP'],
      ['credentials that ran out', () => arriving({ kind: 'expiredCredentials' }), 500, 'AWS_SETUP'],
      ['a product that is not ours', unlisted, 500, 'PRODUCT_UNKNOWN'],
    ])('%s', async (_, form, status, errorCode) => {
      const given = form();
      const page = await post(host.url, given);
      expect(page.status).toBe(status);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
      expect(page.headers.has('retry-after')).toBe(status === 502 || status === 503);
      const html = await page.text();
      expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
      expect(html).toContain('What to do next.');
      expect(html).toContain('href="mailto:help@example.com"');
      expect(html).toContain('https://example.com/support');
      expect(html).not.toMatch(/<script|<form|<img|<link|onerror|style="/);

      const json = await post(host.url, given, { Accept: 'application/json' });
      expect(json.status).toBe(status);
      expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(await json.json()).toEqual({ statusCode: status, errorCode, message: expect.stringMatching(/\w/) });
    });

    it('a license that is on file for another buyer', async () => {
      const form = arriving();
      const { subscriptionId } = await rooms.registration.inspect(codeIn(await post(host.url, form)));
      // The ledger refuses to rename a buyer; only a superuser can put another's name there.
      await rooms.database.transaction(async (tx) => {
        await tx.query(`SET LOCAL session_replication_role = replica`);
        await tx.query(
          `UPDATE marketplace.buyer_name SET digest = sha256('another'), name = '999900001111' WHERE kind = 'account'
            AND buyer_id = (
             SELECT buyer_id FROM marketplace.subscription WHERE id = $1)`,
          [subscriptionId],
        );
      });
      const response = await post(host.url, form);
      expect(response.status).toBe(409);
      expect(await response.text()).toContain('contact support');
      await rooms.query(
        `UPDATE marketplace.alert SET resolved_at = now() WHERE subject = 'registration of ${LICENSE_PRODUCT}'`,
      );
    });

    it('also where the seller named no support', async () => {
      const silent = await startHost(rooms, { adapter, options: { support: {} } });
      expect(await (await post(silent.url, {})).text()).toContain(
        'Contact the seller through the product’s page on AWS Marketplace',
      );
    });

    it('a fault of our set-up to the operators too, until it is resolved', async () => {
      await post(host.url, arriving({ kind: 'accessDenied', count: 1 }));
      await post(host.url, unlisted());
      expect(await rooms.alertKinds()).toEqual(['setupError', 'setupError']);
      const [alert] = await rooms.query<{ message: string }>(
        `SELECT message FROM marketplace.alert WHERE seller_account = $1 AND subject = 'ResolveCustomer'`,
        [rooms.options.sellerAccount],
      );
      expect(alert?.message).toMatch(
        /^Buyers cannot register: ResolveCustomer fails \(AccessDenied\w*: .+\)\. Check that there are credentials .*aws-marketplace:ResolveCustomer/,
      );
      await post(host.url, arriving());
      expect(await rooms.alertKinds()).toEqual(['setupError']);
    });
  });

  it('writes nothing for an arrival that fails', async () => {
    const before = [
      await rooms.count('subscription'),
      await rooms.count('registration_code'),
      await rooms.count('outbox_event'),
    ];
    await post(host.url, arriving({ kind: 'resetAfter', count: 1 }));
    await post(host.url, {});
    await post(
      host.url,
      rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: 'not-listed-here' })),
    );
    expect([
      await rooms.count('subscription'),
      await rooms.count('registration_code'),
      await rooms.count('outbox_event'),
    ]).toEqual(before);
  });

  it('takes JSON from an API client', async () => {
    const response = await send(host.url, JSON.stringify(arriving()), {
      'Content-Type': 'application/json',
      Accept: 'application/json',
    });
    expect(response.status).toBe(303);
  });

  it('refuses a body beyond 64 KB', async () => {
    const response = await post(
      host.url,
      { ...arriving(), padding: 'x'.repeat(70_000) },
      { Accept: 'application/json' },
    );
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errorCode: 'BODY_TOO_LARGE' });
  });

  it('says 503 when the database is away, and nothing of why to the buyer', async () => {
    const away = await startHost(rooms, { adapter });
    const ledger = away.app.get<{ dataSource: { destroy(): Promise<void>; initialize(): Promise<unknown> } }>(
      (await import('../../src/database/ledger-database.js')).LedgerDatabase,
    );
    await ledger.dataSource.destroy();
    const response = await post(away.url, arriving(), { Accept: 'application/json' });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      errorCode: 'REGISTRATION_FAILED',
      message: expect.not.stringMatching(/sql|postgres|driver/i),
    });
    await ledger.dataSource.initialize();
  });

  it('lets one client in only so often, and says when again', async () => {
    const strict = await startHost(rooms, { adapter, options: { registrationsPerMinute: 3 } });
    const inVain = (n: number): Promise<Response> => post(strict.url, { 'x-amzn-marketplace-token': `made up ${n}` });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await inVain(n)).status);
    const refused = await inVain(3);
    expect([...statuses, refused.status]).toEqual([400, 400, 400, 429]);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThanOrEqual(80);
    expect(await refused.text()).toContain('Too many attempts');
  });

  describe('asks the host where to go', () => {
    const redirectedTo = async (resolveRedirect: () => string | URL | undefined | Promise<string>): Promise<string> => {
      const own = await startHost(rooms, {
        adapter,
        options: { resolveRedirect, allowedRedirectOrigins: ['https://eu.example.com/ignored'] },
      });
      const response = await post(own.url, arriving());
      expect(response.status).toBe(303);
      return response.headers.get('location')!.replace(/registrationCode=[\w-]{43}/, 'registrationCode=CODE');
    };
    const fallback = 'https://app.example.com/sign-up?plan=marketplace&registrationCode=CODE';

    it.each<[string, () => string | URL | undefined | Promise<string>, string]>([
      ['nothing (G18)', () => undefined, fallback],
      [
        'nothing, as a condition says it',
        () => (process.env.NO_SUCH_VARIABLE !== undefined && '/trial') as never,
        fallback,
      ],
      ['an object, as Nest’s @Redirect takes it', () => ({ url: '/welcome', statusCode: 302 }) as never, fallback],
      ['a number', () => 0 as never, fallback],
      ['an allowed origin', () => 'https://eu.example.com/start', 'https://eu.example.com/start?registrationCode=CODE'],
      [
        'a URL object',
        () => new URL('https://app.example.com/x?a=1#f'),
        'https://app.example.com/x?a=1&registrationCode=CODE#f',
      ],
      ['a path', async () => '/welcome', 'https://app.example.com/welcome?registrationCode=CODE'],
      ['a foreign origin', () => 'https://evil.example.net/', fallback],
      ['a foreign origin in disguise', () => 'https://app.example.com@evil.example.net/', fallback],
      ['user names', () => 'https://user:pw@app.example.com/', fallback],
      ['no web address', () => 'javascript:alert(1)', fallback],
      ['nonsense', () => 'http://', fallback],
      ['an error', () => Promise.reject(new Error('host defect')), fallback],
    ])('%s', async (_, resolveRedirect, expected) => {
      expect(await redirectedTo(resolveRedirect)).toBe(expected);
    });
  });
});

describe('the redirect hook', () => {
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('costs its own say when it hangs or points elsewhere, and the log tells', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const arrival = { subscriptionId: 'id', productCode: 'abc', code: 'code', tenantId: null };
    const policyOf = (resolveRedirect: () => string | Promise<string>) =>
      new RedirectPolicy({ ...rooms.options, resolveRedirect });
    await policyOf(() => 'https://evil.example.net/').urlFor(arrival);
    expect(logged).toHaveBeenLastCalledWith(
      expect.stringContaining('allowedRedirectOrigins'),
      expect.objectContaining({ errorCode: 'REDIRECT_REFUSED' }),
    );

    jest.useFakeTimers();
    const url = policyOf(() => new Promise<string>(() => undefined)).urlFor(arrival);
    await jest.advanceTimersByTimeAsync(5000);
    expect((await url).href).toBe('https://app.example.com/sign-up?plan=marketplace&registrationCode=code');
    expect(logged).toHaveBeenLastCalledWith(expect.stringContaining('5000 ms'), expect.anything());
  });

  let rooms: Rooms;
  beforeEach(async () => {
    rooms = await Rooms.open({});
  });
  afterEach(async () => {
    await rooms.close();
  });

  it('is told of the subscription, the offer, the code and the tenant of a buyer who comes back', async () => {
    const told: unknown[] = [];
    const replica = await rooms.replica({
      resolveRedirect: (arrival) => {
        told.push(arrival);
        return '/';
      },
    });
    const token = rooms.simulator.registrationToken(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
    const { url } = await replica.intake.receive({ token, offerType: 'free-trial', fields: {} }, 'a client');
    const code = url.searchParams.get('registrationCode')!;
    const { id } = await rooms.registration.claim(code, { tenantId: 'tenant' });
    await replica.intake.receive({ token, offerType: null, fields: {} }, 'a client');
    await replica.close();
    expect(told).toEqual([
      { subscriptionId: id, productCode: LICENSE_PRODUCT, code, offerType: 'free-trial', tenantId: null },
      { subscriptionId: id, productCode: LICENSE_PRODUCT, code: expect.not.stringContaining(code), tenantId: 'tenant' },
    ]);
  });
});
