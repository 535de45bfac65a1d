import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { sqlStateOf } from '../../../src/database/ledger-database.js';
import { type RecordOptions, type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { createTestDatabase } from '../../support/postgres.js';
import { type MeteredBuyer, RecordingLedger } from './recording-ledger.js';

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let buyer: MeteredBuyer;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
  await ledger.query('CREATE TABLE public.orders (id text)');
});

afterAll(async () => {
  await ledger.close();
});

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code,
  );

/** The host's own work in the transaction: proves that it is still usable. */
const placeOrder = (manager: EntityManager, id: string): Promise<unknown> =>
  manager.query(`INSERT INTO public.orders VALUES ($1)`, [id]);
const ordersOf = async (id: string): Promise<number> =>
  (await ledger.query(`SELECT FROM public.orders WHERE id = $1`, [id])).length;

describe.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)(
  'in a host transaction at %s',
  (isolation) => {
    it('usage commits with the host, and is gone with its rollback', async () => {
      buyer = await ledger.buyer();
      const kept = await ledger.hostTransaction(isolation);
      await recorder.record(buyer.event({ quantity: 3 }), { manager: kept.manager });
      await recorder.record([buyer.event({ quantity: 4, idempotencyKey: 'a' }), buyer.event({ quantity: 5 })], {
        manager: kept.manager,
      });
      expect(await ledger.sumOf(buyer.id)).toEqual({ events: 0, quantity: '0' });
      await kept.commit();
      ledger.noteRecorded(buyer.event({ quantity: 12 }), buyer.event({ quantity: 0 }), buyer.event({ quantity: 0 }));

      const dropped = await ledger.hostTransaction(isolation);
      await recorder.record(buyer.event({ quantity: 100 }), { manager: dropped.manager });
      await recorder.record([buyer.event({ quantity: 100, idempotencyKey: 'b' }), buyer.event()], {
        manager: dropped.manager,
      });
      await dropped.rollback();
      expect(await ledger.sumOf(buyer.id)).toEqual({ events: 3, quantity: '12' });
    });

    it('every refusal, caught, leaves the transaction usable and nothing of the refused call behind', async () => {
      buyer = await ledger.buyer();
      const taken = buyer.event({ idempotencyKey: 'taken', quantity: 1 });
      await recorder.record(taken);
      ledger.noteRecorded(taken);
      const order = `refusals ${isolation}`;
      const { manager, commit } = await ledger.hostTransaction(isolation);
      const own = buyer.event({ idempotencyKey: 'own', quantity: 2 });
      await recorder.record(own, { manager });

      const refusals = [
        recorder.record(buyer.event({ quantity: -1 }), { manager }),
        recorder.record(buyer.event({ dimension: 'cpu' }), { manager }),
        recorder.record(buyer.event({ subscriptionId: 'nobody' }), { manager }),
        recorder.record(buyer.event({ idempotencyKey: 'taken', quantity: 9 }), { manager }),
        recorder.record(buyer.event({ idempotencyKey: 'own', quantity: 9 }), { manager }),
        recorder.record(
          [buyer.event({ idempotencyKey: 'fresh-1' }), buyer.event({ idempotencyKey: 'taken', quantity: 9 })],
          { manager },
        ),
        recorder.record(
          [buyer.event({ idempotencyKey: 'own', quantity: 9 }), buyer.event({ idempotencyKey: 'fresh-2' })],
          { manager },
        ),
        recorder.record(buyer.event(), { manager, signal: AbortSignal.abort() }),
      ];
      expect(await Promise.all(refusals.map(codeOf))).toEqual([
        'USAGE_INVALID',
        'DIMENSION_UNDECLARED',
        'SUBSCRIPTION_UNKNOWN',
        'IDEMPOTENCY_CONFLICT',
        'IDEMPOTENCY_CONFLICT',
        'IDEMPOTENCY_CONFLICT',
        'IDEMPOTENCY_CONFLICT',
        'RECORD_ABORTED',
      ]);
      expect(await recorder.record(taken, { manager })).toMatchObject({ outcome: 'duplicate' });
      expect(await recorder.record([own, taken], { manager })).toMatchObject([
        { outcome: 'duplicate' },
        { outcome: 'duplicate' },
      ]);
      await placeOrder(manager, order);
      await commit();
      ledger.noteRecorded(own);
      expect(await ordersOf(order)).toBe(1);
      expect(await ledger.sumOf(buyer.id)).toEqual({ events: 2, quantity: '3' });
    });

    it('a duplicate committed since the host looked: duplicate at READ COMMITTED, else 40001 for the host to retry', async () => {
      buyer = await ledger.buyer();
      const host = await ledger.hostTransaction(isolation);
      await host.manager.query('SELECT count(*) FROM public.orders');
      const event = buyer.event({ idempotencyKey: 'raced', quantity: 2 });
      await recorder.record(event);
      ledger.noteRecorded(event);
      const answer = await recorder.record(event, { manager: host.manager }).then(
        ({ outcome }) => outcome,
        (error: unknown) => sqlStateOf(error),
      );
      expect(answer).toBe(isolation === 'READ COMMITTED' ? 'duplicate' : '40001');
      await host.rollback();

      // The host's retry, in a new transaction.
      const again = await ledger.hostTransaction(isolation);
      expect(await recorder.record([event], { manager: again.manager })).toMatchObject([{ outcome: 'duplicate' }]);
      await again.commit();
    });

    it('waits for nobody but the holder of its own key', async () => {
      buyer = await ledger.buyer();
      const one = await ledger.hostTransaction(isolation);
      const other = await ledger.hostTransaction(isolation);
      await recorder.record(buyer.event({ idempotencyKey: 'one' }), { manager: one.manager });
      await recorder.record([buyer.event({ idempotencyKey: 'two' }), buyer.event()], { manager: other.manager });
      // Sealing locks the subject, an operator may lock the subscription: neither holds up recording.
      await one.manager.query('SELECT FROM marketplace.subject WHERE subscription_id = $1 FOR UPDATE', [buyer.id]);
      await one.manager.query('SELECT FROM marketplace.subscription WHERE id = $1 FOR UPDATE', [buyer.id]);
      await recorder.record(buyer.event({ idempotencyKey: 'three' }), { manager: other.manager });
      await other.commit();
      await one.commit();
      ledger.noteRecorded(...Array.from({ length: 4 }, () => buyer.event()));
      expect(await ledger.sumOf(buyer.id)).toEqual({ events: 4, quantity: '4' });
    });
  },
);

