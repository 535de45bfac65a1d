import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { uuidv7 } from 'uuidv7';
import { type LedgerDatabase } from '../../../src/database/ledger-database.js';
import { AlertBoard } from '../../../src/events/alert-board.js';
import { Outbox } from '../../../src/events/outbox.js';
import { type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { hourNumberOf, takeUsage } from '../../../src/metering/sealing/usage-take.sql.js';
import { UsageTaker } from '../../../src/metering/sealing/usage-taker.js';
import { type MeteredBuyer, NOW, RecordingLedger, SELLER } from '../recording/recording-ledger.js';

// The take alone: what was recorded is in rollups, whole, once. What is planned from them is the freeze's.

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let database: LedgerDatabase;
let taker: UsageTaker;
let buyer: MeteredBuyer;

const EARLIER = '2026-11-10T08:15:00.000Z';

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
  ({ database, taker } = await replica());
});

beforeEach(async () => {
  buyer = await ledger.buyer();
});

afterEach(async () => {
  const { answered, held, queued } = await ledger.conservation();
  expect(held).toEqual(answered);
  expect(queued).toEqual(answered);
});

afterAll(async () => {
  await ledger.close();
});

async function replica(at = NOW): Promise<{ database: LedgerDatabase; taker: UsageTaker }> {
  const options = ledger.options({ clock: { now: () => at } });
  const own = await ledger.ledger();
  return { database: own, taker: new UsageTaker(options, own, new AlertBoard(options, new Outbox(options))) };
}

async function record(...events: UsageEvent[]): Promise<string[]> {
  const results = await recorder.record(events);
  ledger.noteRecorded(...events.filter((_, index) => results[index]!.outcome === 'recorded'));
  return results.map(({ eventId }) => eventId);
}

interface TakenRow {
  dimension: string;
  hour: string;
  tags: Record<string, string> | null;
  sum: string;
  count: number;
  first: string;
  last: string;
  record: string | null;
}

/** Rollups of usage that was recorded by subscription id, in the order of hour, dimension, sum. */
async function takenOf(...ids: string[]): Promise<TakenRow[]> {
  return ledger.query<TakenRow>(
    `SELECT d.name AS dimension, to_char(to_timestamp(r.hour * 3600.0) AT TIME ZONE 'UTC', 'HH24:MI') AS hour, r.tags,
      r.event_sum::text AS sum,
       r.event_count AS count, to_char(r.first_at AT TIME ZONE 'UTC', 'HH24:MI:SS') AS first, to_char(r.last_at AT
         TIME ZONE 'UTC', 'HH24:MI:SS') AS last,
       (SELECT concat_ws(' ', m.kind, m.state, m.disposition, m.reason) FROM marketplace.metering_record m
         WHERE m.id = r.record_id) AS record
     FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject JOIN marketplace.dimension d
       ON d.id = r.dimension
     WHERE s.tenant_id IS NULL AND s.subscription_id = ANY ($1::uuid[])
       ORDER BY r.hour, d.name, r.event_sum, r.record_id NULLS FIRST`,
    [ids],
  );
}

const waitingOf = async (id: string): Promise<number> =>
  (
    await ledger.query(
      `SELECT FROM marketplace.unsealed_usage u JOIN marketplace.subject s ON s.id = u.subject
        WHERE s.subscription_id = $1`,
      [id],
    )
  ).length;

