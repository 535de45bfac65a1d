import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Registered, type Registrant } from '../../src/subscription/chain/subscription-registrar.js';
import { sealRecord } from './sealed-record.js';
import { codeOf, dropDatabaseOfSuite, HOUR_MS, LEGACY_PRODUCT, LICENSE_PRODUCT, NOON, Rooms } from './rooms.js';

let rooms: Rooms;

beforeEach(async () => {
  rooms = await Rooms.open();
});
afterAll(dropDatabaseOfSuite);
afterEach(async () => {
  await rooms.close();
});

const ACCOUNT = '071964067459';
const arn = (id: string): string => `arn:aws:license-manager::111122223333:license:l-${id}`;

function register(registrant: Partial<Registrant>, by: Rooms = rooms): Promise<Registered> {
  const whole = { productCode: LICENSE_PRODUCT, offerType: null, fields: {}, ...registrant };
  return by.database.transaction((tx) => by.registrar.findOrCreate(whole, tx));
}

async function subscriptionRow(id: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await rooms.query('SELECT * FROM marketplace.subscription WHERE id = $1', [id]);
  return row as Record<string, unknown> | undefined;
}

describe('SubscriptionRegistrar', () => {
  it('enters a subscription with its aliases, its seal cursor and its event', async () => {
    const registered = await register({ licenseArn: arn('1'), customerAwsAccountId: ACCOUNT, offerType: 'free-trial', fields: { a: 'b' } });
    expect(registered).toMatchObject({ productCode: LICENSE_PRODUCT, tenantId: null, created: true });
    expect(await subscriptionRow(registered.id)).toMatchObject({
      state: 'registered',
      license_arn: arn('1'),
      customer_aws_account_id: ACCOUNT,
      customer_identifier: null,
      offer_type: 'free-trial',
      registration_fields: { a: 'b' },
      registered_at: NOON,
      starts_at: NOON,
    });
    expect(await rooms.query('SELECT subscription_id FROM marketplace.seal_cursor WHERE subscription_id = $1', [registered.id])).toEqual([
      { subscription_id: registered.id },
    ]);
    expect(await rooms.query('SELECT kind, value FROM marketplace.subscription_alias WHERE subscription_id = $1', [registered.id])).toEqual(
      [{ kind: 'license', value: 'l-1' }],
    );
    expect(await rooms.query('SELECT type, payload FROM marketplace.outbox_event WHERE subscription_id = $1', [registered.id])).toEqual([
      { type: 'subscription.registered', payload: { productCode: LICENSE_PRODUCT, offerType: 'free-trial' } },
    ]);
  });

  it('D35: two agreements of one account are two subscriptions', async () => {
    const first = await register({ licenseArn: arn('1'), customerAwsAccountId: ACCOUNT, customerIdentifier: 'cust' });
    const second = await register({ licenseArn: arn('2'), customerAwsAccountId: ACCOUNT, customerIdentifier: 'cust' });
    expect(second.created).toBe(true);
    expect(second.id).not.toBe(first.id);
  });

  it('finds a subscription by any printed form of its license', async () => {
    const first = await register({ licenseArn: arn('1') });
    const again = await register({ licenseArn: 'aws:license-manager:us-east-1:111122223333:l-1' });
    expect(again).toEqual({ ...first, created: false });
    expect((await subscriptionRow(first.id))?.license_arn).toBe(arn('1'));
  });

  it('finds a legacy subscription by its customer, also when an answer names another license', async () => {
    const legacy = { productCode: LEGACY_PRODUCT, customerIdentifier: 'cust', customerAwsAccountId: ACCOUNT };
    const first = await register({ ...legacy, licenseArn: arn('1') });
    const again = await register({ ...legacy, licenseArn: arn('2') });
    expect(again.id).toBe(first.id);
    expect((await subscriptionRow(first.id))?.license_arn).toBe(arn('1'));
  });

  it('D41: adds what was not known and resets nothing', async () => {
    const { id } = await register({ productCode: LEGACY_PRODUCT, customerIdentifier: 'cust', fields: { first: '1' } });
    const code = await rooms.query(`UPDATE marketplace.subscription SET tenant_id = 'tenant' WHERE id = $1 RETURNING id`, [id]);
    expect(code).toHaveLength(1);
    const endsAt = new Date(NOON.getTime() + HOUR_MS);
    await rooms.subscriptions.end(id, endsAt);
    rooms.clock.advance(2 * HOUR_MS);
    await register({
      ...{ productCode: LEGACY_PRODUCT, customerIdentifier: 'cust', customerAwsAccountId: ACCOUNT, licenseArn: arn('1') },
      ...{ offerType: 'free-trial', fields: { first: 'other', second: '2' } },
    });
    expect(await subscriptionRow(id)).toMatchObject({
      ...{ state: 'ending', tenant_id: 'tenant', starts_at: NOON, registered_at: NOON, ends_at: endsAt },
      ...{ customer_aws_account_id: ACCOUNT, license_arn: arn('1'), offer_type: 'free-trial' },
      registration_fields: { first: '1', second: '2' },
    });
    expect(await rooms.eventTypes()).toEqual(['subscription.registered', 'subscription.ending']);
  });

  it('keeps a bounded number of form fields, the first ones', async () => {
    const many = (from: number) => Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`field-${from + n}`, 'x']));
    const { id } = await register({ licenseArn: arn('1'), fields: many(0) });
    await register({ licenseArn: arn('1'), fields: many(100) });
    const fields = (await subscriptionRow(id))?.registration_fields as Record<string, string>;
    expect(Object.keys(fields)).toHaveLength(20);
    expect(fields).toMatchObject(many(0));
  });

  it('makes one row of many simultaneous arrivals, over replicas', async () => {
    const other = await rooms.replica();
    const arrivals = Array.from({ length: 20 }, (_, n) => register({ licenseArn: arn('1') }, n % 2 === 0 ? rooms : other));
    const registered = await Promise.all(arrivals);
    await other.close();
    expect(new Set(registered.map(({ id }) => id)).size).toBe(1);
    expect(registered.filter(({ created }) => created)).toHaveLength(1);
    expect(await rooms.count('subscription')).toBe(1);
    expect(await rooms.eventTypes()).toEqual(['subscription.registered']);
  });

  it('is not held up by a buyer whose claim is in an open transaction', async () => {
    const { id } = await register({ licenseArn: arn('1') });
    const holder = rooms.database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query(`UPDATE marketplace.subscription SET tenant_id = 'tenant' WHERE id = '${id}'`);
    try {
      expect((await register({ licenseArn: arn('1') })).id).toBe(id);
      expect((await register({ licenseArn: arn('2') })).created).toBe(true);
    } finally {
      await holder.rollbackTransaction();
      await holder.release();
    }
  });

  it.each([
    ['a product that is not listed', { productCode: 'unheard-of', licenseArn: arn('1') }, 'PRODUCT_UNKNOWN'],
    ['a license product without a license', { customerAwsAccountId: ACCOUNT, customerIdentifier: 'c' }, 'SUBSCRIPTION_IDENTITY_INCOMPLETE'],
    ['a legacy product without any name', { productCode: LEGACY_PRODUCT }, 'SUBSCRIPTION_IDENTITY_INCOMPLETE'],
  ])('refuses %s and writes nothing', async (_, registrant, code) => {
    expect(await codeOf(register(registrant))).toBe(code);
    expect(await rooms.count('subscription')).toBe(0);
  });

  it('refuses a license that is on file for another account or product', async () => {
    await register({ licenseArn: arn('1'), customerAwsAccountId: ACCOUNT });
    expect(await codeOf(register({ licenseArn: arn('1'), customerAwsAccountId: '999999999999' }))).toBe('SUBSCRIPTION_IDENTITY_CONFLICT');
    expect(await codeOf(register({ productCode: LEGACY_PRODUCT, licenseArn: arn('1') }))).toBe('SUBSCRIPTION_IDENTITY_CONFLICT');
  });
});

