import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type SqlExecutor } from '../../../src/index.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { HOST_LIBRARIES } from '../../support/host-libraries/host-libraries.js';
import { type HostLibrary, type LibraryTransaction } from '../../support/host-libraries/host-library.js';
import { createTestDatabase } from '../../support/postgres.js';
import { type MeteredBuyer, RecordingLedger } from './recording-ledger.js';

let ledger: RecordingLedger;
let recorder: UsageRecorder;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
  await ledger.query('CREATE TABLE public.orders (id text PRIMARY KEY)');
});
afterAll(() => ledger.close());

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code,
  );
const ordersOf = async (id: string): Promise<number> =>
  (await ledger.query(`SELECT FROM public.orders WHERE id = $1`, [id])).length;

/** Every text in an error and in what caused it, wherever a library has put it. */
function wordsOf(error: unknown, depth = 0): string {
  if (typeof error !== 'object' || error === null || depth > 6) return String(error);
  return Object.getOwnPropertyNames(error)
    .map((name) => wordsOf((error as Record<string, unknown>)[name], depth + 1))
    .join(' ');
}

class HostFailure extends Error {}

describe.each(HOST_LIBRARIES)('H4 a host that uses $name', ({ name, open }) => {
  let library: HostLibrary;
  let buyer: MeteredBuyer;

  beforeAll(async () => {
    library = await open(ledger.database.url);
    buyer = await ledger.buyer();
  });
  afterAll(() => library.close());

  it('has its usage with its own rows, or neither', async () => {
    const order = `${name}: kept`;
    const event = buyer.event({ idempotencyKey: order, quantity: '3.25', tags: { 'a b': 'x:y', z: '/@' } });
    const many = [buyer.event({ idempotencyKey: `${order} 1`, quantity: 4 }), buyer.event({ quantity: 5 })];
    const answers = await library.transaction(async ({ executor, placeOrder }) => {
      await placeOrder(order);
      const one = await recorder.record(event, { manager: executor });
      const more = await recorder.record(many, { manager: executor });
      expect(await recorder.record(event, { manager: executor })).toMatchObject({ outcome: 'duplicate' });
      return [one, ...more];
    });
    expect(answers.map(({ outcome }) => outcome)).toEqual(['recorded', 'recorded', 'recorded']);
    ledger.noteRecorded(event, ...many);
    expect(await recorder.record(event)).toMatchObject({ outcome: 'duplicate', eventId: answers[0]?.eventId });
    expect(await ordersOf(order)).toBe(1);

    const dropped = `${name}: dropped`;
    const failing = library.transaction(async ({ executor, placeOrder }) => {
      await placeOrder(dropped);
      await recorder.record(buyer.event({ idempotencyKey: dropped }), { manager: executor });
      await recorder.record([buyer.event({ idempotencyKey: `${dropped} 1` }), buyer.event()], { manager: executor });
      throw new HostFailure('the host changes its mind');
    });
    await expect(failing).rejects.toThrow('the host changes its mind');
    expect(await ordersOf(dropped)).toBe(0);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 3, quantity: '12.25' });
  });

  it('keeps what it says to the letter: instants, texts, reasons, twelve decimals', async () => {
    const events = [
      buyer.event({
        idempotencyKey: `${name}: "quoted" \\ {a,b} NULL ? :name $1 Ω🧾`,
        quantity: '-0.000000000001',
        reason: 'said "too much", \\ {NULL} ? :reason $1\n',
        occurredAt: new Date('2026-11-10T08:15:30.456Z'),
      }),
      buyer.event({ idempotencyKey: `${name}: large`, quantity: '999999999999999.123456789012' }),
      buyer.event({ idempotencyKey: `${name}: null`, quantity: 0 }),
    ];
    await library.transaction(async ({ executor, run }) => {
      await run(`SET LOCAL timezone = 'Asia/Kathmandu'`);
      await run(`SET LOCAL datestyle = 'German'`);
      await run(`SET LOCAL search_path = 'pg_catalog'`);
      await recorder.record(events[0]!, { manager: executor });
      await recorder.record(events, { manager: executor });
    });
    ledger.noteRecorded(...events);
    const again = await recorder.record(events);
    expect(again.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate', 'duplicate']);
    const [row] = await ledger.query<{ reason: string; at: string; kind: string }>(
      `SELECT detail ->> 'reason' AS reason, jsonb_typeof(detail) AS kind,
         to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS at
       FROM marketplace.usage_event WHERE key = $1`,
      [events[0]!.idempotencyKey],
    );
    expect(row).toEqual({ reason: events[0]!.reason, at: '2026-11-10T08:15:30.456', kind: 'object' });
  });

  it('with type parsers of its own gets the same answers', async () => {
    const { NUMERIC, INT8, INT4, INT2, OID, TIMESTAMPTZ, UUID, JSONB, BOOL } = pg.types.builtins;
    const usual = [NUMERIC, INT8, INT4, INT2, OID, TIMESTAMPTZ, UUID, JSONB, BOOL].map((id) => ({
      id,
      parser: pg.types.getTypeParser(id) as (text: string) => unknown,
    }));
    const event = buyer.event({ idempotencyKey: `${name}: bent`, quantity: '7.5', tags: { b: '2', a: '1' } });
    const answers = await library.transaction(async ({ executor: manager }) => {
      for (const { id } of usual) pg.types.setTypeParser(id, (text: string) => ({ bent: text }));
      try {
        return [
          await recorder.record(event, { manager }),
          await recorder.record([event, buyer.event({ idempotencyKey: `${name}: bent 2` })], { manager }),
          await codeOf(recorder.record({ ...event, tags: { a: '1' } }, { manager })),
        ];
      } finally {
        for (const { id, parser } of usual) pg.types.setTypeParser(id, parser);
      }
    });
    ledger.noteRecorded(event, buyer.event());
    expect(answers).toMatchObject([
      { outcome: 'recorded' },
      [{ outcome: 'duplicate' }, { outcome: 'recorded' }],
      'IDEMPOTENCY_CONFLICT',
    ]);
  });

  it('goes on in its transaction after each refusal of ours', async () => {
    const taken = buyer.event({ idempotencyKey: `${name}: taken`, quantity: 1 });
    await recorder.record(taken);
    const order = `${name}: refused`;
    await library.transaction(async ({ executor: manager, placeOrder }) => {
      const refused = [
        await codeOf(recorder.record(buyer.event({ dimension: 'cpu' }), { manager })),
        await codeOf(recorder.record({ ...taken, quantity: 9 }, { manager })),
        await codeOf(
          recorder.record([buyer.event({ idempotencyKey: `${order} 1` }), { ...taken, quantity: 9 }], { manager }),
        ),
        await codeOf(recorder.record(buyer.event({ subscriptionId: 'nobody' }), { manager })),
      ];
      expect(refused).toEqual([
        'DIMENSION_UNDECLARED',
        'IDEMPOTENCY_CONFLICT',
        'IDEMPOTENCY_CONFLICT',
        'SUBSCRIPTION_UNKNOWN',
      ]);
      await placeOrder(order);
    });
    ledger.noteRecorded(taken);
    expect(await ordersOf(order)).toBe(1);
    expect(await ledger.query(`SELECT FROM marketplace.usage_event WHERE key = $1`, [`${order} 1`])).toEqual([]);
  });

  it('records many at once in one transaction, each with its own answer', async () => {
    const known = buyer.event({ idempotencyKey: `${name}: known`, quantity: 7 });
    await recorder.record(known);
    ledger.noteRecorded(known);
    const key = (what: string): string => `${name}: at once ${what}`;
    const answers = await library.transaction(({ executor: manager }) =>
      Promise.all([
        codeOf(recorder.record([buyer.event({ idempotencyKey: key('1') }), { ...known, quantity: 1 }], { manager })),
        codeOf(recorder.record(buyer.event({ idempotencyKey: key('2') }), { manager })),
        codeOf(recorder.record([{ ...known, quantity: 1 }, buyer.event({ idempotencyKey: key('3') })], { manager })),
        codeOf(
          recorder.record([buyer.event({ idempotencyKey: key('4') }), buyer.event({ idempotencyKey: key('5') })], {
            manager,
          }),
        ),
      ]),
    );
    expect(answers).toEqual(['IDEMPOTENCY_CONFLICT', 'resolved', 'IDEMPOTENCY_CONFLICT', 'resolved']);
    ledger.noteRecorded(buyer.event(), buyer.event(), buyer.event());
    const keys = await ledger.query<{ key: string }>(
      `SELECT key FROM marketplace.usage_event WHERE starts_with(key, $1) ORDER BY 1`,
      [key('')],
    );
    expect(keys.map((row) => row.key)).toEqual([key('2'), key('4'), key('5')]);
  });

  it.each(['repeatable read', 'serializable'] as const)(
    'at %s hears of a lost race as from its own statements, runs again, and has recorded once',
    async (isolation) => {
      const event = buyer.event({ idempotencyKey: `${name}: raced at ${isolation}`, quantity: 2 });
      let runs = 0;
      const once = (): Promise<unknown> =>
        library.transaction(async ({ executor, run }) => {
          runs += 1;
          await run('SELECT count(*) FROM public.orders');
          if (runs === 1) await recorder.record(event);
          return recorder.record(event, { manager: executor });
        }, isolation);
      const failure = await once().then(
        () => 'no failure',
        (error: unknown) => wordsOf(error),
      );
      expect(failure).toMatch(/40001|P2034/);
      ledger.noteRecorded(event);
      expect(await once()).toMatchObject({ outcome: 'duplicate' });
    },
  );

  it('gets its own statement’s failure as ever: the transaction is aborted, and nothing of it is there', async () => {
    const order = `${name}: aborted`;
    const failing = library.transaction(async ({ executor, placeOrder }) => {
      await recorder.record(buyer.event({ idempotencyKey: order }), { manager: executor });
      await placeOrder(order);
      await placeOrder(order);
    });
    expect(await failing.then(String, wordsOf)).toMatch(/23505|P2002|Unique/i);
    expect(await ledger.query(`SELECT FROM marketplace.usage_event WHERE key = $1`, [order])).toEqual([]);
  });

  it('is refused where it gives what is no transaction, and nothing is written', async () => {
    const before = await ledger.sumOf(buyer.id);
    for (const [what, give, refusal] of library.mistakes) {
      const error = await Promise.resolve()
        .then(() => recorder.record(buyer.event(), { manager: give() as SqlExecutor }))
        .then(
          () => 'recorded',
          (reason: unknown) => reason,
        );
      expect([what, error]).toMatchObject([what, { code: 'MANAGER_INVALID', message: expect.stringMatching(refusal) }]);
    }
    expect(await ledger.sumOf(buyer.id)).toEqual(before);
  });

  it('is refused by name where its transaction is in another database, and goes on there', async () => {
    const elsewhere = await createTestDatabase();
    const stranger = await open(elsewhere.url);
    try {
      await stranger.transaction(async ({ executor, run }) => {
        await expect(recorder.record(buyer.event(), { manager: executor })).rejects.toMatchObject({
          code: 'MANAGER_ELSEWHERE',
          message: expect.stringContaining(elsewhere.name),
        });
        await run('SELECT 1');
      });
    } finally {
      await stranger.close();
      await elsewhere.drop();
    }
  });

  it('gets no usage into a transaction that is over', async () => {
    let kept: LibraryTransaction | undefined;
    await library.transaction((tx) => {
      kept = tx;
      return recorder.record(buyer.event({ idempotencyKey: `${name}: in time` }), { manager: tx.executor });
    });
    ledger.noteRecorded(buyer.event());
    const before = await ledger.sumOf(buyer.id);
    const late = recorder.record(buyer.event({ idempotencyKey: `${name}: late` }), { manager: kept!.executor });
    await expect(late).rejects.toThrow();
    // Nor into the next one on the same connection. A client of pg is the host's own for both.
    const later = await library.transaction(async ({ executor }) => {
      if (executor === kept!.executor) return 'the same';
      return recorder.record(buyer.event(), { manager: kept!.executor }).then(
        () => 'recorded',
        () => 'refused',
      );
    });
    expect(later).toBe(name === 'a PoolClient of pg' ? 'the same' : 'refused');
    expect(await ledger.sumOf(buyer.id)).toEqual(before);
  });
});

