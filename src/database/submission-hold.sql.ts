import { type LedgerSql } from './ledger-database.js';

/** That a person, or the start of a process, has stopped the submission for every process on the ledger. */
export interface PlacedHold {
  by: string;
  reason: string;
  at: Date;
}

/** The hold in force, null where there is none. */
export async function selectHold(sql: LedgerSql, sellerAccount: string): Promise<PlacedHold | null> {
  const [row] = await sql.query<{ is_held: boolean; decided_by: string; reason: string | null; decided_at: Date }>(
    `SELECT is_held, decided_by, reason, decided_at FROM marketplace.submission_hold WHERE seller_account = $1
     ORDER BY id DESC LIMIT 1`,
    [sellerAccount],
  );
  return row?.is_held === true ? { by: row.decided_by, reason: row.reason ?? '', at: row.decided_at } : null;
}

/** @param reason why it is held; null where it is released */
export async function insertHold(
  sql: LedgerSql,
  sellerAccount: string,
  by: string,
  reason: string | null,
): Promise<void> {
  await sql.query(
    `INSERT INTO marketplace.submission_hold (seller_account, is_held, decided_by, reason) VALUES ($1, $2, $3, $4)`,
    [sellerAccount, reason !== null, by, reason],
  );
}
