import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { sqlStateOf } from '../../../src/database/ledger-database.js';
import { eventIdOf } from '../../../src/metering/recording/event-id.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { type MeteredBuyer, RecordingLedger, SELLER } from './recording-ledger.js';

// M26 and T23 for events, unsealed usage and rollups: what a hand, a reload or an older replica must not be able to
// write. Siblings: I10.

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let buyer: MeteredBuyer;
let subject: number;
let dimension: number;

const HOUR = Math.floor(Date.parse('2026-11-10T09:00:00Z') / 3_600_000);
const AT = '2026-11-10T09:15:00Z';

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
  buyer = await ledger.buyer();
  subject = await ledger.subjectOf(buyer);
  dimension = (
    await ledger.one<{ id: number }>(
      `SELECT id FROM marketplace.dimension WHERE product_code = 'widgets' AND name = 'requests'`,
    )
  ).id;
});

afterAll(async () => {
  const { answered, held, queued } = await ledger.conservation();
  expect(held).toEqual(answered);
  expect(queued).toEqual(answered);
  await ledger.close();
});

const stateOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => 'done',
    (error: unknown) => sqlStateOf(error),
  );
const REFUSED = '23001';
const CHECK = '23514';

async function insertEvent(over: Record<string, unknown> = {}): Promise<unknown> {
  const row = { id: uuidv7(), occurred_at: AT, subject, dimension, quantity: '1', key: null, detail: null, ...over };
  return ledger.query(
    `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity, key, detail)
      VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    Object.values(row),
  );
}

async function rollupOf(...quantities: number[]): Promise<{ id: string; ids: string[] }> {
  const events = quantities.map((quantity) => buyer.event({ quantity, occurredAt: AT }));
  const results = await recorder.record(events);
  ledger.noteRecorded(...events);
  await ledger.query(`DELETE FROM marketplace.unsealed_usage WHERE subject = $1`, [subject]);
  const ids = results.map(({ eventId }) => eventId);
  const [rollup] = await ledger.query<{ id: string }>(
    `SELECT rollup_id AS id FROM marketplace.rollup_event WHERE ids && $1::uuid[]`,
    [ids],
  );
  return { id: rollup!.id, ids };
}

describe('an event written by hand', () => {
  it('in the accepted form is recorded usage: it waits to be taken like any other', async () => {
    const id = uuidv7();
    await insertEvent({ id, quantity: '2.5', detail: JSON.stringify({ tags: { team: 'a' } }) });
    const key = 'by hand';
    const keyed = eventIdOf({ sellerAccount: SELLER, scope: { kind: 'subscription', name: buyer.id }, key });
    await insertEvent({ id: keyed, key });
    ledger.noteRecorded(buyer.event({ quantity: 2.5 }), buyer.event());
    expect(
      await ledger.query(
        `SELECT id, hour, quantity::text, detail FROM marketplace.unsealed_usage WHERE id IN ($1, $2)
          ORDER BY quantity`,
        [id, keyed],
      ),
    ).toEqual([
      { id: keyed, hour: HOUR, quantity: '1', detail: null },
      { id, hour: HOUR, quantity: '2.5', detail: { tags: { team: 'a' } } },
    ]);
    expect(await recorder.record(buyer.event({ idempotencyKey: key }))).toMatchObject({
      eventId: keyed,
      outcome: 'duplicate',
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['NaN', { quantity: 'NaN' }],
    ['Infinity', { quantity: 'Infinity' }],
    ['-Infinity', { quantity: '-Infinity', detail: '{"reason":"x"}' }],
    ['13 decimals', { quantity: '0.0000000000001' }],
    ['10^18', { quantity: '1e18' }],
    ['a negative quantity without a reason', { quantity: '-1' }],
    ['a reason that is no text', { quantity: '-1', detail: '{"reason":1}' }],
    ['tags that are no object', { detail: '{"tags":["a"]}' }],
    ['detail that is no object', { detail: '"x"' }],
    ['an id of version 4', { id: '0190a0a0-0000-4000-8000-000000000001' }],
    ['a time-ordered id beside a key', { key: 'k' }],
    ['a digest without a key', { id: '8190a0a0-0000-8000-8000-000000000001' }],
    ['a digest whose first bit is not set', { id: '7190a0a0-0000-8000-8000-000000000001', key: 'k' }],
    ['no end of time', { occurred_at: 'infinity' }],
  ])('with %s is refused', async (_, over) => {
    expect(await stateOf(insertEvent(over))).toBe(CHECK);
  });

  it.each([
    `UPDATE marketplace.usage_event SET quantity = 0`,
    `UPDATE marketplace.usage_event SET subject = 1 WHERE false`,
    `DELETE FROM marketplace.usage_event WHERE subject = $1`,
    `TRUNCATE marketplace.usage_event CASCADE`,
  ])('is never touched again: %s', async (sql) => {
    await recorder.record(buyer.event());
    ledger.noteRecorded(buyer.event());
    expect(await stateOf(ledger.query(sql, sql.includes('$1') ? [subject] : []))).toBe(REFUSED);
  });
});

describe('unsealed usage', () => {
  const row = [uuidv7(), AT, HOUR, 1, 1, '5'];

  it.each([
    `INSERT INTO marketplace.unsealed_usage (id, occurred_at, hour, subject, dimension, quantity)
      VALUES ($1, $2, $3, $4, $5, $6)`,
    `INSERT INTO marketplace.unsealed_usage SELECT * FROM marketplace.unsealed_usage`,
    `UPDATE marketplace.unsealed_usage SET quantity = 9`,
    `TRUNCATE marketplace.unsealed_usage`,
  ])('is written by the trigger of the event alone: %s', async (sql) => {
    expect(await stateOf(ledger.query(sql, sql.includes('$1') ? row : []))).toBe(REFUSED);
  });

  it('deleted by hand is taken: the rollups hold what is gone', async () => {
    const events = ['1.5', '2', '-0.5'].map((quantity) =>
      buyer.event({ quantity, occurredAt: AT, reason: 'why', tags: { team: 'x' } }),
    );
    await recorder.record(events);
    ledger.noteRecorded(...events);
    await ledger.query(
      `DELETE FROM marketplace.unsealed_usage WHERE subject = $1 AND detail -> 'tags' ->> 'team' = 'x'`,
      [subject],
    );
    expect(
      await ledger.query(
        `SELECT dimension, hour, tags, is_correction, event_sum::text, event_count FROM marketplace.rollup
         WHERE subject = $1 AND tags ->> 'team' = 'x' ORDER BY is_correction`,
        [subject],
      ),
    ).toEqual([
      { dimension, hour: HOUR, tags: { team: 'x' }, is_correction: false, event_sum: '3.5', event_count: 2 },
      { dimension, hour: HOUR, tags: { team: 'x' }, is_correction: true, event_sum: '-0.5', event_count: 1 },
    ]);
  });
});

describe('a rollup', () => {
  const COLUMNS = 'id, subject, dimension, hour, is_correction, event_sum, event_count, first_at, last_at, taken_at';

  it('comes from a take alone', async () => {
    expect(
      await stateOf(
        ledger.query(
          `INSERT INTO marketplace.rollup (${COLUMNS}) VALUES (nextval('marketplace.rollup_id'), $1, $2, $3, false,
            1000, 1, $4, $4, $4)`,
          [subject, dimension, HOUR, AT],
        ),
      ),
    ).toBe(REFUSED);
  });

  it.each([
    'event_sum = event_sum + 1000',
    'event_count = 5',
    'hour = hour + 1',
    'subject = 0',
    'dimension = 0',
    'tags = NULL',
    'first_at = now()',
  ])('is frozen: SET %s', async (change) => {
    const { id } = await rollupOf(1);
    expect(await stateOf(ledger.query(`UPDATE marketplace.rollup SET ${change} WHERE id = $1`, [id]))).toBe(REFUSED);
  });

  it('keeps its list of events, and is not deleted', async () => {
    const { id, ids } = await rollupOf(1);
    for (const sql of [
      `UPDATE marketplace.rollup_event SET ids = ids || ids WHERE rollup_id = $1`,
      `DELETE FROM marketplace.rollup_event WHERE rollup_id = $1`,
      `DELETE FROM marketplace.rollup WHERE id = $1`,
    ]) {
      expect(await stateOf(ledger.query(sql, [id]))).toBe(REFUSED);
    }
    expect(
      await stateOf(
        ledger.query(`INSERT INTO marketplace.rollup_event VALUES ($1, $2) ON CONFLICT (rollup_id) DO NOTHING`, [
          id,
          ids,
        ]),
      ),
    ).toBe('done');
  });

  it('T23: events that a dump brings back with triggers on are counted once', async () => {
    const { ids } = await rollupOf(4, 5);
    const copies = await ledger.query<Record<string, unknown>>(
      `SELECT * FROM marketplace.usage_event WHERE id = ANY ($1)`,
      [ids],
    );
    // What a data-only reload amounts to: the table was emptied past its guards, its rows come again, and the trigger
    // queues them.
    await ledger.query(`ALTER TABLE marketplace.usage_event DISABLE TRIGGER USER`);
    await ledger.query(`DELETE FROM marketplace.usage_event WHERE id = ANY ($1)`, [ids]);
    await ledger.query(`ALTER TABLE marketplace.usage_event ENABLE TRIGGER USER`);
    for (const copy of copies) await insertEvent(copy);
    expect(await stateOf(ledger.query(`DELETE FROM marketplace.unsealed_usage WHERE id = ANY ($1)`, [ids]))).toBe(
      REFUSED,
    );
    await ledger.query(`ALTER TABLE marketplace.unsealed_usage DISABLE TRIGGER USER`);
    await ledger.query(`DELETE FROM marketplace.unsealed_usage WHERE id = ANY ($1)`, [ids]);
    await ledger.query(`ALTER TABLE marketplace.unsealed_usage ENABLE TRIGGER USER`);
  });

  it('T23: the data of the other tables is refused when it is loaded into a living schema', async () => {
    await rollupOf(1);
    for (const table of ['unsealed_usage', 'rollup', 'rollup_event']) {
      await recorder.record(buyer.event());
      ledger.noteRecorded(buyer.event());
      await ledger.query(`CREATE TABLE IF NOT EXISTS public.dump_${table} AS SELECT * FROM marketplace.${table}`);
      const key = table === 'rollup' ? 'id' : 'rollup_id';
      const fresh = table === 'unsealed_usage' ? '' : `UPDATE public.dump_${table} SET ${key} = ${key} + 1000000; `;
      if (fresh !== '') await ledger.query(fresh);
      expect(
        await stateOf(ledger.query(`INSERT INTO marketplace.${table} SELECT * FROM public.dump_${table}`)),
      ).toMatch(/^23(001|503)$/);
    }
  });
});

describe('a split', () => {
  interface Piece {
    ids: string[];
    sum: number;
    count?: number;
    hour?: number;
  }

  const split = (whole: string, pieces: Piece[], firstAt = AT): Promise<string | undefined> =>
    stateOf(
      ledger.query(
        `WITH input AS (
           SELECT nextval('marketplace.rollup_id') AS id, p.*
             FROM jsonb_to_recordset($2::jsonb) AS p (ids uuid[], sum numeric, count integer, hour integer)
         ), flagged AS (
           UPDATE marketplace.rollup SET is_split = true WHERE id = $1 RETURNING *
         ), pieces AS (
           INSERT INTO marketplace.rollup (id, subject, dimension, hour, tags, is_correction, event_sum, event_count,
             first_at, last_at, taken_at, split_of)
           SELECT input.id, w.subject, w.dimension, coalesce(input.hour, w.hour), w.tags, w.is_correction, input.sum,
             coalesce(input.count, cardinality(input.ids)), $3, $4, w.taken_at, w.id
           FROM input, flagged w
         )
         INSERT INTO marketplace.rollup_event SELECT id, ids FROM input`,
        [whole, JSON.stringify(pieces), firstAt, AT],
      ),
    );

  it('is whole: its pieces hold the sum, the count and the very events', async () => {
    const { id, ids } = await rollupOf(1, 2, 4);
    const [one, two, three] = ids as [string, string, string];
    const { quantities } = await ledger.one<{ quantities: Record<string, number> }>(
      `SELECT jsonb_object_agg(id, quantity) AS quantities FROM marketplace.usage_event WHERE id = ANY ($1)`,
      [ids],
    );
    expect(quantities).toEqual({ [one]: 1, [two]: 2, [three]: 4 });
    for (const pieces of [
      [{ ids: [one, two], sum: 3 }],
      [
        { ids: [one], sum: 1 },
        { ids: [two, three], sum: 60 },
      ],
      [
        { ids: [one], sum: 2 },
        { ids: [two, three], sum: 5 },
      ],
      [
        { ids: [one, two], sum: 3 },
        { ids: [two, three], sum: 4 },
      ],
      [
        { ids: [one], sum: 1 },
        { ids: [two, three], sum: 6, hour: HOUR + 1 },
      ],
      [
        { ids: [one], sum: 1, count: 2 },
        { ids: [two, three], sum: 6, count: 1 },
      ],
    ] satisfies Piece[][]) {
      expect({ pieces, state: await split(id, pieces) }).toEqual({ pieces, state: REFUSED });
    }
    const right = [
      { ids: [one], sum: 1 },
      { ids: [two, three], sum: 6 },
    ];
    expect(await split(id, right, '2026-11-10T09:14:00Z')).toBe(REFUSED);
    expect(await split(id, right)).toBe('done');
    expect(await split(id, right)).toBe(REFUSED);
    expect(await stateOf(ledger.query(`UPDATE marketplace.rollup SET is_split = false WHERE id = $1`, [id]))).toBe(
      REFUSED,
    );
  });

  it('without pieces is refused', async () => {
    const { id } = await rollupOf(1, 2);
    expect(await stateOf(ledger.query(`UPDATE marketplace.rollup SET is_split = true WHERE id = $1`, [id]))).toBe(
      REFUSED,
    );
  });
});

describe('what the numbers of an event mean', () => {
  it.each([
    `UPDATE marketplace.dimension SET name = 'storage'`,
    `DELETE FROM marketplace.dimension`,
    `UPDATE marketplace.subject SET tenant_id = 'other'`,
    `DELETE FROM marketplace.subject`,
    `UPDATE marketplace.product_mode SET mode = 'off'`,
    `DELETE FROM marketplace.product_mode`,
  ])('never changes: %s', async (sql) => {
    expect(await stateOf(ledger.query(sql))).toBe(REFUSED);
  });
});
