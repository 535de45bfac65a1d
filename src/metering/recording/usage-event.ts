import { types } from 'node:util';
import { type EntityManager } from 'typeorm';
import { type Decimal, parseDecimal, type Scaled } from '../../runtime/decimal.js';
import { type CodedProblem } from './usage-refusal.js';

/**
 * What an application records: so much of a dimension was used by a tenant, or by a subscription; where a container or
 * AMI meters itself, by the installation, which needs no name. Once recorded it never changes; a correction is a new
 * event. Which agreement pays is decided when the hour is sealed.
 */
export interface UsageEvent {
  /**
   * The host's tenant, as it was given to `RegistrationService.claim`. It alone is the scope of the idempotency key.
   */
  tenantId?: string;
  /** Needed beside `tenantId` where several listed products declare the dimension. */
  productCode?: string;
  /**
   * Beside `tenantId`: the subscription that pays; on a repetition of a key it is ignored, and the answer says which
   * was named. Alone: who used.
   */
  subscriptionId?: string;
  /** API name of a dimension that the options declare for the product. */
  dimension: string;
  /**
   * Units used, below 10^18. Text, bigint and decimal objects are exact: more than 12 decimals are refused. Numbers are
   * rounded to 12 decimals, half to even, and refused beyond 2^53. Zero is taken; a negative quantity is a correction and needs a
   * `reason`.
   */
  quantity: Decimal;
  /**
   * When the usage happened; default now. A Date, a `Temporal.Instant`, or ISO 8601 text with a zone (`Z` or an
   * offset). At most `recording.futureSkewMs` ahead, at most `recording.idempotencyHorizonMs` ago.
   */
  occurredAt?: Date | TemporalInstant | string;
  /**
   * 1 to 255 characters, unique within the tenant (within the subscription, where no tenant is named) for as long as
   * the event is kept. Give one wherever a retry is possible; without one every call records anew, unless the key that
   * the answer (or the error) handed out is given again.
   */
  idempotencyKey?: string;
  /**
   * Vendor-metered tags (AWS: at most 5; key 1..100, value 1..256 characters out of letters, digits, space and + - = .
   * _ : / @).
   */
  tags?: Record<string, string>;
  /** Why a quantity is negative; at most 1,000 characters. */
  reason?: string;
}

/** As much of a `Temporal.Instant` as is needed. */
export interface TemporalInstant {
  readonly epochMilliseconds: number;
}

export interface RecordResult {
  /** Id of the event in the ledger. The same key always gives the same id. */
  eventId: string;
  /** The key that was given, or the one that was minted (`evt_…`): given again, it is that event. */
  idempotencyKey: string;
  /** `ignored`: nobody of that name is a customer, and the call or the options said `ignore`; nothing was written. */
  outcome: 'recorded' | 'duplicate' | 'ignored';
  /**
   * The subscription that was named when the event was recorded; null where the tenant's payer is chosen at sealing.
   */
  subscriptionId: string | null;
}

export interface RecordOptions {
  /**
   * Manager of a transaction of the host in the same database: the usage is durable with that commit, and gone with its
   * rollback.
   */
  manager?: EntityManager;
  /** Stops waiting. Without effect on a statement that runs in the host's transaction already. */
  signal?: AbortSignal;
  /**
   * For hosts whose tenants are only partly AWS customers: `ignore` answers `ignored` for unknown tenants and
   * subscriptions instead of refusing. Default: what the option `recording.unknownTenants` says of tenants.
   */
  ifUnknown?: 'refuse' | 'ignore';
}

/** Most events that one call takes: one statement, one savepoint, a few megabytes. */
export const EVENTS_PER_CALL_MAX = 10_000;
export const TAGS_MAX = 5;
const NAME_LENGTH_MAX = 255;
const REASON_LENGTH_MAX = 1_000;
const TAG_KEY = /^[A-Za-z0-9+\-=._:/@ ]{1,100}$/;
// Buyers see the keys as `aws:marketplace:isv:<key>`; in tags AWS keeps this beginning to itself.
const RESERVED_KEY = /^aws:/i;
const TAG_VALUE = /^[A-Za-z0-9+\-=._:/@ ]{1,256}$/;
/** A date, a time to the minute at least, and a zone: without one the text means another instant on every server. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)$/;
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

/** Business time and the window around it in which usage is taken. */
export interface UsageWindow {
  now: Date;
  futureSkewMs: number;
  idempotencyHorizonMs: number;
  /** The products run in their buyer's account: the installation is the customer, and no event names another. */
  isInstallation?: boolean;
}

