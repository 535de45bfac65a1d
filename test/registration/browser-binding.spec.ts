import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Body, Controller, Get, Inject, Logger, Post, Query, Req } from '@nestjs/common';
import { type Options } from '../../src/options/options.js';
import { type BrowserRequest, bindToBrowser, isOfBrowser } from '../../src/registration/browser-binding.js';
import { RegistrationService } from '../../src/registration/registration.service.js';
import { mintCode } from '../../src/registration/registration-code.js';
import { browserOf, cookieOf } from '../support/browser.js';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { ADAPTERS, closeHosts, codeIn, type Host, type HttpAdapter, post, startHost } from './registration-host.js';

/** A host as the documentation has it. */
@Controller('sign-up')
class SignUpController {
  constructor(@Inject(RegistrationService) private readonly registration: RegistrationService) {}

  @Get()
  show(@Query('registrationCode') code: string, @Req() browser: BrowserRequest): unknown {
    return this.registration.inspect(code, { browser });
  }

  @Post()
  claim(@Body() { code, tenantId }: { code: string; tenantId: string }, @Req() browser: BrowserRequest): unknown {
    return this.registration.claim(code, { tenantId, browser });
  }
}

/** As much of Fastify as sets a cookie. */
interface Hooked {
  addHook(
    name: 'onRequest',
    hook: (request: unknown, reply: { header(name: string, value: string): unknown }, done: () => void) => void,
  ): void;
}

let rooms: Rooms;
const warnings = jest.fn();

beforeAll(async () => {
  rooms = await Rooms.open();
});
afterEach(closeHosts);
afterAll(async () => {
  await rooms.close();
  await dropDatabaseOfSuite();
});

function start(adapter: HttpAdapter, options: Options = {}): Promise<Host> {
  return startHost(rooms, {
    adapter,
    options: { codeBinding: 'browser', ...options },
    module: { controllers: [SignUpController] },
  });
}

function arrive({ url }: Host, agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT })) {
  return post(url, rooms.simulator.registrationForm(agreement), { origin: 'https://aws.amazon.com' });
}

async function signUp({ app }: Host, code: string, tenantId: string, cookie = '') {
  const response = await fetch(`${await app.getUrl()}/sign-up`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie },
    body: JSON.stringify({ code, tenantId }),
  });
  return { status: response.status, ...((await response.json()) as { message?: string; tenantId?: string }) };
}

