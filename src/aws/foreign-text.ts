import { redacted, redactedText } from '../runtime/redaction.js';
import { storableStart, storableText } from '../runtime/storable-text.js';

/** A name of an error or a status, or an id of a request or a record. */
export const FOREIGN_NAME_MAX = 200;
/** A sentence for a person. */
export const FOREIGN_MESSAGE_MAX = 1000;

const CONTROL = /\p{Cc}+/gu;
/** Where an identifier was cut through it would no longer be known as one. */
const CUT_IDENTIFIER = /[\da-z-]{0,64}$/i;
const LICENSE = /\bl-[0-9a-f]{8,}\b/gi;

/**
 * What AWS wrote, or something in its place, as it may reach the ledger, a log and a page: of bounded length, without
 * what Postgres does not take, without line breaks and other control characters, and without account ids and licenses.
 */
export function foreignText(text: string, lengthMax: number): string {
  const isLong = text.length > lengthMax;
  const start = isLong ? `${text.slice(0, lengthMax).replace(CUT_IDENTIFIER, '')}…` : text;
  return redactedText(storableText(start.replace(CONTROL, ' '))).replace(LICENSE, (license) => redacted(license));
}

/** The same of a name; null for what is no text, or an empty one. */
export function foreignName(value: unknown): string | null {
  return isText(value) ? foreignText(value, FOREIGN_NAME_MAX) : null;
}

/** An id by which AWS knows a request or a record: nothing is hidden in it, since its digits tell it from others. */
export function foreignId(value: unknown): string | null {
  return isText(value) ? storableStart(value, FOREIGN_NAME_MAX).replace(CONTROL, ' ') : null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
