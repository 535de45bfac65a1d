import { type LedgerSql } from '../database/ledger-database.js';
import { type ProductMode } from '../options/resolved-options.js';
import { type ModeFrom } from './product-mode.js';

interface ModeRow {
  product_code: string;
  from_ms: string | null;
  mode: ProductMode;
}

/** The modes of products, each in the order of `from`, one per instant. A product without any is missing. */
export async function selectModes(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<Map<string, ModeFrom[]>> {
  const rows = await sql.query<ModeRow>(
    `SELECT DISTINCT ON (product_code, from_at) product_code, mode,
       CASE WHEN isfinite(from_at) THEN round(extract(epoch FROM from_at) * 1000)::text END AS from_ms
     FROM marketplace.product_mode WHERE seller_account = $1 AND product_code = ANY ($2::text[])
     ORDER BY product_code, from_at, id DESC`,
    [sellerAccount, productCodes],
  );
  const modes = new Map<string, ModeFrom[]>();
  for (const { product_code: productCode, from_ms: fromMs, mode } of rows) {
    const list = modes.get(productCode) ?? [];
    list.push({ from: fromMs === null ? null : new Date(Number(fromMs)), mode });
    modes.set(productCode, list);
  }
  return modes;
}

/** Adds modes, and has the product's customers planned anew: what waited for another mode may find its hour. */
export async function insertModes(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  rows: readonly ModeFrom[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.product_mode (seller_account, product_code, from_at, mode)
     SELECT $1, $2, coalesce(from_at, '-infinity'), mode
       FROM unnest($3::timestamptz[], $4::text[]) AS input (from_at, mode)`,
    [sellerAccount, productCode, rows.map(({ from }) => from?.toISOString() ?? null), rows.map(({ mode }) => mode)],
  );
  await tx.query(
    `INSERT INTO marketplace.customer_changed (seller_account, customer_id)
     SELECT seller_account, id FROM marketplace.customer WHERE seller_account = $1 AND product_code = $2`,
    [sellerAccount, productCode],
  );
}
