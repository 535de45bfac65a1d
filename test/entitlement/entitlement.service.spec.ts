import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement, type FaultKind } from 'aws-marketplace-simulator';
import {
  codeOf,
  dropDatabaseOfSuite,
  HOUR_MS,
  LEGACY_PRODUCT,
  LICENSE_PRODUCT,
  NOON,
  Rooms,
} from '../subscription/rooms.js';

let rooms: Rooms;
let agreement: Agreement;
let id: string;
const replicas: Rooms[] = [];

afterAll(dropDatabaseOfSuite);
beforeEach(async () => {
  rooms = await Rooms.open();
  [agreement, id] = await registered(LICENSE_PRODUCT);
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await rooms.close();
});

async function registered(productCode: string, accountId?: string): Promise<[Agreement, string]> {
  const bought = rooms.simulator.subscribe({ productCode, ...(accountId === undefined ? {} : { accountId }) });
  return [bought, (await rooms.registration.inspect(await rooms.arrive(bought))).subscriptionId];
}

/** A process that has failed at nothing yet. */
async function replica(): Promise<Rooms> {
  const made = await rooms.replica();
  replicas.push(made);
  return made;
}

const calls = (): number => rooms.simulator.calls({ operation: 'GetEntitlements' }).length;
const stopAws = (kind: FaultKind = 'error500Before') =>
  rooms.simulator.faults.add({ kind, operation: 'GetEntitlements' } as never);

