/**
 * Ways of recording, side by side: `npm run bench:recording`. Each round runs every way once, in turn, so that a noisy moment hits them all; what
 * counts is the ratio to COPY into the same table, of the lower median of the rounds. DATABASE_URL names a server to use (a database is created
 * and dropped); without it an embedded one is started.
 */
import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { DataSource, EntitySchema } from 'typeorm';
import { uuidv7 } from 'uuidv7';
import { PostgresServer } from '../tools/postgres/postgres-server.js';
import { createDataSource } from '../src/database/data-source.factory.js';
import { LedgerDatabase } from '../src/database/ledger-database.js';
import { runMigrations } from '../src/database/migration-runner.js';
import { resolveOptions } from '../src/marketplace-metering.options.js';
import { UsageRecorder } from '../src/metering/recording/usage-recorder.js';
import { ProductCatalog } from '../src/subscription/product-catalog.js';
import { SubjectDirectory } from '../src/subscription/chain/subject-directory.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SLICE_MS = Number(process.env.BENCH_SLICE_MS ?? 1000);
const SUBSCRIPTIONS = 200;
const SELLER = 'bench';

interface Row {
  seller_account: string;
  subscription_id: string;
  id: string;
  dimension: string;
  quantity: string;
  occurred_at: Date;
  recorded_at: Date;
  idempotency_key: string;
}

const UsageEventEntity = new EntitySchema<Row>({
  name: 'usage_event',
  schema: 'marketplace',
  columns: {
    seller_account: { type: 'text', primary: true },
    subscription_id: { type: 'uuid', primary: true },
    id: { type: 'uuid', primary: true },
    dimension: { type: 'text' },
    quantity: { type: 'numeric' },
    occurred_at: { type: 'timestamptz' },
    recorded_at: { type: 'timestamptz' },
    idempotency_key: { type: 'text' },
  },
});

/** What one slice of a way came to. */
interface Slice {
  eventsPerSecond: number;
  /** Time of one call, where the way has calls worth timing. */
  callMs: number[];
}

interface Way {
  name: string;
  /** Records until `deadline` (monotonic) and says how many events it was. */
  run(deadline: number, callMs: number[]): Promise<number>;
}

