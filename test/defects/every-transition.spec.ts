import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { sqlStateOf, type LedgerSql } from '../../src/database/ledger-database.js';
import { type Disposition, type RecordState } from '../../src/metering/settlement/record-outcome.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// Every change of state, disposition and evidence that there could be, with plain SQL: the database takes those that
// are drawn, and no others. What else it refuses: test/metering/sealing/record-guards.spec.ts.

const RESTRICT_VIOLATION = '23001';
const STATES: RecordState[] = ['pending', 'sending', 'metered', 'blocked', 'unknown', 'closed'];
const DISPOSITIONS: Disposition[] = ['annulled', 'held', 'void', 'owed'];

/** As docs/evidence.md draws them. */
const DRAWN = new Set([
  ...[
    'pending > sending',
    'sending > metered',
    'sending > pending',
    'sending > blocked',
    'blocked > pending',
    'pending > closed',
  ],
  ...['blocked > closed', 'pending > unknown', 'blocked > unknown', 'unknown > metered', 'unknown > closed'],
  ...['pending > metered', 'blocked > metered', 'pending > blocked'],
]);
const DECIDED = new Set(['held > annulled', 'held > void', 'owed > void']);

const PATHS: Record<RecordState, RecordState[]> = {
  pending: [],
  sending: ['sending'],
  metered: ['sending', 'metered'],
  blocked: ['sending', 'blocked'],
  unknown: ['unknown'],
  closed: ['closed'],
};

const DONE = new Error('rolled back, as every case here');
let world: World;

/** One record that AWS has billed, and a balance of another dimension that stands at −2. */
beforeAll(async () => {
  world = await World.start({ lists: [PRODUCT_CODE] });
  const buyer = await world.join('acme');
  await buyer.use(3);
  await buyer.use(-2, { dimension: 'storage', reason: 'counted twice' });
  await world.pass(1.5);
});
afterAll(async () => {
  await world.expectConserved();
  await world.stop();
});

/**
 * The error of `step` after `prepare`, in a transaction that leaves nothing behind; null when the database lets it
 * pass.
 */
async function refusalOf(
  prepare: (tx: LedgerSql) => Promise<unknown>,
  step: (tx: LedgerSql) => Promise<unknown>,
): Promise<string | null> {
  let refusal: string | null = null;
  await world.database
    .transaction(async (tx) => {
      await prepare(tx);
      try {
        await step(tx);
      } catch (error) {
        refusal = sqlStateOf(error) ?? String(error);
      }
      throw DONE;
    })
    .catch((error: unknown) => {
      if (error !== DONE) throw error;
    });
  return refusal;
}

const nothing = () => Promise.resolve();

/**
 * A record of an hour of its own that asks for nothing, or a closing of what is owed: neither has rollups, which would
 * have to belong to it. And an attempt at it with the given evidence.
 */
async function insert(tx: LedgerSql, { kind = 'hour', evidence = 'billed' } = {}): Promise<string> {
  const id = uuidv7();
  const isClosing = kind === 'closing';
  await tx.query(
    `INSERT INTO marketplace.metering_record (seller_account, id, kind, customer_id, subscription_id, period_id,
      identity_id, product_code, dimension,
       hour, "timestamp", quantity, event_sum, event_count, carry_in, carry_out, operation, region, mode, sealed_at,
         due_at, cutoff_at,
       state, reason, disposition, closed_at)
     SELECT seller_account, $1, $2::text, customer_id, subscription_id, period_id, CASE WHEN $2 = 'hour'
       THEN identity_id END, product_code, dimension,
       hour + interval '9 h', hour + interval '9 h', $3::numeric, 0, 0, carry_out, carry_out - $3, operation, region,
         'live', sealed_at, due_at, cutoff_at,
       $4::text, $5, $6, CASE WHEN $4 = 'closed' THEN sealed_at END
     FROM marketplace.metering_record WHERE dimension = $7`,
    [
      id,
      kind,
      ...(isClosing ? [-2, 'closed', 'remainder', 'owed', 'storage'] : [0, 'pending', null, null, 'requests']),
    ],
  );
  const attempt = uuidv7();
  await tx.query(
    `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count,
      submitter, claimed_at)
     SELECT seller_account, $1, operation, product_code, region, $1, 1, 'by hand', sealed_at FROM marketplace.metering_record
       WHERE id = $2`,
    [attempt, id],
  );
  await tx.query(
    `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id, evidence)
     SELECT seller_account, $1, id, $3 FROM marketplace.metering_record WHERE id = $2`,
    [attempt, id, evidence],
  );
  return id;
}

