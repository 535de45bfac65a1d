import { type SqlExecutor } from '../../database/ledger-database.js';
import { type SubscriptionAlias, type SubscriptionIdentity } from './subscription-aliases.js';
import { type SubscriptionRow, type SubscriptionState } from '../subscription.js';

const millisecondsOf = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::bigint::text`;
const COLUMNS = `s.id::text AS id, s.product_code, s.tenant_id, s.license_arn, s.state,
  ${millisecondsOf('s.starts_at')} AS starts_at_ms, ${millisecondsOf('s.ends_at')} AS ends_at_ms`;

/** Follows merges: `found` is any set of ids, the result the rows that they live on in. A chain has as many links as there were merges. */
const winnersOf = (found: string): string => `
  WITH RECURSIVE trail AS (
    ${found}
    UNION
    SELECT s.id, s.merged_into FROM trail t
    JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = t.merged_into
  )
  SELECT ${COLUMNS} FROM marketplace.subscription s
  WHERE s.seller_account = $1 AND s.id IN (SELECT id FROM trail WHERE merged_into IS NULL)`;

/** The subscription that `id` lives on in. */
export async function selectSubscription(tx: SqlExecutor, sellerAccount: string, id: string): Promise<SubscriptionRow | null> {
  const [row] = await tx.query<SubscriptionRow>(
    winnersOf(`SELECT id, merged_into FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`),
    [sellerAccount, id],
  );
  return row ?? null;
}

export function selectSubscriptionsOfTenant(
  tx: SqlExecutor,
  sellerAccount: string,
  tenantId: string,
  productCode: string | null,
): Promise<SubscriptionRow[]> {
  return tx.query<SubscriptionRow>(
    `${winnersOf(`SELECT id, merged_into FROM marketplace.subscription
      WHERE seller_account = $1 AND tenant_id = $2 AND ($3::text IS NULL OR product_code = $3)`)}
     ORDER BY s.starts_at, s.id`,
    [sellerAccount, tenantId, productCode],
  );
}

export interface IdentityRow {
  id: string;
  product_code: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  entitlements_changed_at: Date | null;
}

/** What AWS calls the subscription that `id` lives on in. */
export async function selectIdentity(tx: SqlExecutor, sellerAccount: string, id: string): Promise<IdentityRow | null> {
  const living = await selectSubscription(tx, sellerAccount, id);
  if (!living) return null;
  const [row] = await tx.query<IdentityRow>(
    `SELECT id::text AS id, product_code, license_arn, customer_aws_account_id, customer_identifier, entitlements_changed_at
     FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, living.id],
  );
  return row ?? null;
}

/** The row itself, merged or not: ids and products never change, so this may be remembered for ever. */
export async function selectProductOf(tx: SqlExecutor, sellerAccount: string, id: string): Promise<string | null> {
  const [row] = await tx.query<{ product_code: string }>(
    `SELECT product_code FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id],
  );
  return row?.product_code ?? null;
}

export interface EndRow {
  id: string;
  product_code: string;
  state: SubscriptionState;
  ends_at: Date | null;
}

/** FOR NO KEY UPDATE: one end at a time, while rows that refer to the subscription can still be written. */
export async function lockForEnd(tx: SqlExecutor, sellerAccount: string, id: string): Promise<EndRow | null> {
  const [row] = await tx.query<EndRow>(
    `SELECT id::text AS id, product_code, state, ends_at FROM marketplace.subscription
     WHERE seller_account = $1 AND id = $2 AND merged_into IS NULL FOR NO KEY UPDATE`,
    [sellerAccount, id],
  );
  return row ?? null;
}

/**
 * One registrar per name at a time, in all replicas: of several POSTs of one buyer the first creates the row and the others find it, while other
 * buyers pass. Taken in one order; held to the end of the transaction; statements after it see what the holder before committed.
 */
export async function lockAliases(tx: SqlExecutor, sellerAccount: string, aliases: readonly SubscriptionAlias[]): Promise<void> {
  const names = aliases.map(({ kind, scope, value }) => JSON.stringify([sellerAccount, kind, scope, value])).sort();
  for (const name of names) {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('marketplace-registrar'), hashtext($1))`, [name]);
  }
}

export interface RegistrarRow {
  id: string;
  product_code: string;
  tenant_id: string | null;
  state: SubscriptionState;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  offer_type: string | null;
  registration_fields: Record<string, string>;
  /** First hour metered under the license, where a legacy subscription was moved. */
  license_from: Date | null;
  alias_kinds: string[];
}

