import { Readable } from 'node:stream';

/** What Express and Fastify requests have in common, as far as bodies go. Fastify keeps Node's request in `raw`. */
export interface IncomingBody {
  headers: Record<string, string | string[] | undefined>;
  body?: unknown;
  rawBody?: unknown;
  raw?: Readable;
}

/** `tooLarge`: beyond the bound. `unreadable`: multipart, compressed, or a client that left in the middle. */
export class RequestBodyError extends Error {
  constructor(readonly fault: 'tooLarge' | 'unreadable') {
    super(`the body of the request is ${fault === 'tooLarge' ? 'too large' : 'not readable'}`);
    this.name = 'RequestBodyError';
  }
}

/** A request of Node's, whose body has not been read. */
type UnreadRequest = Readable & { headers: IncomingBody['headers'] };

/** What was read before the host's parsers, by Node's request. */
const readings = new WeakMap<object, Buffer | RequestBodyError>();

/**
 * Reads a body before the host's parsers do, up to its bound, and keeps it for `bodyOf`. Never throws: what is wrong
 * comes out there.
 * @param payload where what was sent is to be read; a host's hook may have put another stream in its place
 * @returns the body again, for parsers that insist on a stream
 */
export async function readBody(
  request: UnreadRequest,
  bytesMax: number,
  payload: Readable = request,
): Promise<Readable> {
  const { headers } = request;
  // Multipart and compressed bodies are nothing that AWS sends, and nothing that is read here.
  const isOdd = isMultipart(headers) || !/^(?:|identity)$/.test(headerOf({ headers }, 'content-encoding'));
  const read = isOdd ? new RequestBodyError('unreadable') : await readWithin(payload, headers, bytesMax);
  if (read !== undefined) readings.set(request, read);
  const bytes = read instanceof Buffer ? read : Buffer.alloc(0);
  if (read instanceof RequestBodyError) {
    // To whoever comes after, it has no body: a parser would wait for the rest of it.
    for (const name of ['content-length', 'transfer-encoding', 'content-type']) Reflect.deleteProperty(headers, name);
  }
  const again = Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
  const { receivedEncodedLength = bytes.length } = payload as { receivedEncodedLength?: number };
  return Object.assign(again, { receivedEncodedLength });
}

async function readWithin(
  payload: Readable,
  headers: IncomingBody['headers'],
  bytesMax: number,
): Promise<Buffer | RequestBodyError | undefined> {
  try {
    if (Number(headerOf({ headers }, 'content-length')) > bytesMax) throw new RequestBodyError('tooLarge');
    return await read(payload, bytesMax);
  } catch (error) {
    if (error instanceof RequestBodyError) return error;
    throw error;
  }
}

/**
 * The body as it was sent, where it was read before the host's parsers; else as those left it, or read here where they
 * left it alone.
 * @throws RequestBodyError
 */
export async function bodyOf(request: IncomingBody, bytesMax: number): Promise<unknown> {
  const known = readings.get(request.raw ?? request);
  if (known instanceof RequestBodyError) throw known;
  if (known !== undefined) return known.length === 0 ? undefined : known;
  if (Number(headerOf(request, 'content-length')) > bytesMax) throw new RequestBodyError('tooLarge');
  if (request.body !== undefined && request.body !== null) {
    if (!isWithin(request.body, bytesMax)) throw new RequestBodyError('tooLarge');
    return request.body;
  }
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  if (isMultipart(request.headers)) throw new RequestBodyError('unreadable');
  return read(request.raw ?? (request as unknown as Readable), bytesMax);
}

/** First value of a header, in lower case; '' where there is none. */
export function headerOf({ headers }: Pick<IncomingBody, 'headers'>, name: string): string {
  const value = headers[name];
  return (typeof value === 'string' ? value : (value?.[0] ?? '')).toLowerCase();
}

function isMultipart(headers: IncomingBody['headers']): boolean {
  return headerOf({ headers }, 'content-type').startsWith('multipart/');
}

/**
 * Whether a body that the host has parsed was no larger than the bound, as nearly as can be told: each key and each text
 * counts, and the look ends where the bound is passed.
 */
function isWithin(body: unknown, bytesMax: number): boolean {
  if (body instanceof Uint8Array) return body.length <= bytesMax;
  let left = bytesMax;
  const waiting: unknown[] = [body];
  while (waiting.length > 0 && left >= 0) {
    const part = waiting.pop();
    left -= typeof part === 'string' ? part.length : 1;
    if (typeof part !== 'object' || part === null) continue;
    for (const key in part) {
      left -= key.length;
      if (left < 0) break;
      waiting.push((part as Record<string, unknown>)[key]);
    }
  }
  return left >= 0;
}

async function read(stream: Readable, bytesMax: number): Promise<Buffer | undefined> {
  if (stream.readableEnded || stream.destroyed) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak);
    };
    const onData = (chunk: Buffer | string): void => {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      chunks.push(bytes);
      if (length <= bytesMax) return;
      finish();
      // No more of it is read: the answer closes the connection.
      stream.pause();
      reject(new RequestBodyError('tooLarge'));
    };
    const onEnd = (): void => {
      finish();
      resolve(Buffer.concat(chunks));
    };
    const onBreak = (): void => {
      finish();
      reject(new RequestBodyError('unreadable'));
    };
    stream.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
  });
}
