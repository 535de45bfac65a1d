import { type Client } from 'pg';

/** Which tables are drawn together. Every table stands in one of them. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'Buyers and subscriptions': [
    ...[
      'product',
      'product_settings',
      'product_mode',
      'dimension',
      'customer',
      'buyer',
      'buyer_name',
      'subscription',
      'agreement',
    ],
    ...['agreement_name', 'fact', 'inbox_message', 'claim', 'unadopted_claim', 'payer_choice', 'subject'],
    ...['registration_code', 'entitlement_snapshot', 'entitlement_change', 'entitlement_wanted'],
  ],
  'Usage and records': [
    ...['usage_event', 'unsealed_usage', 'rollup', 'rollup_event', 'unproven_rollup', 'proof_cursor', 'seal_cursor'],
    ...['customer_changed', 'period', 'balance', 'metering_identity', 'metering_record', 'annulled_rollup', 'attempt'],
    ...['attempt_record', 'metering_sender', 'quarantined_cause', 'call_budget', 'included_usage'],
  ],
  'What AWS’s log of calls holds': [...['trail_event', 'trail_entry', 'trail_coverage', 'audit_look', 'audit_lease']],
  'Events, alerts, installation': [
    ...['outbox_event', 'event_handler', 'event_delivery', 'alert', 'operator_action'],
    ...['installation', 'ledger_home', 'submission_hold'],
  ],
};
/** TypeORM's own. */
const NOT_DRAWN = ['migration'];

/**
 * What refers to a row without a foreign key, by design: its check would lock the row referred to in the host's
 * transactions, or between replicas.
 */
const LOOSE: readonly (readonly [table: string, column: string, to: string])[] = [
  ['subscription', 'current_agreement_id', 'agreement'],
  ['claim', 'subscription_id', 'subscription'],
  ['unadopted_claim', 'subscription_id', 'subscription'],
  ['payer_choice', 'subscription_id', 'subscription'],
  ['subject', 'subscription_id', 'subscription'],
  ['usage_event', 'subject', 'subject'],
  ['usage_event', 'dimension', 'dimension'],
  ['unsealed_usage', 'id', 'usage_event'],
  ['unsealed_usage', 'subject', 'subject'],
  ['unsealed_usage', 'dimension', 'dimension'],
  ['rollup', 'subject', 'subject'],
  ['rollup', 'dimension', 'dimension'],
  ['rollup', 'record_id', 'metering_record'],
  ['rollup_event', 'ids', 'usage_event'],
  ['seal_cursor', 'customer_id', 'customer'],
  ['customer_changed', 'customer_id', 'customer'],
  ['metering_record', 'subject', 'subject'],
  ['outbox_event', 'subscription_id', 'subscription'],
  ['outbox_event', 'record_id', 'metering_record'],
  ['trail_event', 'attempt_id', 'attempt'],
  ['event_delivery', 'handler_id', 'event_handler'],
  ['event_delivery', 'subscription_id', 'subscription'],
];

/** In every key of a seller's tables: said once in the prose, and drawn nowhere. */
const SELLER = 'seller_account';

interface Column {
  table_name: string;
  name: string;
  type: string;
  is_nullable: boolean;
}

interface Key {
  table_name: string;
  kind: 'p' | 'u' | 'f';
  columns: string[];
  to: string | null;
}

/**
 * The entity relationship diagrams of the schema that a database was migrated to: keys, foreign keys, and what refers
 * without one.
 * @throws Error for a table that no section names, a name that the schema lacks, a loose reference that is a foreign key
 */
