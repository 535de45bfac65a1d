import { type LedgerSql } from '../../database/ledger-database.js';

export interface ProofCursor {
  proven_id: string;
  horizon_id: string;
  /** Whether every transaction that could still write a rollup up to the horizon is over. */
  is_settled: boolean;
}

/** The seller's cursor, locked; undefined where another replica is at it. SKIP LOCKED: one of them proves. */
export async function lockProofCursor(tx: LedgerSql, sellerAccount: string): Promise<ProofCursor | undefined> {
  await tx.query(`INSERT INTO marketplace.proof_cursor (seller_account) VALUES ($1) ON CONFLICT DO NOTHING`, [
    sellerAccount,
  ]);
  const [row] = await tx.query<ProofCursor>(
    `SELECT proven_id::text, horizon_id::text, coalesce(pg_snapshot_xmin(pg_current_snapshot()) >= horizon_xid, false)
       AS is_settled
     FROM marketplace.proof_cursor WHERE seller_account = $1 FOR UPDATE SKIP LOCKED`,
    [sellerAccount],
  );
  return row;
}

/**
 * Ids are drawn in order and committed in any: the newest one is a horizon only with the transactions that were open
 * beside it. A writer has its transaction's number before it draws an id.
 * @returns false where there is nothing new
 */
export async function moveHorizon(tx: LedgerSql, sellerAccount: string): Promise<boolean> {
  const moved = await tx.query(
    `UPDATE marketplace.proof_cursor c SET horizon_id = newest.id, horizon_xid = pg_snapshot_xmax(pg_current_snapshot())
     FROM (SELECT max(id) AS id FROM marketplace.rollup) AS newest
     WHERE c.seller_account = $1 AND newest.id > c.horizon_id RETURNING c.horizon_id`,
    [sellerAccount],
  );
  return moved.length > 0;
}

/** @param provenAt where the horizon is reached */
export async function moveProofCursor(
  tx: LedgerSql,
  sellerAccount: string,
  provenId: string,
  provenAt: Date | null,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.proof_cursor SET proven_id = $2, proven_at = coalesce($3, proven_at) WHERE seller_account = $1`,
    [sellerAccount, provenId, provenAt?.toISOString() ?? null],
  );
}

export interface UnprovenRollupRow {
  rollup_id: string;
  dimension: string;
  hour: number;
  record_id: string | null;
  state: string | null;
}

/** Notes rollups that do not agree. */
export async function insertUnproven(
  tx: LedgerSql,
  sellerAccount: string,
  rollupIds: readonly string[],
  at: Date,
): Promise<UnprovenRollupRow[]> {
  await tx.query(
    `INSERT INTO marketplace.unproven_rollup (rollup_id, seller_account, found_at)
     SELECT id, $1, $3 FROM unnest($2::bigint[]) AS found (id) ON CONFLICT DO NOTHING`,
    [sellerAccount, rollupIds, at.toISOString()],
  );
  return tx.query<UnprovenRollupRow>(
    `SELECT u.id::text AS rollup_id, d.name AS dimension, u.hour, u.record_id, r.state
     FROM unnest($2::bigint[]) AS found (id) JOIN marketplace.rollup u ON u.id = found.id
     JOIN marketplace.dimension d ON d.id = u.dimension
     LEFT JOIN marketplace.metering_record r ON r.seller_account = $1 AND r.id = u.record_id ORDER BY u.id`,
    [sellerAccount, rollupIds],
  );
}

/** Rollups that did not agree when they were compared, from the longest known on. */
export async function listUnproven(tx: LedgerSql, sellerAccount: string, limit: number): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `SELECT rollup_id::text AS id FROM marketplace.unproven_rollup WHERE seller_account = $1
     ORDER BY found_at, rollup_id LIMIT $2`,
    [sellerAccount, limit],
  );
  return rows.map(({ id }) => id);
}

export async function deleteUnproven(tx: LedgerSql, sellerAccount: string, ids: readonly string[]): Promise<void> {
  await tx.query(
    `DELETE FROM marketplace.unproven_rollup WHERE seller_account = $1 AND rollup_id = ANY ($2::bigint[])`,
    [sellerAccount, ids],
  );
}
