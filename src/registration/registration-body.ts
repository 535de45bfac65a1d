import { type Readable } from 'node:stream';
import { RegistrationRefusedError } from './registration-refusal.js';

export const BODY_BYTES_MAX = 64 * 1024;

/** What Express and Fastify requests have in common, as far as bodies go. Fastify keeps Node's request in `raw`. */
export interface IncomingForm {
  headers: Record<string, string | string[] | undefined>;
  body?: unknown;
  rawBody?: unknown;
  raw?: Readable;
}

/**
 * The body as the host's parsers left it, or read here where they left it alone (`bodyParser: false`, another content type).
 * @throws RegistrationRefusedError `BODY_TOO_LARGE`, `BODY_INVALID`
 */
export async function bodyOf(request: IncomingForm): Promise<unknown> {
  if (Number(headerOf(request, 'content-length')) > BODY_BYTES_MAX) throw tooLarge(request);
  if (request.body !== undefined && request.body !== null) {
    if (typeof request.body === 'string' || request.body instanceof Uint8Array) refuseLong(request.body.length);
    return request.body;
  }
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  // Multipart is nothing that AWS sends, and nothing that is read here.
  if (headerOf(request, 'content-type').startsWith('multipart/')) throw new RegistrationRefusedError('BODY_INVALID');
  return read(streamOf(request));
}

export function headerOf(request: IncomingForm, name: string): string {
  const value = request.headers[name];
  return (typeof value === 'string' ? value : (value?.[0] ?? '')).toLowerCase();
}

function streamOf(request: IncomingForm): Readable {
  return request.raw ?? (request as unknown as Readable);
}

async function read(stream: Readable): Promise<Buffer | undefined> {
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
      if (length <= BODY_BYTES_MAX) return;
      finish();
      // What is left is read and dropped: a client that is still sending would not see the answer.
      stream.resume();
      reject(new RegistrationRefusedError('BODY_TOO_LARGE'));
    };
    const onEnd = (): void => {
      finish();
      resolve(Buffer.concat(chunks));
    };
    const onBreak = (): void => {
      finish();
      reject(new RegistrationRefusedError('BODY_INVALID'));
    };
    stream.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
  });
}

function refuseLong(length: number): void {
  if (length > BODY_BYTES_MAX) throw new RegistrationRefusedError('BODY_TOO_LARGE');
}

function tooLarge(request: IncomingForm): RegistrationRefusedError {
  streamOf(request).resume();
  return new RegistrationRefusedError('BODY_TOO_LARGE');
}
