import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { ARRIVALS } from './initial/arrivals.sql.js';
import { AUDIT } from './initial/audit.sql.js';
import { ENTITLEMENT_GUARDS } from './initial/entitlement-guards.sql.js';
import { ENTITLEMENTS } from './initial/entitlements.sql.js';
import { EVENTS } from './initial/events.sql.js';
import { GUARDS, KEPT } from './initial/guards.sql.js';
import { PRODUCTS } from './initial/products.sql.js';
import { PROOF } from './initial/proof.sql.js';
import { RECORD_GUARDS } from './initial/record-guards.sql.js';
import { RECORD_STATE_GUARDS } from './initial/record-state-guards.sql.js';
import { RECORDS } from './initial/records.sql.js';
import { ROLLUP_GUARDS } from './initial/rollup-guards.sql.js';
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
  ...ARRIVALS,
  ...ENTITLEMENTS,
  ...USAGE,
  ...RECORDS,
  ...PROOF,
  ...SUBMISSION,
  ...AUDIT,
  ...EVENTS,
  ...GUARDS,
  ...SUBSCRIPTION_GUARDS,
  ...USAGE_GUARDS,
  ...RECORD_GUARDS,
  ...ENTITLEMENT_GUARDS,
  ...RECORD_STATE_GUARDS,
  ...ROLLUP_GUARDS,
  ...SUBMISSION_GUARDS,
];

/** Written by every start of the module, or only together with what is history. */
const NO_HISTORY = [
  ...[
    'ledger_home',
    'installation',
    'submission_hold',
    'product',
    'product_settings',
    'product_mode',
    'dimension',
    'seal_cursor',
    'outbox_event',
  ],
];
/** While one of these has a row, the ledger is not dropped. */
const HISTORY = [...KEPT.filter((table) => !NO_HISTORY.includes(table)), ...['registration_code', 'unsealed_usage']];

export class Initial1796000000000 implements MigrationInterface {
  // A literal: a minified bundle renames the class.
  name = 'Initial1796000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of UP) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    // Whoever writes meanwhile waits, and then finds no table: nothing comes in between the look and the end.
    await queryRunner.query(
      `LOCK TABLE ${HISTORY.map((table) => `marketplace.${table}`).join(', ')} IN EXCLUSIVE MODE`,
    );
    const filled = (await queryRunner.query(
      HISTORY.map((name) => `SELECT '${name}' AS name WHERE EXISTS (SELECT FROM marketplace.${name})`).join(
        ' UNION ALL ',
      ),
    )) as { name: string }[];
    if (filled.length > 0)
      throw new Error(
        `The ledger holds history, in ${filled.map(({ name }) => name).join(', ')}: no migration drops it. ` +
          'Keep a copy (pg_dump --schema), stop every replica, and drop the schema by hand.',
      );
    // Of a thing in it, because the schema may have another name.
    const schema = `(SELECT relnamespace FROM pg_class WHERE oid = 'marketplace.rollup_id'::regclass)`;
    const tables = (await queryRunner.query(
      `SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relnamespace = ${schema} AND c.relkind IN ('r', 'p')
        AND c.relname <> 'migration'`,
    )) as { name: string }[];
    for (const { name } of tables) await queryRunner.query(`DROP TABLE ${name} CASCADE`);
    const functions = (await queryRunner.query(
      `SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.pronamespace = ${schema}`,
    )) as { name: string }[];
    for (const { name } of functions) await queryRunner.query(`DROP FUNCTION ${name} CASCADE`);
    await queryRunner.query(`DROP SEQUENCE marketplace.rollup_id`);
  }
}
