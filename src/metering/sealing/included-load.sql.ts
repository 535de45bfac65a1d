import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedIncludedUnits } from '../../options/included-options.schema.js';
import { type SaidEntitlements } from './included-quantity.js';

export interface SaidRow {
  agreement_id: string;
  /** Each answer that was another than the one before, in the order of time. */
  said: { fetchedAt: string; otherwiseAt: string | null; entitlements: SaidEntitlements['entitlements'] }[];
  /** When AWS last gave the answer that counts; null where it never answered. */
  fetched_at: Date | null;
  /** Since when AWS lists nothing, where that does not count yet. */
  empty_since: Date | null;
  /** Instants of messages that something was amended, in the order of time. */
  told: string[];
  /** Ends that its agreement was told to have, in the order in which they were heard. */
  ends: { endsAt: string; heardAt: string }[];
  /** Of a product in its buyer's account: when it first ran there. Its agreement begins earlier, for usage of before. */
  first_run_at: Date | null;
}

/** A legacy message of changed entitlements names no agreement: it is kept with the buyer. */
export function loadSaid(tx: LedgerSql, sellerAccount: string, agreementIds: readonly string[]): Promise<SaidRow[]> {
  return tx.query<SaidRow>(
    `SELECT a.id AS agreement_id, coalesce(history.said, '[]') AS said, s.fetched_at, s.empty_since,
       coalesce(heard.told, '[]') AS told, coalesce(planned.ends, '[]') AS ends, installation.first_run_at
     FROM unnest($2::uuid[]) AS a (id)
     LEFT JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_object('fetchedAt', fetched_at, 'otherwiseAt', otherwise_at,
         'entitlements', entitlements) ORDER BY fetched_at, id) AS said
       FROM marketplace.entitlement_change WHERE seller_account = $1 AND agreement_id = a.id OFFSET 0
     ) AS history ON true
     LEFT JOIN LATERAL (
       SELECT fetched_at, empty_since FROM marketplace.entitlement_snapshot
       WHERE seller_account = $1 AND agreement_id = a.id OFFSET 0
     ) AS s ON true
     LEFT JOIN LATERAL (
       SELECT jsonb_agg(at ORDER BY at) AS told FROM (
         SELECT f.at FROM marketplace.fact f WHERE f.seller_account = $1 AND f.agreement_id = a.id
           AND f.type IN ('agreement.amended', 'license.updated', 'entitlement.updated')
         UNION ALL
         SELECT f.at FROM marketplace.agreement g
         JOIN marketplace.fact f ON f.seller_account = $1 AND f.buyer_id = g.buyer_id AND f.agreement_id IS NULL
           AND f.type = 'entitlement.updated'
         WHERE g.seller_account = $1 AND g.id = a.id
       ) AS message
     ) AS heard ON true
     LEFT JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_object('endsAt', f.details ->> 'endTime', 'heardAt', f.heard_at)
         ORDER BY f.heard_at, f.at, f.id) AS ends FROM marketplace.fact f
       WHERE f.seller_account = $1 AND f.agreement_id = a.id AND f.details ->> 'endTime' IS NOT NULL
     ) AS planned ON true
     LEFT JOIN LATERAL (
       SELECT min(f.heard_at) AS first_run_at FROM marketplace.agreement g
       JOIN marketplace.product p ON p.seller_account = $1 AND p.product_code = g.product_code AND p.type <> 'saas'
       JOIN marketplace.fact f ON f.seller_account = $1 AND f.agreement_id = a.id AND f.type = 'agreement.created'
       WHERE g.seller_account = $1 AND g.id = a.id
     ) AS installation ON true`,
    [sellerAccount, agreementIds],
  );
}

export interface CountedUsageRow {
  period_id: string;
  dimension: string;
  /** How many of the boundaries lie at or before the hours. */
  stretch: number;
  used: string;
}

