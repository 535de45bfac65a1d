import { type SqlExecutor } from '../../database/ledger-database.js';

export interface LegacySubscription {
  id: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  license_from: Date | null;
}

/** Subscriptions of a product that go on, oldest first, some at a time. */
export function selectLegacy(
  sql: SqlExecutor,
  sellerAccount: string,
  productCode: string,
  after: string | null,
  limit: number,
): Promise<LegacySubscription[]> {
  return sql.query<LegacySubscription>(
    `SELECT id::text AS id, license_arn, customer_aws_account_id, license_from FROM marketplace.subscription
     WHERE seller_account = $1 AND product_code = $2 AND merged_into IS NULL AND state <> 'ended' AND ($3::uuid IS NULL OR id > $3)
     ORDER BY id LIMIT $4`,
    [sellerAccount, productCode, after, limit],
  );
}

/**
 * Sets the first hour metered under the license. The seal cursor is taken first: no sealer is at the subscription, and none has sealed that hour or a
 * later one under the old names.
 */
export async function setLicenseFrom(tx: SqlExecutor, sellerAccount: string, id: string, hour: Date): Promise<boolean> {
  await tx.query(`SELECT FROM marketplace.seal_cursor WHERE seller_account = $1 AND subscription_id = $2 FOR UPDATE`, [sellerAccount, id]);
  const rows = await tx.query(
    `UPDATE marketplace.subscription s SET license_from = $3, updated_at = clock_timestamp()
     WHERE s.seller_account = $1 AND s.id = $2 AND s.license_from IS NULL AND NOT EXISTS (
       SELECT FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = s.id AND r.kind = 'hour' AND r.hour >= $3)
     RETURNING s.id`,
    [sellerAccount, id, hour.toISOString()],
  );
  return rows.length > 0;
}
