import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RegistrationService } from '../../../src/index.js';
import { KEPT } from '../../../migrations/initial/guards.sql.js';
import { textOfLedger } from '../../support/ledger-text.js';
import { SELLER } from '../../support/market.js';
import { PRODUCT_CODE, World } from '../../support/world.js';

// What evidence does not need, and how long it is kept. Everything else stays: the tables of money, before and after.

jest.setTimeout(180_000);

const DAY_MS = 24 * 3_600_000;
let world: World;
afterEach(async () => {
  await world.stop();
});

async function begin(retention: Record<string, number> = {}): Promise<void> {
  world = await World.start({ lists: [PRODUCT_CODE], options: { retention } });
}

const count = async (table: string, where: string): Promise<number> => {
  const [row] = await world.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM marketplace.${table} WHERE ${where}`,
  );
  return row?.count ?? 0;
};

/** That many days later, and the job alone: nothing else of the module runs meanwhile. */
async function later(days: number): Promise<void> {
  world.clock.advance(days * DAY_MS);
  await world.run('retention');
}

const SAID = `num_nonnulls(body, event) > 0`;

describe('after its time, and not before', () => {
  it('retention.messagesMs: an applied or ignored message loses what it said, and is still known', async () => {
    await begin({ messagesMs: 20 * DAY_MS });
    const buyer = await world.join('acme');
    await buyer.use(4);
    await world.pass(2);
    const messages = await count('inbox_message', `state = 'applied' AND ${SAID}`);
    expect(messages).toBeGreaterThan(2);
    const insert = (id: string, state: string, error: string | null) =>
      world.database.query(
        `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, state, error)
         VALUES ($1, 'sqs', $2, 'sqs:q', $3, 'said', $4, $5)`,
        [SELLER, id, world.now().toISOString(), state, error],
      );
    await insert('none-of-ours', 'ignored', 'not ours');
    await insert('nobody-knows', 'waiting', 'nobody is known');
    await insert('set-aside', 'deadLettered', 'not understood');
    await later(19);
    expect(await count('inbox_message', SAID)).toBe(messages + 3);
    await later(2);
    // What a person or another message has yet to decide about stays.
    expect(
      await world.database.query(`SELECT message_id FROM marketplace.inbox_message WHERE ${SAID} ORDER BY 1`),
    ).toEqual([{ message_id: 'nobody-knows' }, { message_id: 'set-aside' }]);
    // A repeat of what is empty now is told as one.
    const before = await count('inbox_message', 'true');
    await world.mailbox.deliver(world.mailbox.sent());
    await world.simulator.notifications.settled();
    expect(await count('inbox_message', 'true')).toBe(before);
    expect((await world.expectConserved()).billed).toEqual({ 'l-1': 4 });
  });

  it('retention.deliveriesMs: what was delivered goes, in pieces; what was not, and every event, stays', async () => {
    await begin({ deliveriesMs: 10 * DAY_MS });
    await world.join('acme');
    const delivered = `state = 'delivered'`;
    const events = await count('outbox_event', 'true');
    expect(await count('event_delivery', delivered)).toBeGreaterThan(0);
    await world.database.query(
      `WITH told AS (INSERT INTO marketplace.outbox_event (seller_account, id, type, occurred_at)
         SELECT $1, gen_random_uuid(), 'alert.raised', $2 FROM generate_series(1, 1203) RETURNING id, position)
       INSERT INTO marketplace.event_delivery (seller_account, event_id, handler_id, type, position, state, delivered_at,
         decided_by, decision)
       SELECT $1, id, 'old', 'alert.raised', position,
         CASE row_number() OVER (ORDER BY position) WHEN 1 THEN 'pending' WHEN 2 THEN 'deadLettered' WHEN 3 THEN 'skipped'
           ELSE 'delivered' END,
         CASE WHEN row_number() OVER (ORDER BY position) > 3 THEN $2::timestamptz END, 'ada', 'out of order' FROM told`,
      [SELLER, world.now().toISOString()],
    );
    await later(9);
    expect(await count('event_delivery', delivered)).toBeGreaterThan(1200);
    await later(2);
    expect(await count('event_delivery', delivered)).toBe(0);
    expect(await count('event_delivery', `handler_id = 'old'`)).toBe(3);
    expect(await count('outbox_event', 'true')).toBe(events + 1203);
    await world.expectConserved();
  });

  it('retention.alertsMs: an alert that has ended goes once hosts were told; one that is open or acknowledged stays', async () => {
    await begin({ alertsMs: 30 * DAY_MS });
    const at = world.now().toISOString();
    const raise = (subject: string, more: { resolved?: string; told?: string; by?: string }) =>
      world.database.query(
        `INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, first_raised_at, last_raised_at,
           resolved_at, resolution_told_at, acknowledged_at, acknowledged_by)
         VALUES ($1, 'setupError', $2, 'warning', 'm', $3, $3, $4, $5, CASE WHEN $6::text IS NOT NULL THEN now() END, $6)`,
        [SELLER, subject, at, more.resolved ?? null, more.told ?? null, more.by ?? null],
      );
    await raise('ended', { resolved: at, told: at });
    await raise('untold', { resolved: at });
    await raise('taken on', { resolved: at, told: at, by: 'ada' });
    await raise('open', {});
    const subjects = async (): Promise<string[]> =>
      (
        await world.database.query<{ subject: string }>(
          `SELECT subject FROM marketplace.alert WHERE kind = 'setupError' ORDER BY subject`,
        )
      ).map(({ subject }) => subject);
    await later(29);
    expect(await subjects()).toEqual(['ended', 'open', 'taken on', 'untold']);
    await later(2);
    expect(await subjects()).toEqual(['open', 'taken on', 'untold']);
    await world.expectConserved();
  });

  it('retention.codesMs: a code is forgotten long after it expired; what was claimed stays claimed', async () => {
    await begin({ codesMs: 3 * DAY_MS });
    const buyer = await world.join('acme');
    await later(2);
    expect(await count('registration_code', 'true')).toBe(1);
    // Until then the same claim has the same answer.
    await buyer.signUp('acme');
    await later(2);
    expect(await count('registration_code', 'true')).toBe(0);
    await expect(
      world.app.get(RegistrationService).claim(buyer.registrationCode, { tenantId: 'acme', browser: buyer.browser }),
    ).rejects.toMatchObject({ code: 'CODE_UNKNOWN' });
    expect((await buyer.subscription()).tenantId).toBe('acme');
    await world.expectConserved();
  });
});

it('takes nothing that money is made of, and nothing twice, whichever replicas run it', async () => {
  await begin({ messagesMs: 14 * DAY_MS, deliveriesMs: DAY_MS, alertsMs: DAY_MS, codesMs: DAY_MS });
  const other = await world.addReplica();
  const buyer = await world.join('acme');
  await buyer.use('2.5', { tags: { team: 'blue' } });
  await world.pass(2);
  world.clock.advance(400 * DAY_MS);
  const before = await textOfLedger(world.database);
  await Promise.all([world.run('retention'), world.runOn(other, 'retention')]);
  const after = await textOfLedger(world.database);
  const changed = Object.keys(before).filter((table) => JSON.stringify(before[table]) !== JSON.stringify(after[table]));
  expect(changed).toEqual(['event_delivery', 'inbox_message', 'registration_code']);
  expect(after.inbox_message).toHaveLength(before.inbox_message?.length ?? 0);
  await Promise.all([world.run('retention'), world.runOn(other, 'retention')]);
  expect(await textOfLedger(world.database)).toEqual(after);
  await world.expectConserved();
});

it('DELETE of a row that is evidence is refused in each table that has one, and TRUNCATE of no other reaches it', async () => {
  await begin();
  const buyer = await world.join('acme');
  await buyer.use('2.5', { tags: { team: 'blue' } });
  await world.pass(2);
  await world.expectConserved();
  const text = await textOfLedger(world.database);
  const filled = KEPT.filter((table) => (text[table] ?? []).length > 0);
  expect(filled).toEqual(
    expect.arrayContaining(['metering_record', 'usage_event', 'balance', 'buyer_name', 'attempt']),
  );
  for (const table of filled)
    await expect(world.database.query(`DELETE FROM marketplace.${table}`)).rejects.toThrow(/append-only/);
  // What the role of the tests owns it may truncate; no evidence hangs on it.
  for (const table of Object.keys(text).filter((name) => !KEPT.includes(name) && name !== 'unsealed_usage'))
    await world.database.query(`TRUNCATE marketplace.${table} CASCADE`);
  await expect(world.database.query('TRUNCATE marketplace.unsealed_usage CASCADE')).rejects.toThrow(/append-only/);
  const after = await textOfLedger(world.database);
  for (const table of KEPT) expect([table, after[table]]).toEqual([table, text[table]]);
});
