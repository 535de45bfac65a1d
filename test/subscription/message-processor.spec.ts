import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type LifecycleEvent } from '../../src/subscription/inbox/lifecycle-event.js';
import { agreed, BUYER, hear, instantOf, legacy, licensed, OTHER_BUYER, receive, said } from './heard.js';
import { rowsOf, spansOf, statesOf, told } from './chain-views.js';
import { codeOf, dropDatabaseOfSuite, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from './rooms.js';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open();
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const stateOfMessages = async (): Promise<string[]> =>
  (
    await rooms.query<{ state: string }>(
      `SELECT state FROM marketplace.inbox_message WHERE seller_account = $1 AND origin = 'eventBridge'
        ORDER BY message_id`,
      [rooms.options.sellerAccount],
    )
  ).map(({ state }) => state);

describe('M17: other products', () => {
  const of = (productCode: string, key: string): LifecycleEvent =>
    said('license.updated', '11:00', { ...licensed(key), productCode, productId: `prod-${productCode}` });

  it('are ignored, with all that speaks of their agreements, and hold no alert', async () => {
    // Came first, and names no product: it waits until it is clear whose it is.
    await hear(rooms, said('agreement.created', '11:00', agreed('77')));
    expect(await stateOfMessages()).toEqual(['waiting']);
    await hear(rooms, of('not-listed-here', '77'), said('agreement.ended', '11:30', agreed('77')));
    expect(await stateOfMessages()).toEqual(['ignored', 'ignored', 'ignored']);
    expect(await rowsOf(rooms)).toEqual([]);
    expect(await rooms.alertKinds()).toEqual([]);
  });

  it('a product that is listed again goes on', async () => {
    await hear(rooms, of('not-listed-here', '77'), said('agreement.ended', '11:30', agreed('77')));
    const listing = await rooms.replica({ products: [{ productCode: 'not-listed-here', dimensions: ['requests'] }] });
    await listing.catalog.sync();
    await listing.messages.run();
    expect(await stateOfMessages()).toEqual(['applied', 'applied']);
    expect(await statesOf(rooms)).toEqual(['ending']);
    // Taken off the list once more: what comes is kept and ignored, what is known stays.
    await hear(rooms, said('license.updated', '11:45', { ...licensed('78'), productCode: 'not-listed-here' }));
    expect((await stateOfMessages()).at(-1)).toBe('ignored');
    await listing.close();
  });

  it('learn which entity id belongs to a code from messages that name both', async () => {
    await hear(rooms, said('license.updated', '11:00', licensed('1')));
    await hear(
      rooms,
      said(
        'agreement.created',
        '11:10',
        { ...agreed('2', OTHER_BUYER), productId: 'prod-license' },
        { startTime: '2026-11-18T11:10:00Z' },
      ),
    );
    expect(await statesOf(rooms)).toEqual(['active', 'active']);
  });
});

describe('M14: a trial that becomes paid', () => {
  const trialUntil = (until: string | null) => ({
    trial: { until: until === null ? null : instantOf(until).toISOString() },
  });
  const foundAt = (key: string, at: string, details: Parameters<typeof said<'agreement.found'>>[3]): LifecycleEvent =>
    said(
      'agreement.found',
      at,
      { ...agreed(key), productCode: LICENSE_PRODUCT },
      { startTime: '2026-11-18T10:00:00Z', ...details },
    );

  it('under the same license and agreement', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      foundAt('1', '10:05', { terms: trialUntil('14:20') }),
    );
    expect(await statesOf(rooms)).toEqual(['trial']);
    rooms.clock.advance(2.5 * 3_600_000);
    await rooms.messages.run();
    expect(await statesOf(rooms)).toEqual(['active']);
    expect((await told(rooms)).slice(1)).toEqual(['activated agmt-1', 'converted agmt-1']);
    expect(await spansOf(rooms)).toEqual(['agmt-1 trial 11-18T09:00–11-18T14:20', 'agmt-1 paid 11-18T14:20–']);
  });

  it('under the same license in a new agreement, or under a new license', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      foundAt('1', '10:05', { terms: trialUntil(null) }),
    );
    expect(await statesOf(rooms)).toEqual(['trial']);
    rooms.clock.advance(3_600_000);
    await hear(
      rooms,
      said(
        'agreement.created',
        '12:30',
        { ...licensed('2'), licenseArn: licensed('1').licenseArn ?? '' },
        { intent: 'REPLACE', startTime: '2026-11-18T12:30:00Z', previousAgreementId: 'agmt-1' },
      ),
      foundAt('2', '12:40', { startTime: '2026-11-18T12:30:00Z', terms: { trial: null } }),
    );
    expect(await statesOf(rooms)).toEqual(['active']);
    expect(await told(rooms)).toContain('converted agmt-2');
    expect(await spansOf(rooms)).toEqual(['agmt-1 trial 11-18T09:00–11-18T12:30', 'agmt-2 paid 11-18T12:30–']);
  });

  it('under another license of the same agreement id: an agreement that follows, in the same subscription', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      foundAt('1', '10:05', { terms: trialUntil(null) }),
    );
    rooms.clock.advance(3_600_000);
    await hear(
      rooms,
      said('license.updated', '12:30', { ...licensed('1'), licenseArn: licensed('paid').licenseArn ?? '' }),
    );
    rooms.clock.advance(600_000);
    await rooms.messages.run();
    expect(await rowsOf(rooms)).toHaveLength(1);
    const [subscription] = await rooms.subscriptions
      .forTenant('nobody')
      .then(async () => [await rooms.subscriptions.get((await rowsOf(rooms))[0]?.id ?? '')]);
    expect(subscription?.agreements.map(({ licenseArn }) => licenseArn)).toEqual([
      licensed('1').licenseArn,
      licensed('paid').licenseArn,
    ]);
  });
});

