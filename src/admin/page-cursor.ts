import { createHash } from 'node:crypto';
import { jsonOf } from '../runtime/json.js';

const FINGERPRINT_BYTES = 9;

/** Names the list and the filters that a cursor belongs to. */
export function fingerprintOf(list: string, filter: object): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([list, filter]))
    .digest();
  return hash.subarray(0, FINGERPRINT_BYTES).toString('base64url');
}

/**
 * Where the next page begins: after the row with these keys. Opaque to the client, but no secret: it holds nothing that
 * the page did not show, and a forged one reaches no row that a filter would not.
 */
export function cursorOf(fingerprint: string, keys: readonly string[]): string {
  return Buffer.from(JSON.stringify([fingerprint, ...keys])).toString('base64url');
}

/** What a cursor holds, or null for a text that no page of ours gave. */
export function readCursor(cursor: string): { fingerprint: string; keys: string[] } | null {
  const parts = jsonOf(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(parts) || !parts.every((part): part is string => typeof part === 'string')) return null;
  const [fingerprint, ...keys] = parts;
  return fingerprint === undefined ? null : { fingerprint, keys };
}
