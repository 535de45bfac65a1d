import { type LedgerSql } from '../../database/ledger-database.js';
import { type RecordState } from './record-outcome.js';

/** Another record in the grain of one, under another name of its buyer. */
export interface GrainSharer {
  id: string;
  state: RecordState;
}

/**
 * Which records share their product, dimension and hour with another standing record of ours under some name of their
 * buyer. AWS knows a buyer by account and by CustomerIdentifier, and in the hour of the move to licenses by either side
 * of it: a DuplicateRecord may then mean that other record. Two licenses of one buyer are two grains.
 *
 * The buyer is found by the record's own name and by the agreement that prices it; his other names by `buyer_name`, the
 * licenses of his agreements by `agreement_name`. No lock: what is sealed after this could not have been sent before
 * the answer that it is asked for.
 * @returns for each of them the other records
 */
export async function recordsInSharedGrain(
  tx: LedgerSql,
  recordIds: readonly string[],
): Promise<Map<string, GrainSharer[]>> {
  const shared = new Map<string, GrainSharer[]>();
  if (recordIds.length === 0) return shared;
  const rows = await tx.query<GrainSharer & { of: string }>(
    `WITH asked AS MATERIALIZED (
       SELECT r.id, r.seller_account, r.product_code, r.dimension, r.hour, r.period_id, i.id AS identity_id, i.kind,
         i.digest
       FROM marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id
       WHERE r.id = ANY ($1::uuid[])
     ), named_buyer AS (
       SELECT a.id, n.seller_account, n.buyer_id FROM asked a
       JOIN marketplace.buyer_name n ON n.product_code = a.product_code AND n.kind = a.kind AND n.digest = a.digest
       UNION
       SELECT a.id, g.seller_account, g.buyer_id FROM asked a
       JOIN marketplace.period p ON p.seller_account = a.seller_account AND p.id = a.period_id
       JOIN marketplace.agreement g ON g.seller_account = p.seller_account AND g.id = p.agreement_id
       WHERE g.buyer_id IS NOT NULL
     ), buyer AS MATERIALIZED (
       SELECT DISTINCT named.id, same.seller_account, same.id AS buyer_id FROM named_buyer named
       JOIN marketplace.buyer b ON b.seller_account = named.seller_account AND b.id = named.buyer_id
       JOIN marketplace.buyer same ON same.seller_account = b.seller_account
         AND coalesce(b.alias_of, b.id) IN (same.id, same.alias_of)
     ), name AS (
       SELECT b.id, n.kind, n.digest FROM buyer b
       JOIN marketplace.buyer_name n ON n.seller_account = b.seller_account AND n.buyer_id = b.buyer_id
       UNION
       SELECT b.id, 'license', n.digest FROM buyer b
       JOIN asked a ON a.id = b.id AND a.kind <> 'license'
       JOIN marketplace.agreement g ON g.seller_account = b.seller_account AND g.buyer_id = b.buyer_id
       JOIN marketplace.agreement_name n ON n.seller_account = g.seller_account AND n.agreement_id = g.id
         AND n.kind = 'license'
     )
     SELECT DISTINCT a.id AS of, other.id, other.state FROM asked a
     JOIN name n ON n.id = a.id
     JOIN marketplace.metering_identity i ON i.product_code = a.product_code AND i.kind = n.kind
       AND i.digest = n.digest AND i.id <> a.identity_id
     JOIN marketplace.metering_record other ON other.identity_id = i.id AND other.dimension = a.dimension
       AND other.hour = a.hour
       AND other.kind = 'hour' AND other.mode = 'live' AND other.disposition IS DISTINCT FROM 'annulled'`,
    [recordIds],
  );
  for (const { of, ...other } of rows) shared.set(of, [...(shared.get(of) ?? []), other]);
  return shared;
}

/** Records of one buyer that AWS took, or may have, under two names, in one dimension and hour. */
export interface SharedGrain {
  buyerId: string;
  productCode: string;
  dimension: string;
  hour: Date;
  records: { id: string; quantity: string; state: RecordState }[];
}

/**
 * Hours since an instant in which records of ours stand under both names of a legacy buyer, none of them known not
 * billed. Few buyers were ever metered under both: they are found first, so that no record of another is read.
 */
export async function selectSharedGrains(sql: LedgerSql, sellerAccount: string, since: Date): Promise<SharedGrain[]> {
  return sql.query<SharedGrain>(
    `WITH name AS (
       SELECT coalesce(b.alias_of, b.id) AS buyer_id, n.product_code, i.id AS identity_id
       FROM marketplace.buyer_name n
       JOIN marketplace.buyer b ON b.seller_account = $1 AND b.id = n.buyer_id
       JOIN marketplace.metering_identity i ON i.product_code = n.product_code AND i.kind = n.kind
         AND i.digest = n.digest
       WHERE n.seller_account = $1
     ), twice AS MATERIALIZED (
       SELECT * FROM name WHERE buyer_id IN (SELECT buyer_id FROM name GROUP BY buyer_id HAVING count(*) > 1)
     )
     SELECT t.buyer_id::text AS "buyerId", t.product_code AS "productCode", r.dimension, r.hour,
       jsonb_agg(jsonb_build_object('id', r.id, 'quantity', r.quantity::text, 'state', r.state)
         ORDER BY r.id) AS records
     FROM twice t
     JOIN marketplace.metering_record r ON r.identity_id = t.identity_id AND r.kind = 'hour'
     WHERE r.hour >= $2 AND r.state IN ('metered', 'unknown') AND r.quantity > 0
     GROUP BY t.buyer_id, t.product_code, r.dimension, r.hour HAVING count(DISTINCT r.identity_id) > 1
     ORDER BY r.hour, r.dimension, t.buyer_id`,
    [sellerAccount, since.toISOString()],
  );
}
