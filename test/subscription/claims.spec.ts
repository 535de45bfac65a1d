import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { adoptClaims } from '../../src/subscription/chain/claim-adoption.js';
import { undoClaims } from '../../src/subscription/chain/claim-undo.js';
import { type SubscriptionChoiceError } from '../../src/subscription/subscription-choice-error.js';
import { agreed, BUYER, hear, instantOf, licensed, OTHER_BUYER, said } from './heard.js';
import { rowsOf, timelinesOf, told } from './chain-views.js';
import { codeOf, dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from './rooms.js';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open();
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const adopt = (): Promise<number> =>
  rooms.database.transaction((tx) => adoptClaims(tx, rooms.options.sellerAccount, rooms.clock.now()));
const subscribed = async (): Promise<{ id: string; code: string; key: string }> => {
  const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
  const code = await rooms.arrive(agreement);
  const { subscriptionId: id } = await rooms.registration.inspect(code);
  await hear(
    rooms,
    said('license.updated', '11:00', {
      ...{ productCode: LICENSE_PRODUCT, licenseArn: agreement.licenseArn, agreementId: agreement.agreementId },
      customerAwsAccountId: agreement.accountId,
    }),
  );
  return { id, code, key: agreement.agreementId };
};

describe('a tenant', () => {
  // What recording would refuse: usage of such a tenant could never be recorded.
  it.each([
    ['empty', ''],
    ['blank', ' \t'],
    ['too long', 'x'.repeat(256)],
    ['with a NUL', 'a\0b'],
    ['with half of a surrogate pair', 'a\uD83D'],
    ['no text', 7],
    ['nobody', null],
  ])('that is %s is refused wherever one is named', async (_, given) => {
    const tenantId = given as string;
    const { id, code } = await subscribed();
    expect(await codeOf(rooms.registration.claim(code, { tenantId }))).toBe('TENANT_INVALID');
    expect(await codeOf(rooms.subscriptions.handOver(id, { tenantId, from: rooms.clock.now() }))).toBe(
      'TENANT_INVALID',
    );
    const known = { productCode: LICENSE_PRODUCT, ...licensed('9'), billedFrom: new Date('2026-11-18T14:00:00Z') };
    const [registered] = await rooms.subscriptions.register([{ ...known, tenantId }]);
    expect(registered?.error).toMatchObject({
      code: 'CUSTOMER_INVALID',
      message: expect.stringMatching(/^Give tenantId as a text of 1 to 255 characters/),
    });
  });
});

describe('the first claim', () => {
  it('counts from the beginning: subscription and subjects are the tenant’s', async () => {
    const { id, code } = await subscribed();
    const [before] = await rowsOf(rooms);
    await rooms.registration.claim(code, { tenantId: 'acme' });
    expect((await rooms.subscriptions.get(id))?.tenantId).toBe('acme');
    expect(await adopt()).toBe(1);
    expect(await adopt()).toBe(0);
    const [after] = await rowsOf(rooms);
    expect(after?.customer_id).not.toBe(before?.customer_id);
    const [timeline] = await timelinesOf(rooms);
    expect(timeline).toMatchObject({
      tenantId: 'acme',
      tenancies: [{ subscriptionId: id, tenantId: 'acme', from: null, to: null }],
    });
    expect(timeline?.subjects.map(({ tenantId, subscriptionId }) => [tenantId, subscriptionId])).toEqual(
      expect.arrayContaining([
        [null, id],
        ['acme', null],
        ['acme', id],
      ]),
    );
    const changed = await rooms.query<{ customer_id: string }>(
      `SELECT DISTINCT customer_id::text AS customer_id FROM marketplace.customer_changed WHERE seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    expect(changed.map((row) => row.customer_id)).toEqual(
      expect.arrayContaining([before?.customer_id, after?.customer_id]),
    );
  });

  it('of two tenants at once one has it', async () => {
    const { code, id } = await subscribed();
    const codes = [code, await anotherCodeOf(id)];
    const outcomes = await Promise.allSettled(
      codes.map((one, index) => rooms.registration.claim(one, { tenantId: `tenant-${index}` })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'LINKED_TO_OTHER_TENANT' },
    });
  });
});

describe('T25: a claim that stays open in a host’s transaction', () => {
  it('holds up neither messages nor adoption, and counts when it is committed', async () => {
    const { id, code } = await subscribed();
    const manager = rooms.database.dataSource.createQueryRunner();
    await manager.connect();
    await manager.startTransaction();
    await rooms.registration.claim(code, { tenantId: 'acme', manager: manager.manager });
    const began = Date.now();
    expect(await adopt()).toBe(0);
    await hear(
      rooms,
      said('agreement.amended', '11:30', { agreementId: await keyOf(id), customerAwsAccountId: BUYER }),
    ).catch(() => undefined);
    await hear(rooms, said('license.updated', '11:40', licensed('9', OTHER_BUYER)));
    expect(Date.now() - began).toBeLessThan(4000);
    await manager.commitTransaction();
    await manager.release();
    expect(await adopt()).toBe(1);
    expect((await rooms.subscriptions.get(id))?.tenantId).toBe('acme');
  });

  it('T24: rolled back, it leaves nothing behind', async () => {
    const { id, code } = await subscribed();
    const runner = rooms.database.dataSource.createQueryRunner();
    await runner.connect();
    await runner.startTransaction();
    await rooms.registration.claim(code, { tenantId: 'acme', manager: runner.manager });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await adopt()).toBe(0);
    expect((await rooms.subscriptions.get(id))?.tenantId).toBeNull();
    expect(
      await rooms.query(`SELECT 1 FROM marketplace.subject WHERE seller_account = $1 AND tenant_id IS NOT NULL`, [
        rooms.options.sellerAccount,
      ]),
    ).toEqual([]);
    expect(await told(rooms)).not.toContain('claimed');
  });
});

describe('a hand-over', () => {
  it('counts from its instant; what was before stays', async () => {
    const { id, code } = await subscribed();
    await rooms.registration.claim(code, { tenantId: 'acme' });
    await adopt();
    const from = new Date('2026-11-18T15:00:00Z');
    await rooms.subscriptions.handOver(id, { tenantId: 'globex', from });
    expect((await rooms.subscriptions.get(id))?.tenantId).toBe('acme');
    rooms.clock.advance(4 * 3_600_000);
    await rooms.messages.run();
    expect((await rooms.subscriptions.get(id))?.tenantId).toBe('globex');
    expect(await rooms.subscriptions.forTenant('acme')).toEqual([]);
    const [timeline] = await timelinesOf(rooms);
    expect(timeline).toMatchObject({
      tenantId: 'globex',
      tenancies: [
        { tenantId: 'acme', from: null, to: from },
        { tenantId: 'globex', from, to: null },
      ],
    });
  });
});

describe('a hand-over that is said again', () => {
  it('is one; to another tenant from the same instant on it is refused, and not passed over', async () => {
    const { id, code } = await subscribed();
    await rooms.registration.claim(code, { tenantId: 'acme' });
    await adopt();
    const from = new Date('2026-11-18T15:00:00Z');
    for (let time = 0; time < 2; time += 1) await rooms.subscriptions.handOver(id, { tenantId: 'globx', from });
    const corrected = (): Promise<void> => rooms.subscriptions.handOver(id, { tenantId: 'globex', from });
    await expect(corrected()).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
      message: expect.stringMatching(/goes to tenant "globx" at 2026-11-18T15:00:00.000Z already. Undo that first/),
    });
    // As the message says.
    await rooms.database.transaction((tx) =>
      undoClaims(tx, rooms.options.sellerAccount, { subscriptionId: id, tenantId: 'globx', now: rooms.clock.now() }),
    );
    await corrected();
    rooms.clock.advance(4 * 3_600_000);
    await rooms.messages.run();
    expect((await rooms.subscriptions.get(id))?.tenantId).toBe('globex');
    const [timeline] = await timelinesOf(rooms);
    expect(timeline?.tenancies).toMatchObject([
      { tenantId: 'acme', from: null, to: from },
      { tenantId: 'globex', from, to: null },
    ]);
  });
});

describe('two subscriptions that turn out to be one', () => {
  const linked = async (): Promise<string[]> => {
    await hear(rooms, said('license.updated', '10:00', licensed('1')), said('license.updated', '11:30', licensed('2')));
    return (await rowsOf(rooms)).map(({ id }) => id);
  };
  const link = (): Promise<void> =>
    hear(
      rooms,
      said('agreement.created', '11:30', agreed('2'), {
        intent: 'REPLACE',
        startTime: '2026-11-18T11:30:00Z',
        previousAgreementId: 'agmt-1',
      }),
    );
  const claim = async (id: string, tenantId: string): Promise<void> => {
    await rooms.registration.claim(await anotherCodeOf(id), { tenantId });
    await adopt();
  };

  it('belong to the tenant who has claimed either', async () => {
    const [first, second] = await linked();
    await claim(second ?? '', 'acme');
    await link();
    expect((await rowsOf(rooms)).map(({ id, folded }) => [id, folded])).toEqual([
      [first, false],
      [second, true],
    ]);
    expect(await rooms.subscriptions.get(second ?? '')).toMatchObject({ id: first, tenantId: 'acme' });
    const [timeline] = await timelinesOf(rooms);
    expect(timeline?.tenantId).toBe('acme');
    // Usage recorded under any of its names is one customer's.
    expect(timeline?.subjects.map(({ tenantId, namedSubscriptionId }) => [tenantId, namedSubscriptionId])).toEqual(
      expect.arrayContaining([
        [null, first],
        [null, second],
        ['acme', null],
        ['acme', first],
        ['acme', second],
      ]),
    );
    expect(timeline?.subjects.every(({ subscriptionId }) => subscriptionId === null || subscriptionId === first)).toBe(
      true,
    );
  });

  it('stay apart where two tenants have claimed them, with an alert', async () => {
    const [first, second] = await linked();
    await claim(first ?? '', 'acme');
    await claim(second ?? '', 'globex');
    await link();
    expect((await rowsOf(rooms)).map(({ folded }) => folded)).toEqual([false, false]);
    expect(await rooms.alertKinds()).toContain('chainConflict');
    expect(await told(rooms)).not.toContain('folded');
  });

  it('and a claim that was open meanwhile is adopted by the living one; of another tenant it raises an alert and loses nothing', async () => {
    const [first, second] = await linked();
    await claim(first ?? '', 'acme');
    const code = await anotherCodeOf(second ?? '');
    const runner = rooms.database.dataSource.createQueryRunner();
    await runner.connect();
    await runner.startTransaction();
    await rooms.registration.claim(code, { tenantId: 'globex', manager: runner.manager });
    await link();
    await runner.commitTransaction();
    await runner.release();
    await rooms.messages.run();
    await rooms.messages.run();
    expect(await rooms.alertKinds()).toContain('chainConflict');
    expect((await rooms.subscriptions.get(second ?? ''))?.tenantId).toBe('acme');
    // What globex records is a customer's, and waits in the ledger with a reason.
    const orphans = await rooms.query(
      `SELECT 1 FROM marketplace.subject WHERE seller_account = $1 AND customer_id IS NULL`,
      [rooms.options.sellerAccount],
    );
    expect(orphans).toEqual([]);
  });
});

describe('T9: a fold while a host records', () => {
  it('waits for nobody, and what commits late is the living one’s', async () => {
    await hear(rooms, said('license.updated', '10:00', licensed('1')), said('license.updated', '11:30', licensed('2')));
    const [first, second] = (await rowsOf(rooms)).map(({ id }) => id);
    const [subject] = await rooms.query<{ id: number }>(
      `SELECT id FROM marketplace.subject WHERE seller_account = $1 AND tenant_id IS NULL AND subscription_id = $2`,
      [rooms.options.sellerAccount, second],
    );
    const [dimension] = await rooms.query<{ id: number }>(
      `SELECT id FROM marketplace.dimension WHERE seller_account = $1 AND product_code = $2 ORDER BY id LIMIT 1`,
      [rooms.options.sellerAccount, LICENSE_PRODUCT],
    );
    const host = rooms.database.dataSource.createQueryRunner();
    await host.connect();
    await host.startTransaction('REPEATABLE READ');
    await host.query(
      `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
        VALUES ('019ab000-0000-7000-8000-000000000001', $1, $2, $3, 5)`,
      [rooms.clock.now().toISOString(), subject?.id, dimension?.id],
    );
    const began = Date.now();
    await hear(
      rooms,
      said('agreement.created', '11:30', agreed('2'), {
        intent: 'REPLACE',
        startTime: '2026-11-18T11:30:00Z',
        previousAgreementId: 'agmt-1',
      }),
    );
    expect(Date.now() - began).toBeLessThan(4000);
    expect((await rowsOf(rooms)).find(({ id }) => id === second)?.folded).toBe(true);
    await host.commitTransaction();
    await host.release();
    const [timeline] = await timelinesOf(rooms);
    expect(timeline?.subjects).toContainEqual({
      id: subject?.id,
      tenantId: null,
      subscriptionId: first,
      namedSubscriptionId: second,
    });
    const events = await rooms.query(`SELECT 1 FROM marketplace.usage_event WHERE subject = $1`, [subject?.id]);
    expect(events).toHaveLength(1);
  });
});

describe('current and choosePayer', () => {
  it('M2: names what is in force, or lists what there is', async () => {
    const error = (await rooms.subscriptions
      .current('acme')
      .catch((reason: unknown) => reason)) as SubscriptionChoiceError;
    expect([error.code, error.subscriptions]).toEqual(['NO_SUBSCRIPTION', []]);
    const first = await subscribed();
    await rooms.registration.claim(first.code, { tenantId: 'acme' });
    expect(await rooms.subscriptions.current('acme')).toMatchObject({ id: first.id, state: 'active' });
    const second = await subscribed();
    await rooms.registration.claim(second.code, { tenantId: 'acme' });
    const several = (await rooms.subscriptions
      .current('acme')
      .catch((reason: unknown) => reason)) as SubscriptionChoiceError;
    expect([several.code, several.subscriptions.map(({ id }) => id).sort()]).toEqual([
      'SEVERAL_SUBSCRIPTIONS',
      [first.id, second.id].sort(),
    ]);

    await adopt();
    const from = new Date('2026-11-18T10:00:00Z');
    const choice = { tenantId: 'acme', productCode: LICENSE_PRODUCT, subscriptionId: second.id, from };
    await rooms.subscriptions.choosePayer(choice);
    expect((await timelinesOf(rooms))[0]?.payerChoices).toEqual([{ subscriptionId: second.id, from }]);
    expect(await codeOf(rooms.subscriptions.choosePayer({ ...choice, tenantId: 'globex' }))).toBe(
      'SUBSCRIPTION_UNKNOWN',
    );
    expect(await codeOf(rooms.subscriptions.choosePayer({ ...choice, from: new Date(NaN) }))).toBe('INSTANT_INVALID');
  });
});

describe('M25: the host ends a subscription', () => {
  it('and its word stands until AWS starts a new agreement', async () => {
    const { id, key } = await subscribed();
    rooms.clock.advance(10 * 60_000);
    await rooms.subscriptions.end(id);
    expect((await rooms.subscriptions.get(id))?.state).toBe('ending');
    const { account, license } = await namesOf(id);
    await hear(
      rooms,
      said('license.updated', '12:30', {
        productCode: LICENSE_PRODUCT,
        agreementId: key,
        licenseArn: license,
        customerAwsAccountId: account,
      }),
    );
    expect((await rooms.subscriptions.get(id))?.state).toBe('ending');
    expect(await codeOf(rooms.subscriptions.end('nobody'))).toBe('SUBSCRIPTION_UNKNOWN');
    expect(await codeOf(rooms.subscriptions.end(id, new Date(NaN)))).toBe('INSTANT_INVALID');
    // A new agreement that follows goes on under the same id.
    rooms.clock.advance(3_600_000);
    await hear(
      rooms,
      said(
        'agreement.created',
        '13:00',
        { ...licensed('new', account), licenseArn: licensed('new').licenseArn ?? '' },
        { intent: 'RENEW', startTime: instantOf('13:00').toISOString(), previousAgreementId: key },
      ),
    );
    await rooms.reconciliation.run();
    expect((await rooms.subscriptions.get(id))?.state).toBe('active');
  });
});

async function namesOf(id: string): Promise<{ account: string; license: string }> {
  const subscription = await rooms.subscriptions.get(id);
  return {
    account: subscription?.current?.customerAwsAccountId ?? '',
    license: subscription?.current?.licenseArn ?? '',
  };
}

async function keyOf(id: string): Promise<string> {
  return (await rooms.subscriptions.get(id))?.agreements[0]?.agreementId ?? '';
}

async function anotherCodeOf(subscriptionId: string): Promise<string> {
  const { hashOf, mintCode } = await import('../../src/registration/registration-code.js');
  const { insertCode } = await import('../../src/registration/registration.sql.js');
  const code = mintCode();
  const now = rooms.clock.now();
  await insertCode(rooms.database, rooms.options.sellerAccount, {
    ...{ codeHash: hashOf(code), subscriptionId, tokenHash: hashOf(code), browserHash: null, offerType: null },
    ...{ createdAt: now, expiresAt: new Date(now.getTime() + 3_600_000) },
  });
  return code;
}
