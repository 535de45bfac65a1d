import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import { type FaultKind } from 'aws-marketplace-simulator';
import { dropDatabaseOfSuite, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { ADAPTERS, closeHosts, codeIn, post, startHost } from './registration-host.js';

let rooms: Rooms;
const lines: string[] = [];
const listener = Object.fromEntries(
  ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [
    level,
    (...words: unknown[]) => {
      lines.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '));
    },
  ]),
) as unknown as LoggerService;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((chunk) => {
      lines.push(String(chunk));
      return true;
    });
  }
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    jest.spyOn(console, method).mockImplementation((...words) => {
      lines.push(words.map(String).join(' '));
    });
  }
  rooms = await Rooms.open();
  Logger.overrideLogger(listener);
});
afterEach(closeHosts);
afterAll(async () => {
  Logger.overrideLogger(false);
  jest.restoreAllMocks();
  await rooms.close();
  await dropDatabaseOfSuite();
});

/** Every row of every table of ours as text. */
async function everythingStored(): Promise<Map<string, string>> {
  const tables = await rooms.query<{ table_name: string }>(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = 'marketplace' ORDER BY table_name`,
  );
  const dumps = new Map<string, string>();
  for (const { table_name: table } of tables) {
    const rows = await rooms.query<{ row: string }>(`SELECT t::text AS row FROM marketplace.${table} t`);
    dumps.set(table, rows.map(({ row }) => row).join('\n'));
  }
  return dumps;
}

async function everythingAnswered(response: Response): Promise<string> {
  return `${[...response.headers].map((header) => header.join(': ')).join('\n')}\n${await response.text()}`;
}

describe.each(ADAPTERS)('D38: on %s', (adapter) => {
  it.each<FaultKind | 'none'>(['none', 'throttle', 'accessDenied', 'error500After', 'resetAfter', 'unknownError'])(
    'the token and the account id stand nowhere that they should not, with fault %s',
    async (kind) => {
      const host = await startHost(rooms, { adapter });
      Logger.overrideLogger(listener);
      lines.length = 0;
      for (const productCode of [LICENSE_PRODUCT, LEGACY_PRODUCT]) {
        const agreement = rooms.simulator.subscribe({ productCode });
        const form = rooms.simulator.registrationForm(agreement);
        const token = form['x-amzn-marketplace-token']!;
        const message = `no such token: ${token} of account ${agreement.accountId}`;
        if (kind === 'unknownError') rooms.simulator.faults.add({ kind, name: 'ChattyException', message, count: 2 });
        else if (kind !== 'none') rooms.simulator.faults.add({ kind, count: 2 } as never);
        const responses = [
          await post(host.url, { ...form, 'x-amzn-marketplace-extra': token }),
          await post(host.url, form, { Accept: 'application/json' }),
          await post(host.url, form),
        ];
        await rooms.registration.claim(codeIn(responses[2]!), { tenantId: 'tenant' });
        const answered = (await Promise.all(responses.map(everythingAnswered))).join('\n');
        const stored = await everythingStored();
        const forms = [
          token,
          encodeURIComponent(token),
          Buffer.from(token).toString('base64'),
          Buffer.from(token).toString('hex'),
        ];
        expect(lines.join('\n')).toContain('a buyer has arrived');
        for (const secret of forms) {
          expect(answered).not.toContain(secret);
          expect(lines.join('\n')).not.toContain(secret);
          for (const dump of stored.values()) expect(dump).not.toContain(secret);
        }
        expect(answered).not.toContain(agreement.accountId);
        expect(lines.join('\n')).not.toContain(agreement.accountId);
        const holders = [...stored].filter(([, dump]) => dump.includes(agreement.accountId)).map(([table]) => table);
        // Both can be erased without touching what refers to the buyer.
        expect(holders).toEqual(['buyer_name', 'inbox_message']);
      }
    },
  );

  it('a page of our own fault has the reference that stands in the log', async () => {
    const host = await startHost(rooms, { adapter });
    Logger.overrideLogger(listener);
    rooms.simulator.faults.add({ kind: 'accessDenied', count: 1 });
    const page = await post(
      host.url,
      rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT })),
    );
    const reference = /Reference for support: ([0-9a-f]{8})/.exec(await page.text())?.[1];
    expect(lines.find((line) => line.includes(`"reference":"${reference}"`))).toContain('AccessDeniedException');
  });

  it('a page shows nothing that a form brought along', async () => {
    const host = await startHost(rooms, { adapter });
    const xss = '"><script>alert(1)</script>';
    const page = await post(host.url, {
      'x-amzn-marketplace-token': xss,
      'x-amzn-marketplace-offer-type': xss,
      [xss]: xss,
    });
    expect(page.status).toBe(400);
    expect(await page.text()).not.toContain('alert(1)');
  });
});
