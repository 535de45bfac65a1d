import { type LedgerSql } from '../database/ledger-database.js';
import { type EventFilter, type WaitingFilter } from './list-query.js';
import { withFolded } from './selection.js';

/** A name under which usage was recorded. */
export interface SubjectRow {
  id: number;
  tenant_id: string | null;
  subscription_id: string | null;
}

/**
 * For this transaction: rows are looked up one by one. How few events a page opens is in no statistics, and a plan that
 * reads the ledger's largest tables whole would be chosen for them.
 */
export async function lookUpByIndex(tx: LedgerSql): Promise<void> {
  await tx.query(
    `SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin'])
      AS name`,
  );
}

/** The subjects that a tenant, a subscription (with those folded into it), or both together name. */
export function selectSubjects(
  tx: LedgerSql,
  sellerAccount: string,
  { tenantId, subscriptionId }: { tenantId?: string | undefined; subscriptionId?: string | undefined },
): Promise<SubjectRow[]> {
  const parameters: unknown[] = [sellerAccount];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  // The index on tenants begins with the product.
  const conditions = [
    ...(tenantId === undefined
      ? []
      : [
          's.product_code = ANY (ARRAY(SELECT p.product_code FROM marketplace.product p WHERE p.seller_account = ' +
            `$1)) AND s.tenant_id = ${given(tenantId)}`,
        ]),
    ...(subscriptionId === undefined ? [] : [`s.subscription_id = ANY (${withFolded(given(subscriptionId))})`]),
  ];
  return tx.query<SubjectRow>(
    `SELECT s.id, s.tenant_id, s.subscription_id FROM marketplace.subject s
     WHERE s.seller_account = $1 AND ${conditions.join(' AND ')} ORDER BY s.id`,
    parameters,
  );
}

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

/** What the filter's names stand for in the ledger. */
export interface EventSearch {
  /** Null: of any subject. */
  subjects: readonly number[] | null;
  /** Ids that events of the given idempotency key have; null where none was given, or its scope is not known. */
  eventIds: readonly string[] | null;
}

const hourOfText = (instant: string): number => Math.floor(Date.parse(instant) / 3_600_000);

/**
 * Usage events, newest hour first, found through what takes them along: the narrow table of unsealed usage, and rollups
 * with the ids of their events. The event table itself has no index but its key, so that recording pays for none.
 *
 * Of the rollups only as many are opened as the page needs: whole hours, since a page is cut within one.
 */
