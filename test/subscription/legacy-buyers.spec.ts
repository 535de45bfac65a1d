import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LifecycleEvent } from '../../src/subscription/inbox/lifecycle-event.js';
import { BUYER, hear, instantOf, legacy, receive, said } from './heard.js';
import { rowsOf, spansOf, statesOf, told } from './chain-views.js';
import { dropDatabaseOfSuite, LEGACY_PRODUCT, Rooms } from './rooms.js';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open();
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const C = 'cust-1';
const moveTo = (text: string): void => {
  rooms.clock.advance(instantOf(text).getTime() - rooms.clock.now().getTime());
};
const found = (
  key: string,
  details: { status: string; startTime: string; endTime?: string | null },
  at: string,
): LifecycleEvent =>
  said(
    'agreement.found',
    at,
    { productCode: LEGACY_PRODUCT, agreementId: `agmt-${key}`, customerAwsAccountId: BUYER },
    { ...details, initialAgreementId: `agmt-${key}` },
  );
const arrive = (names: { customerIdentifier?: string; customerAwsAccountId?: string }, messageId = 'token') =>
  rooms.database.transaction((tx) =>
    rooms.registrar.arrive({ productCode: LEGACY_PRODUCT, ...names, messageId, offerType: null, fields: {} }, tx),
  );

describe('M6: C left in May and returned in June', () => {
  beforeEach(async () => {
    await hear(
      rooms,
      said('legacy.subscribeSucceeded', '2026-03-01T10:00:00Z', legacy(C)),
      said('legacy.unsubscribePending', '2026-05-05T10:00:00Z', legacy(C)),
      said('legacy.unsubscribed', '2026-05-05T11:00:00Z', legacy(C)),
      said('legacy.subscribeSucceeded', '2026-06-01T10:00:00Z', legacy(C)),
    );
  });

  it('a return is a subscription of its own', async () => {
    expect(await statesOf(rooms)).toEqual(['ending', 'active']);
    expect(await told(rooms)).toEqual(['registered', 'activated', 'ending', 'registered', 'activated']);
  });

  it('and finding the first one CANCELLED ends nothing', async () => {
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    await hear(
      rooms,
      found('1', { status: 'CANCELLED', startTime: '2026-03-01T10:00:00Z', endTime: '2026-05-05T10:00:00Z' }, '12:00'),
      found('2', { status: 'ACTIVE', startTime: '2026-06-01T10:00:00Z' }, '12:00'),
    );
    expect((await statesOf(rooms)).at(-1)).toBe('active');
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 03-01T09:00–05-05T10:00', 'agmt-2 paid 06-01T09:00–']);
    expect((await rooms.subscriptions.get((await rowsOf(rooms)).at(-1)?.id ?? ''))?.current).toMatchObject({
      agreementId: 'agmt-2',
    });
  });

  it('M7: License Deprovisioned of the first, weeks late, ends nothing', async () => {
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    const late = said('license.deprovisioned', '2026-06-20T10:00:00Z', {
      ...{ productCode: LEGACY_PRODUCT, agreementId: 'agmt-1', customerAwsAccountId: BUYER },
      licenseArn: 'aws:license-manager:us-east-1:294406891311:l-1',
    });
    await hear(rooms, late);
    expect((await statesOf(rooms)).at(-1)).toBe('active');
    // Whose it is, AWS knows: it is asked, and then the message is of the first.
    expect((await rowsOf(rooms)).some(({ next_ask_at: ask }) => ask !== null)).toBe(true);
    await hear(
      rooms,
      found('1', { status: 'CANCELLED', startTime: '2026-03-01T10:00:00Z', endTime: '2026-05-05T10:00:00Z' }, '12:00'),
      found('2', { status: 'ACTIVE', startTime: '2026-06-01T10:00:00Z' }, '12:00'),
    );
    expect((await statesOf(rooms)).at(-1)).toBe('active');
    expect(
      await rooms.query(`SELECT 1 FROM marketplace.inbox_message WHERE seller_account = $1 AND state <> 'applied'`, [
        rooms.options.sellerAccount,
      ]),
    ).toEqual([]);
  });
});

