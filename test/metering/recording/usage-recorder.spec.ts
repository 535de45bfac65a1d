import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UsageRefusedError } from '../../../src/errors/marketplace-metering-error.js';
import { type RecordResult, type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { type MeteredBuyer, NOW, RecordingLedger } from './recording-ledger.js';

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let buyer: MeteredBuyer;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
});

afterAll(() => ledger.close());

beforeAll(async () => {
  buyer = await ledger.buyer();
});

/** Records and notes what was answered as recorded. */
async function record(event: UsageEvent, by = recorder): Promise<RecordResult> {
  const result = await by.record(event);
  if (result.outcome === 'recorded') ledger.noteRecorded(event);
  return result;
}

const rejection = async (promise: Promise<unknown>): Promise<UsageRefusedError> => {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageRefusedError);
  return error as UsageRefusedError;
};

describe('a single event', () => {
  it('is answered after its commit, with a minted key that holds its id', async () => {
    const result = await record(
      buyer.event({ quantity: '1.5', tags: { user: 'ada', feature: 'x' }, reason: 'because' }),
    );
    expect(result).toEqual({
      eventId: expect.stringMatching(/^0/),
      idempotencyKey: `evt_${result.eventId}`,
      outcome: 'recorded',
      subscriptionId: buyer.id,
    });
    const rows = await ledger.query(
      `SELECT s.seller_account, s.product_code, s.subscription_id, d.name AS dimension, e.quantity::float8,
        e.occurred_at, e.key, e.detail
       FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject JOIN marketplace.dimension d
         ON d.id = e.dimension WHERE e.id = $1`,
      [result.eventId],
    );
    expect(rows).toEqual([
      {
        seller_account: 'test-seller',
        product_code: 'widgets',
        subscription_id: buyer.id,
        dimension: 'requests',
        quantity: 1.5,
        occurred_at: NOW,
        key: null,
        detail: { tags: { user: 'ada', feature: 'x' }, reason: 'because' },
      },
    ]);
  });

  it('keeps twelve decimals and fifteen digits before them exactly', async () => {
    const precise = await ledger.buyer();
    await record(precise.event({ quantity: '123456789012345.000000000001' }));
    expect(await ledger.sumOf(precise.id)).toEqual({ events: 1, quantity: '123456789012345.000000000001' });
  });

  it('of the same key and content is a duplicate with the original id', async () => {
    const original = await record(
      buyer.event({ idempotencyKey: 'order-1', quantity: 2, occurredAt: new Date(NOW.getTime() - 60_000) }),
    );
    const again = await record(buyer.event({ idempotencyKey: 'order-1', quantity: '2.0' }));
    expect(again).toEqual({ ...original, outcome: 'duplicate' });
  });

  it('of the same key and other content is a conflict that names what differs', async () => {
    await record(buyer.event({ idempotencyKey: 'order-2', quantity: 2 }));
    const refusal = await rejection(
      recorder.record(buyer.event({ idempotencyKey: 'order-2', quantity: 3, dimension: 'storage' })),
    );
    expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', indexes: [0] });
    expect(refusal.message).toMatch(/"order-2".*dimension, quantity/);
    const other = rejection(recorder.record(buyer.event({ idempotencyKey: 'order-2', quantity: 3 })));
    expect((await other).message).toMatch(/differs in quantity; give new usage a new key, or repeat/);
  });

  it('H21 for two dimensions of one business event is refused with the way to have both', async () => {
    const order = (key: (dimension: string) => string) =>
      ['requests', 'storage'].map((dimension) =>
        buyer.event({ dimension, quantity: 1, idempotencyKey: key(dimension) }),
      );
    const refusal = await rejection(recorder.record(order(() => 'order-21')));
    expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', indexes: [1] });
    expect(refusal.message).toMatch(/one event of one dimension: give each its own, such as "storage:…"/);
    for (const event of order((dimension) => `${dimension}:order-21`))
      expect(await record(event)).toMatchObject({ outcome: 'recorded' });
  });

  it('may repeat the key of another subscription', async () => {
    const other = await ledger.buyer();
    await record(buyer.event({ idempotencyKey: 'shared' }));
    expect(await record(other.event({ idempotencyKey: 'shared' }))).toMatchObject({ outcome: 'recorded' });
  });

  it('finds its duplicate whatever the spelling of the subscription id', async () => {
    const original = await record(buyer.event({ idempotencyKey: 'spelling' }));
    const again = await record(buyer.event({ idempotencyKey: 'spelling', subscriptionId: buyer.id.toUpperCase() }));
    expect(again).toEqual({ ...original, outcome: 'duplicate' });
  });

  it.each<[string, Partial<UsageEvent>, string]>([
    ['an unknown subscription', { subscriptionId: '0190a0a0-0000-7000-8000-00000000dead' }, 'SUBSCRIPTION_UNKNOWN'],
    [
      'something that is no id',
      { subscriptionId: `'; DROP TABLE marketplace.usage_event; --` },
      'SUBSCRIPTION_UNKNOWN',
    ],
    ['an undeclared dimension', { dimension: 'cpu' }, 'DIMENSION_UNDECLARED'],
    ['a broken field', { quantity: 'lots' }, 'USAGE_INVALID'],
  ])('of %s is refused', async (_, over, code) => {
    expect(await rejection(recorder.record(buyer.event(over)))).toMatchObject({ code, indexes: [0] });
  });

  it.each(['upcoming', 'suspended', 'ending', 'ended', 'failed'])(
    'is taken while the subscription is %s: state decides sealing, not recording',
    async (state) => {
      const leaving = await ledger.buyer();
      await ledger.query(`UPDATE marketplace.subscription SET state = $2 WHERE id = $1`, [leaving.id, state]);
      expect(await record(leaving.event())).toMatchObject({ outcome: 'recorded' });
    },
  );
});