/**
 * Puts a record into a state with everything that the state needs, so that nothing but the transition can be refused.
 */
const move = (tx: LedgerSql, id: string, state: RecordState, disposition: Disposition = 'held'): Promise<unknown> =>
  tx.query(
    `UPDATE marketplace.metering_record SET state = $2,
       lease_token = CASE WHEN $2 = 'sending' THEN id END, lease_until = CASE WHEN $2 = 'sending' THEN sealed_at END,
       reason = CASE WHEN $2 IN ('blocked', 'unknown', 'closed') THEN 'shown' END, metered_at = CASE
         WHEN $2 = 'metered' THEN sealed_at END,
       closed_at = CASE WHEN $2 = 'closed' THEN sealed_at END, disposition = CASE WHEN $2 = 'closed' THEN $3 END,
       closed_by = CASE WHEN $2 = 'closed' THEN 'ada' END
     WHERE id = $1`,
    [id, state, disposition],
  );

describe('I2 the state of a record', () => {
  const pairs = STATES.flatMap((from) => STATES.filter((to) => to !== from).map((to) => [from, to] as const));
  it.each(pairs)('from %s to %s changes exactly when that is drawn', async (from, to) => {
    let id = '';
    const refusal = await refusalOf(
      async (tx) => {
        id = await insert(tx);
        for (const state of PATHS[from]) await move(tx, id, state);
      },
      (tx) => move(tx, id, to),
    );
    expect(refusal).toBe(DRAWN.has(`${from} > ${to}`) ? null : RESTRICT_VIOLATION);
  });

  const decisions = DISPOSITIONS.flatMap((from) =>
    DISPOSITIONS.filter((to) => to !== from).map((to) => [from, to] as const),
  );
  it.each(decisions)('once closed, from %s to %s changes exactly when a person may decide so', async (from, to) => {
    const refusal = await refusalOf(nothing, async (tx) => {
      let id: string;
      if (from === 'owed') {
        id = await insert(tx, { kind: 'closing', evidence: 'refused' });
      } else {
        id = await insert(tx, { evidence: 'refused' });
        await move(tx, id, 'closed', from);
      }
      await tx.query(`UPDATE marketplace.metering_record SET disposition = $2, closed_by = 'ada' WHERE id = $1`, [
        id,
        to,
      ]);
    });
    expect(refusal === null).toBe(DECIDED.has(`${from} > ${to}`));
  });
});

describe('I5 what an attempt has shown', () => {
  it.each([
    ['billed', 'refused', false],
    ['billed', 'uncertain', false],
    ['refused', 'uncertain', false],
    ['refused', 'billed', true],
    ['uncertain', 'billed', true],
    ['uncertain', 'refused', true],
  ])('evidence %s becomes %s: %s', async (from, to, isAllowed) => {
    let id = '';
    const prepare = async (tx: LedgerSql) => (id = await insert(tx, { evidence: from }));
    const step = (tx: LedgerSql) =>
      tx.query(`UPDATE marketplace.attempt_record SET evidence = $2 WHERE record_id = $1`, [id, to]);
    expect(await refusalOf(prepare, step)).toBe(isAllowed ? null : RESTRICT_VIOLATION);
  });
});
