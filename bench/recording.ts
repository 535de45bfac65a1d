/**
 * Ways of recording, side by side: `npm run bench:recording`. Each round runs every way once, in turn, so that a noisy
 * moment hits them all; what counts are the ratios of the lower medians of the rounds: a lone caller against a bare
 * INSERT into the same table, many events against COPY into the same tables, both with the trigger that queues usage.
 * DATABASE_URL names a server to use (a database is created and dropped); without it an embedded one is started.
 */
import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import { type RecordResult, type UsageEvent } from '../src/metering/recording/usage-event.js';
import { ClockGuard } from '../src/database/clock-guard.js';
import { UsageRecorder } from '../src/metering/recording/usage-recorder.js';
import { SubjectDirectory } from '../src/subscription/chain/subject-directory.js';
import { type BenchLedger, copyLines, keyedId, lowerMedian, onBenchLedger } from './bench-ledger.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const SLICE_MS = Number(process.env.BENCH_SLICE_MS ?? 700);
const TENANTS = 200;

interface Way {
  name: string;
  rival: Way | null;
  /** Records until `deadline` (monotonic) and says how many events it was. */
  run(deadline: number, callMs: number[]): Promise<number>;
}

/** What one slice of a way came to. */
interface Slice {
  eventsPerSecond: number;
  p50: number;
  p99: number;
}

await onBenchLedger('recording', TENANTS, bench);

async function bench(ledger: BenchLedger): Promise<void> {
  const { client, options, tenants, subjects, dimension } = ledger;
  const recorder = new UsageRecorder(
    options,
    ledger.ledger,
    new SubjectDirectory(options, ledger.ledger, ledger.catalog),
    ledger.catalog,
    new ClockGuard(ledger.ledger, options),
  );
  const pick = (): number => Math.floor(Math.random() * TENANTS);
  const key = (): string => randomBytes(18).toString('base64url');
  const event = (keyed: boolean): UsageEvent => ({
    tenantId: tenants[pick()] ?? '',
    dimension: 'requests',
    quantity: 1,
    ...(keyed ? { idempotencyKey: key() } : {}),
  });
  const row = (keyed: boolean): (string | number | null)[] => [
    keyed ? keyedId() : uuidv7(),
    new Date().toISOString(),
    subjects[pick()] ?? 0,
    dimension,
    '1',
    keyed ? key() : null,
  ];

  const ways: Way[] = [];
  const add = (name: string, rival: Way | null, run: Way['run']): Way => {
    const way = { name, rival, run };
    ways.push(way);
    return way;
  };
  const oneByOne = (name: string, rival: Way | null, record: () => Promise<unknown>): Way =>
    add(name, rival, async (deadline, callMs) => {
      let events = 0;
      for (; performance.now() < deadline; events += 1) await timed(callMs, record);
      return events;
    });
  const copy = (keyed: boolean): Way =>
    add(`COPY, 1,000 rows${suffix(keyed)}`, null, async (deadline, callMs) => {
      let events = 0;
      for (; performance.now() < deadline; events += 1000) {
        const lines = Array.from({ length: 1000 }, () =>
          [...row(keyed), null].map((value) => value ?? '\\N').join('\t'),
        );
        await timed(callMs, () => copyLines(client, 'marketplace.usage_event', lines));
      }
      return events;
    });
  const gathered = (callers: number, keyed: boolean, rival: Way): Way =>
    add(`record(event), ${callers} callers${suffix(keyed)}`, rival, async (deadline, callMs) => {
      let events = 0;
      const caller = async (): Promise<void> => {
        for (; performance.now() < deadline; events += 1) await timed(callMs, () => recorder.record(event(keyed)));
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return events;
    });
  const arrays = (callers: number, keyed: boolean, rival: Way): Way =>
    add(
      `record(1,000 events), ${callers} caller${callers === 1 ? '' : 's'}${suffix(keyed)}`,
      rival,
      async (deadline, callMs) => {
        let events = 0;
        const caller = async (): Promise<void> => {
          for (; performance.now() < deadline; events += 1000) {
            await timed(callMs, (): Promise<RecordResult[]> =>
              recorder.record(Array.from({ length: 1000 }, () => event(keyed))),
            );
          }
        };
        await Promise.all(Array.from({ length: callers }, caller));
        return events;
      },
    );

  const INSERT = `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity, key)
    VALUES ($1, $2, $3, $4, $5, $6)`;
  const bare = oneByOne('bare INSERT, one by one, keyed', null, () => client.query(INSERT, row(true)));
  oneByOne('record(event), one caller, keyed', bare, () => recorder.record(event(true)));
  const bareUnkeyed = oneByOne('bare INSERT, one by one', null, () => client.query(INSERT, row(false)));
  oneByOne('record(event), one caller', bareUnkeyed, () => recorder.record(event(false)));
  for (const keyed of [true, false]) {
    const rival = copy(keyed);
    for (const callers of [64, 256, 1024]) gathered(callers, keyed, rival);
    for (const callers of [1, 4]) arrays(callers, keyed, rival);
  }

  const slices = new Map(ways.map((way) => [way, [] as Slice[]]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const way of ways) {
      const callMs: number[] = [];
      const started = performance.now();
      const events = await way.run(started + SLICE_MS, callMs);
      const eventsPerSecond = (events * 1000) / (performance.now() - started);
      callMs.sort((a, b) => a - b);
      const at = (share: number): number => callMs[Math.floor(callMs.length * share)] ?? Number.NaN;
      // Round 0 warms caches, pools and the compiler.
      if (round > 0) slices.get(way)?.push({ eventsPerSecond, p50: at(0.5), p99: at(0.99) });
    }
    // What a seal does between: the queue stays as short as it is in life.
    await client.query('DELETE FROM marketplace.unsealed_usage');
    await client.query('VACUUM marketplace.unsealed_usage');
  }

  const median = (way: Way, read: (slice: Slice) => number): number => lowerMedian((slices.get(way) ?? []).map(read));
  console.log(
    `${ROUNDS} rounds of ${SLICE_MS} ms, lower medians; × COPY: events a second, × INSERT: time of one call\n`,
  );
  console.log('| way | events/s | p50 / p99 ms | × rival |\n|---|---|---|---|');
  for (const way of ways) {
    const { name, rival } = way;
    const p50 = median(way, (slice) => slice.p50);
    const p99 = median(way, (slice) => slice.p99);
    const rate = median(way, (slice) => slice.eventsPerSecond);
    const ratio = !rival
      ? ''
      : rival.name.startsWith('COPY')
        ? (rate / median(rival, (slice) => slice.eventsPerSecond)).toFixed(2)
        : `${(p50 / median(rival, (slice) => slice.p50)).toFixed(2)} / ` +
          (p99 / median(rival, (slice) => slice.p99)).toFixed(2);
    console.log(`| ${name} | ${Math.round(rate)} | ${p50.toFixed(2)} / ${p99.toFixed(2)} | ${ratio} |`);
  }
  await recorder.onApplicationShutdown();
}

function suffix(keyed: boolean): string {
  return keyed ? ', keyed' : '';
}

async function timed(callMs: number[], call: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await call();
  callMs.push(performance.now() - started);
}