describe('what cannot be placed', () => {
  it('waits for its names, and is applied when they are known', async () => {
    await hear(rooms, said('agreement.ended', '11:00', agreed('1')), said('advisory.issued', '11:00', agreed('1')));
    expect(await stateOfMessages()).toEqual(['waiting', 'waiting']);
    await hear(rooms, said('license.updated', '10:00', licensed('1')));
    await rooms.messages.run();
    expect(await stateOfMessages()).toEqual(['applied', 'applied', 'applied']);
    expect(await statesOf(rooms)).toEqual(['ending']);
  });

  it('contradicts the ledger: it is tried again, then a dead letter with an alert, and holds up nothing else', async () => {
    const impatient = await rooms.replica({ notifications: { deadLetterAfterAttempts: 1 } });
    await hear(rooms, said('license.updated', '10:00', licensed('1')));
    await receive(rooms, [
      said('license.updated', '11:00', licensed('1', OTHER_BUYER)),
      said('license.updated', '11:00', licensed('2', OTHER_BUYER)),
    ]);
    await impatient.messages.run();
    expect(await stateOfMessages()).toEqual(['applied', 'deadLettered', 'applied']);
    expect(await rooms.alertKinds()).toContain('messageDeadLettered');
    await rooms.reconciliation.run();
    expect(await statesOf(rooms)).toEqual(['active', 'active']);
    await impatient.close();
  });
});

it('a message is set aside and told of at once, or neither', async () => {
  const impatient = await rooms.replica({ notifications: { deadLetterAfterAttempts: 1 } });
  await hear(rooms, said('license.updated', '10:00', licensed('1')));
  await receive(rooms, [said('license.updated', '11:00', licensed('1', OTHER_BUYER))]);
  const board = jest.spyOn(impatient.alerts, 'raise').mockRejectedValueOnce(new Error('the process ends here'));
  await expect(impatient.messages.run()).rejects.toThrow('the process ends here');
  expect(board).toHaveBeenCalledTimes(1);
  expect(await stateOfMessages()).toEqual(['applied', 'pending']);
  await rooms.query(
    `UPDATE marketplace.inbox_message SET next_attempt_at = clock_timestamp() WHERE seller_account = $1`,
    [rooms.options.sellerAccount],
  );
  await impatient.messages.run();
  expect(await stateOfMessages()).toEqual(['applied', 'deadLettered']);
  expect(await rooms.alertKinds()).toContain('messageDeadLettered');
  await impatient.close();
});

