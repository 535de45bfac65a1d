import { type SqlExecutor } from '../../database/ledger-database.js';
import { scaled } from '../../runtime/decimal.js';
import { canonicalTagsOf, type CheckedUsage, quantityText, type UsageContent } from './usage-event.js';

/**
 * SQL of recording. The only lock it takes or waits for is the uniqueness of the event's own key: no foreign key is checked, no counter kept and
 * no row of another table locked. What is read back is cast to text, since the host's connection may parse types in its own way.
 */

/** An event of the ledger, as far as a repetition of its key is compared with it. */
export interface RecordedUsage extends UsageContent {
  id: string;
}

// Where subscriptions were found to be one, usage goes to the one that goes on, under whichever id the host still holds: a key is unique among them
// all. `home` leads from every merged subscription to the end of its chain; there are few, and mostly none.
const HOME = `merged AS (
    SELECT id AS member, merged_into AS heir FROM marketplace.subscription WHERE seller_account = $1 AND merged_into IS NOT NULL
    UNION ALL
    SELECT merged.member, next.merged_into FROM merged
    JOIN marketplace.subscription next ON next.seller_account = $1 AND next.id = merged.heir AND next.merged_into IS NOT NULL
  ), home AS MATERIALIZED (
    SELECT member, heir FROM merged WHERE NOT EXISTS (SELECT FROM merged further WHERE further.member = merged.heir)
  )`;
// Renewals and replacements share their keys with what they took over from: `kin` names for each subscription of the call the others of its line, those
// before it and those after, and the eldest of them all. A function of the database, because planning the two recursions anew for each statement
// costs a lone call more than all the rest; where there is no line it looks into an empty index.
const LINEAGE = `${HOME}, kin AS MATERIALIZED (
    SELECT * FROM marketplace.kin_of($1, (
      SELECT array_agg(DISTINCT coalesce(home.heir, given.id)) FROM unnest($2::uuid[]) AS given (id) LEFT JOIN home ON home.member = given.id))
  )`;
// A look into the unique index per key: OFFSET 0 keeps the planner from turning it into a scan of the ledger.
const eventUnder = (subscriptionId: string, columns: string): string =>
  `SELECT ${columns} FROM marketplace.usage_event event WHERE event.seller_account = $1
    AND event.subscription_id = ${subscriptionId} AND event.idempotency_key = input.idempotency_key OFFSET 0`;

// No conflict is named: a key may be taken in the subscription or in its line, and either way, whoever else is writing it is waited for.
const insertAfter = (first: string, from: string): string => `WITH RECURSIVE ${first} ${LINEAGE}
  INSERT INTO marketplace.usage_event
    (seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key, tags, reason, lineage_id)
  SELECT $1, coalesce(home.heir, input.subscription_id), input.id, input.dimension, input.quantity, input.occurred_at, input.recorded_at,
    input.idempotency_key, input.tags, input.reason, CASE WHEN kin.has_elders THEN kin.eldest ELSE kin.member END
  FROM ${from} unnest($2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::jsonb[], $10::text[])
    WITH ORDINALITY AS input (subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key, tags, reason, position)
  LEFT JOIN home ON home.member = input.subscription_id
  LEFT JOIN kin ON kin.member = coalesce(home.heir, input.subscription_id)
  WHERE NOT EXISTS (
    SELECT FROM home merged CROSS JOIN LATERAL (${eventUnder('merged.member', '1')}) twin
    WHERE merged.heir = coalesce(home.heir, input.subscription_id)
  ) AND NOT EXISTS (
    SELECT FROM unnest(kin.kins) AS relative (id) CROSS JOIN LATERAL (${eventUnder('relative.id', '1')}) twin
  )
  ORDER BY input.position
  ON CONFLICT DO NOTHING RETURNING id::text AS id`;

const INSERT = insertAfter('', '');
// The wait for an uncommitted twin is bounded inside the very statement: SET LOCAL would need a transaction block and two more round trips, a
// session-wide setting would leak through a pooler. The setting ends with the statement's own transaction.
const INSERT_WITH_PATIENCE = insertAfter(
  `patience AS MATERIALIZED (SELECT set_config('lock_timeout', $11, true) AS granted),`,
  `(SELECT granted FROM patience WHERE granted IS NOT NULL) AS patience CROSS JOIN`,
);

