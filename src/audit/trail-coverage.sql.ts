import { type LedgerSql } from '../database/ledger-database.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { type Interval, type ReadInterval } from './trail-coverage.js';

/** The log of one operation in one region. */
export interface TrailPlace {
  operation: MeteringOperation;
  region: string;
}

export interface PlacedCoverage extends TrailPlace, ReadInterval {
  source: 'lookup' | 'files';
}

/** @returns its id, by which `extendCoverage` goes on */
export async function insertCoverage(
  sql: LedgerSql,
  sellerAccount: string,
  { operation, region, from, to, readAt, source }: PlacedCoverage,
): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    `INSERT INTO marketplace.trail_coverage (seller_account, operation, region, from_at, to_at, read_at, source)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id::text`,
    [sellerAccount, operation, region, from.toISOString(), to.toISOString(), readAt.toISOString(), source],
  );
  if (!row) throw new Error('the coverage was not written');
  return row.id;
}

/** One more page: the log is answered newest first, so what was read grows towards its beginning. */
export async function extendCoverage(sql: LedgerSql, id: string, from: Date): Promise<void> {
  await sql.query(`UPDATE marketplace.trail_coverage SET from_at = $2 WHERE id = $1 AND from_at > $2`, [
    id,
    from.toISOString(),
  ]);
}

/** What was read of all logs within an interval. */
export function selectCoverage(
  sql: LedgerSql,
  sellerAccount: string,
  { from, to }: Interval,
): Promise<PlacedCoverage[]> {
  return sql.query<PlacedCoverage>(
    `SELECT operation, region, from_at AS "from", to_at AS "to", read_at AS "readAt", source
     FROM marketplace.trail_coverage WHERE seller_account = $1 AND to_at > $2 AND from_at < $3
     ORDER BY operation, region, from_at, id`,
    [sellerAccount, from.toISOString(), to.toISOString()],
  );
}