describe('a take', () => {
  it('moves what has settled into one rollup per dimension, hour, tags and sign, and leaves the rest', async () => {
    await record(
      buyer.event({ quantity: '1.25', occurredAt: EARLIER }),
      buyer.event({ quantity: '0.000000000001', occurredAt: '2026-11-10T08:59:59.999Z' }),
      buyer.event({ quantity: 5, occurredAt: '2026-11-10T09:00:00Z' }),
      buyer.event({ quantity: 7, dimension: 'storage', occurredAt: EARLIER }),
      buyer.event({ quantity: 2, tags: { b: '2', a: '1' }, occurredAt: EARLIER }),
      buyer.event({ quantity: 3, tags: { a: '1', b: '2' }, occurredAt: EARLIER }),
      buyer.event({ quantity: -1, reason: 'counted twice', occurredAt: EARLIER }),
      buyer.event({ quantity: -2, reason: 'counted twice again', occurredAt: EARLIER }),
      buyer.event({ quantity: 11, occurredAt: '2026-11-10T10:00:00Z' }),
    );
    await taker.run();
    const at = { hour: '08:00', first: '08:15:00', last: '08:15:00', tags: null, record: null, dimension: 'requests' };
    expect(await takenOf(buyer.id)).toEqual([
      { ...at, sum: '-3', count: 2 },
      { ...at, sum: '1.250000000001', count: 2, last: '08:59:59' },
      { ...at, sum: '5', count: 2, tags: { a: '1', b: '2' } },
      { ...at, sum: '7', count: 1, dimension: 'storage' },
      { ...at, sum: '5', count: 1, hour: '09:00', first: '09:00:00', last: '09:00:00' },
    ]);
    expect(await waitingOf(buyer.id)).toBe(1);
    const [taken] = await ledger.query<{ taken_at: Date }>(
      `SELECT DISTINCT r.taken_at FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject
        WHERE s.subscription_id = $1`,
      [buyer.id],
    );
    expect(taken).toEqual({ taken_at: NOW });
  });

  it('before the settle delay has passed leaves the hour alone', async () => {
    await record(buyer.event({ occurredAt: '2026-11-10T09:30:00Z' }));
    await (await replica(new Date('2026-11-10T10:09:59.999Z'))).taker.run();
    expect(await waitingOf(buyer.id)).toBe(1);
    await (await replica(new Date('2026-11-10T10:10:00Z'))).taker.run();
    expect(await waitingOf(buyer.id)).toBe(0);
  });

  it('of a late event makes a rollup of its own', async () => {
    await record(buyer.event({ occurredAt: EARLIER }));
    await taker.run();
    await record(buyer.event({ occurredAt: EARLIER, quantity: 2 }));
    await taker.run();
    expect((await takenOf(buyer.id)).map(({ sum }) => sum)).toEqual(['1', '2']);
  });

  it('of the running hour comes for whoever has an end in it, a settle delay after', async () => {
    const other = await ledger.buyer();
    const { customer_id: customerId } = await ledger.one<{ customer_id: string }>(
      `SELECT customer_id FROM marketplace.subscription WHERE id = $1`,
      [buyer.id],
    );
    await ledger.query(
      `INSERT INTO marketplace.fact (seller_account, id, subscription_id, type, at, heard_at, origin, message_id)
        VALUES ($1, $2, $3, 'host.ended', $4, $4, 'host', $5)`,
      [SELLER, uuidv7(), buyer.id, '2026-11-10T10:16:00Z', `ended ${customerId}`],
    );
    await record(
      buyer.event({ occurredAt: '2026-11-10T10:15:00Z' }),
      other.event({ occurredAt: '2026-11-10T10:15:00Z' }),
    );
    await (await replica(new Date('2026-11-10T10:25:00Z'))).taker.run();
    expect(await waitingOf(buyer.id)).toBe(1);
    await (await replica(new Date('2026-11-10T10:26:00Z'))).taker.run();
    expect(await waitingOf(buyer.id)).toBe(0);
    expect(await waitingOf(other.id)).toBe(1);
  });

  it('of usage under a subject that nobody knows makes rollups too: they wait, and are seen', async () => {
    const event = buyer.event({ quantity: 3 });
    await ledger.query(
      `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
        VALUES ($1, $2, 2000000000, 1, 3)`,
      [uuidv7(), EARLIER],
    );
    ledger.noteRecorded(event);
    await taker.run();
    expect(
      await ledger.query(`SELECT event_sum::text AS sum FROM marketplace.rollup WHERE subject = 2000000000`),
    ).toEqual([{ sum: '3' }]);
  });

  it('is whole in pieces, whatever their size', async () => {
    const events = Array.from({ length: 1000 }, (_, n) =>
      buyer.event({ quantity: `0.${String(n).padStart(3, '0')}`, occurredAt: EARLIER }),
    );
    await record(...events);
    const subject = await ledger.subjectOf(buyer);
    const due = [{ subject, hour: hourNumberOf(new Date(EARLIER)) }];
    const moved: number[] = [];
    do moved.push(await database.transaction((tx) => takeUsage(tx, due, 300)));
    while (moved.at(-1) === 300);
    expect(moved).toEqual([300, 300, 300, 100]);
    const rollups = await takenOf(buyer.id);
    expect(rollups.map(({ count }) => count).sort()).toEqual([100, 300, 300, 300]);
    expect(rollups.reduce((sum, row) => sum + Math.round(Number(row.sum) * 1000), 0)).toBe((999 * 1000) / 2);
  });

  it('any usage, taken at any moments by two sellers’ replicas at once: each event in one rollup, and the sums exact', async () => {
    const other = await replica();
    const usage = fc.record({
      hour: fc.integer({ min: 3, max: 9 }),
      quantity: fc.constantFrom('1', '0.5', '0', '-2', '12.000000000001'),
      tags: fc.constantFrom(undefined, {}, { a: '1' }, { a: '2' }),
      dimension: fc.constantFrom('requests', 'storage'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(usage, { maxLength: 6 }), { maxLength: 6 }), async (waves) => {
        const property = await ledger.buyer();
        for (const wave of waves) {
          const events = wave.map(({ hour, tags, ...rest }) =>
            property.event({
              ...rest,
              occurredAt: `2026-11-10T0${hour}:20:00Z`,
              reason: 'r',
              ...(tags === undefined ? {} : { tags }),
            }),
          );
          await Promise.all([record(...events), taker.run(), other.taker.run()]);
        }
        await taker.run();
        const [wrong] = await ledger.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject
           CROSS JOIN LATERAL (
             SELECT sum(e.quantity) AS sum, count(*) AS count, bool_and((e.quantity < 0) = r.is_correction
               AND nullif(e.detail -> 'tags', '{}') IS NOT DISTINCT FROM r.tags AND e.subject = r.subject
                 AND e.dimension = r.dimension) AS fits
             FROM marketplace.rollup_event l CROSS JOIN unnest(l.ids) AS i (id) JOIN marketplace.usage_event e
               ON e.id = i.id WHERE l.rollup_id = r.id) AS inside
           WHERE s.subscription_id = $1 AND NOT (inside.sum = r.event_sum AND inside.count = r.event_count
             AND inside.fits)`,
          [property.id],
        );
        expect(wrong).toEqual({ count: 0 });
        const [rows] = await ledger.query<{ recorded: number; listed: number; distinct: number }>(
          `SELECT (SELECT count(*)::int FROM marketplace.usage_event e
            WHERE e.subject = s.id) AS recorded, count(i.id)::int AS listed,
             count(DISTINCT i.id)::int AS distinct
           FROM marketplace.subject s LEFT JOIN marketplace.rollup r ON r.subject = s.id
             LEFT JOIN marketplace.rollup_event l ON l.rollup_id = r.id
           LEFT JOIN LATERAL unnest(l.ids) AS i (id) ON true WHERE s.subscription_id = $1 GROUP BY s.id`,
          [property.id],
        );
        const count = waves.flat().length;
        expect(rows).toEqual({ recorded: count, listed: count, distinct: count });
      }),
      { numRuns: 25 },
    );
  });
});

describe('a host transaction that stays open', () => {
  it.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)(
    'at %s: what commits later is taken later, once',
    async (isolation) => {
      const host = await ledger.hostTransaction(isolation);
      await recorder.record(buyer.event({ occurredAt: EARLIER, quantity: 2 }), { manager: host.manager });
      await record(buyer.event({ occurredAt: EARLIER }));
      await taker.run();
      await recorder.record(buyer.event({ occurredAt: EARLIER, quantity: 4 }), { manager: host.manager });
      await host.commit();
      ledger.noteRecorded(buyer.event({ quantity: 2 }), buyer.event({ quantity: 4 }));
      await taker.run();
      expect((await takenOf(buyer.id)).map(({ sum, count }) => [sum, count])).toEqual([
        ['1', 1],
        ['6', 2],
      ]);
    },
  );

  it('does not hold up a take, and a retry of its key after the take is a duplicate', async () => {
    const event = buyer.event({ occurredAt: EARLIER, idempotencyKey: 'K' });
    const reader = await ledger.hostTransaction('REPEATABLE READ');
    await reader.manager.query(`SELECT count(*) FROM marketplace.usage_event`);
    await record(event);
    await taker.run();
    expect(await recorder.record(event)).toMatchObject({ outcome: 'duplicate' });
    await expect(recorder.record(event, { manager: reader.manager })).rejects.toMatchObject({
      driverError: { code: '40001' },
    });
    await reader.rollback();
    expect(await takenOf(buyer.id)).toHaveLength(1);
  });
});

describe('D29: two replicas that take while callers record', () => {
  it('count every event once', async () => {
    const other = await replica();
    const done = new AbortController();
    const take = async (by: UsageTaker): Promise<void> => {
      while (!done.signal.aborted) await by.run();
    };
    const takers = [take(taker), take(other.taker)];
    for (let wave = 0; wave < 15; wave += 1) {
      await Promise.all(
        Array.from({ length: 6 }, (_, caller) =>
          record(
            ...Array.from({ length: 50 }, (__, n) =>
              buyer.event({ occurredAt: EARLIER, idempotencyKey: `${wave} ${caller} ${n}` }),
            ),
          ),
        ),
      );
    }
    done.abort();
    await Promise.all(takers);
    await taker.run();
    const [row] = await ledger.query<{ count: number; distinct: number }>(
      `SELECT count(*)::int AS count, count(DISTINCT i.id)::int AS distinct FROM marketplace.subject s
        JOIN marketplace.rollup r ON r.subject = s.id
       JOIN marketplace.rollup_event l ON l.rollup_id = r.id CROSS JOIN unnest(l.ids) AS i (id)
         WHERE s.subscription_id = $1`,
      [buyer.id],
    );
    expect(row).toEqual({ count: 4500, distinct: 4500 });
  });
});

// T9, the part of the take. Siblings: M11 (keys of merged subscriptions), every fold of the model test.
describe('T9: a subscription that was folded into another', () => {
  let folded: MeteredBuyer;

  beforeEach(async () => {
    folded = await ledger.buyer();
  });

  const fold = (from: MeteredBuyer, into: MeteredBuyer): Promise<unknown> =>
    ledger.query(`UPDATE marketplace.subscription SET alias_of = $2 WHERE id = $1`, [from.id, into.id]);
  const K = { idempotencyKey: 'K', occurredAt: EARLIER, quantity: 2 };
  const recordsOf = async (...buyers: MeteredBuyer[]): Promise<[string, string | null][]> =>
    (await takenOf(...buyers.map(({ id }) => id))).map(({ sum, record: inside }) => [sum, inside]);

  it('a key taken under one id and repeated under the other is void; with other content it is held, with an alert', async () => {
    await record(folded.event(K), folded.event({ ...K, idempotencyKey: 'L' }));
    await taker.run();
    await fold(folded, buyer);
    await record(
      buyer.event(K),
      buyer.event({ ...K, idempotencyKey: 'L', quantity: 3 }),
      buyer.event({ ...K, idempotencyKey: 'M', quantity: 5 }),
    );
    await taker.run();
    expect(await recordsOf(buyer, folded)).toEqual([
      ['2', 'setApart closed void duplicateKey'],
      ['3', 'setApart closed held keyConflict'],
      ['4', null],
      ['5', null],
    ]);
    expect(await ledger.query(`SELECT kind, severity FROM marketplace.alert WHERE subject = $1`, [buyer.id])).toEqual([
      { kind: 'keyConflict', severity: 'critical' },
    ]);
    const [record0] = await ledger.query<object>(
      `SELECT m.quantity::text, m.event_sum::text, m.event_count, m.customer_id = u.customer_id AS is_customers,
        m.mode, m.region
       FROM marketplace.metering_record m JOIN marketplace.subscription u ON u.id = $1 WHERE m.reason = 'duplicateKey'
         AND m.customer_id = u.customer_id`,
      [buyer.id],
    );
    expect(record0).toEqual({
      quantity: '2',
      event_sum: '2',
      event_count: 1,
      is_customers: true,
      mode: 'live',
      region: 'us-east-1',
    });
  });

  it('both unsealed: one counts, whichever hours they lie in', async () => {
    await record(folded.event(K), buyer.event({ ...K, occurredAt: '2026-11-10T07:10:00Z' }));
    await fold(folded, buyer);
    await taker.run();
    const taken = await recordsOf(buyer, folded);
    expect(taken.map(([, inside]) => inside).sort()).toEqual(['setApart closed void duplicateKey', null].sort());
  });

  it('one in the running hour: it is void when its hour is taken', async () => {
    await record(buyer.event({ ...K, occurredAt: '2026-11-10T10:10:00Z' }), folded.event(K));
    await fold(folded, buyer);
    await taker.run();
    expect(await recordsOf(buyer, folded)).toEqual([['2', null]]);
    await (await replica(new Date('2026-11-10T11:30:00Z'))).taker.run();
    expect(await recordsOf(buyer, folded)).toEqual([
      ['2', null],
      ['2', 'setApart closed void duplicateKey'],
    ]);
  });

  it('an open host transaction (REPEATABLE READ) and a replica that knows the old id only: the late commit is billed too, a repeated key is not', async () => {
    const stale = await ledger.recorder();
    await stale.record(folded.event({ ...K, idempotencyKey: 'warm' }));
    ledger.noteRecorded(folded.event(K));
    const host = await ledger.hostTransaction('REPEATABLE READ');
    await stale.record(folded.event({ ...K, idempotencyKey: 'late', quantity: 7 }), { manager: host.manager });
    await stale.record(folded.event({ ...K, idempotencyKey: 'both', quantity: 9 }), { manager: host.manager });
    await fold(folded, buyer);
    await record(buyer.event({ ...K, idempotencyKey: 'both', quantity: 9 }));
    await taker.run();
    await host.commit();
    ledger.noteRecorded(folded.event({ quantity: 7 }), folded.event({ quantity: 9 }));
    await taker.run();
    expect(await recordsOf(buyer, folded)).toEqual([
      ['2', null],
      ['7', null],
      ['9', null],
      ['9', 'setApart closed void duplicateKey'],
    ]);
  });

  it('a taker that began before the fold holds the other event: who compares waits for it', async () => {
    await record(folded.event(K), buyer.event(K));
    const subject = await ledger.subjectOf(folded);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const early = database.transaction(async (tx) => {
      await takeUsage(tx, [{ subject, hour: hourNumberOf(new Date(EARLIER)) }], 100);
      await held;
    });
    await sleep(50);
    await fold(folded, buyer);
    const other = await replica();
    const comparing = other.taker.run();
    await sleep(200);
    release();
    await Promise.all([early, comparing]);
    await other.taker.run();
    expect(await recordsOf(buyer, folded)).toEqual([
      ['2', null],
      ['2', 'setApart closed void duplicateKey'],
    ]);
  });

  it('two replicas at once: of each key one event counts', async () => {
    const other = await replica();
    await fold(folded, buyer);
    const keys = Array.from({ length: 60 }, (_, n) => ({ ...K, idempotencyKey: `k${n}` }));
    await Promise.all([
      record(...keys.map((key) => buyer.event(key))),
      record(...keys.map((key) => folded.event({ ...key, occurredAt: '2026-11-10T07:00:00Z' }))),
      taker.run(),
      other.taker.run(),
    ]);
    await Promise.all([taker.run(), other.taker.run()]);
    const [row] = await ledger.query<{ counted: string; voided: string }>(
      `SELECT sum(r.event_count) FILTER (WHERE r.record_id IS NULL)::text AS counted, sum(r.event_count) FILTER (WHERE
        r.record_id IS NOT NULL)::text AS voided
       FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject WHERE s.subscription_id IN ($1, $2)`,
      [buyer.id, folded.id],
    );
    expect(row).toEqual({ counted: '60', voided: '60' });
  });

  it('usage without keys, and keys of different names, are nobody’s duplicates', async () => {
    await fold(folded, buyer);
    await record(
      buyer.event({ occurredAt: EARLIER }),
      folded.event({ occurredAt: EARLIER }),
      folded.event({ ...K, idempotencyKey: 'x' }),
      buyer.event(K),
    );
    await taker.run();
    expect((await recordsOf(buyer, folded)).every(([, inside]) => inside === null)).toBe(true);
  });
});
