/**
 * Plans over tables that grow from nothing within a minute, as when a seller's customers are registered: full of dead
 * versions, autovacuum not there since, and never analysed, or analysed when they held one row. What is asked of one
 * buyer must not read all of them; where the planner believes that one row is all, it may, once, and not once for each.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type LedgerSql } from '../../src/database/ledger-database.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { selectCode } from '../../src/registration/registration.sql.js';
import { findCoTenants } from '../../src/metering/sealing/due-customers.sql.js';
import { setPlanStable } from '../../src/metering/sealing/sealing-load.sql.js';
import { resolveOutdatedAlerts } from '../../src/metering/settlement/deadline-watch.sql.js';
import { selectAgreementsByNames } from '../../src/subscription/chain/agreement.sql.js';
import { selectBuyer } from '../../src/subscription/chain/buyer.sql.js';
import { accountsOf } from '../../src/subscription/chain/aws-names.js';
import { adoptClaims } from '../../src/subscription/chain/claim-adoption.js';
import { loadBuyerChains, lockBuyers, lockSubscriptionsOf } from '../../src/subscription/chain/buyer-chains.js';
import { askAbout, askAboutBuyer, askAboutWaiting } from '../../src/subscription/chain/next-ask.sql.js';
import { selectSubscriptionsOfTenant } from '../../src/subscription/chain/subscription.sql.js';
import { wakeWaiting } from '../../src/subscription/inbox/message.sql.js';
import { loadAskedBuyer } from '../../src/subscription/reconciliation/asked-buyer.sql.js';
import { closeQuestion, selectDue, takeBuyer } from '../../src/subscription/reconciliation/reconciliation.sql.js';
import { ExplainedDatabase, pagesOf } from '../support/explained-database.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { eventually } from '../support/processes.js';

const SELLER = '123456789012';
const PRODUCT = 'larkspur';
const BUYERS = 400;
const NOW = new Date('2026-11-11T12:00:00Z');
const HOUR_MS = 3_600_000;
/** A few rows by their keys, in each of some tables; the tables have hundreds of pages. */
const FEW_PAGES = 150;

