import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

// A trail's folder as big as they come: 10,000 files, and one of 50 MB unpacked. What is done with an event stands
// in test/cases/audit-log.spec.ts; here each is read, and none is kept.

const FILES = 10_000;
const UNPACKED_BYTES = 50_000_000;
const event = (id: string, padding = 0): string =>
  JSON.stringify({
    ...{ eventVersion: '1.08', eventName: 'BatchMeterUsage', eventSource: 'metering-marketplace.amazonaws.com' },
    ...{ eventTime: '2026-11-11T11:00:00Z', awsRegion: 'us-east-1', eventID: id, recipientAccountId: '123456789012' },
    requestParameters: { usageRecords: [], more: 'é'.repeat(padding) },
    responseElements: { results: [] },
  });

function* bigFile(): Generator<string> {
  yield '{"Records":[';
  for (let bytes = 0, index = 0; bytes < UNPACKED_BYTES; index += 1) {
    const text = event(`big-${index}`, 1000 + (index % 7) * 500);
    bytes += Buffer.byteLength(text);
    yield `${index === 0 ? '' : ','}${text}`;
  }
  yield ']}';
}

describe('K39 a big folder', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'big-trail-'));
    const nameOf = (index: number): string =>
      `123456789012_CloudTrail_us-east-1_20261111T1100Z_${String(index).padStart(16, '0')}.json.gz`;
    await pipeline(Readable.from(bigFile()), createGzip({ level: 1 }), createWriteStream(path.join(folder, nameOf(0))));
    for (let index = 1; index < FILES; index += 1) {
      const day = path.join(folder, String(index % 30));
      if (index <= 30) await mkdir(day);
      await writeFile(path.join(day, nameOf(index)), gzipSync(`{"Records":[${event(`small-${index}`)}]}`));
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is streamed: memory grows by less than 100 MB', () => {
    const script = `
      import { filesIn } from './src/audit/trail-folder.ts';
      import { recordsIn } from './src/audit/trail-file.ts';
      import { readTrailEvent } from './src/audit/trail-event.ts';
      const start = process.memoryUsage.rss();
      let [files, events, most] = [0, 0, start];
      for await (const file of filesIn(${JSON.stringify(folder)})) {
        files += 1;
        for await (const text of recordsIn(file)) {
          if (readTrailEvent(text).kind === 'call') events += 1;
          if (events % 100 === 0) most = Math.max(most, process.memoryUsage.rss());
        }
      }
      console.log(JSON.stringify({ files, events, grownMb: Math.round((most - start) / 1e6) }));`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', './test/support/typescript.mjs', '--input-type=module', '--eval', script],
      { encoding: 'utf8' },
    );
    const result = JSON.parse(stdout || JSON.stringify({ stderr })) as {
      files: number;
      events: number;
      grownMb: number;
    };
    expect(result).toMatchObject({ files: FILES });
    expect(result.events).toBeGreaterThan(FILES + 5000);
    expect(result.grownMb).toBeLessThan(100);
  });
});
