import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LedgerViews } from '../../src/admin/ledger-views.js';
import { LISTS, readListQuery } from '../../src/admin/list-query.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { EventDeliveries } from '../../src/events/event-deliveries.service.js';
import { Outbox } from '../../src/events/outbox.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { LedgerBalance } from '../../src/metering/balance/ledger-balance.js';
import { Waker } from '../../src/runtime/waker.js';
import { ExplainedDatabase, nodesOf, pagesOf, type PlanNode } from '../support/explained-database.js';
import { AdminLedger, hourAgo, hourNumber, SELLER } from './admin-ledger.js';

const BUSY = '019a7f00-0000-7000-8000-000000000001';
const BUSY_RECORD = '019a7f00-0000-7000-8000-000000000002';
let ledger: AdminLedger;
let database: ExplainedDatabase;
let views: LedgerViews;
/** A subscription of which AWS has told. */
let heard: string;

/** Ids that say what they are: the first group names the table, the last counts. */
const idOf = (table: number, n: string): string =>
  `(('019a7f0${table}-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid)`;
const SUBSCRIPTIONS = 4000;
const RECORDS = 10_000;

/** Loaded past the triggers: what counts here is how much there is of what. */
async function load(): Promise<void> {
  const subscriptions = `generate_series(1, ${SUBSCRIPTIONS}) AS n`;
  const product = `CASE WHEN n % 500 = 7 THEN 'rare' ELSE 'larkspur' END`;
  const names = `unnest(ARRAY['dimension-0', 'dimension-1', 'dimension-2', 'dimension-3', 'seldom']) AS name`;
  await ledger.load(
    `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region)
     SELECT '${SELLER}', code, 'saas', 'license', 'us-east-1' FROM unnest(ARRAY['larkspur', 'rare', 'unused']) AS code`,
    `INSERT INTO marketplace.dimension (seller_account, product_code, name)
     SELECT '${SELLER}', code, name FROM unnest(ARRAY['larkspur', 'rare']) AS code, ${names}`,
    `INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id)
     SELECT '${SELLER}', ${idOf(1, 'n')}, ${product}, 'tenant-' || n FROM ${subscriptions}`,
    `INSERT INTO marketplace.buyer (seller_account, id, product_code) SELECT '${SELLER}', ${idOf(2, 'n')}, ${product}
      FROM ${subscriptions}`,
    `INSERT INTO marketplace.buyer_name (seller_account, product_code, kind, digest, name, buyer_id)
     SELECT '${SELLER}', ${product}, 'account', sha256(('a' || n)::bytea), 'a' || n, ${idOf(2, 'n')}
       FROM ${subscriptions}`,
    // The busy subscription is the first; one in 400 ends, one in 40 was folded into the one before it.
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, buyer_id, state,
      current_agreement_id, registered_at, alias_of)
     SELECT '${SELLER}', ${idOf(0, 'n')}, ${product}, ${idOf(1, 'n')}, ${idOf(2, 'n')}, CASE n % 400 WHEN 9
       THEN 'ending' ELSE 'active' END,
       ${idOf(3, 'n')}, '${hourAgo(100)}', CASE WHEN n % 40 = 20 THEN ${idOf(0, 'n - 1')} END FROM ${subscriptions}`,
    `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id, buyer_id)
     SELECT '${SELLER}', ${idOf(3, 'n')}, ${product}, ${idOf(0, 'n')}, ${idOf(2, 'n')} FROM ${subscriptions}`,
    `INSERT INTO marketplace.agreement_name (seller_account, kind, digest, agreement_id, name)
     SELECT '${SELLER}', kind, sha256((kind || n)::bytea), ${idOf(3, 'n')}, kind || n
       FROM ${subscriptions}, unnest(ARRAY['agreement', 'license']) AS kind`,
    `INSERT INTO marketplace.fact (seller_account, id, agreement_id, buyer_id, type, at, heard_at, origin, message_id,
      details)
     SELECT '${SELLER}', ${idOf(4, 'n')}, ${idOf(3, 'n')}, ${idOf(2, 'n')}, 'agreement.created', '${hourAgo(100)}',
       '${hourAgo(100)}', 'eventBridge', 'created-' || n,
       '{"intent": "NEW", "status": "ACTIVE", "startTime": "${hourAgo(100)}", "endTime": null, "previousDigest": null}' FROM ${subscriptions}`,
    `INSERT INTO marketplace.entitlement_snapshot (seller_account, agreement_id, entitlements, fetched_at)
     SELECT '${SELLER}', ${idOf(3, 'n')}, '[]', '${hourAgo(1)}' FROM ${subscriptions}`,
    `INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, claimed_at)
     SELECT '${SELLER}', ${idOf(0, 'n')}, ${product}, 'tenant-' || n, '${hourAgo(100)}', '${hourAgo(100)}'
       FROM ${subscriptions}`,
    `INSERT INTO marketplace.period (seller_account, id, agreement_id, price, mode)
     SELECT '${SELLER}', ${idOf(5, 'n')}, ${idOf(3, 'n')}, 'paid', 'live' FROM ${subscriptions}`,
    `INSERT INTO marketplace.metering_identity (id, product_code, kind, digest, license_arn)
     SELECT ${idOf(6, 'n')}, ${product}, 'license', sha256(('l' || n)::bytea), 'arn' || n FROM ${subscriptions}`,
    `INSERT INTO marketplace.subject (seller_account, product_code, customer_id, tenant_id)
     SELECT '${SELLER}', ${product}, ${idOf(1, 'n')}, 'tenant-' || n FROM ${subscriptions} ORDER BY n`,
    `INSERT INTO marketplace.subject (seller_account, product_code, customer_id, subscription_id)
     SELECT '${SELLER}', ${product}, ${idOf(1, 'n')}, ${idOf(0, 'n')} FROM ${subscriptions} ORDER BY n`,
  );
  // Every fourth record is the busy subscription's, hour by hour backwards.
  await ledger.load(
    `INSERT INTO marketplace.metering_record (seller_account, id, kind, customer_id, subscription_id, period_id,
      identity_id, product_code, dimension, hour,
       "timestamp", quantity, event_sum, event_count, operation, region, mode, sealed_at, state, reason, disposition,
         due_at, cutoff_at, metered_at, closed_at)
     SELECT '${SELLER}', CASE n WHEN 0 THEN '${BUSY_RECORD}'::uuid
       ELSE gen_random_uuid() END, 'hour', ${idOf(1, 'whose')}, ${idOf(0, 'whose')}, ${idOf(5, 'whose')},
       ${idOf(6, 'whose')}, CASE WHEN whose % 500 = 7 THEN 'rare' ELSE 'larkspur' END, CASE WHEN n % 500 = 3
         THEN 'seldom' ELSE 'dimension-' || n % 4 END, h, h,
       2, 2, 2, 'BatchMeterUsage', 'us-east-1', 'live', h, state, CASE WHEN state <> 'metered' THEN state END, CASE
         WHEN state = 'closed' THEN 'held' END, h, h,
       CASE WHEN state = 'metered' THEN h END, CASE WHEN state = 'closed' THEN h END
     FROM generate_series(0, ${RECORDS - 1}) AS n,
       LATERAL (SELECT CASE WHEN n % 4 = 0 THEN 1 ELSE n % ${SUBSCRIPTIONS} + 1 END AS whose) AS owner,
       LATERAL (SELECT '${hourAgo(1)}'::timestamptz - n * interval '1 hour' AS h) AS hours,
       LATERAL (SELECT CASE n % 1000 WHEN 5 THEN 'blocked' WHEN 6 THEN 'unknown' WHEN 7 THEN 'closed'
         ELSE 'metered' END AS state) AS states`,
    `CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
     SELECT row_number() OVER (ORDER BY m.hour DESC, m.id)::integer AS n, m.id, s.id AS subject, d.id AS dimension,
       (extract(epoch FROM m.hour) / 3600)::integer AS hour, m.hour AS at
     FROM marketplace.metering_record m JOIN marketplace.subject s ON s.customer_id = m.customer_id
       AND s.tenant_id IS NOT NULL
     JOIN marketplace.dimension d ON d.product_code = m.product_code AND d.name = m.dimension;
     -- Two events a record; one rollup in 400 more waits, and 4,000 events of running hours lie ahead.
     INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
     SELECT ${idOf(8, 'n * 2 + part')}, at, subject, dimension, 1 FROM numbered, generate_series(0, 1) AS part;
     INSERT INTO marketplace.rollup (id, record_id, subject, dimension, hour, is_correction, event_sum, event_count,
       first_at, last_at, taken_at)
     SELECT n, id, subject, dimension, hour, false, 2, 2, at, at, at FROM numbered;
     INSERT INTO marketplace.rollup_event (rollup_id, ids)
       SELECT n, ARRAY[${idOf(8, 'n * 2')}, ${idOf(8, 'n * 2 + 1')}] FROM numbered;
     INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
     SELECT ${idOf(9, 'n')}, at, subject, dimension, 1 FROM numbered WHERE n % 100 = 1;
     INSERT INTO marketplace.rollup (id, subject, dimension, hour, is_correction, event_sum, event_count, first_at,
       last_at, taken_at, waiting_reason, waiting_since)
     SELECT ${RECORDS} + n, subject, dimension, hour, false, 1, 1, at, at, at, 'refused', at FROM numbered
       WHERE n % 100 = 1;
     INSERT INTO marketplace.rollup_event (rollup_id, ids) SELECT ${RECORDS} + n, ARRAY[${idOf(9, 'n')}] FROM numbered
       WHERE n % 100 = 1;
     INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity)
     SELECT ${idOf(7, 'n')}, '${hourAgo(0)}', subject, dimension, 1 FROM numbered WHERE n % 2 = 0;
     INSERT INTO marketplace.unsealed_usage (id, occurred_at, hour, subject, dimension, quantity)
     SELECT ${idOf(7, 'n')}, '${hourAgo(0)}', ${hourNumber(0)}, subject, dimension, 1 FROM numbered WHERE n % 2 = 0`,
    `INSERT INTO marketplace.balance (seller_account, period_id, dimension, event_sum, quantity)
     SELECT seller_account, period_id, dimension, sum(event_sum), sum(quantity) FROM marketplace.metering_record
       GROUP BY 1, 2, 3`,
    `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count,
      submitter, claimed_at)
     SELECT '${SELLER}', id, 'BatchMeterUsage', product_code, region, id, 1, 'worker', sealed_at FROM marketplace.metering_record`,
    `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id) SELECT seller_account, id, id
      FROM marketplace.metering_record`,
    `INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, first_raised_at, last_raised_at,
      resolved_at)
     SELECT '${SELLER}', CASE WHEN n % 500 = 0 THEN 'owed' ELSE 'expired' END, n, 'warning', 'message', h, h, CASE
       WHEN n % 300 > 0 THEN h END
     FROM generate_series(1, 4000) AS n, LATERAL (SELECT '${hourAgo(0)}'::timestamptz - n * interval '1 minute' AS h)
       AS hours`,
    // One message in 500 is of a rare kind.
    `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, type,
      event_at, event, subscription_id,
       state, error, applied_at)
     SELECT '${SELLER}', CASE n % 500 WHEN 3 THEN 'host' ELSE 'eventBridge' END, 'message-' || n, 'sqs:queue', h, '{}',
       CASE n % 500 WHEN 4 THEN 'legacy.subscribeFailed' ELSE 'license.updated' END, h, '{"about": {}, "details": {}}',
       CASE WHEN state = 'applied' THEN ${idOf(0, `n % ${SUBSCRIPTIONS} + 1`)} END, state, CASE WHEN state <> 'applied' THEN 'error' END, CASE WHEN state = 'applied' THEN h END
     FROM generate_series(1, 10000) AS n,
       LATERAL (SELECT '${hourAgo(0)}'::timestamptz - n * interval '1 minute' AS h) AS hours,
       LATERAL (SELECT CASE n % 500 WHEN 5 THEN 'deadLettered' WHEN 6 THEN 'waiting' WHEN 7 THEN 'ignored' WHEN 8
         THEN 'pending' ELSE 'applied' END AS state) AS states`,
    `INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, occurred_at)
     SELECT seller_account, gen_random_uuid(), 'alert.raised', subscription_id, received_at
       FROM marketplace.inbox_message`,
    `INSERT INTO marketplace.event_delivery (seller_account, event_id, handler_id, type, subscription_id, position,
      state, last_error, delivered_at,
       decided_by, decision)
     SELECT e.seller_account, e.id, handler, e.type, e.subscription_id, e.position, state, 'error', CASE
       WHEN state = 'delivered' THEN e.occurred_at END, 'ada', 'retry'
     FROM marketplace.outbox_event e,
       LATERAL (SELECT CASE e.position % 500 WHEN 5 THEN 'deadLettered' WHEN 7 THEN 'skipped' WHEN 8 THEN 'pending'
         ELSE 'delivered' END AS state) AS states,
       LATERAL (SELECT 'often' AS handler UNION ALL SELECT 'seldom' WHERE e.position % 500 = 5) AS handlers`,
  );
}

beforeAll(async () => {
  ledger = await AdminLedger.open();
  await load();
  heard = (
    await ledger.sql.query<{ id: string }[]>(
      `SELECT subscription_id AS id FROM marketplace.inbox_message WHERE state = 'applied' LIMIT 1`,
    )
  )[0]!.id;
  await ledger.sql.query('VACUUM ANALYZE');

  const options = resolveOptions(ledger.options(), {});
  database = new ExplainedDatabase(await createDataSource(options).initialize());
  const deliveries = new EventDeliveries(options, database, new AlertBoard(options, new Outbox(options)), new Waker());
  views = new LedgerViews(database, new LedgerBalance(database, options), deliveries, options);
});

afterAll(async () => {
  await database.dataSource.destroy();
  await ledger.close();
});

/** Reads a page as the controller does. */
function read(url: string): Promise<{ items: unknown[]; nextCursor: string | null }> {
  const [list = ''] = url.split('?');
  const name = list as keyof typeof LISTS;
  return views[name](readListQuery(LISTS[name] as never, url) as never);
}

/** These have a handful of rows here, or none. */
const SMALL = [
  ...['product', 'dimension', 'payer_choice', 'annulled_rollup', 'proof_cursor', 'unproven_rollup', 'included_usage'],
];
const fullScansOf = (plans: readonly PlanNode[]): (string | undefined)[] =>
  plans
    .flatMap(nodesOf)
    .filter((node) => node['Node Type'] === 'Seq Scan' && !SMALL.includes(node['Relation Name'] ?? ''))
    .map((node) => node['Relation Name']);

/** Of a page, and the one that tells whether another follows. */
const ROWS = 51;
const UNSEALED = 5000;
/** What a list looks up for each row that it shows: names, the period, attempts, the event behind an id. */
const LOOK_UPS: Record<string, number> = { records: 4, events: 4, waiting: 3, subscriptions: 5, deliveries: 1 };

describe('the plan', () => {
  it.each([
    'records',
    `records?subscriptionId=${BUSY}`,
    'records?state=blocked',
    'records?state=unknown',
    'records?state=closed',
    'records?reason=closed',
    'records?disposition=held',
    'records?productCode=rare',
    'records?dimension=seldom',
    'records?dimension=seldom&productCode=larkspur',
    `records?hourFrom=${hourAgo(200)}&hourTo=${hourAgo(190)}`,
    'records?mode=live&state=blocked',
    'records?tenantId=tenant-78',
    'events?tenantId=tenant-1',
    'events?tenantId=tenant-1&unsealed=false',
    'events?tenantId=tenant-1&dimension=dimension-0',
    `events?tenantId=tenant-1&occurredFrom=${hourAgo(60)}&occurredTo=${hourAgo(50)}`,
    `events?tenantId=tenant-1&idempotencyKey=evt_019a7f08-0000-7000-8000-000000000002`,
    `events?recordId=${BUSY_RECORD}`,
    'events?unsealed=true',
    'events?unsealed=true&dimension=dimension-1',
    'waiting',
    'waiting?tenantId=tenant-1',
    'waiting?reason=refused',
    'subscriptions',
    'subscriptions?tenantId=tenant-77',
    'subscriptions?productCode=rare',
    'subscriptions?state=ending',
    'messages',
    'messages?state=deadLettered',
    'messages?state=waiting',
    'messages?state=ignored',
    'messages?state=pending',
    'messages?origin=host',
    'messages?type=legacy.subscribeFailed',
    'messages?type=license.updated&state=deadLettered',
    'messages?subscriptionId=HEARD',
    'messages?subscriptionId=HEARD&state=applied',
    'deliveries',
    'deliveries?state=deadLettered',
    'deliveries?state=pending',
    'deliveries?state=skipped',
    'deliveries?handlerId=seldom',
    'deliveries?handlerId=often&state=deadLettered',
    'deliveries?subscriptionId=HEARD',
    'deliveries?subscriptionId=HEARD&handlerId=often',
    'alerts',
    'alerts?open=true',
    'alerts?kind=owed',
  ])('of %s reads no table from end to end', async (url) => {
    const { items } = await read(url.replace('HEARD', heard));
    const plans = database.takePlans();
    expect({ scans: fullScansOf(plans), found: items.length > 0 }).toEqual({ scans: [], found: true });
    // An index read from end to end would be no better: the list itself touches about as many pages as it has rows, and
    // up to three for each look-up.
    const lookUps = LOOK_UPS[/^\w+/.exec(url)?.[0] ?? ''] ?? 0;
    // All that is unsealed of everybody is gone through for its newest: what the running hours hold, whatever the
    // ledger holds.
    const rows = url.startsWith('events?unsealed=true') ? UNSEALED : ROWS;
    expect(pagesOf(plans)).toBeLessThan(rows * (3 + 3 * lookUps));
    expect(items.length).toBeGreaterThan(0);
  });

  it('of a subscription and of a record by id reads no table from end to end', async () => {
    const quiet = (await read('subscriptions?tenantId=tenant-77')).items[0] as { id: string };
    database.takePlans();
    await views.subscription(quiet.id);
    await views.record(BUSY_RECORD);
    expect(fullScansOf(database.takePlans())).toEqual([]);
  });

  it.each([
    'records',
    `records?subscriptionId=${BUSY}`,
    'events?tenantId=tenant-1',
    'events?unsealed=true',
    'subscriptions',
    'messages',
    'messages?type=license.updated',
    'deliveries',
    'deliveries?handlerId=often',
    'deliveries?state=delivered',
    'alerts',
    'balance',
  ])('of %s costs as much deep down as at the start', async (list) => {
    const costs: number[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < 30; page += 1) {
      const answer = await read(
        `${list}${list.includes('?') ? '&' : '?'}limit=50${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      costs.push(pagesOf(database.takePlans()));
      cursor = answer.nextCursor;
      expect(cursor).not.toBeNull();
    }
    // The first page of the balance proves the whole ledger; the first of any may find cold caches of the planner.
    const [early, deep] = [costs.slice(1, 6), costs.slice(-5)].map((part) => part.sort((a, b) => a - b)[2]!) as [
      number,
      number,
    ];
    expect({ list, early, deep, isFlat: deep <= early * 2 + 20 }).toMatchObject({ isFlat: true });
  });
});