describe('a host', () => {
  beforeAll(async () => {
    buyer = await ledger.buyer();
    const known = buyer.event({
      idempotencyKey: 'known',
      quantity: 7,
      occurredAt: new Date('2026-11-10T09:00:00.123Z'),
      tags: { b: '2', a: '1' },
    });
    await recorder.record(known);
    ledger.noteRecorded(known);
  });

  it('that records many at once in one transaction gets the right answer for each', async () => {
    const { manager, commit } = await ledger.hostTransaction();
    const answers = await Promise.all([
      codeOf(
        recorder.record(
          [buyer.event({ idempotencyKey: 'p1' }), buyer.event({ idempotencyKey: 'known', quantity: 1 })],
          { manager },
        ),
      ),
      codeOf(recorder.record(buyer.event({ idempotencyKey: 'p2' }), { manager })),
      codeOf(
        recorder.record(
          [buyer.event({ idempotencyKey: 'known', quantity: 1 }), buyer.event({ idempotencyKey: 'p3' })],
          { manager },
        ),
      ),
      codeOf(
        recorder.record([buyer.event({ idempotencyKey: 'p4' }), buyer.event({ idempotencyKey: 'p5' })], { manager }),
      ),
    ]);
    await commit();
    expect(answers).toEqual(['IDEMPOTENCY_CONFLICT', 'resolved', 'IDEMPOTENCY_CONFLICT', 'resolved']);
    ledger.noteRecorded(buyer.event(), buyer.event(), buyer.event());
    const keys = await ledger.query<{ key: string }>(
      `SELECT e.key FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject
       WHERE s.subscription_id = $1 AND e.key LIKE 'p_' ORDER BY 1`,
      [buyer.id],
    );
    expect(keys.map(({ key }) => key)).toEqual(['p2', 'p4', 'p5']);
  });

  it('that began its transaction with a plain BEGIN keeps it: a conflict rolls back to our savepoint only', async () => {
    const runner = ledger.host.createQueryRunner();
    await runner.query('BEGIN');
    await placeOrder(runner.manager, 'plain begin');
    const conflict = recorder.record(
      [buyer.event({ idempotencyKey: 'q' }), buyer.event({ idempotencyKey: 'known', quantity: 1 })],
      {
        manager: runner.manager,
      },
    );
    expect(await codeOf(conflict)).toBe('IDEMPOTENCY_CONFLICT');
    await recorder.record([buyer.event({ idempotencyKey: 'r' }), buyer.event()], { manager: runner.manager });
    expect(await ordersOf('plain begin')).toBe(0);
    await runner.query('ROLLBACK');
    await runner.release();
    expect(await ordersOf('plain begin')).toBe(0);
  });

  it('that gives a manager without a transaction gets one for the call', async () => {
    const { manager } = ledger.host;
    const conflict = recorder.record(
      [buyer.event({ idempotencyKey: 's' }), buyer.event({ idempotencyKey: 'known', quantity: 1 })],
      {
        manager,
      },
    );
    expect(await codeOf(conflict)).toBe('IDEMPOTENCY_CONFLICT');
    const runner = ledger.host.createQueryRunner();
    const results = await recorder.record(
      [buyer.event({ idempotencyKey: 's' }), buyer.event({ idempotencyKey: 't' })],
      {
        manager: runner.manager,
      },
    );
    await runner.release();
    ledger.noteRecorded(buyer.event(), buyer.event());
    expect(results).toMatchObject([{ outcome: 'recorded' }, { outcome: 'recorded' }]);
    await recorder.record(buyer.event({ idempotencyKey: 'u' }), { manager });
    ledger.noteRecorded(buyer.event());
    expect(await recorder.record(buyer.event({ idempotencyKey: 'u' }))).toMatchObject({ outcome: 'duplicate' });
  });

  it('that nests transactions keeps the outer one when the inner one is rolled back', async () => {
    await ledger.host.transaction(async (outer) => {
      await recorder.record([buyer.event({ idempotencyKey: 'outer', quantity: 2 }), buyer.event()], { manager: outer });
      await outer
        .transaction(async (inner) => {
          await recorder.record([buyer.event({ idempotencyKey: 'inner' }), buyer.event()], { manager: inner });
          throw new Error('the inner work failed');
        })
        .catch(() => undefined);
    });
    ledger.noteRecorded(buyer.event({ quantity: 2 }), buyer.event());
    expect(await recorder.record(buyer.event({ idempotencyKey: 'outer', quantity: 2 }))).toMatchObject({
      outcome: 'duplicate',
    });
    expect(await ledger.query(`SELECT FROM marketplace.usage_event WHERE key = 'inner'`)).toEqual([]);
  });

  it('whose manager points at another database is refused by name, before anything is written', async () => {
    const elsewhere = await createTestDatabase();
    const dataSource = await new DataSource({ type: 'postgres', driver: pg, url: elsewhere.url }).initialize();
    try {
      await expect(recorder.record(buyer.event(), { manager: dataSource.manager })).rejects.toMatchObject({
        code: 'MANAGER_ELSEWHERE',
        message: expect.stringContaining(elsewhere.name),
      });
    } finally {
      await dataSource.destroy();
      await elsewhere.drop();
    }
  });

  it('that does not give its transaction as { manager } is refused: the usage would outlive its rollback', async () => {
    const before = await ledger.sumOf(buyer.id);
    const { manager, commit } = await ledger.hostTransaction();
    for (const [given, refusal] of [
      [{ managr: manager }, /record\(\) has no option "managr".*\{ manager \}/],
      [manager, /record\(\) has no option.*\{ manager \}/],
      [null, /null.*\{ manager \}/],
      ['manager', /a string.*\{ manager \}/],
    ] as const) {
      for (const usage of [buyer.event(), [buyer.event()]] as unknown as UsageEvent[])
        await expect(recorder.record(usage, given as RecordOptions)).rejects.toMatchObject({
          code: 'MANAGER_INVALID',
          message: expect.stringMatching(refusal),
        });
    }
    await placeOrder(manager, 'not given');
    await commit();
    expect(await ordersOf('not given')).toBe(1);
    expect(await ledger.sumOf(buyer.id)).toEqual(before);
  });

  describe('with type parsers of its own', () => {
    const { NUMERIC, INT8, INT4, TIMESTAMPTZ, UUID, JSONB } = pg.types.builtins;
    const usual = [NUMERIC, INT8, INT4, TIMESTAMPTZ, UUID, JSONB].map((id) => ({
      id,
      parser: pg.types.getTypeParser(id) as (text: string) => unknown,
    }));

    afterEach(() => {
      for (const { id, parser } of usual) pg.types.setTypeParser(id, parser);
    });

    it('gets the same answers', async () => {
      for (const { id } of usual) pg.types.setTypeParser(id, (text: string) => ({ bent: text }));
      const { manager, commit } = await ledger.hostTransaction();
      const repeated = buyer.event({
        idempotencyKey: 'known',
        quantity: 7,
        occurredAt: new Date('2026-11-10T09:00:00.123Z'),
        tags: { a: '1', b: '2' },
      });
      expect(await recorder.record(repeated, { manager })).toMatchObject({
        outcome: 'duplicate',
        eventId: expect.any(String),
      });
      expect(await codeOf(recorder.record({ ...repeated, tags: { a: '1' } }, { manager }))).toBe(
        'IDEMPOTENCY_CONFLICT',
      );
      expect(await recorder.record([repeated, buyer.event({ idempotencyKey: 'bent' })], { manager })).toMatchObject([
        { outcome: 'duplicate' },
        { outcome: 'recorded' },
      ]);
      await commit();
      ledger.noteRecorded(buyer.event());
    });
  });

  it('in another time zone and date style gets the same instants', async () => {
    const { manager, commit } = await ledger.hostTransaction();
    await manager.query(`SET LOCAL timezone = 'Asia/Kathmandu'`);
    await manager.query(`SET LOCAL datestyle = 'German'`);
    const event = buyer.event({ idempotencyKey: 'kathmandu', occurredAt: new Date('2026-11-10T08:15:30.456Z') });
    await recorder.record(event, { manager });
    expect(await recorder.record(event, { manager })).toMatchObject({ outcome: 'duplicate' });
    await commit();
    ledger.noteRecorded(event);
    expect(await recorder.record(event)).toMatchObject({ outcome: 'duplicate' });
  });

  it("keeps its own lock_timeout, and its transaction's errors come through as they are", async () => {
    const holder = await ledger.hostTransaction();
    await recorder.record(buyer.event({ idempotencyKey: 'held' }), { manager: holder.manager });
    const { manager, rollback } = await ledger.hostTransaction();
    await manager.query(`SET LOCAL lock_timeout = '30ms'`);
    expect(await recorder.record(buyer.event(), { manager })).toMatchObject({ outcome: 'recorded' });
    expect(await manager.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '30ms' }]);
    const error = await recorder
      .record(buyer.event({ idempotencyKey: 'held' }), { manager })
      .catch((reason: unknown) => reason);
    expect(sqlStateOf(error)).toBe('55P03');
    await rollback();
    await holder.rollback();
  });
});

describe('in the end', () => {
  it('the ledger holds what was answered as recorded in transactions that committed', async () => {
    const { answered, held, queued } = await ledger.conservation();
    expect(held).toEqual(answered);
    expect(queued).toEqual(answered);
    expect(held.events).toBeGreaterThan(20);
  });
});