describe('an array', () => {
  it('is answered in input order, and an empty one at once', async () => {
    const group = await ledger.buyer();
    const events = ['a', 'b', 'a', 'c'].map((idempotencyKey) => group.event({ idempotencyKey }));
    await record(group.event({ idempotencyKey: 'c' }));
    const results = await recorder.record(events);
    ledger.noteRecorded(events[0]!, events[1]!);
    expect(results.map(({ idempotencyKey, outcome }) => `${idempotencyKey} ${outcome}`)).toEqual([
      'a recorded',
      'b recorded',
      'a duplicate',
      'c duplicate',
    ]);
    expect(results[2]!.eventId).toBe(results[0]!.eventId);
    expect(await recorder.record([])).toEqual([]);
  });

  it('is all or nothing: a conflict leaves nothing behind and names the indexes', async () => {
    const group = await ledger.buyer();
    await record(group.event({ idempotencyKey: 'old', quantity: 1 }));
    const keys = ['new-1', 'old', 'new-2', 'old-too'];
    await record(group.event({ idempotencyKey: 'old-too', quantity: 1 }));
    const refusal = await rejection(
      recorder.record(keys.map((idempotencyKey) => group.event({ idempotencyKey, quantity: 5 }))),
    );
    expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', indexes: [1, 3] });
    expect(await ledger.sumOf(group.id)).toEqual({ events: 2, quantity: '2' });
  });

  it('with two contents under one key is refused before any SQL', async () => {
    const group = await ledger.buyer();
    const duplicates = [1, 2].map((quantity) => group.event({ idempotencyKey: 'same', quantity }));
    expect(await rejection(recorder.record(duplicates))).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', indexes: [1] });
    expect(await ledger.sumOf(group.id)).toEqual({ events: 0, quantity: '0' });
  });

  it('shows all problems of all events at once', async () => {
    const refusal = await rejection(
      recorder.record([
        buyer.event(),
        buyer.event({ quantity: -1 }),
        buyer.event({ dimension: 'cpu' }),
        { ...buyer.event(), dimention: 'x' } as UsageEvent,
      ]),
    );
    expect(refusal).toMatchObject({ code: 'USAGE_INVALID', indexes: [1, 2, 3] });
  });

  it('takes 10,000 events and refuses more', async () => {
    const bulk = await ledger.buyer();
    const events = Array.from({ length: 10_000 }, () => bulk.event());
    expect(await recorder.record(events)).toHaveLength(10_000);
    ledger.noteRecorded(...events);
    expect(await rejection(recorder.record([...events, bulk.event()]))).toMatchObject({
      code: 'USAGE_INVALID',
      indexes: [10_000],
    });
    expect(await ledger.sumOf(bulk.id)).toEqual({ events: 10_000, quantity: '10000' });
  });

  it('with a hole in it is refused, not recorded around', async () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(await rejection(recorder.record([buyer.event(), , buyer.event()] as UsageEvent[]))).toMatchObject({
      indexes: [1],
    });
  });
});

