import { type LedgerSql } from '../database/ledger-database.js';
import { type RecordFilter } from './list-query.js';
import { ID_KEY, livingOf, Selection } from './selection.js';

export interface RecordRow {
  id: string;
  kind: string;
  customer_id: string;
  subscription_id: string | null;
  period: { agreement_id: string; price: string } | null;
  product_code: string;
  dimension: string;
  hour: Date | null;
  timestamp: Date | null;
  first_used_at: Date | null;
  last_used_at: Date | null;
  quantity: string;
  block: string;
  included: string;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  notes: unknown;
  operation: string;
  region: string;
  mode: string;
  identity: {
    kind: string;
    license_arn: string | null;
    customer_aws_account_id: string | null;
    customer_identifier: string | null;
  } | null;
  sealed_at: Date;
  state: string;
  reason: string | null;
  reason_message: string | null;
  disposition: string | null;
  due_at: Date;
  cutoff_at: Date;
  next_attempt_at: Date;
  attempt_count: number;
  metering_record_id: string | null;
  confirmed_by_duplicate: boolean;
  settled_quantity: string | null;
  metered_at: Date | null;
  closed_at: Date | null;
  closed_by: string | null;
}

export type RecordDetailRow = RecordRow & { allocations: unknown; included_by: unknown };

// Without the allocations, of which one record may have thousands. Names are looked up for the rows that are shown, not
// joined for all.
const RECORD_COLUMNS = `id, kind, customer_id, subscription_id, product_code, dimension, hour, "timestamp", first_used_at, last_used_at, quantity,
  block, included, event_sum, event_count, carry_in, carry_out, notes, operation, region, mode, sealed_at, state, reason, reason_message, disposition, due_at,
  cutoff_at, next_attempt_at, attempt_count, metering_record_id, confirmed_by_duplicate, settled_quantity, metered_at, closed_at, closed_by,
  (SELECT jsonb_build_object('agreement_id', p.agreement_id, 'price', p.price) FROM marketplace.period p
    WHERE p.seller_account = $1 AND p.id = period_id) AS period,
  (SELECT to_jsonb(i) - 'digest' FROM marketplace.metering_identity i WHERE i.id = identity_id) AS identity`;

export function selectRecords(
  tx: LedgerSql,
  sellerAccount: string,
  filter: RecordFilter,
  after: readonly [string] | null,
  limit: number,
): Promise<RecordRow[]> {
  const { subscriptionId, tenantId, productCode, dimension } = filter;
  return (
    new Selection(RECORD_COLUMNS, 'metering_record', sellerAccount)
      .where(subscriptionId, (id) => `subscription_id = ${livingOf(id)}`)
      .where(
        tenantId,
        (id) => `customer_id = ANY (ARRAY(SELECT c.id FROM marketplace.product p
          JOIN marketplace.customer c ON c.seller_account = p.seller_account AND c.product_code = p.product_code AND c.tenant_id = ${id}
          WHERE p.seller_account = $1))`,
      )
      .where(productCode, (code) => `product_code = ${code}`)
      .where(dimension, (name) => `dimension = ${name}`)
      // The index on dimensions begins with the product: naming the few there are opens it to a dimension alone.
      .when(
        dimension !== undefined && productCode === undefined && subscriptionId === undefined && tenantId === undefined,
        `product_code = ANY (ARRAY(SELECT p.product_code FROM marketplace.product p WHERE p.seller_account = $1))`,
      )
      .where(filter.kind, (kind) => `kind = ${kind}`)
      .where(filter.state, (state) => `state = ${state}`)
      .where(filter.reason, (reason) => `reason = ${reason}`)
      .where(filter.disposition, (disposition) => `disposition = ${disposition}`)
      // Only closed records have a disposition, and only their index knows it.
      .when(filter.disposition !== undefined, `state = 'closed'`)
      .where(filter.mode, (mode) => `mode = ${mode}`)
      .where(filter.hourFrom, (from) => `hour >= ${from}`)
      .where(filter.hourTo, (to) => `hour < ${to}`)
      .after([ID_KEY], after, limit)
      .read<RecordRow>(tx)
  );
}

export async function selectRecord(tx: LedgerSql, sellerAccount: string, id: string): Promise<RecordDetailRow | null> {
  const [row] = await tx.query<RecordDetailRow>(
    `SELECT ${RECORD_COLUMNS}, allocations, included_by FROM marketplace.metering_record WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id],
  );
  return row ?? null;
}

export interface AttemptRow {
  record_id: string;
  id: string;
  operation: string;
  record_count: number;
  submitter: string;
  committed_at: Date;
  answered_at: Date | null;
  http_status: number | null;
  aws_request_id: string | null;
  error_code: string | null;
  error_message: string | null;
  evidence: string;
  answer: string | null;
  metering_record_id: string | null;
  detail: unknown;
  decided_by: string | null;
}

/** The latest attempts on each record, at most `perRecord`, in the order in which they were committed. */
export function selectAttempts(
  tx: LedgerSql,
  sellerAccount: string,
  recordIds: readonly string[],
  perRecord: number,
): Promise<AttemptRow[]> {
  return tx.query<AttemptRow>(
    `SELECT latest.* FROM unnest($2::uuid[]) AS wanted (record_id)
     CROSS JOIN LATERAL (
       SELECT ar.record_id, a.id, a.operation, a.record_count, a.submitter, a.committed_at, a.position, a.answered_at,
         a.http_status,
         a.aws_request_id, a.error_code, a.error_message, ar.evidence, ar.answer, ar.metering_record_id, ar.detail,
           ar.decided_by
       FROM marketplace.attempt_record ar
       JOIN marketplace.attempt a ON a.seller_account = $1 AND a.id = ar.attempt_id
       WHERE ar.seller_account = $1 AND ar.record_id = wanted.record_id
       ORDER BY a.position DESC
       LIMIT $3
     ) AS latest
     ORDER BY position`,
    [sellerAccount, recordIds, perRecord],
  );
}
