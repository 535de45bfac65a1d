import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { EVENTS } from './initial/events.sql.js';
import { GUARDS } from './initial/guards.sql.js';
import { PRODUCTS } from './initial/products.sql.js';
import { PROOF } from './initial/proof.sql.js';
import { RECORD_GUARDS } from './initial/record-guards.sql.js';
import { RECORDS } from './initial/records.sql.js';
import { SUBMISSION_GUARDS } from './initial/submission-guards.sql.js';
import { SUBMISSION } from './initial/submission.sql.js';
import { SUBSCRIPTION_GUARDS } from './initial/subscription-guards.sql.js';
import { SUBSCRIPTIONS } from './initial/subscriptions.sql.js';
import { USAGE_GUARDS } from './initial/usage-guards.sql.js';
import { USAGE } from './initial/usage.sql.js';

/**
 * The ledger. What the code promises, the database refuses to break: frozen columns, the drawn transitions, one record
 * per grain, and the balance equation are constraints and triggers, so that a defect, a hand-written UPDATE or an older
 * replica cannot lose or double a unit.
 */
const UP: readonly string[] = [
  ...PRODUCTS,
  ...SUBSCRIPTIONS,
  ...USAGE,
  ...RECORDS,
  ...PROOF,
  ...SUBMISSION,
  ...EVENTS,
  ...GUARDS,
  ...SUBSCRIPTION_GUARDS,
  ...USAGE_GUARDS,
  ...RECORD_GUARDS,
  ...SUBMISSION_GUARDS,
];

export class Initial1796000000000 implements MigrationInterface {
  // A literal: a minified bundle renames the class.
  name = 'Initial1796000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of UP) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const used = (await queryRunner.query(`SELECT 1 FROM marketplace.usage_event LIMIT 1`)) as unknown[];
    if (used.length > 0)
      throw new Error(
        'The ledger holds usage: it is not dropped by a migration. Dump and drop the schema "marketplace" by hand.',
      );
    const heard = (await queryRunner.query(`SELECT 1 FROM marketplace.inbox_message LIMIT 1`)) as unknown[];
    if (heard.length > 0)
      throw new Error(
        'Messages were received: they are not dropped by a migration. Dump and drop the schema "marketplace" by hand.',
      );
    const tables = (await queryRunner.query(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'marketplace'
        AND tablename <> 'migration'`,
    )) as { name: string }[];
    for (const { name } of tables) await queryRunner.query(`DROP TABLE ${name} CASCADE`);
    await queryRunner.query(`DROP SEQUENCE IF EXISTS marketplace.rollup_id`);
    const functions = (await queryRunner.query(
      `SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'marketplace'`,
    )) as { name: string }[];
    for (const { name } of functions) await queryRunner.query(`DROP FUNCTION ${name} CASCADE`);
  }
}
