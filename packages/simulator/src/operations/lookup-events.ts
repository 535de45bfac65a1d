import { type ApiHandler, type Caller, type OperationCall } from '../wire/api-handler.js';
import { InputReader } from '../wire/input-reader.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';
import { type Trail } from '../trail/trail.js';
import { type TrailEvent } from '../trail/trail-event.js';

const pageMax = 50;
const keptMs = 90 * 24 * 3_600_000;
/** The end of the year 9999, in epoch milliseconds. */
const latest = Date.UTC(10_000, 0);

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
    private readonly trail: Trail,
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
    const after = this.#position(input.text('NextToken'), query, now);
    const events = category === 'insight' ? [] : this.#events(caller, region, now, attribute, range);
    const start = after ? startAfter(events, after) : 0;
    const end = start + Math.min(pageSize, this.switches.cloudTrailPageMax);
    const page = events.slice(start, end);
    const last = page.at(-1);
    const more = last !== undefined && end < events.length;
    return { Events: page.map(shapeOf), ...(more && { NextToken: this.#token(last, query, now) }) };
  }

  /** Newest first. */
  #events(
    { accountId }: Caller,
    region: string,
    now: Date,
    attribute: Attribute | undefined,
    { from, to }: Range,
  ): TrailEvent[] {
    const scope = { accountId, region, from: new Date(Math.max(from, now.getTime() - keptMs)), to: new Date(to + 1) };
    const shown = this.trail.shown(scope, now).reverse();
    return attribute ? shown.filter((event) => matches(event, attribute)) : shown;
  }

  /** A token goes with the parameters it was made for. */
  #token({ eventId, time }: TrailEvent, query: string, now: Date): string {
    const content = [eventId, time.getTime(), query, now.getTime(), this.trail.tokens];
    return Buffer.from(JSON.stringify(content)).toString('base64');
  }

  #position(token: string | undefined, query: string, now: Date): Position | undefined {
    if (token === undefined) return undefined;
    try {
      const content = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
      const [eventId, time, ofQuery, issuedAt, tokens] = content;
      const fresh = now.getTime() - Number(issuedAt) <= this.switches.cloudTrailTokenLifetimeMs;
      if (ofQuery === query && tokens === this.trail.tokens && fresh)
        return { eventId: String(eventId), time: Number(time) };
    } catch {
      // Not one of ours: refused below.
    }
    throw new ServiceError('InvalidNextTokenException', 'The token is not valid for these parameters.');
  }
}

/** The last event of the page before. */
interface Position {
  readonly eventId: string;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** By event, not by number: new ones come in at the front between two pages. One that is lost by then had its time. */
function startAfter(events: readonly TrailEvent[], { eventId, time }: Position): number {
  const index = events.findIndex((event) => event.eventId === eventId);
  if (index !== -1) return index + 1;
  const older = events.findIndex((event) => event.time.getTime() < time);
  return older === -1 ? events.length : older;
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
  const to = input.timestamp('EndTime') ?? latest;
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
    CloudTrailEvent: event.record(),
  };
}