/**
 * Inserts events whose keys are free, in the given order.
 * @param patienceMs longest wait for a twin that another transaction holds uncommitted; then the statement fails with 55P03. Only for a
 * transaction of ours: in the host's the host's own `lock_timeout` rules.
 * @returns the ids of those that were inserted
 */
export async function insertUsage(
  tx: SqlExecutor,
  sellerAccount: string,
  usages: readonly CheckedUsage[],
  patienceMs: number | null,
): Promise<Set<string>> {
  const parameters = [
    sellerAccount,
    usages.map((usage) => usage.subscriptionId),
    usages.map((usage) => usage.id),
    usages.map((usage) => usage.dimension),
    usages.map(quantityText),
    usages.map((usage) => usage.occurredAt.toISOString()),
    usages.map((usage) => usage.recordedAt.toISOString()),
    usages.map((usage) => usage.idempotencyKey),
    columnOf(usages, (usage) => usage.tags),
    columnOf(usages, (usage) => usage.reason),
  ];
  const rows =
    patienceMs === null
      ? await tx.query<{ id: string }>(INSERT, parameters)
      : await tx.query<{ id: string }>(INSERT_WITH_PATIENCE, [...parameters, `${Math.max(1, Math.ceil(patienceMs))}ms`]);
  return new Set(rows.map((row) => row.id));
}

/** A column that is empty throughout crosses as one NULL: unnest pads it. */
function columnOf(usages: readonly CheckedUsage[], read: (usage: CheckedUsage) => string | null): (string | null)[] | null {
  const column = usages.map(read);
  return column.every((value) => value === null) ? null : column;
}

const FIND = `WITH RECURSIVE ${LINEAGE}
  SELECT input.position::text AS position, found.* FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY
    AS input (subscription_id, idempotency_key, position)
  LEFT JOIN home ON home.member = input.subscription_id
  LEFT JOIN kin ON kin.member = coalesce(home.heir, input.subscription_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(home.heir, input.subscription_id) AS id, 0 AS distance
    UNION ALL SELECT merged.member, 1 FROM home merged WHERE merged.heir = coalesce(home.heir, input.subscription_id)
    UNION ALL SELECT relative.id, 2 FROM unnest(kin.kins) AS relative (id)
  ) shelf
  CROSS JOIN LATERAL (${eventUnder(
    'shelf.id',
    `event.id::text AS id, event.dimension, event.quantity::text AS quantity,
      round(extract(epoch FROM event.occurred_at) * 1000)::text AS occurred_at_ms, event.tags::text AS tags, event.reason`,
  )}) found
  ORDER BY shelf.distance DESC`;

interface FoundRow {
  position: string;
  id: string;
  dimension: string;
  quantity: string;
  occurred_at_ms: string;
  tags: string | null;
  reason: string | null;
}

/** The events that stand under the keys of the given ones, in their order; null where there is none. */
export async function findUsage(
  tx: SqlExecutor,
  sellerAccount: string,
  usages: readonly CheckedUsage[],
): Promise<(RecordedUsage | null)[]> {
  const rows = await tx.query<FoundRow>(FIND, [
    sellerAccount,
    usages.map((usage) => usage.subscriptionId),
    usages.map((usage) => usage.idempotencyKey),
  ]);
  const found = new Array<RecordedUsage | null>(usages.length).fill(null);
  // The subscription's own event comes last and counts: lines linked later may hold a key twice.
  for (const row of rows) {
    found[Number(row.position) - 1] = {
      id: row.id,
      dimension: row.dimension,
      quantity: scaled(row.quantity),
      occurredAt: new Date(Number(row.occurred_at_ms)),
      tags: row.tags === null ? null : canonicalTagsOf(Object.entries(JSON.parse(row.tags) as Record<string, unknown>)),
      reason: row.reason,
    };
  }
  return found;
}
