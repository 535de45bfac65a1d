import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type LedgerSql } from '../../../src/database/ledger-database.js';
import { readFootings } from '../../../src/metering/balance/record-proof.sql.js';
import {
  type ClaimTime,
  isSpent,
  isUrgent,
  lockCandidates,
  lockProbe,
  machineTime,
  peekWork,
} from '../../../src/metering/submission/claim.sql.js';
import { PRODUCT_CODE, START, SubmissionBench } from './submission-bench.js';

let bench: SubmissionBench;
let time: ClaimTime;
const WAITING = 20_000;
const WORK = {
  product_code: PRODUCT_CODE,
  region: 'us-east-1',
  operation: 'BatchMeterUsage',
  lane: 'batch',
  due_at: START,
} as const;

beforeAll(async () => {
  bench = await SubmissionBench.start();
  const { id, customerId, agreementId, identityId } = await bench.subscribe();
  await bench.database.query(
    `INSERT INTO marketplace.period (seller_account, id, agreement_id, price, mode)
      VALUES ('default', gen_random_uuid(), $1, 'paid', 'live')`,
    [agreementId],
  );
  await bench.database.query(
    `INSERT INTO marketplace.metering_record (seller_account, id, kind, customer_id, subscription_id, period_id,
      identity_id, product_code, dimension, hour,
       "timestamp", quantity, event_sum, event_count, carry_in, carry_out, operation, region, mode, sealed_at, state,
         due_at, cutoff_at)
     SELECT 'default', gen_random_uuid(), 'hour', $1, $2, p.id, $3, $4, 'd' || n, $5, $5, 0, 0, 0, 0, 0,
       'BatchMeterUsage', 'us-east-1', 'live', $5,
       'pending', $5::timestamptz + interval '24 h', $5::timestamptz + interval '25 h'
     FROM marketplace.period p, generate_series(1, $6::int) n`,
    [customerId, id, identityId, PRODUCT_CODE, START.toISOString(), WAITING],
  );
  await bench.database.query(
    `INSERT INTO marketplace.quarantined_cause (seller_account, product_code, scope, key, reason, next_probe_at)
     SELECT 'default', $1, 'dimension', 'd' || n, 'invalidDimension', 'infinity' FROM generate_series(1, 200) n`,
    [PRODUCT_CODE],
  );
  await bench.database.query('ANALYZE');
  time = { sellerAccount: 'default', now: START, lateBefore: START, retryBefore: await machineTime(bench.database) };
});
afterAll(() => bench.stop());

/** Rows that the statements of `work` read in all, by EXPLAIN ANALYZE. */
async function rowsRead(work: (tx: LedgerSql) => Promise<unknown>): Promise<number> {
  let rows = 0;
  await bench.database.transaction(async (tx) => {
    const count = (node: Record<string, unknown>): number =>
      (String(node['Node Type']).includes('Scan')
        ? Number(node['Actual Rows']) * Number(node['Actual Loops']) + Number(node['Rows Removed by Filter'] ?? 0)
        : 0) +
      ((node.Plans as Record<string, unknown>[] | undefined) ?? []).reduce((sum, child) => sum + count(child), 0);
    await work({
      query: async <Row>(sql: string, parameters: readonly unknown[] = []) => {
        if (sql.includes('marketplace.')) {
          const [plan] = await tx.query<{ 'QUERY PLAN': { Plan: Record<string, unknown> }[] }>(
            `EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`,
            parameters,
          );
          rows += count(plan!['QUERY PLAN'][0]!.Plan);
        }
        return tx.query<Row>(sql, parameters);
      },
    });
  });
  return rows;
}

it('a claim reads the records it takes and the quarantined causes it passes, not the queue', async () => {
  expect(await rowsRead((tx) => peekWork(tx, time, ['BatchMeterUsage']))).toBeLessThan(WAITING / 2);
  expect(await rowsRead((tx) => lockCandidates(tx, time, WORK, 25))).toBeLessThan(WAITING / 2);
});

it('comparing a batch with its rollups and balances reads what the batch stands on, not the ledger', async () => {
  const ids = (await bench.records()).slice(0, 25).map(({ id }) => id);
  expect(await rowsRead((tx) => readFootings(tx, 'default', ids))).toBeLessThan(25 * 10);
});

it('what tries a quarantined cause reads what waits, not what AWS has taken', async () => {
  await bench.database.query(`ALTER TABLE marketplace.metering_record DISABLE TRIGGER USER`);
  await bench.database.query(
    `UPDATE marketplace.metering_record SET state = 'metered', metering_record_id = id::text, metered_at = sealed_at
     WHERE dimension NOT LIKE 'd77%'`,
  );
  await bench.database.query('ANALYZE');
  for (const [scope, key] of [
    ['product', PRODUCT_CODE],
    ['dimension', 'd9'],
    ['identity', '00000000-0000-7000-8000-000000000000'],
    ['reason', 'invalidTag'],
  ] as const) {
    const cause = { product_code: PRODUCT_CODE, scope, key, reason: 'invalidDimension', probe_count: 1 };
    for (const work of [
      (tx: LedgerSql) => lockProbe(tx, time, cause, 'BatchMeterUsage'),
      (tx: LedgerSql) => isUrgent(tx, time, cause, START),
      (tx: LedgerSql) => isSpent(tx, time, cause),
    ])
      expect(await rowsRead(work)).toBeLessThan(WAITING / 10);
  }
  await bench.database.query(
    `UPDATE marketplace.metering_record SET state = 'pending', metering_record_id = NULL, metered_at = NULL`,
  );
});

it('causes that statistics do not know of yet are looked up by their keys, not read for each record', async () => {
  const buyers = 1000;
  for (const statement of [
    `DELETE FROM marketplace.quarantined_cause`,
    // Statistics stay those of the two hundred.
    `ALTER TABLE marketplace.quarantined_cause SET (autovacuum_enabled = false)`,
    `INSERT INTO marketplace.metering_identity (id, product_code, kind, digest, canonical, license_arn)
     SELECT lpad(n::text, 32, '0')::uuid, '${PRODUCT_CODE}', 'license', sha256(n::text::bytea), 'l-' || n, 'l-' || n
     FROM generate_series(1, ${buyers}) n`,
    `UPDATE marketplace.metering_record
     SET identity_id = lpad((1 + substr(dimension, 2)::int % ${buyers})::text, 32, '0')::uuid`,
    `INSERT INTO marketplace.quarantined_cause (seller_account, product_code, scope, key, reason, next_probe_at)
     SELECT DISTINCT 'default', product_code, 'identity', identity_id::text, 'invalidLicense', 'infinity'::timestamptz
     FROM marketplace.metering_record`,
  ])
    await bench.database.query(statement);
  // Each waiting record, and the cause that stands against it.
  expect(await rowsRead((tx) => peekWork(tx, time, ['BatchMeterUsage']))).toBeLessThan(4 * WAITING);
  expect(await rowsRead((tx) => lockCandidates(tx, time, WORK, 25))).toBeLessThan(4 * WAITING);
});
