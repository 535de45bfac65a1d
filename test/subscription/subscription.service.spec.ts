import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, NOON, Rooms } from './rooms.js';

const OTHER_SELLER = 'another-seller';
let rooms: Rooms;
let id: string;

beforeEach(async () => {
  rooms = await Rooms.open();
  id = await registered();
});
afterAll(dropDatabaseOfSuite);
afterEach(async () => {
  await rooms.close();
});

async function registered(productCode = LICENSE_PRODUCT, tenantId?: string): Promise<string> {
  const code = await rooms.arrive(rooms.simulator.subscribe({ productCode }));
  if (tenantId !== undefined) await rooms.registration.claim(code, { tenantId });
  return (await rooms.registration.inspect(code)).subscriptionId;
}

async function endOf(subscriptionId: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await rooms.query(
    'SELECT state, ends_at, first_end_sign_at, last_end_sign_at FROM marketplace.subscription WHERE id = $1',
    [subscriptionId],
  );
  return row as Record<string, unknown> | undefined;
}

const hours = (n: number): Date => new Date(NOON.getTime() + n * HOUR_MS);

describe('get and forTenant', () => {
  it('tell what the API promises, and nothing more', async () => {
    expect(await rooms.subscriptions.get(id)).toEqual({
      ...{ id, productCode: LICENSE_PRODUCT, tenantId: null, state: 'registered', startsAt: NOON, endsAt: null },
      licenseArn: expect.stringMatching(/^arn:aws:license-manager::/),
    });
    expect(await rooms.subscriptions.get(id.toUpperCase())).toMatchObject({ id });
  });

  it('know nothing of ids that are none', async () => {
    expect(await rooms.subscriptions.get('01890000-0000-7000-8000-000000000000')).toBeNull();
    expect(await rooms.subscriptions.get(`${id}'; --`)).toBeNull();
  });

  it('list all concurrent agreements of a tenant, oldest first', async () => {
    const first = await registered(LICENSE_PRODUCT, 'tenant');
    rooms.clock.advance(HOUR_MS);
    const second = await registered(LICENSE_PRODUCT, 'tenant');
    const third = await registered(LEGACY_PRODUCT, 'tenant');
    const listed = await rooms.subscriptions.forTenant('tenant');
    expect(listed.map((subscription) => subscription.id)).toEqual([first, second, third]);
    const legacy = await rooms.subscriptions.forTenant('tenant', { productCode: LEGACY_PRODUCT });
    expect(legacy.map((subscription) => subscription.id)).toEqual([third]);
    expect(await rooms.subscriptions.forTenant('nobody')).toEqual([]);
  });

  it('see nothing of another seller account', async () => {
    const other = await rooms.replica({ sellerAccount: OTHER_SELLER });
    expect(await other.subscriptions.get(id)).toBeNull();
    expect(await codeOf(other.subscriptions.end(id))).toBe('SUBSCRIPTION_UNKNOWN');
    await other.close();
  });
});

