import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RecordSplitter } from './record-splitter.js';

/** What the name of a file tells. */
export type TrailFileName =
  | { kind: 'log'; accountId: string; region: string; deliveredAt: Date }
  /** A digest, an insight, or nothing of a trail's. */
  | { kind: 'other' };

/** `<account>_CloudTrail_<region>_<YYYYMMDDTHHMMZ>_<unique>.json.gz`, also in an organisation's trail [user guide]. */
const LOG = /^(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})Z_[^.]+\.json(?:\.gz)?$/i;

export function trailFileNameOf(file: string): TrailFileName {
  const [, accountId, region, year, month, day, hour, minute] = LOG.exec(path.basename(file)) ?? [];
  if (accountId === undefined || region === undefined) return { kind: 'other' };
  const [y, m, d, h, min] = [year, month, day, hour, minute].map(Number) as [number, number, number, number, number];
  return { kind: 'log', accountId, region, deliveredAt: new Date(Date.UTC(y, m - 1, d, h, min)) };
}

/**
 * The text of each record in a file, one at a time.
 * @throws where it cannot be read to its end: the message says why
 */
export async function* recordsIn(file: string): AsyncGenerator<string> {
  const splitter = new RecordSplitter();
  for await (const chunk of bytesOf(file)) yield* splitter.push(chunk);
  splitter.end();
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  const bytes = createReadStream(file);
  if (!file.endsWith('.gz')) return bytes as AsyncIterable<Buffer>;
  // What goes wrong on the way is thrown by the last stream, where it is read.
  return pipeline(bytes, createGunzip(), () => undefined) as AsyncIterable<Buffer>;
}
