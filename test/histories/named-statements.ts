import { createHash } from 'node:crypto';
import pg from 'pg';

type Query = (this: pg.Client, statement: unknown, values?: unknown, callback?: unknown) => unknown;

/**
 * Statements with parameters are prepared once for each connection, as some hosts' drivers do by themselves: a third of
 * what Postgres does for a history is planning.
 */
export function nameStatements(): void {
  const client = pg.Client.prototype as unknown as { query: Query };
  const { query } = client;
  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? createHash('sha1').update(text).digest('hex');
    names.set(text, name);
    return name;
  };
  client.query = function (statement, values, callback) {
    return typeof statement === 'string' && Array.isArray(values)
      ? query.call(this, { name: nameOf(statement), text: statement, values }, callback)
      : query.call(this, statement, values, callback);
  };
}
