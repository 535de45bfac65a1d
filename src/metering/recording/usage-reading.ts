// From what a caller gave to an event that can be recorded, by the rules that need no database. Pure.
import { parseDecimal, type Scaled } from '../../runtime/decimal.js';
import { byKey } from '../../runtime/order.js';
import { type UsageEvent } from './usage-event.js';
import { readInstant, type Refuse, type UsageWindow } from './usage-instant.js';
import { type CodedProblem } from './usage-refusal.js';

/** Most events that one call takes: one statement, one savepoint, a few megabytes. */
export const EVENTS_PER_CALL_MAX = 10_000;
export const TAGS_MAX = 5;
const NAME_LENGTH_MAX = 255;
const REASON_LENGTH_MAX = 1_000;
const TAG_KEY = /^[A-Za-z0-9+\-=._:/@ ]{1,100}$/;
// Buyers see the keys as `aws:marketplace:isv:<key>`; in tags AWS keeps this beginning to itself.
const RESERVED_KEY = /^aws:/i;
const TAG_VALUE = /^[A-Za-z0-9+\-=._:/@ ]{1,256}$/;
const FIELDS: ReadonlySet<string> = new Set([
  'tenantId',
  'productCode',
  'subscriptionId',
  'dimension',
  'quantity',
  'occurredAt',
  'idempotencyKey',
  'tags',
  'reason',
] satisfies (keyof UsageEvent)[]);

/** What an event says: the part that a repetition of its key must repeat. */
export interface UsageContent {
  tenantId: string | null;
  /** Compared only where no tenant is named: beside one it is the payer. */
  subscriptionId: string | null;
  dimension: string;
  quantity: Scaled;
  occurredAt: Date;
  /** Canonical JSON (sorted keys), null without tags. */
  tags: string | null;
  reason: string | null;
}

/** An event that passed every rule that needs no database. */
export interface CheckedUsage extends UsageContent {
  /** Position in the call. */
  index: number;
  productCode: string | null;
  /** The key that the caller gave. */
  key: string | null;
  /** What the caller gave: nothing else is compared with an earlier event of the same key. */
  given: { occurredAt: boolean; tags: boolean; reason: boolean };
}

/**
 * Reads one event by the rules that need no database. Never throws: what is wrong goes to `problems`, so that one call
 * shows everything there is to correct.
 * @returns null when the event cannot be used
 */
export function readUsage(
  event: unknown,
  index: number,
  window: UsageWindow,
  problems: CodedProblem[],
): CheckedUsage | null {
  const before = problems.length;
  const refuse: Refuse = (field, message) => void problems.push({ code: 'USAGE_INVALID', index, field, message });
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    refuse('event', 'must be an object with tenantId or subscriptionId, dimension and quantity');
    return null;
  }
  const given = event as Record<string, unknown>;
  for (const field of Object.keys(given)) {
    if (!FIELDS.has(field)) refuse(shown(field), `there is no such field; the fields are ${[...FIELDS].join(', ')}`);
  }

  if (window.isInstallation === true) refuseNames(given, refuse);
  else if (given.tenantId === undefined && given.subscriptionId === undefined)
    refuse('tenantId', 'give tenantId, or subscriptionId');
  const tenantId = readText(given, 'tenantId', NAME_LENGTH_MAX, refuse);
  const productCode = readText(given, 'productCode', NAME_LENGTH_MAX, refuse);
  const subscriptionId = readText(given, 'subscriptionId', NAME_LENGTH_MAX, refuse);
  if (given.dimension === undefined) refuse('dimension', 'must be a string');
  const dimension = readText(given, 'dimension', NAME_LENGTH_MAX, refuse);
  const quantity = parseDecimal(given.quantity);
  if (typeof quantity === 'string') refuse('quantity', quantity);
  else if (quantity < 0n && given.reason === undefined)
    refuse('reason', 'a negative quantity is a correction; say why it is made');
  const occurredAt = given.occurredAt === undefined ? window.now : readInstant(given.occurredAt, window, refuse);
  const key = readText(given, 'idempotencyKey', NAME_LENGTH_MAX, (field, fault) => {
    refuse(field, `${fault}; leave it out to have one minted`);
  });
  const reason = readText(given, 'reason', REASON_LENGTH_MAX, refuse);
  const tags = given.tags === undefined ? null : readTags(given.tags, refuse);
  // Stryker disable next-line ConditionalExpression,StringLiteral: for the types alone, each has been refused above.
  if (problems.length > before || typeof quantity === 'string' || dimension === null || occurredAt === null)
    return null;

  return {
    index,
    tenantId,
    productCode,
    subscriptionId,
    dimension,
    quantity,
    occurredAt,
    key,
    tags,
    reason,
    given: {
      occurredAt: given.occurredAt !== undefined,
      tags: given.tags !== undefined,
      reason: given.reason !== undefined,
    },
  };
}

function refuseNames(given: Record<string, unknown>, refuse: Refuse): void {
  for (const field of ['tenantId', 'subscriptionId']) {
    if (given[field] === undefined) continue;
    refuse(field, 'a container or AMI product has one customer, the installation; leave it out, tags tell users apart');
  }
}

function readText(given: Record<string, unknown>, field: string, maxLength: number, refuse: Refuse): string | null {
  const value = given[field];
  if (value === undefined) return null;
  const fault = textFault(value, maxLength);
  if (fault === null) return value as string;
  refuse(field, fault);
  return null;
}

/** Text that Postgres and JSON can hold as it is, and that says something. */
function textFault(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (value.trim() === '') return 'must not be empty';
  if (value.length > maxLength) return `must have at most ${maxLength} characters`;
  if (value.includes('\0')) return 'must not contain the NUL character';
  if (!value.isWellFormed()) return 'must not contain half of a surrogate pair';
  return null;
}

function readTags(tags: unknown, refuse: Refuse): string | null {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) {
    refuse('tags', 'must be an object of strings');
    return null;
  }
  const entries = Object.entries(tags as Record<string, unknown>);
  if (entries.length > TAGS_MAX) refuse('tags', `must have at most ${TAGS_MAX} keys, which is AWS's limit`);
  for (const [key, value] of entries) {
    const rule = 'characters out of letters, digits, space and + - = . _ : / @';
    if (!TAG_KEY.test(key)) refuse(`tags[${shown(key)}]`, `the key must have 1 to 100 ${rule}`);
    else if (key.trim() === '') refuse(`tags[${shown(key)}]`, 'the key must not be blank');
    else if (RESERVED_KEY.test(key))
      refuse(`tags[${shown(key)}]`, 'keys that begin with aws: are AWS’s own; give another');
    if (typeof value !== 'string' || !TAG_VALUE.test(value))
      refuse(`tags[${shown(key)}]`, `the value must have 1 to 256 ${rule}`);
    else if (value.trim() === '') refuse(`tags[${shown(key)}]`, 'the value must not be blank; leave the tag out');
  }
  return entries.length === 0 ? null : canonicalTagsOf(entries);
}

/** One text per tag set, whatever order the caller or the database gave. */
export function canonicalTagsOf(entries: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(Object.fromEntries([...entries].sort(byKey)));
}

export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40)).slice(1, -1);
}
