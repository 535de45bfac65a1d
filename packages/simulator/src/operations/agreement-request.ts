import { type OperationCall } from '../wire/api-handler.js';
import { InputReader } from '../wire/input-reader.js';
import { ServiceError } from '../wire/service-error.js';

const pageMax = 50;

/** The request, read by the Agreement API's own model: it lists an error for violated constraints [SDK-A]. */
export function agreementInput({ input }: OperationCall): InputReader {
  return new InputReader(input.object, '', 'ValidationException');
}

/** The page of `items` that `maxResults` and `nextToken` ask for. A token belongs to its `query`. */
export function agreementPage<T>(
  input: InputReader,
  items: readonly T[],
  query: unknown,
): { page: T[]; nextToken?: string } {
  const size = input.integer('maxResults', { min: 1, max: pageMax }) ?? pageMax;
  const token = input.text('nextToken', { max: 8192, pattern: /^[a-zA-Z0-9+/=_-]+$/ });
  const begin = token === undefined ? 0 : offsetOf(token, query);
  const end = begin + size;
  const next = Buffer.from(JSON.stringify([end, query])).toString('base64');
  return { page: items.slice(begin, end), ...(end < items.length && { nextToken: next }) };
}

function offsetOf(token: string, query: unknown): number {
  try {
    const [offset, ofQuery] = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
    if (typeof offset === 'number' && JSON.stringify(ofQuery) === JSON.stringify(query)) return offset;
  } catch {
    // Not one of ours: refused below.
  }
  throw new ServiceError('ValidationException', 'The nextToken is not valid for this request.');
}
