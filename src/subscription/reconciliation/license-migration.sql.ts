import { type LedgerSql } from '../../database/ledger-database.js';

export interface LegacySubscription {
  id: string;
  buyer_id: string | null;
  customer_id: string;
  license_from: Date | null;
  has_account: boolean;
  /** Licenses in the form that the API takes, of agreements that are not known to be over at the cut-over. */
  licenses: string[];
}

const COLUMNS = `s.id::text AS id, s.buyer_id::text AS buyer_id, s.customer_id::text AS customer_id, s.license_from,
  EXISTS (SELECT FROM marketplace.buyer_name n WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id AND n.kind = 'account') AS has_account,
  to_jsonb(ARRAY(SELECT DISTINCT n.name FROM marketplace.agreement a
    JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.agreement_id = a.id AND n.kind = 'license' AND n.name IS NOT NULL
    WHERE a.seller_account = $1 AND a.subscription_id = s.id
      AND coalesce(a.alias_of, a.id) = coalesce(s.current_agreement_id, a.alias_of, a.id))) AS licenses`;

/** Subscriptions of a product that go on, oldest first, some at a time. */
export function selectLegacy(
  sql: LedgerSql,
  sellerAccount: string,
  productCode: string,
  after: string | null,
  limit: number,
): Promise<LegacySubscription[]> {
  return sql.query<LegacySubscription>(
    `SELECT ${COLUMNS} FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.product_code = $2 AND s.alias_of IS NULL AND s.state NOT IN ('ended', 'failed')
       AND ($3::uuid IS NULL OR s.id > $3)
     ORDER BY s.id LIMIT $4`,
    [sellerAccount, productCode, after, limit],
  );
}

/** As it stands now, folded into another as that one; null where it has ended meanwhile. */
export async function selectLegacyOne(
  sql: LedgerSql,
  sellerAccount: string,
  id: string,
): Promise<LegacySubscription | null> {
  const [row] = await sql.query<LegacySubscription>(
    `SELECT ${COLUMNS} FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.state NOT IN ('ended', 'failed')
       AND s.id = (SELECT coalesce(alias_of, id) FROM marketplace.subscription WHERE seller_account = $1 AND id = $2)`,
    [sellerAccount, id],
  );
  return row ?? null;
}

/** All subscriptions of the buyer of one: AWS is asked about them together. */
export async function selectOfBuyer(
  sql: LedgerSql,
  sellerAccount: string,
  { id, buyer_id: buyerId }: LegacySubscription,
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.subscription WHERE seller_account = $1 AND alias_of IS NULL AND (id = $2
      OR buyer_id = $3) ORDER BY id`,
    [sellerAccount, id, buyerId],
  );
  return rows.map((row) => row.id);
}

/**
 * Pins the first hour metered under the license. The customer's seal cursor is taken first: no sealer is at it, and
 * none has sealed that hour or a later one under the old names, other than in a dry run.
 */
export async function pinLicenseFrom(
  tx: LedgerSql,
  sellerAccount: string,
  { id, customer_id: customerId }: LegacySubscription,
  hour: Date,
): Promise<boolean> {
  await tx.query(`SELECT FROM marketplace.seal_cursor WHERE seller_account = $1 AND customer_id = $2 FOR UPDATE`, [
    sellerAccount,
    customerId,
  ]);
  const rows = await tx.query(
    `UPDATE marketplace.subscription s SET license_from = $3, updated_at = clock_timestamp()
     WHERE s.seller_account = $1 AND s.id = $2 AND s.license_from IS NULL AND NOT EXISTS (
       SELECT FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = s.id
         AND r.kind = 'hour' AND r.mode = 'live'
         AND r.disposition IS DISTINCT FROM 'annulled' AND r.hour >= $3)
     RETURNING s.id`,
    [sellerAccount, id, hour.toISOString()],
  );
  return rows.length > 0;
}
