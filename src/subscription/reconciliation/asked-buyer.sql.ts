import { type LedgerSql } from '../../database/ledger-database.js';
import { type SubscriptionState } from '../agreements/subscription-state.js';
import { accountsOf, labelOf } from '../chain/aws-names.js';
import { namedBy } from '../inbox/message.sql.js';
import { type AskedBuyer, type KnownAgreement } from './asked-buyer.js';
import { idsOfLiving } from '../../database/alias-ids.sql.js';

/** @param subscriptionIds of one buyer at one product. Null where none of them is there. */
export async function loadAskedBuyer(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
): Promise<AskedBuyer | null> {
  const subscriptions = await sql.query<{
    id: string;
    customer_id: string;
    state: SubscriptionState;
    product_code: string;
    account: string | null;
    customer_identifier: string | null;
    product_id: string | null;
  }>(
    `SELECT s.id::text AS id, s.customer_id::text AS customer_id, s.state, s.product_code,
       (SELECT min(n.name) FROM marketplace.buyer_name n WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id
         AND n.kind = 'account') AS account,
       (SELECT min(n.name) FROM marketplace.buyer_name n
        WHERE n.seller_account = $1 AND n.buyer_id = s.buyer_id
          AND n.kind = 'customerIdentifier') AS customer_identifier,
       (SELECT a.product_id FROM marketplace.agreement a
        WHERE a.seller_account = $1 AND a.product_code = s.product_code AND a.product_id IS NOT NULL
          ORDER BY a.created_at DESC LIMIT 1) AS product_id
     FROM marketplace.subscription s WHERE s.seller_account = $1 AND s.id = ANY ($2::uuid[]) ORDER BY s.id`,
    [sellerAccount, subscriptionIds],
  );
  const [first] = subscriptions;
  if (!first) return null;
  return {
    productCode: first.product_code,
    customerAwsAccountId: first.account,
    customerIdentifier: first.customer_identifier,
    subscriptions: subscriptions.map(({ id, customer_id: customerId, state }) => ({ id, customerId, state })),
    agreements: await loadAgreements(sql, sellerAccount, subscriptionIds),
    productId: first.product_id,
    awaited: await selectAwaited(sql, sellerAccount, first.account),
  };
}

async function selectAwaited(
  sql: LedgerSql,
  sellerAccount: string,
  customerAwsAccountId: string | null,
): Promise<string[]> {
  const labels = accountsOf({ customerAwsAccountId }).map((name) => labelOf(name, null));
  const rows = await sql.query<{ digest: string }>(
    `SELECT DISTINCT substr(label, length('agreement:') + 1) AS digest
     FROM marketplace.inbox_message, unnest(names) AS label
     WHERE ${namedBy('$2::text[]')} AND state = 'waiting' AND starts_with(label, 'agreement:')`,
    [sellerAccount, labels],
  );
  return rows.map(({ digest }) => digest);
}

interface AgreementRow {
  id: string;
  subscription_id: string;
  agreement_id: string | null;
  license_arns: string[];
  agreement_digests: string[];
  license_digests: string[];
  erased_licenses: string[];
  found_at: Date | null;
  found: NonNullable<KnownAgreement['found']>['details'] | null;
  terms: KnownAgreement['terms'];
  last_fact_at: Date | null;
  last_heard_at: Date | null;
  announced_ends: string[];
}

/** What was heard under a row that turned out to be another agreement's counts as that one's. */
async function loadAgreements(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
): Promise<KnownAgreement[]> {
  const rows = await sql.query<AgreementRow>(
    `WITH row AS (
       SELECT a.id, a.subscription_id, a.buyer_id, ${idsOfLiving('agreement', 'a.id')} AS ids
       FROM marketplace.agreement a WHERE a.seller_account = $1 AND a.subscription_id = ANY ($2::uuid[])
         AND a.alias_of IS NULL
     )
     SELECT row.id::text AS id, row.subscription_id::text AS subscription_id,
       (SELECT min(n.name) FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = ANY (row.ids) AND n.kind = 'agreement') AS agreement_id,
       to_jsonb(ARRAY(SELECT DISTINCT n.name FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = ANY (row.ids) AND n.kind = 'license'
          AND n.name IS NOT NULL)) AS license_arns,
       to_jsonb(ARRAY(SELECT DISTINCT encode(n.digest, 'hex') FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = ANY (row.ids) AND n.kind = 'license')) AS license_digests,
       to_jsonb(ARRAY(SELECT DISTINCT encode(n.digest, 'hex') FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = ANY (row.ids) AND n.kind = 'agreement')) AS agreement_digests,
       to_jsonb(ARRAY(SELECT encode(n.digest, 'hex') FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = ANY (row.ids) AND n.kind = 'license'
        GROUP BY n.digest HAVING bool_and(num_nonnulls(n.name, n.event_form) = 0))) AS erased_licenses,
       f.at AS found_at, f.details AS found, (
         SELECT t.details -> 'terms' FROM marketplace.fact t
         WHERE t.seller_account = $1 AND t.agreement_id = ANY (row.ids) AND t.type = 'agreement.found'
           AND t.details -> 'terms' <> 'null'
         ORDER BY t.at DESC, t.heard_at DESC LIMIT 1) AS terms,
       o.last_fact_at, o.last_heard_at,
       to_jsonb(ARRAY(SELECT DISTINCT e.details ->> 'endTime' FROM marketplace.fact e
        WHERE e.seller_account = $1 AND e.agreement_id = ANY (row.ids) AND e.details ->> 'endTime' IS NOT NULL))
        AS announced_ends
     FROM row
     LEFT JOIN LATERAL (
       SELECT at, details FROM marketplace.fact f WHERE f.seller_account = $1 AND f.agreement_id = ANY (row.ids)
         AND f.type = 'agreement.found'
       ORDER BY at DESC, heard_at DESC LIMIT 1
     ) f ON true
     CROSS JOIN LATERAL (
       SELECT max(at) AS last_fact_at, max(heard_at) AS last_heard_at FROM marketplace.fact o
       WHERE o.seller_account = $1 AND o.type NOT IN ('agreement.found', 'agreement.notice')
         AND (o.agreement_id = ANY (row.ids) OR (o.agreement_id IS NULL AND (o.buyer_id = row.buyer_id
           OR o.subscription_id = row.subscription_id)))
     ) o
     ORDER BY row.id`,
    [sellerAccount, subscriptionIds],
  );
  return rows.map((row) => ({
    id: row.id,
    subscriptionId: row.subscription_id,
    agreementId: row.agreement_id,
    licenseArns: row.license_arns,
    agreementDigests: row.agreement_digests,
    licenseDigests: row.license_digests,
    erasedLicenses: row.erased_licenses,
    found: row.found === null || row.found_at === null ? null : { at: row.found_at, details: row.found },
    terms: row.terms,
    lastFactAt: row.last_fact_at,
    lastHeardAt: row.last_heard_at,
    announcedEnds: row.announced_ends.map((end) => new Date(end)),
  }));
}