describe('EntitlementService', () => {
  it('reads all kinds of values with their ends', async () => {
    const expiresAt = new Date(NOON.getTime() + 24 * HOUR_MS);
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'seats', value: 5, expiresAt },
      { dimension: 'requests', value: 2.5 },
      { dimension: 'sso', value: true },
      { dimension: 'tier', value: 'gold' },
    ]);
    expect(await rooms.entitlements.get(id)).toEqual({
      ...{ subscriptionId: id, fetchedAt: NOON, ageMs: 0, stale: false },
      entitlements: [
        { dimension: 'seats', value: 5, expiresAt },
        { dimension: 'requests', value: 2.5, expiresAt: null },
        { dimension: 'sso', value: true, expiresAt: null },
        { dimension: 'tier', value: 'gold', expiresAt: null },
      ],
    });
  });

  it('tells of what has changed since the last answer, whoever asked, and of nothing else', async () => {
    const other = await replica();
    const changes = async (): Promise<unknown[]> => {
      const rows = await rooms.query<{
        payload: { entitlements: { value: unknown }[]; previous: { value: unknown }[] | null };
      }>(
        `SELECT payload FROM marketplace.outbox_event WHERE seller_account = $1 AND type = 'entitlement.changed'
          ORDER BY position`,
        [rooms.options.sellerAccount],
      );
      return rows.map(({ payload: { previous, entitlements } }) =>
        [previous, entitlements].map((held) => held?.map(({ value }) => value)),
      );
    };
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'seats', value: 5 },
      { dimension: 'sso', value: true },
    ]);
    await Promise.all([rooms.entitlements.get(id), other.entitlements.get(id)]);
    expect(await changes()).toEqual([[undefined, [5, true]]]);
    rooms.clock.advance(HOUR_MS);
    // The same in another order is the same.
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'sso', value: true },
      { dimension: 'seats', value: 5 },
    ]);
    await rooms.entitlements.get(id);
    expect(await changes()).toHaveLength(1);
    rooms.clock.advance(HOUR_MS);
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 7 }]);
    await Promise.all([rooms.entitlements.get(id), other.entitlements.get(id)]);
    expect((await changes()).slice(1)).toEqual([[[5, true], [7]]]);
  });

  it('of two answers of one instant the first counts, and the next question finds the other', async () => {
    const other = await replica();
    const values = async (of: Rooms): Promise<unknown[]> =>
      (await of.entitlements.get(id)).entitlements.map(({ value }) => value);
    const amend = (value: number): void => {
      rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value }]);
    };
    amend(5);
    expect(await values(rooms)).toEqual([5]);
    await rooms.query('UPDATE marketplace.subscription SET entitlements_changed_at = $2 WHERE id = $1', [id, NOON]);
    amend(7);
    const before = calls();
    expect(await values(other)).toEqual([5]);
    expect(calls()).toBe(before + 1);
    rooms.clock.advance(60_000);
    expect(await values(other)).toEqual([7]);
    expect(await values(rooms)).toEqual([7]);
  });

  it('D21: reads all pages, also past empty ones', async () => {
    rooms.simulator.setSwitches({ emptyEntitlementPages: 'before' });
    rooms.simulator.setEntitlements(
      agreement,
      Array.from({ length: 60 }, (_, n) => ({ dimension: `dimension-${n}`, value: n })),
    );
    const view = await rooms.entitlements.get(id);
    expect(view.entitlements.map(({ value }) => value)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(calls()).toBe(6);
  });

  it('D35: tells the agreements of one account apart', async () => {
    const [second, secondId] = await registered(LICENSE_PRODUCT, agreement.accountId);
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 1 }]);
    rooms.simulator.setEntitlements(second, [{ dimension: 'seats', value: 2 }]);
    expect((await rooms.entitlements.get(id)).entitlements).toMatchObject([{ value: 1 }]);
    expect((await rooms.entitlements.get(secondId)).entitlements).toMatchObject([{ value: 2 }]);
  });

  it('asks for a legacy customer by one name only', async () => {
    const [legacy, legacyId] = await registered(LEGACY_PRODUCT);
    rooms.simulator.setEntitlements(legacy, [{ dimension: 'requests', value: 7 }]);
    expect((await rooms.entitlements.get(legacyId)).entitlements).toMatchObject([{ value: 7 }]);
    await rooms.query(
      `UPDATE marketplace.buyer_name SET name = NULL WHERE kind = 'account' AND buyer_id = (SELECT buyer_id
        FROM marketplace.subscription WHERE id = $1)`,
      [legacyId],
    );
    await rooms.query('DELETE FROM marketplace.entitlement_snapshot WHERE seller_account = $1', [
      rooms.options.sellerAccount,
    ]);
    expect((await rooms.entitlements.get(legacyId)).entitlements).toMatchObject([{ value: 7 }]);
    const filters = rooms.simulator.calls({ operation: 'GetEntitlements' }).map(({ request }) => request?.Filter);
    expect(filters).toEqual([
      { CUSTOMER_AWS_ACCOUNT_ID: [legacy.accountId] },
      { CUSTOMER_IDENTIFIER: [legacy.customerIdentifier] },
    ]);
  });

  it('answers for a tenant who has one subscription in force, and for nobody else', async () => {
    await rooms.registration.claim(await rooms.arrive(agreement), { tenantId: 'tenant' });
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 4 }]);
    expect(await codeOf(rooms.entitlements.get({ tenantId: 'tenant' }))).toBe('NO_SUBSCRIPTION');
    await rooms.reconciliation.run();
    await rooms.messages.run();
    expect(await rooms.entitlements.isEntitled({ tenantId: 'tenant', productCode: LICENSE_PRODUCT }, 'seats')).toBe(
      true,
    );
    expect((await rooms.entitlements.get({ tenantId: 'tenant' })).subscriptionId).toBe(id);
    expect(await codeOf(rooms.entitlements.get({ tenantId: 'nobody' }))).toBe('NO_SUBSCRIPTION');
  });

  it('reads those of the agreement that is in force after a renewal', async () => {
    rooms.simulator.setSwitches({ renewalLicense: 'newLicense' });
    await rooms.reconciliation.run();
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 1 }]);
    expect((await rooms.entitlements.get(id)).entitlements).toMatchObject([{ value: 1 }]);
    rooms.clock.advance(HOUR_MS);
    const renewed = rooms.simulator.renew(agreement);
    rooms.simulator.setEntitlements(renewed, [{ dimension: 'seats', value: 2 }]);
    rooms.clock.advance(2 * HOUR_MS);
    await rooms.reconciliation.run();
    await rooms.messages.run();
    expect((await rooms.entitlements.get(id)).entitlements).toMatchObject([{ value: 2 }]);
  });

  it('M16: sixty first reads at once, on two replicas, wait for the quota and are all answered', async () => {
    await rooms.close();
    rooms = await Rooms.open({
      simulator: { callsPerSecond: { GetEntitlements: 20, ResolveCustomer: 0, SearchAgreements: 0 } },
    });
    const other = await replica();
    const ids: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const [bought, subscriptionId] = await registered(LICENSE_PRODUCT);
      rooms.simulator.setEntitlements(bought, [{ dimension: 'seats', value: n + 1 }]);
      ids.push(subscriptionId);
    }
    const answers = await Promise.all(
      ids.map((subscriptionId, n) => (n % 2 === 0 ? rooms : other).entitlements.get(subscriptionId)),
    );
    expect(answers.map(({ entitlements }) => entitlements[0]?.value)).toEqual(ids.map((_, n) => n + 1));
    expect(
      rooms.simulator.calls({ operation: 'GetEntitlements' }).filter(({ statusCode }) => statusCode !== 200),
    ).toEqual([]);
  });

  it('asks again only when the answer is too old, over replicas', async () => {
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 1 }]);
    const other = await replica();
    await rooms.entitlements.get(id);
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 2 }]);
    rooms.clock.advance(15 * 60_000);
    expect(await other.entitlements.get(id)).toMatchObject({
      ageMs: 900_000,
      stale: false,
      entitlements: [{ value: 1 }],
    });
    expect(calls()).toBe(1);
    rooms.clock.advance(1);
    expect(await other.entitlements.get(id)).toMatchObject({ ageMs: 0, stale: false, entitlements: [{ value: 2 }] });
    expect(calls()).toBe(2);
  });

  it('asks once for many who want to know', async () => {
    rooms.simulator.faults.add({ kind: 'latency', ms: 100, operation: 'GetEntitlements' });
    await Promise.all(Array.from({ length: 20 }, () => rooms.entitlements.get(id)));
    expect(calls()).toBe(1);
  });

  it('asks again when an entitlement has come to its end: it may have been renewed', async () => {
    const expiresAt = new Date(NOON.getTime() + 60_000);
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 1, expiresAt }]);
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(true);
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'seats', value: 1, expiresAt: new Date(NOON.getTime() + HOUR_MS) },
    ]);
    rooms.clock.advance(60_000);
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(true);
    expect(calls()).toBe(2);
  });
});

