import { type Client } from 'pg';
import { type LedgerSql, sqlStateOf } from '../../database/ledger-database.js';
import { formatDecimal, scaled } from '../../runtime/decimal.js';
import { byText } from '../../runtime/order.js';
import {
  int2Array,
  int4Array,
  jsonbArray,
  numericArray,
  textArray,
  timestamptzArray,
  uuidArray,
} from './binary-array.js';
import { canonicalTagsOf, type UsageContent } from './usage-reading.js';
import { keptKeyOf, type PlacedUsage } from './usage-placement.js';

/**
 * SQL of recording. The only lock it takes or waits for is the uniqueness of the event's own id: no foreign key is
 * checked, no counter kept and no row of another table locked. What is read back is cast to text, since the host's
 * connection may parse types in its own way.
 */

/** An event of the ledger, as far as a repetition of its key is compared with it. */
export interface RecordedUsage extends UsageContent {
  id: string;
}

const INTO = `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity, key, detail)`;
const ONE = `$1::uuid, $2::timestamptz, $3::integer, $4::smallint, $5::numeric, $6::text, $7::jsonb`;
const MANY = `unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::smallint[], $5::numeric[], $6::text[], $7::jsonb[])`;
const NEW_IDS = `ON CONFLICT DO NOTHING RETURNING id::text AS id`;
// The wait for an uncommitted duplicate is bounded inside the very statement: SET LOCAL would need a transaction block
// and two more round trips, a session-wide setting would leak through a pooler. The setting ends with the statement's
// own transaction.
const PATIENCE = `(SELECT set_config('lock_timeout', $8, true) AS granted OFFSET 0) AS patience`;
const INSERT_ONE = `${INTO} VALUES (${ONE}) ${NEW_IDS}`;
// As a rule all ids are new, which a count says: a thousand of them would cross, and be parsed, for nothing.
const COUNTED = `SELECT CASE WHEN count(*) < cardinality($1::uuid[]) THEN coalesce(json_agg(id), '[]')::text END AS ids FROM inserted`;
const INSERT_MANY = `WITH inserted AS (${INTO} SELECT * FROM ${MANY} ${NEW_IDS}) ${COUNTED}`;
const INSERT_ONE_WITH_PATIENCE = `${INTO} SELECT ${ONE} FROM ${PATIENCE} WHERE granted IS NOT NULL ${NEW_IDS}`;
const INSERT_MANY_WITH_PATIENCE = `WITH inserted AS (${INTO}
    SELECT input.* FROM ${PATIENCE} CROSS JOIN ${MANY} AS input WHERE granted IS NOT NULL ${NEW_IDS}) ${COUNTED}`;

/**
 * How a connection takes a batch: `binary` where it is pg's own client, `text` through whatever driver the host has.
 */
export type ParameterForm = 'binary' | 'text';

/**
 * Inserts events whose ids are free, in the order of ids, so that two calls with the same keys wait for each other
 * instead of deadlocking.
 * @param patienceMs longest wait for a duplicate that another transaction holds uncommitted; then the statement fails
 * with 55P03. Only for a transaction of ours: in the host's the host's own `lock_timeout` rules.
 * @returns the ids of those that were inserted
 */
export async function insertUsage(
  tx: LedgerSql,
  usages: readonly PlacedUsage[],
  form: ParameterForm,
  patienceMs: number | null,
): Promise<Set<string>> {
  const [first] = usages;
  if (!first) return new Set();
  const patience = patienceMs === null ? [] : [`${Math.max(1, Math.ceil(patienceMs))}ms`];
  const [one, many] =
    patienceMs === null ? [INSERT_ONE, INSERT_MANY] : [INSERT_ONE_WITH_PATIENCE, INSERT_MANY_WITH_PATIENCE];
  if (usages.length === 1) {
    const rows = await tx.query<{ id: string }>(one, [...valuesOf(first), ...patience]);
    return new Set(rows.map((row) => row.id));
  }
  const [answer] = await tx.query<{ ids: string | null }>(many, [
    ...(form === 'binary' ? binaryColumns : textColumns)(inOrder(usages)),
    ...patience,
  ]);
  const ids = answer?.ids ?? null;
  return new Set(ids === null ? usages.map((usage) => usage.id) : (JSON.parse(ids) as string[]));
}

function inOrder(usages: readonly PlacedUsage[]): PlacedUsage[] {
  return [...usages].sort((a, b) => byText(a.id, b.id));
}

function valuesOf(usage: PlacedUsage): unknown[] {
  return [
    usage.id,
    usage.occurredAt.toISOString(),
    usage.subject,
    usage.dimensionId,
    formatDecimal(usage.quantity),
    keptKeyOf(usage),
    detailOf(usage),
  ];
}

