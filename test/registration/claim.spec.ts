import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { createTestDatabase } from '../support/postgres.js';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LICENSE_PRODUCT, Rooms } from '../subscription/rooms.js';

const TEXT_OID = 25;
let rooms: Rooms;
let code: string;

afterAll(dropDatabaseOfSuite);
beforeEach(async () => {
  rooms = await Rooms.open();
  code = await newCode();
});
afterEach(async () => {
  await rooms.close();
});

function newCode(): Promise<string> {
  return rooms.arrive(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
}

describe('inspect', () => {
  it('reads a code without using it up, also after the claim', async () => {
    const inspected = await rooms.registration.inspect(code);
    expect(inspected).toEqual({
      subscriptionId: inspected.subscriptionId,
      productCode: LICENSE_PRODUCT,
      tenantId: null,
    });
    await rooms.registration.claim(code, { tenantId: 'tenant' });
    expect(await rooms.registration.inspect(code)).toEqual({ ...inspected, tenantId: 'tenant' });
  });

  it('knows neither codes of others nor codes that have expired', async () => {
    expect(await codeOf(rooms.registration.inspect('x'))).toBe('CODE_UNKNOWN');
    const other = await rooms.replica({ sellerAccount: 'somebody-else' });
    expect(await codeOf(other.registration.inspect(code))).toBe('CODE_UNKNOWN');
    await other.close();
    rooms.clock.advance(HOUR_MS);
    expect(await codeOf(rooms.registration.inspect(code))).toBe('CODE_EXPIRED');
  });
});

describe('claim', () => {
  it('links the tenant, once, with its event', async () => {
    const claimed = await rooms.registration.claim(code, { tenantId: 'tenant' });
    expect(claimed).toMatchObject({ tenantId: 'tenant', state: 'registered' });
    expect(await rooms.subscriptions.get(claimed.id)).toEqual(claimed);
    const [event] = await rooms.query(
      `SELECT payload FROM marketplace.outbox_event WHERE subscription_id = $1 AND type = 'subscription.claimed'`,
      [claimed.id],
    );
    expect(event).toEqual({ payload: { productCode: LICENSE_PRODUCT, tenantId: 'tenant' } });
  });

  it('gives the same answer to the same tenant, also after the code has expired', async () => {
    const claimed = await rooms.registration.claim(code, { tenantId: 'tenant' });
    rooms.clock.advance(48 * HOUR_MS);
    expect(await rooms.registration.claim(code, { tenantId: 'tenant' })).toEqual(claimed);
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.claimed')).toHaveLength(1);
  });

  it('takes a second code of the same tenant without telling it twice', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const [first, second] = [await rooms.arrive(agreement), await rooms.arrive(agreement)];
    const claimed = await rooms.registration.claim(first, { tenantId: 'tenant' });
    expect(await rooms.registration.claim(second, { tenantId: 'tenant' })).toEqual(claimed);
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.claimed')).toHaveLength(1);
  });

  it('refuses what it must', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const [first, second] = [await rooms.arrive(agreement), await rooms.arrive(agreement)];
    await rooms.registration.claim(first, { tenantId: 'tenant' });
    expect(await codeOf(rooms.registration.claim(first, { tenantId: 'thief' }))).toBe('CODE_USED');
    expect(await codeOf(rooms.registration.claim(second, { tenantId: 'thief' }))).toBe('LINKED_TO_OTHER_TENANT');
    expect(await codeOf(rooms.registration.claim('unheard of', { tenantId: 'tenant' }))).toBe('CODE_UNKNOWN');
    for (const tenantId of ['', 'x'.repeat(256), 'a\0b', 7 as unknown as string]) {
      expect(await codeOf(rooms.registration.claim(code, { tenantId }))).toBe('TENANT_INVALID');
    }
    rooms.clock.advance(HOUR_MS);
    expect(await codeOf(rooms.registration.claim(code, { tenantId: 'tenant' }))).toBe('CODE_EXPIRED');
    expect(await rooms.registration.claim(first, { tenantId: 'tenant' })).toMatchObject({ tenantId: 'tenant' });
  });

  it('D37: lets exactly one of many tenants win', async () => {
    const tenants = Array.from({ length: 12 }, (_, n) => `tenant-${n}`);
    const outcomes = await Promise.allSettled(tenants.map((tenantId) => rooms.registration.claim(code, { tenantId })));
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const lost = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as { code: string }).code] : [],
    );
    expect(won).toHaveLength(1);
    expect(new Set(lost)).toEqual(new Set(['CODE_USED']));
    expect(await rooms.subscriptions.get(won[0]!.id)).toEqual(won[0]);
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.claimed')).toHaveLength(1);
  });

  it('lets exactly one of two codes of one subscription win', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    const codes = [await rooms.arrive(agreement), await rooms.arrive(agreement)];
    const outcomes = await Promise.allSettled(
      codes.map((each, n) => rooms.registration.claim(each, { tenantId: `tenant-${n}` })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const lost = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(lost?.reason).toMatchObject({ code: 'LINKED_TO_OTHER_TENANT' });
  });

  it('gives many simultaneous claims of one tenant one answer', async () => {
    const claims = Array.from({ length: 12 }, () => rooms.registration.claim(code, { tenantId: 'tenant' }));
    const answers = await Promise.all(claims);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.claimed')).toHaveLength(1);
  });
});

