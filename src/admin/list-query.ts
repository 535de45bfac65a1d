import { z } from 'zod';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { isStorable } from '../runtime/storable-text.js';
import { cursorOf, fingerprintOf, readCursor } from './page-cursor.js';

const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;
const LATEST_INSTANT = Date.UTC(10_000, 0, 1);

const uuid = z.guid({ error: 'give a UUID, as it stands in the lists' }).transform((text) => text.toLowerCase());
const preciseInstant = z.iso
  .datetime({ offset: true, error: 'give an ISO instant such as 2026-12-01T00:00:00Z (a + must be sent as %2B)' })
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) < LATEST_INSTANT, {
    error: 'give an instant from 1970 to 9999',
  });
const instant = preciseInstant.transform((text) => new Date(text).toISOString());
const text = (maxLength: number) =>
  z
    .string()
    .min(1, { error: 'give a value, or leave the parameter out' })
    .max(maxLength, { error: `give at most ${maxLength} characters` })
    // Postgres takes no NUL, and none of our names holds a control character.
    .refine((value) => !/\p{Cc}/u.test(value), { error: 'give a value without control characters' });
const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `give one of ${values.join(', ')}` });
const flag = oneOf('true', 'false').transform((value) => value === 'true');
const key = text(1000);
// An id that others chose may hold any character, but none that Postgres does not take.
const foreignKey = z.string().max(1000).refine(isStorable);
const position = z.string().regex(/^\d{1,18}$/);

const recordFilter = z
  .strictObject({
    subscriptionId: uuid.optional(),
    tenantId: text(255).optional(),
    productCode: text(255).optional(),
    dimension: text(255).optional(),
    kind: oneOf('hour', 'closing', 'setApart').optional(),
    state: oneOf('pending', 'sending', 'metered', 'blocked', 'unknown', 'closed').optional(),
    reason: text(100).optional(),
    disposition: oneOf('annulled', 'held', 'owed', 'void').optional(),
    mode: oneOf('live', 'dry-run', 'off').optional(),
    hourFrom: instant.optional(),
    hourTo: instant.optional(),
  })
  .refine(({ hourFrom, hourTo }) => isAscending(hourFrom, hourTo), {
    path: ['hourTo'],
    error: 'give an instant after hourFrom',
  });

const ONE_OF_ALL =
  'give tenantId, subscriptionId, recordId or unsealed=true: events are found through what has taken them';
const ONE_OF_FEW =
  'give tenantId, subscriptionId, recordId or unsealed=true with it: events are found through what has taken them';

const eventFilter = z
  .strictObject({
    tenantId: text(255).optional(),
    subscriptionId: uuid.optional(),
    recordId: uuid.optional(),
    unsealed: flag.optional(),
    dimension: text(255).optional(),
    occurredFrom: instant.optional(),
    occurredTo: instant.optional(),
    idempotencyKey: text(255).optional(),
  })
  .refine(({ occurredFrom, occurredTo }) => isAscending(occurredFrom, occurredTo), {
    path: ['occurredTo'],
    error: 'give an instant after occurredFrom',
  })
  // The ledger's largest table has no index but its key: another would cost every recording, and a search without one
  // reads all of it.
  .superRefine((filter, context) => {
    if (
      filter.tenantId !== undefined ||
      filter.subscriptionId !== undefined ||
      filter.recordId !== undefined ||
      filter.unsealed === true
    )
      return;
    const alone = (['dimension', 'occurredFrom', 'occurredTo', 'idempotencyKey', 'unsealed'] as const).filter(
      (name) => filter[name] !== undefined,
    );
    if (alone.length === 0) context.addIssue({ code: 'custom', path: ['tenantId'], message: ONE_OF_ALL });
    for (const name of alone) context.addIssue({ code: 'custom', path: [name], message: ONE_OF_FEW });
  });

const waitingFilter = z.strictObject({
  tenantId: text(255).optional(),
  subscriptionId: uuid.optional(),
  reason: text(100).optional(),
});

const subscriptionFilter = z.strictObject({
  tenantId: text(255).optional(),
  productCode: text(255).optional(),
  state: oneOf('registered', 'upcoming', 'trial', 'active', 'suspended', 'ending', 'ended', 'failed').optional(),
});

const balanceFilter = z.strictObject({
  customerId: uuid.optional(),
  tenantId: text(255).optional(),
  dimension: text(255).optional(),
  conserved: flag.optional(),
});

const alertFilter = z.strictObject({
  kind: text(100).optional(),
  severity: oneOf('warning', 'critical').optional(),
  open: flag.optional(),
});

const actionFilter = z.strictObject({
  action: text(100).optional(),
  by: text(255).optional(),
});

const messageFilter = z.strictObject({
  state: oneOf('pending', 'waiting', 'applied', 'ignored', 'deadLettered').optional(),
  origin: oneOf('eventBridge', 'sns', 'sqs', 'http', 'host', 'registration', 'reconciliation').optional(),
  type: text(100).optional(),
  subscriptionId: uuid.optional(),
});

const deliveryFilter = z.strictObject({
  state: oneOf('pending', 'delivering', 'delivered', 'deadLettered', 'skipped').optional(),
  handlerId: text(255).optional(),
  subscriptionId: uuid.optional(),
});