describe.each(ADAPTERS)('a code is claimed from the browser that brought the token, on %s', (adapter) => {
  it('by the buyer, and by nobody who has the link alone', async () => {
    const host = await start(adapter);
    const arrival = await arrive(host);
    const code = codeIn(arrival);
    const page = `${await host.app.getUrl()}/sign-up?registrationCode=${code}`;
    expect((await fetch(page)).status).toBe(403);
    expect(await signUp(host, code, 'thief')).toMatchObject({ status: 403, message: expect.stringMatching(/browser/) });
    expect((await fetch(page, { headers: { cookie: cookieOf(arrival) } })).status).toBe(200);
    const cookie = `session=abc; ${cookieOf(arrival)}; theme=dark`;
    expect(await signUp(host, code, 'buyer', cookie)).toMatchObject({ status: 201, tenantId: 'buyer' });
    // Used up, also for who has both.
    expect(await signUp(host, code, 'thief', cookie)).toMatchObject({ status: 409 });
  });

  it('and a link to somebody else’s arrival signs nobody up (login CSRF)', async () => {
    const host = await start(adapter);
    const [attacker, victim] = [await arrive(host), await arrive(host)];
    // The victim’s browser, with cookies of its own, is led to the sign-up page with the attacker’s code.
    const led = await signUp(host, codeIn(attacker), 'victim', cookieOf(victim));
    expect(led).toMatchObject({ status: 403 });
    expect(await signUp(host, codeIn(victim), 'victim', cookieOf(victim))).toMatchObject({ status: 201 });
  });

  it('with a cookie that comes along from AWS, that no script reads, and that no other host can plant', async () => {
    const host = await start(adapter);
    const [cookie, ...others] = (await arrive(host)).headers.getSetCookie();
    expect(others).toEqual([]);
    expect(cookie).toMatch(
      /^__Host-marketplace-registration-[0-9a-f]{16}=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  it('keeps what the host itself sets', async () => {
    const host = await startHost(rooms, {
      adapter,
      options: { codeBinding: 'browser' },
      configure: (app) => {
        if (adapter === 'express')
          app.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
            response.setHeader('Set-Cookie', 'session=of-the-host');
            next();
          });
        else
          (app.getHttpAdapter().getInstance() as Hooked).addHook('onRequest', (_request, reply, done) => {
            reply.header('set-cookie', 'session=of-the-host');
            done();
          });
      },
    });
    const cookies = (await arrive(host)).headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    expect(cookies).toContain('session=of-the-host');
  });

  it('two arrivals in two tabs do not displace each other', async () => {
    const host = await start(adapter);
    const [first, second] = [await arrive(host), await arrive(host)];
    const jar = `${cookieOf(first)}; ${cookieOf(second)}`;
    expect(await signUp(host, codeIn(first), 'tab-1', jar)).toMatchObject({ status: 201 });
    expect(await signUp(host, codeIn(second), 'tab-2', jar)).toMatchObject({ status: 201 });
  });

  it('a buyer who has lost the cookie starts again from AWS', async () => {
    const host = await start(adapter);
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const lost = codeIn(await arrive(host, agreement));
    expect(await signUp(host, lost, 'forgetful')).toMatchObject({ status: 403 });
    const again = await arrive(host, agreement);
    expect(await signUp(host, codeIn(again), 'forgetful', cookieOf(again))).toMatchObject({ status: 201 });
  });
});

describe('what a host may do otherwise', () => {
  it('claims once more for the same tenant, when the cookie is long gone', async () => {
    const host = await start('express');
    const arrival = await arrive(host);
    const registration = host.app.get(RegistrationService);
    const claimed = await registration.claim(codeIn(arrival), { tenantId: 'again', browser: browserOf(arrival) });
    rooms.clock.advance(2 * HOUR_MS);
    expect(await registration.claim(codeIn(arrival), { tenantId: 'again' })).toEqual(claimed);
  });

  it('is told at its first try that it gives no request', async () => {
    const host = await start('express');
    const code = codeIn(await arrive(host));
    expect(await codeOf(host.app.get(RegistrationService).claim(code, { tenantId: 'eager' }))).toBe(
      'BROWSER_NOT_GIVEN',
    );
  });

  it('checks the browser first and claims later, after a confirmation by mail', async () => {
    const host = await start('express');
    const arrival = await arrive(host);
    const registration = host.app.get(RegistrationService);
    await registration.inspect(codeIn(arrival), { browser: browserOf(arrival) });
    expect(await registration.claim(codeIn(arrival), { tenantId: 'confirmed', browser: 'checked' })).toMatchObject({
      tenantId: 'confirmed',
    });
  });

  it('codeBinding none sets no cookie, and asks for none: in every process, whatever its own setting is', async () => {
    const host = await start('express', { codeBinding: 'none' });
    const arrival = await arrive(host);
    expect(arrival.headers.getSetCookie()).toEqual([]);
    const other = await start('express');
    expect(await signUp(other, codeIn(arrival), 'elsewhere')).toMatchObject({ status: 201 });
  });

  it('codeCookieDomain shows the cookie to all hosts of the domain', async () => {
    const host = await start('express', { codeCookieDomain: 'example.com' });
    const [cookie] = (await arrive(host)).headers.getSetCookie();
    expect(cookie).toMatch(/^__Secure-marketplace-registration-.*; Secure; Domain=example\.com$/);
  });

  it('is warned once where the buyer goes on to a host that is not shown the cookie', async () => {
    const host = await start('express');
    Logger.overrideLogger({ warn: warnings, log: jest.fn(), error: jest.fn() });
    try {
      for (let time = 0; time < 2; time += 1) await arrive(host);
    } finally {
      Logger.overrideLogger(false);
    }
    const told = warnings.mock.calls.map(String).filter((text) => text.includes('codeCookieDomain'));
    expect(told).toEqual([expect.stringContaining('arrive at 127.0.0.1 and go on to app.example.com')]);
  });
});

describe('the cookie', () => {
  const options = { codeBinding: 'browser', codeTtlMs: HOUR_MS, signUpUrl: 'https://app.example.com/' } as const;

  it('is not Secure where the sign-up page is plain http, as on a developer’s machine', () => {
    const binding = bindToBrowser(mintCode(), { ...options, signUpUrl: 'http://localhost:3000/' });
    expect(binding?.setCookie).toMatch(
      /^marketplace-registration-\w+=[\w-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
  });

  it('of a name that a neighbour could plant is not taken for one that none could', () => {
    const code = mintCode();
    const { setCookie, digest } = bindToBrowser(code, options)!;
    const [pair = ''] = setCookie.split(';');
    expect(isOfBrowser(code, digest, { headers: { cookie: pair } })).toBe(true);
    expect(isOfBrowser(code, digest, { headers: { cookie: ['a=b', pair] } })).toBe(true);
    expect(isOfBrowser(code, digest, { headers: { cookie: pair.replace('__Host-', '') } })).toBe(false);
    expect(isOfBrowser(mintCode(), digest, { headers: { cookie: pair } })).toBe(false);
    expect(isOfBrowser(code, digest, { headers: {} })).toBe(false);
  });
});