describe('claim in a transaction of the host', () => {
  let host: DataSource;

  beforeEach(async () => {
    // A stranger's DataSource: another pool, another schema path, type parsers that turn instants and numbers into
    // something else.
    const shouting = { getTypeParser: (oid: number) => (text: string) => (oid === TEXT_OID ? text : `host:${text}`) };
    host = await new DataSource({
      ...{ type: 'postgres', url: rooms.options.database.url, poolSize: 6 },
      extra: { types: shouting, options: '-c timezone=Asia/Tokyo -c search_path=public' },
    }).initialize();
    await host.query('CREATE TABLE IF NOT EXISTS public.tenant (id text PRIMARY KEY)');
  });
  afterEach(async () => {
    await host.destroy();
  });

  it('D42: commits and rolls back with the tenant that it is for', async () => {
    const failed = host.transaction(async (manager) => {
      await manager.query(`INSERT INTO public.tenant VALUES ($1)`, [`t-${code}`]);
      await rooms.registration.claim(code, { tenantId: `t-${code}`, manager });
      throw new Error('sign-up failed');
    });
    await expect(failed).rejects.toThrow('sign-up failed');
    expect(await rooms.registration.inspect(code)).toMatchObject({ tenantId: null });
    expect(await rooms.eventTypes()).not.toContain('subscription.claimed');

    const claimed = await host.transaction(async (manager) => {
      await manager.query(`INSERT INTO public.tenant VALUES ($1)`, [`t-${code}`]);
      return rooms.registration.claim(code, { tenantId: `t-${code}`, manager });
    });
    expect(claimed).toEqual(await rooms.subscriptions.get(claimed.id));
    expect(await rooms.eventTypes()).toContain('subscription.claimed');
  });

  it('leaves the transaction usable after a refusal that the host catches', async () => {
    await rooms.registration.claim(code, { tenantId: 'tenant' });
    await host.transaction(async (manager) => {
      expect(await codeOf(rooms.registration.claim(code, { tenantId: 'thief', manager }))).toBe('CODE_USED');
      expect(await codeOf(rooms.registration.claim('unheard of', { tenantId: 'thief', manager }))).toBe('CODE_UNKNOWN');
      await manager.query(`INSERT INTO public.tenant VALUES ($1)`, [`after-${code}`]);
    });
    expect(await host.query('SELECT 1 FROM public.tenant WHERE id = $1', [`after-${code}`])).toHaveLength(1);
  });

  it('that is not given as manager is refused: the claim would outlive its rollback', async () => {
    await host.transaction(async (manager) => {
      const misspelled = { tenantId: 'tenant', managr: manager } as { tenantId: string };
      await expect(rooms.registration.claim(code, misspelled)).rejects.toMatchObject({
        code: 'MANAGER_INVALID',
        message: expect.stringMatching(/claim\(\) has no option "managr".*\{ manager \}/),
      });
    });
    expect(await rooms.registration.inspect(code)).toMatchObject({ tenantId: null });
  });

  it('waits for the host, and then tells the other tenant so', async () => {
    const runner = host.createQueryRunner();
    await runner.startTransaction();
    await rooms.registration.claim(code, { tenantId: 'tenant', manager: runner.manager });
    const other = codeOf(rooms.registration.claim(code, { tenantId: 'other' }));
    await runner.commitTransaction();
    await runner.release();
    expect(await other).toBe('CODE_USED');
  });

  it('that stays open keeps a claim without a manager waiting for five seconds, and no longer', async () => {
    const runner = host.createQueryRunner();
    await runner.startTransaction();
    await rooms.registration.claim(code, { tenantId: 'tenant', manager: runner.manager });
    await expect(rooms.registration.claim(code, { tenantId: 'other' })).rejects.toMatchObject({
      ...{ code: 'CLAIM_UNDER_WAY', status: 503, message: expect.stringContaining('Nothing was written: try again') },
    });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await rooms.registration.claim(code, { tenantId: 'other' })).toMatchObject({ tenantId: 'other' });
  });

  it.each(['REPEATABLE READ', 'SERIALIZABLE'] as const)(
    'works under %s, where a lost race is a serialization failure to retry',
    async (isolation) => {
      const runner = host.createQueryRunner();
      await runner.startTransaction(isolation);
      await runner.query('SELECT 1 FROM public.tenant');
      await rooms.registration.claim(code, { tenantId: 'tenant' });
      await expect(
        rooms.registration.claim(code, { tenantId: 'other', manager: runner.manager }),
      ).rejects.toMatchObject({ code: '40001' });
      await runner.rollbackTransaction();
      await runner.release();
      const next = await newCode();
      expect(
        await host.transaction(isolation, (manager) => rooms.registration.claim(next, { tenantId: 'other', manager })),
      ).toMatchObject({
        tenantId: 'other',
      });
    },
  );

  it('makes one of its own for a manager that has none', async () => {
    expect(await rooms.registration.claim(code, { tenantId: 'tenant', manager: host.manager })).toMatchObject({
      tenantId: 'tenant',
    });
  });

  it('belongs to a transaction that was begun with a plain BEGIN, of which TypeORM knows nothing', async () => {
    const runner = host.createQueryRunner();
    await runner.query('BEGIN');
    await rooms.registration.claim(code, { tenantId: 'tenant', manager: runner.manager });
    await runner.query('ROLLBACK');
    await runner.release();
    expect(await rooms.registration.inspect(code)).toMatchObject({ tenantId: null });
  });

  it('refuses a manager of another database', async () => {
    const elsewhere = await createTestDatabase();
    const stranger = await createDataSource({ database: { url: elsewhere.url, poolSize: 2 } }).initialize();
    await stranger.transaction(async (manager) => {
      await expect(rooms.registration.claim(code, { tenantId: 'tenant', manager })).rejects.toMatchObject({
        code: 'MANAGER_ELSEWHERE',
        message: expect.stringContaining(elsewhere.name),
      });
    });
    await stranger.destroy();
    await elsewhere.drop();
  });
});