export type RecordFilter = z.output<typeof recordFilter>;
export type EventFilter = z.output<typeof eventFilter>;
export type WaitingFilter = z.output<typeof waitingFilter>;
export type SubscriptionFilter = z.output<typeof subscriptionFilter>;
export type BalanceListFilter = z.output<typeof balanceFilter>;
export type AlertFilter = z.output<typeof alertFilter>;
export type ActionFilter = z.output<typeof actionFilter>;
export type MessageFilter = z.output<typeof messageFilter>;
export type DeliveryFilter = z.output<typeof deliveryFilter>;

/** A list of the admin API: its filters, and the keys by which its pages are cut. */
export interface List<Filter, Keys extends readonly string[]> {
  readonly name: string;
  readonly filter: z.ZodType<Filter> & { readonly shape: object };
  readonly keys: z.ZodType<Keys>;
}

export const LISTS = {
  records: { name: 'records', filter: recordFilter, keys: z.tuple([uuid]) },
  events: { name: 'events', filter: eventFilter, keys: z.tuple([position, uuid]) },
  waiting: { name: 'waiting', filter: waitingFilter, keys: z.tuple([position]) },
  subscriptions: { name: 'subscriptions', filter: subscriptionFilter, keys: z.tuple([uuid]) },
  balance: { name: 'balance', filter: balanceFilter, keys: z.tuple([uuid, key]) },
  actions: { name: 'actions', filter: actionFilter, keys: z.tuple([position]) },
  messages: { name: 'messages', filter: messageFilter, keys: z.tuple([preciseInstant, key, foreignKey]) },
  deliveries: { name: 'deliveries', filter: deliveryFilter, keys: z.tuple([position, key]) },
  alerts: {
    name: 'alerts',
    filter: alertFilter,
    keys: z.tuple([oneOf('true', 'false'), preciseInstant, key, foreignKey]),
  },
} as const;

/** What is asked of a list: checked filters, and where the page begins. */
export interface ListQuery<Filter, Keys extends readonly string[]> {
  filter: Filter;
  /** Rows on a page, 1 to 200. */
  limit: number;
  /** Keys of the last row of the page before; null on the first page. */
  after: Keys | null;
  /** Cursor of the page that begins after the row with these keys. */
  cursorAfter(keys: Keys): string;
}

/**
 * Reads the query of a request from its URL, whatever query parser or pipes the host has installed.
 * @throws MarketplaceMeteringError `FILTER_INVALID` naming every parameter concerned, the rule and the fix.
 */
export function readListQuery<Filter extends object, Keys extends readonly string[]>(
  list: List<Filter, Keys>,
  url: string,
): ListQuery<Filter, Keys> {
  const start = url.indexOf('?');
  const given = new URLSearchParams(start < 0 ? '' : url.slice(start));
  const names = [...new Set(given.keys())];
  const repeated = names.filter((name) => given.getAll(name).length > 1);
  if (repeated.length > 0) throw refused(repeated.map((name) => `${shown(name)}: give it once`));

  const { limit: limitText, cursor, ...filters } = Object.fromEntries(given);
  const problems: string[] = [];
  const limit = limitText === undefined ? LIMIT_DEFAULT : /^[1-9]\d{0,2}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > LIMIT_MAX) problems.push(`limit: give a whole number from 1 to ${LIMIT_MAX}`);
  const parsed = list.filter.safeParse(filters);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(issue, list.filter)));
  if (!parsed.success || problems.length > 0) throw refused(problems);

  const filter = parsed.data;
  const fingerprint = fingerprintOf(list.name, filter);
  return {
    filter,
    limit,
    after: cursor === undefined ? null : keysOf(list, cursor, fingerprint),
    cursorAfter: (keys) => cursorOf(fingerprint, keys),
  };
}

function keysOf<Filter, Keys extends readonly string[]>(
  list: List<Filter, Keys>,
  cursor: string,
  fingerprint: string,
): Keys {
  const read = readCursor(cursor);
  const keys = list.keys.safeParse(read?.keys);
  if (!read || !keys.success)
    throw refused(['cursor: give the nextCursor of a page of this list, or leave it out for the first page']);
  if (read.fingerprint !== fingerprint) {
    throw refused(['cursor: it belongs to other filters; give those again, or leave the cursor out to begin anew']);
  }
  return keys.data;
}

function problemsOf(issue: z.core.$ZodIssue, filter: { readonly shape: object }): string[] {
  // Stryker disable next-line StringLiteral: the path of a parameter is its name alone.
  if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.')}: ${issue.message}`];
  const known = [...Object.keys(filter.shape), 'limit', 'cursor'].join(', ');
  return issue.keys.map((name) => `${shown(name)}: there is no such parameter; give any of ${known}`);
}

function refused(problems: readonly string[]): MarketplaceMeteringError {
  return new MarketplaceMeteringError('FILTER_INVALID', problems.join('; '));
}

/** A parameter's name as the client wrote it, too short to carry much back. */
function shown(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}

function isAscending(from: string | undefined, to: string | undefined): boolean {
  return from === undefined || to === undefined || from < to;
}
