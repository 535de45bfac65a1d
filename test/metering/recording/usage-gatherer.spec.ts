import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Client } from 'pg';
import { type DataSource } from 'typeorm';
import { type UsageNotRecordedError } from '../../../src/errors/marketplace-metering-error.js';
import { type RecordResult, type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { type HostTransaction, type MeteredBuyer, RecordingLedger } from './recording-ledger.js';

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let buyer: MeteredBuyer;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
});

beforeEach(async () => {
  buyer = await ledger.buyer();
});

afterAll(async () => {
  await ledger.close();
});

async function record(event: UsageEvent, o: { by?: UsageRecorder; signal?: AbortSignal } = {}): Promise<RecordResult> {
  const result = await (o.by ?? recorder).record(event, o.signal ? { signal: o.signal } : {});
  if (result.outcome === 'recorded') ledger.noteRecorded(event);
  return result;
}

const errorOf = (promise: Promise<unknown>): Promise<UsageNotRecordedError> =>
  promise.then(
    () => {
      throw new Error('was recorded');
    },
    (error: unknown) => error as UsageNotRecordedError,
  );

const outcomeOf = (promise: Promise<RecordResult>): Promise<string> =>
  promise.then(
    ({ outcome }) => outcome,
    (error: unknown) => (error as UsageNotRecordedError).code,
  );

/** A host transaction that holds the key and stays open. */
async function holding(key: string, over: Partial<UsageEvent> = {}): Promise<HostTransaction> {
  const transaction = await ledger.hostTransaction();
  await recorder.record(buyer.event({ idempotencyKey: key, ...over }), { manager: transaction.manager });
  return transaction;
}

describe('single calls', () => {
  it('are gathered: a thousand callers need few statements, each with its own answer', async () => {
    const results = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => record(buyer.event({ idempotencyKey: `n${n}` }))),
    );
    expect(results.map(({ idempotencyKey }) => idempotencyKey)).toEqual(results.map((_, n) => `n${n}`));
    expect(await insertsOf(buyer.id)).toBeLessThan(20);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 1000, quantity: '1000' });
  });

  it('of one key in one batch: one is recorded, the same are duplicates, others conflict', async () => {
    const outcomes = await Promise.all(
      [1, 1, 2].map((quantity) => outcomeOf(record(buyer.event({ idempotencyKey: 'one', quantity })))),
    );
    expect(outcomes).toEqual(['recorded', 'duplicate', 'IDEMPOTENCY_CONFLICT']);
  });
});

/** The statement is carried out, and its answer replaced by what a torn connection gives: once. */
function loseFirstAnswer(dataSource: DataSource, isMeant: (sql: string) => boolean): void {
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  let isLost = false;
  dataSource.createQueryRunner = (mode) => {
    const runner = createQueryRunner(mode);
    const connect = runner.connect.bind(runner) as () => Promise<Client>;
    Object.assign(runner, {
      connect: async () => {
        const client = await connect();
        const original = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
        return Object.assign(Object.create(client) as Client, {
          query: async (...given: unknown[]) => {
            const answer = await original(...given);
            const [statement] = given as [string | { text: string }];
            if (isLost || !isMeant(typeof statement === 'string' ? statement : statement.text)) return answer;
            isLost = true;
            throw new Error('Connection terminated unexpectedly');
          },
        });
      },
    });
    return runner;
  };
}

/** Statements that inserted the events of a subscription: each is a transaction of its own, which its rows name. */
async function insertsOf(subscriptionId: string): Promise<number> {
  const [row] = await ledger.query<{ count: number }>(
    `SELECT count(DISTINCT e.xmin::text)::int AS count FROM marketplace.usage_event e JOIN marketplace.subject s
      ON s.id = e.subject
     WHERE s.subscription_id = $1`,
    [subscriptionId],
  );
  return row!.count;
}