/** Usage that counts against included units, between boundaries of hours; from the index alone. */
export function sumCountedUsage(
  tx: LedgerSql,
  sellerAccount: string,
  books: readonly { periodId: string; dimension: string; boundaries: readonly number[] }[],
): Promise<CountedUsageRow[]> {
  return tx.query<CountedUsageRow>(
    `SELECT b.period_id, b.dimension, k.stretch, k.used::text
     FROM (SELECT period_id, dimension, boundaries::integer[] AS boundaries
       FROM unnest($2::uuid[], $3::text[], $4::text[]) AS given (period_id, dimension, boundaries)) AS b
     CROSS JOIN LATERAL (
       SELECT width_bucket(hour, b.boundaries) AS stretch, sum(used) AS used FROM marketplace.included_usage
       WHERE seller_account = $1 AND period_id = b.period_id AND dimension = b.dimension GROUP BY 1
     ) AS k`,
    [
      sellerAccount,
      books.map(({ periodId }) => periodId),
      books.map(({ dimension }) => dimension),
      books.map(({ boundaries }) => `{${boundaries.join(',')}}`),
    ],
  );
}

/** Agreements whose hours wait for an answer of AWS; those that do not any more are taken out. */
export async function replaceWanted(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
  wanted: readonly { agreementId: string; customerId: string; since: Date }[],
): Promise<void> {
  await tx.query(
    `DELETE FROM marketplace.entitlement_wanted WHERE seller_account = $1 AND customer_id = ANY ($2::uuid[])
       AND agreement_id <> ALL ($3::uuid[])`,
    [sellerAccount, customerIds, wanted.map(({ agreementId }) => agreementId)],
  );
  if (wanted.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.entitlement_wanted AS w (seller_account, agreement_id, customer_id, since)
     SELECT $1, agreement_id, customer_id, since FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[])
       AS given (agreement_id, customer_id, since) ORDER BY agreement_id
     ON CONFLICT (seller_account, agreement_id) DO UPDATE SET since = excluded.since, customer_id = excluded.customer_id
     WHERE (w.since, w.customer_id) IS DISTINCT FROM (excluded.since, excluded.customer_id)`,
    [
      sellerAccount,
      wanted.map(({ agreementId }) => agreementId),
      wanted.map(({ customerId }) => customerId),
      wanted.map(({ since }) => since.toISOString()),
    ],
  );
}

/** In which blocks the newest record of each of these dimensions sells its period's usage. */
export function loadSealedBlocks(
  tx: LedgerSql,
  sellerAccount: string,
  booked: readonly { periodId: string; dimension: string }[],
): Promise<{ period_id: string; dimension: string; block: string }[]> {
  return tx.query(
    `SELECT b.period_id, b.dimension, trim_scale(r.block)::text AS block
     FROM unnest($2::uuid[], $3::text[]) AS b (period_id, dimension)
     CROSS JOIN LATERAL (
       SELECT block FROM marketplace.metering_record m WHERE m.seller_account = $1 AND m.period_id = b.period_id
         AND m.dimension = b.dimension AND m.kind = 'hour' ORDER BY m.hour DESC LIMIT 1) AS r`,
    [sellerAccount, booked.map(({ periodId }) => periodId), booked.map(({ dimension }) => dimension)],
  );
}

export interface GivenUnitsRow {
  product_code: string;
  /** `products[].includedUnits` as it was resolved. */
  included: ResolvedIncludedUnits[];
  in_force_from: Date;
}

/** What the options of each start said is included, in the order of starts. */
export function loadGivenUnits(
  tx: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
): Promise<GivenUnitsRow[]> {
  return tx.query<GivenUnitsRow>(
    `SELECT product_code, (settings->>'products[].includedUnits')::jsonb AS included, in_force_from
     FROM marketplace.product_settings
     WHERE seller_account = $1 AND product_code = ANY ($2::text[]) AND settings ? 'products[].includedUnits'
     ORDER BY product_code, generation`,
    [sellerAccount, productCodes],
  );
}
