import { type Readable } from 'node:stream';

/** What Express and Fastify requests have in common, as far as bodies go. Fastify keeps Node's request in `raw`. */
export interface IncomingBody {
  headers: Record<string, string | string[] | undefined>;
  body?: unknown;
  rawBody?: unknown;
  raw?: Readable;
}

/** `tooLarge`: beyond the bound. `unreadable`: multipart, or a client that left in the middle. */
export class RequestBodyError extends Error {
  constructor(readonly fault: 'tooLarge' | 'unreadable') {
    super(`the body of the request is ${fault === 'tooLarge' ? 'too large' : 'not readable'}`);
    this.name = 'RequestBodyError';
  }
}

/**
 * The body as the host's parsers left it, or read here where they left it alone (`bodyParser: false`, a content type
 * that they do not know).
 * @throws RequestBodyError
 */
export async function bodyOf(request: IncomingBody, bytesMax: number): Promise<unknown> {
  if (Number(headerOf(request, 'content-length')) > bytesMax) {
    streamOf(request).resume();
    throw new RequestBodyError('tooLarge');
  }
  if (request.body !== undefined && request.body !== null) {
    if (byteLengthOf(request.body) > bytesMax) throw new RequestBodyError('tooLarge');
    return request.body;
  }
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  // Multipart is nothing that AWS sends, and nothing that is read here.
  if (headerOf(request, 'content-type').startsWith('multipart/')) throw new RequestBodyError('unreadable');
  return read(streamOf(request), bytesMax);
}

/** First value of a header, in lower case; '' where there is none. */
export function headerOf(request: IncomingBody, name: string): string {
  const value = request.headers[name];
  return (typeof value === 'string' ? value : (value?.[0] ?? '')).toLowerCase();
}

function byteLengthOf(body: unknown): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : 0;
}

function streamOf(request: IncomingBody): Readable {
  return request.raw ?? (request as unknown as Readable);
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
      // What is left is read and dropped: a client that is still sending would not see the answer.
      stream.resume();
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
