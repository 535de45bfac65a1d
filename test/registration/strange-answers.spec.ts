import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Fault } from 'aws-marketplace-simulator';
import { dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';
import { STRANGE_ANSWERS } from '../support/strange-answers.js';
import { closeHosts, type Host, post, startHost } from './registration-host.js';

afterAll(dropDatabaseOfSuite);

const RESOLVE = { operation: 'ResolveCustomer' } as const;
const json = (body: object): Fault => ({
  ...{ kind: 'rawAnswer', headers: { 'Content-Type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) },
});

describe('G6 a buyer who arrives while ResolveCustomer gives an answer that nobody has seen', () => {
  let rooms: Rooms;
  let host: Host;
  beforeAll(async () => {
    rooms = await Rooms.open();
    host = await startHost(rooms, {
      adapter: 'express',
      options: { registrationsPerMinute: 10_000, resolvePatienceMs: 2000, submission: { requestTimeoutMs: 3000 } },
    });
  });
  afterEach(() => {
    rooms.simulator.faults.clear();
  });
  afterAll(async () => {
    await closeHosts();
    await rooms.close();
  });

  const form = (): Record<string, string> =>
    rooms.simulator.registrationForm(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
  const answerTo = async (given: Record<string, string>): Promise<[number, unknown]> => {
    const response = await post(host.url, given, { Accept: 'application/json' });
    return [
      response.status,
      response.status === 303 ? '' : ((await response.json()) as { errorCode: string }).errorCode,
    ];
  };

  // A proxy that wants a password is our set-up; everything else passes.
  it.each(STRANGE_ANSWERS)(
    '%s: is told to try again, never that the token is wrong, and comes in afterwards',
    async (what, fault) => {
      const given = form();
      const strange = rooms.simulator.faults.add({ ...RESOLVE, ...fault });
      const [status, code] = await answerTo(given);
      strange.remove();
      expect(code).toBe(what === 'a proxy’s 407' ? 'AWS_SETUP' : 'AWS_UNAVAILABLE');
      expect(what === 'a proxy’s 407' ? [500] : [502, 503]).toContain(status);
      expect(strange.hits).toBe(1);
      expect(await answerTo(given)).toEqual([303, '']);
      expect(await rooms.alertKinds()).toEqual([]);
    },
  );

  it.each([
    ['of other types', { ProductCode: {}, LicenseArn: 7, CustomerAWSAccountId: [] }],
    ['that no database holds', { ProductCode: 'lark\0spur', LicenseArn: '\ud83d', CustomerAWSAccountId: '\0' }],
    ['of megabytes', { ProductCode: 'x'.repeat(5_000_000) }],
  ])('names %s: the same', async (_, body) => {
    const given = form();
    const strange = rooms.simulator.faults.add({ ...RESOLVE, ...json(body) });
    expect(await answerTo(given)).toEqual([502, 'AWS_UNAVAILABLE']);
    strange.remove();
    expect(await answerTo(given)).toEqual([303, '']);
  });

  it('no answer at all: the same', async () => {
    const given = form();
    const silent = rooms.simulator.faults.add({ ...RESOLVE, kind: 'hang' });
    expect(await answerTo(given)).toEqual([503, 'AWS_UNAVAILABLE']);
    silent.remove();
    expect(await answerTo(given)).toEqual([303, '']);
  });

  it('credentials that do not come in time: the same; that are not there: our set-up', async () => {
    const started = async (credentials: () => Promise<never>): Promise<Host> =>
      startHost(rooms, {
        adapter: 'express',
        options: { aws: { credentials }, submission: { requestTimeoutMs: 1000 }, registrationsPerMinute: 10_000 },
      });
    const hangs = await started(() => new Promise(() => undefined));
    const response = await post(hangs.url, form(), { Accept: 'application/json' });
    expect([response.status, await response.json()]).toMatchObject([503, { errorCode: 'AWS_UNAVAILABLE' }]);
    const none = await started(() =>
      Promise.reject(Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' })),
    );
    const refused = await post(none.url, form(), { Accept: 'application/json' });
    expect([refused.status, await refused.json()]).toMatchObject([500, { errorCode: 'AWS_SETUP' }]);
    expect(await rooms.alertKinds()).toEqual(['setupError']);
  });
});
