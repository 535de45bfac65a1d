import { type LedgerSql } from '../../database/ledger-database.js';

/**
 * Says that something sealing depends on has changed for these customers: facts, claims, choices, causes, records.
 * INSERT only, so nobody waits; the freeze that reads it before the facts deletes it.
 */
export async function markCustomersChanged(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<void> {
  const ids = [...new Set(customerIds)];
  if (ids.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.customer_changed (seller_account, customer_id) SELECT $1, id
      FROM unnest($2::uuid[]) AS input (id)`,
    [sellerAccount, ids],
  );
}