it('what a process of the old options sets aside, while one of the new ones runs, is taken up by that one', async () => {
  const listing = await rooms.replica({ products: [{ productCode: 'not-listed-here', dimensions: ['requests'] }] });
  await listing.catalog.sync();
  await listing.messages.run();
  // The old one of a rolling release is the first to see it.
  await hear(rooms, said('license.updated', '11:00', { ...licensed('77'), productCode: 'not-listed-here' }));
  expect(await stateOfMessages()).toEqual(['ignored']);
  await listing.messages.run();
  expect(await stateOfMessages()).toEqual(['ignored']);
  const later = performance.now() + 60_000;
  const machine = jest.spyOn(performance, 'now').mockImplementation(() => later);
  await listing.messages.run();
  machine.mockRestore();
  expect(await stateOfMessages()).toEqual(['applied']);
  expect(await rowsOf(rooms)).toHaveLength(1);
  await listing.close();
});

describe('two replicas', () => {
  it('that process the messages of many buyers at once make each buyer’s chain once', async () => {
    const replica = await rooms.replica();
    const buyers = Array.from({ length: 6 }, (_, index) => `10000000000${index}`);
    const events = buyers.flatMap((account, index) => [
      said('license.updated', '10:00', licensed(`${index}a`, account)),
      said('agreement.created', '10:00', agreed(`${index}a`, account), { startTime: '2026-11-18T10:00:00Z' }),
      said('license.updated', '11:00', licensed(`${index}b`, account)),
      said('agreement.created', '11:00', agreed(`${index}b`, account), {
        ...{ intent: 'RENEW', startTime: '2026-11-18T11:00:00Z', previousAgreementId: `agmt-${index}a` },
      }),
    ]);
    await receive(rooms, events);
    for (let turn = 0; turn < 3; turn += 1) await Promise.all([rooms.messages.run(), replica.messages.run()]);
    expect(new Set(await stateOfMessages())).toEqual(new Set(['applied']));
    await Promise.all([rooms.reconciliation.run(), replica.reconciliation.run()]);
    expect(await statesOf(rooms)).toEqual(buyers.map(() => 'active'));
    expect(await spansOf(rooms)).toHaveLength(2 * buyers.length);
    const heard = await told(rooms);
    for (const [index] of buyers.entries()) {
      // Either it was renewed, or the second was known before the first; never is a change told twice.
      expect(heard.filter((line) => line.endsWith(`agmt-${index}b`)).length).toBeLessThanOrEqual(2);
      expect(heard.filter((line) => line === `renewed agmt-${index}b`).length).toBeLessThanOrEqual(1);
    }
    await replica.close();
  });
});