describe('while another transaction holds a key uncommitted', () => {
  it.each<[string, 'commit' | 'rollback', number, string]>([
    ['the same content, then commits', 'commit', 1, 'duplicate'],
    ['other content, then commits', 'commit', 2, 'IDEMPOTENCY_CONFLICT'],
    ['and rolls back', 'rollback', 2, 'recorded'],
  ])('with %s: the caller waits, 500 others do not', async (_, end, quantity, outcome) => {
    const host = await holding('K');
    const early = Array.from({ length: 250 }, (_, n) => record(buyer.event({ idempotencyKey: `early ${n}` })));
    const waiter = outcomeOf(record(buyer.event({ idempotencyKey: 'K', quantity })));
    let waiterIsDone = false;
    void waiter.then(() => (waiterIsDone = true));
    const others = Array.from({ length: 250 }, (_, n) =>
      record(buyer.event(n % 2 === 0 ? { idempotencyKey: `late ${n}` } : {})),
    );
    // All of it while the transaction is open: who waited for that would wait for good.
    const results = await Promise.all([...early, ...others]);
    expect(results.every((result) => result.outcome === 'recorded')).toBe(true);
    await record(buyer.event());
    expect(waiterIsDone).toBe(false);

    await host[end]();
    if (end === 'commit') ledger.noteRecorded(buyer.event());
    expect(await waiter).toBe(outcome);
  });

  it('many callers of many held keys wait without a connection, and later callers of a held key wait along', async () => {
    const host = await ledger.hostTransaction();
    await recorder.record(
      Array.from({ length: 40 }, (_, n) => buyer.event({ idempotencyKey: `held ${n}` })),
      { manager: host.manager },
    );
    const waiters = Array.from({ length: 120 }, (_, n) =>
      outcomeOf(record(buyer.event({ idempotencyKey: `held ${n % 40}` }))),
    );
    await Promise.all(Array.from({ length: 100 }, () => record(buyer.event())));
    await sleep(800);
    waiters.push(outcomeOf(record(buyer.event({ idempotencyKey: 'held 3' }))));
    const [{ busy } = { busy: -1 }] = await ledger.query<{ busy: number }>(
      `SELECT count(*)::int AS busy FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
         AND application_name = 'nestjs-marketplace-metering'`,
    );
    expect(busy).toBeLessThanOrEqual(1);
    // Nobody has to wait for the end of the transaction.
    await record(buyer.event());

    await host.rollback();
    const outcomes = await Promise.all(waiters);
    expect(outcomes.filter((outcome) => outcome === 'recorded')).toHaveLength(40);
    expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(81);
  });

  it('an array waits as a whole and answers as a whole', async () => {
    const host = await holding('K');
    const events = [buyer.event({ idempotencyKey: 'A' }), buyer.event({ idempotencyKey: 'K' })];
    const results = recorder.record(events);
    await sleep(250);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 0, quantity: '0' });
    await host.rollback();
    expect(await results).toMatchObject([{ outcome: 'recorded' }, { outcome: 'recorded' }]);
    ledger.noteRecorded(...events);
  });

  it('an abort ends the wait, and says that nothing was written', async () => {
    const host = await holding('K');
    const abort = new AbortController();
    const single = errorOf(record(buyer.event({ idempotencyKey: 'K' }), { signal: abort.signal }));
    const array = errorOf(
      recorder.record([buyer.event({ idempotencyKey: 'K' }), buyer.event()], { signal: abort.signal }),
    );
    await sleep(200);
    abort.abort();
    expect(await array).toMatchObject({
      code: 'RECORD_ABORTED',
      outcome: 'notWritten',
      idempotencyKeys: ['K', expect.any(String)],
    });
    expect(await single).toMatchObject({ code: 'RECORD_ABORTED', idempotencyKeys: ['K'] });
    await host.rollback();
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 0, quantity: '0' });
  });

  it('the time limit ends the wait, and the same key records afterwards', async () => {
    const impatient = await ledger.recorder({ timeoutMs: 300 });
    const host = await holding('K');
    const event = buyer.event({ idempotencyKey: 'K' });
    const [single, array] = await Promise.all([
      errorOf(record(event, { by: impatient })),
      errorOf(impatient.record([event, buyer.event()])),
    ]);
    expect(single).toMatchObject({ code: 'RECORD_TIMEOUT', message: expect.stringMatching(/300 ms.*lock timeout/) });
    expect(array).toMatchObject({ code: 'RECORD_TIMEOUT', outcome: 'notWritten' });
    await host.rollback();
    expect(await record(event, { by: impatient })).toMatchObject({ outcome: 'recorded' });
  });

  it('a shutdown answers the waiting caller instead of waiting for the other transaction', async () => {
    const leaving = await ledger.recorder();
    const host = await holding('K');
    const waiter = errorOf(record(buyer.event({ idempotencyKey: 'K' }), { by: leaving }));
    await sleep(200);
    await leaving.onApplicationShutdown();
    expect(await waiter).toMatchObject({ code: 'SHUTTING_DOWN', outcome: 'notWritten' });
    await host.rollback();
  });
});