export async function schemaDiagrams(client: Client): Promise<string> {
  const { rows: columns } = await client.query<Column>(COLUMNS);
  const { rows: keys } = await client.query<Key>(KEYS);
  const tables = [...new Set(columns.map((column) => column.table_name))].filter((name) => !NOT_DRAWN.includes(name));
  const named = Object.values(SECTIONS).flat();
  const strangers = [
    ...tables.filter((name) => named.filter((other) => other === name).length !== 1),
    ...named.filter((name) => !tables.includes(name)),
  ];
  if (strangers.length > 0) throw new Error(`tools/docs/schema-diagram.ts does not draw once: ${strangers.join(', ')}`);
  const wrong = LOOSE.filter(([table, name]) => !columnOf(columns, table, name) || isForeign(keys, table, name));
  if (wrong.length > 0) throw new Error(`no loose references: ${wrong.map((parts) => parts.join('.')).join(', ')}`);
  return Object.entries(SECTIONS)
    .map(([title, drawn]) => {
      const lines = drawn.flatMap((table) => [...entity(table, columns, keys), ...relations(table, columns, keys)]);
      return `### ${title}\n\n\`\`\`mermaid\nerDiagram\n${lines.map((line) => `  ${line}`).join('\n')}\n\`\`\``;
    })
    .join('\n\n');
}

function entity(table: string, columns: readonly Column[], keys: readonly Key[]): string[] {
  const own = columns.filter((column) => column.table_name === table);
  const hasOwnKey = keys.some((key) => key.table_name === table && key.columns.some((name) => name !== SELLER));
  const attributes = own
    .filter((column) => column.name !== SELLER || !hasOwnKey)
    .flatMap(({ name, type }) => {
      const marks = (['p', 'f', 'u'] as const)
        .filter((kind) =>
          keys.some((key) => key.table_name === table && key.kind === kind && key.columns.includes(name)),
        )
        .map((kind) => ({ p: 'PK', f: 'FK', u: 'UK' })[kind]);
      const isLoose = LOOSE.some(([from, column]) => from === table && column === name);
      return marks.length > 0 || isLoose ? [`  ${[type, name, marks.join(', ')].join(' ').trimEnd()}`] : [];
    });
  return [`${table} {`, ...attributes, '}'];
}

function relations(table: string, columns: readonly Column[], keys: readonly Key[]): string[] {
  const foreign = keys
    .filter((key) => key.table_name === table && key.kind === 'f')
    .map(({ columns: names, to }) => ({ names, to: to ?? '', line: '--' }));
  const loose = LOOSE.filter(([from]) => from === table).map(([, name, to]) => ({ names: [name], to, line: '..' }));
  return [...foreign, ...loose].map(({ names, to, line }) => {
    const own = names.filter((name) => name !== SELLER);
    const referring = own.map((name) => columnOf(columns, table, name));
    const label = own.length === 0 ? SELLER : own.join(', ');
    if (referring.some((column) => column?.type.endsWith('[]'))) return `${to} }o${line}o{ ${table} : "${label}"`;
    const one = referring.some((column) => column?.is_nullable) ? '|o' : '||';
    const isUnique = keys.some(
      (key) =>
        key.table_name === table && key.kind !== 'f' && key.columns.every((name) => [SELLER, ...own].includes(name)),
    );
    return `${to} ${one}${line}${isUnique ? 'o|' : 'o{'} ${table} : "${label}"`;
  });
}

function columnOf(columns: readonly Column[], table: string, name: string): Column | undefined {
  return columns.find((column) => column.table_name === table && column.name === name);
}

function isForeign(keys: readonly Key[], table: string, name: string): boolean {
  return keys.some((key) => key.table_name === table && key.kind === 'f' && key.columns.includes(name));
}

const COLUMNS = `
  SELECT c.relname AS table_name, a.attname AS name, NOT a.attnotnull AS is_nullable,
    replace(format_type(a.atttypid, NULL), 'timestamp with time zone', 'timestamptz') AS type
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'marketplace'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname, a.attnum`;

// Unique indexes over part of a table are rules of that part, and no keys.
const KEYS = `
  SELECT * FROM (
    SELECT t.relname AS table_name, k.contype::text AS kind, to_jsonb(ARRAY(
      SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS part (attnum, place)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum ORDER BY place)) AS columns,
      f.relname AS to
    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid LEFT JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.connamespace = 'marketplace'::regnamespace AND k.contype IN ('p', 'u', 'f')
    UNION ALL
    SELECT t.relname, 'u', to_jsonb(ARRAY(
      SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS part (attnum, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum ORDER BY place)), NULL
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = 'marketplace'::regnamespace AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
  ) AS keys
  ORDER BY table_name, kind, columns::text, "to"`;
