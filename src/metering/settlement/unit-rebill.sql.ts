import { type LedgerSql } from '../../database/ledger-database.js';
import { type OpenBook } from '../../subscription/dimension-unit.js';

/** A subscription that may take units. Ids that were folded stand for what they live on in. */
export async function selectSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
): Promise<{ id: string; product_code: string; customer_id: string } | null> {
  const [row] = await tx.query<{ id: string; product_code: string; customer_id: string }>(
    `SELECT s.id, s.product_code, s.customer_id FROM marketplace.subscription named
     JOIN marketplace.subscription s ON s.seller_account = named.seller_account
       AND s.id = coalesce(named.alias_of, named.id)
     WHERE named.seller_account = $1 AND named.id = $2`,
    [sellerAccount, id],
  );
  return row ?? null;
}

/** Units of usage that a record's quantity stands for: of blocks, what they hold. */
export async function selectUnits(tx: LedgerSql, sellerAccount: string, recordId: string): Promise<string> {
  const [row] = await tx.query<{ units: string }>(
    `SELECT trim_scale(quantity * block)::text AS units FROM marketplace.metering_record
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, recordId],
  );
  return row?.units ?? '0';
}

/** How a record's period has sold its dimension: the largest block, 1 where it has no period, and of which usage. */
export async function selectSold(
  tx: LedgerSql,
  sellerAccount: string,
  { period_id: periodId, dimension }: { period_id: string | null; dimension: string },
): Promise<OpenBook> {
  const [row] = await tx.query<{ block: number | null; covers: string[] | null }>(
    `SELECT max(block)::integer AS block,
       (array_agg(included_by -> 'covers' ORDER BY hour DESC) FILTER (WHERE included_by IS NOT NULL))[1] AS covers
     FROM marketplace.metering_record WHERE seller_account = $1 AND period_id = $2 AND dimension = $3`,
    [sellerAccount, periodId, dimension],
  );
  return { dimension, block: row?.block ?? 1, covers: row?.covers ?? null };
}

/**
 * The event that bills units anew, under the subject of a subscription. Its id is made from the record's, so the same
 * units are never billed anew twice: the second INSERT fails.
 */
export async function insertRebilledUsage(
  tx: LedgerSql,
  sellerAccount: string,
  usage: {
    id: string;
    key: string;
    productCode: string;
    subscriptionId: string;
    dimension: string;
    quantity: string;
    occurredAt: Date;
    reason: string;
  },
): Promise<void> {
  const rows = await tx.query(
    `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity, key, detail)
     SELECT $2, $3, s.id, d.id, $4::numeric, $5, jsonb_build_object('reason', $6::text)
     FROM marketplace.subject s
     JOIN marketplace.dimension d ON d.seller_account = s.seller_account AND d.product_code = s.product_code
       AND d.name = $7
     WHERE s.seller_account = $1 AND s.product_code = $8 AND s.tenant_id IS NULL AND s.subscription_id = $9
     RETURNING id`,
    [
      sellerAccount,
      usage.id,
      usage.occurredAt.toISOString(),
      usage.quantity,
      usage.key,
      usage.reason,
      usage.dimension,
      usage.productCode,
      usage.subscriptionId,
    ],
  );
  if (rows.length !== 1)
    throw new Error(
      `subscription ${usage.subscriptionId} has no subject, or dimension ${usage.dimension} is not known`,
    );
}