describe('erasure (item 12)', () => {
  it('of the names by SQL leaves look-ups by digest, facts and states as they are', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', licensed('1')),
      said('agreement.created', '10:00', agreed('1'), { startTime: '2026-11-18T10:00:00Z' }),
    );
    const before = await snapshot();
    await rooms.query(`UPDATE marketplace.buyer_name SET name = NULL WHERE seller_account = $1`, [
      rooms.options.sellerAccount,
    ]);
    await rooms.query(
      `UPDATE marketplace.agreement_name SET name = NULL, event_form = NULL WHERE seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    await rooms.query(`UPDATE marketplace.inbox_message SET body = NULL, event = NULL WHERE seller_account = $1`, [
      rooms.options.sellerAccount,
    ]);
    expect(await everythingStored()).not.toMatch(new RegExp(`${BUYER}|agmt-1|l-1`));
    // AWS goes on talking of the agreement: it is found by its digests, and no name comes back.
    await hear(rooms, said('agreement.amended', '11:30', agreed('1')), said('license.updated', '11:31', licensed('1')));
    expect(await stateOfMessages()).toEqual(['applied', 'applied', 'applied', 'applied']);
    expect(await snapshot()).toEqual(before);
    await rooms.query(`UPDATE marketplace.inbox_message SET body = NULL, event = NULL WHERE seller_account = $1`, [
      rooms.options.sellerAccount,
    ]);
    expect(await everythingStored()).not.toMatch(new RegExp(`${BUYER}|agmt-1|l-1`));
    await expect(
      rooms.query(`UPDATE marketplace.buyer_name SET name = 'another' WHERE seller_account = $1`, [
        rooms.options.sellerAccount,
      ]),
    ).rejects.toThrow(/erased/);
    await expect(
      rooms.query(`UPDATE marketplace.fact SET at = now() WHERE seller_account = $1`, [rooms.options.sellerAccount]),
    ).rejects.toThrow(/refused/);
  });

  const snapshot = async (): Promise<unknown> => ({
    rows: (await rowsOf(rooms)).map(({ id, state, folded }) => ({ id, state, folded })),
    buyers: await rooms.count('buyer'),
    agreements: await rooms.count('agreement'),
    names: await rooms.query(
      `SELECT encode(digest, 'hex') AS digest, agreement_id FROM marketplace.agreement_name WHERE seller_account = $1
        ORDER BY digest`,
      [rooms.options.sellerAccount],
    ),
  });

  async function everythingStored(): Promise<string> {
    const tables = [
      'buyer',
      'buyer_name',
      'agreement',
      'agreement_name',
      'fact',
      'subscription',
      'customer',
      'outbox_event',
      'alert',
      'inbox_message',
    ];
    const texts: string[] = [];
    for (const table of tables) {
      const rows = await rooms.query(
        `SELECT to_jsonb(t) AS row FROM marketplace.${table} t WHERE seller_account = $1`,
        [rooms.options.sellerAccount],
      );
      texts.push(JSON.stringify(rows));
    }
    return texts.join('\n');
  }
});

describe('item 9: customers from before the module', () => {
  const billedFrom = new Date('2026-11-18T14:00:00Z');

  it('are entered with tenant and the hour from which we bill; a dry run writes nothing', async () => {
    const customer = {
      productCode: LEGACY_PRODUCT,
      tenantId: 'acme',
      customerIdentifier: 'cust-1',
      customerAwsAccountId: BUYER,
      billedFrom,
    };
    expect(await rooms.subscriptions.register([customer], { dryRun: true })).toEqual([
      { subscriptionId: null, outcome: 'registered', billedFrom, error: null },
    ]);
    expect([await rooms.count('subscription'), await rooms.count('buyer'), await rooms.count('inbox_message')]).toEqual(
      [0, 0, 0],
    );

    const [registered] = await rooms.subscriptions.register([customer]);
    expect(registered).toMatchObject({ outcome: 'registered', billedFrom, error: null });
    const id = registered?.subscriptionId ?? '';
    expect(await rooms.subscriptions.get(id)).toMatchObject({ tenantId: 'acme', state: 'registered' });
    // AWS is asked, since nobody will tell of what began before.
    expect((await rowsOf(rooms))[0]?.next_ask_at).not.toBeNull();
    await hear(rooms, said('legacy.subscribeSucceeded', '2026-03-01T10:00:00Z', legacy('cust-1')));
    const spans = await spansOf(rooms);
    expect(spans.every((span) => !span.includes('03-01'))).toBe(true);
    expect(spans.at(-1)).toMatch(/11-18T14:00–/);

    expect(await rooms.subscriptions.register([customer])).toEqual([
      { subscriptionId: id, outcome: 'unchanged', billedFrom, error: null },
    ]);
    const [moved] = await rooms.subscriptions.register([{ ...customer, billedFrom: new Date('2026-11-18T15:00:00Z') }]);
    expect(moved?.error?.code).toBe('CUSTOMER_INVALID');
    const [other] = await rooms.subscriptions.register([{ ...customer, tenantId: 'globex' }]);
    expect(other?.error?.code).toBe('LINKED_TO_OTHER_TENANT');
  });

  it('one that is wrong is refused by itself, and names the field', async () => {
    const results = await rooms.subscriptions.register([
      { productCode: LICENSE_PRODUCT, customerAwsAccountId: BUYER, billedFrom },
      {
        productCode: LICENSE_PRODUCT,
        licenseArn: licensed('1').licenseArn ?? '',
        billedFrom: new Date('2026-11-18T14:30:00Z'),
      },
      { productCode: 'unknown', customerIdentifier: 'c', billedFrom },
      {
        productCode: LICENSE_PRODUCT,
        licenseArn: licensed('1').licenseArn ?? '',
        customerAwsAccountId: BUYER,
        billedFrom,
      },
    ]);
    expect(results.map(({ outcome, error }) => [outcome, error?.code ?? null])).toEqual([
      ['refused', 'SUBSCRIPTION_IDENTITY_INCOMPLETE'],
      ['refused', 'CUSTOMER_INVALID'],
      ['refused', 'PRODUCT_UNKNOWN'],
      ['registered', null],
    ]);
  });
});

describe('an arrival', () => {
  const arrive = (names: Record<string, string>, messageId: string, fields = {}) =>
    rooms.database.transaction((tx) =>
      rooms.registrar.arrive({ productCode: LICENSE_PRODUCT, ...names, messageId, offerType: null, fields }, tx),
    );

  it('D41: finds the agreement by any printed form of its license, and is one however often it comes', async () => {
    await hear(
      rooms,
      said('license.updated', '10:00', {
        ...licensed('1'),
        licenseArn: 'aws:license-manager:us-east-1:294406891311:l-1',
      }),
    );
    const [before] = await rowsOf(rooms);
    const first = await arrive({ licenseArn: licensed('1').licenseArn ?? '', customerAwsAccountId: BUYER }, 't1', {
      plan: 'a',
    });
    const again = await arrive({ licenseArn: licensed('1').licenseArn ?? '', customerAwsAccountId: BUYER }, 't1', {
      plan: 'b',
      more: 'c',
    });
    expect([first.id, again.id]).toEqual([before?.id, before?.id]);
    // The form that the API takes is known now, and is what is sent.
    expect((await rooms.subscriptions.get(first.id))?.current?.licenseArn).toBe(licensed('1').licenseArn);
    const [row] = await rooms.query<{ registration_fields: unknown }>(
      `SELECT registration_fields FROM marketplace.subscription WHERE id = $1`,
      [first.id],
    );
    expect(row?.registration_fields).toEqual({ plan: 'a', more: 'c' });
  });

  it('D35: two licenses of one account are two subscriptions', async () => {
    const one = await arrive({ licenseArn: licensed('1').licenseArn ?? '', customerAwsAccountId: BUYER }, 't1');
    const two = await arrive({ licenseArn: licensed('2').licenseArn ?? '', customerAwsAccountId: BUYER }, 't2');
    expect(one.id).not.toBe(two.id);
  });

  it('at the same moment in several replicas, beside the messages, is one subscription', async () => {
    const replica = await rooms.replica();
    await receive(rooms, [
      said('license.updated', '11:00', licensed('1')),
      said('agreement.created', '11:00', agreed('1')),
    ]);
    const arrivals = ['t1', 't2', 't3', 't4'].map((token, index) =>
      (index % 2 === 0 ? rooms : replica).database.transaction((tx) =>
        (index % 2 === 0 ? rooms : replica).registrar.arrive(
          {
            productCode: LICENSE_PRODUCT,
            licenseArn: licensed('1').licenseArn ?? '',
            customerAwsAccountId: BUYER,
            messageId: token,
            offerType: null,
            fields: {},
          },
          tx,
        ),
      ),
    );
    const [found] = await Promise.all([Promise.all(arrivals), rooms.messages.run(), replica.messages.run()]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    await rooms.messages.run();
    await rooms.reconciliation.run();
    expect(await statesOf(rooms)).toEqual(['active']);
    await replica.close();
  });

  it('M18: without a license, where nothing has named one, is refused with a word for the operator', async () => {
    expect(await codeOf(arrive({ customerAwsAccountId: BUYER }, 't1'))).toBe('SUBSCRIPTION_IDENTITY_INCOMPLETE');
    expect(await codeOf(arrive({ licenseArn: licensed('1').licenseArn ?? '', productCode: 'elsewhere' }, 't1'))).toBe(
      'PRODUCT_UNKNOWN',
    );
  });

  it('refuses a license that is on file for another account', async () => {
    await arrive({ licenseArn: licensed('1').licenseArn ?? '', customerAwsAccountId: BUYER }, 't1');
    expect(
      await codeOf(arrive({ licenseArn: licensed('1').licenseArn ?? '', customerAwsAccountId: OTHER_BUYER }, 't2')),
    ).toBe('SUBSCRIPTION_IDENTITY_CONFLICT');
  });
});
