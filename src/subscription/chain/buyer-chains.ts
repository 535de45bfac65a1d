// Everything stored of a buyer, locked and loaded for one projection.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type AgreementFact, type FactType } from '../agreements/agreement-fact.js';
import { type MeteredBy } from '../agreements/timeline-rule.js';
import { groupBy } from './group-by.js';
import { type SubscriptionState } from '../agreements/subscription-state.js';
import { type AgreementNameKind, type BuyerNameKind } from './aws-names.js';
import {
  type AgreementRow,
  type ClaimRow,
  type FactRow,
  selectAgreements,
  selectBuyerNames,
  selectBuyers,
  selectClaims,
  selectFacts,
  selectSubscriptions,
  type SubscriptionRow,
} from './buyer-rows.sql.js';
import { livingIds } from '../../database/alias-ids.sql.js';

/** A row of `agreement` with its names. */
export interface AgreementRecord {
  id: string;
  /** Null: it is new, and in no subscription yet. */
  subscriptionId: string | null;
  aliasOf: string | null;
  productId: string | null;
  offerId: string | null;
  names: readonly { kind: AgreementNameKind; digest: string; name: string | null; eventForm: string | null }[];
}

/** A row of `subscription`. */
export interface SubscriptionRecord {
  id: string;
  productCode: string;
  customerId: string;
  aliasOf: string | null;
  state: SubscriptionState;
  currentAgreementId: string | null;
  isTrial: boolean;
  endedTold: boolean;
  nextChangeAt: Date | null;
  offerType: string | null;
  registeredAt: Date | null;
  billedFrom: Date | null;
  licenseFrom: Date | null;
  askedAt: Date | null;
  mayNotAsk: boolean;
  nextAskAt: Date | null;
}

export interface ClaimRecord {
  subscriptionId: string;
  tenantId: string;
  /** Null: from the subscription's beginning. */
  since: Date | null;
}

export type StoredFact = AgreementFact & { subscriptionId: string | null; licenseDigest: string | null };

/** All that is known of one buyer at one product. */
export interface BuyerChains {
  buyerId: string;
  productCode: string;
  /** How the product is metered. */
  identity: MeteredBy;
  names: ReadonlyMap<BuyerNameKind, string | null>;
  agreements: readonly AgreementRecord[];
  facts: readonly StoredFact[];
  /** Folded ones included. */
  subscriptions: readonly SubscriptionRecord[];
  /** In the order of their instants, and of the order in which they were made. */
  claims: readonly ClaimRecord[];
}

/**
 * One projection of a buyer at a time; FOR NO KEY UPDATE lets rows that refer to it be written meanwhile. In the order
 * of ids.
 */
export async function lockBuyers(tx: LedgerSql, sellerAccount: string, buyerIds: readonly string[]): Promise<void> {
  await tx.query(
    `SELECT FROM marketplace.buyer WHERE seller_account = $1
       AND id = ANY (${livingIds('buyer', '$2')})
     ORDER BY id FOR NO KEY UPDATE`,
    [sellerAccount, buyerIds],
  );
}

/** The rows that adoption of claims writes, too; after the buyers, in the order of ids. */
export async function lockSubscriptionsOf(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<void> {
  await tx.query(
    `SELECT FROM marketplace.subscription WHERE seller_account = $1 AND buyer_id = ANY ($2::uuid[]) ORDER BY id
      FOR NO KEY UPDATE`,
    [sellerAccount, buyerIds],
  );
}

export async function selectBuyersOf(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `SELECT DISTINCT coalesce(b.alias_of, b.id)::text AS id FROM marketplace.subscription s
     JOIN marketplace.buyer b ON b.seller_account = $1 AND b.id = s.buyer_id
     WHERE s.seller_account = $1 AND s.id = ANY ($2::uuid[]) ORDER BY 1`,
    [sellerAccount, subscriptionIds],
  );
  return rows.map(({ id }) => id);
}

/**
 * Everything known of some buyers, in six statements however many they are. Ids that are aliases are answered as the
 * buyer that they turned out to be.
 */
