import { type LedgerSql } from '../database/ledger-database.js';
import { type AgreementNotice, type StoredAgreementNotice } from './marketplace-event.js';
import { idsOfLiving } from '../database/alias-ids.sql.js';

/**
 * The names of an agreement and its buyer, as they stand now: what was erased meanwhile is null. Rows that turned out
 * to be one agreement share their names. Where several licenses are known, the newest row's.
 */
export async function agreementNoticeOf(
  sql: LedgerSql,
  sellerAccount: string,
  stored: StoredAgreementNotice | null,
): Promise<AgreementNotice | null> {
  if (stored === null) return null;
  const [row] = await sql.query<Omit<AgreementNotice, 'startsAt' | 'endsAt' | 'isTrial'>>(
    `WITH standing AS (
       SELECT coalesce(alias_of, id) AS id FROM marketplace.agreement WHERE seller_account = $1 AND id = $2
     ), same AS (
       SELECT a.id, a.buyer_id, a.product_id, a.offer_id FROM marketplace.agreement a, standing s
       WHERE a.seller_account = $1 AND a.id = ANY (${idsOfLiving('agreement', 's.id')})
     ), previous AS (
       SELECT p.id FROM marketplace.agreement named, marketplace.agreement p
       WHERE named.seller_account = $1 AND named.id = $3 AND p.seller_account = $1
         AND p.id = ANY (${idsOfLiving('agreement', 'coalesce(named.alias_of, named.id)')})
     )
     SELECT
       (SELECT n.name FROM marketplace.agreement_name n WHERE n.seller_account = $1 AND n.agreement_id IN (SELECT id
         FROM same)
          AND n.kind = 'agreement' ORDER BY n.name LIMIT 1) AS "agreementId",
       (SELECT coalesce(n.name, n.event_form) FROM marketplace.agreement_name n WHERE n.seller_account = $1
          AND n.agreement_id IN (SELECT id FROM same) AND n.kind = 'license'
            ORDER BY n.name NULLS LAST, n.agreement_id DESC LIMIT 1) AS "licenseArn",
       (SELECT b.name FROM marketplace.buyer_name b WHERE b.seller_account = $1 AND b.buyer_id IN (SELECT buyer_id
         FROM same)
          AND b.kind = 'account' LIMIT 1) AS "customerAwsAccountId",
       (SELECT b.name FROM marketplace.buyer_name b WHERE b.seller_account = $1 AND b.buyer_id IN (SELECT buyer_id
         FROM same)
          AND b.kind = 'customerIdentifier' LIMIT 1) AS "customerIdentifier",
       (SELECT max(product_id) FROM same) AS "productId", (SELECT max(offer_id) FROM same) AS "offerId",
       (SELECT n.name FROM marketplace.agreement_name n WHERE n.seller_account = $1 AND n.agreement_id IN (SELECT id
         FROM previous)
          AND n.kind = 'agreement' ORDER BY n.name LIMIT 1) AS "previousAgreementId"`,
    [sellerAccount, stored.agreement, stored.previous],
  );
  if (!row) return null;
  return { ...row, startsAt: stored.startsAt, endsAt: stored.endsAt, isTrial: stored.isTrial };
}