describe('an executor by hand', () => {
  it('over any driver is one method, which gets texts and gives rows', async () => {
    const buyer = await ledger.buyer();
    const client = new pg.Client({ connectionString: ledger.database.url });
    await client.connect();
    const given: unknown[] = [];
    const executor: SqlExecutor = {
      query: async (sql, parameters) => {
        given.push(...parameters);
        return (await client.query<object>(sql, [...parameters])).rows;
      },
    };
    await client.query('BEGIN');
    await recorder.record([buyer.event({ quantity: 2, tags: { a: 'b' } }), buyer.event()], { manager: executor });
    await client.query('COMMIT');
    await client.end();
    ledger.noteRecorded(buyer.event({ quantity: 2 }), buyer.event());
    expect(given.length).toBeGreaterThan(0);
    expect(given.filter((value) => value !== null && typeof value !== 'string')).toEqual([]);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 2, quantity: '3' });
  });

  it.each<[string, unknown, RegExp]>([
    ['null', null, /null/],
    ['the library’s own transaction', { raw: () => undefined }, /an object.*knexExecutor\(trx\)/],
    ['what answers no array', { query: () => Promise.resolve({ rows: [] }) }, /instead of an array of rows/],
    ['what answers rows as arrays', { query: () => Promise.resolve([['a', 'b']]) }, /by the names of their columns/],
  ])('that is %s is refused with the fix', async (_, manager, refusal) => {
    const buyer = await ledger.buyer();
    await expect(recorder.record(buyer.event(), { manager: manager as SqlExecutor })).rejects.toMatchObject({
      code: 'MANAGER_INVALID',
      message: expect.stringMatching(refusal),
    });
  });
});

describe('in the end', () => {
  it('the ledger holds what was answered as recorded in transactions that committed', async () => {
    const { answered, held, queued } = await ledger.conservation();
    expect(held).toEqual(answered);
    expect(queued).toEqual(answered);
  });
});