async function someoneWaitsForALock(): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    const waiting = await rooms.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    if (waiting.length > 0) return;
    await delay(20);
  }
  throw new Error('nobody waits for a lock');
}

describe('two rows that turn out to be one', () => {
  const byIdentifier = { productCode: LEGACY_PRODUCT, customerIdentifier: 'cust' };
  const byAccount = { productCode: LEGACY_PRODUCT, customerAwsAccountId: ACCOUNT };

  async function registerBoth(): Promise<[string, string]> {
    const first = await register(byIdentifier);
    rooms.clock.advance(HOUR_MS);
    const second = await register(byAccount);
    expect(second.id).not.toBe(first.id);
    return [first.id, second.id];
  }

  it('are merged into the older while nothing is sealed', async () => {
    const [older, younger] = await registerBoth();
    const { id } = await register({ ...byIdentifier, ...byAccount });
    expect(id).toBe(older);
    expect(await subscriptionRow(younger)).toMatchObject({ merged_into: older });
    expect(await subscriptionRow(older)).toMatchObject({ customer_identifier: 'cust', customer_aws_account_id: ACCOUNT, starts_at: NOON });
    const aliases = await rooms.query<{ subscription_id: string }>(
      'SELECT subscription_id FROM marketplace.subscription_alias WHERE subscription_id IN ($1, $2)',
      [older, younger],
    );
    expect(aliases.map((alias) => alias.subscription_id)).toEqual([older, older]);
    expect((await register(byAccount)).id).toBe(older);
  });

  it('stand for the one that lives on, with its tenant and the earlier start', async () => {
    const [older, younger] = await registerBoth();
    await rooms.query(`UPDATE marketplace.subscription SET tenant_id = 'tenant' WHERE id = $1`, [younger]);
    await register({ ...byIdentifier, ...byAccount });
    expect(await rooms.subscriptions.get(older)).toMatchObject({ id: younger, tenantId: 'tenant', startsAt: NOON });
    expect((await rooms.subscriptions.forTenant('tenant')).map(({ id }) => id)).toEqual([younger]);
  });

  it('bring their codes along', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    const { customerIdentifier, accountId } = agreement;
    const first = await register({ productCode: LEGACY_PRODUCT, customerIdentifier });
    const second = await register({ productCode: LEGACY_PRODUCT, customerAwsAccountId: accountId });
    await rooms.query(
      `INSERT INTO marketplace.registration_code (seller_account, code_hash, subscription_id, created_at, expires_at)
       VALUES ($4, sha256('a code'), $1, $2, $3)`,
      [second.id, NOON.toISOString(), new Date(NOON.getTime() + HOUR_MS).toISOString(), rooms.options.sellerAccount],
    );
    await rooms.arrive(agreement);
    expect((await rooms.registration.claim('a code', { tenantId: 'tenant' })).id).toBe(first.id);
  });

  it('take over the end of either', async () => {
    const [older, younger] = await registerBoth();
    await rooms.subscriptions.end(younger, rooms.clock.now());
    await register({ ...byIdentifier, ...byAccount });
    expect(await subscriptionRow(older)).toMatchObject({ state: 'ending', ends_at: rooms.clock.now() });
  });

  it('are merged into the one that has sealed, if only one has', async () => {
    const [older, younger] = await registerBoth();
    await sealRecord(rooms, younger);
    expect((await register({ ...byIdentifier, ...byAccount })).id).toBe(younger);
    expect(await subscriptionRow(older)).toMatchObject({ merged_into: younger });
  });

  it('stay apart, with an alert and an event, when both have sealed', async () => {
    const [older, younger] = await registerBoth();
    await sealRecord(rooms, older);
    await sealRecord(rooms, younger);
    expect((await register({ ...byIdentifier, ...byAccount })).id).toBe(older);
    expect(await subscriptionRow(younger)).toMatchObject({ merged_into: null });
    expect(await rooms.alertKinds()).toEqual(['mergeRefused']);
    expect(await rooms.eventTypes()).toContain('subscription.mergeRefused');
  });

  it('stay apart when they belong to different tenants', async () => {
    const [older, younger] = await registerBoth();
    await rooms.query(`UPDATE marketplace.subscription SET tenant_id = id::text WHERE id IN ($1, $2)`, [older, younger]);
    await register({ ...byIdentifier, ...byAccount });
    expect(await subscriptionRow(younger)).toMatchObject({ merged_into: null, tenant_id: younger });
    expect(await rooms.alertKinds()).toEqual(['mergeRefused']);
  });

  it('wait for a sealer at work on one of them', async () => {
    const [older, younger] = await registerBoth();
    const sealer = rooms.database.dataSource.createQueryRunner();
    await sealer.startTransaction();
    await sealer.query(`SELECT 1 FROM marketplace.seal_cursor WHERE subscription_id = '${younger}' FOR UPDATE SKIP LOCKED`);
    const merging = register({ ...byIdentifier, ...byAccount });
    await someoneWaitsForALock();
    await sealer.query(
      `INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity,
         event_sum, event_count, carry_in, carry_out, operation, region, mode, identity, customer_aws_account_id, sealed_at, state, due_at, cutoff_at)
       SELECT seller_account, gen_random_uuid(), 'hour', id, product_code, 'requests', '${NOON.toISOString()}', '${NOON.toISOString()}', 1, 1, 1, 0, 0,
         'BatchMeterUsage', 'us-east-1', 'live', 'legacy', '1', now(), 'pending', now(), now()
       FROM marketplace.subscription WHERE id = '${younger}'`,
    );
    await sealer.commitTransaction();
    await sealer.release();
    expect((await merging).id).toBe(younger);
    expect(await subscriptionRow(older)).toMatchObject({ merged_into: younger });
  });
});