let postgres: TestDatabase;
let holder: pg.Client | undefined;
let database: ExplainedDatabase;
const idOf = (table: number, n: number | string): string =>
  typeof n === 'number'
    ? `019a7f0${table}-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
    : `('019a7f0${table}-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;

async function fill(analysed: boolean, isHeld: boolean): Promise<void> {
  postgres = await migratedDatabase(migrate);
  const options = resolveOptions(
    {
      database: { url: postgres.url },
      signUpUrl: 'https://app.example.com/sign-up',
      sellerAccount: SELLER,
      products: [{ productCode: PRODUCT, dimensions: ['requests'] }],
    },
    {},
  );
  database = new ExplainedDatabase(await createDataSource(options).initialize());
  const on = database.dataSource;
  // No autovacuum anywhere in this database: its snapshot while it analyses one table keeps dead versions of all.
  const tables = await on.query<{ name: string }[]>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'marketplace'`,
  );
  for (const { name } of tables) await on.query(`ALTER TABLE ${name} SET (autovacuum_enabled = false)`);
  await on.query(`INSERT INTO marketplace.product (seller_account, product_code, type, identity, region)
    VALUES ('${SELLER}', '${PRODUCT}', 'saas', 'license', 'us-east-1') ON CONFLICT DO NOTHING`);
  await addBuyers(1, 1);
  if (analysed) await on.query('VACUUM ANALYZE');
  if (isHeld) {
    holder = new pg.Client({ connectionString: postgres.url });
    await holder.connect();
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT FROM marketplace.product');
  }
  for (let n = 2; n <= BUYERS; n += 20) await addBuyers(n, n + 19);
  for (let version = 0; version < 8; version += 1) {
    await on.query(`UPDATE marketplace.subscription SET next_ask_at = $1`, [new Date(NOW.getTime() + HOUR_MS * 48)]);
    await on.query(`UPDATE marketplace.agreement SET offer_id = $1`, [`offer-${version}`]);
    await othersToEnd();
  }
}

/**
 * Transactions of other suites on this server that began before now: while one of them runs, nobody clears away the
 * versions that have died since, and the tables would be larger by chance.
 */
async function othersToEnd(): Promise<void> {
  const on = database.dataSource;
  const [begun] = await on.query<{ next: string }[]>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next');
  await eventually('older transactions have ended', async () => {
    const [row] = await on.query<{ over: boolean }[]>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 AS over',
      [begun?.next],
    );
    return row?.over === true;
  });
}

async function addBuyers(from: number, to: number): Promise<void> {
  const numbers = `generate_series(${from}, ${to}) AS n`;
  for (const statement of [
    `INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id)
     SELECT '${SELLER}', ${idOf(1, 'n')}, '${PRODUCT}', 'tenant ' || n FROM ${numbers}`,
    `INSERT INTO marketplace.buyer (seller_account, id, product_code)
     SELECT '${SELLER}', ${idOf(2, 'n')}, '${PRODUCT}' FROM ${numbers}`,
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, buyer_id, state, registered_at,
       asked_at, last_heard_at)
     SELECT '${SELLER}', ${idOf(3, 'n')}, '${PRODUCT}', ${idOf(1, 'n')}, ${idOf(2, 'n')}, 'active', '2026-11-10',
       '2026-11-11', '2026-11-11' FROM ${numbers}`,
    `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id, buyer_id)
     SELECT '${SELLER}', ${idOf(4, 'n')}, '${PRODUCT}', ${idOf(3, 'n')}, ${idOf(2, 'n')} FROM ${numbers}`,
    `INSERT INTO marketplace.agreement_name (seller_account, kind, digest, agreement_id, name)
     SELECT '${SELLER}', 'license', sha256(convert_to('license ' || n, 'UTF8')), ${idOf(4, 'n')}, 'license ' || n
     FROM ${numbers}`,
    `INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, claimed_at)
     SELECT '${SELLER}', ${idOf(3, 'n')}, '${PRODUCT}', 'tenant ' || n, '-infinity', '2026-11-10' FROM ${numbers}`,
    `INSERT INTO marketplace.buyer_name (seller_account, product_code, kind, digest, buyer_id, name)
     SELECT '${SELLER}', '${PRODUCT}', 'account', sha256(convert_to('account ' || n, 'UTF8')), ${idOf(2, 'n')},
       'account ' || n FROM ${numbers}`,
    // Of products that are not listed, too: they wait for ever.
    `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, type,
       event_at, event, names, state)
     SELECT '${SELLER}', 'eventBridge', n || '-' || m, 'https', '2026-11-11', repeat('body ', 100), 'agreement.created',
       '2026-11-11', '{}', ARRAY['agreement:' || n || '-' || m,
         'account::' || encode(sha256(convert_to('account ' || n, 'UTF8')), 'hex')], 'waiting'
     FROM ${numbers}, generate_series(1, 20) AS m`,
    `INSERT INTO marketplace.registration_code (seller_account, code_hash, subscription_id, token_hash, created_at,
       expires_at)
     SELECT '${SELLER}', sha256(convert_to('code ' || n, 'UTF8')), ${idOf(3, 'n')},
       sha256(convert_to('token ' || n, 'UTF8')), '2026-11-10', '2026-12-10' FROM ${numbers}`,
    `INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, first_raised_at, last_raised_at)
     SELECT '${SELLER}', kind, n::text, 'warning', 'message', '2026-11-10', '2026-11-10'
     FROM ${numbers}, unnest(ARRAY['owed', 'blocked']) AS kind`,
    // Past the guards: records of nothing, which stand in the way of a look at them all.
    `SET LOCAL session_replication_role = replica;
     INSERT INTO marketplace.metering_record (seller_account, id, kind, customer_id, subscription_id, period_id,
       identity_id, product_code, dimension, hour, "timestamp", quantity, event_sum, event_count, carry_in, carry_out,
       operation, region, mode, sealed_at, state, due_at, cutoff_at)
     SELECT '${SELLER}', ${idOf(5, 'n')}, 'hour', ${idOf(1, 'n')}, ${idOf(3, 'n')}, ${idOf(6, 'n')}, ${idOf(7, 'n')},
       '${PRODUCT}', 'requests', h, h, 0, 0, 0, 0, 0, 'BatchMeterUsage', 'us-east-1', 'live', h, 'pending',
       h + interval '24 h', h + interval '25 h'
     FROM ${numbers}, (SELECT timestamptz '2026-11-10 00:00Z' AS h) AS hours`,
  ])
    await database.dataSource.query(statement);
}

async function pagesRead(work: (tx: LedgerSql) => Promise<unknown>): Promise<number> {
  database.takePlans();
  await database.transaction(work);
  return pagesOf(database.takePlans());
}

/** As sealing asks. */
async function coTenantsOf(tx: LedgerSql, ...customers: number[]): Promise<unknown> {
  await setPlanStable(tx);
  return findCoTenants(
    tx,
    SELLER,
    customers.map((n) => idOf(1, n)),
  );
}

const times = (silentMs: number) => ({
  now: NOW,
  silentSince: new Date(NOW.getTime() - silentMs),
  impatientSince: new Date(NOW.getTime() - HOUR_MS),
  dailySince: new Date(NOW.getTime() - 24 * HOUR_MS),
});
const few = [idOf(3, 7), idOf(3, 8)];
const buyers = [idOf(2, 7), idOf(2, 8)];
const accountOf = (n: number) => {
  const [name] = accountsOf({ customerAwsAccountId: `account ${n}` });
  return name!;
};

