import { attemptIdOf } from '../aws/attempt-mark.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { hourOf } from '../runtime/clock.js';
import { licenseIdOf } from '../subscription/chain/aws-names.js';
import { LooseObject } from './loose-object.js';
import { readTrailTimestamp } from './trail-timestamp.js';

/**
 * What AWS said of one record of a call: its own status (`Success`, `DuplicateRecord`, `CustomerNotSubscribed`, …), or
 * `unprocessed`; `missing`, in none of its lists; `error`, the whole call was refused; `omitted`, CloudTrail left the
 * answer out.
 */
export type TrailAnswer = string;

/** How a record names its payer. License and account may stand together. */
export interface TrailNames {
  /** `l-…`, whatever form was printed. */
  licenseId: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
  /** Of MeterUsage: the session of the role that signed the call: an instance, a task, a pod. */
  resource: string | null;
}

/** One record of a call. */
export interface TrailEntry {
  names: TrailNames;
  dimension: string;
  hour: Date;
  quantity: number;
  answer: TrailAnswer;
  meteringRecordId: string | null;
}

/** A call of BatchMeterUsage or MeterUsage as CloudTrail recorded it. */
export interface TrailCall {
  eventId: string;
  operation: MeteringOperation;
  /** When AWS received the call. */
  at: Date;
  region: string;
  /** In whose trail it stands: the caller's account. */
  accountId: string | null;
  requestId: string | null;
  /** Of an attempt of some ledger of this module, where the user agent names one. */
  attemptId: string | null;
  /** Of the request; null where licenses name the product, and where the content was left out. */
  productCode: string | null;
  errorCode: string | null;
  /** Whether the answer to every record is there. Beyond 100 kB CloudTrail leaves content out, whole [user guide]. */
  content: 'read' | 'omitted';
  entries: TrailEntry[];
}

export type TrailReading =
  | { kind: 'call'; call: TrailCall }
  /** No usage in it: another service or operation, a dry run. */
  | { kind: 'other' }
  | { kind: 'unreadable'; eventId: string | null; at: Date | null; why: string };

/** AWS's examples print the one [SG23, SKILL], its model has the other [SMITHY25]. */
const SOURCES = new Set(['metering-marketplace.amazonaws.com', 'marketplacemetering.amazonaws.com']);
const OPERATIONS: readonly string[] = ['BatchMeterUsage', 'MeterUsage'] satisfies MeteringOperation[];

/** Why an event cannot be read: names the member. */
class UnreadableEvent extends Error {}

/**
 * Reads one event: the JSON text that LookupEvents answers, or an element of a trail's file. Never throws: what it
 * cannot read it names.
 * @param given.region where it was found, for an event that names none
 * @param given.eventId as LookupEvents says it beside the text
 */
export function readTrailEvent(text: string, given: { region?: string; eventId?: string } = {}): TrailReading {
  let eventId = given.eventId ?? null;
  let at: Date | null = null;
  try {
    const event = LooseObject.of(parsed(text));
    if (event === null) throw new UnreadableEvent('it is no JSON object');
    eventId = event.text('eventID') ?? eventId;
    at = readTrailTimestamp(event.get('eventTime'));
    const operation = event.text('eventName');
    const source = event.text('eventSource');
    if (operation === null || source === null) throw new UnreadableEvent('eventName or eventSource is missing');
    if (!SOURCES.has(source.toLowerCase()) || !OPERATIONS.includes(operation)) return { kind: 'other' };
    if (event.object('requestParameters')?.get('dryRun') === true) return { kind: 'other' };
    return { kind: 'call', call: callOf(event, operation as MeteringOperation, { ...given, eventId, at }) };
  } catch (error) {
    // Stryker disable next-line ConditionalExpression: nothing else is thrown while this file has no fault.
    if (!(error instanceof UnreadableEvent)) throw error;
    return { kind: 'unreadable', eventId, at, why: error.message };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableEvent('it is no JSON');
  }
}

function callOf(
  event: LooseObject,
  operation: MeteringOperation,
  given: { region?: string; eventId: string | null; at: Date | null },
): TrailCall {
  const { eventId, at } = given;
  if (eventId === null) throw new UnreadableEvent('eventID is missing');
  if (at === null) throw new UnreadableEvent('eventTime is no instant');
  const region = event.text('awsRegion') ?? given.region;
  if (region === undefined) throw new UnreadableEvent('awsRegion is missing');
  const request = event.object('requestParameters');
  const response = event.object('responseElements');
  const errorCode = errorCodeOf(event, response);
  const contents = operation === 'BatchMeterUsage' ? batchOf : singleOf;
  return {
    ...{ eventId, operation, at, region, errorCode },
    accountId: event.text('recipientAccountId') ?? event.object('userIdentity')?.text('accountId') ?? null,
    requestId: event.text('requestID'),
    // Stryker disable next-line StringLiteral: it names no attempt either.
    attemptId: attemptIdOf(event.text('userAgent') ?? ''),
    productCode: request?.text('productCode') ?? null,
    ...contents(event, request, response, errorCode),
  };
}

