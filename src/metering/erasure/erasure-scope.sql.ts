// Whom an erasure concerns: buyers, with everything that hangs on them.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type AgreementNameKind, type BuyerNameKind } from '../../subscription/chain/aws-names.js';

/** By which a buyer is found. A name is compared by its digest, so that one who was erased is found, too. */
export type BuyerSelection =
  | { by: 'tenant'; tenantId: string; productCode: string | null }
  | { by: 'subscription'; subscriptionId: string }
  | { by: 'name'; kind: BuyerNameKind; digest: string; productCode: string | null };

const SELECTED: Record<BuyerSelection['by'], string> = {
  tenant: `SELECT s.buyer_id FROM marketplace.claim l
    JOIN marketplace.subscription named ON named.seller_account = $1 AND named.id = l.subscription_id
    JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = coalesce(named.alias_of, named.id)
    WHERE l.seller_account = $1 AND l.tenant_id = $2 AND l.undone_at IS NULL
      AND ($3::text IS NULL OR l.product_code = $3)`,
  subscription: `SELECT s.buyer_id FROM marketplace.subscription named
    JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = coalesce(named.alias_of, named.id)
    WHERE named.seller_account = $1 AND named.id = $2::uuid AND $3::text IS NULL`,
  name: `SELECT n.buyer_id FROM marketplace.buyer_name n
    WHERE n.seller_account = $1 AND n.kind = split_part($2, ':', 1) AND n.digest = decode(split_part($2, ':', 2), 'hex')
      AND ($3::text IS NULL OR n.product_code = $3)`,
};

/** Ids of the buyers, each with those that turned out to be it: the first of a row is the one that lives. */
export async function selectBuyerIds(
  tx: LedgerSql,
  sellerAccount: string,
  selection: BuyerSelection,
): Promise<{ id: string; all_ids: string[] }[]> {
  const [key, productCode] =
    selection.by === 'tenant'
      ? [selection.tenantId, selection.productCode]
      : selection.by === 'subscription'
        ? [selection.subscriptionId, null]
        : [`${selection.kind}:${selection.digest}`, selection.productCode];
  return tx.query(
    `SELECT b.id::text AS id, (SELECT jsonb_agg(same.id::text ORDER BY same.id) FROM marketplace.buyer same
       WHERE same.seller_account = $1 AND b.id IN (same.id, same.alias_of)) AS all_ids
     FROM marketplace.buyer b
     WHERE b.seller_account = $1 AND b.id IN (
       SELECT coalesce(x.alias_of, x.id) FROM marketplace.buyer x
       WHERE x.seller_account = $1 AND x.id IN (${SELECTED[selection.by]}))
     ORDER BY b.id`,
    [sellerAccount, key, productCode],
  );
}

/** A name of a buyer or of an agreement of theirs, as it stands. */
export interface StandingName {
  kind: BuyerNameKind | AgreementNameKind;
  digest: string;
  product_code: string;
  name: string | null;
  event_form: string | null;
}

export interface ErasureScope {
  /** Aliases included. */
  buyerIds: readonly string[];
  productCodes: readonly string[];
  /** Folded ones included. */
  subscriptionIds: readonly string[];
  /** Whose the subscriptions are, or ever were. */
  customerIds: readonly string[];
  names: readonly StandingName[];
}

export async function loadScope(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<ErasureScope> {
  const names = await tx.query<StandingName>(
    `SELECT kind, encode(digest, 'hex') AS digest, product_code, name, NULL AS event_form FROM marketplace.buyer_name
     WHERE seller_account = $1 AND buyer_id = ANY ($2::uuid[])
     UNION ALL
     SELECT n.kind, encode(n.digest, 'hex'), a.product_code, n.name, n.event_form FROM marketplace.agreement a
     JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.agreement_id = a.id
     WHERE a.seller_account = $1 AND a.buyer_id = ANY ($2::uuid[])`,
    [sellerAccount, buyerIds],
  );
  const rows = await tx.query<{ id: string; product_code: string; customer_id: string }>(
    `SELECT s.id::text AS id, s.product_code, c.id::text AS customer_id FROM marketplace.subscription s
     JOIN marketplace.customer c ON c.seller_account = $1 AND (c.id = s.customer_id
       OR (c.product_code = s.product_code AND c.tenant_id IN (SELECT l.tenant_id FROM marketplace.claim l
         WHERE l.seller_account = $1 AND l.subscription_id = s.id AND l.undone_at IS NULL)))
     WHERE s.seller_account = $1 AND s.buyer_id = ANY ($2::uuid[])
     ORDER BY s.id`,
    [sellerAccount, buyerIds],
  );
  const products = await tx.query<{ product_code: string }>(
    `SELECT DISTINCT product_code FROM marketplace.buyer WHERE seller_account = $1 AND id = ANY ($2::uuid[])`,
    [sellerAccount, buyerIds],
  );
  return {
    buyerIds,
    productCodes: products.map(({ product_code: code }) => code),
    subscriptionIds: [...new Set(rows.map(({ id }) => id))],
    customerIds: [...new Set(rows.map(({ customer_id: id }) => id))].sort(),
    names,
  };
}

/** Nothing of these customers is sealed meanwhile. Sealers pass over what is held; one that is at it is waited for. */
export async function lockSealing(tx: LedgerSql, sellerAccount: string, customerIds: readonly string[]): Promise<void> {
  await tx.query(
    `SELECT FROM marketplace.seal_cursor WHERE seller_account = $1 AND customer_id = ANY ($2::uuid[])
     ORDER BY customer_id FOR UPDATE`,
    [sellerAccount, customerIds],
  );
}