const licenseOf = (n: number) => ({
  kind: 'license' as const,
  digest: createHash('sha256').update(`license ${n}`).digest('hex'),
});

describe.each([
  ['never analysed', false, false, FEW_PAGES],
  ['analysed when they held one row', true, false, BUYERS * 20],
  // Then no look clears away what the next would read again.
  ['never analysed, while a transaction from before is open', false, true, 2 * FEW_PAGES],
  ['analysed when they held one row, while a transaction from before is open', true, true, BUYERS * 40],
])('on tables that are full of dead versions and were %s', (_, analysed, isHeld, pagesMax) => {
  beforeAll(() => fill(analysed, isHeld));
  afterAll(async () => {
    await holder?.end();
    holder = undefined;
    await database.dataSource.destroy();
    await postgres.drop();
  });

  it.each<[string, (tx: LedgerSql) => Promise<unknown>]>([
    ['that AWS is to be asked', (tx) => askAbout(tx, SELLER, few, NOW)],
    ['that AWS is to be asked about a buyer', (tx) => askAboutBuyer(tx, SELLER, buyers[0]!, NOW)],
    [
      'that AWS is to be asked about what waits',
      (tx) => askAboutWaiting(tx, SELLER, [PRODUCT, 'heather'], accountOf(7), null),
    ],
    [
      'that AWS is to be asked about what waits of one buyer',
      (tx) => askAboutWaiting(tx, SELLER, [PRODUCT, 'heather'], accountOf(7), buyers),
    ],
    ['messages that wait for a name', (tx) => wakeWaiting(tx, SELLER, ['agreement:7-1', 'license:7'])],
    ['a buyer, locked', (tx) => lockBuyers(tx, SELLER, buyers)],
    ['the subscriptions of a buyer, locked', (tx) => lockSubscriptionsOf(tx, SELLER, buyers)],
    ['a buyer, by its account', (tx) => selectBuyer(tx, SELLER, PRODUCT, [accountOf(7)])],
    ['agreements, by their names', (tx) => selectAgreementsByNames(tx, SELLER, [licenseOf(7), licenseOf(8)])],
    ['all that is known of a buyer', (tx) => loadBuyerChains(tx, SELLER, buyers)],
    ['what AWS is asked about', (tx) => loadAskedBuyer(tx, SELLER, few)],
    ['the end of a question', (tx) => closeQuestion(tx, SELLER, few, { at: NOW, mayNotAsk: false })],
    [
      'a tenant’s subscriptions',
      (tx) => selectSubscriptionsOfTenant(tx, SELLER, { tenantId: 'tenant 7', productCode: PRODUCT, now: NOW }),
    ],
    ['claims taken up', (tx) => adoptClaims(tx, SELLER, NOW)],
    ['with whom two customers shared a subscription', (tx) => coTenantsOf(tx, 7, 8)],
    [
      'the next of some buyers',
      (tx) => takeBuyer(tx, SELLER, [PRODUCT], times(6 * HOUR_MS), { leaseMs: 60_000, among: few }),
    ],
  ])('%s reads a few pages', async (_, work) => {
    expect(await pagesRead(work)).toBeLessThan(pagesMax);
  });

  it('a registration code reads a few pages', async () => {
    const [row] = await database.dataSource.query<{ code_hash: Buffer }[]>(
      `SELECT code_hash FROM marketplace.registration_code WHERE subscription_id = $1`,
      [idOf(3, 9)],
    );
    expect(await pagesRead((tx) => selectCode(tx, SELLER, row!.code_hash, NOW))).toBeLessThan(pagesMax);
  });

  it('a look at all that is due reads each subscription once, by its index or its table', async () => {
    const due: string[] = [];
    const pages = await pagesRead(async (tx) => {
      due.push(...(await selectDue(tx, SELLER, [PRODUCT], times(6 * HOUR_MS), { except: [], limit: 500 })));
    });
    expect(due.length).toBeGreaterThan(BUYERS / 2);
    expect(pages).toBeLessThan(BUYERS * 20);
  });

  it('with whom customers of one pass shared a subscription is found by reading each claim a few times', async () => {
    const pages = await pagesRead((tx) => coTenantsOf(tx, ...Array.from({ length: BUYERS }, (_, n) => n + 1)));
    expect(pages).toBeLessThan(20 * BUYERS);
  });

  it('alerts that nothing says any more are found by one look at the records', async () => {
    const pages = await pagesRead((tx) => resolveOutdatedAlerts(tx, SELLER, NOW));
    expect(pages).toBeLessThan(20 * 2 * BUYERS);
    const [left] = await database.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int FROM marketplace.alert WHERE resolved_at IS NULL`,
    );
    expect(left).toEqual({ count: 0 });
  });
});
