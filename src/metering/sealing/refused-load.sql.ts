import { type LedgerSql } from '../../database/ledger-database.js';

/**
 * The newest hour from `since` on of which AWS has taken a record, of each identity and dimension. Nothing where no usage
 * waits that it has refused: nobody asks then.
 */
export function loadBilledHours(
  tx: LedgerSql,
  identityIds: readonly string[],
  dimensions: readonly string[],
  since: Date,
): Promise<{ identity_id: string; dimension: string; hour: Date }[]> {
  return tx.query(
    `SELECT i.id AS identity_id, d.name AS dimension, billed.hour
     FROM unnest($1::uuid[]) AS i (id) CROSS JOIN unnest($2::text[]) AS d (name)
     CROSS JOIN LATERAL (
       SELECT hour FROM marketplace.metering_record
       WHERE identity_id = i.id AND dimension = d.name AND hour >= $3 AND kind = 'hour'
         AND disposition IS DISTINCT FROM 'annulled' AND mode = 'live' AND state = 'metered'
       ORDER BY hour DESC LIMIT 1) AS billed
     WHERE EXISTS (SELECT FROM marketplace.rollup
       WHERE record_id IS NULL AND NOT is_split AND refused_for IS NOT NULL)`,
    [identityIds, dimensions, since.toISOString()],
  );
}
