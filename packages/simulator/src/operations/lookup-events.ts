import { type ApiHandler, type Caller, type OperationCall } from '../wire/api-handler.js';
import { type CallLog } from '../wire/call-log.js';
import { InputReader } from '../wire/input-reader.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';
import { type TrailEvent, trailEventOf } from './trail-event.js';

const pageMax = 50;
const keptMs = 90 * 24 * 3_600_000;

/** An Event on the wire [SDK-CT]. */
export interface EventShape {
  EventId: string;
  EventName: string;
  ReadOnly: string;
  AccessKeyId: string;
  /** Epoch seconds. */
  EventTime: number;
  EventSource: string;
  Username: string;
  Resources: readonly never[];
  /** The whole record, as JSON text. */
  CloudTrailEvent: string;
}

export interface LookupEventsOutput {
  Events: EventShape[];
  NextToken?: string;
}

const attributeKeys = [
  'EventId',
  'EventName',
  'ReadOnly',
  'Username',
  'ResourceType',
  'ResourceName',
  'EventSource',
  'AccessKeyId',
] as const;

interface Attribute {
  readonly key: (typeof attributeKeys)[number];
  readonly value: string;
}

/**
 * CloudTrail's LookupEvents over the calls of the metering service: the caller's own account, one region, the last 90
 * days, newest first [SDK-CT].
 */
export class LookupEvents implements ApiHandler {
  constructor(
    private readonly log: CallLog,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute({ input, caller, region, now }: OperationCall): LookupEventsOutput {
    const attribute = readAttribute(input);
    const range = readRange(input);
    const pageSize =
      withError(input, 'InvalidMaxResultsException').integer('MaxResults', { min: 1, max: pageMax }) ?? pageMax;
    const category = input.text('EventCategory');
    if (category !== undefined && category !== 'insight')
      throw new ServiceError('InvalidEventCategoryException', `There is no category ${category}.`);
    const query = JSON.stringify([attribute, range, category]);
    const after = readToken(input.text('NextToken'), query);
    const events = category === 'insight' ? [] : this.#events(caller, region, now.getTime(), attribute, range);
    // By event, not by number: new events come in at the front between two pages.
    const start = after === undefined ? 0 : events.findIndex(({ eventId }) => eventId === after) + 1;
    const page = events.slice(start, start + pageSize);
    const last = page.at(-1);
    const more = last !== undefined && start + pageSize < events.length;
    return { Events: page.map(shapeOf), ...(more && { NextToken: writeToken(last.eventId, query) }) };
  }

  #events(caller: Caller, region: string, now: number, attribute: Attribute | undefined, range: Range): TrailEvent[] {
    const from = Math.max(range.from, now - keptMs);
    const to = Math.min(range.to, now - this.switches.cloudTrailDelayMs);
    return this.log
      .calls()
      .reverse()
      .filter(({ at }) => at.getTime() >= from && at.getTime() <= to)
      .map((call) => trailEventOf(call, this.switches))
      .filter((event) => event !== undefined)
      .filter(
        (event) =>
          event.accountId === caller.accountId && event.region === region && (!attribute || matches(event, attribute)),
      )
      .sort((a, b) => b.time.getTime() - a.time.getTime());
  }
}

/** Epoch milliseconds, both inclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

function readAttribute(input: InputReader): Attribute | undefined {
  const reader = withError(input, 'InvalidLookupAttributesException');
  const [first] = reader.list('LookupAttributes', { min: 0, max: 1 }) ?? [];
  if (!first) return undefined;
  const name = first.required('AttributeKey', first.text('AttributeKey'));
  const value = first.required('AttributeValue', first.text('AttributeValue', { min: 1, max: 2000 }));
  const key = attributeKeys.find((known) => known === name);
  if (key === undefined)
    throw first.violation('AttributeKey', `must satisfy enum value set: [${attributeKeys.join(', ')}]`);
  return { key, value };
}

function readRange(input: InputReader): Range {
  const from = input.timestamp('StartTime') ?? 0;
  const to = input.timestamp('EndTime') ?? Number.MAX_SAFE_INTEGER;
  if (from > to) throw new ServiceError('InvalidTimeRangeException', 'The start time lies after the end time.');
  return { from, to };
}

function withError(input: InputReader, name: string): InputReader {
  return new InputReader(input.object, '', name);
}

function matches(event: TrailEvent, { key, value }: Attribute): boolean {
  switch (key) {
    case 'EventId':
      return event.eventId === value;
    case 'EventName':
      return event.eventName === value;
    case 'EventSource':
      return event.eventSource === value;
    case 'AccessKeyId':
      return event.accessKeyId === value;
    case 'Username':
      return event.userName === value;
    case 'ReadOnly':
      return value === 'false';
    case 'ResourceType':
    case 'ResourceName':
      return false;
  }
}

function shapeOf(event: TrailEvent): EventShape {
  return {
    EventId: event.eventId,
    EventName: event.eventName,
    ReadOnly: 'false',
    AccessKeyId: event.accessKeyId,
    EventTime: event.time.getTime() / 1000,
    EventSource: event.eventSource,
    Username: event.userName,
    Resources: [],
    CloudTrailEvent: event.record,
  };
}

/** A token goes with the parameters it was made for. */
function writeToken(eventId: string, query: string): string {
  return Buffer.from(JSON.stringify([eventId, query])).toString('base64');
}

function readToken(token: string | undefined, query: string): string | undefined {
  if (token === undefined) return undefined;
  try {
    const [eventId, ofQuery] = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
    if (typeof eventId === 'string' && ofQuery === query) return eventId;
  } catch {
    // Not one of ours: refused below.
  }
  throw new ServiceError('InvalidNextTokenException', 'The token is not valid for these parameters.');
}
