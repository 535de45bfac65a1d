import { type LedgerSql } from '../../database/ledger-database.js';
import { type FactType } from '../agreements/agreement-fact.js';
import { type SubscriptionState } from '../agreements/subscription-state.js';
import { type MeteredBy } from '../agreements/timeline-rule.js';
import { type AgreementNameKind, type BuyerNameKind } from './aws-names.js';
import { livingIds } from '../../database/alias-ids.sql.js';

/** The rows of buyers, as they stand: a statement for each table, however many buyers. */

export interface BuyerRow {
  id: string;
  product_code: string;
  identity: MeteredBy;
  /** Its own id, and those that turned out to be it. */
  all_ids: string[];
}

export function selectBuyers(tx: LedgerSql, sellerAccount: string, buyerIds: readonly string[]): Promise<BuyerRow[]> {
  return tx.query<BuyerRow>(
    `SELECT b.id::text AS id, b.product_code,
       CASE p.type WHEN 'saas' THEN p.identity ELSE 'installation' END AS identity, jsonb_agg(same.id::text) AS all_ids
     FROM marketplace.buyer b
     JOIN marketplace.product p ON p.seller_account = $1 AND p.product_code = b.product_code
     JOIN marketplace.buyer same ON same.seller_account = $1 AND (same.id = b.id OR same.alias_of = b.id)
     WHERE b.seller_account = $1
       AND b.id = ANY (${livingIds('buyer', '$2')})
     GROUP BY b.id, b.product_code, p.type, p.identity ORDER BY b.id`,
    [sellerAccount, buyerIds],
  );
}

export interface FactRow {
  id: string;
  buyer_id: string;
  agreement_id: string | null;
  subscription_id: string | null;
  type: FactType;
  at: Date;
  heard_at: Date;
  details: Record<string, unknown>;
}

/** Every fact is kept with its buyer, whatever it names beside. */
export function selectFacts(tx: LedgerSql, sellerAccount: string, buyerIds: readonly string[]): Promise<FactRow[]> {
  return tx.query<FactRow>(
    `SELECT id::text AS id, buyer_id::text AS buyer_id, agreement_id::text AS agreement_id, subscription_id::text AS
      subscription_id,
       type, at, heard_at, details
     FROM marketplace.fact WHERE seller_account = $1 AND buyer_id = ANY ($2::uuid[]) ORDER BY at, id`,
    [sellerAccount, buyerIds],
  );
}

export interface AgreementRow {
  id: string;
  buyer_id: string;
  subscription_id: string;
  alias_of: string | null;
  product_id: string | null;
  offer_id: string | null;
  names: { kind: AgreementNameKind; digest: string; name: string | null; event_form: string | null }[] | null;
}

export function selectAgreements(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<AgreementRow[]> {
  return tx.query<AgreementRow>(
    `SELECT a.id::text AS id, a.buyer_id::text AS buyer_id, a.subscription_id::text AS subscription_id,
      a.alias_of::text AS alias_of, a.product_id,
       a.offer_id,
       (SELECT jsonb_agg(jsonb_build_object('kind', n.kind, 'digest', encode(n.digest, 'hex'), 'name', n.name,
         'event_form', n.event_form)
          ORDER BY n.kind, n.digest)
        FROM marketplace.agreement_name n WHERE n.seller_account = $1 AND n.agreement_id = a.id) AS names
     FROM marketplace.agreement a WHERE a.seller_account = $1 AND a.buyer_id = ANY ($2::uuid[]) ORDER BY a.id`,
    [sellerAccount, buyerIds],
  );
}

export function selectBuyerNames(tx: LedgerSql, sellerAccount: string, buyerIds: readonly string[]) {
  return tx.query<{ buyer_id: string; kind: BuyerNameKind; name: string | null }>(
    `SELECT buyer_id::text AS buyer_id, kind, name FROM marketplace.buyer_name WHERE seller_account = $1
      AND buyer_id = ANY ($2::uuid[])
     ORDER BY kind, digest`,
    [sellerAccount, buyerIds],
  );
}

export interface SubscriptionRow {
  id: string;
  buyer_id: string;
  product_code: string;
  customer_id: string;
  alias_of: string | null;
  state: SubscriptionState;
  current_agreement_id: string | null;
  is_trial: boolean;
  ended_told: boolean;
  next_change_at: Date | null;
  offer_type: string | null;
  registered_at: Date | null;
  billed_from: Date | null;
  license_from: Date | null;
  asked_at: Date | null;
  may_not_ask: boolean;
  next_ask_at: Date | null;
}

export function selectSubscriptions(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<SubscriptionRow[]> {
  return tx.query<SubscriptionRow>(
    `SELECT id::text AS id, buyer_id::text AS buyer_id, product_code, customer_id::text AS customer_id, alias_of::text
      AS alias_of, state,
       current_agreement_id::text AS current_agreement_id, is_trial, ended_told, next_change_at, offer_type,
         registered_at, billed_from,
       license_from, asked_at, may_not_ask, next_ask_at
     FROM marketplace.subscription WHERE seller_account = $1 AND buyer_id = ANY ($2::uuid[]) ORDER BY id`,
    [sellerAccount, buyerIds],
  );
}

export interface ClaimRow {
  subscription_id: string;
  tenant_id: string;
  since: Date | null;
}

export function selectClaims(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
): Promise<ClaimRow[]> {
  return tx.query<ClaimRow>(
    `SELECT subscription_id::text AS subscription_id, tenant_id, nullif(since, '-infinity') AS since
     FROM marketplace.claim WHERE seller_account = $1 AND subscription_id = ANY ($2::uuid[])
       AND undone_at IS NULL
     ORDER BY marketplace.claim.since, claimed_at, tenant_id`,
    [sellerAccount, subscriptionIds],
  );
}
