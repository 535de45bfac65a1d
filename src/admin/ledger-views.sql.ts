import { type SqlExecutor } from '../database/ledger-database.js';
import { type AlertFilter, type EventFilter, type MessageFilter, type RecordFilter, type SubscriptionFilter } from './list-query.js';

/**
 * SQL of the operators' lists. Read only and without locks. Every list is cut by a key that no row ever changes, newest first, so that rows that
 * arrive while someone pages neither move nor hide the others; ids are time-ordered (UUID v7). Conditions are put together from what was asked,
 * because a condition that allows for a missing parameter cannot use an index.
 */
class Selection {
  private readonly parameters: unknown[];
  private readonly conditions = ['seller_account = $1'];

  constructor(
    private readonly columns: string,
    private readonly table: string,
    sellerAccount: string,
  ) {
    this.parameters = [sellerAccount];
  }

  /** Adds a condition on `value`, if there is one. */
  where(value: string | null | undefined, conditionOn: (parameter: string) => string): this {
    if (value === null || value === undefined) return this;
    this.parameters.push(value);
    return this.when(true, conditionOn(`$${this.parameters.length}`));
  }

  when(applies: boolean, condition: string): this {
    if (applies) this.conditions.push(condition);
    return this;
  }

  /** Cuts the page: rows that come after the row with these keys, newest first. */
  after(keys: readonly { column: string; type: string }[], values: readonly string[] | null, limit: number) {
    if (values) {
      const first = this.parameters.push(...values) - values.length + 1;
      const row = keys.map(({ type }, index) => `$${first + index}::${type}`).join(', ');
      this.conditions.push(`(${keys.map(({ column }) => column).join(', ')}) < (${row})`);
    }
    this.parameters.push(limit);
    const text = `SELECT ${this.columns} FROM marketplace.${this.table}
      WHERE ${this.conditions.join(' AND ')}
      ORDER BY ${keys.map(({ column }) => `${column} DESC`).join(', ')} LIMIT $${this.parameters.length}`;
    return { read: <Row>(tx: SqlExecutor): Promise<Row[]> => tx.query<Row>(text, this.parameters) };
  }
}

const ID = { column: 'id', type: 'uuid' };

/** An instant as text, with its microseconds. */
const precise = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

export interface RecordRow {
  id: string;
  kind: string;
  subscription_id: string;
  product_code: string;
  dimension: string;
  hour: Date;
  timestamp: Date;
  quantity: string;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  notes: unknown;
  operation: string;
  region: string;
  mode: string;
  identity: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
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
  metered_at: Date | null;
  closed_at: Date | null;
  closed_by: string | null;
}

export type RecordDetailRow = RecordRow & { allocations: unknown };

// Without the allocations, of which one record may have thousands.
const RECORD_COLUMNS = `id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity, event_sum, event_count, carry_in,
  carry_out, notes, operation, region, mode, identity, license_arn, customer_aws_account_id, customer_identifier, sealed_at, state, reason,
  reason_message, disposition, due_at, cutoff_at, next_attempt_at, attempt_count, metering_record_id, confirmed_by_duplicate, metered_at,
  closed_at, closed_by`;

export function selectRecords(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: RecordFilter,
  after: readonly [string] | null,
  limit: number,
): Promise<RecordRow[]> {
  const { subscriptionId, productCode, dimension } = filter;
  return (
    new Selection(RECORD_COLUMNS, 'metering_record', sellerAccount)
      .where(subscriptionId, (id) => `subscription_id = ${id}`)
      .where(productCode, (code) => `product_code = ${code}`)
      .where(dimension, (name) => `dimension = ${name}`)
      // The index on dimensions begins with the product: naming the few there are opens it to a dimension alone.
      .when(
        dimension !== undefined && productCode === undefined && subscriptionId === undefined,
        `product_code = ANY (ARRAY(SELECT p.product_code FROM marketplace.product p WHERE p.seller_account = $1))`,
      )
      .where(filter.state, (state) => `state = ${state}`)
      .where(filter.reason, (reason) => `reason = ${reason}`)
      .where(filter.disposition, (disposition) => `disposition = ${disposition}`)
      // Only closed records have a disposition, and only their index knows it.
      .when(filter.disposition !== undefined, `state = 'closed'`)
      .where(filter.mode, (mode) => `mode = ${mode}`)
      .where(filter.hourFrom, (from) => `hour >= ${from}`)
      .where(filter.hourTo, (to) => `hour < ${to}`)
      .after([ID], after, limit)
      .read<RecordRow>(tx)
  );
}

