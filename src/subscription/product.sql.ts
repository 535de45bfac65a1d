import { type LedgerSql } from '../database/ledger-database.js';
import { plusMs } from '../runtime/clock.js';
import { type OpenBook } from './dimension-unit.js';
import { type MoneySettings } from './money-settings.js';

/** How long no process that lists a product may have sealed before others say that nobody lists it. */
export const LISTED_FOR_MS = 3_600_000;

/**
 * Codes of the products that anybody lists: this process, and others of the same ledger that run. Services may list a
 * product each; what is none of this one's is not given up.
 */
export async function selectListed(
  sql: LedgerSql,
  sellerAccount: string,
  own: readonly string[],
  now: Date,
): Promise<string[]> {
  const others = await sql.query<{ product_code: string }>(
    `SELECT product_code FROM marketplace.product
     WHERE seller_account = $1 AND product_code <> ALL ($2::text[]) AND listed_at >= $3 ORDER BY product_code`,
    [sellerAccount, own, plusMs(now, -LISTED_FOR_MS).toISOString()],
  );
  return [...own, ...others.map(({ product_code: code }) => code)];
}

export interface ProductRow {
  type: string;
  identity: string;
  region: string;
}

/**
 * Inserts the product, or locks the one that is there, so that of two replicas that start at once one sees what the
 * other wrote.
 * @returns the product that was there, null where it was inserted
 */
export async function insertOrLockProduct(
  tx: LedgerSql,
  sellerAccount: string,
  product: { productCode: string; type: string; identity: string; region: string },
): Promise<ProductRow | null> {
  const inserted = await tx.query(
    `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING RETURNING product_code`,
    [sellerAccount, product.productCode, product.type, product.identity, product.region],
  );
  if (inserted.length > 0) return null;
  const [row] = await tx.query<ProductRow>(
    `SELECT type, identity, region FROM marketplace.product WHERE seller_account = $1 AND product_code = $2 FOR NO KEY
      UPDATE`,
    [sellerAccount, product.productCode],
  );
  if (!row) throw new Error(`product ${product.productCode} is neither there nor could it be inserted`);
  return row;
}

