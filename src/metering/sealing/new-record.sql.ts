// The row of a metering record as sealing writes it.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type IncludedBasis } from '../balance/included-rule.js';

export interface NewRecord {
  id: string;
  kind: 'hour' | 'closing' | 'setApart';
  customer_id: string;
  subscription_id: string | null;
  period_id: string | null;
  subject: number | null;
  identity_id: string | null;
  product_code: string;
  dimension: string;
  hour: string | null;
  timestamp: string | null;
  first_used_at: string | null;
  last_used_at: string | null;
  quantity: string;
  block: string;
  included: string;
  included_total: string;
  included_by: IncludedBasis | null;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  allocations: unknown;
  notes: unknown;
  operation: string;
  region: string;
  mode: string;
  sealed_at: string;
  state: 'pending' | 'closed';
  reason: string | null;
  reason_message: string | null;
  disposition: 'held' | 'owed' | null;
  due_at: string;
  cutoff_at: string;
  closed_at: string | null;
}

const COLUMN_TYPES: Record<keyof NewRecord, 'uuid' | 'text' | 'int' | 'numeric' | 'timestamptz' | 'jsonb'> = {
  id: 'uuid',
  kind: 'text',
  customer_id: 'uuid',
  subscription_id: 'uuid',
  period_id: 'uuid',
  subject: 'int',
  identity_id: 'uuid',
  product_code: 'text',
  dimension: 'text',
  hour: 'timestamptz',
  timestamp: 'timestamptz',
  first_used_at: 'timestamptz',
  last_used_at: 'timestamptz',
  quantity: 'numeric',
  block: 'numeric',
  included: 'numeric',
  included_total: 'numeric',
  included_by: 'jsonb',
  event_sum: 'numeric',
  event_count: 'int',
  carry_in: 'numeric',
  carry_out: 'numeric',
  allocations: 'jsonb',
  notes: 'jsonb',
  operation: 'text',
  region: 'text',
  mode: 'text',
  sealed_at: 'timestamptz',
  state: 'text',
  reason: 'text',
  reason_message: 'text',
  disposition: 'text',
  due_at: 'timestamptz',
  cutoff_at: 'timestamptz',
  closed_at: 'timestamptz',
};
const COLUMNS = Object.entries(COLUMN_TYPES) as [keyof NewRecord, string][];
const NAMES = COLUMNS.map(([name]) => `"${name}"`).join(', ');
/** An array for each column costs Postgres less than half of what one document of records does. */
const ARRAYS = COLUMNS.map(([, type], index) => `$${index + 4}::${type}[]`).join(', ');

function columnOf(records: readonly NewRecord[], [name, type]: [keyof NewRecord, string]): unknown[] {
  if (type !== 'jsonb') return records.map((record) => record[name]);
  return records.map((record) => (record[name] === null ? null : JSON.stringify(record[name])));
}

/**
 * Writes records and names them in their rollups, in one statement: at its end the triggers compare each record with
 * its rollups, and each balance with its records. A rollup that another sealer has given a record meanwhile is left
 * out, and its record refused.
 */
export async function insertRecords(
  tx: LedgerSql,
  sellerAccount: string,
  records: readonly NewRecord[],
  named: readonly { rollupId: string; recordId: string }[],
): Promise<void> {
  await tx.query(
    `WITH written AS (
       INSERT INTO marketplace.metering_record (seller_account, ${NAMES})
       SELECT $1, ${NAMES} FROM unnest(${ARRAYS}) AS r (${NAMES}) ORDER BY id
     )
     UPDATE marketplace.rollup u SET record_id = found.record_id, waiting_reason = NULL, waiting_since = NULL
     FROM (
       SELECT n.record_id, r.place FROM unnest($2::bigint[], $3::uuid[]) AS n (id, record_id)
       CROSS JOIN LATERAL (SELECT ctid AS place FROM marketplace.rollup WHERE id = n.id OFFSET 0) AS r
     ) AS found
     WHERE u.ctid = found.place AND u.record_id IS NULL AND NOT u.is_split`,
    [
      sellerAccount,
      named.map(({ rollupId }) => rollupId),
      named.map(({ recordId }) => recordId),
      ...COLUMNS.map((column) => columnOf(records, column)),
    ],
  );
}