export async function selectRecord(tx: SqlExecutor, sellerAccount: string, id: string): Promise<RecordDetailRow | null> {
  const [row] = await tx.query<RecordDetailRow>(
    `SELECT ${RECORD_COLUMNS}, allocations FROM marketplace.metering_record WHERE seller_account = $1 AND id = $2`,
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

/** The latest attempts on each record, at most `perRecord`, oldest first. */
export function selectAttempts(
  tx: SqlExecutor,
  sellerAccount: string,
  recordIds: readonly string[],
  perRecord: number,
): Promise<AttemptRow[]> {
  return tx.query<AttemptRow>(
    `SELECT latest.* FROM unnest($2::uuid[]) AS wanted (record_id)
     CROSS JOIN LATERAL (
       SELECT ar.record_id, a.id, a.operation, a.record_count, a.submitter, a.committed_at, a.answered_at, a.http_status, a.aws_request_id,
         a.error_code, a.error_message, ar.evidence, ar.answer, ar.metering_record_id, ar.detail, ar.decided_by
       FROM marketplace.attempt_record ar
       JOIN marketplace.attempt a ON a.seller_account = $1 AND a.id = ar.attempt_id
       WHERE ar.seller_account = $1 AND ar.record_id = wanted.record_id
       ORDER BY a.committed_at DESC, a.id DESC
       LIMIT $3
     ) AS latest
     ORDER BY committed_at, id`,
    [sellerAccount, recordIds, perRecord],
  );
}

export interface EventRow {
  id: string;
  subscription_id: string;
  dimension: string;
  quantity: string;
  occurred_at: Date;
  recorded_at: Date;
  idempotency_key: string;
  tags: unknown;
  reason: string | null;
  record_id: string | null;
}

/**
 * Newest subscription first and within it newest event first: the primary key, read backwards. The events of a record are of one subscription, so
 * that their order is the same by id alone, which is how their own index knows them.
 */
export function selectEvents(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: EventFilter,
  after: readonly [string, string] | null,
  limit: number,
): Promise<EventRow[]> {
  const keys = [{ column: 'subscription_id', type: 'uuid' }, ID];
  const first = filter.recordId === undefined ? 0 : 1;
  const columns = 'id, subscription_id, dimension, quantity, occurred_at, recorded_at, idempotency_key, tags, reason, record_id';
  return new Selection(columns, 'usage_event', sellerAccount)
    .where(filter.subscriptionId, (id) => `subscription_id = ${id}`)
    .where(filter.recordId, (id) => `record_id = ${id}`)
    .when(filter.unassigned === true, 'record_id IS NULL')
    .when(filter.unassigned === false, 'record_id IS NOT NULL')
    .where(filter.dimension, (name) => `dimension = ${name}`)
    .where(filter.occurredFrom, (from) => `occurred_at >= ${from}`)
    .where(filter.occurredTo, (to) => `occurred_at < ${to}`)
    .where(filter.idempotencyKey, (key) => `idempotency_key = ${key}`)
    .after(keys.slice(first), after?.slice(first) ?? null, limit)
    .read(tx);
}

export interface SubscriptionRow {
  id: string;
  product_code: string;
  tenant_id: string | null;
  state: string;
  license_arn: string | null;
  customer_aws_account_id: string | null;
  customer_identifier: string | null;
  offer_type: string | null;
  registered_at: Date;
  starts_at: Date;
  ends_at: Date | null;
  first_end_sign_at: Date | null;
  last_end_sign_at: Date | null;
  first_metered_at: Date | null;
  merged_into: string | null;
  activated_at: Date | null;
  is_trial: boolean;
  predecessor_id: string | null;
  successor_id: string | null;
  license_from: Date | null;
  last_heard_at: Date | null;
  reconciled_at: Date | null;
}

const SUBSCRIPTION_COLUMNS = `id, product_code, tenant_id, state, license_arn, customer_aws_account_id, customer_identifier, offer_type,
  registered_at, starts_at, ends_at, first_end_sign_at, last_end_sign_at, first_metered_at, merged_into, activated_at, is_trial, predecessor_id,
  (SELECT next.id FROM marketplace.subscription AS next WHERE next.seller_account = $1 AND next.predecessor_id = subscription.id) AS successor_id,
  license_from, last_heard_at, reconciled_at`;

export function selectSubscriptions(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: SubscriptionFilter,
  after: readonly [string] | null,
  limit: number,
): Promise<SubscriptionRow[]> {
  return new Selection(SUBSCRIPTION_COLUMNS, 'subscription', sellerAccount)
    .where(filter.tenantId, (id) => `tenant_id = ${id}`)
    .where(filter.productCode, (code) => `product_code = ${code}`)
    .where(filter.state, (state) => `state = ${state}`)
    .after([ID], after, limit)
    .read(tx);
}

export async function selectSubscription(tx: SqlExecutor, sellerAccount: string, id: string): Promise<SubscriptionRow | null> {
  const [row] = await tx.query<SubscriptionRow>(
    `SELECT ${SUBSCRIPTION_COLUMNS} FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, id],
  );
  return row ?? null;
}

export interface AliasRow {
  kind: string;
  scope: string;
  value: string;
}

export function selectAliases(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<AliasRow[]> {
  return tx.query<AliasRow>(
    `SELECT kind, scope, value FROM marketplace.subscription_alias WHERE seller_account = $1 AND subscription_id = $2 ORDER BY kind, scope, value`,
    [sellerAccount, subscriptionId],
  );
}

/** How the work on a subscription stands. */
export interface StandingRow {
  records_by_state: Record<string, number>;
  next_due_at: Date | null;
  next_cutoff_at: Date | null;
  unassigned_events: string;
  entitlements_fetched_at: Date | null;
}

export async function selectStanding(tx: SqlExecutor, sellerAccount: string, subscriptionId: string): Promise<StandingRow> {
  const [row] = await tx.query<StandingRow>(
    `WITH states AS (
       SELECT state, count(*) AS records, min(due_at) AS due_at, min(cutoff_at) AS cutoff_at
       FROM marketplace.metering_record WHERE seller_account = $1 AND subscription_id = $2 GROUP BY state
     )
     SELECT
       (SELECT coalesce(jsonb_object_agg(state, records), '{}') FROM states) AS records_by_state,
       (SELECT min(due_at) FROM states WHERE state IN ('pending', 'sending', 'blocked')) AS next_due_at,
       (SELECT min(cutoff_at) FROM states WHERE state IN ('pending', 'sending', 'blocked')) AS next_cutoff_at,
       (SELECT count(*) FROM marketplace.usage_event
         WHERE seller_account = $1 AND subscription_id = $2 AND record_id IS NULL) AS unassigned_events,
       (SELECT fetched_at FROM marketplace.entitlement_snapshot WHERE seller_account = $1 AND subscription_id = $2) AS entitlements_fetched_at`,
    [sellerAccount, subscriptionId],
  );
  if (!row) throw new Error('a SELECT without FROM gave no row');
  return row;
}

export interface MessageRow {
  origin: string;
  message_id: string;
  received_via: string;
  received_at: Date;
  received: string;
  type: string | null;
  event_at: Date | null;
  event: unknown;
  state: string;
  error: string | null;
  attempt_count: number;
  subscription_id: string | null;
}

/** Without the bodies. The cursor holds `received`: microseconds that a Date would lose. */
export function selectMessages(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: MessageFilter,
  after: readonly [string, string, string] | null,
  limit: number,
): Promise<MessageRow[]> {
  const columns = `origin, message_id, received_via, received_at, ${precise('received_at')} AS received, type, event_at, event, state, error,
    attempt_count, subscription_id`;
  return new Selection(columns, 'inbox_message', sellerAccount)
    .where(filter.state, (state) => `state = ${state}`)
    .where(filter.origin, (origin) => `origin = ${origin}`)
    .where(filter.type, (type) => `type = ${type}`)
    .where(filter.subscriptionId, (id) => `subscription_id = ${id}`)
    .after(
      [
        { column: 'received_at', type: 'timestamptz' },
        { column: 'origin', type: 'text' },
        { column: 'message_id', type: 'text' },
      ],
      after,
      limit,
    )
    .read(tx);
}

export interface AlertRow {
  kind: string;
  subject: string;
  severity: string;
  message: string;
  details: unknown;
  first_raised_at: Date;
  first_raised: string;
  last_raised_at: Date;
  raise_count: number;
  resolved_at: Date | null;
}

/** Open ones first, each part newest first. The cursor holds `first_raised`: microseconds that a Date would lose. */
export function selectAlerts(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: AlertFilter,
  after: readonly [string, string, string, string] | null,
  limit: number,
): Promise<AlertRow[]> {
  const columns = `kind, subject, severity, message, details, first_raised_at, last_raised_at, raise_count, resolved_at,
    ${precise('first_raised_at')} AS first_raised`;
  return new Selection(columns, 'alert', sellerAccount)
    .where(filter.kind, (kind) => `kind = ${kind}`)
    .where(filter.severity, (severity) => `severity = ${severity}`)
    .when(filter.open === true, 'resolved_at IS NULL')
    .when(filter.open === false, 'resolved_at IS NOT NULL')
    .after(
      [
        { column: '(resolved_at IS NULL)', type: 'boolean' },
        { column: 'first_raised_at', type: 'timestamptz' },
        { column: 'kind', type: 'text' },
        { column: 'subject', type: 'text' },
      ],
      after,
      limit,
    )
    .read(tx);
}
