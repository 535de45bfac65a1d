import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type QueryRunner } from 'typeorm';
import { sqlStateOf } from '../../../src/database/ledger-database.js';
import { SealingLedger } from './sealing-ledger.js';

/**
 * What the database refuses, whoever asks: a defect, an older replica or a hand-written statement. Each statement runs in a transaction of its own
 * that is rolled back, on a ledger with two records of one subscription: `pending` and `live` stand for their ids.
 */
let ledger: SealingLedger;
let subscription: string;
let stranger: string;
let ids: { first: string; second: string; event: string; unassigned: string };
let runner: QueryRunner;

beforeAll(async () => {
  ledger = await SealingLedger.open();
  [subscription = '', stranger = ''] = await ledger.subscribeMany(2);
  await ledger.record(subscription, { quantity: '3.5', at: '2026-11-11T09:10:00Z' }, { quantity: 2, at: '2026-11-11T10:10:00Z' });
  await ledger.record(subscription, { quantity: 9, at: '2026-11-11T11:10:00Z' });
  await ledger.seal();
  const [first, second] = await ledger.records();
  const events = await ledger.database.query<{ id: string; record_id: string | null }>(
    `SELECT id, record_id FROM marketplace.usage_event ORDER BY occurred_at`,
  );
  ids = { first: first?.id ?? '', second: second?.id ?? '', event: events[0]?.id ?? '', unassigned: events[2]?.id ?? '' };
});

afterAll(async () => {
  await ledger.expectConserved().finally(() => ledger.close());
});

beforeEach(async () => {
  runner = ledger.database.dataSource.createQueryRunner();
  await runner.startTransaction();
});

afterEach(async () => {
  if (runner.isTransactionActive) await runner.rollbackTransaction();
  await runner.release();
});

const filled = (sql: string): string =>
  sql
    .replaceAll(':first', `'${ids.first}'`)
    .replaceAll(':second', `'${ids.second}'`)
    .replaceAll(':event', `'${ids.event}'`)
    .replaceAll(':unassigned', `'${ids.unassigned}'`)
    .replaceAll(':subscription', `'${subscription}'`)
    .replaceAll(':stranger', `'${stranger}'`);

/** Runs statements up to the commit, where deferred constraints speak; gives the SQLSTATE of the refusal. */
async function refusalOf(...statements: string[]): Promise<string | undefined> {
  try {
    for (const sql of statements) await runner.query(filled(sql));
    await runner.query('SET CONSTRAINTS ALL IMMEDIATE');
    return undefined;
  } catch (error) {
    return sqlStateOf(error);
  }
}

const RECORD = 'UPDATE marketplace.metering_record SET';
const CLOSED = `state = 'closed', reason = 'expired', closed_at = now()`;
const LEASED = `state = 'sending', lease_token = gen_random_uuid(), lease_until = now()`;

/** A further record like the first one, with some columns changed. */
const another = (changes: Record<string, string>): string => {
  const columns = [
    'id',
    'hour',
    'timestamp',
    'quantity',
    'event_sum',
    'carry_in',
    'carry_out',
    'event_count',
    'kind',
    'state',
    'allocations',
  ]
    .concat([
      'mode',
      'identity',
      'license_arn',
      'customer_identifier',
      'reason',
      'disposition',
      'closed_at',
      'closed_by',
      'due_at',
      'dimension',
    ])
    .concat([
      'subscription_id',
      'seller_account',
      'product_code',
      'operation',
      'region',
      'customer_aws_account_id',
      'sealed_at',
      'cutoff_at',
    ]);
  const values: Record<string, string> = {
    id: 'gen_random_uuid()',
    hour: `'2026-11-11T08:00:00Z'`,
    timestamp: `'2026-11-11T08:00:00Z'`,
    quantity: '0',
    event_sum: '0',
    event_count: '0',
    carry_in: '0.5',
    carry_out: '0.5',
    ...changes,
  };
  return `INSERT INTO marketplace.metering_record (${columns.map((column) => `"${column}"`).join(', ')})
    SELECT ${columns.map((column) => values[column] ?? `"${column}"`).join(', ')} FROM marketplace.metering_record WHERE id = :first`;
};
const CLOSING = { kind: `'closing'`, state: `'closed'`, closed_at: 'now()', reason: `'ended'`, disposition: `'held'`, mode: `'off'` };

const attempt = (evidence: string): string[] => [
  `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count, submitter)
   VALUES ('seller', '00000000-0000-7000-8000-000000000001', 'BatchMeterUsage', 'larkspur', 'us-east-1', gen_random_uuid(), 1, 'test')`,
  `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id, evidence)
   VALUES ('seller', '00000000-0000-7000-8000-000000000001', :first, '${evidence}')`,
];

