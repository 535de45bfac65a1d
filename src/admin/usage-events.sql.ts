import { type SqlExecutor } from '../database/ledger-database.js';
import { type EventFilter } from './list-query.js';
import { withFolded } from './selection.js';

export interface EventRow {
  id: string;
  hour: number;
  tenant_id: string | null;
  subscription_id: string | null;
  product_code: string;
  dimension: string;
  quantity: string;
  occurred_at: Date;
  idempotency_key: string | null;
  tags: unknown;
  reason: string | null;
  record_id: string | null;
  is_sealed: boolean;
  waiting_reason: string | null;
}

/**
 * Usage events, newest hour first, found through what takes them along: the narrow table of unsealed usage, and rollups with the ids of their events. The
 * event table itself has no index but its key, so that recording pays for none.
 *
 * Of the rollups only as many are opened as the page needs: whole hours, since a page is cut within one.
 */
export function selectEvents(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: EventFilter,
  after: readonly [string, string] | null,
  limit: number,
): Promise<EventRow[]> {
  const parameters: unknown[] = [sellerAccount, limit];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const from = after === null ? null : { hour: given(Number(after[0])), id: given(after[1]) };
  const upTo = from === null ? '' : ` AND hour <= ${from.hour}`;

  const subjects: string[] = [];
  if (filter.tenantId !== undefined) subjects.push(`s.tenant_id = ${given(filter.tenantId)}`);
  if (filter.subscriptionId !== undefined) subjects.push(`s.subscription_id = ANY (${withFolded(given(filter.subscriptionId))})`);
  const ofSubject =
    subjects.length === 0
      ? ''
      : ` AND subject = ANY (ARRAY(
    SELECT s.id FROM marketplace.subject s WHERE s.seller_account = $1 AND ${subjects.join(' AND ')}))`;

  const events: string[] = [];
  if (filter.dimension !== undefined) events.push(`d.name = ${given(filter.dimension)}`);
  if (filter.occurredFrom !== undefined) events.push(`e.occurred_at >= ${given(filter.occurredFrom)}`);
  if (filter.occurredTo !== undefined) events.push(`e.occurred_at < ${given(filter.occurredTo)}`);
  if (filter.idempotencyKey !== undefined) events.push(`e.key = ${given(filter.idempotencyKey)}`);
  const isNarrowed = events.length > 0;

  const rollups =
    filter.recordId === undefined
      ? `NOT is_split${ofSubject}${upTo}`
      : `id IN (SELECT r.id FROM marketplace.rollup r WHERE r.record_id = ${given(filter.recordId)}::uuid
          UNION ALL SELECT a.rollup_id FROM marketplace.annulled_rollup a WHERE a.seller_account = $1 AND a.record_id = ${given(filter.recordId)}::uuid)${upTo}`;
  // Without further conditions every event of an opened rollup is a row of the list.
  const reach = isNarrowed ? 'true' : 'events_before < $2 + coalesce(events_in_cut_hour, 0)';
  const cutHour = from === null ? '0' : `sum(event_count) FILTER (WHERE hour = ${from.hour}) OVER ()`;

  const sealed = `SELECT r.hour, listed.id, r.record_id, r.waiting_reason, true AS is_sealed
    FROM (
      SELECT id, hour, record_id, waiting_reason, ${cutHour} AS events_in_cut_hour,
        sum(event_count) OVER (ORDER BY hour DESC RANGE UNBOUNDED PRECEDING) - sum(event_count) OVER (PARTITION BY hour) AS events_before
      FROM marketplace.rollup WHERE ${rollups}
    ) r
    JOIN marketplace.rollup_event re ON re.rollup_id = r.id
    CROSS JOIN LATERAL unnest(re.ids) AS listed (id)
    WHERE ${reach}`;
  const unsealed = `SELECT hour, id, NULL::uuid AS record_id, NULL::text AS waiting_reason, false AS is_sealed
    FROM marketplace.unsealed_usage WHERE true${ofSubject}${upTo}`;
  const parts = [
    ...(filter.recordId === undefined && filter.unsealed !== false ? [unsealed] : []),
    ...(filter.unsealed === true ? [] : [sealed]),
  ];
  if (from !== null) events.push(`(found.hour, found.id) < (${from.hour}, ${from.id}::uuid)`);
  return tx.query<EventRow>(
    `SELECT found.id, found.hour, s.tenant_id, s.subscription_id, s.product_code, d.name AS dimension, e.quantity, e.occurred_at,
       e.key AS idempotency_key, e.detail -> 'tags' AS tags, e.detail ->> 'reason' AS reason, found.record_id, found.is_sealed, found.waiting_reason
     FROM (${parts.join(' UNION ALL ')}) AS found
     JOIN marketplace.usage_event e ON e.id = found.id
     JOIN marketplace.subject s ON s.id = e.subject AND s.seller_account = $1
     JOIN marketplace.dimension d ON d.id = e.dimension
     ${events.length === 0 ? '' : `WHERE ${events.join(' AND ')}`}
     ORDER BY found.hour DESC, found.id DESC LIMIT $2`,
    parameters,
  );
}

export interface WaitingRow {
  rollup_id: string;
  hour: number;
  tenant_id: string | null;
  subscription_id: string | null;
  product_code: string;
  dimension: string;
  quantity: string;
  event_count: number;
  first_at: Date;
  last_at: Date;
  reason: string | null;
  since: Date | null;
}

/** Rollups that no record has taken yet, newest first, with the reason. */
export function selectWaiting(
  tx: SqlExecutor,
  sellerAccount: string,
  filter: { tenantId?: string | undefined; subscriptionId?: string | undefined; reason?: string | undefined },
  after: readonly [string] | null,
  limit: number,
): Promise<WaitingRow[]> {
  const parameters: unknown[] = [sellerAccount, limit];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const conditions = [
    'r.record_id IS NULL AND NOT r.is_split',
    ...(filter.tenantId === undefined ? [] : [`s.tenant_id = ${given(filter.tenantId)}`]),
    ...(filter.subscriptionId === undefined ? [] : [`s.subscription_id = ANY (${withFolded(given(filter.subscriptionId))})`]),
    ...(filter.reason === undefined ? [] : [`r.waiting_reason = ${given(filter.reason)}`]),
    ...(after === null ? [] : [`r.id < ${given(after[0])}::bigint`]),
  ];
  return tx.query<WaitingRow>(
    `SELECT r.id::text AS rollup_id, r.hour, s.tenant_id, s.subscription_id, s.product_code, d.name AS dimension, r.event_sum AS quantity, r.event_count,
       r.first_at, r.last_at, r.waiting_reason AS reason, r.waiting_since AS since
     FROM marketplace.rollup r
     JOIN marketplace.subject s ON s.id = r.subject AND s.seller_account = $1
     JOIN marketplace.dimension d ON d.id = r.dimension
     WHERE ${conditions.join(' AND ')} ORDER BY r.id DESC LIMIT $2`,
    parameters,
  );
}