const server = process.env.DATABASE_URL === undefined ? await PostgresServer.start() : null;
const serverUrl = server?.url ?? process.env.DATABASE_URL ?? '';
const database = `recording_bench_${process.pid}`;
await onServer(`CREATE DATABASE ${database}`);
try {
  await bench(Object.assign(new URL(serverUrl), { pathname: `/${database}` }).href);
} finally {
  await onServer(`DROP DATABASE ${database} WITH (FORCE)`);
  await server?.stop();
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function bench(url: string): Promise<void> {
  const options = resolveOptions(
    {
      sellerAccount: SELLER,
      database: { url },
      products: [{ productCode: 'bench', dimensions: ['requests'] }],
      signUpUrl: 'http://localhost',
    },
    {},
  );
  const dataSource = await createDataSource(options).initialize();
  await runMigrations(dataSource);
  const host = await new DataSource({ type: 'postgres', driver: pg, url, entities: [UsageEventEntity], poolSize: 2 }).initialize();
  const client = new pg.Client(url);
  await client.connect();
  const ids = Array.from({ length: SUBSCRIPTIONS }, () => uuidv7());
  await client.query(`INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode)
    VALUES ('${SELLER}', 'bench', 'saas', 'license', 'us-east-1', 'live')`);
  await client.query(
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, registered_at, starts_at)
     SELECT '${SELLER}', id, 'bench', 'registered', now(), now() FROM unnest($1::uuid[]) AS id`,
    [ids],
  );

  const ledger = new LedgerDatabase(dataSource);
  const recorder = new UsageRecorder(options, ledger, new SubjectDirectory(options, ledger, new ProductCatalog(options, ledger)));
  const event = (): { subscriptionId: string; dimension: string; quantity: number } => ({
    subscriptionId: ids[Math.floor(Math.random() * ids.length)] ?? '',
    dimension: 'requests',
    quantity: 1,
  });
  const row = (): Row => {
    const id = uuidv7();
    const now = new Date();
    const subscriptionId = event().subscriptionId;
    return {
      seller_account: SELLER,
      subscription_id: subscriptionId,
      id,
      dimension: 'requests',
      quantity: '1',
      occurred_at: now,
      recorded_at: now,
      idempotency_key: id,
    };
  };
  const COLUMNS = 'seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key';

  const oneByOne = (name: string, record: () => Promise<unknown>): Way => ({
    name,
    run: async (deadline, callMs) => {
      let events = 0;
      for (; performance.now() < deadline; events += 1) await timed(callMs, record);
      return events;
    },
  });
  const gathered = (callers: number, keyed = false): Way => ({
    name: `record(event)${keyed ? ', random keys' : ''}, ${callers} caller${callers === 1 ? '' : 's'}`,
    run: async (deadline, callMs) => {
      let events = 0;
      const caller = async (): Promise<void> => {
        for (; performance.now() < deadline; events += 1) {
          await timed(callMs, () => recorder.record(keyed ? { ...event(), idempotencyKey: randomUUID() } : event()));
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return events;
    },
  });
  const COPY: Way = {
    name: 'COPY, 1,000 rows',
    run: async (deadline) => {
      let events = 0;
      for (; performance.now() < deadline; events += 1000) {
        const lines = Array.from({ length: 1000 }, () =>
          Object.values(row())
            .map((value: string | Date) => (value instanceof Date ? value.toISOString() : value))
            .join('\t'),
        );
        await pipeline(
          Readable.from([`${lines.join('\n')}\n`]),
          client.query(copyFrom(`COPY marketplace.usage_event (${COLUMNS}) FROM STDIN`)),
        );
      }
      return events;
    },
  };
  const SAVE = oneByOne('TypeORM save, one by one', () => host.getRepository(UsageEventEntity).save(row()));
  const ways: Way[] = [
    COPY,
    SAVE,
    oneByOne('INSERT, one by one', () =>
      client.query(`INSERT INTO marketplace.usage_event (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, Object.values(row())),
    ),
    gathered(1),
    gathered(64),
    gathered(256),
    gathered(1024),
    gathered(256, true),
    {
      name: 'record(array of 1,000)',
      run: async (deadline, callMs) => {
        let events = 0;
        for (; performance.now() < deadline; events += 1000)
          await timed(callMs, () => recorder.record(Array.from({ length: 1000 }, event)));
        return events;
      },
    },
  ];

  const slices = new Map(ways.map((way) => [way, [] as Slice[]]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const way of ways) {
      const callMs: number[] = [];
      const started = performance.now();
      const events = await way.run(started + SLICE_MS, callMs);
      // Round 0 warms caches, pools and the compiler.
      if (round > 0) slices.get(way)?.push({ eventsPerSecond: (events * 1000) / (performance.now() - started), callMs });
    }
  }

  const rate = (way: Way): number => lowerMedian((slices.get(way) ?? []).map((slice) => slice.eventsPerSecond));
  const [{ version } = { version: '' }] = (await client.query<{ version: string }>(`SELECT version()`)).rows;
  console.log(`${version.split(' ').slice(0, 2).join(' ')}, Node ${process.version}, ${ROUNDS} rounds of ${SLICE_MS} ms, lower medians\n`);
  console.log('| way | events/s | of COPY | × save loop | p50 / p99 ms |\n|---|---|---|---|---|');
  for (const way of ways) {
    const callMs = (slices.get(way) ?? []).flatMap((slice) => slice.callMs).sort((a, b) => a - b);
    const at = (share: number): string => callMs[Math.floor(callMs.length * share)]?.toFixed(2) ?? '';
    console.log(
      `| ${way.name} | ${Math.round(rate(way))} | ${(rate(way) / rate(COPY)).toFixed(3)} | ${(rate(way) / rate(SAVE)).toFixed(1)} | ${callMs.length > 0 ? `${at(0.5)} / ${at(0.99)}` : ''} |`,
    );
  }
  await recorder.onApplicationShutdown();
  await client.end();
  await Promise.all([host.destroy(), dataSource.destroy()]);
}

async function timed(callMs: number[], call: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await call();
  callMs.push(performance.now() - started);
}

function lowerMedian(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
