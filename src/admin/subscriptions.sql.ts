import { type LedgerSql } from '../database/ledger-database.js';
import { type SubscriptionFilter } from './list-query.js';
import { ID_KEY, Selection } from './selection.js';

export interface SubscriptionRow {
  id: string;
  customer_id: string;
  product_code: string;
  tenant_id: string | null;
  state: string;
  is_trial: boolean;
  agreement: { agreement_id: string | null; license_arn: string | null } | null;
  account: string | null;
  customer_identifier: string | null;
  offer_type: string | null;
  registered_at: Date | null;
  billed_from: Date | null;
  license_from: Date | null;
  next_change_at: Date | null;
  last_heard_at: Date | null;
  asked_at: Date | null;
  alias_of: string | null;
}

const agreementName = (kind: 'agreement' | 'license', of: string): string =>
  `(SELECT coalesce(n.name, n.event_form) FROM marketplace.agreement_name n
     WHERE n.seller_account = $1 AND n.agreement_id = ${of} AND n.kind = '${kind}' ORDER BY n.name NULLS LAST LIMIT 1)`;
const buyerName = (kind: 'account' | 'customerIdentifier'): string =>
  `(SELECT n.name FROM marketplace.buyer_name n
     WHERE n.seller_account = $1 AND n.buyer_id = subscription.buyer_id AND n.kind = '${kind}' ORDER BY n.name LIMIT 1)`;

// Names are looked up for the rows that are shown.
const SUBSCRIPTION_COLUMNS = `id, customer_id, product_code, state, is_trial, offer_type, registered_at, billed_from, license_from, next_change_at,
  last_heard_at, asked_at, alias_of,
  (SELECT c.tenant_id FROM marketplace.customer c WHERE c.seller_account = $1 AND c.id = customer_id) AS tenant_id,
  CASE WHEN current_agreement_id IS NOT NULL THEN jsonb_build_object(
    'agreement_id', ${agreementName('agreement', 'current_agreement_id')}, 'license_arn', ${agreementName('license', 'current_agreement_id')}) END AS agreement,
  ${buyerName('account')} AS account, ${buyerName('customerIdentifier')} AS customer_identifier`;

export function selectSubscriptions(
  tx: LedgerSql,
  sellerAccount: string,
  filter: SubscriptionFilter,
  after: readonly [string] | null,
  limit: number,
): Promise<SubscriptionRow[]> {
  return new Selection(SUBSCRIPTION_COLUMNS, 'subscription', sellerAccount)
    .where(
      filter.tenantId,
      (id) => `customer_id = ANY (ARRAY(SELECT c.id FROM marketplace.product p
        JOIN marketplace.customer c ON c.seller_account = p.seller_account AND c.product_code = p.product_code AND c.tenant_id = ${id}
        WHERE p.seller_account = $1))`,
    )
    .where(filter.productCode, (code) => `product_code = ${code}`)
    .where(filter.state, (state) => `state = ${state}`)
    .after([ID_KEY], after, limit)
    .read(tx);
}

export async function selectSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
): Promise<SubscriptionRow | null> {
  const [row] = await tx.query<SubscriptionRow>(
    `SELECT ${SUBSCRIPTION_COLUMNS} FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id],
  );
  return row ?? null;
}

export interface AgreementRow {
  id: string;
  agreement_id: string | null;
  license_arn: string | null;
  product_id: string | null;
  offer_id: string | null;
  alias_of: string | null;
  periods: { price: string; mode: string; closed_at: string | null }[];
}

export function selectAgreements(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionId: string,
): Promise<AgreementRow[]> {
  return tx.query<AgreementRow>(
    `SELECT a.id, ${agreementName('agreement', 'a.id')} AS agreement_id, ${agreementName('license', 'a.id')} AS
      license_arn, a.product_id, a.offer_id, a.alias_of,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('price', p.price, 'mode', p.mode, 'closed_at', p.closed_at)
         ORDER BY p.created_at, p.price), '[]')
         FROM marketplace.period p WHERE p.seller_account = $1 AND p.agreement_id = a.id) AS periods
     FROM marketplace.agreement a WHERE a.seller_account = $1 AND a.subscription_id = $2 ORDER BY a.id`,
    [sellerAccount, subscriptionId],
  );
}

export interface FactRow {
  agreement_id: string | null;
  type: string;
  at: Date;
  heard_at: Date;
  origin: string;
  message_id: string;
  details: unknown;
}

/**
 * What is known of a subscription and its agreements, and of its buyer without naming an agreement, by when it
 * happened.
 */
export function selectFacts(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionId: string,
  limit: number,
): Promise<FactRow[]> {
  return tx.query<FactRow>(
    `SELECT f.agreement_id, f.type, f.at, f.heard_at, f.origin, f.message_id, f.details
     FROM marketplace.subscription s
     CROSS JOIN LATERAL (
       SELECT f.* FROM marketplace.fact f WHERE f.seller_account = $1 AND f.agreement_id IN (
         SELECT a.id FROM marketplace.agreement a WHERE a.seller_account = $1 AND a.subscription_id = s.id)
       UNION
       SELECT f.* FROM marketplace.fact f WHERE f.seller_account = $1 AND f.subscription_id = s.id
       UNION
       SELECT f.* FROM marketplace.fact f WHERE f.seller_account = $1 AND f.buyer_id = s.buyer_id
         AND f.agreement_id IS NULL AND f.subscription_id IS NULL
     ) AS f
     WHERE s.seller_account = $1 AND s.id = $2
     ORDER BY f.at, f.heard_at, f.id LIMIT $3`,
    [sellerAccount, subscriptionId, limit],
  );
}

/** How the work on a subscription stands. */
export interface WorkRow {
  records_by_state: Record<string, number>;
  next_due_at: Date | null;
  next_cutoff_at: Date | null;
  entitlements_fetched_at: Date | null;
}

export async function selectWork(tx: LedgerSql, sellerAccount: string, subscriptionId: string): Promise<WorkRow> {
  const [row] = await tx.query<WorkRow>(
    `WITH states AS (
       SELECT state, count(*) AS records, min(due_at) AS due_at, min(cutoff_at) AS cutoff_at
       FROM marketplace.metering_record WHERE seller_account = $1 AND subscription_id = $2 GROUP BY state
     )
     SELECT
       (SELECT coalesce(jsonb_object_agg(state, records), '{}') FROM states) AS records_by_state,
       (SELECT min(due_at) FROM states WHERE state IN ('pending', 'sending', 'blocked')) AS next_due_at,
       (SELECT min(cutoff_at) FROM states WHERE state IN ('pending', 'sending', 'blocked')) AS next_cutoff_at,
       (SELECT max(e.fetched_at) FROM marketplace.agreement a
         JOIN marketplace.entitlement_snapshot e ON e.seller_account = $1 AND e.agreement_id = a.id
         WHERE a.seller_account = $1 AND a.subscription_id = $2) AS entitlements_fetched_at`,
    [sellerAccount, subscriptionId],
  );
  if (!row) throw new Error('a SELECT without FROM gave no row');
  return row;
}
