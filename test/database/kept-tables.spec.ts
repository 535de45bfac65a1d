import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DataSource } from 'typeorm';
import { KEPT } from '../../migrations/initial/guards.sql.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

/** What comes and goes by design, and why no evidence is lost with it. A new table belongs here or among the kept. */
const WORKING: Record<string, string> = {
  alert: 'what a person must know now; what it was about stands in the ledger',
  audit_lease: 'whose turn it is',
  audit_look: 'when a record was last looked for',
  call_budget: 'quotas of the minute',
  customer_changed: 'a queue: whose hours to plan anew',
  entitlement_snapshot: 'the newest answer; what billing rests on is kept in entitlement_change',
  entitlement_wanted: 'a queue',
  event_delivery: 'who was told; what there was to tell is kept in outbox_event',
  event_handler: 'who listens',
  metering_sender: 'whose turn it is',
  migration: 'which migrations have run',
  proof_cursor: 'how far the proof has come',
  quarantined_cause: 'what waits for a probe',
  registration_code: 'secrets that expire; what was claimed is kept in claim',
  trail_coverage: 'made anew from the trail',
  trail_entry: 'AWS keeps the trail; what it proved stands in the records',
  trail_event: 'AWS keeps the trail; what it proved stands in the records',
  unadopted_claim: 'a queue',
  unproven_rollup: 'a queue',
  unsealed_usage: 'a queue: a row that is deleted is rolled up by its trigger',
};

let postgres: TestDatabase;
let dataSource: DataSource;
beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  dataSource = await createDataSource({ database: { url: postgres.url, poolSize: 2 } }).initialize();
});
afterAll(async () => {
  await dataSource.destroy();
  await postgres.drop();
});

describe('every table of the ledger', () => {
  it('is history that is kept, or work that comes and goes', async () => {
    const rows = await dataSource.query<{ name: string }[]>(
      `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'marketplace' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       ORDER BY name`,
    );
    expect([...KEPT, ...Object.keys(WORKING)].sort()).toEqual(rows.map(({ name }) => name));
  });

  it.each(KEPT)('%s refuses DELETE and TRUNCATE, whoever asks', async (table) => {
    const triggers = await dataSource.query<{ name: string }[]>(
      `SELECT t.tgname AS name FROM pg_trigger t
       WHERE t.tgrelid = $1::regclass AND t.tgenabled <> 'D' AND t.tgfoid = 'marketplace.refuse'::regproc
         AND t.tgname LIKE '%\\_no\\_%' ORDER BY name`,
      [`marketplace.${table}`],
    );
    expect(triggers.map(({ name }) => name)).toEqual(
      expect.arrayContaining([`${table}_no_delete`, `${table}_no_truncate`]),
    );
    await expect(dataSource.query(`TRUNCATE marketplace.${table} CASCADE`)).rejects.toThrow(/append-only/);
  });

  it('unsealed usage refuses TRUNCATE, which would skip its trigger', async () => {
    await expect(dataSource.query('TRUNCATE marketplace.unsealed_usage')).rejects.toThrow(/restrict|refused|append/i);
  });
});
