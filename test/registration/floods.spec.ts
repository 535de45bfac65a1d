import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { ADAPTERS, closeHosts, type Host, post, startHost } from './registration-host.js';

let rooms: Rooms;
beforeAll(async () => {
  rooms = await Rooms.open();
});
afterEach(async () => {
  jest.restoreAllMocks();
  rooms.simulator.faults.clear();
  await closeHosts();
});
afterAll(async () => {
  await rooms.close();
  await dropDatabaseOfSuite();
});

const buyer = (): Record<string, string> =>
  rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
const asked = (): number => rooms.simulator.calls({ operation: 'ResolveCustomer' }).length;
/** As a load balancer passes a client on: whatever the client claimed, and then what the balancer saw. */
const through = (client: string): Record<string, string> => ({ 'X-Forwarded-For': `10.9.9.9, ${client}` });
let made = 0;
const inVain = (host: Host, headers: Record<string, string> = {}): Promise<Response> => {
  made += 1;
  return post(host.url, { 'x-amzn-marketplace-token': `made-up-${made}` }, headers);
};

describe.each(ADAPTERS)('on %s', (adapter) => {
  const warnings = (): string[] => {
    const lines: string[] = [];
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(String(line)));
    return lines;
  };

  it('31 buyers within a minute behind a load balancer that is not trusted are all served, and the log says so once (G13)', async () => {
    const lines = warnings();
    const host = await startHost(rooms, { adapter, options: { registrationsPerMinute: 30 } });
    const answers = await Promise.all(
      Array.from({ length: 31 }, (_, n) => post(host.url, buyer(), through(`192.0.2.${n}`))),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303));
    expect(lines.filter((line) => line.includes('trust'))).toEqual([expect.stringContaining('trust proxy')]);
  });

  it('31 buyers within a minute at one address are all served, one after the other and at once', async () => {
    const lines = warnings();
    const host = await startHost(rooms, { adapter, options: { registrationsPerMinute: 3 } });
    for (let n = 0; n < 31; n += 1) expect((await post(host.url, buyer())).status).toBe(303);
    const together = await Promise.all(Array.from({ length: 31 }, () => post(host.url, buyer())));
    expect(together.map(({ status }) => status)).toEqual(together.map(() => 303));
    expect(lines.filter((line) => line.includes('trust'))).toEqual([]);
  });

  it('what one client of the balancer brings in vain counts against it alone', async () => {
    const host = await startHost(rooms, { adapter, options: { registrationsPerMinute: 3 } });
    const before = asked();
    const flood = await Promise.all(Array.from({ length: 60 }, () => inVain(host, through('198.51.100.7'))));
    expect(new Set(flood.map(({ status }) => status))).toEqual(new Set([400, 429]));
    // Three, and what was under way when the third came to nothing.
    expect(asked() - before).toBeLessThanOrEqual(3 + 8);
    expect((await inVain(host, through('198.51.100.7'))).status).toBe(429);
    expect((await post(host.url, buyer(), through('192.0.2.1'))).status).toBe(303);
  });

  it('a flood from everywhere asks AWS for one at a time, and keeps no buyer out', async () => {
    const host = await startHost(rooms, { adapter, options: { registrationsPerMinute: 1 } });
    // Ten in vain, of ten clients, and it is a flood.
    for (let n = 0; n < 10; n += 1) await inVain(host, through(`198.51.100.${n}`));
    rooms.simulator.faults.add({ kind: 'latency', ms: 5, operation: 'ResolveCustomer' });
    const before = asked();
    const flood = Array.from({ length: 40 }, (_, n) => inVain(host, through(`203.0.113.${n}`)));
    const buyers = await Promise.all(
      Array.from({ length: 5 }, (_, n) => post(host.url, buyer(), through(`192.0.2.${n}`))),
    );
    expect(buyers.map(({ status }) => status)).toEqual([303, 303, 303, 303, 303]);
    await Promise.all(flood);
    expect(asked() - before).toBeLessThanOrEqual(45);
  });

  it('what no token of AWS can be is refused without asking AWS', async () => {
    const host = await startHost(rooms, { adapter });
    const before = asked();
    for (const token of ['a\nb', 'a\0', 'x'.repeat(8_001)])
      expect((await post(host.url, { 'x-amzn-marketplace-token': token })).status).toBe(400);
    expect(asked()).toBe(before);
  });
});

it('a proxy that is trusted names its clients, and nothing is warned of', async () => {
  const lines: string[] = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(String(line)));
  const configure = (app: unknown): void => void (app as NestExpressApplication).set('trust proxy', 1);
  const host = await startHost(rooms, { adapter: 'express', configure, options: { registrationsPerMinute: 1 } });
  await inVain(host, through('198.51.100.7'));
  expect((await inVain(host, through('198.51.100.7'))).status).toBe(429);
  expect((await inVain(host, through('198.51.100.8'))).status).toBe(400);
  expect(lines.filter((line) => line.includes('trust'))).toEqual([]);
});
