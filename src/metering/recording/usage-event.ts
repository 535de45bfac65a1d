import { type EntityManager } from 'typeorm';
import { uuidv7 } from 'uuidv7';
import { type MarketplaceErrorCode, type UsageProblem, UsageRefusedError } from '../../errors.js';
import { type Decimal, formatDecimal, parseDecimal, type Scaled } from '../../runtime/decimal.js';

/** What an application records: so much of a dimension was used by a subscription. Once recorded it never changes; a correction is a new event. */
export interface UsageEvent {
  /** Id of the subscription, as `RegistrationService.claim` and `SubscriptionService` give it. */
  subscriptionId: string;
  /** API name of a dimension that the options declare for the subscription's product. */
  dimension: string;
  /** Units used, at most 12 decimals and below 10^18. Zero is taken; a negative quantity is a correction and needs a `reason`. */
  quantity: Decimal;
  /** When the usage happened; default now. At most `recording.futureSkewMs` ahead, at most `recording.idempotencyHorizonMs` ago. */
  occurredAt?: Date;
  /** 1 to 255 characters, unique within the subscription. Give one wherever a retry is possible; without one every call records anew. */
  idempotencyKey?: string;
  /** Vendor-metered tags (AWS: at most 5; key 1..100, value 1..256 characters out of letters, digits, space and + - = . _ : / @). */
  tags?: Record<string, string>;
  /** Why a quantity is negative; at most 1,000 characters. */
  reason?: string;
}

export interface RecordResult {
  /** Id of the event in the ledger; for a duplicate the id of the original. */
  eventId: string;
  idempotencyKey: string;
  outcome: 'recorded' | 'duplicate';
}

export interface RecordOptions {
  /** Manager of a transaction of the host in the same database: the usage is durable with that commit, and gone with its rollback. */
  manager?: EntityManager;
  /** Stops waiting. Without effect on a statement that runs in the host's transaction already. */
  signal?: AbortSignal;
}

/** Most events that one call takes: one statement, one savepoint, a few megabytes. */
export const EVENTS_PER_CALL_MAX = 10_000;
export const TAGS_MAX = 5;
const KEY_LENGTH_MAX = 255;
const REASON_LENGTH_MAX = 1_000;
const TAG_KEY = /^[A-Za-z0-9+\-=._:/@ ]{1,100}$/;
const TAG_VALUE = /^[A-Za-z0-9+\-=._:/@ ]{1,256}$/;
const FIELDS: ReadonlySet<string> = new Set([
  'subscriptionId',
  'dimension',
  'quantity',
  'occurredAt',
  'idempotencyKey',
  'tags',
  'reason',
] satisfies (keyof UsageEvent)[]);

/** What an event says, apart from its names: the part that a repetition of its key must repeat. */
export interface UsageContent {
  dimension: string;
  quantity: Scaled;
  occurredAt: Date;
  /** Canonical JSON (sorted keys), null without tags. */
  tags: string | null;
  reason: string | null;
}

/** An event that passed every rule, as it will stand in the ledger. */
export interface CheckedUsage extends UsageContent {
  /** Position in the call. */
  index: number;
  id: string;
  subscriptionId: string;
  idempotencyKey: string;
  recordedAt: Date;
  /** What the caller gave: nothing else is compared with an earlier event of the same key. */
  given: { idempotencyKey: boolean; occurredAt: boolean; tags: boolean; reason: boolean };
}

/** A subscription as far as recording must know it. */
export interface MeteredSubscription {
  id: string;
  productCode: string;
  dimensions: ReadonlySet<string>;
}

/** Business time and the window around it in which usage is taken. */
export interface UsageWindow {
  now: Date;
  futureSkewMs: number;
  idempotencyHorizonMs: number;
}

/** A problem with the code under which it is refused when it is the only kind of problem. */
export interface CodedProblem extends UsageProblem {
  code: MarketplaceErrorCode;
}

/**
 * Reads one event by the rules that need no database. Never throws: what is wrong goes to `problems`, so that one call shows everything there is
 * to mend.
 * @returns null when the event cannot be used
 */