type Refuse = (field: string, message: string) => void;

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
  const occurredAt = given.occurredAt === undefined ? window.now : readInstant(given.occurredAt, window, refuse);
  const key = readText(given, 'idempotencyKey', NAME_LENGTH_MAX, (field, fault) => {
    refuse(field, `${fault}; leave it out to have one minted`);
  });
  const reason = readText(given, 'reason', REASON_LENGTH_MAX, refuse);
  if (given.reason === undefined && typeof quantity === 'bigint' && quantity < 0n) {
    refuse('reason', 'a negative quantity is a correction; say why it is made');
  }
  const tags = given.tags === undefined ? null : readTags(given.tags, refuse);
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

function readInstant(
  value: unknown,
  { now, futureSkewMs, idempotencyHorizonMs }: UsageWindow,
  refuse: Refuse,
): Date | null {
  const at = instantMs(value);
  if (!Number.isFinite(at)) {
    refuse('occurredAt', `${INSTANT_RULE}${instantFix(value)}`);
  } else if (at > now.getTime() + futureSkewMs) {
    refuse(
      'occurredAt',
      `lies more than ${futureSkewMs} ms in the future; correct the clock, or raise recording.futureSkewMs ` +
        '(MARKETPLACE_RECORDING_FUTURE_SKEW_MS)',
    );
  } else if (at < now.getTime() - idempotencyHorizonMs) {
    refuse(
      'occurredAt',
      `lies more than ${idempotencyHorizonMs} ms back, beyond recording.idempotencyHorizonMs ` +
        '(MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS); ' +
        'record what is still owed as usage of today',
    );
  } else {
    // A copy: the caller may go on to change its Date while the event waits in the queue.
    return new Date(at);
  }
  return null;
}

const INSTANT_RULE =
  'must be a valid Date, a Temporal.Instant, or ISO 8601 text with a zone such as "2026-11-10T10:30:00Z"';

/** What else callers have in their hands for an instant, and what to make of it. */
function instantFix(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint')
    return '; a number may be seconds or milliseconds: give new Date(milliseconds)';
  if (typeof value !== 'object' || value === null) return '';
  // dayjs, moment; luxon; Temporal.ZonedDateTime.
  const way = ['toDate', 'toJSDate', 'toInstant'].find((name) => name in value);
  return way === undefined ? '' : `; give its ${way}()`;
}

/**
 * Milliseconds since the epoch, NaN for what names no instant. Finer text is cut to its millisecond. A Date may come
 * from another realm: out of a vm, or a test under jest.
 */
function instantMs(value: unknown): number {
  if (types.isDate(value)) return Date.prototype.getTime.call(value);
  if (typeof value === 'string') return textMs(value);
  const isInstant =
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Temporal.Instant]';
  return isInstant ? (value as TemporalInstant).epochMilliseconds : Number.NaN;
}

function textMs(text: string): number {
  if (!INSTANT.test(text)) return Number.NaN;
  // The forms of ISO 8601 that Date does not read: a comma, an offset without colon or minutes.
  const at = Date.parse(
    text
      .replace(',', '.')
      .replace(/([+-]\d{2}):?(\d{2})?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`),
  );
  // Date moves the 30th of February into March, and 24:00 into the next day.
  const isReal =
    Number(text.slice(8, 10)) <= new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return isReal ? at : Number.NaN;
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
    else if (RESERVED_KEY.test(key))
      refuse(`tags[${shown(key)}]`, 'keys that begin with aws: are AWS’s own; give another');
    if (typeof value !== 'string' || !TAG_VALUE.test(value))
      refuse(`tags[${shown(key)}]`, `the value must have 1 to 256 ${rule}`);
  }
  return entries.length === 0 ? null : canonicalTagsOf(entries);
}

/** One text per tag set, whatever order the caller or the database gave. */
export function canonicalTagsOf(entries: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1))));
}

export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40)).slice(1, -1);
}
