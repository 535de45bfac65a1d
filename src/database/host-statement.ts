import { inSchema } from './ledger-schema.js';

/** Statements are few, and each is rewritten once. */
const written = new Map<string, string>();
const REMEMBERED = 500;

/**
 * The text of a statement for a driver of the host: every parameter is text, whatever it is cast to from there. Drivers
 * that ask the server for a parameter's type would otherwise write a JSON text as JSON once more, or refuse a text where
 * they expect a UUID.
 */
export function hostStatement(sql: string, schema: string): string {
  const text = inSchema(sql, schema);
  const known = written.get(text);
  if (known !== undefined) return known;
  const typed = text.replace(/\$\d+/g, (parameter) => `${parameter}::text`);
  if (written.size >= REMEMBERED) written.clear();
  written.set(text, typed);
  return typed;
}

/** A parameter as the text that Postgres reads it from, under whatever settings the host's connection has. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `{${value.map(elementOf).join(',')}}`;
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  throw new TypeError('a statement in a transaction of the host has a parameter that is no text');
}

function elementOf(value: unknown): string {
  const text = textOf(value);
  return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
