import { z } from 'zod';
import { jsonOf } from '../../runtime/json.js';
import { storableText } from '../../runtime/storable-text.js';

export const TEXT_LENGTH_MAX = 2048;

/**
 * A field that is missing, empty, of another type or absurdly long is not there: one odd field must not cost the event.
 */
export const text = z
  .string()
  .transform((value) => storableText(value).trim())
  .pipe(z.string().min(1).max(TEXT_LENGTH_MAX))
  .optional()
  .catch(undefined);

/**
 * The value of JSON text; undefined for anything else. A trailing comma, as in a sample of the seller guide, is
 * forgiven.
 */
export function messageJsonOf(text: string): unknown {
  return jsonOf(text) ?? jsonOf(text.replaceAll(/,(?=\s*[}\]])/g, ''));
}

/** Some examples print offers without their prefix. */
export function offerIdOf(id: string | undefined): string | null {
  if (id === undefined) return null;
  return /^[a-z0-9]+$/i.test(id) ? `offer-${id}` : id;
}

export function instantOf(value: string | undefined): Date | null {
  if (value === undefined || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value)) return null;
  // Without a zone JavaScript would take it for local time.
  const instant = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(value) ? value : `${value}Z`);
  return Number.isNaN(instant.getTime()) ? null : instant;
}

export function isoOf(value: string | undefined): string | null {
  return instantOf(value)?.toISOString() ?? null;
}

export function isAwsAccount(id: string): boolean {
  return /^\d{12}$/.test(id);
}