export async function loadBuyerChains(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<BuyerChains[]> {
  if (buyerIds.length === 0) return [];
  const buyers = await selectBuyers(tx, sellerAccount, buyerIds);
  const buyerOf = new Map(buyers.flatMap((buyer) => buyer.all_ids.map((id) => [id, buyer.id] as const)));
  const ids = buyers.map(({ id }) => id);
  const names = groupBy(await selectBuyerNames(tx, sellerAccount, ids), ({ buyer_id: id }) => id);
  const subscriptionRows = await selectSubscriptions(tx, sellerAccount, ids);
  const subscriptions = groupBy(subscriptionRows, ({ buyer_id: id }) => id);
  const subscriptionIds = subscriptionRows.map(({ id }) => id);
  const ownerOf = new Map(subscriptionRows.map((row) => [row.id, row.buyer_id]));
  const claims = groupBy(
    await selectClaims(tx, sellerAccount, subscriptionIds),
    (row) => ownerOf.get(row.subscription_id) ?? '',
  );
  const agreements = groupBy(await selectAgreements(tx, sellerAccount, ids), ({ buyer_id: id }) => id);
  const facts = groupBy(
    await selectFacts(tx, sellerAccount, [...buyerOf.keys()]),
    ({ buyer_id: id }) => buyerOf.get(id) ?? id,
  );
  return buyers.map(({ id, product_code: productCode, identity }) => {
    const rows = (agreements.get(id) ?? []).map(agreementOf);
    const own = subscriptions.get(id) ?? [];
    return {
      buyerId: id,
      productCode,
      identity,
      names: new Map((names.get(id) ?? []).map(({ kind, name }) => [kind, name])),
      agreements: rows,
      facts: (facts.get(id) ?? []).map((row) => factOf(row, rows, own)),
      subscriptions: own.map(subscriptionRecordOf),
      claims: (claims.get(id) ?? []).map(claimOf),
    };
  });
}

/**
 * Rows of the license that a fact names, or of the subscription that the host speaks of; null: any of the buyer's could
 * be meant.
 */
export function amongOf(
  fact: { type: FactType; licenseDigest: string | null; subscriptionId: string | null },
  rows: readonly AgreementRecord[],
  subscriptions: readonly Pick<SubscriptionRecord, 'id' | 'aliasOf'>[],
): readonly string[] | null {
  if (fact.type === 'host.ended') {
    const named = subscriptions.find(({ id }) => id === fact.subscriptionId);
    return rows
      .filter(({ subscriptionId }) => subscriptionId === (named?.aliasOf ?? fact.subscriptionId))
      .map(({ id }) => id);
  }
  if (fact.licenseDigest === null) return null;
  return rows.filter((row) => hasName(row, 'license', fact.licenseDigest)).map(({ id }) => id);
}

export function hasName({ names }: AgreementRecord, kind: AgreementNameKind, digest: string | null): boolean {
  return names.some((name) => name.kind === kind && name.digest === digest);
}

function factOf(row: FactRow, rows: readonly AgreementRecord[], subscriptions: readonly SubscriptionRow[]): StoredFact {
  const { licenseDigest = null, ...details } = row.details as { licenseDigest?: string | null };
  return {
    id: row.id,
    type: row.type,
    agreementId: row.agreement_id,
    among: amongOf(
      { type: row.type, licenseDigest, subscriptionId: row.subscription_id },
      rows,
      subscriptions.map(({ id, alias_of: aliasOf }) => ({ id, aliasOf })),
    ),
    at: row.at,
    heardAt: row.heard_at,
    details,
    subscriptionId: row.subscription_id,
    licenseDigest,
  } as StoredFact;
}

function agreementOf(row: AgreementRow): AgreementRecord {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    aliasOf: row.alias_of,
    productId: row.product_id,
    offerId: row.offer_id,
    names: (row.names ?? []).map(({ event_form: eventForm, ...name }) => ({ ...name, eventForm })),
  };
}

function subscriptionRecordOf(row: SubscriptionRow): SubscriptionRecord {
  return {
    id: row.id,
    productCode: row.product_code,
    customerId: row.customer_id,
    aliasOf: row.alias_of,
    state: row.state,
    currentAgreementId: row.current_agreement_id,
    isTrial: row.is_trial,
    endedTold: row.ended_told,
    nextChangeAt: row.next_change_at,
    offerType: row.offer_type,
    registeredAt: row.registered_at,
    billedFrom: row.billed_from,
    licenseFrom: row.license_from,
    askedAt: row.asked_at,
    mayNotAsk: row.may_not_ask,
    nextAskAt: row.next_ask_at,
  };
}

function claimOf({ subscription_id: subscriptionId, tenant_id: tenantId, since }: ClaimRow): ClaimRecord {
  return { subscriptionId, tenantId, since };
}