describe('what is stored', () => {
  it('is the hash of a code, not the code', async () => {
    const rows = await rooms.query<{ stored: boolean }>(
      `SELECT code_hash = sha256(convert_to($1, 'UTF8')) AS stored FROM marketplace.registration_code
        WHERE seller_account = $2`,
      [code, rooms.options.sellerAccount],
    );
    expect(rows).toEqual([{ stored: true }]);
  });

  it('lets two replicas answer one token that AWS takes only once', async () => {
    rooms.simulator.setSwitches({ registrationTokenReuse: 'once' });
    const other = await rooms.replica();
    // The second asks AWS while the first is still on its way to the database.
    rooms.simulator.faults.add({ kind: 'latency', ms: 300, afterEffect: true, count: 1, operation: 'ResolveCustomer' });
    const token = rooms.simulator.registrationToken(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
    const arrivals = [rooms, other].map((replica) => replica.arriveWith(token));
    const inspected = await Promise.all((await Promise.all(arrivals)).map((each) => rooms.registration.inspect(each)));
    expect(inspected[0]).toEqual(inspected[1]);
    // Hours later the token is as dead here as it is at AWS.
    rooms.clock.advance(4 * HOUR_MS);
    expect(await codeOf(other.arriveWith(token))).toBe('TOKEN_EXPIRED');
    await other.close();
  });
});