describe('when the database is in the way', () => {
  it('a locked table delays callers and fails none', async () => {
    const host = await ledger.hostTransaction();
    await host.manager.query('LOCK TABLE marketplace.usage_event IN ACCESS EXCLUSIVE MODE');
    const calls = Array.from({ length: 30 }, (_, n) =>
      record(buyer.event(n % 2 === 0 ? { idempotencyKey: `locked ${n}` } : {})),
    );
    await sleep(300);
    await host.rollback();
    expect(await Promise.all(calls)).toHaveLength(30);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 30, quantity: '30' });
  });

  it('one event that it refuses fails alone', async () => {
    await ledger.query(`ALTER TABLE marketplace.usage_event ADD CONSTRAINT test_refuses CHECK (quantity <> 13)`);
    try {
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          outcomeOf(record(buyer.event({ quantity: n === 41 || n === 77 ? 13 : 1 }))),
        ),
      );
      expect(outcomes.flatMap((outcome, n) => (outcome === 'recorded' ? [] : [`${n} ${outcome}`]))).toEqual([
        '41 RECORD_FAILED',
        '77 RECORD_FAILED',
      ]);
    } finally {
      await ledger.query(`ALTER TABLE marketplace.usage_event DROP CONSTRAINT test_refuses`);
    }
  });

  it('a set-up that cannot work is reported at once', async () => {
    await ledger.query(`ALTER TABLE marketplace.usage_event RENAME TO usage_event_away`);
    try {
      expect(await errorOf(record(buyer.event()))).toMatchObject({ code: 'RECORD_FAILED', outcome: 'notWritten' });
      expect(await errorOf(recorder.record([buyer.event()]))).toMatchObject({
        code: 'RECORD_FAILED',
        outcome: 'notWritten',
      });
    } finally {
      await ledger.query(`ALTER TABLE marketplace.usage_event_away RENAME TO usage_event`);
    }
  });

  it('connections killed under running statements lose nothing that was answered and double nothing', async () => {
    // Statements are under way whenever the killer looks: they take their time, and callers go on until enough were hit.
    await ledger.query(
      `CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL;
        END $$`,
    );
    await ledger.query(
      `CREATE TRIGGER linger BEFORE INSERT ON marketplace.usage_event
       FOR EACH STATEMENT EXECUTE FUNCTION public.linger()`,
    );
    const done = new AbortController();
    const wanted = 5;
    let kills = 0;
    let events = 0;
    const killer = (async () => {
      while (!done.signal.aborted) {
        const [{ killed } = { killed: 0 }] = await ledger.query<{ killed: number }>(
          `SELECT count(pg_terminate_backend(pid))::int AS killed FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'nestjs-marketplace-metering' AND state = 'active'
             AND query ~ '^(WITH inserted AS .)?INSERT INTO marketplace.usage_event'`,
        );
        kills += killed;
        // Long enough for a statement to get through on a machine that does other things as well.
        await sleep(100);
      }
    })();
    const calls = Array.from({ length: 30 }, async (_, caller) => {
      for (let n = 0; n < 20 || kills < wanted; n += 1) {
        if (n % 10 === 5) {
          const pair = [buyer.event({ idempotencyKey: `array ${caller} ${n}` }), buyer.event()];
          expect(await recorder.record(pair)).toMatchObject([{ outcome: 'recorded' }, { outcome: 'recorded' }]);
          ledger.noteRecorded(...pair);
          events += 2;
        } else {
          expect(await outcomeOf(record(buyer.event(n % 2 === 0 ? { idempotencyKey: `${caller} ${n}` } : {})))).toBe(
            'recorded',
          );
          events += 1;
        }
      }
    });
    await Promise.all(calls).finally(async () => {
      done.abort();
      await ledger.query(`DROP TRIGGER linger ON marketplace.usage_event`);
    });
    await killer;
    expect(kills).toBeGreaterThanOrEqual(wanted);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events, quantity: `${events}` });
  });

  it('a commit whose answer is lost is found again: recorded, once, and not called a duplicate', async () => {
    const forgetful = await ledger.recorder({}, (dataSource) => {
      loseFirstAnswer(dataSource, (sql) => sql.includes('INSERT INTO marketplace.usage_event'));
    });
    const [kept, minted] = [buyer.event({ idempotencyKey: 'lost answer' }), buyer.event()];
    expect(await Promise.all([kept, minted].map((event) => outcomeOf(record(event, { by: forgetful }))))).toEqual([
      'recorded',
      'recorded',
    ]);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 2, quantity: '2' });

    const array = await ledger.recorder({}, (dataSource) => {
      loseFirstAnswer(dataSource, (sql) => sql === 'COMMIT');
    });
    const events = [buyer.event({ idempotencyKey: 'lost commit' }), buyer.event()];
    expect(await array.record(events)).toMatchObject([{ outcome: 'recorded' }, { outcome: 'recorded' }]);
    ledger.noteRecorded(...events);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 4, quantity: '4' });
  });

  it('a statement whose answer never comes is given up, and the caller told that the outcome is unknown', async () => {
    const impatient = await ledger.recorder({ timeoutMs: 200 });
    await ledger.query(
      `CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW;
        END $$`,
    );
    await ledger.query(
      `CREATE TRIGGER dawdle BEFORE INSERT ON marketplace.usage_event FOR EACH ROW EXECUTE FUNCTION public.dawdle()`,
    );
    const error = await errorOf(record(buyer.event(), { by: impatient })).finally(() =>
      ledger.query(`DROP TRIGGER dawdle ON marketplace.usage_event`),
    );
    expect(error).toMatchObject({ code: 'RECORD_TIMEOUT', outcome: 'unknown', idempotencyKeys: [expect.any(String)] });
    // The error names the key that was minted: recording again under it is safe, whatever became of the first
    // statement.
    const [idempotencyKey = ''] = error.idempotencyKeys;
    const event = buyer.event({ idempotencyKey });
    expect(['recorded', 'duplicate']).toContain((await recorder.record(event)).outcome);
    ledger.noteRecorded(event);
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 1, quantity: '1' });
  });
});

