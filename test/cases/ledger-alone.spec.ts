import { describe, expect, it, jest } from '@jest/globals';
import { SubmissionHold } from '../../src/index.js';
import { type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M26, M27, M28, T13, T23: only the ledger makes money. Siblings: each table that a bill follows from, by UPDATE,
// DELETE and INSERT; what no event may hold; reloaded dumps; a start that would bill hours nobody decided about; a
// clock that goes back; a database that was restored.

jest.setTimeout(180_000);

/** Refused by the database, or done: the rest of the test says what must become of it. */
async function tamper(world: World, statement: string): Promise<'refused' | 'done'> {
  try {
    await world.database.query(statement);
    return 'done';
  } catch {
    return 'refused';
  }
}

const TAMPERINGS: Readonly<Record<string, string>> = {
  'a balance is raised': `UPDATE marketplace.balance SET event_sum = event_sum + 1000`,
  'a balance is lowered': `UPDATE marketplace.balance SET quantity = quantity + 3, event_sum = event_sum`,
  'a balance is deleted': `DELETE FROM marketplace.balance`,
  'a balance is inserted': `INSERT INTO marketplace.balance (seller_account, period_id, dimension, event_sum)
    SELECT seller_account, id, 'storage', 1000 FROM marketplace.period`,
  'an event is changed': `UPDATE marketplace.usage_event SET quantity = quantity + 1000`,
  'an event is deleted': `DELETE FROM marketplace.usage_event`,
  'unsealed usage is changed': `UPDATE marketplace.unsealed_usage SET quantity = quantity + 1000`,
  'unsealed usage is inserted': `INSERT INTO marketplace.unsealed_usage (id, occurred_at, hour, subject, dimension,
    quantity)
    SELECT gen_random_uuid(), occurred_at, (extract(epoch FROM occurred_at) / 3600)::int, subject, dimension, 1000
      FROM marketplace.usage_event`,
  'a rollup is changed': `UPDATE marketplace.rollup SET event_sum = event_sum + 1000`,
  'a rollup gives up its record': `UPDATE marketplace.rollup SET record_id = NULL`,
  'a rollup is inserted': `INSERT INTO marketplace.rollup (id, subject, dimension, hour, is_correction, event_sum,
    event_count, first_at, last_at, taken_at)
    SELECT id + 1000, subject, dimension, hour + 1, false, 1000, 1, first_at, last_at, taken_at FROM marketplace.rollup`,
  'a rollup’s events are changed': `UPDATE marketplace.rollup_event SET ids = ids || ids`,
  'a record is changed': `UPDATE marketplace.metering_record SET quantity = quantity + 1000, event_sum = event_sum +
    1000`,
  'a record is deleted': `DELETE FROM marketplace.metering_record`,
  'a record is inserted': `INSERT INTO marketplace.metering_record
    (seller_account, id, kind, customer_id, subscription_id, period_id, identity_id, product_code, dimension, hour,
      "timestamp", quantity, event_sum,
     event_count, operation, region, mode, sealed_at, state, due_at, cutoff_at)
    SELECT seller_account, gen_random_uuid(), kind, customer_id, subscription_id, period_id, identity_id,
      product_code, dimension,
           hour + interval '1 hour', "timestamp" + interval '1 hour', 1000, 1000, 0, operation, region, mode,
             sealed_at, 'pending',
           due_at + interval '1 hour', cutoff_at + interval '1 hour'
    FROM marketplace.metering_record WHERE kind = 'hour'`,
  'an identity is changed': `UPDATE marketplace.metering_identity SET license_arn = license_arn || '0'`,
  'usage is truncated': `TRUNCATE marketplace.usage_event CASCADE`,
};

describe('M26 by hand', () => {
  it.each(Object.entries(TAMPERINGS))(
    '%s: refused, or found before the next send and held with an alert',
    async (_, statement) => {
      await withWorld({}, async (world) => {
        const buyer = await world.join('acme');
        await buyer.use(3);
        await world.goTo('2026-11-11T11:05:00Z');
        await buyer.use(2);
        await world.goTo('2026-11-11T11:15:00Z');
        const outcome = await tamper(world, statement);
        await world.pass(3);
        const bill = world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
        expect(bill).toBeLessThanOrEqual(5);
        if (outcome === 'refused') await world.expectUnits({ billed: { 'l-1': 5 } });
        else expect((await world.alerts()).filter(({ severity }) => severity === 'critical')).not.toEqual([]);
      });
    },
  );
});

describe('M26 unsealed usage deleted by hand', () => {
  it('is a take like any other: what leaves is rolled up by the database, and billed', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(3);
      await world.goTo('2026-11-11T11:05:00Z');
      await buyer.use(2);
      expect(await tamper(world, 'DELETE FROM marketplace.unsealed_usage')).toBe('done');
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });
});

