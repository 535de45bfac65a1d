import { type IncomingHttpHeaders } from 'node:http';
import { apiOperations, type ApiService, type Operation, operations } from './api-operation.js';
import { cborCodec, jsonCodec, type WireCodec } from './wire-codec.js';

/** What a request asks for, and in which protocol. */
export interface CallRoute {
  /** The operation, or undefined when there is none of that name. */
  readonly operation: Operation | undefined;
  /** The name as sent, for the log. */
  readonly asked: string;
  readonly service: ApiService | undefined;
  readonly codec: WireCodec;
  /** HTTP status for an operation that does not exist. */
  readonly unknownStatus: number;
}

/** AWS JSON names the operation in `X-Amz-Target`, whatever the path; RPC v2 in the last four segments of the path. */
export async function routeOf(headers: IncomingHttpHeaders, path: string): Promise<CallRoute> {
  const target = headers['smithy-protocol'] === 'rpc-v2-cbor' ? pathTarget(path) : headerText(headers['x-amz-target']);
  const operation = operations.find((name) =>
    namesOf(apiOperations[name].service).some((service) => target === `${service}.${name}`),
  );
  const service = operation && apiOperations[operation].service;
  const known = { operation, asked: operation ?? target, service };
  if (headers['smithy-protocol'] === 'rpc-v2-cbor') return { ...known, codec: await cborCodec(), unknownStatus: 404 };
  return { ...known, codec: jsonCodec(service?.jsonVersion ?? '1.1'), unknownStatus: 400 };
}

export function headerText(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}

function pathTarget(path: string): string {
  const [, service, operation] = /\/service\/([^/]+)\/operation\/([^/?]+)\/?(?:\?.*)?$/.exec(path) ?? [];
  return service === undefined || operation === undefined ? path : `${service}.${operation}`;
}

function namesOf({ name, aliases = [] }: ApiService): string[] {
  return [name, ...aliases];
}