describe('the queue', () => {
  it('is bounded: beyond it callers are turned away at once, and the others are answered', async () => {
    const small = await ledger.recorder({ queueSize: 100 });
    await record(buyer.event(), { by: small });
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, () => outcomeOf(record(buyer.event(), { by: small }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'recorded')).toHaveLength(100);
    expect(outcomes.filter((outcome) => outcome === 'QUEUE_FULL')).toHaveLength(50);
    expect(await errorOf(Promise.all(Array.from({ length: 101 }, () => small.record(buyer.event()))))).toMatchObject({
      message: expect.stringMatching(/not written.*MARKETPLACE_RECORDING_QUEUE_SIZE/),
    });
    await small.onApplicationShutdown();
    ledger.noteRecorded(...Array.from({ length: 100 }, () => buyer.event()));
  });

  it('has room for another tenant whatever one records at once, and for each of several (G19)', async () => {
    const small = await ledger.recorder({ queueSize: 100 });
    const others = [await ledger.buyer(), await ledger.buyer(), await ledger.buyer()];
    for (const one of [buyer, ...others]) await record(one.event(), { by: small });
    const flood = (of: typeof buyer): Promise<string>[] =>
      Array.from({ length: 400 }, () => outcomeOf(record(of.event(), { by: small })));
    const [noisy = buyer, loud = buyer, quiet = buyer] = others;
    const [first, second] = [flood(noisy), flood(loud)];
    expect(await outcomeOf(record(quiet.event(), { by: small }))).toBe('recorded');
    const counts = await Promise.all(
      [first, second].map(
        async (calls) => (await Promise.all(calls)).filter((outcome) => outcome === 'recorded').length,
      ),
    );
    // Alone it has half of the room of 200; the next one half of what is left.
    expect(counts).toEqual([100, 50]);
    await small.onApplicationShutdown();
  });

  it('is drained at shutdown, and nobody new is let in', async () => {
    const leaving = await ledger.recorder();
    const calls = [
      ...Array.from({ length: 500 }, () => record(buyer.event(), { by: leaving })),
      leaving.record([buyer.event(), buyer.event()]).then((results) => {
        ledger.noteRecorded(buyer.event(), buyer.event());
        return results[0]!;
      }),
    ];
    const closed = leaving.onApplicationShutdown();
    expect(await errorOf(leaving.record(buyer.event()))).toMatchObject({ code: 'SHUTTING_DOWN' });
    await closed;
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 502, quantity: '502' });
    expect((await Promise.all(calls)).every(({ outcome }) => outcome === 'recorded')).toBe(true);
  });

  it('leaves out who has been aborted before', async () => {
    const error = await errorOf(record(buyer.event(), { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'RECORD_ABORTED', outcome: 'notWritten' });
    expect(await ledger.sumOf(buyer.id)).toEqual({ events: 0, quantity: '0' });
  });
});

describe('in the end', () => {
  it('the ledger holds what was answered as recorded', async () => {
    const { answered, held, queued } = await ledger.conservation();
    expect(held).toEqual(answered);
    expect(queued).toEqual(answered);
    expect(held.events).toBeGreaterThan(3000);
  });
});
