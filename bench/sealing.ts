/**
 * The take of sealing: `npm run bench:sealing`. A million events an hour in 10,000 subjects, hour after hour into a
 * fresh ledger that nothing was ever analysed in; then one hour of one busy subject. Each hour is recorded by COPY,
 * then taken. DATABASE_URL names a server to use; without it an embedded one is started.
 */
import { AlertBoard } from '../src/events/alert-board.js';
import { Outbox } from '../src/events/outbox.js';
import { dueUsage, hourOfNumber } from '../src/metering/sealing/usage-take.sql.js';
import { UsageTaker } from '../src/metering/sealing/usage-taker.js';
import { type BenchLedger, copyLines, keyedId, onBenchLedger, SELLER } from './bench-ledger.js';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 1_000_000);
const SUBJECTS = Number(process.env.BENCH_SUBJECTS ?? 10_000);
const HOURS = Number(process.env.BENCH_HOURS ?? 3);
const BUSY_EVENTS = Number(process.env.BENCH_BUSY_EVENTS ?? 200_000);
const LINES = 20_000;

await onBenchLedger('sealing', SUBJECTS, bench);

async function bench(bench: BenchLedger): Promise<void> {
  const { options, ledger, client } = bench;
  const taker = new UsageTaker(options, ledger, new AlertBoard(options, new Outbox(options)));
  const first = Math.floor(Date.now() / 3_600_000) - 24 * 30;
  await client.query(`ALTER TABLE marketplace.usage_event SET (autovacuum_enabled = false)`);
  await client.query(`ALTER TABLE marketplace.unsealed_usage SET (autovacuum_enabled = false)`);
  await client.query(`ALTER TABLE marketplace.rollup SET (autovacuum_enabled = false)`);

  console.log(
    '| hour | events | record µs | look for work ms | take µs | rollups | worst transaction ms ' +
      '|\n|---|---|---|---|---|---|---|',
  );
  const run = async (name: string, hour: number, events: number, subjects: readonly number[]): Promise<void> => {
    const recorded = await timed(() => record(bench, hour, events, subjects));
    const before = hourOfNumber(hour + 1);
    let due = await dueUsage(ledger, SELLER, before);
    const look = await timed(async () => {
      due = await dueUsage(ledger, SELLER, before);
    });
    let worst = 0;
    const transaction = ledger.transaction.bind(ledger);
    ledger.transaction = async (work, isolation) => {
      const started = performance.now();
      const result = await transaction(work, isolation);
      worst = Math.max(worst, performance.now() - started);
      return result;
    };
    let taken = 0;
    const take = await timed(async () => {
      taken = await taker.take(due, new Date());
    });
    ledger.transaction = transaction;
    await client.query(`VACUUM marketplace.unsealed_usage`);
    const { rows } = await client.query<{ count: string; sum: string }>(
      `SELECT count(*) AS count, sum(event_sum) AS sum FROM marketplace.rollup WHERE hour = $1`,
      [hour],
    );
    if (taken !== events || Number(rows[0]?.sum) !== events)
      throw new Error(`${events} recorded, ${taken} taken, ${rows[0]?.sum} in rollups`);
    const per = (ms: number): string => ((ms * 1000) / events).toFixed(1);
    console.log(
      `| ${name} | ${events} | ${per(recorded)} | ${look.toFixed(1)} | ${per(take)} | ${rows[0]?.count} | ` +
        `${worst.toFixed(0)} |`,
    );
  };
  for (let hour = 0; hour < HOURS; hour += 1) await run(`${hour + 1}`, first + hour, EVENTS, bench.subjects);
  await run('one subject', first + HOURS, BUSY_EVENTS, bench.subjects.slice(0, 1));
}

async function record(
  { client, dimension }: BenchLedger,
  hour: number,
  events: number,
  subjects: readonly number[],
): Promise<void> {
  const at = new Date(hour * 3_600_000 + 60_000).toISOString();
  for (let written = 0; written < events; written += LINES) {
    const lines = Array.from({ length: Math.min(LINES, events - written) }, (_, line) =>
      [
        keyedId(),
        at,
        subjects[(written + line) % subjects.length],
        dimension,
        '1',
        `key ${written + line}`,
        '\\N',
      ].join('\t'),
    );
    await copyLines(client, 'marketplace.usage_event', lines);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