describe('many callers', () => {
  it('D29: two hundred at once lose and double nothing, whichever keys they share', async () => {
    const busy = await ledger.buyer();
    const other = await ledger.recorder();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, caller) =>
        record(
          busy.event({ quantity: '0.25', ...(caller % 2 === 0 ? { idempotencyKey: `job-${caller % 20}` } : {}) }),
          caller % 3 === 0 ? other : recorder,
        ),
      ),
    );
    expect(results.filter(({ outcome }) => outcome === 'recorded')).toHaveLength(110);
    expect(new Set(results.map(({ eventId }) => eventId)).size).toBe(110);
    expect(await ledger.sumOf(busy.id)).toEqual({ events: 110, quantity: '27.5' });
  });

  it('D29: two recorders with arrays of the same keys in opposite order neither deadlock nor double', async () => {
    const busy = await ledger.buyer();
    const other = await ledger.recorder();
    const events = Array.from({ length: 300 }, (_, n) => busy.event({ idempotencyKey: `row-${n}` }));
    const rounds = await Promise.all([
      recorder.record(events),
      other.record([...events].reverse()),
      recorder.record(events),
    ]);
    expect(rounds.flat().filter(({ outcome }) => outcome === 'recorded')).toHaveLength(300);
    ledger.noteRecorded(...events);
    expect(await ledger.sumOf(busy.id)).toEqual({ events: 300, quantity: '300' });
  });

  it('D30: what was answered is there for a recorder that starts afterwards', async () => {
    const event = buyer.event({ idempotencyKey: 'survives' });
    const before = await ledger.recorder();
    const { eventId } = await record(event, before);
    await before.onApplicationShutdown();
    const after = await ledger.recorder();
    expect(await after.record(event)).toMatchObject({ eventId, idempotencyKey: 'survives', outcome: 'duplicate' });
  });

  it('any interleaving of calls with repeated keys: one row per key, and the sum of what was accepted', async () => {
    const quantities = fc.constantFrom('1', '0.5', '0', '12.000000000001');
    const call = fc.array(
      fc.record({ key: fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }), quantity: quantities }),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const other = await ledger.recorder();
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
        const property = await ledger.buyer();
        const accepted: UsageEvent[] = [];
        await Promise.all(
          calls.map(async (items, position) => {
            const events = items.map(({ key, quantity }) =>
              property.event({ quantity, ...(key === null ? {} : { idempotencyKey: `key ${key}` }) }),
            );
            const by = position % 2 === 0 ? recorder : other;
            try {
              const results = events.length === 1 ? [await by.record(events[0]!)] : await by.record(events);
              accepted.push(...events.filter((_, index) => results[index]!.outcome === 'recorded'));
            } catch (error) {
              expect((error as UsageRefusedError).code).toBe('IDEMPOTENCY_CONFLICT');
            }
          }),
        );
        ledger.noteRecorded(...accepted);
        const rows = await ledger.query<{ keys: number; events: number }>(
          `SELECT count(*)::int AS events, count(DISTINCT coalesce(key, e.id::text))::int AS keys
           FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject WHERE s.subscription_id = $1`,
          [property.id],
        );
        expect(rows).toEqual([{ events: accepted.length, keys: accepted.length }]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('in the end', () => {
  it('the ledger holds what was answered as recorded, to the last decimal', async () => {
    const { answered, held, queued } = await ledger.conservation();
    expect(held).toEqual(answered);
    expect(queued).toEqual(answered);
    expect(held.events).toBeGreaterThan(10_000);
  });
});