/**
 * The rows behind some names, oldest first. No lock for a buyer who is known: a claim may hold the row for as long as the host's transaction is
 * open. `forMerge`: FOR NO KEY UPDATE, so that a claim or an end under way finishes before the rows are judged.
 */
export async function selectByAliases(
  tx: SqlExecutor,
  sellerAccount: string,
  aliases: readonly SubscriptionAlias[],
  purpose: 'forReading' | 'forMerge' = 'forReading',
): Promise<RegistrarRow[]> {
  return tx.query<RegistrarRow>(
    `SELECT s.id::text AS id, s.product_code, s.tenant_id, s.state, s.license_arn, s.customer_aws_account_id, s.customer_identifier,
       s.offer_type, s.registration_fields, s.license_from, found.kinds AS alias_kinds
     FROM (
       SELECT a.subscription_id, to_json(array_agg(a.kind)) AS kinds
       FROM unnest($2::text[], $3::text[], $4::text[]) AS wanted (kind, scope, value)
       JOIN marketplace.subscription_alias a
         ON a.seller_account = $1 AND a.kind = wanted.kind AND a.scope = wanted.scope AND a.value = wanted.value
       GROUP BY a.subscription_id
     ) AS found
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = found.subscription_id
     ORDER BY s.registered_at, s.id
     ${purpose === 'forMerge' ? 'FOR NO KEY UPDATE OF s' : ''}`,
    [sellerAccount, aliases.map(({ kind }) => kind), aliases.map(({ scope }) => scope), aliases.map(({ value }) => value)],
  );
}

/** FOR UPDATE: a sealer at work on one of them finishes first, and none begins before the merge is decided. In id order, as sealers claim. */
export async function lockSealCursors(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<void> {
  await tx.query(
    `SELECT 1 FROM marketplace.seal_cursor WHERE seller_account = $1 AND subscription_id = ANY ($2::uuid[]) ORDER BY subscription_id FOR UPDATE`,
    [sellerAccount, ids],
  );
}

export async function selectSealedAmong(tx: SqlExecutor, sellerAccount: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    `SELECT given.id::text AS id FROM unnest($2::uuid[]) AS given (id)
     WHERE EXISTS (SELECT 1 FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = given.id)`,
    [sellerAccount, ids],
  );
  return new Set(rows.map(({ id }) => id));
}

export interface NewSubscription extends SubscriptionIdentity {
  id: string;
  offerType: string | null;
  fields: Record<string, string>;
  at: Date;
  /** Metered under the license from this hour on, though the product is still of the legacy identity. */
  licenseFrom: Date | null;
}

export async function insertSubscription(tx: SqlExecutor, sellerAccount: string, subscription: NewSubscription): Promise<void> {
  const { id, productCode, licenseArn, customerAwsAccountId, customerIdentifier, offerType, fields, at, licenseFrom } = subscription;
  await tx.query(
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, license_arn, customer_aws_account_id, customer_identifier,
       offer_type, registration_fields, registered_at, starts_at, license_from)
     VALUES ($1, $2, $3, 'registered', $4, $5, $6, $7, $8, $9, $9, $10)`,
    [
      sellerAccount,
      id,
      productCode,
      licenseArn ?? null,
      customerAwsAccountId ?? null,
      customerIdentifier ?? null,
      offerType,
      JSON.stringify(fields),
      at.toISOString(),
      licenseFrom?.toISOString() ?? null,
    ],
  );
  await tx.query(`INSERT INTO marketplace.seal_cursor (seller_account, subscription_id) VALUES ($1, $2)`, [sellerAccount, id]);
}

/** Fills what was not known before; what stands there stays. */
export async function completeSubscription(
  tx: SqlExecutor,
  sellerAccount: string,
  id: string,
  known: Omit<SubscriptionIdentity, 'productCode'> & { offerType: string | null; fields: Record<string, string> },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription SET license_arn = coalesce(license_arn, $3),
       customer_aws_account_id = coalesce(customer_aws_account_id, $4), customer_identifier = coalesce(customer_identifier, $5),
       offer_type = coalesce(offer_type, $6), registration_fields = $7, updated_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2`,
    [
      sellerAccount,
      id,
      known.licenseArn ?? null,
      known.customerAwsAccountId ?? null,
      known.customerIdentifier ?? null,
      known.offerType,
      JSON.stringify(known.fields),
    ],
  );
}