export function selectEvents(
  tx: LedgerSql,
  sellerAccount: string,
  filter: EventFilter,
  { subjects, eventIds }: EventSearch,
  after: readonly [string, string] | null,
  limit: number,
): Promise<EventRow[]> {
  const parameters: unknown[] = [sellerAccount, limit];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const from = after === null ? null : { hour: given(Number(after[0])), id: given(after[1]) };
  const { recordId, unsealed, dimension, occurredFrom, occurredTo, idempotencyKey } = filter;

  // Of another seller nothing is shown, nor counted.
  const ofSubjects =
    subjects === null
      ? ` AND EXISTS (SELECT FROM marketplace.subject own WHERE own.id = subject AND own.seller_account = $1)`
      : ` AND subject = ANY (${given(subjects)}::integer[])`;
  const places = [
    ...(from === null ? [] : [`hour <= ${from.hour}`]),
    ...(occurredFrom === undefined ? [] : [`hour >= ${given(hourOfText(occurredFrom))}`]),
    ...(occurredTo === undefined ? [] : [`hour <= ${given(hourOfText(occurredTo))}`]),
    ...(dimension === undefined
      ? []
      : [
          'dimension = ANY (ARRAY(SELECT d.id FROM marketplace.dimension d WHERE d.seller_account = $1 AND ' +
            `d.name = ${given(dimension)}))`,
        ]),
  ];
  const events: string[] = [];
  if (occurredFrom !== undefined) events.push(`e.occurred_at >= ${given(occurredFrom)}`);
  if (occurredTo !== undefined) events.push(`e.occurred_at < ${given(occurredTo)}`);
  if (eventIds !== null) {
    const ids = given(eventIds);
    events.push(`e.id = ANY (${ids}::uuid[])`);
    places.push(
      'hour = ANY (ARRAY(SELECT floor(extract(epoch FROM k.occurred_at) / 3600)::integer FROM ' +
        `marketplace.usage_event k WHERE k.id = ANY (${ids}::uuid[])))`,
    );
  } else if (idempotencyKey !== undefined) events.push(`e.key = ${given(idempotencyKey)}`);
  const inPlace = places.map((place) => ` AND ${place}`).join('');

  const ofRecord = recordId === undefined ? null : given(recordId);
  const rollups =
    ofRecord === null
      ? `NOT is_split${ofSubjects}${inPlace}`
      : `id IN (SELECT r.id FROM marketplace.rollup r WHERE r.record_id = ${ofRecord}::uuid
          UNION ALL SELECT a.rollup_id FROM marketplace.annulled_rollup a WHERE a.seller_account = $1 AND a.record_id = ${ofRecord}::uuid)${ofSubjects}${inPlace}`;
  // Without conditions on single events every event of an opened rollup is a row of the list, and each rollup has one
  // at least: the page lies within the hours of as many rollups, of which no more are opened than fill it.
  const isWhole = events.length === 0;
  const before = from === null ? '' : ` AND hour < ${from.hour}`;
  const lastHour =
    isWhole && ofRecord === null && subjects !== null
      ? ` AND hour >= coalesce((
          SELECT newest.hour FROM unnest(${given(subjects)}::integer[]) AS one (subject)
          CROSS JOIN LATERAL (SELECT hour FROM marketplace.rollup WHERE subject = one.subject AND NOT is_split${inPlace}${before}
            ORDER BY hour DESC LIMIT $2) AS newest
          ORDER BY newest.hour DESC OFFSET $2 - 1 LIMIT 1), -2147483648)`
      : '';
  const cutHour = from === null ? '0' : `sum(event_count) FILTER (WHERE hour = ${from.hour}) OVER ()`;
  const reach = isWhole ? 'events_before < $2 + coalesce(events_in_cut_hour, 0)' : 'true';

  const sealedPart = `SELECT r.hour, listed.id, r.record_id, r.waiting_reason, true AS is_sealed
    FROM (
      SELECT id, hour, record_id, waiting_reason, ${cutHour} AS events_in_cut_hour,
        sum(event_count) OVER (ORDER BY hour DESC RANGE UNBOUNDED PRECEDING) - sum(event_count) OVER (PARTITION BY
          hour) AS events_before
      FROM marketplace.rollup WHERE ${rollups}${lastHour}
    ) r
    JOIN marketplace.rollup_event re ON re.rollup_id = r.id
    CROSS JOIN LATERAL unnest(re.ids) AS listed (id)
    WHERE ${reach}`;
  const unsealedPart = `SELECT hour, id, NULL::uuid AS record_id, NULL::text AS waiting_reason, false AS is_sealed
    FROM marketplace.unsealed_usage WHERE true${ofSubjects}${inPlace}`;
  const parts = [
    ...(recordId === undefined && unsealed !== false ? [unsealedPart] : []),
    ...(unsealed === true ? [] : [sealedPart]),
  ];
  const isAfter = from === null ? 'true' : `(hour, id) < (${from.hour}, ${from.id}::uuid)`;
  // Cut before the events are looked up, where nothing about them decides whether they are listed.
  const found = `SELECT * FROM (${parts.join(' UNION ALL ')}) AS part
    WHERE ${isAfter}${isWhole ? ' ORDER BY hour DESC, id DESC LIMIT $2' : ''}`;
  return tx.query<EventRow>(
    `SELECT found.id, found.hour, s.tenant_id, s.subscription_id, s.product_code, d.name AS dimension, e.quantity,
      e.occurred_at,
       e.key AS idempotency_key, e.detail -> 'tags' AS tags, e.detail ->> 'reason' AS reason, found.record_id,
         found.is_sealed, found.waiting_reason
     FROM (${found}) AS found
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

/**
 * Rollups that no record has taken yet, newest first, with the reason. Costs what waits, whatever was billed: the
 * planner is kept from walking back through all rollups ever in search of those few.
 *
 * @param subjects null: of any subject.
 */
export function selectWaiting(
  tx: LedgerSql,
  sellerAccount: string,
  { reason }: WaitingFilter,
  subjects: readonly number[] | null,
  after: readonly [string] | null,
  limit: number,
): Promise<WaitingRow[]> {
  const parameters: unknown[] = [sellerAccount, limit];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const conditions = [
    'record_id IS NULL AND NOT is_split',
    ...(subjects === null ? [] : [`subject = ANY (${given(subjects)}::integer[])`]),
    ...(reason === undefined ? [] : [`waiting_reason = ${given(reason)}`]),
    ...(after === null ? [] : [`id < ${given(after[0])}::bigint`]),
  ];
  return tx.query<WaitingRow>(
    `WITH waiting AS MATERIALIZED (SELECT * FROM marketplace.rollup WHERE ${conditions.join(' AND ')})
     SELECT r.id::text AS rollup_id, r.hour, s.tenant_id, s.subscription_id, s.product_code, d.name AS dimension,
       r.event_sum AS quantity, r.event_count,
       r.first_at, r.last_at, r.waiting_reason AS reason, r.waiting_since AS since
     FROM waiting r
     JOIN marketplace.subject s ON s.id = r.subject AND s.seller_account = $1
     JOIN marketplace.dimension d ON d.id = r.dimension
     ORDER BY r.id DESC LIMIT $2`,
    parameters,
  );
}