describe('M27 liveFrom in the past', () => {
  it('is refused at the start, with the option and the fix in the message', async () => {
    await withWorld({ product: { mode: 'dry-run' } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.pass(3);
      const restarted = world.restart({ product: { mode: 'live', liveFrom: at('2026-11-11T10:00:00Z') } });
      await expect(restarted).rejects.toThrow(/liveFrom/);
      await world.restart({ product: { mode: 'live', liveFrom: at('2026-11-11T14:00:00Z') } });
      await world.pass(3);
      const { billed } = await world.expectConserved();
      expect(billed).toBeUndefined();
    });
  });
});

describe('M28 a clock that goes back between two attempts', () => {
  it('makes no false conflict: what was committed first came first', async () => {
    await withWorld({ simulator: { switches: { identicalResend: 'duplicateRecord' } } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(30);
      world.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      await world.goTo('2026-11-11T11:20:00Z');
      world.clock.set(at('2026-11-11T11:12:00Z'));
      await world.turn();
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 30 } });
      expect((await world.alerts()).filter(({ kind }) => kind === 'conflict')).toEqual([]);
    });
  });
});

describe('T13 a database that was restored to two hours ago', () => {
  it('never annuls what AWS calls a duplicate: unknown with an alert, billed 30, not 60', async () => {
    await withWorld({ simulator: { switches: { identicalResend: 'duplicateRecord' } } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(30);
      await world.goTo('2026-11-11T10:50:00Z');
      const restore = await world.backUp();
      await world.goTo('2026-11-11T11:30:00Z');
      await world.expectUnits({ billed: { 'l-1': 30 } });
      await world.goTo('2026-11-11T12:50:00Z');
      await restore();
      await world.app.get(SubmissionHold).release('operator');
      await world.pass(1);
      await world.pass(26, 2);
      const bill = world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
      expect(bill).toBe(30);
      const standing = await world.database.query(
        `SELECT state, quantity::int AS quantity FROM marketplace.metering_record WHERE kind = 'hour' AND quantity > 0`,
      );
      expect(standing).toEqual([{ state: 'unknown', quantity: 30 }]);
      expect(await world.alerts()).not.toEqual([]);
    });
  });
});

describe('T23 by hand, what no ledger may hold', () => {
  const event = (id: string, quantity: string): string =>
    `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
     SELECT ${id}, occurred_at, subject, dimension, ${quantity} FROM marketplace.usage_event LIMIT 1`;
  it.each<[string, string]>([
    ['NaN', event('gen_random_uuid()', `'NaN'`)],
    ['infinity', event('gen_random_uuid()', `'Infinity'`)],
    ['13 decimals', event('gen_random_uuid()', '0.0000000000001')],
    ['an event twice', event('id', 'quantity')],
    ['unsealed usage without an event', TAMPERINGS['unsealed usage is inserted']!],
    [
      'unsealed usage of an event, twice',
      `INSERT INTO marketplace.unsealed_usage SELECT * FROM marketplace.unsealed_usage`,
    ],
    ['a rollup that lists an id twice', `UPDATE marketplace.rollup_event SET ids = ids || ids`],
    ['a rollup of its own', TAMPERINGS['a rollup is inserted']!],
  ])('%s is refused', async (_, statement) => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.goTo('2026-11-11T11:15:00Z');
      await buyer.use(2);
      await expect(world.database.query(statement)).rejects.toThrow();
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 7 } });
    });
  });

  it('usage that was unloaded and is loaded again with triggers on bills nothing twice', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.pass(2);
      await world.database.query(`CREATE TABLE dump AS SELECT * FROM marketplace.usage_event`);
      await expect(world.database.query(`INSERT INTO marketplace.usage_event SELECT * FROM dump`)).rejects.toThrow();
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });
});
