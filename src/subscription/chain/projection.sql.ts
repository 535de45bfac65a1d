import { type LedgerSql } from '../../database/ledger-database.js';
import { type ProjectedState, type ToldState } from '../agreements/subscription-state.js';
import { type AgreementRecord } from './buyer-chains.js';

/**
 * Order of locks where chains are written: the message, its names (advisory, sorted), buyers, subscriptions, each in
 * the order of ids; then rows that only their holder writes. Adoption of claims takes subscriptions alone, in the same
 * order.
 */

export interface NewSubscription {
  id: string;
  productCode: string;
  customerId: string;
  buyerId: string;
}

export async function insertSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  subscription: NewSubscription,
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, buyer_id, state)
      VALUES ($1, $2, $3, $4, $5, 'registered')`,
    [sellerAccount, subscription.id, subscription.productCode, subscription.customerId, subscription.buyerId],
  );
}

/** A claim of ours: the tenant of a legacy buyer stays the tenant of what the buyer buys next. */
export async function insertInheritedClaim(
  tx: LedgerSql,
  sellerAccount: string,
  claim: { subscriptionId: string; productCode: string; tenantId: string; at: Date },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, claimed_at)
     VALUES ($1, $2, $3, $4, '-infinity', $5) ON CONFLICT DO NOTHING`,
    [sellerAccount, claim.subscriptionId, claim.productCode, claim.tenantId, claim.at.toISOString()],
  );
}

/** Rows of agreements as joining placed them: new ones, and those whose subscription or alias is another now. */
export async function writeAgreements(
  tx: LedgerSql,
  sellerAccount: string,
  about: { productCode: string; buyerId: string },
  rows: readonly AgreementRecord[],
): Promise<void> {
  if (rows.length === 0) return;
  // In two steps: an alias may refer to a row that is new itself.
  const input = JSON.stringify(
    rows.map(({ id, subscriptionId, aliasOf, productId, offerId }) => ({
      id,
      subscriptionId,
      aliasOf,
      productId,
      offerId,
    })),
  );
  const columns =
    'jsonb_to_recordset($2::jsonb) AS input (id uuid, "subscriptionId" uuid, "aliasOf" uuid, "productId" text, ' +
    '"offerId" text)';
  await tx.query(
    `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id, buyer_id, product_id,
      offer_id)
     SELECT $1, id, $3, "subscriptionId", $4, "productId", "offerId" FROM ${columns} ORDER BY id
     ON CONFLICT (seller_account, id) DO UPDATE SET subscription_id = excluded.subscription_id
       WHERE agreement.subscription_id <> excluded.subscription_id`,
    [sellerAccount, input, about.productCode, about.buyerId],
  );
  await tx.query(
    `UPDATE marketplace.agreement a SET alias_of = input."aliasOf" FROM ${columns}
     WHERE a.seller_account = $1 AND a.id = input.id AND a.alias_of IS DISTINCT FROM input."aliasOf"`,
    [sellerAccount, input],
  );
}

/**
 * `id` lives on in `into`: all ids that it stood for, too. What stands there is completed, never replaced. Codes,
 * claims, choices, messages, facts and records keep the id that they name; whoever reads them resolves it.
 */
export async function foldSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  { id, into }: { id: string; into: string },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription s SET
       offer_type = coalesce(s.offer_type, f.offer_type), registration_fields = f.registration_fields ||
         s.registration_fields,
       registered_at = least(s.registered_at, f.registered_at), billed_from = coalesce(s.billed_from, f.billed_from),
       license_from = coalesce(s.license_from, f.license_from), last_heard_at = greatest(s.last_heard_at,
         f.last_heard_at),
       next_ask_at = least(s.next_ask_at, f.next_ask_at), entitlements_changed_at =
         greatest(s.entitlements_changed_at, f.entitlements_changed_at),
       updated_at = clock_timestamp()
     FROM marketplace.subscription f
     WHERE s.seller_account = $1 AND s.id = $3 AND f.seller_account = $1 AND f.id = $2`,
    [sellerAccount, id, into],
  );
  await tx.query(
    `UPDATE marketplace.subscription SET alias_of = $3, next_change_at = NULL, next_ask_at = NULL, updated_at =
      clock_timestamp()
     WHERE seller_account = $1 AND $2 IN (id, alias_of)`,
    [sellerAccount, id, into],
  );
}

/**
 * Compare-and-set: what was told before is what stands there, so each change is told once. @returns whether it was
 * written
 */
export async function writeState(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  told: ToldState,
  projected: ProjectedState & { endedTold: boolean },
): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE marketplace.subscription SET state = $3, current_agreement_id = $4, is_trial = $5, ended_told = $6,
      next_change_at = $7,
       next_ask_at = least(next_ask_at, $8), updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 AND alias_of IS NULL
       AND (state, current_agreement_id, is_trial, ended_told) IS NOT DISTINCT FROM ($9, $10::uuid, $11::boolean,
         $12::boolean)
     RETURNING id`,
    [
      sellerAccount,
      id,
      projected.state,
      projected.currentAgreementId,
      projected.isTrial,
      projected.endedTold,
      projected.nextChangeAt?.toISOString() ?? null,
      projected.askAt?.toISOString() ?? null,
      told.state,
      told.currentAgreementId,
      told.isTrial,
      told.endedTold,
    ],
  );
  return rows.length > 0;
}

export async function noteHeard(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
  at: Date,
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription SET last_heard_at = greatest(last_heard_at, $3)
     WHERE seller_account = $1 AND id = ANY ($2::uuid[])`,
    [sellerAccount, subscriptionIds, at.toISOString()],
  );
}

/** Buyers of whom something changes by time alone: a start, an end or a conversion has come. */
export async function selectBuyersToChange(
  sql: LedgerSql,
  sellerAccount: string,
  now: Date,
  limit: number,
): Promise<string[]> {
  const rows = await sql.query<{ buyer_id: string }>(
    `SELECT s.buyer_id::text AS buyer_id FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.next_change_at <= $2 AND s.buyer_id IS NOT NULL
     ORDER BY s.next_change_at LIMIT $3`,
    [sellerAccount, now.toISOString(), limit],
  );
  return [...new Set(rows.map(({ buyer_id: id }) => id))];
}
