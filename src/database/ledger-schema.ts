/** The schema in which every statement of ours is written, and in which the ledger is where no option says otherwise. */
export const LEDGER_SCHEMA = 'marketplace';
export const MIGRATIONS_TABLE = 'migration';

/** A name in the schema, wherever it stands: in a statement, in a function's body, in the text of what it raises. */
const IN_SCHEMA = /(?<![\w.$"-])marketplace\.(?=[a-z_%])/g;
/** Texts of statements are few; a list whose filters make texts without end must not be kept without end. */
const REMEMBERED = 2000;

const written = new Map<string, Map<string, string>>();

/** Text of a statement over the ledger in that schema. Each text is read once. */
export function inSchema(sql: string, schema: string): string {
  if (schema === LEDGER_SCHEMA) return sql;
  const texts = written.get(schema) ?? new Map<string, string>();
  written.set(schema, texts);
  const known = texts.get(sql);
  if (known !== undefined) return known;
  const text = sql.replace(IN_SCHEMA, () => `"${schema}".`);
  if (texts.size >= REMEMBERED) texts.clear();
  texts.set(sql, text);
  return text;
}