export function readUsage(event: unknown, index: number, window: UsageWindow, problems: CodedProblem[]): CheckedUsage | null {
  const before = problems.length;
  const refuse = (field: string, message: string): void => void problems.push({ code: 'USAGE_INVALID', index, field, message });
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    refuse('event', 'must be an object with subscriptionId, dimension and quantity');
    return null;
  }
  const given = event as Record<string, unknown>;
  for (const field of Object.keys(given)) {
    if (!FIELDS.has(field)) refuse(shown(field), `there is no such field; the fields are ${[...FIELDS].join(', ')}`);
  }

  for (const field of ['subscriptionId', 'dimension'] as const) {
    const fault = textFault(given[field]);
    if (fault !== null) refuse(field, fault);
  }

  const quantity = parseDecimal(given.quantity);
  if (typeof quantity === 'string') refuse('quantity', quantity);

  const { occurredAt = window.now, idempotencyKey, tags, reason } = given;
  if (!(occurredAt instanceof Date) || Number.isNaN(occurredAt.getTime())) {
    refuse('occurredAt', 'must be a valid Date');
  } else if (occurredAt.getTime() > window.now.getTime() + window.futureSkewMs) {
    refuse(
      'occurredAt',
      `lies more than ${window.futureSkewMs} ms in the future; correct the clock, or raise recording.futureSkewMs (MARKETPLACE_RECORDING_FUTURE_SKEW_MS)`,
    );
  } else if (occurredAt.getTime() < window.now.getTime() - window.idempotencyHorizonMs) {
    refuse(
      'occurredAt',
      `lies more than ${window.idempotencyHorizonMs} ms back, beyond recording.idempotencyHorizonMs (MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS); ` +
        'record what is still owed as usage of today',
    );
  }

  if (idempotencyKey !== undefined) {
    const fault = textFault(idempotencyKey, KEY_LENGTH_MAX);
    if (fault !== null) refuse('idempotencyKey', `${fault}; leave it out to have one minted`);
  }

  if (reason !== undefined) {
    const fault = textFault(reason, REASON_LENGTH_MAX);
    if (fault !== null) refuse('reason', fault);
  } else if (typeof quantity === 'bigint' && quantity < 0n) {
    refuse('reason', 'a negative quantity is a correction; say why it is made');
  }

  const canonicalTags = tags === undefined ? null : readTags(tags, refuse);
  if (problems.length > before) return null;

  const id = uuidv7();
  return {
    index,
    id,
    subscriptionId: given.subscriptionId as string,
    dimension: given.dimension as string,
    quantity: quantity as Scaled,
    // A copy: the caller may go on to change its Date while the event waits in the queue.
    occurredAt: new Date(occurredAt as Date),
    recordedAt: window.now,
    idempotencyKey: (idempotencyKey as string | undefined) ?? id,
    tags: canonicalTags,
    reason: (reason as string | undefined) ?? null,
    given: {
      idempotencyKey: idempotencyKey !== undefined,
      occurredAt: given.occurredAt !== undefined,
      tags: tags !== undefined,
      reason: reason !== undefined,
    },
  };
}

/** Text that Postgres and JSON can hold as it is, and that says something. */
function textFault(value: unknown, maxLength = Number.POSITIVE_INFINITY): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (value.trim() === '') return 'must not be empty';
  if (value.length > maxLength) return `must have at most ${maxLength} characters`;
  if (value.includes('\0')) return 'must not contain the NUL character';
  if (/\p{Surrogate}/u.test(value)) return 'must not contain half of a surrogate pair';
  return null;
}

function readTags(tags: unknown, refuse: (field: string, message: string) => void): string | null {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) {
    refuse('tags', 'must be an object of strings');
    return null;
  }
  const entries = Object.entries(tags as Record<string, unknown>);
  if (entries.length > TAGS_MAX) refuse('tags', `must have at most ${TAGS_MAX} keys, which is AWS's limit`);
  for (const [key, value] of entries) {
    const rule = 'characters out of letters, digits, space and + - = . _ : / @';
    if (!TAG_KEY.test(key)) refuse(`tags[${shown(key)}]`, `the key must have 1 to 100 ${rule}`);
    if (typeof value !== 'string' || !TAG_VALUE.test(value)) refuse(`tags[${shown(key)}]`, `the value must have 1 to 256 ${rule}`);
  }
  return entries.length === 0 ? null : canonicalTagsOf(entries);
}