/** Services put an error beside the answer or inside of it [record contents]. A name may have a namespace before it. */
function errorCodeOf(event: LooseObject, response: LooseObject | null): string | null {
  const inside =
    response === null || response.get('results') !== undefined
      ? null
      : (response.text('errorCode') ??
        response.text('__type') ??
        response.object('error')?.text('code') ??
        response.text('error') ??
        response.text('code'));
  const code = event.text('errorCode') ?? inside;
  return code === null ? null : code.slice(code.lastIndexOf('#') + 1);
}

type Contents = Pick<TrailCall, 'content' | 'entries'>;

function batchOf(
  _event: LooseObject,
  request: LooseObject | null,
  response: LooseObject | null,
  errorCode: string | null,
): Contents {
  const asked = request?.objects('usageRecords') ?? null;
  if (errorCode !== null)
    return { content: asked === null ? 'omitted' : 'read', entries: (asked ?? []).map((one) => entryOf(one, 'error')) };
  const results = response?.objects('results') ?? null;
  // A call took place: which records it had may still be known, what became of them is not.
  if (results === null) return { content: 'omitted', entries: (asked ?? []).map((one) => entryOf(one, 'omitted')) };
  const answered = results.map((result) => {
    const record = result.object('usageRecord');
    if (record === null) throw new UnreadableEvent('a result has no usageRecord');
    return entryOf(record, result.text('status') ?? 'missing', result.text('meteringRecordId'));
  });
  // Stryker disable next-line OptionalChaining: it has results.
  const unprocessed = (response?.objects('unprocessedRecords') ?? []).map((one) => entryOf(one, 'unprocessed'));
  const told = new Set([...answered, ...unprocessed].map(keyOf));
  const missing = (asked ?? []).map((one) => entryOf(one, 'missing')).filter((entry) => !told.has(keyOf(entry)));
  return { content: 'read', entries: [...answered, ...unprocessed, ...missing] };
}

function singleOf(
  event: LooseObject,
  request: LooseObject | null,
  response: LooseObject | null,
  errorCode: string | null,
): Contents {
  const meteringRecordId = response?.text('meteringRecordId') ?? null;
  const answer = errorCode !== null ? 'error' : meteringRecordId === null ? 'omitted' : 'Success';
  if (!request?.text('usageDimension')) return { content: 'omitted', entries: [] };
  const entry = entryOf(request, answer, meteringRecordId, resourceOf(event));
  return { content: answer === 'omitted' ? 'omitted' : 'read', entries: [entry] };
}

function entryOf(
  record: LooseObject,
  answer: TrailAnswer,
  meteringRecordId: string | null = null,
  resource: string | null = null,
): TrailEntry {
  const timestamp = readTrailTimestamp(record.get('timestamp'));
  if (timestamp === null) throw new UnreadableEvent('the timestamp of a record is no instant');
  const dimension = record.text('dimension') ?? record.text('usageDimension');
  if (dimension === null) throw new UnreadableEvent('a record has no dimension');
  const license = record.text('licenseArn');
  return {
    names: {
      licenseId: license && licenseIdOf(license),
      customerAwsAccountId: record.text('customerAWSAccountId'),
      customerIdentifier: record.text('customerIdentifier'),
      resource,
    },
    dimension,
    hour: hourOf(timestamp),
    quantity: quantityOf(record),
    answer,
    meteringRecordId,
  };
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** 0 where the caller gave none [BOTO]. */
function quantityOf(record: LooseObject): number {
  const given = record.get('quantity') ?? record.get('usageQuantity') ?? 0;
  const quantity = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
  if (!isWhole(quantity)) throw new UnreadableEvent('the quantity of a record is no whole number');
  return quantity;
}

/** The session of the role that signed: `arn:aws:sts::…:assumed-role/<role>/<session>`. */
function resourceOf(event: LooseObject): string | null {
  const identity = event.object('userIdentity');
  const session = identity?.text('arn')?.match(/:assumed-role\/[^/]+\/(.+)/)?.[1];
  return session ?? identity?.text('principalId')?.match(/:(.+)/)?.[1] ?? null;
}

function keyOf({ names, dimension, hour }: TrailEntry): string {
  const { licenseId, customerAwsAccountId, customerIdentifier } = names;
  return JSON.stringify([licenseId ?? customerIdentifier ?? customerAwsAccountId, dimension, hour.getTime()]);
}
