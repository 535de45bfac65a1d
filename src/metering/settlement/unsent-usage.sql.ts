import { type LedgerSql } from '../../database/ledger-database.js';

/** Usage that no record which AWS has taken holds, by the hour in which it occurred or is to be sent. */
export interface UnsentUsage {
  productCode: string;
  dimension: string;
  hour: Date;
  units: string;
}

export function selectUnsent(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<UnsentUsage[]> {
  return sql.query<UnsentUsage>(
    `SELECT product_code AS "productCode", dimension, hour, sum(units)::text AS units FROM (
       SELECT d.product_code, d.name AS dimension, to_timestamp(u.hour * 3600::bigint) AS hour, u.quantity AS units
       FROM marketplace.unsealed_usage u
       JOIN marketplace.dimension d ON d.id = u.dimension AND d.seller_account = $1
       UNION ALL
       SELECT d.product_code, d.name, to_timestamp(r.hour * 3600::bigint), r.event_sum FROM marketplace.rollup r
       JOIN marketplace.dimension d ON d.id = r.dimension AND d.seller_account = $1
       WHERE r.record_id IS NULL AND NOT r.is_split
       UNION ALL
       SELECT product_code, dimension, hour, quantity FROM marketplace.metering_record
       WHERE seller_account = $1 AND state IN ('pending', 'sending', 'blocked', 'unknown')
     ) AS unsent
     WHERE product_code = ANY ($2::text[]) AND units <> 0
     GROUP BY product_code, dimension, hour ORDER BY hour, product_code, dimension`,
    [sellerAccount, productCodes],
  );
}
