import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';

/**
 * The customer of a tenant at a product, made where there is none. Only short transactions of ours make one, so waiting
 * for another is short.
 */
export async function customerOfTenant(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  tenantId: string,
): Promise<string> {
  const id = uuidv7();
  const [made] = await tx.query<{ id: string }>(
    `INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (seller_account, product_code, tenant_id) WHERE tenant_id IS NOT NULL DO NOTHING
       RETURNING id::text AS id`,
    [sellerAccount, id, productCode, tenantId],
  );
  if (made) {
    await insertSealCursor(tx, sellerAccount, made.id);
    return made.id;
  }
  const [known] = await tx.query<{ id: string }>(
    `SELECT id::text AS id FROM marketplace.customer WHERE seller_account = $1 AND product_code = $2
      AND tenant_id = $3`,
    [sellerAccount, productCode, tenantId],
  );
  if (!known) throw new Error('a customer vanished between two statements');
  return known.id;
}

/** A subscription that no tenant has claimed is a customer of its own. */
export async function insertUnclaimedCustomer(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
): Promise<string> {
  const id = uuidv7();
  await tx.query(`INSERT INTO marketplace.customer (seller_account, id, product_code) VALUES ($1, $2, $3)`, [
    sellerAccount,
    id,
    productCode,
  ]);
  await insertSealCursor(tx, sellerAccount, id);
  return id;
}

async function insertSealCursor(tx: LedgerSql, sellerAccount: string, customerId: string): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.seal_cursor (seller_account, customer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    [sellerAccount, customerId],
  );
}
