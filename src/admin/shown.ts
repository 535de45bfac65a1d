import { formatDecimal, scaled } from '../runtime/decimal.js';
import { redacted, redactedText } from '../runtime/redaction.js';

/** A decimal of the database in its shortest form. */
export function decimal(text: string): string {
  return formatDecimal(scaled(text));
}

export function instant(date: Date): string;
export function instant(date: Date | null): string | null;
export function instant(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}

/** An identifier of AWS: the last four characters. */
export function identifier(text: string | null): string | null {
  return text === null ? null : redacted(text);
}

const ACCOUNT_ID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|(?<!\d)\d{12}(?!\d)/gi;

/**
 * A name that the host chose: as it is, but for account ids in it. Those have exactly 12 digits; longer runs are order
 * numbers and timestamps, without which the name could not be found again.
 */
export function hostName(text: string): string;
export function hostName(text: string | null): string | null;
export function hostName(text: string | null): string | null {
  return text === null ? null : text.replace(ACCOUNT_ID, (match) => (match.includes('-') ? match : redacted(match)));
}

/** Text for a person, from AWS or from us. */
export function message(text: string): string;
export function message(text: string | null): string | null;
export function message(text: string | null): string | null {
  return text === null ? null : redactedText(text);
}

const FRACTION = /^-?\d+\.\d+$/;

/** JSON from AWS or the host, with account ids hidden in every name and value. */
export function json(value: unknown): unknown {
  if (typeof value === 'string') return FRACTION.test(value) ? value : redactedText(value);
  if (typeof value === 'number') return Math.abs(value) >= 1e11 ? redactedText(String(value)) : value;
  if (Array.isArray(value)) return value.map(json);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [redactedText(name), json(inner)]));
}
