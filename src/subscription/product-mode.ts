import { type SqlExecutor } from '../database/ledger-database.js';
import { type ProductMode } from '../options/resolved-options.js';
import { hourOf } from '../runtime/clock.js';

/** From an instant on a product is in a mode, until the next row. */
export interface ModeFrom {
  /** Null: from the beginning. */
  from: Date | null;
  mode: ProductMode;
}

/**
 * The mode at an instant, that of an event or an hour; null where none was decided, which counts as `off`. `modes` lie
 * in the order of `from`.
 */
export function modeAt(modes: readonly ModeFrom[], at: Date): ProductMode | null {
  return modes.findLast(({ from }) => from === null || from.getTime() <= at.getTime())?.mode ?? null;
}

/** What the options say of a product's mode. */
export interface ModeDecision {
  mode: ProductMode;
  /** With `live`: the first hour that is billed. */
  liveFrom?: Date | undefined;
}

export type ModePlan =
  /** Rows to be added; none where all stands as decided. */
  | { rows: ModeFrom[] }
  /** Going live must name an hour. */
  | { refused: 'liveFromMissing' }
  /**
   * The hours between `liveFrom` and now were lived in `mode` and may be sealed so: to bill them is a decision of a
   * person, per record.
   */
  | { refused: 'liveFromPast'; mode: ProductMode };

/**
 * What to add to a product's modes so that they follow the options from `now` on. Nothing that lies before it changes,
 * for an event's mode is that of its own instant: what the running hour holds of live time is billed after the product
 * has left it. Only a person who names the running hour as `liveFrom` has the whole of it billed. A go-live that was
 * announced and not yet reached is taken back by a later row of the same hour.
 */
export function planModes(stored: readonly ModeFrom[], { mode, liveFrom }: ModeDecision, now: Date): ModePlan {
  if (stored.length === 0) {
    if (mode !== 'live' || !liveFrom) return { rows: [{ from: null, mode }] };
    return {
      rows: [
        { from: null, mode: 'dry-run' },
        { from: liveFrom, mode },
      ],
    };
  }
  const current = modeAt(stored, now) ?? 'off';
  const ahead = stored.filter(({ from }) => from !== null && from > now);
  if (mode !== 'live') {
    const from = current === mode ? [] : [{ from: now, mode }];
    return { rows: [...from, ...ahead.filter((row) => row.mode !== mode).map((row) => ({ from: row.from, mode }))] };
  }
  if (current === 'live')
    return { rows: ahead.filter((row) => row.mode !== 'live').map(({ from }) => ({ from, mode })) };
  if (!liveFrom) return { refused: 'liveFromMissing' };
  if (liveFrom < hourOf(now)) return { refused: 'liveFromPast', mode: current };
  const early = ahead
    .filter(({ from, ...row }) => from !== null && from < liveFrom && row.mode !== current)
    .map(({ from }) => ({ from, mode: current }));
  const late = stored
    .filter(({ from, ...row }) => from !== null && from > liveFrom && row.mode !== 'live')
    .map(({ from }) => ({ from, mode }));
  const atHour = stored.findLast(({ from }) => from?.getTime() === liveFrom.getTime());
  return { rows: [...early, ...(atHour?.mode === 'live' ? [] : [{ from: liveFrom, mode }]), ...late] };
}

interface ModeRow {
  product_code: string;
  from_ms: string | null;
  mode: ProductMode;
}

/** The modes of products, each in the order of `from`, one per instant. A product without any is missing. */
export async function selectModes(
  sql: SqlExecutor,
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
  tx: SqlExecutor,
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
