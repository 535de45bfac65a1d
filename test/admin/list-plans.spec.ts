import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LedgerViews } from '../../src/admin/ledger-views.js';
import { LISTS, readListQuery } from '../../src/admin/list-query.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type Isolation, LedgerDatabase, type SqlExecutor } from '../../src/database/ledger-database.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { EventDeliveries } from '../../src/events/event-deliveries.service.js';
import { Outbox } from '../../src/events/outbox.js';
import { resolveOptions } from '../../src/marketplace-metering.options.js';
import { LedgerBalance } from '../../src/metering/balance/ledger-balance.js';
import { Waker } from '../../src/runtime/waker.js';
import { AdminLedger, hourAgo, SELLER } from './admin-ledger.js';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: PlanNode[];
}

/** Runs every statement twice: once to explain it, once for its rows. */
class ExplainedDatabase extends LedgerDatabase {
  private plans: PlanNode[] = [];

  /** Plans since the last call. */
  takePlans(): PlanNode[] {
    return this.plans.splice(0);
  }

  override async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.explained({ query: (text, values) => super.query(text, values) }).query<Row>(sql, parameters);
  }

  override transaction<T>(work: (tx: SqlExecutor) => Promise<T>, isolation?: Isolation): Promise<T> {
    return super.transaction((tx) => work(this.explained(tx)), isolation);
  }

  private explained(on: SqlExecutor): SqlExecutor {
    return {
      query: async (sql, parameters) => {
        const [row] = await on.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`, parameters);
        this.plans.push(row!['QUERY PLAN'][0].Plan);
        return on.query(sql, parameters);
      },
    };
  }
}

const BUSY = '019a7f00-0000-7000-8000-000000000001';
const BUSY_RECORD = '019a7f00-0000-7000-8000-000000000002';
let ledger: AdminLedger;
let database: ExplainedDatabase;
let views: LedgerViews;
/** A subscription of which AWS has told. */
let heard: string;

beforeAll(async () => {
  ledger = await AdminLedger.open();
  for (const code of ['rare', 'unused']) await ledger.product(code);
  // Loaded past the triggers: what counts here is how much there is of what.
  await ledger.corrupt(`
    INSERT INTO marketplace.subscription (seller_account, id, product_code, tenant_id, state, registered_at, starts_at, ends_at, first_end_sign_at, last_end_sign_at)
    SELECT '${SELLER}', CASE n WHEN 1 THEN '${BUSY}'::uuid ELSE gen_random_uuid() END, CASE WHEN n % 500 = 7 THEN 'rare' ELSE 'larkspur' END, 'tenant-' || n / 2,
      CASE WHEN e IS NULL THEN 'registered' ELSE 'ending' END, '${hourAgo(100)}', '${hourAgo(100)}', e, e, e
    FROM generate_series(1, 4000) AS n, LATERAL (SELECT CASE WHEN n % 400 = 9 THEN '${hourAgo(0)}'::timestamptz END) AS ends (e)`);
  await ledger.corrupt(`
    INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity, event_sum,
      event_count, carry_in, carry_out, operation, region, mode, identity, license_arn, customer_aws_account_id, sealed_at, state, reason, disposition,
      due_at, cutoff_at, metered_at, closed_at)
    SELECT '${SELLER}', CASE n WHEN 0 THEN '${BUSY_RECORD}'::uuid ELSE gen_random_uuid() END, 'hour', CASE WHEN n % 4 = 0 THEN '${BUSY}' ELSE s.id END, s.product_code,
      CASE WHEN n % 500 = 3 THEN 'seldom' ELSE 'dimension-' || n % 4 END, h, h, 1, 1, 1, 0, 0, 'BatchMeterUsage', 'us-east-1', 'live', 'license', 'arn', '1', h,
      state, CASE WHEN state <> 'metered' THEN state END, CASE WHEN state = 'closed' THEN 'held' END, h, h, CASE WHEN state = 'metered' THEN h END,
      CASE WHEN state = 'closed' THEN h END
    FROM generate_series(0, 9999) AS n
    JOIN (SELECT id, product_code, row_number() OVER () AS at FROM marketplace.subscription) AS s ON s.at = n % 4000 + 1,
      LATERAL (SELECT '${hourAgo(0)}'::timestamptz - n * interval '1 hour') AS hours (h),
      LATERAL (SELECT CASE n % 1000 WHEN 5 THEN 'blocked' WHEN 6 THEN 'unknown' WHEN 7 THEN 'closed' ELSE 'metered' END) AS states (state)`);
  await ledger.corrupt(`
    INSERT INTO marketplace.usage_event (seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key, record_id)
    SELECT '${SELLER}', CASE WHEN n % 2 = 0 THEN '${BUSY}' ELSE r.subscription_id END, gen_random_uuid(), r.dimension, 1, r.hour, r.hour, 'key-' || n,
      CASE WHEN n % 2 = 0 THEN '${BUSY_RECORD}' WHEN n % 400 = 1 THEN NULL ELSE r.id END
    FROM generate_series(1, 20000) AS n
    JOIN (SELECT *, row_number() OVER () AS at FROM marketplace.metering_record) AS r ON r.at = n % 10000 + 1`);
  await ledger.corrupt(`
    INSERT INTO marketplace.balance (seller_account, subscription_id, dimension, assigned, sealed)
    SELECT DISTINCT seller_account, subscription_id, dimension, 0, 0 FROM marketplace.metering_record`);
  await ledger.corrupt(`
    INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, first_raised_at, last_raised_at, resolved_at)
    SELECT '${SELLER}', CASE WHEN n % 500 = 0 THEN 'owed' ELSE 'expired' END, n, 'warning', 'message', h, h, CASE WHEN n % 300 > 0 THEN h END
    FROM generate_series(1, 4000) AS n, LATERAL (SELECT '${hourAgo(0)}'::timestamptz - n * interval '1 minute') AS hours (h)`);
  await ledger.corrupt(`
    INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count, submitter)
    SELECT '${SELLER}', id, 'BatchMeterUsage', product_code, region, id, 1, 'worker' FROM marketplace.metering_record`);
  await ledger.corrupt(`
    INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id) SELECT seller_account, id, id FROM marketplace.metering_record`);
  await ledger.corrupt(`
    INSERT INTO marketplace.subscription_alias (seller_account, kind, scope, value, subscription_id)
    SELECT seller_account, 'license', '', id, id FROM marketplace.subscription`);
  await ledger.corrupt(`
    INSERT INTO marketplace.entitlement_snapshot (seller_account, subscription_id, entitlements, fetched_at)
    SELECT seller_account, id, '[]', registered_at FROM marketplace.subscription`);
  // One message in 500 is of a rare kind; a subscription in 20 has a predecessor.
  await ledger.corrupt(`
    INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, type, event_at, event, subscription_id,
      state, error, applied_at)
    SELECT '${SELLER}', CASE n % 500 WHEN 3 THEN 'host' ELSE 'eventBridge' END, 'message-' || n, 'sqs:queue', h, '{}',
      CASE n % 500 WHEN 4 THEN 'subscription.failed' ELSE 'license.updated' END, h, '{"about": {}, "details": {}}',
      CASE WHEN state = 'applied' THEN s.id END, state, CASE WHEN state <> 'applied' THEN 'error' END, CASE WHEN state = 'applied' THEN h END
    FROM generate_series(1, 10000) AS n
    JOIN (SELECT id, row_number() OVER () AS at FROM marketplace.subscription) AS s ON s.at = n % 4000 + 1,
      LATERAL (SELECT '${hourAgo(0)}'::timestamptz - n * interval '1 minute') AS hours (h),
      LATERAL (SELECT CASE n % 500 WHEN 5 THEN 'parked' WHEN 6 THEN 'waiting' WHEN 7 THEN 'ignored' WHEN 8 THEN 'pending' ELSE 'applied' END) AS states (state)`);
  await ledger.corrupt(`
    INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, occurred_at)
    SELECT seller_account, gen_random_uuid(), 'alert.raised', subscription_id, received_at FROM marketplace.inbox_message`);
  await ledger.corrupt(`
    INSERT INTO marketplace.event_delivery (seller_account, event_id, handler_id, type, subscription_id, position, state, last_error, delivered_at,
      decided_by, decision)
    SELECT e.seller_account, e.id, handler, e.type, e.subscription_id, e.position, state, 'error', CASE WHEN state = 'delivered' THEN e.occurred_at END, 'ada', 'retry'
    FROM marketplace.outbox_event e,
      LATERAL (SELECT CASE e.position % 500 WHEN 5 THEN 'parked' WHEN 7 THEN 'skipped' WHEN 8 THEN 'pending' ELSE 'delivered' END) AS states (state),
      LATERAL (SELECT 'often' AS handler UNION ALL SELECT 'seldom' WHERE e.position % 500 = 5) AS handlers`);
  await ledger.corrupt(`
    WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS at FROM marketplace.subscription)
    UPDATE marketplace.subscription s SET predecessor_id = before.id
    FROM numbered own JOIN numbered before ON before.at = own.at - 1 WHERE own.id = s.id AND own.at % 20 = 0`);
  heard = (
    await ledger.sql.query<{ id: string }[]>(`SELECT subscription_id AS id FROM marketplace.inbox_message WHERE state = 'applied' LIMIT 1`)
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

const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
/** The product table has a handful of rows. */
const fullScansOf = (plans: readonly PlanNode[]): (string | undefined)[] =>
  plans
    .flatMap(nodesOf)
    .filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] !== 'product')
    .map((node) => node['Relation Name']);
const pagesOf = (plans: readonly PlanNode[]): number =>
  plans.reduce((sum, plan) => sum + plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], 0);

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
    'events',
    `events?subscriptionId=${BUSY}`,
    `events?subscriptionId=${BUSY}&idempotencyKey=key-2`,
    `events?recordId=${BUSY_RECORD}`,
    'events?unassigned=true',
    'events?unassigned=true&dimension=dimension-1',
    'subscriptions',
    'subscriptions?tenantId=tenant-77',
    'subscriptions?productCode=rare',
    'subscriptions?state=ending',
    'messages',
    'messages?state=parked',
    'messages?state=waiting',
    'messages?state=ignored',
    'messages?state=pending',
    'messages?origin=host',
    'messages?type=subscription.failed',
    'messages?type=license.updated&state=parked',
    'messages?subscriptionId=HEARD',
    'messages?subscriptionId=HEARD&state=applied',
    'deliveries',
    'deliveries?state=parked',
    'deliveries?state=pending',
    'deliveries?state=skipped',
    'deliveries?handlerId=seldom',
    'deliveries?handlerId=often&state=parked',
    'deliveries?subscriptionId=HEARD',
    'deliveries?subscriptionId=HEARD&handlerId=often',
    'alerts',
    'alerts?open=true',
    'alerts?kind=owed',
  ])('of %s reads no table from end to end', async (url) => {
    const { items } = await read(url.replace('HEARD', heard));
    const plans = database.takePlans();
    expect(fullScansOf(plans)).toEqual([]);
    // An index read from end to end would be no better: the list itself touches about as many pages as it has rows, and up to three for each where it
    // looks something up.
    expect(pagesOf(plans.slice(0, 1))).toBeLessThan(/^(?:subscriptions|deliveries)/.test(url) ? 300 : 150);
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
    'events',
    `events?subscriptionId=${BUSY}`,
    `events?recordId=${BUSY_RECORD}`,
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
      const answer = await read(`${list}${list.includes('?') ? '&' : '?'}limit=50${cursor === null ? '' : `&cursor=${cursor}`}`);
      costs.push(pagesOf(database.takePlans()));
      cursor = answer.nextCursor;
      expect(cursor).not.toBeNull();
    }
    // The first page of the balance proves the whole ledger; the first of any may find cold caches of the planner.
    const [early, deep] = [costs.slice(1, 6), costs.slice(-5)].map((part) => part.sort((a, b) => a - b)[2]!) as [number, number];
    expect({ list, early, deep, isFlat: deep <= early * 2 + 20 }).toMatchObject({ isFlat: true });
  });
});