export async function updateIdentity(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  identity: string,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.product SET identity = $3, updated_at = clock_timestamp() WHERE seller_account = $1
      AND product_code = $2`,
    [sellerAccount, productCode, identity],
  );
}

/** Settings of a product that were in force once, or are. */
export interface SettingsRow {
  generation: number;
  revision: number;
  settings: MoneySettings;
}

/** Every generation, the one in force first. */
export function selectSettingsHistory(
  sql: LedgerSql,
  sellerAccount: string,
  productCode: string,
): Promise<SettingsRow[]> {
  return sql.query<SettingsRow>(
    `SELECT generation, revision, settings FROM marketplace.product_settings
     WHERE seller_account = $1 AND product_code = $2 ORDER BY generation DESC`,
    [sellerAccount, productCode],
  );
}

/** Under the lock of the product's row. */
export async function insertSettings(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  { generation, revision, settings }: SettingsRow,
  inForceFrom: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.product_settings
       (seller_account, product_code, generation, revision, settings, in_force_from)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [sellerAccount, productCode, generation, revision, JSON.stringify(settings), inForceFrom.toISOString()],
  );
}

/** The settings in force, null where no process has started with any. */
export async function selectSettings(
  sql: LedgerSql,
  sellerAccount: string,
  productCode: string,
): Promise<SettingsRow | null> {
  const [row] = await sql.query<SettingsRow>(
    `SELECT generation, revision, settings FROM marketplace.product_settings
     WHERE seller_account = $1 AND product_code = $2 ORDER BY generation DESC LIMIT 1`,
    [sellerAccount, productCode],
  );
  return row ?? null;
}

/** Whether a record of the product was ever sealed for AWS. */
export async function hasSealed(tx: LedgerSql, sellerAccount: string, productCode: string): Promise<boolean> {
  const rows = await tx.query(
    `SELECT 1 FROM marketplace.metering_record WHERE seller_account = $1 AND product_code = $2 AND kind = 'hour'
      LIMIT 1`,
    [sellerAccount, productCode],
  );
  return rows.length > 0;
}

/**
 * How periods that carry something of these dimensions, or have records of them under way, have sold it; each manner
 * once, with what is carried.
 */
export function selectOpenBooks(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  dimensions: readonly string[],
): Promise<(OpenBook & { periods: number; carry: string })[]> {
  return tx.query(
    `SELECT b.dimension, newest.block::integer AS block, counted.covers, count(*)::integer AS periods,
       trim_scale(sum(b.carry))::text AS carry
     FROM marketplace.balance b
     JOIN marketplace.period p ON p.seller_account = $1 AND p.id = b.period_id
     JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = p.agreement_id AND a.product_code = $2
     CROSS JOIN LATERAL (
       SELECT block FROM marketplace.metering_record m WHERE m.seller_account = $1 AND m.period_id = b.period_id
         AND m.dimension = b.dimension AND m.kind = 'hour' ORDER BY m.hour DESC LIMIT 1) AS newest
     LEFT JOIN LATERAL (
       SELECT m.included_by -> 'covers' AS covers FROM marketplace.metering_record m WHERE m.seller_account = $1
         AND m.period_id = b.period_id AND m.dimension = b.dimension AND m.included_by IS NOT NULL
       ORDER BY m.hour DESC LIMIT 1) AS counted ON true
     WHERE b.seller_account = $1 AND b.dimension = ANY ($3::text[])
       AND (b.carry <> 0 OR EXISTS (SELECT FROM marketplace.metering_record m WHERE m.seller_account = $1
         AND m.period_id = b.period_id AND m.dimension = b.dimension
         AND m.state IN ('pending', 'sending', 'blocked', 'unknown')))
     GROUP BY 1, 2, 3 ORDER BY 1, 2`,
    [sellerAccount, productCode, dimensions],
  );
}

/** Subscriptions that go on and are metered by legacy names only. */
export async function countUnmoved(tx: LedgerSql, sellerAccount: string, productCode: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    `SELECT count(*)::text AS count FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.product_code = $2 AND s.alias_of IS NULL AND s.license_from IS NULL AND s.state
       NOT IN ('ended', 'failed')
       AND EXISTS (SELECT FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = s.id
         AND r.kind = 'hour')`,
    [sellerAccount, productCode],
  );
  return Number(row?.count ?? 0);
}

/**
 * Gives each declared dimension its short id. Names that are there keep theirs, those no longer declared too: events
 * refer to them.
 */
export async function insertDimensions(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  names: readonly string[],
): Promise<void> {
  // NOT EXISTS first: a conflict would use up a number of a narrow identity at every start.
  await tx.query(
    `INSERT INTO marketplace.dimension (seller_account, product_code, name)
     SELECT $1, $2, name FROM unnest($3::text[]) WITH ORDINALITY AS input (name, position)
     WHERE NOT EXISTS (SELECT FROM marketplace.dimension d WHERE d.seller_account = $1 AND d.product_code = $2
       AND d.name = input.name)
     ORDER BY position ON CONFLICT DO NOTHING`,
    [sellerAccount, productCode, names],
  );
}

/** Under which name AWS is sent what exceeds a contract; what waits for a record is shown under it. */
export async function updateBilledAs(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  dimensions: readonly { name: string; as: string | null }[],
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.dimension d SET billed_as = input.billed_as
     FROM unnest($3::text[], $4::text[]) AS input (name, billed_as)
     WHERE d.seller_account = $1 AND d.product_code = $2 AND d.name = input.name
       AND d.billed_as IS DISTINCT FROM input.billed_as`,
    [sellerAccount, productCode, dimensions.map(({ name }) => name), dimensions.map(({ as }) => as)],
  );
}

export interface DimensionRow {
  id: number;
  product_code: string;
  name: string;
}

export async function selectDimensions(sql: LedgerSql, sellerAccount: string): Promise<DimensionRow[]> {
  return sql.query<DimensionRow>(`SELECT id, product_code, name FROM marketplace.dimension WHERE seller_account = $1`, [
    sellerAccount,
  ]);
}