function textColumns(usages: readonly PlacedUsage[]): unknown[] {
  const rows = usages.map(valuesOf);
  return [0, 1, 2, 3, 4, 5, 6].map((column) => rows.map((row) => row[column]));
}

function binaryColumns(usages: readonly PlacedUsage[]): unknown[] {
  return [
    uuidArray(usages.map((usage) => usage.id)),
    timestamptzArray(usages.map((usage) => usage.occurredAt)),
    int4Array(usages.map((usage) => usage.subject)),
    int2Array(usages.map((usage) => usage.dimensionId)),
    numericArray(usages.map((usage) => usage.quantity)),
    unlessEmpty(usages.map(keptKeyOf), textArray),
    unlessEmpty(usages.map(detailOf), jsonbArray),
  ];
}

/** A column that is empty throughout crosses as one NULL: unnest pads it. */
function unlessEmpty(
  column: readonly (string | null)[],
  encode: (column: readonly (string | null)[]) => Buffer,
): Buffer | null {
  return column.every((value) => value === null) ? null : encode(column);
}

function detailOf({ tags, reason }: UsageContent): string | null {
  if (tags === null && reason === null) return null;
  return `{${[...(tags === null ? [] : [`"tags":${tags}`]), ...(reason === null ? [] : [`"reason":${JSON.stringify(reason)}`])].join(',')}}`;
}

const FIND = `
  SELECT event.id::text AS id, s.tenant_id, s.subscription_id::text AS subscription_id, d.name AS dimension,
    event.quantity::text AS quantity,
    floor(extract(epoch FROM event.occurred_at) * 1000)::text AS occurred_at_ms, event.detail::text AS detail
  FROM unnest($1::uuid[]) AS input (id)
  CROSS JOIN LATERAL (SELECT * FROM marketplace.usage_event e WHERE e.id = input.id OFFSET 0) AS event
  LEFT JOIN marketplace.subject s ON s.id = event.subject
  LEFT JOIN marketplace.dimension d ON d.id = event.dimension`;

interface FoundRow {
  id: string;
  tenant_id: string | null;
  subscription_id: string | null;
  dimension: string | null;
  quantity: string;
  occurred_at_ms: string;
  detail: string | null;
}

/** The events that stand under ids. */
export async function findUsage(tx: LedgerSql, ids: readonly string[]): Promise<Map<string, RecordedUsage>> {
  const rows = await tx.query<FoundRow>(FIND, [ids]);
  return new Map(
    rows.map((row) => {
      const detail = (row.detail === null ? {} : JSON.parse(row.detail)) as {
        tags?: Record<string, unknown>;
        reason?: string;
      };
      const tags = Object.entries(detail.tags ?? {});
      const usage = {
        id: row.id,
        tenantId: row.tenant_id,
        subscriptionId: row.subscription_id,
        dimension: row.dimension ?? '',
        quantity: scaled(row.quantity),
        occurredAt: new Date(Number(row.occurred_at_ms)),
        tags: tags.length === 0 ? null : canonicalTagsOf(tags),
        reason: detail.reason ?? null,
      };
      return [row.id, usage];
    }),
  );
}

const NAMES = new Map([
  [INSERT_ONE_WITH_PATIENCE, 'marketplace_record_one'],
  [INSERT_MANY_WITH_PATIENCE, 'marketplace_record_many'],
]);
/**
 * No such prepared statement, or one of that name already: a pooler that shares sessions between clients without
 * keeping their statements.
 */
const NAME_LOST = new Set(['26000', '42P05']);

/**
 * Names the statements of recording on our own connections, which saves a lone caller their parsing. Behind a pooler
 * that loses the names it goes on without, for as long as the process lives.
 */
export class NamedStatements {
  private isOff = false;

  /** Each statement is a transaction of its own, so one whose name was lost has done nothing and is sent again. */
  on(client: Client): LedgerSql {
    const send = async <Row>(text: string, values: readonly unknown[], name: string | undefined): Promise<Row[]> =>
      (await client.query(name === undefined ? { text, values: [...values] } : { name, text, values: [...values] }))
        .rows as Row[];
    return {
      query: async <Row>(text: string, values: readonly unknown[] = []) => {
        const name = this.isOff ? undefined : NAMES.get(text);
        if (name === undefined) return send<Row>(text, values, undefined);
        try {
          return await send<Row>(text, values, name);
        } catch (error) {
          if (!NAME_LOST.has(sqlStateOf(error) ?? '')) throw error;
          this.isOff = true;
          return send<Row>(text, values, undefined);
        }
      },
    };
  }
}