export async function insertAliases(
  tx: SqlExecutor,
  sellerAccount: string,
  id: string,
  aliases: readonly SubscriptionAlias[],
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.subscription_alias (seller_account, kind, scope, value, subscription_id)
     SELECT $1, kind, scope, value, $2 FROM unnest($3::text[], $4::text[], $5::text[]) AS input (kind, scope, value)
     ON CONFLICT DO NOTHING`,
    [sellerAccount, id, aliases.map(({ kind }) => kind), aliases.map(({ scope }) => scope), aliases.map(({ value }) => value)],
  );
}

/**
 * Makes `loser` live on in `winner`: the earlier start, the tenant, aliases and codes (its state follows from what was heard of both). Its unassigned events follow when
 * the sealer next comes by, along the pointer left here.
 */
export async function mergeInto(tx: SqlExecutor, sellerAccount: string, winner: string, loser: string): Promise<void> {
  await tx.query(
    `UPDATE marketplace.subscription w SET
       tenant_id = coalesce(w.tenant_id, l.tenant_id),
       license_arn = coalesce(w.license_arn, l.license_arn),
       customer_aws_account_id = coalesce(w.customer_aws_account_id, l.customer_aws_account_id),
       customer_identifier = coalesce(w.customer_identifier, l.customer_identifier),
       offer_type = coalesce(w.offer_type, l.offer_type),
       registration_fields = l.registration_fields || w.registration_fields,
       starts_at = least(w.starts_at, l.starts_at),
       updated_at = clock_timestamp()
     FROM marketplace.subscription l
     WHERE w.seller_account = $1 AND w.id = $2 AND l.seller_account = $1 AND l.id = $3`,
    [sellerAccount, winner, loser],
  );
  await tx.query(
    `UPDATE marketplace.subscription SET merged_into = $2, updated_at = clock_timestamp() WHERE seller_account = $1 AND id = $3`,
    [sellerAccount, winner, loser],
  );
  for (const table of ['subscription_alias', 'registration_code']) {
    await tx.query(`UPDATE marketplace.${table} SET subscription_id = $2 WHERE seller_account = $1 AND subscription_id = $3`, [
      sellerAccount,
      winner,
      loser,
    ]);
  }
}

export interface ProductRow {
  type: string;
  identity: 'license' | 'legacy';
  region: string;
  mode: 'live' | 'dry-run' | 'off';
  live_from: Date | null;
  mode_before_live: 'dry-run' | 'off' | null;
}

/** The first replica to start enters the product; the row lock makes the others compare with what it entered. */
export async function insertOrLockProduct(
  tx: SqlExecutor,
  sellerAccount: string,
  product: {
    productCode: string;
    type: string;
    identity: string;
    region: string;
    mode: string;
    liveFrom: Date | null;
    modeBeforeLive: string | null;
  },
): Promise<ProductRow | null> {
  const inserted = await tx.query(
    `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode, live_from, mode_before_live)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING product_code`,
    [
      sellerAccount,
      product.productCode,
      product.type,
      product.identity,
      product.region,
      product.mode,
      product.liveFrom?.toISOString() ?? null,
      product.modeBeforeLive,
    ],
  );
  if (inserted.length > 0) return null;
  const [row] = await tx.query<ProductRow>(
    `SELECT type, identity, region, mode, live_from, mode_before_live FROM marketplace.product
     WHERE seller_account = $1 AND product_code = $2 FOR NO KEY UPDATE`,
    [sellerAccount, product.productCode],
  );
  return row ?? null;
}

export async function hasSealed(tx: SqlExecutor, sellerAccount: string, productCode: string): Promise<boolean> {
  const rows = await tx.query(`SELECT 1 FROM marketplace.metering_record WHERE seller_account = $1 AND product_code = $2 LIMIT 1`, [
    sellerAccount,
    productCode,
  ]);
  return rows.length > 0;
}

/** Subscriptions that go on and are metered by legacy names only. */
export async function countUnmoved(tx: SqlExecutor, sellerAccount: string, productCode: string): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM marketplace.subscription s
     WHERE s.seller_account = $1 AND s.product_code = $2 AND s.merged_into IS NULL AND s.license_from IS NULL AND s.state <> 'ended'
       AND EXISTS (SELECT FROM marketplace.metering_record r WHERE r.seller_account = $1 AND r.subscription_id = s.id AND r.kind = 'hour')`,
    [sellerAccount, productCode],
  );
  return row?.count ?? 0;
}

export async function updateProduct(
  tx: SqlExecutor,
  sellerAccount: string,
  productCode: string,
  change: { identity: string; mode: string; liveFrom: Date | null; modeBeforeLive: string | null },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.product SET identity = $3, mode = $4, live_from = $5, mode_before_live = $6, updated_at = clock_timestamp()
     WHERE seller_account = $1 AND product_code = $2`,
    [sellerAccount, productCode, change.identity, change.mode, change.liveFrom?.toISOString() ?? null, change.modeBeforeLive],
  );
}