/** One text per tag set, whatever order the caller or the database gave. */
export function canonicalTagsOf(entries: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1))));
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40)).slice(1, -1);
}

/** Checks an event against its subscription and names it as the ledger does. */
export function placeUsage(usage: CheckedUsage, subscription: MeteredSubscription | null, problems: CodedProblem[]): CheckedUsage {
  const refuse = (code: MarketplaceErrorCode, field: string, message: string): void =>
    void problems.push({ code, index: usage.index, field, message });
  if (subscription === null) {
    refuse(
      'SUBSCRIPTION_UNKNOWN',
      'subscriptionId',
      `"${shown(usage.subscriptionId)}" is no subscription; give the id that claim() returned`,
    );
    return usage;
  }
  if (!subscription.dimensions.has(usage.dimension)) {
    refuse(
      'DIMENSION_UNDECLARED',
      'dimension',
      `"${shown(usage.dimension)}" is not declared for product ${subscription.productCode}; ` +
        `give one of ${[...subscription.dimensions].map((name) => `"${name}"`).join(', ')}, or add it to products[].dimensions (MARKETPLACE_PRODUCTS)`,
    );
  }
  // The directory's spelling of the id: two spellings of one uuid are one subscription.
  return { ...usage, subscriptionId: subscription.id };
}

/** The error for all problems of a call; its code is that of the problems when they are of one kind. */
export function refusalOf(problems: readonly CodedProblem[]): UsageRefusedError {
  const codes = new Set(problems.map((problem) => problem.code));
  const [first = 'USAGE_INVALID'] = codes;
  return new UsageRefusedError(
    codes.size === 1 ? first : 'USAGE_INVALID',
    problems.map(({ index, field, message }) => ({ index, field, message })),
  );
}

/** Names one key of one subscription. */
export function pairOf(usage: Pick<CheckedUsage, 'subscriptionId' | 'idempotencyKey'>): string {
  return `${usage.subscriptionId} ${usage.idempotencyKey}`;
}

/** Fields in which an event differs from the earlier one of its key; only what the caller gave now is compared. */
export function differences(now: CheckedUsage, earlier: UsageContent): string[] {
  return [
    ...(now.dimension === earlier.dimension ? [] : ['dimension']),
    ...(now.quantity === earlier.quantity ? [] : ['quantity']),
    ...(!now.given.occurredAt || now.occurredAt.getTime() === earlier.occurredAt.getTime() ? [] : ['occurredAt']),
    ...(!now.given.tags || now.tags === earlier.tags ? [] : ['tags']),
    ...(!now.given.reason || now.reason === earlier.reason ? [] : ['reason']),
  ];
}

export function conflictProblem(usage: CheckedUsage, fields: readonly string[], earlier = 'an earlier event'): CodedProblem {
  return {
    code: 'IDEMPOTENCY_CONFLICT',
    index: usage.index,
    field: 'idempotencyKey',
    message:
      `"${shown(usage.idempotencyKey)}" already names ${earlier} that differs in ${fields.join(', ')}; ` +
      'give new usage a new key, or repeat the usage as it was',
  };
}

/** Events of one call by key: the first of each is written, the others answer as it does. */
export interface FoldedUsage {
  unique: CheckedUsage[];
  /** For each event of the call, the position in `unique` of the one that stands for it. */
  standsAt: number[];
}

/** Folds events of one call that repeat a key; what repeats a key with other content goes to `problems`. */
export function foldTwins(usages: readonly CheckedUsage[], problems: CodedProblem[]): FoldedUsage {
  const unique: CheckedUsage[] = [];
  const positions = new Map<string, number>();
  const standsAt = usages.map((usage) => {
    const pair = pairOf(usage);
    const position = positions.get(pair) ?? unique.length;
    const first = unique[position];
    if (first === undefined) {
      positions.set(pair, position);
      unique.push(usage);
    } else {
      const fields = differences(usage, first);
      if (fields.length > 0) problems.push(conflictProblem(usage, fields, `events[${first.index}] of this call`));
    }
    return position;
  });
  return { unique, standsAt };
}

/** Quantity as Postgres takes it. */
export function quantityText(usage: UsageContent): string {
  return formatDecimal(usage.quantity);
}