describe('what AWS answers about a buyer is one word', () => {
  // The older one runs; of the other only a start was heard that names nothing, two hours ago.
  const PARTS = [
    found('1', { status: 'ACTIVE', startTime: '2026-11-18T10:00:00Z' }, '12:30'),
    found('2', { status: 'ACTIVE', startTime: '2026-11-18T12:00:00Z' }, '12:30'),
  ];
  const parts = () =>
    PARTS.map((event, index) => ({
      ...{ origin: 'reconciliation' as const, messageId: `${rooms.options.sellerAccount} ${index}` },
      ...{ via: 'reconciliation', body: '{}', content: { event } },
    }));
  const messages = (): Promise<unknown[]> =>
    rooms.query(
      `SELECT state, attempt_count AS attempts FROM marketplace.inbox_message
       WHERE seller_account = $1 AND origin = 'reconciliation' ORDER BY message_id`,
      [rooms.options.sellerAccount],
    );
  const applied = { state: 'applied', attempts: 1 };

  beforeEach(async () => {
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    await hear(
      rooms,
      said('legacy.subscribeSucceeded', '10:00', legacy(C)),
      found('1', { status: 'ACTIVE', startTime: '2026-11-18T10:00:00Z' }, '10:30'),
    );
    await hear(rooms, said('legacy.subscribeSucceeded', '12:00', legacy(C)));
    moveTo('12:30');
  });

  it('a second purchase is told once, though the first alone would be told again', async () => {
    expect(await told(rooms)).toEqual(['registered', 'activated', 'renewed']);
    await rooms.messages.receiveAnswer(parts());
    expect(await messages()).toEqual([applied, applied]);
    expect(await told(rooms)).toEqual(['registered', 'activated', 'renewed']);
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 11-18T09:00–11-18T12:00', 'agmt-2 paid 11-18T12:00–']);
  });

  it.each<[string, string]>([
    [
      'a name in it',
      `SELECT pg_advisory_xact_lock(hashtext('marketplace.names'), hashtext($1 || ' agreement:' || encode(sha256('2'), 'hex')))`,
    ],
    ['the buyer', `SELECT FROM marketplace.buyer WHERE seller_account = $1 FOR UPDATE`],
  ])('where another transaction holds %s for long, it is for later, and still one word', async (_, lock) => {
    await rooms.database.transaction(async (tx) => {
      await tx.query(lock, [rooms.options.sellerAccount]);
      expect(await rooms.messages.receiveAnswer(parts())).toBe(false);
    });
    expect(await messages()).toEqual([]);
    expect(await rooms.messages.receiveAnswer(parts())).toBe(true);
    expect(await messages()).toEqual([applied, applied]);
    expect(await told(rooms)).toEqual(['registered', 'activated', 'renewed']);
  });

  it('two replicas that have asked at one instant enter it once', async () => {
    const other = await rooms.replica();
    await Promise.all([rooms, other].map((replica) => replica.messages.receiveAnswer(parts())));
    await rooms.messages.run();
    expect(await messages()).toEqual([applied, applied]);
    expect(await told(rooms)).toEqual(['registered', 'activated', 'renewed']);
    await other.close();
  });

  it('where a part fails the others are entered, and it is tried again', async () => {
    await rooms.database.query(`
      CREATE FUNCTION refuse_name() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'a part fails'; END$$`);
    await rooms.database.query(`
      CREATE TRIGGER refuse_name BEFORE INSERT ON marketplace.agreement_name FOR EACH ROW
      WHEN (NEW.name = 'agmt-2') EXECUTE FUNCTION refuse_name()`);
    try {
      await rooms.messages.receiveAnswer(parts());
      await rooms.messages.run();
      expect(await messages()).toEqual([applied, { state: 'pending', attempts: 1 }]);
    } finally {
      await rooms.database.query(`DROP TRIGGER refuse_name ON marketplace.agreement_name`);
      await rooms.database.query(`DROP FUNCTION refuse_name()`);
    }
    await rooms.query(
      `UPDATE marketplace.inbox_message SET next_attempt_at = clock_timestamp() WHERE seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    await rooms.messages.run();
    expect(await messages()).toEqual([applied, { ...applied, attempts: 2 }]);
    expect(await spansOf(rooms)).toEqual(['agmt-1 paid 11-18T09:00–11-18T12:00', 'agmt-2 paid 11-18T12:00–']);
  });
});

describe('M8: what is older than this agreement concerns another', () => {
  it.each([
    ['unsubscribe-success', (): LifecycleEvent => said('legacy.unsubscribed', '2026-10-01T10:00:00Z', legacy(C))],
    [
      'Purchase Agreement Ended',
      (): LifecycleEvent =>
        said('agreement.ended', '2026-10-01T10:00:00Z', { agreementId: 'agmt-0', customerAwsAccountId: BUYER }),
    ],
    [
      'an advisory',
      (): LifecycleEvent =>
        said('advisory.issued', '2026-10-01T10:00:00Z', { agreementId: 'agmt-0', customerAwsAccountId: BUYER }),
    ],
  ])('%s of an unknown C waits, and changes nothing when C registers', async (_, old) => {
    await hear(rooms, old());
    expect(await rowsOf(rooms)).toEqual([]);
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    await hear(rooms, said('legacy.subscribeSucceeded', '11:55', legacy(C)));
    expect(await statesOf(rooms)).toEqual(['active']);
    expect(await told(rooms)).toEqual(['registered', 'activated']);
  });
});

describe('M9: one buyer entered under both names', () => {
  const entered = async (): Promise<void> => {
    await hear(
      rooms,
      said('license.updated', '10:00', {
        ...{ productCode: LEGACY_PRODUCT, agreementId: 'agmt-1', customerAwsAccountId: BUYER },
        licenseArn: 'aws:license-manager:us-east-1:294406891311:l-1',
      }),
      said('legacy.subscribeSucceeded', '10:00', legacy(C)),
    );
  };

  it('becomes one when the registration names both', async () => {
    await entered();
    const before = await rowsOf(rooms);
    expect(before).toHaveLength(2);
    const { id } = await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    const after = await rowsOf(rooms);
    expect(after.filter(({ folded }) => !folded).map((row) => row.id)).toEqual([id]);
    expect(await told(rooms)).toContain('folded');
    // Both ids stand for it, and both subjects are its customer's.
    for (const row of before) expect((await rooms.subscriptions.get(row.id))?.id).toBe(id);
    const [living] = after.filter(({ folded }) => !folded);
    const subjects = await rooms.query<{ customer_id: string }>(
      `SELECT customer_id::text AS customer_id FROM marketplace.subject WHERE seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    expect(subjects.map((row) => row.customer_id)).toEqual([living?.customer_id, living?.customer_id]);
    expect(await spansOf(rooms)).toHaveLength(1);
    expect(
      await rooms.query(`SELECT 1 FROM marketplace.buyer WHERE seller_account = $1 AND alias_of IS NULL`, [
        rooms.options.sellerAccount,
      ]),
    ).toHaveLength(1);
  });

  it('in whatever order: the same state, the same spans', async () => {
    const { id } = await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    await entered();
    expect((await rowsOf(rooms)).map((row) => [row.id, row.folded])).toEqual([[id, false]]);
    expect(await statesOf(rooms)).toEqual(['active']);
  });
});

describe('M13: messages without a time', () => {
  const untimed = (event: LifecycleEvent): LifecycleEvent => ({ ...event, isUntimed: true });

  it('a raw unsubscribe-success, redriven after the return, ends nothing, and AWS is asked', async () => {
    await hear(
      rooms,
      said('legacy.subscribeSucceeded', '10:00', legacy(C)),
      untimed(said('legacy.unsubscribed', '12:00', legacy(C))),
    );
    expect(await statesOf(rooms)).toEqual(['active']);
    expect((await rowsOf(rooms))[0]?.next_ask_at).toEqual(rooms.clock.now());
  });

  it('a raw subscribe-success of one who left activates nothing', async () => {
    await hear(
      rooms,
      said('legacy.subscribeSucceeded', '2026-11-01T10:00:00Z', legacy(C)),
      said('legacy.unsubscribePending', '2026-11-02T10:00:00Z', legacy(C)),
      untimed(said('legacy.subscribeSucceeded', '12:00', legacy(C))),
    );
    expect(await statesOf(rooms)).toEqual(['ending']);
    expect(await told(rooms)).toEqual(['registered', 'activated', 'ending']);
  });
});

describe('T15: a second agreement without a link, inside the first', () => {
  it('when it is over, the first still runs', async () => {
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    await hear(
      rooms,
      found('1', { status: 'ACTIVE', startTime: '2026-05-01T00:00:00Z' }, '2026-11-18T11:00:00Z'),
      found(
        '2',
        { status: 'CANCELLED', startTime: '2026-11-01T00:00:00Z', endTime: '2026-11-05T00:00:00Z' },
        '2026-11-18T11:00:00Z',
      ),
    );
    expect(await statesOf(rooms)).toEqual(['active']);
    const spans = await spansOf(rooms);
    expect(spans.at(-1)).toBe('agmt-1 paid 11-05T00:00–');
  });
});

describe('a tenant of a legacy buyer', () => {
  it('stays its tenant when the buyer returns; T1: a return within the window is the same subscription', async () => {
    await hear(rooms, said('legacy.subscribeSucceeded', '10:00', legacy(C)));
    const code = (await codeFor(C)) ?? '';
    await rooms.registration.claim(code, { tenantId: 'acme' });
    moveTo('14:00');
    await hear(
      rooms,
      said('legacy.unsubscribePending', '13:00', legacy(C)),
      said('legacy.subscribeSucceeded', '13:30', legacy(C)),
    );
    expect(await statesOf(rooms)).toEqual(['active']);
    moveTo('17:00');
    await hear(rooms, said('legacy.unsubscribePending', '16:40', legacy(C)));
    moveTo('2026-11-20T10:00:00Z');
    await hear(rooms, said('legacy.subscribeSucceeded', '2026-11-20T10:00:00Z', legacy(C)));
    expect(await statesOf(rooms)).toEqual(['ending', 'active']);
    const own = await rooms.subscriptions.forTenant('acme');
    expect(own.map(({ state, tenantId }) => [state, tenantId])).toEqual([
      ['active', 'acme'],
      ['ending', 'acme'],
    ]);
  });

  async function codeFor(customerIdentifier: string): Promise<string | undefined> {
    const { id } = await arrive({ customerIdentifier }, `token-${customerIdentifier}`);
    const { hashOf, mintCode } = await import('../../src/registration/registration-code.js');
    const { insertCode } = await import('../../src/registration/registration.sql.js');
    const code = mintCode();
    await insertCode(rooms.database, rooms.options.sellerAccount, {
      ...{ codeHash: hashOf(code), subscriptionId: id, tokenHash: hashOf('t'), browserHash: null, offerType: null },
      ...{ createdAt: rooms.clock.now(), expiresAt: new Date(rooms.clock.now().getTime() + 3_600_000) },
    });
    return code;
  }
});

describe('whatever the order and the repeats', () => {
  it('T12: the same facts, shuffled over two replicas, make the same chains', async () => {
    const facts = (): LifecycleEvent[] => [
      said('legacy.subscribeSucceeded', '2026-03-01T10:00:00Z', legacy(C)),
      said('legacy.unsubscribePending', '2026-05-05T10:00:00Z', legacy(C)),
      said('legacy.unsubscribed', '2026-05-05T11:00:00Z', legacy(C)),
      said('legacy.subscribeSucceeded', '2026-06-01T10:00:00Z', legacy(C)),
      found('2', { status: 'ACTIVE', startTime: '2026-06-01T10:00:00Z' }, '12:00'),
    ];
    await arrive({ customerIdentifier: C, customerAwsAccountId: BUYER });
    const replica = await rooms.replica();
    const ids = await receive(rooms, facts().reverse());
    await Promise.all([rooms.messages.run(), replica.messages.run()]);
    await receive(rooms, facts(), ids.reverse());
    await Promise.all([rooms.messages.run(), replica.messages.run()]);
    await rooms.messages.run();
    // What ran side by side for a moment, as far as was known, stays one subscription: a join is not undone. Its
    // agreements are the same.
    const shuffled = (await spansOf(rooms)).sort();
    expect(shuffled).toHaveLength(2);
    expect(shuffled[0]).toMatch(/^\(nameless\) paid 03-01T09:00–05-05T10:00$/);
    expect(shuffled[1]).toMatch(/^agmt-2 paid 06-01T(09|10):00–$/);
    expect((await statesOf(rooms)).filter((state) => state === 'active')).toHaveLength(1);
    await replica.close();
  });
});