describe('end', () => {
  it('enters the end with its event, and wakes the sealer', async () => {
    let rings = 0;
    rooms.waker.onWake('seal', () => (rings += 1));
    await rooms.subscriptions.end(id);
    expect(await endOf(id)).toEqual({ state: 'ending', ends_at: NOON, first_end_sign_at: NOON, last_end_sign_at: NOON });
    expect(rings).toBe(1);
    const [event] = await rooms.query(
      `SELECT payload FROM marketplace.outbox_event WHERE type = 'subscription.ending' AND subscription_id = $1`,
      [id],
    );
    expect(event).toEqual({ payload: { productCode: LICENSE_PRODUCT, endsAt: NOON.toISOString() } });
  });

  it('is idempotent', async () => {
    await rooms.subscriptions.end(id, NOON);
    const end = await endOf(id);
    rooms.clock.advance(HOUR_MS);
    await rooms.subscriptions.end(id, NOON);
    await rooms.subscriptions.end(id);
    expect(await endOf(id)).toEqual(end);
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.ending')).toHaveLength(1);
  });

  it('counts an end that is heard of late from when it was, and tries from when it was heard', async () => {
    rooms.clock.advance(3 * HOUR_MS);
    await rooms.subscriptions.end(id, NOON);
    expect(await endOf(id)).toMatchObject({ ends_at: NOON, first_end_sign_at: NOON, last_end_sign_at: hours(3) });
  });

  it('takes an announced end, and an earlier one after it', async () => {
    await rooms.subscriptions.end(id, hours(48));
    expect(await endOf(id)).toMatchObject({ ends_at: hours(48), first_end_sign_at: hours(48), last_end_sign_at: hours(48) });
    await rooms.subscriptions.end(id, hours(24));
    expect(await endOf(id)).toMatchObject({ ends_at: hours(24), first_end_sign_at: hours(24), last_end_sign_at: hours(48) });
    expect((await rooms.eventTypes()).filter((type) => type === 'subscription.ending')).toHaveLength(2);
  });

  it('prolongs only the trying with a later one', async () => {
    await rooms.subscriptions.end(id, NOON);
    await rooms.subscriptions.end(id, hours(2));
    expect(await endOf(id)).toMatchObject({ ends_at: NOON, first_end_sign_at: NOON, last_end_sign_at: hours(2) });
  });

  it('leaves an ended subscription as it is', async () => {
    await rooms.subscriptions.end(id, NOON);
    await rooms.query(`UPDATE marketplace.subscription SET state = 'ended' WHERE id = $1`, [id]);
    await rooms.subscriptions.end(id, hours(5));
    expect(await endOf(id)).toMatchObject({ state: 'ended', ends_at: NOON });
  });

  it('refuses what it cannot mean', async () => {
    expect(await codeOf(rooms.subscriptions.end('nonsense'))).toBe('SUBSCRIPTION_UNKNOWN');
    expect(await codeOf(rooms.subscriptions.end('01890000-0000-7000-8000-000000000000'))).toBe('SUBSCRIPTION_UNKNOWN');
    expect(await codeOf(rooms.subscriptions.end(id, new Date(Number.NaN)))).toBe('INSTANT_INVALID');
  });
});

describe('the directory', () => {
  it('finds product and dimensions of a subscription', async () => {
    expect(await rooms.directory.find(id)).toEqual({ id, productCode: LICENSE_PRODUCT, dimensions: new Set(['requests', 'seats']) });
  });

  it('remembers what it found, without asking again', async () => {
    const replica = await rooms.replica();
    const found = await replica.directory.find(id);
    await replica.database.dataSource.destroy();
    expect(await replica.directory.find(id)).toBe(found);
    expect(await replica.directory.find(id.toUpperCase())).toBe(found);
    replica.clients.onApplicationShutdown();
  });

  it('asks again for what was not there', async () => {
    const other = await rooms.replica({ sellerAccount: OTHER_SELLER });
    await other.catalog.sync();
    expect(await other.directory.find(id)).toBeNull();
    await other.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, registered_at, starts_at)
       VALUES ($3, $1, $2, 'registered', now(), now())`,
      [id, LICENSE_PRODUCT, OTHER_SELLER],
    );
    expect(await other.directory.find(id)).toMatchObject({ id });
    await other.close();
  });

  it('answers for malformed ids without SQL', async () => {
    const replica = await rooms.replica();
    await replica.database.dataSource.destroy();
    expect(await replica.directory.find('x')).toBeNull();
    expect(await replica.directory.find(undefined as unknown as string)).toBeNull();
    replica.clients.onApplicationShutdown();
  });

  it('knows no dimensions of a product that is listed no more', async () => {
    const replica = await rooms.replica({ products: [{ productCode: 'another', dimensions: ['x'] }] });
    expect((await replica.directory.find(id))?.dimensions).toEqual(new Set());
    await replica.close();
  });
});
