import { type ITag } from 'cbor2';
import { type ApiService } from './api-operation.js';
import { InputReader, type JsonObject } from './input-reader.js';
import { ServiceError } from './service-error.js';

/**
 * How requests and answers stand in HTTP bodies. Inside the simulator both are plain objects with timestamps in epoch
 * seconds.
 */
export interface WireCodec {
  readonly contentType: string;
  /** Headers that every answer carries besides its content type. */
  readonly headers: Readonly<Record<string, string>>;
  read(body: Buffer): JsonObject;
  write(answer: object): Buffer;
}

export function jsonCodec(version: ApiService['jsonVersion']): WireCodec {
  return {
    contentType: `application/x-amz-json-${version}`,
    headers: {},
    read: (body) => readStructure(() => JSON.parse(body.toString('utf8')) as unknown, 'JSON'),
    write: (answer) => Buffer.from(JSON.stringify(answer)),
  };
}

const epochTag = 1;
/** Members that the models declare as timestamps: to CBOR, unlike JSON, they are not numbers. */
const timestampMembers = new Set([
  ...['Timestamp', 'ExpirationDate', 'PublicKeyRotationTimestamp', 'EventTime'],
  ...['acceptanceTime', 'startTime', 'endTime'],
]);

/**
 * smithy-rpc-v2-cbor. Loaded when it is first asked for: few calls come in it, and the library would be a third of what
 * a start loads.
 */
export async function cborCodec(): Promise<WireCodec> {
  const { decode, encode, Tag } = await import('cbor2');
  const tags = new Map([[epochTag, (tag: ITag): unknown => tag.contents]]);
  const stamped = (seconds: number): unknown => new Tag(epochTag, seconds);
  return {
    contentType: 'application/cbor',
    headers: { 'smithy-protocol': 'rpc-v2-cbor' },
    read: (body) => readStructure(() => (body.length === 0 ? {} : decode(body, { tags })), 'CBOR'),
    write: (answer) => Buffer.from(encode(withTimestamps(answer, stamped))),
  };
}

function readStructure(read: () => unknown, format: string): JsonObject {
  let value: unknown;
  try {
    value = read();
  } catch {
    throw new ServiceError('SerializationException', `The request body is not ${format}.`);
  }
  return InputReader.of(value, '', '').object;
}

function withTimestamps(value: unknown, stamped: (seconds: number) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withTimestamps(item, stamped));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([name, member]) => {
      const isTimestamp = timestampMembers.has(name) && typeof member === 'number';
      return [name, isTimestamp ? stamped(member) : withTimestamps(member, stamped)];
    }),
  );
}