describe('D34: fails closed', () => {
  it.each<FaultKind>(['error500Before', 'throttle', 'accessDenied', 'resetBefore', 'expiredCredentials'])(
    'knowing nothing, under %s',
    async (kind) => {
      rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 1 }]);
      stopAws(kind);
      expect(await codeOf(rooms.entitlements.get(id))).toBe('ENTITLEMENT_UNKNOWN');
      expect(await codeOf(rooms.entitlements.isEntitled(id, 'seats'))).toBe('ENTITLEMENT_UNKNOWN');
      expect(await rooms.count('entitlement_snapshot')).toBe(0);
    },
  );

  it('for what no subscription is', async () => {
    expect(await codeOf(rooms.entitlements.get('01890000-0000-7000-8000-000000000000'))).toBe('SUBSCRIPTION_UNKNOWN');
    expect(await codeOf(rooms.entitlements.get('x'))).toBe('SUBSCRIPTION_UNKNOWN');
  });

  it('for a subscription that AWS has not named in full', async () => {
    await rooms.query(
      `UPDATE marketplace.agreement_name SET name = NULL WHERE seller_account = $1 AND kind = 'license'`,
      [rooms.options.sellerAccount],
    );
    expect(await codeOf(rooms.entitlements.get(id))).toBe('ENTITLEMENT_UNKNOWN');
    expect(calls()).toBe(0);
  });

  it.each<[string, number | boolean | string, boolean]>([
    ['an amount', 1, true],
    ['nothing', 0, false],
    ['yes', true, true],
    ['no', false, false],
    ['a text', 'gold', true],
    ['an empty text', '', false],
  ])('isEntitled: %s', async (_, value, expected) => {
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value }]);
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(expected);
    expect(await rooms.entitlements.isEntitled(id, 'other')).toBe(false);
  });

  it('knows any of several entitlements of a dimension, not only the first', async () => {
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'seats', value: 0 },
      { dimension: 'seats', value: 3 },
    ]);
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(true);
  });
});

describe('replicas whose clocks differ by seconds', () => {
  it('share an answer: the one that is behind does not ask at each request', async () => {
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 5 }]);
    await rooms.entitlements.get(id);
    const asked = calls();
    const clock = { now: () => new Date(rooms.clock.now().getTime() - 20_000) };
    const behind = await rooms.replica({ clock });
    replicas.push(behind);
    for (let request = 0; request < 3; request += 1)
      expect(await behind.entitlements.get(id)).toMatchObject({ ageMs: 0, entitlements: [{ value: 5 }] });
    expect(calls()).toBe(asked);
  });
});

describe('while AWS is down', () => {
  beforeEach(async () => {
    rooms.simulator.setEntitlements(agreement, [
      { dimension: 'seats', value: 1, expiresAt: new Date(NOON.getTime() + 3 * HOUR_MS) },
    ]);
    await rooms.entitlements.get(id);
    rooms.clock.advance(HOUR_MS);
  });

  it('serves the last known answer with its age', async () => {
    stopAws();
    expect(await rooms.entitlements.get(id)).toMatchObject({
      ageMs: HOUR_MS,
      stale: true,
      fetchedAt: NOON,
      entitlements: [{ value: 1 }],
    });
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(true);
  });

  it('grants nothing past the end that it knows of', async () => {
    stopAws();
    rooms.clock.advance(2 * HOUR_MS);
    expect(await rooms.entitlements.isEntitled(id, 'seats')).toBe(false);
  });

  it('does not make everybody wait for AWS again and again', async () => {
    stopAws();
    const before = calls();
    for (let n = 0; n < 5; n += 1) await rooms.entitlements.get(id);
    expect(calls()).toBe(before + 1);
  });

  it('is current again when AWS is back', async () => {
    const fault = stopAws();
    await rooms.entitlements.get(id);
    fault.remove();
    rooms.simulator.setEntitlements(agreement, [{ dimension: 'seats', value: 9 }]);
    const other = await replica();
    expect(await other.entitlements.get(id)).toMatchObject({ stale: false, ageMs: 0, entitlements: [{ value: 9 }] });
    expect(await rooms.entitlements.get(id)).toMatchObject({ stale: false, entitlements: [{ value: 9 }] });
  });

  it('tells the operators when the fault is ours', async () => {
    stopAws('accessDenied');
    await rooms.entitlements.get(id);
    expect(await rooms.alertKinds()).toEqual(['setupError']);
    // It is mended, and the process is another: it does not know what the one before could not ask.
    rooms.simulator.faults.clear();
    await (await replica()).entitlements.get(id);
    expect(await rooms.alertKinds()).toEqual([]);
  });
});