describe('the ledger refuses', () => {
  it.each<[what: string, statements: string[]]>([
    // I2: frozen
    ...Object.entries({
      quantity: '4',
      event_sum: '4',
      event_count: '2',
      carry_in: '1',
      carry_out: '1',
      hour: `hour - interval '1 hour'`,
      timestamp: `"timestamp" + interval '1 second'`,
      dimension: `'storage'`,
      subscription_id: ':stranger',
      product_code: `'other'`,
      region: `'eu-west-1'`,
      license_arn: `'arn:aws:license-manager::1:license:l-2'`,
      customer_aws_account_id: `'1'`,
      mode: `'dry-run'`,
      allocations: `'[{"AllocatedUsageQuantity": 3}]'`,
      notes: `'{"a": 1}'`,
      operation: `'MeterUsage'`,
      sealed_at: 'now()',
      kind: `'closing'`,
      id: 'gen_random_uuid()',
      seller_account: `'other'`,
    }).map(([column, value]): [string, string[]] => [
      `a change of a record's ${column}`,
      [`${RECORD} "${column}" = ${value} WHERE id = :first`],
    ]),
    ...['subscription', 'seal_cursor', 'usage_event', 'balance', 'metering_record', 'product'].flatMap((table): [string, string[]][] => [
      [`to delete from ${table}`, [`DELETE FROM marketplace.${table}`]],
      [`to truncate ${table}`, [`TRUNCATE marketplace.${table} CASCADE`]],
    ]),
    ['a change of an event', [`UPDATE marketplace.usage_event SET quantity = 1 WHERE id = :unassigned`]],
    ['a change of a billed event', [`UPDATE marketplace.usage_event SET occurred_at = now() WHERE id = :event`]],
    ['to bill an event a second time', [`UPDATE marketplace.usage_event SET record_id = :second WHERE id = :event`]],
    ['to take an event from its record', [`UPDATE marketplace.usage_event SET record_id = NULL WHERE id = :event`]],
    [
      'to bill an event on a record that does not exist',
      [`UPDATE marketplace.usage_event SET record_id = gen_random_uuid() WHERE id = :unassigned`],
    ],
    [
      'to move an event to a subscription that its own was not merged into',
      [`UPDATE marketplace.usage_event SET subscription_id = :stranger WHERE id = :unassigned`],
    ],
    [
      'to move a billed event along a merge',
      [
        `UPDATE marketplace.subscription SET merged_into = :stranger WHERE id = :subscription`,
        `UPDATE marketplace.usage_event SET subscription_id = :stranger WHERE id = :event`,
      ],
    ],
    [
      'an event that is billed from the start',
      [
        `INSERT INTO marketplace.usage_event SELECT seller_account, subscription_id, gen_random_uuid(), dimension, 1, now(), now(), 'k', NULL, NULL, record_id FROM marketplace.usage_event WHERE id = :event`,
      ],
    ],
    [
      'a correction without a reason',
      [
        `INSERT INTO marketplace.usage_event SELECT seller_account, subscription_id, gen_random_uuid(), dimension, -1, now(), now(), 'k', NULL, NULL, NULL FROM marketplace.usage_event WHERE id = :event`,
      ],
    ],
    // I3 and the balance
    ['a second record of one hour', [another({ hour: 'hour', timestamp: '"timestamp"' })]],
    ['a record that does not balance', [another({ quantity: '1' })]],
    ['a record whose carry is not the balance', [another({ carry_in: '0', carry_out: '0' })]],
    ['a record that takes units that nobody recorded', [another({ event_sum: '1', quantity: '1', carry_in: '0.25', carry_out: '0.25' })]],
    ['a fraction of a unit', [another({ event_sum: '1', quantity: '0.5', carry_out: '1' })]],
    ['less than nothing', [another({ event_sum: '-1', quantity: '-1' })]],
    ['more than AWS takes', [another({ event_sum: '2147483648', quantity: '2147483648' })]],
    ['an hour that is none', [another({ hour: `'2026-11-11T08:30:00Z'`, timestamp: `'2026-11-11T08:30:00Z'` })]],
    ['a timestamp outside the hour', [another({ timestamp: `'2026-11-11T09:00:00Z'` })]],
    ['allocations that do not sum to the quantity', [another({ allocations: `'[{"AllocatedUsageQuantity": 1}]'::jsonb` })]],
    ['a record without an identity', [another({ license_arn: 'NULL' })]],
    ['a legacy record with a license', [another({ identity: `'legacy'` })]],
    ['a legacy record with two identities', [another({ identity: `'legacy'`, license_arn: 'NULL', customer_identifier: `'c'` })]],
    ['a due date after the cutoff', [another({ due_at: `cutoff_at + interval '1 second'` })]],
    ['a record that does not start pending', [another({ state: `'metered'` })]],
    ['a closing that is to be sent', [another({ ...CLOSING, state: `'pending'`, closed_at: 'NULL', disposition: 'NULL', reason: 'NULL' })]],
    ['a closing that is carried', [another({ ...CLOSING, disposition: `'carried'` })]],
    ['a debt that is held', [another({ ...CLOSING, event_sum: '-1', quantity: '-1' })]],
    ['units that are owed', [another({ ...CLOSING, event_sum: '1', quantity: '1', disposition: `'owed'` })]],
    // transitions
    ['pending to metered without proof', [`${RECORD} state = 'metered', metered_at = now() WHERE id = :first`]],
    ['pending to blocked', [`${RECORD} state = 'blocked', reason = 'x' WHERE id = :first`]],
    ['sending without a lease', [`${RECORD} state = 'sending' WHERE id = :first`]],
    ['a lease without sending', [`${RECORD} lease_token = gen_random_uuid(), lease_until = now() WHERE id = :first`]],
    [
      'sending to closed',
      [
        `${RECORD} ${LEASED} WHERE id = :first`,
        `${RECORD} ${CLOSED}, disposition = 'held', lease_token = NULL, lease_until = NULL WHERE id = :first`,
      ],
    ],
    [
      'sending to unknown',
      [
        `${RECORD} ${LEASED} WHERE id = :first`,
        `${RECORD} state = 'unknown', reason = 'x', lease_token = NULL, lease_until = NULL WHERE id = :first`,
      ],
    ],
    [
      'closed to pending',
      [
        `${RECORD} ${CLOSED}, disposition = 'held' WHERE id = :first`,
        `${RECORD} state = 'pending', closed_at = NULL, disposition = NULL WHERE id = :first`,
      ],
    ],
    [
      'unknown to pending',
      [`${RECORD} state = 'unknown', reason = 'x' WHERE id = :first`, `${RECORD} state = 'pending' WHERE id = :first`],
    ],
    ['unknown without a reason', [`${RECORD} state = 'unknown' WHERE id = :first`]],
    ['closed without a disposition', [`${RECORD} ${CLOSED} WHERE id = :first`]],
    ['void without a name', [`${RECORD} ${CLOSED}, disposition = 'void' WHERE id = :first`]],
    ['an hour that is owed', [`${RECORD} ${CLOSED}, disposition = 'owed' WHERE id = :first`]],
    [
      'carried to held',
      [`${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`, `${RECORD} disposition = 'held' WHERE id = :first`],
    ],
    [
      'carried twice',
      [`${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`, `${RECORD} disposition = 'transferred' WHERE id = :first`],
    ],
    [
      'void to carried',
      [
        `${RECORD} ${CLOSED}, disposition = 'void', closed_by = 'x' WHERE id = :first`,
        `${RECORD} disposition = 'carried' WHERE id = :first`,
      ],
    ],
    // I5
    [
      'to hand back units that an attempt may have billed',
      [...attempt('uncertain'), `${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`],
    ],
    ['to hand back units that were billed', [...attempt('billed'), `${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`]],
    [
      'to transfer units that an attempt may have billed',
      [...attempt('uncertain'), `${RECORD} ${CLOSED}, disposition = 'transferred' WHERE id = :first`],
    ],
    [
      'to hand back held units that an attempt may have billed',
      [
        ...attempt('uncertain'),
        `${RECORD} ${CLOSED}, disposition = 'held' WHERE id = :first`,
        `${RECORD} disposition = 'carried' WHERE id = :first`,
      ],
    ],
    ['to unsay evidence', [...attempt('billed'), `UPDATE marketplace.attempt_record SET evidence = 'refused'`]],
    [
      'a change of what is metered',
      [
        ...attempt('billed'),
        `${RECORD} state = 'metered', metered_at = now() WHERE id = :first`,
        `${RECORD} metering_record_id = 'x' WHERE id = :first`,
      ],
    ],
    // the rest
    ['another product for a subscription', [`UPDATE marketplace.subscription SET product_code = 'x' WHERE id = :subscription`]],
    ['another region for a product', [`UPDATE marketplace.product SET region = 'eu-west-1'`]],
    ['an end without a sign', [`UPDATE marketplace.subscription SET state = 'ending', ends_at = now() WHERE id = :subscription`]],
  ])('%s', async (_what, statements) => {
    expect(await refusalOf(...statements)).toMatch(/^23/);
  });
});

describe('the ledger takes', () => {
  it.each<[what: string, statements: string[]]>([
    ['the record that these tests vary', [another({})]],
    ['a closing', [another({ ...CLOSING, event_sum: '0', quantity: '0.5', carry_out: '0' })]],
    [
      'a debt that is owed, then settled by a person',
      [
        another({ ...CLOSING, event_sum: '-1', quantity: '-1', disposition: `'owed'` }),
        `${RECORD} disposition = 'void', closed_by = 'x' WHERE kind = 'closing'`,
      ],
    ],
    ['units handed back', [`${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`]],
    [
      'units handed back after attempts that were refused',
      [...attempt('refused'), `${RECORD} ${CLOSED}, disposition = 'carried' WHERE id = :first`],
    ],
    ['late proof', [...attempt('billed'), `${RECORD} state = 'metered', metered_at = now() WHERE id = :first`]],
    [
      'an event that follows a merge',
      [
        `UPDATE marketplace.subscription SET merged_into = :stranger WHERE id = :subscription`,
        `UPDATE marketplace.usage_event SET subscription_id = :stranger WHERE id = :unassigned`,
      ],
    ],
  ])('%s', async (_what, statements) => {
    expect(await refusalOf(...statements)).toBeUndefined();
  });
});
